//! The course of a training: what one call of `train` gives to all members that it trains.

use super::{
    canon::canonical,
    class_weights::ClassWeights,
    contrast::Contrasting,
    data::setting,
    digest::Digest,
    domain::{Input, Model, ModelState, Task, Trained},
    eval::Evaluator,
    grid::listed,
    stage::{ChoiceBy, Keep, Normalization},
    stages::{Setting, StageId},
    train_options::{Head, Options, default_rate, has_batchnorm, masks},
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    net::{Graph, ParameterId, tower_name},
    source::Span,
};
use std::{rc::Rc, sync::Arc};

/// Samples per step below which batch normalisation has too little to measure.
const SMALL_BATCH: u32 = 8;

/// Where a training begins.
pub(super) enum Beginning {
    /// At random, from this seed and the member's repeat.
    Random(u64),
    /// With a model's weights.
    Model {
        /// The stage that reads them; none when they were trained.
        loaded: Option<StageId>,
        /// A new head replaces the model's.
        new_head: bool,
        /// Those of a single network serve so many towers of their own.
        spread: Option<u32>,
    },
}

/// What changes in a training, by place in the graph.
pub(super) struct Moving {
    /// Base rates, 0 for what is fixed.
    pub(super) rates: Arc<Vec<f64>>,
    pub(super) frozen_weights: Arc<Vec<bool>>,
    pub(super) frozen_statistics: Arc<Vec<bool>>,
}

/// What all members of one call of `train` have in common.
pub(super) struct Course<'a, 'p> {
    pub(super) task: &'a Task,
    pub(super) options: Options<'p>,
    pub(super) graph: Arc<Graph>,
    pub(super) normalization: Normalization,
    pub(super) beginning: Beginning,
    pub(super) moving: Moving,
    pub(super) prepared: StageId,
    /// The name of the way of training: `pretrain`.
    pub(super) way: String,
    pub(super) settings: Rc<[Setting]>,
    /// Set for a course without classes.
    pub(super) contrast: Option<Contrasting>,
    pub(super) span: Span,
}

impl Course<'_, '_> {
    /// What its stages have in common: `pretrain density`.
    pub(super) fn label(&self) -> String {
        match &self.task.name {
            Some(name) => format!("{} {name}", self.way),
            None => self.way.clone(),
        }
    }

    /// The same for equal courses, whatever they begin with and learn from.
    pub(super) fn key(&self) -> Digest {
        let (options, moving) = (&self.options, &self.moving);
        let steps = (
            options.epochs,
            options.batch,
            options.drop_last,
            options.accumulate,
            options.ema,
            options.keep,
        );
        let rule = (&options.schedule, &options.optimizer, options.decay_all, options.clip);
        let samples = (&self.normalization, &options.augment, options.mix.map(|(mix, _)| mix));
        let parameters = (&*moving.rates, &*moving.frozen_weights, &*moving.frozen_statistics);
        let words = (super::losses::shown(&options.loss), options.sampling.shown());
        let temperature = self.contrast.as_ref().map(|one| one.temperature);
        let graph = Arc::as_ptr(&self.graph).addr();
        Digest::of(&canonical(&(
            graph,
            steps,
            rule,
            samples,
            parameters,
            words,
            temperature,
        )))
    }

    fn has_new_head(&self) -> bool {
        matches!(self.beginning, Beginning::Model { new_head: true, .. })
    }

    /// The parameters that were trained or loaded before this training, by place in its graph; a new head was not.
    pub(super) fn learned_before(&self, model: &Model<'_>) -> Vec<bool> {
        let ids = self.graph.ids();
        let single = |trained: &Trained, id: ParameterId| {
            let name = &self.graph.parameter(id).name;
            let found = trained
                .graph
                .find(tower_name(name).filter(|_| model.pending).unwrap_or(name));
            found.and_then(|id| trained.learned.get(id.0)).copied()
        };
        ids.map(|id| match &model.state {
            ModelState::Random { .. } => false,
            _ if self.has_new_head() && self.graph.is_head(id) => false,
            _ if model.pending && self.graph.is_fusion(id) => false,
            ModelState::Loaded(loaded) => {
                let name = &self.graph.parameter(id).name;
                !loaded.is_new(tower_name(name).filter(|_| model.pending).unwrap_or(name))
            }
            ModelState::Trained(trained) if model.pending => single(trained, id).unwrap_or(false),
            ModelState::Trained(trained) => trained.learned.get(id.0).copied().unwrap_or(false),
        })
        .collect()
    }

    /// `finetune on malignancy, 4 epochs, stages(2) frozen`
    pub(super) fn in_words(&self) -> String {
        let epochs = self.options.epochs;
        let plural = if epochs == 1 { "" } else { "s" };
        let mut words = format!("{} on {}, {epochs} epoch{plural}", self.way, self.task.name());
        if let Some((other, _)) = &self.options.match_steps {
            words = format!(
                "{} on {}, as many steps as {epochs} epoch{plural} on {}",
                self.way,
                self.task.name(),
                other.name()
            );
        }
        if !matches!(self.options.sampling, ClassWeights::Alike) {
            words += &format!(", sampling {}", self.options.sampling.shown());
        }
        if let Some((mix, _)) = &self.options.mix {
            words += &format!(", {}", super::mixes::shown(mix));
        }
        if self.options.keep == Keep::Best {
            words += ", the best epoch kept";
        }
        if let Some((freeze, _)) = &self.options.freeze {
            words += &format!(", {freeze} frozen");
        }
        if let Some((freeze, _)) = &self.options.freeze_weights {
            words += &format!(", weights of {freeze} frozen");
        }
        words
    }
}

impl Beginning {
    /// What becomes of the head.
    fn head(&self) -> &'static str {
        match self {
            Self::Model { new_head: false, .. } => "kept",
            Self::Model { new_head: true, .. } | Self::Random(_) => "drawn anew",
        }
    }
}

impl<'p> Evaluator<'p, '_> {
    /// What one call of `train` gives all its members.
    pub(super) fn course<'a>(
        &mut self,
        model: &Model<'p>,
        task: &'a Task,
        options: Options<'p>,
        arguments: &Arguments<'p>,
        (prepared, shape): (StageId, [usize; 3]),
        span: Span,
    ) -> Outcome<Course<'a, 'p>> {
        let views = task.cohort.data.view_count();
        let input = Input { shape, views };
        let graph = self.graph(&model.net, input, Some(task.classes.len()), span)?;
        let normalization = self.normalization(&task.cohort.data, shape[0])?;
        if let ModelState::Trained(trained) = &model.state {
            self.warn_normalization(trained, &normalization, span);
        }
        let beginning = self.beginning(model, task, &graph, options.head, arguments, (input, span));
        let default = default_rate(&graph, matches!(model.state, ModelState::Random { .. }));
        let moving = self.moving(&graph, &options, default, span);
        let weights = self.check_class_weights(&options.loss.weights, "weights", task);
        let sampling = self.check_class_weights(&options.sampling, "sampling", task);
        self.warn_small_batch(&graph, options.batch, arguments, span);
        let (beginning, (), ()) = (beginning?, weights?, sampling?);
        Ok(Course {
            task,
            settings: settings(arguments, &options, (default, &beginning), &graph, self.seed, model).into(),
            contrast: None,
            way: self.calls.last().map_or("train", |(way, _)| way).to_owned(),
            options,
            graph,
            normalization,
            beginning,
            moving: moving?,
            prepared,
            span,
        })
    }

    /// Warns of batches too small for batch normalisation.
    pub(super) fn warn_small_batch(&mut self, graph: &Graph, batch: u32, arguments: &Arguments<'p>, span: Span) {
        if has_batchnorm(graph) && batch < SMALL_BATCH {
            let message = format!("batch normalisation over {batch} samples measures little");
            let place = arguments.slot("batch").map_or(span, |slot| self.users_place(slot.span));
            self.diagnostics
                .push(Diagnostic::warning(&codes::SMALL_BATCH, message).at(place, ""));
        }
    }

    /// Where the weights and the head come from.
    fn beginning(
        &mut self,
        model: &Model<'p>,
        task: &Task,
        graph: &Graph,
        head: Head,
        arguments: &Arguments<'p>,
        (input, span): (Input, Span),
    ) -> Outcome<Beginning> {
        let (loaded, kept) = match &model.state {
            ModelState::Random { .. } if head == Head::Keep => {
                return self.no_head_to_keep(model, task, arguments, span);
            }
            ModelState::Random { seed } => return Ok(Beginning::Random(seed.unwrap_or(self.seed.0))),
            ModelState::Loaded(loaded) => {
                let (stage, before) = if model.pending {
                    let (stage, single) = self.load_stage(&model.net.single(), loaded, input.single())?;
                    (stage, self.with_towers(&model.net, &single, input, span)?)
                } else {
                    self.load_stage(&model.net, loaded, input)?
                };
                self.check_shapes(&before, graph, span)?;
                let is_new = before
                    .ids()
                    .any(|id| before.is_head(id) && loaded.is_new(&before.parameter(id).name));
                let fits = !model.pending && !is_new && before.classes() == graph.classes();
                // Where a file says how many classes its head has, but not which, it is kept when asked for alone.
                let same = match loaded.classes() {
                    Some(classes) => classes == task.classes,
                    None => head == Head::Keep,
                };
                (Some(stage), fits && same)
            }
            ModelState::Trained(trained) => {
                let before = if model.pending {
                    self.with_towers(&model.net, &trained.graph, input, span)?
                } else {
                    Arc::clone(&trained.graph)
                };
                self.check_shapes(&before, graph, span)?;
                (None, !model.pending && trained.classes == task.classes)
            }
        };
        if head == Head::Keep && !kept {
            return self.no_head_to_keep(model, task, arguments, span);
        }
        let new_head = head == Head::New || !kept;
        let own = model.net.towers.is_some_and(|towers| model.pending && !towers.shared);
        let spread = own.then(|| u32::try_from(input.views).unwrap_or(u32::MAX));
        Ok(Beginning::Model {
            loaded,
            new_head,
            spread,
        })
    }

    /// The rates of all parameters, and what is fixed.
    pub(super) fn moving(&mut self, graph: &Graph, options: &Options<'p>, default: f64, span: Span) -> Outcome<Moving> {
        let rates = self.rates(graph, options.rates.as_ref(), default);
        let both = self.frozen(graph, options.freeze.as_ref());
        let weights = self.frozen(graph, options.freeze_weights.as_ref());
        let (mut rates, both, weights) = (rates?, both?, weights?);
        let (mut frozen_weights, frozen_statistics) = masks(graph, &both, &weights);
        let fixed = rates.iter_mut().zip(&mut frozen_weights).zip(&graph.parameters);
        for ((rate, frozen), parameter) in fixed {
            // A rate of 0 holds a weight as `freeze_weights` does: it has no share in the gradient's norm either.
            *frozen |= *rate == 0.0 && parameter.role.is_trained();
            if *frozen {
                *rate = 0.0;
            }
        }
        if rates.iter().all(|rate| *rate == 0.0) {
            let diagnostic = Diagnostic::error(&codes::ALL_FROZEN, "every parameter is frozen, so nothing trains");
            let help = "`all_but_head` leaves the head to be trained";
            return self.fail(diagnostic.at(span, "").help(help));
        }
        Ok(Moving {
            rates: rates.into(),
            frozen_weights: frozen_weights.into(),
            frozen_statistics: frozen_statistics.into(),
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
                let (channels, before) = (graph.input_shape().channels(), before.input_shape().channels());
                let help = if channels > before && channels % before == 0 && graph.masked_views().is_none() {
                    "`towers(fuse: ...)` before it makes a network for several views of one for single pictures"
                } else {
                    "bring these pictures to the size and channels of the earlier ones"
                };
                self.fail(Diagnostic::error(&codes::MODEL_SHAPE, message).at(span, "").help(help))
            }
            None => Ok(()),
        }
    }

    /// Warns when pictures are normalised otherwise than those that the model was trained on.
    pub(super) fn warn_normalization(&mut self, trained: &Trained, now: &Normalization, span: Span) {
        // Of another number of channels the weights do not fit either, which is an error of its own.
        let comparable = trained.normalization.mean.len() == now.mean.len();
        if comparable && trained.normalization != *now {
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
            _ if model.pending => "the towers have no head yet".to_owned(),
            ModelState::Random { .. } => "random weights have no head yet".to_owned(),
            ModelState::Loaded(loaded) => match loaded.classes() {
                Some(classes) => format!("the file's head is for {}", quoted(&classes)),
                None => "the file's head has another number of classes, or begins at random".to_owned(),
            },
            ModelState::Trained(trained) if trained.classes.is_empty() => "the model learnt without classes".to_owned(),
            ModelState::Trained(trained) => format!("the model's head is for {}", quoted(&trained.classes)),
        };
        let message = format!("no head to keep for {}: {has}", quoted(&task.classes));
        let place = arguments.slot("head").map_or(span, |slot| slot.span);
        let diagnostic = Diagnostic::error(&codes::HEAD_MISMATCH, message).at(place, "");
        self.fail(diagnostic.help("leave `head` out: a new one is made for another list of classes"))
    }

    /// Warns when parameters are frozen that no stage has trained or loaded: they would stay random for ever.
    pub(super) fn warn_frozen(&mut self, model: &Model<'p>, course: &Course<'_, 'p>, at: Span) -> Outcome<()> {
        let learned = course.learned_before(model);
        let frozen = course
            .graph
            .ids()
            .filter(|id| course.moving.frozen_weights[id.0] && !learned[id.0]);
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
            let place = place.map_or(course.span, |(_, span)| self.users_place(*span));
            let help = "train or load the network before, or freeze nothing in this arm";
            let diagnostic = Diagnostic::warning(&codes::FROZEN_UNTRAINED, message).at(place, "");
            self.diagnostics.push(diagnostic.at(at, "this model").help(help));
        }
        Ok(())
    }
}

/// Every setting of a training, with who set it.
pub(super) fn settings(
    arguments: &Arguments<'_>,
    options: &Options<'_>,
    (rate, beginning): (f64, &Beginning),
    graph: &Graph,
    study_seed: (u64, ChoiceBy),
    model: &Model<'_>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, slot) in arguments
        .slots
        .iter()
        .filter(|(name, _)| !matches!(**name, "task" | "cohort"))
    {
        settings.push(match (*name, &slot.value) {
            ("match_steps", Value::None) => continue,
            ("lr", Value::None) => setting(name, Value::Float(rate).display(), ChoiceBy::Default),
            ("head", value) => setting(name, format!("{} ({})", value.display(), beginning.head()), slot.by),
            ("lr", value) => setting(name, super::rates::in_words(value, graph), slot.by),
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
