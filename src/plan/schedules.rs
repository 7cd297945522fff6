//! The builtins that make schedules, and how these are shown.

use super::{
    eval::Evaluator,
    stage::{Curve, Fall, OneCycle, Optimizer, Plateau, Schedule},
    train_options::{is_positive, is_share},
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};

/// What the messages call a share that may be nothing and not all.
const SHARE: &str = "a share, at least 0 and below 1";
/// What the messages call a factor.
const FACTOR: &str = "above 0";

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes a schedule; none for another one.
    pub(super) fn schedule_builtin(
        &mut self,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        let schedule = match name {
            "constant" => Ok(Schedule::Constant),
            "step" => self.count(arguments, "every").and_then(|every| {
                let factor = self.number(arguments, "factor", FACTOR, is_positive)?;
                Ok(Schedule::Step { every, factor })
            }),
            "multi_step" => self.multi_step(arguments),
            "exponential" => self
                .number(arguments, "factor", FACTOR, is_positive)
                .map(|factor| Schedule::Exponential { factor }),
            "cosine" => self
                .number(arguments, "end", SHARE, is_share)
                .map(|end| Schedule::Cosine { warmup: 0.0, end }),
            "cosine_restarts" => self.restarts(arguments),
            "polynomial" => self.number(arguments, "power", FACTOR, is_positive).and_then(|power| {
                let end = self.number(arguments, "end", SHARE, is_share)?;
                Ok(Schedule::Polynomial { power, end })
            }),
            "one_cycle" => self.one_cycle(arguments),
            "plateau" => self.plateau(arguments),
            _ => return None,
        };
        let warmed = |this: &mut Self, schedule| this.warmed(schedule, arguments, span);
        Some(
            schedule
                .and_then(|schedule| warmed(self, schedule))
                .map(Value::Schedule),
        )
    }

    fn multi_step(&mut self, arguments: &Arguments<'p>) -> Outcome<Schedule> {
        let factor = self.number(arguments, "factor", FACTOR, is_positive);
        let Some(slot) = arguments.slot("at") else {
            return Err(Failed);
        };
        let Value::List(list) = &slot.value else {
            return self.unexpected("a list of epochs", &slot.value, slot.span);
        };
        let epochs: Option<Vec<u32>> = list.iter().map(|value| value.as_int()?.try_into().ok()).collect();
        match epochs {
            Some(at) if !at.is_empty() && at[0] > 0 && at.is_sorted_by(|a, b| a < b) => {
                Ok(Schedule::MultiStep { at, factor: factor? })
            }
            _ => {
                let message = format!(
                    "`at` must be epochs after which the rate falls, each above the one before, but is {}",
                    slot.value.display()
                );
                self.error(&codes::BAD_VALUE, message, slot.span)
            }
        }
    }

    fn restarts(&mut self, arguments: &Arguments<'p>) -> Outcome<Schedule> {
        let (first, grow) = (self.count(arguments, "first"), self.count(arguments, "grow"));
        let end = self.number(arguments, "end", SHARE, is_share);
        Ok(Schedule::Restarts {
            first: first?,
            grow: grow?,
            end: end?,
        })
    }

    fn one_cycle(&mut self, arguments: &Arguments<'p>) -> Outcome<Schedule> {
        let three_phase = matches!(arguments.value("three_phase"), Value::Bool(true));
        let rise = if three_phase {
            let allowed = "a share, above 0 and below 0.5: it is needed twice";
            self.number(arguments, "rise", allowed, |x| x > 0.0 && x < 0.5)
        } else {
            self.number(arguments, "rise", "a share, above 0 and below 1", |x| {
                x > 0.0 && x < 1.0
            })
        };
        let start = self.number(arguments, "start", "a share, above 0 and below 1", |x| {
            x > 0.0 && x < 1.0
        });
        let end = self.number(arguments, "end", SHARE, is_share);
        let momentum = match arguments.slot("momentum") {
            Some(slot) => match &slot.value {
                Value::None => Ok(None),
                Value::Range(range) if is_share(range.low) && is_share(range.high) => Ok(Some(*range)),
                other => {
                    let shown = other.display();
                    let message = format!("`momentum` must be a range between 0 and 1, but is {shown}");
                    self.error(&codes::BAD_VALUE, message, slot.span)
                }
            },
            None => Err(Failed),
        };
        Ok(Schedule::OneCycle(OneCycle {
            rise: rise?,
            start: start?,
            end: end?,
            three_phase,
            curve: match arguments.value("curve") {
                Value::Choice("linear") => Curve::Linear,
                _ => Curve::Cosine,
            },
            momentum: momentum?,
        }))
    }

    fn plateau(&mut self, arguments: &Arguments<'p>) -> Outcome<Schedule> {
        let factor = self.number(arguments, "factor", "above 0 and below 1", |x| x > 0.0 && x < 1.0);
        let threshold = self.number(arguments, "threshold", "at least 0", |x| x >= 0.0 && x.is_finite());
        let end = self.number(arguments, "end", SHARE, is_share);
        let (patience, cooldown) = (self.size(arguments, "patience"), self.size(arguments, "cooldown"));
        let epochs = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Schedule::Plateau(Plateau {
            factor: factor?,
            patience: epochs(patience?),
            threshold: threshold?,
            fall: match arguments.value("fall") {
                Value::Choice("absolute") => Fall::Absolute,
                _ => Fall::Relative,
            },
            cooldown: epochs(cooldown?),
            end: end?,
        }))
    }

    /// A schedule with the warm-up that its call asks for.
    fn warmed(&mut self, schedule: Schedule, arguments: &Arguments<'p>, span: Span) -> Outcome<Schedule> {
        if arguments.slot("warmup").is_none() {
            return Ok(schedule);
        }
        let share = self.number(arguments, "warmup", SHARE, is_share)?;
        let from = match arguments.value("warmup_from") {
            Value::None => None,
            _ => Some(self.number(arguments, "warmup_from", SHARE, is_share)?),
        };
        if share == 0.0 && from.is_some() {
            let place = arguments.slot("warmup_from").map_or(span, |slot| slot.span);
            let message = "`warmup_from` says where a warm-up begins, and there is none";
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(place, "");
            return self.fail(diagnostic.help("say for how long: `warmup: 5%`"));
        }
        Ok(match (schedule, from) {
            (schedule, _) if share == 0.0 => schedule,
            (Schedule::Cosine { end, .. }, None) => Schedule::Cosine { warmup: share, end },
            (schedule, from) => Schedule::Warmed {
                share,
                from,
                schedule: Box::new(schedule),
            },
        })
    }

    /// A schedule that changes the momentum needs an optimiser that has one.
    pub(super) fn check_momentum(
        &mut self,
        schedule: &Schedule,
        optimizer: &Optimizer,
        arguments: &Arguments<'p>,
    ) -> Outcome<()> {
        let (Schedule::OneCycle(OneCycle { momentum: Some(_), .. }), Some(slot)) =
            (schedule, arguments.slot("schedule"))
        else {
            return Ok(());
        };
        if optimizer.has_momentum() {
            return Ok(());
        }
        let message = "`one_cycle` changes the momentum, and `adagrad` has none";
        let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(slot.span, "");
        self.fail(diagnostic.help("leave the momentum alone: `one_cycle(momentum: none)`"))
    }
}

/// A schedule as the language writes it, every option with its value.
pub(super) fn shown(schedule: &Schedule) -> String {
    let float = |value: f64| Value::Float(value).display();
    match schedule {
        Schedule::Constant => "constant()".to_owned(),
        Schedule::Step { every, factor } => format!("step({every}, factor: {})", float(*factor)),
        Schedule::MultiStep { at, factor } => format!("multi_step({at:?}, factor: {})", float(*factor)),
        Schedule::Exponential { factor } => format!("exponential({})", float(*factor)),
        Schedule::Cosine { warmup, end } => format!("cosine(warmup: {}, end: {})", float(*warmup), float(*end)),
        Schedule::Restarts { first, grow, end } => {
            format!("cosine_restarts({first}, grow: {grow}, end: {})", float(*end))
        }
        Schedule::Polynomial { power, end } => format!("polynomial(power: {}, end: {})", float(*power), float(*end)),
        Schedule::OneCycle(cycle) => format!(
            "one_cycle(rise: {}, start: {}, end: {}, curve: {}, three_phase: {}, momentum: {})",
            float(cycle.rise),
            float(cycle.start),
            float(cycle.end),
            match cycle.curve {
                Curve::Cosine => "cosine",
                Curve::Linear => "linear",
            },
            cycle.three_phase,
            cycle
                .momentum
                .map_or_else(|| "none".to_owned(), |range| Value::Range(range).display()),
        ),
        Schedule::Plateau(rule) => format!(
            "plateau(factor: {}, patience: {}, threshold: {}, fall: {}, cooldown: {}, end: {})",
            float(rule.factor),
            rule.patience,
            float(rule.threshold),
            match rule.fall {
                Fall::Relative => "relative",
                Fall::Absolute => "absolute",
            },
            rule.cooldown,
            float(rule.end),
        ),
        Schedule::Warmed { share, from, schedule } => {
            let own = match &**schedule {
                // Its own warm-up is this one.
                Schedule::Cosine { end, .. } => format!("cosine(end: {})", float(*end)),
                other => shown(other),
            };
            let comma = if own.ends_with("()") { "" } else { ", " };
            let from = from.map_or_else(|| "none".to_owned(), float);
            let own = own.trim_end_matches(')');
            format!("{own}{comma}warmup: {}, warmup_from: {from})", float(*share))
        }
    }
}
