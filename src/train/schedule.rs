//! Learning-rate schedules: the factor of a step as a function of its place alone, but for a plateau's fall.

use crate::plan::stage::{Curve, Fall, OneCycle, Plateau, Schedule};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A step among all steps of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The step, counted from 0.
    pub step: usize,
    /// Steps of an epoch.
    pub per_epoch: usize,
    /// Steps of the training; its last epoch may have fewer than the others.
    pub all: usize,
}

impl Place {
    fn epochs(self) -> f64 {
        self.step as f64 / self.per_epoch.max(1) as f64
    }

    fn epoch(self) -> usize {
        self.step / self.per_epoch.max(1)
    }

    /// The share of the steps that are done.
    fn share(self) -> f64 {
        self.step as f64 / self.all.max(1) as f64
    }
}

/// What a step has of the base rates: by its place in constant time, by a plateau what [`Fallen`] holds.
#[must_use]
pub fn factor(schedule: &Schedule, place: Place, fallen: &Fallen) -> f64 {
    match schedule {
        Schedule::Constant => 1.0,
        Schedule::Step { every, factor } => factor.powi(power(place.epoch() / (*every).max(1) as usize)),
        Schedule::MultiStep { at, factor } => factor.powi(power(
            at.iter().filter(|&&epoch| epoch as usize <= place.epoch()).count(),
        )),
        Schedule::Exponential { factor } => factor.powi(power(place.epoch())),
        Schedule::Cosine { warmup, end } => warmed(place, *warmup, None, |place| cosine(place.share(), *end)),
        Schedule::Restarts { first, grow, end } => cosine(since_restart(place.epochs(), *first, *grow), *end),
        Schedule::Polynomial { power, end } => {
            let left = 1.0 - place.share();
            end + (1.0 - end) * left.max(0.0).powf(*power)
        }
        Schedule::OneCycle(cycle) => one_cycle(cycle, place).0,
        Schedule::Plateau(_) => fallen.factor,
        Schedule::Warmed { share, from, schedule } => match **schedule {
            Schedule::Cosine { .. } | Schedule::Polynomial { .. } => {
                warmed(place, *share, *from, |place| factor(schedule, place, fallen))
            }
            _ => warmed(place, *share, *from, |_| 1.0) * factor(schedule, place, fallen),
        },
    }
}

/// The momentum of a step where a schedule has one of its own.
#[must_use]
pub fn momentum(schedule: &Schedule, place: Place) -> Option<f64> {
    match schedule {
        Schedule::OneCycle(cycle) => one_cycle(cycle, place).1,
        _ => None,
    }
}

/// A linear rise over a share of the steps, then what `after` says of those that are left.
fn warmed(place: Place, share: f64, from: Option<f64>, after: impl Fn(Place) -> f64) -> f64 {
    let warm = (share.clamp(0.0, 1.0) * place.all as f64).round() as usize;
    if place.step >= warm {
        return after(Place {
            step: place.step - warm,
            all: (place.all - warm).max(1),
            ..place
        });
    }
    match from {
        None => (place.step + 1) as f64 / warm as f64,
        Some(from) => from + (1.0 - from) * (place.step as f64 / warm as f64),
    }
}

/// Half a cosine from 1 to `end`, which is held afterwards.
fn cosine(share: f64, end: f64) -> f64 {
    end + (1.0 - end) * ((1.0 + (PI * share.min(1.0)).cos()) / 2.0)
}

/// How much of the cosine under way is done after so many epochs.
fn since_restart(epochs: f64, first: u32, grow: u32) -> f64 {
    let (first, grow) = (f64::from(first.max(1)), f64::from(grow.max(1)));
    if grow <= 1.0 {
        return (epochs % first) / first;
    }
    // The cosine number `n` begins after `first (grow^n - 1) / (grow - 1)` epochs.
    let number = ((epochs / first * (grow - 1.0) + 1.0).ln() / grow.ln()).floor();
    let begin = |number: f64| first * (grow.powf(number) - 1.0) / (grow - 1.0);
    // The logarithm may miss a beginning by its last bit.
    let number = match () {
        () if begin(number + 1.0) <= epochs => number + 1.0,
        () if begin(number) > epochs => (number - 1.0).max(0.0),
        () => number,
    };
    (epochs - begin(number)) / (first * grow.powf(number))
}

/// Rate and momentum of one cycle, as torch computes them: a phase ends between two steps where its share of them is not
/// whole.
fn one_cycle(cycle: &OneCycle, place: Place) -> (f64, Option<f64>) {
    let (all, step) = (place.all as f64, place.step as f64);
    let OneCycle { rise, start, end, .. } = *cycle;
    let (low, high) = cycle.momentum.map_or((0.0, 0.0), |range| (range.low, range.high));
    let up = (rise * all - 1.0, [start, 1.0], [high, low]);
    let phases = if cycle.three_phase {
        vec![
            up,
            (2.0 * rise * all - 2.0, [1.0, start], [low, high]),
            (all - 1.0, [start, end], [high, high]),
        ]
    } else {
        vec![up, (all - 1.0, [1.0, end], [low, high])]
    };
    let mut begin = 0.0;
    for (number, (until, rates, momenta)) in phases.iter().enumerate() {
        if step <= *until || number + 1 == phases.len() {
            let length = until - begin;
            let share = if length > 0.0 { (step - begin) / length } else { 1.0 };
            let between = |[from, to]: [f64; 2]| match cycle.curve {
                Curve::Cosine => to + (from - to) / 2.0 * (1.0 + (PI * share).cos()),
                Curve::Linear => from + (to - from) * share,
            };
            return (between(*rates), cycle.momentum.map(|_| between(*momenta)));
        }
        begin = *until;
    }
    (end, None)
}

fn power(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How far a plateau has let the rate fall: what no place tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fallen {
    /// Factor of the base rates.
    factor: f64,
    /// The best tuning loss so far.
    best: Option<f64>,
    /// Epochs since then.
    bad: u32,
    /// Epochs that are still not counted.
    cooling: u32,
}

impl Default for Fallen {
    fn default() -> Self {
        Self {
            factor: 1.0,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }
}

impl Fallen {
    /// After an epoch with this tuning loss: torch's `ReduceLROnPlateau.step`.
    pub fn epoch(&mut self, rule: &Plateau, loss: f64) {
        let is_better = self.best.is_none_or(|best| match rule.fall {
            Fall::Relative => loss < best * (1.0 - rule.threshold),
            Fall::Absolute => loss < best - rule.threshold,
        });
        if is_better {
            self.best = Some(loss);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > rule.patience {
            self.factor = (self.factor * rule.factor).max(rule.end);
            self.cooling = rule.cooldown;
            self.bad = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::stage::Range;
    use proptest::prelude::*;

    fn at(schedule: &Schedule, step: usize, per_epoch: usize, all: usize) -> f64 {
        factor(schedule, Place { step, per_epoch, all }, &Fallen::default())
    }

    /// Warm-up leaves epochs where they are, and gives what goes over all steps those that are left.
    #[test]
    fn a_warm_up_comes_before_any_schedule() {
        let warm = |schedule| Schedule::Warmed {
            share: 0.2,
            from: Some(0.1),
            schedule: Box::new(schedule),
        };
        let step = warm(Schedule::Step { every: 3, factor: 0.5 });
        let found: Vec<f64> = (0..10).map(|t| at(&step, t, 2, 10)).collect();
        let expected = [0.1, 0.55, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5];
        assert!(
            found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12),
            "{found:?}"
        );
        let line = warm(Schedule::Polynomial { power: 1.0, end: 0.2 });
        let found: Vec<f64> = (0..10).map(|t| at(&line, t, 10, 10)).collect();
        let expected = [0.1, 0.55, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
        assert!(
            found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12),
            "{found:?}"
        );
    }

    proptest! {
        #[test]
        fn factors_are_between_their_ends(step in 0usize..500, all in 1usize..500, end in 0.0f64..0.5, share in 0.01f64..0.9) {
            let step = step % all;
            let cycle = OneCycle {
                rise: share,
                start: end + 0.1,
                end,
                three_phase: share < 0.5,
                curve: Curve::Linear,
                momentum: Some(Range { low: 0.85, high: 0.95, inclusive: false }),
            };
            let all_of = [
                Schedule::Cosine { warmup: share, end },
                Schedule::Restarts { first: 3, grow: 2, end },
                Schedule::Polynomial { power: 2.0, end },
                Schedule::OneCycle(cycle),
            ];
            for schedule in all_of {
                let found = at(&schedule, step, 7, all);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&found), "{schedule:?}: {found}");
                prop_assert!(found > 0.0 && found >= end - 1e-12 || matches!(schedule, Schedule::Cosine { .. }), "{schedule:?}: {found}");
            }
            let place = Place { step, per_epoch: 7, all };
            let momentum = momentum(&Schedule::OneCycle(cycle), place).expect("a cycle has one");
            prop_assert!((0.85 - 1e-12..=0.95 + 1e-12).contains(&momentum));
        }

        /// Cosines that grow begin where they should, to the epoch.
        #[test]
        fn restarts_begin_where_the_last_cosine_ended(first in 1u32..20, grow in 1u32..4, number in 0u32..8) {
            let begin: u32 = (0..number).map(|n| first * grow.pow(n)).sum();
            prop_assert!(since_restart(f64::from(begin), first, grow).abs() < 1e-9);
            if begin > 0 {
                let before = since_restart(f64::from(begin - 1), first, grow);
                let length = f64::from(first * grow.pow(number - 1));
                prop_assert!((before - (length - 1.0) / length).abs() < 1e-9, "{before}");
            }
        }
    }
}
