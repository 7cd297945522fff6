//! `train`: one stage per member of the family that comes out.

use super::{
    canon::canonical,
    course::{Beginning, Course},
    digest::Digest,
    domain::{History, MemberModel, Model, ModelState, Origin, Task, TaskMember, TaskParts, Trained, member_name},
    eval::Evaluator,
    seeds,
    stage::{Keep, Role, Start, Train},
    stages::Title,
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};
use std::{rc::Rc, sync::Arc};

/// One training to be made: the member that comes out, where it starts, what it learns from.
struct Planned<'a> {
    repeat: u32,
    fold: u32,
    start: Option<&'a MemberModel>,
    part: &'a TaskMember,
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
        let place = arguments.slot("augment").map_or(span, |slot| slot.span);
        self.warn_sides(&task.cohort.data, &course.options.augment, place);
        self.family(model, &task, course, span)
    }

    /// Every member of the family that a course gives.
    pub(super) fn family(
        &mut self,
        model: &Model<'p>,
        task: &Rc<Task>,
        course: Course<'_, 'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let parts = self.parts(task);
        let planned = plan_members(model, &parts);
        let repeats = planned.iter().map(|one| one.repeat + 1).max().unwrap_or(1);
        let (key, place) = (course.key(), self.place());
        let mut members = Vec::with_capacity(planned.len());
        for one in &planned {
            // Of a single picture nothing can be told apart.
            let least = course.contrast.as_ref().map_or(1, |_| 2);
            if one.part.training.count() < least {
                let message = format!("`{}` has no training part", task.name());
                let help = "train on a cohort that is split with `kfold`, `holdout` or a column of parts";
                let diagnostic = Diagnostic::error(&codes::NOTHING_TO_TRAIN, message).at(span, "");
                return self.fail(diagnostic.at(task.cohort.span, "split here").help(help));
            }
            self.check_watched(&course, one)?;
            self.check_mixed_views(&course, &one.part.training)?;
            let draws = self.draws(&course.options.sampling, task, &one.part.training, span)?;
            let name = member_name(repeats, planned.len(), one.repeat, one.fold);
            let work = self.matched(work(&course, one, draws), &course, one)?;
            members.push(self.train_member(&course, (key, work), one, (&place, name)));
        }
        for member in &members {
            self.trained_on.entry(member.stage).or_insert_with(|| Rc::clone(task));
        }
        let trained = finished(model, task, course, members);
        Ok(Value::Model(Rc::new(Model {
            net: Rc::clone(&model.net),
            state: ModelState::Trained(Rc::new(trained)),
            pending: false,
        })))
    }

    /// What waits for the tuning loss, or chooses by it, needs a tuning part.
    fn check_watched(&mut self, course: &Course<'_, 'p>, one: &Planned<'_>) -> Outcome<()> {
        let options = &course.options;
        let what = match options.keep {
            Keep::Best => "`keep: best` chooses the epoch",
            Keep::Last if options.schedule.plateau().is_some() => "`plateau` lets the rate fall",
            Keep::Last => return Ok(()),
        };
        let (message, help) = if course.contrast.is_some() {
            let message = format!("{what} by the loss on the tuning part, and without classes there is none");
            (
                message,
                "take a schedule that goes by steps or epochs, as `cosine` does",
            )
        } else if one.part.tuning.count() == 0 {
            let message = format!(
                "{what} by the loss on the tuning part, and `{}` has none",
                course.task.name()
            );
            (
                message,
                "cut one: `kfold(5, tuning: 10%)`, `holdout(tuning: 10%, test: 20%)`, or `val` in the split's column",
            )
        } else {
            return Ok(());
        };
        let diagnostic = Diagnostic::error(&codes::NO_TUNING_PART, message).at(course.span, "");
        self.fail(diagnostic.at(course.task.cohort.span, "split here").help(help))
    }

    /// A family over one folding is not trained on another k-fold cohort: member and fold would be matched by chance.
    pub(super) fn check_folding(&mut self, model: &Model<'p>, task: &Task, span: Span) -> Outcome<()> {
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

    /// The work with as many steps as its epochs would take on another task, if it names one.
    fn matched(&mut self, work: Train, course: &Course<'_, 'p>, one: &Planned<'_>) -> Outcome<Train> {
        let Some((other, span)) = &course.options.match_steps else {
            return Ok(work);
        };
        let parts = self.parts(other);
        let same = other.cohort.same_folding(&course.task.cohort.origin);
        let place = (one.part.repeat, one.part.fold);
        let part = match &parts.members[..] {
            [only] => Some(only),
            members => members.iter().find(|part| same && (part.repeat, part.fold) == place),
        };
        let Some(part) = part else {
            let (own, other) = (course.task.name(), other.name());
            let message =
                format!("`{other}` has other folds than `{own}`, so no training on it is as long as this one");
            let help = "name a task of the same cohort";
            return self.fail(
                Diagnostic::error(&codes::FOLDING_MISMATCH, message)
                    .at(*span, "")
                    .help(help),
            );
        };
        let like = Train {
            training: Arc::clone(&part.training),
            ..work.clone()
        };
        let (steps, per_epoch) = (like.steps(), work.steps_per_epoch().max(1));
        let epochs = u32::try_from(steps.div_ceil(per_epoch)).unwrap_or(u32::MAX);
        let stop = (steps % per_epoch != 0).then_some(steps);
        Ok(Train { epochs, stop, ..work })
    }

    fn train_member(
        &mut self,
        course: &Course<'_, 'p>,
        (key, work): (Digest, Train),
        one: &Planned<'_>,
        (place, member): (&str, String),
    ) -> MemberModel {
        let own = canonical(&(&work.start, work.seed, work.epochs, work.stop));
        let key = [key.0.as_slice(), &one.part.digest, &own].concat();
        let loaded = match course.beginning {
            Beginning::Model { loaded, .. } => loaded,
            Beginning::Random(_) => None,
        };
        let before = one.start.map(|start| start.stage).or(loaded);
        let mut inputs = vec![(course.prepared, Role::Pictures)];
        inputs.extend(before.map(|stage| (stage, Role::Model)));
        let title = Title {
            place: place.to_owned(),
            member: member.clone(),
            label: course.label(),
        };
        let work = course.work_of(work);
        let settings = Rc::clone(&course.settings);
        let stage = self.stages.make(&title, work, &key, inputs, course.span, settings);
        MemberModel {
            repeat: one.repeat,
            fold: one.fold,
            stage,
            history: Rc::new(History {
                stage,
                label: title.label,
                member,
                seen: Rc::clone(&one.part.seen),
                span: course.span,
                before: one.start.map(|start| Rc::clone(&start.history)),
            }),
        }
    }
}

/// The work of one member.
fn work(course: &Course<'_, '_>, one: &Planned<'_>, draws: Vec<u32>) -> Train {
    let (options, moving) = (&course.options, &course.moving);
    let seed = seeds::of_training(options.seed, one.repeat, one.fold);
    Train {
        graph: Arc::clone(&course.graph),
        start: match course.beginning {
            Beginning::Random(base) => Start::Random {
                seed: seeds::of_weights(base, one.repeat),
            },
            Beginning::Model { new_head, spread, .. } => Start::Model {
                new_head: new_head.then_some(seed),
                spread,
            },
        },
        training: Arc::clone(&one.part.training),
        tuning: Arc::clone(&one.part.tuning),
        normalization: course.normalization.clone(),
        epochs: options.epochs,
        stop: None,
        batch: options.batch,
        drop_last: options.drop_last,
        rates: Arc::clone(&moving.rates),
        frozen_weights: Arc::clone(&moving.frozen_weights),
        frozen_statistics: Arc::clone(&moving.frozen_statistics),
        schedule: options.schedule.clone(),
        optimizer: options.optimizer.clone(),
        decay_all: options.decay_all,
        clip: options.clip,
        loss: options.loss.of(&course.task.classes, &one.part.training),
        draws,
        mix: options.mix.map(|(mix, _)| mix),
        accumulate: options.accumulate,
        ema: options.ema,
        keep: options.keep,
        augment: options.augment.clone(),
        seed,
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

fn finished(model: &Model<'_>, task: &Task, course: Course<'_, '_>, members: Vec<MemberModel>) -> Trained {
    let before = course.learned_before(model);
    let learned = before
        .iter()
        .zip(course.moving.rates.iter())
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
        ModelState::Loaded(loaded) => vec![format!("weights of {}", loaded.source.path.shown)],
        ModelState::Trained(trained) => trained.chain.clone(),
    };
    if let Some(towers) = model.net.towers.filter(|_| model.pending) {
        chain.push(towers.to_string());
    }
    chain.push(course.in_words());
    let link = course.options.loss.link();
    let graph = course.contrast.map_or(course.graph, |contrast| contrast.network);
    Trained {
        link,
        origin,
        cohort,
        members,
        graph,
        classes: task.classes.clone(),
        normalization: course.normalization,
        learned: Rc::new(learned),
        chain,
    }
}
