//! The AUC of a cell: fold by fold, averaged, with its interval, its curves and the predictions behind it.

use super::{
    CONFIDENCE, StudyError, cell_name,
    input::{MemberScores, probabilities},
    tasks::Models,
};
use crate::{
    plan::stage::{Design, TaskFacts},
    report::{
        model::{Budget, CellResult, ClassCurves, Interval, MemberResult, Part, Prediction},
        words,
    },
    stats::{
        StatsError,
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
    /// Its scores.
    pub(super) arm: CrossValidated,
    /// What is computed of them.
    pub(super) metric: Metric,
    /// The tested samples.
    pub(super) tested: Part,
}

impl Judged {
    /// Pictures seen and optimiser steps.
    pub(super) fn budget(&self) -> (u64, u64) {
        (self.result.budget.pictures, self.result.budget.steps)
    }
}

/// Computes the results of a cell.
pub(super) fn judge(design: &Design, models: &Models<'_>, scores: &[MemberScores]) -> Result<Judged, StudyError> {
    let (cell, cohort) = (models.cell, models.cohort);
    let name = || cell_name(design, &cell.coordinate);
    let Scored { cases, predictions } = scored(design, models, scores)?;
    let (arm, metric) = arm(models, &cases, &predictions).map_err(StudyError::of(name()))?;
    let estimate = arm.estimate(metric, CONFIDENCE).map_err(StudyError::of(name()))?;
    let pooled = if models.shared {
        None // Every model ranks the same samples: there is nothing to pool.
    } else {
        Some(arm.pooling(metric).map_err(StudyError::of(name()))?.pooled)
    };
    let curves = curves(models, &cases, &predictions).map_err(StudyError::of(name()))?;
    let members = models
        .members
        .iter()
        .zip(&estimate.folds)
        .map(|(member, fold)| MemberResult {
            repeat: member.repeat,
            fold: member.fold,
            auc: Some(fold.value),
            trainings: member.trainings.clone(),
        });
    let tested = cohort.part(models.tested());
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
        budget: budget(design, models),
        members: members.collect(),
        predictions,
    };
    Ok(Judged {
        result,
        arm,
        metric,
        tested,
    })
}

/// What is scored.
fn unit(task: &TaskFacts) -> &str {
    task.unit.as_ref().map_or("image", |unit| &unit.noun)
}

/// Tested samples with what the models say of them, in one order.
struct Scored {
    cases: Vec<Case>,
    predictions: Vec<Prediction>,
}

fn scored(design: &Design, models: &Models<'_>, scores: &[MemberScores]) -> Result<Scored, StudyError> {
    let facts = models.cohort.facts;
    let (mut cases, mut predictions) = (Vec::new(), Vec::new());
    for (place, member) in models.members.iter().enumerate() {
        let rows = probabilities(design, facts, member, &scores[member.scores])?;
        for (&sample, probabilities) in member.test.iter().zip(rows) {
            cases.push(models.cohort.case(models, place, sample));
            let sample = &facts.samples[sample as usize];
            predictions.push(Prediction {
                sample: sample.name.clone(),
                group: sample.group.clone(),
                repeat: member.repeat,
                fold: member.fold,
                class: sample.class as usize,
                probabilities,
            });
        }
    }
    Ok(Scored { cases, predictions })
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

/// The positive class of two; each of more against the rest.
fn curves(models: &Models<'_>, cases: &[Case], predictions: &[Prediction]) -> Result<Vec<ClassCurves>, StatsError> {
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
        Ok(ClassCurves {
            class,
            auc: Some(estimate.value),
            auc_ci: interval(&estimate),
            average: [[0.0, 0.0]].into_iter().chain(average).collect(),
            folds: folds.iter().map(points).collect(),
        })
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
    estimate.interval.map(|(interval, _)| [interval.low, interval.high])
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

fn budget(design: &Design, models: &Models<'_>) -> Budget {
    let mut budget = Budget {
        models: models.members.len() as u64,
        ..Budget::default()
    };
    for member in &models.members {
        let chain = || member.trainings.iter().map(|&training| &design.trainings[training]);
        budget.pictures += chain().map(|training| training.pictures).sum::<u64>();
        budget.steps += chain().map(|training| training.steps).sum::<u64>();
        budget.epochs = budget
            .epochs
            .max(chain().map(|training| u64::from(training.epochs)).sum());
    }
    budget
}
