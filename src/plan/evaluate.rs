//! `evaluate`: one stage of scores per member of a family.

use super::{
    canon::canonical,
    data::setting,
    digest::Digest,
    domain::{
        Input, Judged, MemberModel, Model, ModelState, ScoreSource, ScoredMember, Scores, Task, TaskMember, TaskParts,
        Trained, member_name,
    },
    eval::Evaluator,
    grid::listed,
    leak::Judge,
    level::Level,
    stage::{Augmentation, Link, Normalization, Role, Score, Work},
    stages::{Setting, StageId, Title},
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as data_codes, codes::plan as codes},
    net::Graph,
    source::Span,
    tables::split::Part,
};
use std::{collections::BTreeSet, rc::Rc, sync::Arc};

/// What all members of one call of `evaluate` have in common.
struct Judging {
    /// The same for equal judging, whatever is scored.
    key: Digest,
    /// Where the call stands among the grids.
    place: String,
    label: String,
    settings: Rc<[Setting]>,
    graph: Arc<Graph>,
    normalization: Normalization,
    tta: Vec<Augmentation>,
    link: Link,
    prepared: StageId,
    span: Span,
}

impl<'p> Evaluator<'p, '_> {
    /// Scores the samples that a model never saw.
    pub(super) fn evaluate(
        &mut self,
        model: &Model<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let Value::Task(task) = arguments.value("task").clone() else {
            return self.unexpected("a task", arguments.value("task"), span);
        };
        self.check_positive(&task, span)?;
        let trained = match &model.state {
            ModelState::Loaded(loaded) if !model.pending && loaded.classes().is_some() => {
                let (_, shape) = self.prepare(&task.cohort.data)?;
                let views = task.cohort.data.view_count();
                let normalization = self.normalization(&task.cohort.data, shape[0])?;
                self.loaded_model(model, loaded, Input { shape, views }, &normalization)?
            }
            ModelState::Trained(trained) => Rc::clone(trained),
            _ => return self.never_trained(model, &task, at, span),
        };
        self.check_head(&trained, model, &task, at, span)?;
        let reason = arguments
            .slot("allow_leak")
            .and_then(|slot| Some((slot.value.as_text()?, slot.span)));
        if let Some((_, place)) = reason.as_ref().filter(|(reason, _)| reason.trim().is_empty()) {
            return self.error(
                &codes::BAD_VALUE,
                "`allow_leak` needs a reason, which the report prints",
                *place,
            );
        }
        let (prepared, shape) = self.prepare(&task.cohort.data)?;
        let views = task.cohort.data.view_count();
        let graph = self.graph(&model.net, Input { shape, views }, Some(task.classes.len()), span)?;
        self.check_shapes(&trained.graph, &graph, span)?;
        let normalization = self.normalization(&task.cohort.data, shape[0])?;
        self.warn_normalization(&trained, &normalization, span);
        let parts = self.parts(&task);
        let scored = self.scored(&trained, &task, &parts, span)?;
        self.check_leaks(&task, &parts, &scored, reason.is_some(), span)?;
        self.warn_few(&task, span);
        let level = self.level(&task, &parts, arguments)?;
        if let Some(level) = &level {
            self.check_units(&task, level, &scored, span)?;
        }
        let tta = self.tta(arguments, &task.cohort.data)?;
        let settings = ["tta", "allow_leak", "level", "worst_of"].map(|name| {
            let slot = arguments.slot(name)?;
            let said = !matches!(name, "level" | "worst_of") || !matches!(slot.value, Value::None);
            said.then(|| setting(name, slot.value.display(), slot.by))
        });
        let alike = (Arc::as_ptr(&graph).addr(), &normalization, &tta, trained.link);
        let judging = Judging {
            key: Digest::of(&canonical(&alike)),
            place: self.place(),
            label: format!("score {}", task.name()),
            settings: settings.into_iter().flatten().collect(),
            graph: Arc::clone(&graph),
            normalization,
            tta,
            link: trained.link,
            prepared,
            span,
        };
        let members = scored.iter().map(|judge| self.score(&judging, judge)).collect();
        Ok(Value::Scores(Rc::new(Scores {
            network: model.net.display(),
            network_parameters: graph.trained_values() as u64,
            chain: trained.chain.clone(),
            task,
            level,
            members,
            settings: Vec::new(),
            span,
        })))
    }

    /// The stage in which one member scores its samples.
    fn score(&mut self, judging: &Judging, judge: &Judge<'_>) -> ScoredMember {
        let (member, samples) = (judge.member, &judge.samples);
        let key = [judging.key.0, samples.digest].concat();
        let work = Work::Score(Box::new(Score {
            graph: Arc::clone(&judging.graph),
            normalization: judging.normalization.clone(),
            test: Arc::clone(&samples.test),
            tuning: Arc::clone(&samples.tuning),
            tta: judging.tta.clone(),
            link: judging.link,
            views: samples.views,
        }));
        let title = Title {
            place: judging.place.clone(),
            member: judge.name.clone(),
            label: judging.label.clone(),
        };
        let inputs = vec![(judging.prepared, Role::Pictures), (member.stage, Role::Model)];
        let stage = self
            .stages
            .make(&title, work, &key, inputs, judging.span, judging.settings.clone());
        // What was read from a file has a history that is not told.
        let trains = |stage: &StageId| self.stages.get(*stage).stage.work.training().is_some();
        let stages = member.history.newest_first().map(|history| history.stage);
        let mut trainings: Vec<_> = stages.filter(trains).collect();
        trainings.reverse();
        ScoredMember {
            repeat: member.repeat,
            fold: member.fold,
            source: Rc::new(ScoreSource::Model { stage, trainings }),
            test: Arc::clone(&samples.test_places),
            tuning: Arc::clone(&samples.tuning_places),
        }
    }

    /// Of two classes one is named the positive one.
    fn check_positive(&mut self, task: &Task, span: Span) -> Outcome<()> {
        let [first, second] = &task.classes[..] else {
            return Ok(());
        };
        if task.has_positive {
            return Ok(());
        }
        let message = format!(
            "`{}` has two values, and neither is named the positive one",
            task.column
        );
        let help = format!("write `positive: {first:?}`, or `positive: {second:?}`, or the classes as a record");
        let diagnostic = Diagnostic::error(&data_codes::NO_POSITIVE, message).at(task.span, "");
        self.fail(diagnostic.at(span, "judged here").help(help))
    }

    fn never_trained<T>(&mut self, model: &Model<'p>, task: &Task, at: Span, span: Span) -> Outcome<T> {
        let message = match model.state {
            ModelState::Loaded(_) if model.pending => "these towers have no head yet",
            ModelState::Loaded(_) => "the file does not say which classes its head is for",
            _ => "this model was never trained",
        };
        let diagnostic = Diagnostic::error(&codes::HEAD_MISMATCH, message)
            .at(span, "")
            .at(at, "this model");
        self.fail(diagnostic.help(format!("train it on `{}` first", task.name())))
    }

    /// The head is for the task's classes.
    fn check_head(&mut self, trained: &Trained, model: &Model<'p>, task: &Task, at: Span, span: Span) -> Outcome<()> {
        if model.pending {
            let diagnostic = Diagnostic::error(&codes::HEAD_MISMATCH, "these towers have no head yet");
            let help = format!("`finetune({})` after `towers` gives them one", task.name());
            return self.fail(diagnostic.at(span, "").at(at, "this model").help(help));
        }
        if trained.classes == task.classes {
            return Ok(());
        }
        let quoted = |classes: &[Rc<str>]| listed(&classes.iter().map(|c| &**c).collect::<Vec<_>>());
        let has = if trained.classes.is_empty() {
            "the model learnt without classes and has no head".to_owned()
        } else {
            format!("the model's head is for {}", quoted(&trained.classes))
        };
        let message = format!("{has}, and `{}` has {}", task.name(), quoted(&task.classes));
        let help = format!(
            "`finetune({})` before it gives the model a head for these classes",
            task.name()
        );
        self.fail(
            Diagnostic::error(&codes::HEAD_MISMATCH, message)
                .at(span, "")
                .help(help),
        )
    }

    /// On its own folding each member scores its own test part; elsewhere every member scores all test parts.
    fn scored<'m>(
        &mut self,
        trained: &'m Trained,
        task: &Task,
        parts: &TaskParts,
        span: Span,
    ) -> Outcome<Vec<Judge<'m>>> {
        let origin = trained.origin.as_ref();
        let own = origin.is_some_and(|origin| task.cohort.is_k_fold() && task.cohort.same_folding(origin));
        let mut scored = Vec::with_capacity(trained.members.len());
        for member in &trained.members {
            let same = |p: &&TaskMember| own && (p.repeat, p.fold) == (member.repeat, member.fold);
            let samples = parts
                .members
                .iter()
                .find(same)
                .map_or(&parts.everywhere, |part| &part.judged);
            self.check_tested(task, samples, member, span)?;
            scored.push(Judge {
                member,
                name: trained.member_name(member),
                samples: samples.clone(),
            });
        }
        Ok(scored)
    }

    /// Every class must be among the units that a model tests; a unit has the most severe class of its samples.
    fn check_units(&mut self, task: &Task, level: &Level, scored: &[Judge<'_>], span: Span) -> Outcome<()> {
        for judge in scored {
            let classes = judge
                .samples
                .test_places
                .iter()
                .filter_map(|&place| level.class_of(place));
            let there: BTreeSet<u32> = classes.collect();
            let Some((_, class)) = (0..).zip(&task.classes).find(|(class, _)| !there.contains(class)) else {
                continue;
            };
            let of = match &*judge.name {
                "" => String::new(),
                name => format!(" for {name}"),
            };
            let message = format!("none of the tested {} is of class `{class}`{of}", level.words());
            let help =
                "a unit has the most severe class of its samples; judge smaller units, or take a larger test part";
            let diagnostic = Diagnostic::error(&data_codes::CLASS_VANISHES, message).at(span, "");
            return self.fail(diagnostic.at(task.cohort.span, "split here").help(help));
        }
        Ok(())
    }

    /// Every class must be among what is tested.
    fn check_tested(&mut self, task: &Task, samples: &Judged, member: &MemberModel, span: Span) -> Outcome<()> {
        if samples.test.is_empty() {
            let message = format!("`{}` has no test part", task.name());
            let help = "split its cohort with `kfold`, `whole`, `holdout(test: ...)` or a column with `test`";
            let diagnostic = Diagnostic::error(&codes::NOTHING_TO_TEST, message).at(span, "");
            return self.fail(diagnostic.at(task.cohort.span, "split here").help(help));
        }
        let mut there = vec![false; task.classes.len()];
        for &place in samples.test_places.iter() {
            let class = task.samples.get(place as usize).map(|(_, class)| *class as usize);
            if let Some(there) = class.and_then(|class| there.get_mut(class)) {
                *there = true;
            }
        }
        match there.iter().position(|there| !there) {
            None => Ok(()),
            Some(class) => {
                let assignment = &task.cohort.assignment;
                let name = member_name(assignment.repeats, assignment.members.len(), member.repeat, member.fold);
                let classes = super::classify::by_split_row(task);
                self.class_vanishes(task, class, Part::Test, &name, &classes)
            }
        }
    }
}

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes stages of models; none for another one.
    pub(super) fn stage_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        if !matches!(
            name,
            "train" | "simclr" | "evaluate" | "export_weights" | "report" | "classify"
        ) {
            return None;
        }
        let span = self.users_place(span);
        let Some((value, at)) = subject else {
            return Some(Err(Failed));
        };
        Some(match (name, value) {
            ("classify", value) => self.classify(value, *at, arguments, span),
            ("train", Value::Model(model)) => self.train(model, *at, arguments, span),
            ("simclr", Value::Model(model)) => self.simclr(model, arguments, span),
            ("evaluate", Value::Model(model)) => self.evaluate(model, *at, arguments, span),
            ("export_weights", Value::Model(model)) => self.export_weights(model, *at, span),
            ("report", Value::Grid(grid)) => self.report(grid, arguments, span),
            ("report", other) => self.unexpected("a grid of scores", other, *at),
            (_, other) => self.unexpected("a model", other, *at),
        })
    }
}
