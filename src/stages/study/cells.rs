//! The AUC of a cell: fold by fold, averaged, with its interval, its curves and the predictions behind it.

use super::{CONFIDENCE, StudyError, cell_name, input::MemberScores, scoring::Speaker, tasks::Models};
use crate::{
    plan::stage::{Design, Member, TaskFacts},
    report::{
        model::{Budget, CellResult, ClassCurves, Interval, MemberResult, Part, Picked, Prediction, Selection},
        words,
    },
    stats::{
        self, StatsError,
        crossval::{Case, CrossValidated, Estimate},
        interval::IntervalMethod,
        multiclass::Metric,
        roc::{RocCurve, vertical_average},
    },
};

/// A pooled AUC that is further than this from the averaged one shows that the folds' scores are not on one scale.
const POOLING: f64 = 0.01;

/// False positive rates at which the curves of the folds are averaged: hundredths.
const RATES: u32 = 100;

/// A cell with what comparisons need of it.
pub(super) struct Judged {
    /// What the report tells.
    pub(super) result: CellResult,
    /// Its scores, one entry per run.
    pub(super) arms: Vec<CrossValidated>,
    /// What is computed of them.
    pub(super) metric: Metric,
    /// The tested samples.
    pub(super) tested: Part,
    /// Tested groups with several samples.
    pub(super) repeated_groups: usize,
}

impl Judged {
    /// Pictures seen and optimiser steps.
    pub(super) fn budget(&self) -> (u64, u64) {
        (self.result.budget.pictures, self.result.budget.steps)
    }

    /// Folds in a repeat; none when repeats differ in it.
    pub(super) fn folds(&self) -> Option<u32> {
        self.arms.first().and_then(CrossValidated::folds_per_repeat)
    }
}

/// One run of a cell.
pub(super) struct Run {
    pub(super) result: CellResult,
    pub(super) estimate: Estimate,
    /// Value and variance of each curve's AUC.
    pub(super) class_estimates: Vec<(f64, Option<f64>)>,
    arm: CrossValidated,
    metric: Metric,
}

/// Computes the results of a cell from the models of each of its runs.
pub(super) fn judge(design: &Design, runs: &[Models<'_>], scores: &[MemberScores]) -> Result<Judged, StudyError> {
    let Some(models) = runs.first() else {
        return Err(StudyError::Empty {
            cell: design.name.clone(),
            what: "run",
        });
    };
    let name = || cell_name(design, &models.cell.coordinate);
    let mut judged = runs
        .iter()
        .map(|models| run(design, models, scores))
        .collect::<Result<Vec<_>, _>>()?;
    let arms: Vec<_> = judged.iter().map(|run| run.arm.clone()).collect();
    let metric = judged.first().map_or(Metric::Auc, |run| run.metric);
    let result = match (&design.replicate, judged.pop()) {
        (Some(axis), last) => {
            judged.extend(last);
            super::runs::together(&axis.name, judged).map_err(StudyError::of(name()))?
        }
        (None, Some(only)) => only.result,
        (None, None) => {
            return Err(StudyError::Empty {
                cell: name(),
                what: "run",
            });
        }
    };
    let tested = models.tested();
    Ok(Judged {
        repeated_groups: models.cohort.repeated_groups(&tested),
        tested: models.cohort.part(tested),
        result,
        arms,
        metric,
    })
}

fn run(design: &Design, models: &Models<'_>, scores: &[MemberScores]) -> Result<Run, StudyError> {
    let (cell, cohort) = (models.cell, models.cohort);
    let name = || cell_name(design, &cell.coordinate);
    let Scored {
        cases,
        predictions,
        trainings,
        selections,
    } = scored(design, models, scores)?;
    let (arm, metric) = arm(models, &cases, &predictions).map_err(StudyError::of(name()))?;
    let estimate = arm.estimate(metric, CONFIDENCE).map_err(StudyError::of(name()))?;
    let pooled = if models.shared {
        None // Every model ranks the same samples: there is nothing to pool.
    } else {
        Some(arm.pooling(metric).map_err(StudyError::of(name()))?.pooled)
    };
    let curves = curves(models, &cases, &predictions).map_err(StudyError::of(name()))?;
    let budget = budget(design, &trainings);
    let members = models
        .members
        .iter()
        .zip(&estimate.folds)
        .zip(trainings)
        .map(|((member, fold), trainings)| MemberResult {
            repeat: member.repeat,
            fold: member.fold,
            auc: Some(fold.value),
            trainings,
        });
    let tested = cohort.part(models.tested());
    let (curves, class_estimates) = curves.into_iter().unzip();
    let result = CellResult {
        coordinate: cell.coordinate.clone(),
        task: cell.task,
        network: cell.network.clone(),
        network_parameters: cell.network_parameters,
        chain: cell.chain.clone(),
        n: tested.samples,
        n_groups: tested.groups,
        class_counts: tested.class_samples.clone(),
        estimand: estimand(models),
        unit: unit(cohort.facts).to_owned(),
        auc: Some(estimate.value),
        auc_ci: interval(&estimate),
        auc_method: method(models, metric, &estimate, pooled),
        auc_pooled: pooled,
        curves,
        repeats: models.repeats(),
        runs: None,
        selections,
        budget,
        members: members.collect(),
        predictions,
    };
    Ok(Run {
        result,
        estimate,
        class_estimates,
        arm,
        metric,
    })
}

/// What is scored.
fn unit(task: &TaskFacts) -> &str {
    task.unit.as_ref().map_or("image", |unit| &unit.noun)
}

/// Tested samples with what the models say of them, in one order, and which models those were.
struct Scored {
    cases: Vec<Case>,
    predictions: Vec<Prediction>,
    /// Of every member.
    trainings: Vec<Vec<usize>>,
    selections: Vec<Selection>,
}

fn scored(design: &Design, models: &Models<'_>, scores: &[MemberScores]) -> Result<Scored, StudyError> {
    let facts = models.cohort.facts;
    let (mut cases, mut predictions, mut trainings) = (Vec::new(), Vec::new(), Vec::new());
    let mut selections: Vec<Selection> = Vec::new();
    for (place, &member) in models.members.iter().enumerate() {
        let speaker = Speaker {
            design,
            facts,
            member,
            scores,
        };
        let spoken = speaker.speak()?;
        for (&sample, probabilities) in member.test.iter().zip(spoken.test) {
            cases.push(models.cohort.case(models, place, sample));
            let sample = &facts.samples[sample as usize];
            predictions.push(Prediction {
                run: member.run,
                sample: sample.name.clone(),
                group: sample.group.clone(),
                repeat: member.repeat,
                fold: member.fold,
                class: sample.class as usize,
                probabilities,
            });
        }
        trainings.push(spoken.trainings);
        note_choices(&mut selections, member, spoken.picks);
    }
    Ok(Scored {
        cases,
        predictions,
        trainings,
        selections,
    })
}

/// What the models of a run say of their test samples.
pub(super) fn predictions(
    design: &Design,
    models: &Models<'_>,
    scores: &[MemberScores],
) -> Result<Vec<Prediction>, StudyError> {
    Ok(scored(design, models, scores)?.predictions)
}

/// Adds what a member's choices were to what is told of each of them.
fn note_choices(selections: &mut Vec<Selection>, member: &Member, picks: Vec<(String, String)>) {
    for chosen in member.scoring.choices() {
        if !selections.iter().any(|selection| selection.axis == chosen.axis) {
            selections.push(Selection {
                axis: chosen.axis.clone(),
                by: chosen.by.words().to_owned(),
                tunes: chosen.tunes.clone(),
                pool: chosen.pool.clone(),
                candidates: chosen
                    .candidates
                    .iter()
                    .map(|candidate| candidate.label.clone())
                    .collect(),
                chosen: Vec::new(),
            });
        }
    }
    for selection in selections {
        let mut labels: Vec<String> = Vec::new();
        for (_, label) in picks.iter().filter(|(axis, _)| *axis == selection.axis) {
            if !labels.contains(label) {
                labels.push(label.clone());
            }
        }
        if !labels.is_empty() {
            selection.chosen.push(Picked {
                run: member.run,
                repeat: member.repeat,
                fold: member.fold,
                labels,
            });
        }
    }
}

/// The scores of a cell as the statistics take them: of two classes the probability of the positive one.
fn arm(
    models: &Models<'_>,
    cases: &[Case],
    predictions: &[Prediction],
) -> Result<(CrossValidated, Metric), StatsError> {
    if models.cohort.is_binary() {
        let scores: Vec<f64> = predictions.iter().map(|row| row.probabilities[0]).collect();
        return Ok((CrossValidated::binary(cases, &scores)?, Metric::Auc));
    }
    let scores: Vec<f64> = predictions
        .iter()
        .flat_map(|row| row.probabilities.iter().copied())
        .collect();
    let classes = models.cohort.facts.classes.len();
    Ok((CrossValidated::multiclass(cases, &scores, classes)?, Metric::HandTill))
}

/// A class's curves with value and variance of their AUC.
type OfClass = (ClassCurves, (f64, Option<f64>));

/// The positive class of two; each of more against the rest.
fn curves(models: &Models<'_>, cases: &[Case], predictions: &[Prediction]) -> Result<Vec<OfClass>, StatsError> {
    let shown = if models.cohort.is_binary() {
        1
    } else {
        models.cohort.facts.classes.len()
    };
    let grid: Vec<f64> = (0..=RATES).map(|rate| f64::from(rate) / f64::from(RATES)).collect();
    let of_class = |class: usize| {
        let against_rest: Vec<Case> = cases
            .iter()
            .zip(predictions)
            .map(|(case, row)| Case {
                label: u32::from(row.class == class),
                ..*case
            })
            .collect();
        let scores: Vec<f64> = predictions.iter().map(|row| row.probabilities[class]).collect();
        let arm = CrossValidated::binary(&against_rest, &scores)?;
        let estimate = arm.estimate(Metric::Auc, CONFIDENCE)?;
        let folds = arm.roc_curves()?;
        // A curve begins at the origin, also where its average rises at once.
        let average = grid
            .iter()
            .copied()
            .zip(vertical_average(&folds, &grid)?)
            .map(<[f64; 2]>::from);
        let curves = ClassCurves {
            class,
            auc: Some(estimate.value),
            auc_ci: interval(&estimate),
            average: [[0.0, 0.0]].into_iter().chain(average).collect(),
            folds: folds.iter().map(points).collect(),
        };
        Ok((curves, (estimate.value, estimate.variance)))
    };
    (0..shown).map(of_class).collect()
}

fn points(curve: &RocCurve) -> Vec<[f64; 2]> {
    curve
        .fpr
        .iter()
        .zip(&curve.tpr)
        .map(|(&fpr, &tpr)| [fpr, tpr])
        .collect()
}

/// The interval of an estimate as a report takes it.
pub(super) fn interval(estimate: &Estimate) -> Option<Interval> {
    estimate.interval.map(|(interval, _)| ends(interval))
}

/// The two ends of an interval.
pub(super) fn ends(interval: stats::interval::Interval) -> Interval {
    [interval.low, interval.high]
}

fn estimand(models: &Models<'_>) -> String {
    let groups = words::groups(models.cohort.facts.group_column.as_deref());
    if models.shared {
        return format!(
            "The AUC is the mean over the {} models of each model's AUC on the same test {groups}; {}s are scored, \
             {groups} are the unit of resampling.",
            models.members.len(),
            unit(models.cohort.facts)
        );
    }
    words::estimand(models.folds(), models.repeats(), unit(models.cohort.facts), groups)
}

/// How AUC and interval were computed. The interval is that of Obuchowski 1997 within folds, with the mean over folds as
/// in LeDell, Petersen & van der Laan 2015.
fn method(models: &Models<'_>, metric: Metric, estimate: &Estimate, pooled: Option<f64>) -> String {
    let what = if metric == Metric::Auc {
        "AUC"
    } else {
        "M of Hand and Till 2001"
    };
    let averaged = match (models.members.len(), models.shared) {
        (1, _) => what.to_owned(),
        (_, true) => format!("mean of the models' {what}"),
        (_, false) => format!("mean of the folds' {what}"),
    };
    let groups = words::groups(models.cohort.facts.group_column.as_deref());
    let interval = match estimate.interval {
        None => "no interval, because a class of a fold lies in one group".to_owned(),
        Some((_, method)) => {
            let scale = if method == IntervalMethod::Logit {
                ", logit scale"
            } else {
                ""
            };
            format!("95 % interval with {groups} as clusters (Obuchowski 1997 within folds; LeDell 2015){scale}")
        }
    };
    let note = match pooled {
        Some(pooled) if (pooled - estimate.value).abs() > POOLING => {
            "; the folds' scores are not on one scale: ranked together they give an AUC more than 0.01 away"
        }
        _ => "",
    };
    let score = models.cohort.facts.unit.as_ref().and_then(|unit| unit.score.as_ref());
    let score = score.map(|score| format!("; {score}")).unwrap_or_default();
    format!("{averaged}; {interval}{score}{note}")
}

/// What the members' models were trained with; `trainings` of each.
fn budget(design: &Design, trainings: &[Vec<usize>]) -> Budget {
    let mut budget = Budget {
        models: trainings.len() as u64,
        ..Budget::default()
    };
    for of_member in trainings {
        let chain = || of_member.iter().map(|&training| &design.trainings[training]);
        budget.pictures += chain().map(|training| training.pictures).sum::<u64>();
        budget.steps += chain().map(|training| training.steps).sum::<u64>();
        budget.epochs = budget
            .epochs
            .max(chain().map(|training| u64::from(training.epochs)).sum());
    }
    budget
}
