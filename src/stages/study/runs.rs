//! Several runs of one recipe, taken together to one cell.

use super::{
    CONFIDENCE, StudyError,
    cells::{Run, ends},
};
use crate::{
    report::model::{CellResult, ClassCurves, Interval, Runs, Selection},
    stats::{
        StatsError, interval,
        replicates::{Replicated, replicated},
    },
};

/// The result of all runs, one after the other in the order of the axis.
pub(super) fn together(axis: &str, runs: Vec<Run>) -> Result<CellResult, StatsError> {
    let values: Vec<_> = runs
        .iter()
        .map(|run| (run.estimate.value, run.estimate.variance))
        .collect();
    let all = replicated(&values).unwrap_or(Replicated {
        mean: 0.0,
        sd: None,
        min: 0.0,
        max: 0.0,
        variance: None,
    });
    let curves = curves(&runs)?;
    let count = runs.len();
    let pooled: Option<f64> = runs.iter().map(|run| run.result.auc_pooled).sum();
    let mut runs = runs.into_iter().map(|run| run.result);
    let Some(mut cell) = runs.next() else {
        return Err(StatsError::InvalidParameter {
            name: "number of runs",
            value: 0.0,
            expected: "at least 1",
        });
    };
    for run in runs {
        add(&mut cell, run);
    }
    for member in &mut cell.members {
        member.auc = member.auc.map(|sum| sum / count as f64);
    }
    cell.auc = Some(all.mean);
    cell.auc_ci = automatic(&all)?;
    cell.auc_pooled = pooled.map(|sum| sum / count as f64);
    cell.curves = curves;
    cell.runs = Some(Runs {
        aucs: values.iter().map(|(value, _)| *value).collect(),
        sd: all.sd,
    });
    cell.estimand = format!(
        "{} It is the mean over {count} run{} along {axis}, conditional on the folds.",
        cell.estimand,
        if count == 1 { "" } else { "s" }
    );
    cell.auc_method = format!(
        "{}; averaged over the runs along {axis}, the variance between them over their number added; conditional on the \
         folds",
        cell.auc_method
    );
    Ok(cell)
}

/// Adds what another run trained, said and chose; AUCs of folds are summed.
fn add(cell: &mut CellResult, run: CellResult) {
    for (member, other) in cell.members.iter_mut().zip(&run.members) {
        member.auc = member.auc.zip(other.auc).map(|(sum, auc)| sum + auc);
        for training in &other.trainings {
            if !member.trainings.contains(training) {
                member.trainings.push(*training);
            }
        }
    }
    cell.budget.models += run.budget.models;
    cell.budget.pictures += run.budget.pictures;
    cell.budget.steps += run.budget.steps;
    cell.budget.epochs = cell.budget.epochs.max(run.budget.epochs);
    cell.predictions.extend(run.predictions);
    join_selections(&mut cell.selections, run.selections);
}

fn automatic(all: &Replicated) -> Result<Option<Interval>, StatsError> {
    let interval = all
        .variance
        .map(|variance| interval::automatic(all.mean, variance, CONFIDENCE));
    Ok(interval.transpose()?.map(|(interval, _)| ends(interval)))
}

/// The curves of all runs side by side, their averages averaged: they stand at the same false positive rates.
fn curves(runs: &[Run]) -> Result<Vec<ClassCurves>, StatsError> {
    let Some(first) = runs.first() else {
        return Ok(Vec::new());
    };
    let of_class = |place: usize| {
        let values: Vec<_> = runs.iter().map(|run| run.class_estimates[place]).collect();
        let all = replicated(&values);
        let of_runs = || runs.iter().map(|run| &run.result.curves[place]);
        let mut average = first.result.curves[place].average.clone();
        for (at, point) in average.iter_mut().enumerate() {
            let heights: Vec<f64> = of_runs().map(|curves| curves.average[at][1]).collect();
            point[1] = heights.iter().sum::<f64>() / heights.len() as f64;
        }
        Ok(ClassCurves {
            class: first.result.curves[place].class,
            auc: all.map(|all| all.mean),
            auc_ci: all.as_ref().map(automatic).transpose()?.flatten(),
            folds: of_runs().flat_map(|curves| curves.folds.iter().cloned()).collect(),
            average,
        })
    };
    (0..first.result.curves.len()).map(of_class).collect()
}

fn join_selections(selections: &mut Vec<Selection>, more: Vec<Selection>) {
    for other in more {
        match selections.iter_mut().find(|selection| selection.axis == other.axis) {
            Some(selection) => selection.chosen.extend(other.chosen),
            None => selections.push(other),
        }
    }
}

/// The value and the variance of every run of two arms' difference, as [`replicated`] takes them.
pub(super) fn difference(runs: &[(f64, Option<f64>)]) -> Result<Replicated, StudyError> {
    replicated(runs).ok_or(StudyError::Place {
        what: "run",
        place: 0,
        known: 0,
    })
}
