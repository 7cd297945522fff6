//! What the stages wrote, and whether it goes with the plan.

use super::{StudyError, cell_name};
use crate::plan::stage;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Global numbers of a picture that the trivial baseline knows.
pub(in crate::stages) const GLOBAL_NUMBERS: usize = 12;

/// What a score stage wrote: logits, row-major `[samples, classes]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::stages) struct MemberScores {
    /// Of the tested samples, in the order of [`stage::Member::test`].
    pub(in crate::stages) test: Vec<f32>,
    /// Of the tuning part, in the order of [`stage::Member::tuning`].
    pub(in crate::stages) tuning: Vec<f32>,
}

/// What a training stage wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::stages) struct History {
    /// One entry per epoch.
    pub(in crate::stages) epochs: Vec<Epoch>,
    /// The epoch whose weights were kept, from 1, when the best were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::stages) kept: Option<u32>,
}

/// One epoch of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::stages) struct Epoch {
    /// The epoch, from 1.
    pub(in crate::stages) epoch: u32,
    /// Mean loss over the training samples as they were seen; cross-entropy, in nats, where the program names no other.
    pub(in crate::stages) training_loss: f64,
    /// The same over the tuning part after the epoch; none without a tuning part.
    pub(in crate::stages) tuning_loss: Option<f64>,
    /// The base rate of the epoch's last step.
    pub(in crate::stages) rate: f64,
    /// Pictures seen in the epoch.
    pub(in crate::stages) pictures: u64,
    /// Optimiser steps in the epoch.
    pub(in crate::stages) steps: u64,
}

/// Fails unless there are scores for every stage that the plan names.
pub(super) fn check_scores(design: &stage::Design, scores: &[MemberScores]) -> Result<(), StudyError> {
    check_count("score stages", design.scores.len(), scores.len())?;
    design
        .cells
        .iter()
        .try_for_each(|cell| check_count("axes", design.axes.len(), cell.coordinate.len()))
}

/// Fails unless there is one input for everything else that a report tells.
pub(super) fn check_counts(
    design: &stage::Design,
    histories: &[History],
    numbers: &[Option<Vec<[f64; GLOBAL_NUMBERS]>>],
) -> Result<(), StudyError> {
    check_count("training stages", design.trainings.len(), histories.len())?;
    check_count("tasks", design.tasks.len(), numbers.len())?;
    for (task, rows) in design.tasks.iter().zip(numbers) {
        if let Some(rows) = rows {
            check_count("samples with global numbers", task.samples.len(), rows.len())?;
        }
    }
    Ok(())
}

/// Fails unless as many were given as the plan has.
pub(super) fn check_count(what: &'static str, expected: usize, found: usize) -> Result<(), StudyError> {
    if expected == found {
        Ok(())
    } else {
        Err(StudyError::Count { what, expected, found })
    }
}

/// Fails unless `place` is one of `known`.
pub(super) fn check_place(what: &'static str, place: usize, known: usize) -> Result<(), StudyError> {
    if place < known {
        Ok(())
    } else {
        Err(StudyError::Place { what, place, known })
    }
}

fn check_model(design: &stage::Design, scores: usize, trainings: &[usize]) -> Result<(), StudyError> {
    check_place("score stage", scores, design.scores.len())?;
    trainings
        .iter()
        .try_for_each(|&training| check_place("training stage", training, design.trainings.len()))
}

/// Fails unless everything that a cell points at exists and each of its models tests something.
pub(super) fn check_cell(design: &stage::Design, cell: &stage::Cell) -> Result<(), StudyError> {
    let empty = |what| StudyError::Empty {
        cell: cell_name(design, &cell.coordinate),
        what,
    };
    check_place("task", cell.task, design.tasks.len())?;
    if cell.members.is_empty() {
        return Err(empty("model"));
    }
    let samples = design.tasks[cell.task].samples.len();
    for member in &cell.members {
        let mut found = Ok(());
        member.scoring.each_model(&mut |scores, trainings| {
            if found.is_ok() {
                found = check_model(design, scores, trainings);
            }
        });
        found?;
        for &sample in member.test.iter().chain(member.tuning.iter()) {
            check_place("sample", sample as usize, samples)?;
        }
        if member.test.is_empty() {
            return Err(empty("tested sample in one of its folds"));
        }
    }
    Ok(())
}

/// For each scored sample the unit that it belongs to.
pub(super) fn scored<'a>(units: &[u32], parts: &[Vec<Vec<u32>>]) -> Result<Cow<'a, [u32]>, StudyError> {
    check_count("units", units.len(), parts.len())?;
    let count = parts.iter().flatten().map(Vec::len).sum();
    let mut of = vec![None; count];
    for (&unit, parts) in units.iter().zip(parts) {
        for &place in parts.iter().flatten() {
            check_place("scored sample", place as usize, count)?;
            of[place as usize] = Some(unit);
        }
    }
    let all: Option<Vec<u32>> = of.into_iter().collect();
    match all {
        Some(all) => Ok(Cow::Owned(all)),
        None => Err(StudyError::Count {
            what: "scored samples in units",
            expected: count,
            found: 0,
        }),
    }
}

/// The probabilities of a unit: the mean over its samples; of several parts the largest of their means, which is for two
/// classes alone.
pub(super) fn of_unit(parts: &[Vec<u32>], each: &[Vec<f64>]) -> Vec<f64> {
    let mean = |samples: &Vec<u32>| -> Vec<f64> {
        let rows = || samples.iter().map(|&place| &each[place as usize]);
        let classes = rows().next().map_or(0, Vec::len);
        let sum = |class: usize| rows().map(|row| row[class]).sum::<f64>();
        (0..classes).map(|class| sum(class) / samples.len() as f64).collect()
    };
    let means: Vec<_> = parts.iter().map(mean).collect();
    match &means[..] {
        [only] => only.clone(),
        several => {
            let largest = several
                .iter()
                .filter_map(|row| row.first())
                .copied()
                .fold(0.0, f64::max);
            vec![largest, 1.0 - largest]
        }
    }
}

/// Fails unless there are logits for all samples of a part, and all are finite.
pub(super) fn check_logits(
    stage: &str,
    task: &stage::TaskFacts,
    part: &'static str,
    samples: &[u32],
    logits: &[f32],
) -> Result<(), StudyError> {
    let classes = task.classes.len();
    let (expected, found) = (samples.len() * classes, logits.len());
    if expected != found {
        let (stage, samples) = (stage.to_owned(), samples.len());
        return Err(StudyError::Logits {
            stage,
            part,
            samples,
            classes,
            expected,
            found,
        });
    }
    match logits.iter().position(|logit| !logit.is_finite()) {
        None => Ok(()),
        Some(place) => Err(StudyError::Diverged {
            stage: stage.to_owned(),
            sample: task.samples[samples[place / classes] as usize].name.clone(),
            value: logits[place],
        }),
    }
}

/// Softmax in double precision, so that different logits keep different probabilities.
#[must_use]
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|&logit| (f64::from(logit) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_large_logits_is_a_distribution() {
        let found = softmax(&[1000.0, 1000.0 + std::f32::consts::LN_2.round(), -3.0e38]);
        // 1 / (1 + e) and e / (1 + e).
        assert!((found[0] - 0.268_941_421_369_995_1).abs() < 1e-15 && found[2] == 0.0);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_units_score_is_the_mean_or_the_largest_of_means() {
        let each = [[0.2, 0.8], [0.4, 0.6], [0.9, 0.1]].map(Vec::from);
        let close = |found: Vec<f64>, expected: [f64; 2]| {
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?}"
            );
        };
        close(of_unit(&[vec![0, 1, 2]], &each), [0.5, 0.5]);
        close(of_unit(&[vec![0, 1], vec![2]], &each), [0.9, 0.1]);
        close(of_unit(&[vec![0], vec![1, 2]], &each), [0.65, 0.35]);
    }

    #[test]
    fn a_history_is_an_object_with_one_entry_per_epoch() {
        let text =
            r#"{"epochs":[{"epoch":1,"training_loss":0.5,"tuning_loss":null,"rate":0.001,"pictures":64,"steps":2}]}"#;
        let history: History = serde_json::from_str(text).unwrap();
        assert_eq!((history.epochs[0].tuning_loss, history.epochs[0].steps), (None, 2));
        assert_eq!(serde_json::to_string(&history).unwrap(), text);
    }
}
