//! `train`: one stage per member of the family that comes out.

use super::{
    data::setting,
    domain::{History, MemberModel, Model, ModelState, Origin, Task, TaskMember, TaskParts, Trained, member_name},
    eval::Evaluator,
    grid::listed,
    seeds,
    stage::{ChoiceBy, Normalization, Role, Start, Train, Work},
    stages::{Setting, StageId, Title},
    train_options::{Head, Options, default_rate, has_batchnorm, masks},
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    net::Graph,
    source::Span,
};
use std::{rc::Rc, sync::Arc};

/// Samples per step below which batch normalisation has too little to measure.
const SMALL_BATCH: u32 = 8;

/// One training to be made: the member that comes out, where it starts, what it learns from.
struct Planned<'a> {
    repeat: u32,
    fold: u32,
    start: Option<&'a MemberModel>,
    part: &'a TaskMember,
}

/// What all members of one call of `train` have in common.
struct Course<'a, 'p> {
    task: &'a Task,
    options: Options<'p>,
    graph: Arc<Graph>,
    normalization: Normalization,
    rates: Vec<f64>,
    frozen_weights: Vec<bool>,
    frozen_statistics: Vec<bool>,
    prepared: StageId,
    loaded: Option<StageId>,
    /// A new head replaces the model's.
    new_head: bool,
    /// The seed of random weights; none when the model has weights.
    random: Option<u64>,
    label: String,
    settings: Vec<Setting>,
    span: Span,
}

impl<'p> Evaluator<'p, '_> {
    /// Trains a model on the training part of a task.
    pub(super) fn train(
        &mut self,
        model: &Model<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let Some(Value::Task(task)) = arguments.slot("task").map(|slot| slot.value.clone()) else {
            return self.unexpected("a task", arguments.value("task"), span);
        };
        let options = self.options(arguments);
        let folding = self.check_folding(model, &task, span);
        let (prepared, shape) = self.prepare(&task.cohort.data)?;
        let (options, ()) = (options?, folding?);
        let course = self.course(model, &task, options, arguments, (prepared, shape), span)?;
        self.warn_frozen(model, &course, at)?;
        let parts = self.parts(&task);
        let planned = plan_members(model, &parts);
        let repeats = planned.iter().map(|one| one.repeat + 1).max().unwrap_or(1);
        let mut members = Vec::with_capacity(planned.len());
        for one in &planned {
            if one.part.training.rows.is_empty() {
                let message = format!("`{}` has no training part", task.name());
                let help = "train on a cohort that is split with `kfold`, `holdout` or a column of parts";
                let diagnostic = Diagnostic::error(&codes::NOTHING_TO_TRAIN, message).at(span, "");
                return self.fail(diagnostic.at(task.cohort.span, "split here").help(help));
            }
            members.push(self.train_member(&course, one, member_name(repeats, planned.len(), one.repeat, one.fold)));
        }
        for member in &members {
            self.trained_on.entry(member.stage).or_insert_with(|| Rc::clone(&task));
        }
        let trained = finished(model, &task, course, members);
        Ok(Value::Model(Rc::new(Model {
            net: Rc::clone(&model.net),
            state: ModelState::Trained(Rc::new(trained)),
        })))
    }

    /// A family over one folding is not trained on another k-fold cohort: member and fold would be matched by chance.
    fn check_folding(&mut self, model: &Model<'p>, task: &Task, span: Span) -> Outcome<()> {
        let ModelState::Trained(trained) = &model.state else {
            return Ok(());
        };
        let Some(origin) = &trained.origin else { return Ok(()) };
        if !task.cohort.is_k_fold() || task.cohort.same_folding(origin) {
            return Ok(());
        }
        let (own, other) = (&trained.cohort, task.cohort.name());
        let message = format!("a family over the folds of `{own}` cannot be trained on the folds of `{other}`");
        let help = format!(
            "give `{other}` the same folds, `split(like({own}), by: ...)`, or one training part, `split(holdout(...))`; \
             `split(whole)` is for testing alone"
        );
        let diagnostic = Diagnostic::error(&codes::FOLDING_MISMATCH, message).at(span, "");
        self.fail(diagnostic.at(task.cohort.span, "these folds").help(help))
    }

    fn course<'a>(
        &mut self,
        model: &Model<'p>,
        task: &'a Task,
        options: Options<'p>,
        arguments: &Arguments<'p>,
        (prepared, shape): (StageId, [usize; 3]),
        span: Span,
    ) -> Outcome<Course<'a, 'p>> {
        let graph = self.graph(&model.net, shape, Some(task.classes.len()), span)?;
        let normalization = self.normalization(&task.cohort.data, shape[0])?;
        let mut loaded = None;
        let (mut random, mut kept) = (None, None);
        match &model.state {
            ModelState::Random { seed } => random = Some(seed.unwrap_or(self.seed.0)),
            ModelState::Loaded { path, span: place } => {
                let (stage, before) = self.load_stage(&model.net, path, shape, *place)?;
                self.check_shapes(&before, &graph, span)?;
                loaded = Some(stage);
                // A file says how many classes its head has, but not which.
                kept = (before.classes() == graph.classes()).then_some(false);
            }
            ModelState::Trained(trained) => {
                self.check_shapes(&trained.graph, &graph, span)?;
                self.warn_normalization(trained, &normalization, span);
                kept = (trained.classes == task.classes).then_some(true);
            }
        }
        let new_head = match (options.head, random, kept) {
            (Head::Keep, None, Some(_)) => false,
            (Head::Keep, ..) => return self.no_head_to_keep(model, task, arguments, span),
            (Head::New, None, _) => true,
            (Head::Auto, None, kept) => kept != Some(true),
            (_, Some(_), _) => false,
        };
        let default = default_rate(&graph, random.is_some());
        let rates = self.rates(&graph, options.rates.as_ref(), default);
        let both = self.frozen(&graph, options.freeze.as_ref());
        let weights = self.frozen(&graph, options.freeze_weights.as_ref());
        let (mut rates, both, weights) = (rates?, both?, weights?);
        let (frozen_weights, frozen_statistics) = masks(&graph, &both, &weights);
        rates
            .iter_mut()
            .zip(&frozen_weights)
            .filter(|(_, frozen)| **frozen)
            .for_each(|(rate, _)| *rate = 0.0);
        if rates.iter().all(|rate| *rate == 0.0) {
            let diagnostic = Diagnostic::error(&codes::ALL_FROZEN, "every parameter is frozen, so nothing trains");
            return self.fail(
                diagnostic
                    .at(span, "")
                    .help("`all_but_head` leaves the head to be trained"),
            );
        }
        if has_batchnorm(&graph) && options.batch < SMALL_BATCH {
            let message = format!("batch normalisation over {} samples measures little", options.batch);
            let place = arguments.slot("batch").map_or(span, |slot| slot.span);
            self.diagnostics
                .push(Diagnostic::warning(&codes::SMALL_BATCH, message).at(place, ""));
        }
        Ok(Course {
            task,
            settings: settings(arguments, &options, default, self.seed, model),
            label: self.calls.last().map_or("train", |way| *way).to_owned(),
            options,
            graph,
            normalization,
            rates,
            frozen_weights,
            frozen_statistics,
            prepared,
            loaded,
            new_head,
            random,
            span,
        })
    }

    /// Weights fit a graph when all parameters outside of the head have the same names and shapes.
    pub(super) fn check_shapes(&mut self, before: &Graph, graph: &Graph, span: Span) -> Outcome<()> {
        let outside = |graph: &Graph| {
            let ids: Vec<_> = graph.ids().filter(|&id| !graph.is_head(id)).collect();
            ids.into_iter()
                .map(|id| graph.parameter(id))
                .map(|p| (p.name.clone(), p.shape.clone()))
                .collect::<Vec<_>>()
        };
        let (old, new) = (outside(before), outside(graph));
        let differing = old.iter().zip(&new).find(|(a, b)| a != b);
        match differing {
            Some((a, b)) => {
                let message = format!(
                    "the model's `{}` is {:?}, and for these pictures ({}) `{}` would be {:?}",
                    a.0,
                    a.1,
                    graph.input_shape(),
                    b.0,
                    b.1
                );
                let help = "bring these pictures to the size and channels of the earlier ones";
                self.fail(Diagnostic::error(&codes::MODEL_SHAPE, message).at(span, "").help(help))
            }
            None => Ok(()),
        }
    }

    /// Warns when pictures are normalised otherwise than those that the model was trained on.
    pub(super) fn warn_normalization(&mut self, trained: &Trained, now: &Normalization, span: Span) {
        if trained.normalization != *now {
            let constants = |n: &Normalization| format!("mean {:?}, deviation {:?}", n.mean, n.deviation);
            let message = format!(
                "the model was trained on pictures with {}, and these have {}",
                constants(&trained.normalization),
                constants(now)
            );
            let diagnostic = Diagnostic::warning(&codes::NORMALIZATION_DIFFERS, message).at(span, "");
            self.diagnostics
                .push(diagnostic.help("give both data sets the same `normalize(...)`"));
        }
    }

    fn no_head_to_keep<T>(
        &mut self,
        model: &Model<'p>,
        task: &Task,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<T> {
        let quoted = |classes: &[Rc<str>]| listed(&classes.iter().map(|c| &**c).collect::<Vec<_>>());
        let has = match &model.state {
            ModelState::Random { .. } => "random weights have no head yet".to_owned(),
            ModelState::Loaded { .. } => "the file's head has another number of classes".to_owned(),
            ModelState::Trained(trained) => format!("the model's head is for {}", quoted(&trained.classes)),
        };
        let message = format!("no head to keep for {}: {has}", quoted(&task.classes));
        let place = arguments.slot("head").map_or(span, |slot| slot.span);
        let diagnostic = Diagnostic::error(&codes::HEAD_MISMATCH, message).at(place, "");
        self.fail(diagnostic.help("leave `head` out: a new one is made for another list of classes"))
    }

    /// Warns when parameters are frozen that no stage has trained or loaded: they would stay random for ever.
    fn warn_frozen(&mut self, model: &Model<'p>, course: &Course<'_, 'p>, at: Span) -> Outcome<()> {
        let learned = learned_before(model, course);
        let frozen = course
            .graph
            .ids()
            .filter(|id| course.frozen_weights[id.0] && !learned[id.0]);
        let names: Vec<_> = frozen.map(|id| course.graph.parameter(id).name.as_str()).collect();
        if let Some(first) = names.first() {
            let message = format!(
                "{} frozen parameters were never trained or loaded, `{first}` among them: they stay random",
                names.len()
            );
            let place = course
                .options
                .freeze
                .as_ref()
                .or(course.options.freeze_weights.as_ref());
            let place = place.map_or(course.span, |(_, span)| *span);
            let help = "train or load the network before, or freeze nothing in this arm";
            let diagnostic = Diagnostic::warning(&codes::FROZEN_UNTRAINED, message).at(place, "");
            self.diagnostics.push(diagnostic.at(at, "this model").help(help));
        }
        Ok(())
    }

    fn train_member(&mut self, course: &Course<'_, 'p>, one: &Planned<'_>, member: String) -> MemberModel {
        let options = &course.options;
        let seed = seeds::of_training(options.seed, one.repeat, one.fold);
        let before = one.start.map(|start| start.stage).or(course.loaded);
        let start = match course.random {
            Some(base) => Start::Random {
                seed: seeds::of_weights(base, one.repeat),
            },
            None => Start::Model {
                new_head: course.new_head.then_some(seed),
            },
        };
        let mut inputs = vec![(course.prepared, Role::Pictures)];
        inputs.extend(before.map(|stage| (stage, Role::Model)));
        let work = Train {
            graph: Arc::clone(&course.graph),
            start,
            training: Arc::clone(&one.part.training),
            tuning: Arc::clone(&one.part.tuning),
            normalization: course.normalization.clone(),
            epochs: options.epochs,
            batch: options.batch,
            drop_last: options.drop_last,
            rates: course.rates.clone(),
            frozen_weights: course.frozen_weights.clone(),
            frozen_statistics: course.frozen_statistics.clone(),
            schedule: options.schedule.clone(),
            optimizer: options.optimizer.clone(),
            decay_all: options.decay_all,
            clip: options.clip,
            augment: options.augment.clone(),
            seed,
        };
        let key = key(&work, &one.part.digest);
        let label = if course.task.name.is_some() {
            format!("{} {}", course.label, course.task.name())
        } else {
            course.label.clone()
        };
        let title = Title {
            place: self.places.last().map(ToString::to_string).unwrap_or_default(),
            member: member.clone(),
            label: label.clone(),
        };
        let work = Work::Train(Box::new(work));
        let stage = self
            .stages
            .make(&title, work, &key, inputs, course.span, course.settings.clone());
        MemberModel {
            repeat: one.repeat,
            fold: one.fold,
            stage,
            history: Rc::new(History {
                stage,
                label,
                member,
                seen: Rc::clone(&one.part.seen),
                span: course.span,
                before: one.start.map(|start| Rc::clone(&start.history)),
            }),
        }
    }
}

/// Which member starts where and learns from which part: a single model goes to every member of the task, a family to
/// the members of the same repeat and fold, or all of it to the one part of a task with a single split.
fn plan_members<'a>(model: &'a Model<'_>, parts: &'a TaskParts) -> Vec<Planned<'a>> {
    let starts: &[MemberModel] = match &model.state {
        ModelState::Trained(trained) => &trained.members,
        _ => &[],
    };
    let family = matches!(&model.state, ModelState::Trained(trained) if trained.origin.is_some());
    let planned = |part: &'a TaskMember, start: Option<&'a MemberModel>, (repeat, fold)| Planned {
        repeat,
        fold,
        start,
        part,
    };
    match (&parts.members[..], family) {
        ([part], true) => starts
            .iter()
            .map(|start| planned(part, Some(start), (start.repeat, start.fold)))
            .collect(),
        (members, true) => members
            .iter()
            .filter_map(|part| {
                let place = (part.repeat, part.fold);
                let start = starts.iter().find(|start| (start.repeat, start.fold) == place)?;
                Some(planned(part, Some(start), place))
            })
            .collect(),
        (members, false) => members
            .iter()
            .map(|part| planned(part, starts.first(), (part.repeat, part.fold)))
            .collect(),
    }
}

/// The parameters that were trained or loaded before this training, by place in its graph; a new head was not.
fn learned_before(model: &Model<'_>, course: &Course<'_, '_>) -> Vec<bool> {
    let graph = &course.graph;
    let ids = graph.ids();
    ids.map(|id| match &model.state {
        ModelState::Random { .. } => false,
        _ if course.new_head && graph.is_head(id) => false,
        ModelState::Loaded { .. } => true,
        ModelState::Trained(trained) => trained.learned.get(id.0).copied().unwrap_or(false),
    })
    .collect()
}

fn finished(model: &Model<'_>, task: &Task, course: Course<'_, '_>, members: Vec<MemberModel>) -> Trained {
    let before = learned_before(model, &course);
    let learned = before
        .iter()
        .zip(&course.rates)
        .map(|(before, rate)| *before || *rate > 0.0)
        .collect();
    let (origin, cohort): (Option<Rc<Origin>>, Rc<str>) = match &model.state {
        ModelState::Trained(trained) if trained.origin.is_some() => {
            (trained.origin.clone(), Rc::clone(&trained.cohort))
        }
        _ if task.cohort.is_k_fold() => (Some(Rc::clone(&task.cohort.origin)), task.cohort.name().into()),
        _ => (None, task.cohort.name().into()),
    };
    let mut chain = match &model.state {
        ModelState::Random { .. } => vec!["random start".to_owned()],
        ModelState::Loaded { path, .. } => vec![format!("weights of {}", path.shown)],
        ModelState::Trained(trained) => trained.chain.clone(),
    };
    chain.push(in_words(&course));
    Trained {
        origin,
        cohort,
        members,
        graph: course.graph,
        classes: task.classes.clone(),
        normalization: course.normalization,
        learned: Rc::new(learned),
        chain,
    }
}

/// `finetune on malignancy, 4 epochs, stages(2) frozen`
fn in_words(course: &Course<'_, '_>) -> String {
    let epochs = course.options.epochs;
    let plural = if epochs == 1 { "" } else { "s" };
    let mut words = format!("{} on {}, {epochs} epoch{plural}", course.label, course.task.name());
    if let Some((freeze, _)) = &course.options.freeze {
        words += &format!(", {freeze} frozen");
    }
    if let Some((freeze, _)) = &course.options.freeze_weights {
        words += &format!(", weights of {freeze} frozen");
    }
    words
}

/// A text that is the same for equal trainings on equal inputs.
fn key(work: &Train, samples: &[u8; 32]) -> String {
    format!(
        "{:p} {:?} {samples:?} {:?} {} {} {} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {}",
        Arc::as_ptr(&work.graph),
        work.start,
        work.normalization,
        work.epochs,
        work.batch,
        work.drop_last,
        work.rates,
        work.frozen_weights,
        work.frozen_statistics,
        work.schedule,
        work.optimizer,
        work.decay_all,
        work.clip,
        work.augment,
        work.seed
    )
}

/// Every setting of a training, with who set it.
fn settings(
    arguments: &Arguments<'_>,
    options: &Options<'_>,
    rate: f64,
    study_seed: (u64, ChoiceBy),
    model: &Model<'_>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, slot) in arguments.slots.iter().filter(|(name, _)| **name != "task") {
        settings.push(match (*name, &slot.value) {
            ("lr", Value::None) => setting(name, Value::Float(rate).display(), ChoiceBy::Default),
            ("seed", Value::None) => setting(name, options.seed.to_string(), study_seed.1),
            (name, value) => setting(name, value.display(), slot.by),
        });
    }
    if let ModelState::Random { seed } = &model.state {
        settings.push(match seed {
            Some(seed) => setting("init seed", seed.to_string(), ChoiceBy::Program),
            None => setting("init seed", study_seed.0.to_string(), study_seed.1),
        });
    }
    settings
}
