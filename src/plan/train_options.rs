//! The options of a training: checked values, and what they mean for the parameters of a graph.

use super::{
    class_weights::ClassWeights,
    domain::{Freeze, Task},
    eval::Evaluator,
    losses::Losing,
    stage::{Augmentation, Keep, Mix, Optimizer, Schedule},
    value::{Arguments, Failed, Outcome, Slot, Value},
};
use crate::{
    diag::{Code, Diagnostic, codes::net, codes::plan as codes},
    net::{Graph, Op, ParameterId, ParameterRole, SelectError, WeightInit},
    source::Span,
};
use std::rc::Rc;

/// What becomes of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Kept for the same list of classes, else new.
    Auto,
    Keep,
    New,
}

/// The options of one call of `train`, checked as far as they can be without a network.
pub(super) struct Options<'p> {
    pub(super) epochs: u32,
    pub(super) batch: u32,
    pub(super) schedule: Schedule,
    pub(super) optimizer: Optimizer,
    pub(super) decay_all: bool,
    pub(super) clip: Option<f64>,
    pub(super) loss: Rc<Losing>,
    /// How often samples of each class are drawn.
    pub(super) sampling: ClassWeights,
    /// How samples of a batch are mixed.
    pub(super) mix: Option<(Mix, Span)>,
    pub(super) accumulate: u32,
    pub(super) ema: Option<f64>,
    pub(super) keep: Keep,
    pub(super) augment: Vec<Augmentation>,
    pub(super) drop_last: bool,
    pub(super) head: Head,
    /// Fixes weights and statistics.
    pub(super) freeze: Option<(Rc<Freeze>, Span)>,
    /// Fixes weights alone.
    pub(super) freeze_weights: Option<(Rc<Freeze>, Span)>,
    /// None for the default.
    pub(super) rates: Option<Slot<'p>>,
    pub(super) seed: u64,
    /// The task on which so many epochs would take as many steps.
    pub(super) match_steps: Option<(Rc<Task>, Span)>,
}

impl<'p> Evaluator<'p, '_> {
    /// A count of at least one.
    pub(super) fn count(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<u32> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        match slot.value.as_int().map(u32::try_from) {
            Some(Ok(count)) if count > 0 => Ok(count),
            Some(_) => {
                let message = format!("`{name}` must be at least 1, but is {}", slot.value.display());
                self.error(&codes::BAD_VALUE, message, slot.span)
            }
            None => self.unexpected("an int", &slot.value, slot.span),
        }
    }

    /// A number for which `fits` holds.
    pub(super) fn number(
        &mut self,
        arguments: &Arguments<'p>,
        name: &str,
        allowed: &str,
        fits: impl Fn(f64) -> bool,
    ) -> Outcome<f64> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        match slot.value.as_float() {
            Some(value) if fits(value) => Ok(value),
            Some(_) => {
                let message = format!("`{name}` must be {allowed}, but is {}", slot.value.display());
                self.error(&codes::BAD_VALUE, message, slot.span)
            }
            None => self.unexpected("a number", &slot.value, slot.span),
        }
    }

    /// Carries out a builtin that makes an option; none for another one.
    pub(super) fn option_builtin(
        &mut self,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        Some(match name {
            "normal" => self
                .number(arguments, "deviation", "above 0", is_positive)
                .map(|deviation| Value::WeightInit(WeightInit::Normal(deviation))),
            "stage_rates" => self.stage_rates(arguments),
            "stages" => self.size(arguments, "n").map(|count| {
                let place = arguments.slot("n").map_or(span, |slot| slot.span);
                Value::Freeze(Rc::new(Freeze::Stages(count, place)))
            }),
            _ => return None,
        })
    }

    /// The options of a call of `train`. Every wrong one is reported.
    pub(super) fn options(&mut self, arguments: &Arguments<'p>) -> Outcome<Options<'p>> {
        let epochs = self.count(arguments, "epochs");
        let batch = self.count(arguments, "batch");
        let decay = self.number(arguments, "weight_decay", "at least 0", |x| x >= 0.0 && x.is_finite());
        let clip = match arguments.value("clip") {
            Value::None => Ok(None),
            _ => self.number(arguments, "clip", "above 0", is_positive).map(Some),
        };
        let rates = self.rate_option(arguments);
        let (Value::Schedule(schedule), Value::Optimizer(optimizer)) =
            (arguments.value("schedule"), arguments.value("optimizer"))
        else {
            return Err(Failed);
        };
        let fits = self.check_momentum(schedule, optimizer, arguments);
        // What learns without classes has neither.
        let loss = match arguments.value("loss") {
            Value::Loss(loss) => Rc::clone(loss),
            _ => Rc::default(),
        };
        let sampling = self.class_weights(arguments, "sampling");
        let mix = batch.and_then(|batch| self.mix(arguments, batch));
        let accumulate = match arguments.slot("accumulate") {
            Some(_) => self.count(arguments, "accumulate"),
            None => Ok(1),
        };
        let ema = match arguments.value("ema") {
            Value::None => Ok(None),
            _ => self
                .number(arguments, "ema", "above 0 and below 1", |x| x > 0.0 && x < 1.0)
                .map(Some),
        };
        let freeze = |name: &str| match arguments.slot(name) {
            Some(Slot {
                value: Value::Freeze(freeze),
                span,
                ..
            }) => Some((Rc::clone(freeze), *span)),
            _ => None,
        };
        let augment = self.augmentations(arguments, "augment");
        fits?;
        Ok(Options {
            epochs: epochs?,
            batch: batch?,
            schedule: schedule.clone(),
            optimizer: optimizer.clone().with_decay(decay?),
            decay_all: matches!(arguments.value("decay_on"), Value::Choice("all")),
            clip: clip?,
            loss,
            sampling: sampling?,
            mix: mix?,
            accumulate: accumulate?,
            ema: ema?,
            keep: match arguments.value("keep") {
                Value::Choice("best") => Keep::Best,
                _ => Keep::Last,
            },
            augment: augment?,
            drop_last: matches!(arguments.value("drop_last"), Value::Bool(true)),
            head: match arguments.value("head") {
                Value::Choice("keep") => Head::Keep,
                Value::Choice("new") => Head::New,
                _ => Head::Auto,
            },
            freeze: freeze("freeze"),
            freeze_weights: freeze("freeze_weights"),
            rates: rates?,
            match_steps: match arguments.slot("match_steps") {
                Some(Slot {
                    value: Value::Task(task),
                    span,
                    ..
                }) => Some((Rc::clone(task), *span)),
                _ => None,
            },
            seed: arguments.value("seed").as_int().map_or(self.seed.0, i64::cast_unsigned),
        })
    }

    /// The parameters that a `freeze` holds, by place.
    pub(super) fn frozen(&mut self, graph: &Graph, freeze: Option<&(Rc<Freeze>, Span)>) -> Outcome<Vec<bool>> {
        let mut mask = vec![false; graph.parameters.len()];
        let Some((freeze, span)) = freeze else { return Ok(mask) };
        let mut failed = false;
        let chosen = match &**freeze {
            Freeze::AllButHead => graph.all_but_head(),
            Freeze::Stages(count, place) => match graph.first_stages(*count) {
                Ok(ids) => ids,
                Err(error) => return self.select_error(&error, *place),
            },
            Freeze::Patterns(patterns) => {
                let mut ids = Vec::new();
                for (pattern, _) in patterns {
                    match graph.matching(pattern) {
                        Ok(more) => ids.extend(more),
                        Err(error) => failed |= self.select_error::<()>(&error, *span).is_err(),
                    }
                }
                ids
            }
        };
        for ParameterId(place) in chosen {
            mask[place] = true;
        }
        if failed { Err(Failed) } else { Ok(mask) }
    }

    pub(super) fn select_error<T>(&mut self, error: &SelectError, span: Span) -> Outcome<T> {
        let report = |code: &'static Code| Diagnostic::error(code, error.to_string()).at(span, "");
        let diagnostic = match error {
            SelectError::NoMatch { pattern, scopes, .. } => {
                let tops: Vec<_> = scopes
                    .iter()
                    .map(String::as_str)
                    .filter(|scope| !scope.contains('.'))
                    .collect();
                let help = format!("its outermost scopes are {}", super::grid::listed(&tops));
                let near = crate::diag::nearest(pattern, scopes.iter().map(String::as_str));
                let written = self.program.sources.text(span);
                let diagnostic = report(&net::NO_SUCH_PARAMETER);
                let scopes = scopes.iter().map(String::as_str);
                diagnostic.suggest_in(span, written, pattern, scopes).help(match near {
                    Some(near) => format!("did you mean `{near}`? {help}"),
                    None => help,
                })
            }
            SelectError::TooManyStages { count, .. } => {
                report(&net::NO_SUCH_STAGE).help(format!("`stages({count})` holds all but the head"))
            }
            SelectError::NoStages { .. } => report(&net::NO_SUCH_STAGE)
                .help("write `@stages(...)` before the net, or give rates by pattern: `{ head: 1e-2, rest: 1e-3 }`"),
            SelectError::NoSuchScope { scope, scopes, .. } => {
                let written = self.program.sources.text(span);
                report(&net::NO_SUCH_STAGE).suggest_in(span, written, scope, scopes.iter().map(String::as_str))
            }
        };
        self.fail(diagnostic)
    }
}

/// True for a share that may be nothing and not all.
pub(super) fn is_share(x: f64) -> bool {
    (0.0..1.0).contains(&x)
}

/// True for a number above 0 that is one.
pub(super) fn is_positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

/// True when a network normalises by batch.
pub(super) fn has_batchnorm(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| matches!(node.op, Op::BatchNorm { .. }))
}

/// The learning rate of a training that says none: 1e-4 once weights were trained or loaded; from random weights 1e-3
/// with batch normalisation and 3e-4 without, where larger steps diverge.
pub(super) fn default_rate(graph: &Graph, random: bool) -> f64 {
    match (random, has_batchnorm(graph)) {
        (false, _) => 1e-4,
        (true, true) => 1e-3,
        (true, false) => 3e-4,
    }
}

/// Splits what is frozen into weights and statistics.
pub(super) fn masks(graph: &Graph, both: &[bool], weights: &[bool]) -> (Vec<bool>, Vec<bool>) {
    let statistic = |place: usize| graph.parameters[place].role == ParameterRole::Statistic;
    let places = 0..graph.parameters.len();
    let fixed = places
        .clone()
        .map(|at| !statistic(at) && (both[at] || weights[at]))
        .collect();
    (fixed, places.map(|at| statistic(at) && both[at]).collect())
}
