//! The probabilities of a cell's member: of one model, of the one that is chosen, or the mean of several.

use super::{
    StudyError,
    input::{MemberScores, check_logits, of_unit, scored, softmax},
};
use crate::{
    plan::stage::{Chosen, Design, Measure, Member, Scoring, TaskFacts},
    stats::{
        StatsError,
        multiclass::{Metric, multiclass_auc},
        roc,
    },
};
use std::borrow::Cow;

/// What a member says, once it is known which models speak.
pub(super) struct Spoken {
    /// Of each tested sample a probability per class.
    pub(super) test: Vec<Vec<f64>>,
    /// The training stages behind it, each once, by place in [`Design::trainings`].
    pub(super) trainings: Vec<usize>,
    /// Every choice on the way: its axis and the label that was chosen, the last choice first.
    pub(super) picks: Vec<(String, String)>,
}

/// Which samples are spoken of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Test,
    Tuning,
}

/// The samples of one member, and what was written of them.
pub(super) struct Speaker<'a> {
    pub(super) design: &'a Design,
    pub(super) facts: &'a TaskFacts,
    pub(super) member: &'a Member,
    /// By place in [`Design::scores`].
    pub(super) scores: &'a [MemberScores],
}

impl Speaker<'_> {
    /// What the member says of its test samples.
    pub(super) fn speak(&self) -> Result<Spoken, StudyError> {
        let mut spoken = Spoken {
            test: Vec::new(),
            trainings: Vec::new(),
            picks: Vec::new(),
        };
        spoken.test = self.follow(&self.member.scoring, &mut spoken)?;
        Ok(spoken)
    }

    fn follow(&self, scoring: &Scoring, spoken: &mut Spoken) -> Result<Vec<Vec<f64>>, StudyError> {
        match scoring {
            Scoring::Model { scores, trainings } => {
                for training in trainings {
                    if !spoken.trainings.contains(training) {
                        spoken.trainings.push(*training);
                    }
                }
                self.of_model(*scores, Which::Test)
            }
            Scoring::Chosen(chosen) => {
                let candidate = &chosen.candidates[self.pick(chosen)?];
                spoken.picks.push((chosen.axis.clone(), candidate.label.clone()));
                self.follow(&candidate.scoring, spoken)
            }
            Scoring::Mean(all) => mean(all, |one| self.follow(one, spoken)),
        }
    }

    /// The tuning part as a choice sees it.
    pub(super) fn tuning(&self, scoring: &Scoring) -> Result<Vec<Vec<f64>>, StudyError> {
        match scoring {
            Scoring::Model { scores, .. } => self.of_model(*scores, Which::Tuning),
            Scoring::Chosen(chosen) => self.tuning(&chosen.candidates[self.pick(chosen)?].scoring),
            Scoring::Mean(all) => mean(all, |one| self.tuning(one)),
        }
    }

    /// The best candidate by the tuning part; of equal ones the first.
    fn pick(&self, chosen: &Chosen) -> Result<usize, StudyError> {
        let mut best: Option<(usize, f64)> = None;
        for (place, candidate) in chosen.candidates.iter().enumerate() {
            let all = std::iter::once(&candidate.scoring).chain(&candidate.pool);
            let values: Vec<f64> = all.map(|one| self.measure(chosen, one)).collect::<Result<_, _>>()?;
            let value = values.iter().sum::<f64>() / values.len() as f64;
            let better = best.is_none_or(|(_, best)| match chosen.by {
                Measure::Loss => value < best,
                Measure::Auc => value > best,
            });
            if better {
                best = Some((place, value));
            }
        }
        let missing = || StudyError::Place {
            what: "candidate",
            place: 0,
            known: 0,
        };
        best.map(|(place, _)| place).ok_or_else(missing)
    }

    fn measure(&self, chosen: &Chosen, scoring: &Scoring) -> Result<f64, StudyError> {
        let rows = self.tuning(scoring)?;
        let classes: Vec<u32> = self
            .member
            .tuning
            .iter()
            .map(|&at| self.facts.samples[at as usize].class)
            .collect();
        let of = || StudyError::of(format!("choice along `{}`", chosen.axis));
        tuning_measure(chosen.by, &classes, &rows, self.facts.classes.len()).map_err(of())
    }

    /// The softmax of what one model wrote, of units the scores that these make. The other part is checked with it,
    /// because a model that fails there has diverged too.
    fn of_model(&self, scores: usize, which: Which) -> Result<Vec<Vec<f64>>, StudyError> {
        let (stage, written) = (&self.design.scores[scores], &self.scores[scores]);
        let (test, tuning) = match &self.member.units {
            None => (
                Cow::Borrowed(self.member.test.as_slice()),
                Cow::Borrowed(self.member.tuning.as_slice()),
            ),
            Some(units) => (
                scored(&self.member.test, &units.test)?,
                scored(&self.member.tuning, &units.tuning)?,
            ),
        };
        check_logits(stage, self.facts, "tuning part", &tuning, &written.tuning)?;
        check_logits(stage, self.facts, "test samples", &test, &written.test)?;
        let units = self.member.units.as_ref();
        let (logits, units) = match which {
            Which::Test => (&written.test, units.map(|units| &units.test)),
            Which::Tuning => (&written.tuning, units.map(|units| &units.tuning)),
        };
        let each: Vec<_> = logits.chunks_exact(self.facts.classes.len()).map(softmax).collect();
        Ok(match units {
            None => each,
            Some(units) => units.iter().map(|parts| of_unit(parts, &each)).collect(),
        })
    }
}

/// Mean cross-entropy in nats, or the AUC (of two classes that of the positive one, the first), of some samples.
pub(super) fn tuning_measure(by: Measure, classes: &[u32], rows: &[Vec<f64>], count: usize) -> Result<f64, StatsError> {
    match by {
        Measure::Loss => {
            let losses = classes.iter().zip(rows).map(|(&class, row)| -row[class as usize].ln());
            Ok(losses.sum::<f64>() / rows.len() as f64)
        }
        Measure::Auc if count == 2 => {
            let labels: Vec<u32> = classes.iter().map(|&class| u32::from(class == 0)).collect();
            roc::auc(&labels, &rows.iter().map(|row| row[0]).collect::<Vec<_>>())
        }
        Measure::Auc => {
            let scores: Vec<f64> = rows.iter().flatten().copied().collect();
            multiclass_auc(classes, &scores, count, Metric::HandTill)
        }
    }
}

/// The mean of the probabilities of several, sample by sample.
fn mean(
    all: &[Scoring],
    mut of: impl FnMut(&Scoring) -> Result<Vec<Vec<f64>>, StudyError>,
) -> Result<Vec<Vec<f64>>, StudyError> {
    let mut sum: Option<Vec<Vec<f64>>> = None;
    for one in all {
        let rows = of(one)?;
        sum = Some(match sum {
            None => rows,
            Some(mut sum) => {
                let cells = sum.iter_mut().flatten().zip(rows.iter().flatten());
                cells.for_each(|(sum, value)| *sum += value);
                sum
            }
        });
    }
    let mut sum = sum.unwrap_or_default();
    sum.iter_mut().flatten().for_each(|value| *value /= all.len() as f64);
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measures_are_cross_entropy_and_auc() {
        let rows = [vec![0.5, 0.5], vec![0.75, 0.25], vec![0.4, 0.6]];
        let loss = tuning_measure(Measure::Loss, &[0, 1, 1], &rows, 2).unwrap();
        let expected = -(0.5_f64.ln() + 0.25_f64.ln() + 0.6_f64.ln()) / 3.0;
        assert!((loss - expected).abs() < 1e-15);
        // The positive class is the first: 0.5 lies under 0.75 and over 0.4.
        assert_eq!(tuning_measure(Measure::Auc, &[0, 1, 1], &rows, 2).unwrap(), 0.5);
    }
}
