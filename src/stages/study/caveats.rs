//! The facts that decide which caveats apply.

use super::{cell_name, cells::Judged};
use crate::{
    plan::stage::{ChoiceBy, Report, Test},
    report::{
        caveats::{Facts, Independent, Power, Trivial, Tuned, Unequal, Untuned},
        model::{Comparison, TaskResult},
        words,
    },
};
use indexmap::IndexSet;

/// The parameter of every way of training that holds its learning rate.
const RATE: &str = "lr";

/// The kind of the stages that read weights.
const LOAD: &str = "load";

/// By this word in its own description a program says that it follows Clancy et al. 2020.
const PAPER: &str = "Clancy";

/// Collects the facts.
pub(super) fn facts(spec: &Report, judged: &[Judged], comparisons: &[Comparison], tasks: &[TaskResult]) -> Facts {
    let cards: IndexSet<&String> = tasks.iter().flat_map(|task| &task.data.caveats).collect();
    let compared = || {
        comparisons
            .iter()
            .flat_map(|comparison| [comparison.arm, comparison.baseline])
    };
    let load = spec.dag.nodes.iter().filter(|(_, kind, _)| kind == LOAD);
    let about_paper = spec.about.iter().any(|line| line.contains(PAPER));
    Facts {
        cards: cards.into_iter().cloned().collect(),
        trivial: tasks.iter().filter_map(|task| trivial(tasks, task)).collect(),
        unequal: unequal(spec, judged, comparisons),
        untuned: untuned(spec).filter(|_| !tuned(spec).is_some_and(|tuned| tuned.others.is_empty())),
        tuned: tuned(spec),
        // No weight file declares what it was trained on.
        undeclared_weights: load.map(|(name, _, _)| name.clone()).collect(),
        unmatched: spec.unmatched.clone(),
        folds: judged.iter().filter_map(Judged::folds).max().unwrap_or(1),
        repeats: compared().map(|cell| judged[cell].result.repeats).min().unwrap_or(1),
        runs: spec
            .design
            .replicate
            .as_ref()
            .map_or(1, |axis| axis.labels.len() as u32),
        comparisons: comparisons.len(),
        about_models: comparisons.iter().any(|comparison| !comparison.about_strategies),
        independent: (spec.design.test == Test::DeLong && !comparisons.is_empty())
            .then(|| {
                compared()
                    .map(|cell| independent(&judged[cell], &tasks[judged[cell].result.task]))
                    .max()
            })
            .flatten()
            .filter(|independent| independent.repeated > 0),
        power: (0..tasks.len())
            .filter_map(|task| power(task, tasks, judged, comparisons))
            .collect(),
        after_clancy: about_paper.then_some(spec.choices.len()),
    }
}

/// The task's name, where there are several.
fn named(tasks: &[TaskResult], task: &TaskResult) -> Option<String> {
    (tasks.len() > 1).then(|| task.name.clone())
}

fn trivial(tasks: &[TaskResult], task: &TaskResult) -> Option<Trivial> {
    let baseline = task.trivial_baseline.as_ref()?;
    Some(Trivial {
        task: named(tasks, task),
        features: baseline.features,
        auc: baseline.auc,
        interval: baseline.auc_ci,
    })
}

fn power(task: usize, tasks: &[TaskResult], judged: &[Judged], comparisons: &[Comparison]) -> Option<Power> {
    let of_task = |comparison: &&Comparison| judged[comparison.arm].result.task == task;
    // Arms of one task are tested on the same samples, so any of its comparisons tells.
    let comparison = comparisons.iter().find(of_task)?;
    Some(Power {
        task: named(tasks, &tasks[task]),
        groups: judged[comparison.arm].tested.class_groups.clone(),
        noun: words::groups(tasks[task].group_column.as_deref()).to_owned(),
        mde: comparison.mde?,
    })
}

/// What a test that takes samples as independent passes over in a cell.
fn independent(cell: &Judged, task: &TaskResult) -> Independent {
    Independent {
        repeated: cell.repeated_groups,
        groups: cell.tested.groups,
        noun: words::groups(task.group_column.as_deref()).to_owned(),
    }
}

/// The cells whose learning rate is chosen on the tuning part, if there are any.
fn tuned(spec: &Report) -> Option<Tuned> {
    let design = &spec.design;
    let choice = |cell: usize| {
        let first = design.cells[cell].members.first()?;
        let choices = first.scoring.choices();
        let chosen = choices
            .into_iter()
            .find(|chosen| chosen.tunes.iter().any(|name| name == RATE))?;
        let labels = chosen.candidates.iter().map(|candidate| candidate.label.clone());
        Some((chosen.by.words(), labels.collect::<Vec<_>>()))
    };
    let all: Vec<_> = (0..design.cells.len()).map(choice).collect();
    let (by, candidates) = all.iter().flatten().next()?.clone();
    let names = |has_choice: bool| {
        let cells = (0..all.len()).filter(|&cell| all[cell].is_some() == has_choice);
        cells
            .map(|cell| cell_name(design, &design.cells[cell].coordinate))
            .collect()
    };
    Some(Tuned {
        by: by.to_owned(),
        candidates,
        arms: names(true),
        others: names(false),
    })
}

fn untuned(spec: &Report) -> Option<Untuned> {
    let set = || spec.choices.iter().filter(|choice| choice.name == RATE);
    let rates: IndexSet<&String> = set().map(|choice| &choice.value).collect();
    // A single arm has nothing that a common rate could favour.
    (spec.design.cells.len() > 1 && !rates.is_empty()).then(|| Untuned {
        rates: rates.into_iter().cloned().collect(),
        default: set().all(|choice| choice.by == ChoiceBy::Default),
    })
}

/// Arms with another budget than their baseline; an arm whose figures are the same in all its comparisons is told once,
/// by its label on the compared axis.
fn unequal(spec: &Report, judged: &[Judged], comparisons: &[Comparison]) -> Vec<Unequal> {
    let compared = spec
        .design
        .axes
        .iter()
        .position(|axis| Some(&axis.name) == spec.compare.as_ref());
    let Some(compared) = compared else { return Vec::new() };
    let label = |cell: usize| spec.design.cells[cell].coordinate[compared].clone();
    let in_full = |cell: usize| cell_name(&spec.design, &spec.design.cells[cell].coordinate);
    let mut told: IndexSet<String> = IndexSet::new();
    let mut result = Vec::new();
    for comparison in comparisons.iter().filter(|comparison| !comparison.budgets_equal) {
        let arm = label(comparison.arm);
        let control = |comparison: &Comparison| control(spec, judged, compared, comparison);
        let short = |comparison: &Comparison| statement(judged, comparison, control(comparison), label);
        let own = short(comparison);
        let mut of_arm = comparisons.iter().filter(|other| label(other.arm) == arm);
        if !of_arm.all(|other| !other.budgets_equal && short(other) == own) {
            result.push(statement(judged, comparison, control(comparison), in_full));
        } else if told.insert(arm) {
            result.push(own);
        }
    }
    result
}

fn statement(
    judged: &[Judged],
    comparison: &Comparison,
    control: Option<usize>,
    name: impl Fn(usize) -> String,
) -> Unequal {
    let [arm, baseline] = [comparison.arm, comparison.baseline].map(|cell| judged[cell].result.budget);
    Unequal {
        arm: name(comparison.arm),
        pictures: arm.pictures_per_model(),
        steps: arm.steps_per_model(),
        baseline: name(comparison.baseline),
        baseline_pictures: baseline.pictures_per_model(),
        control: control.map(name),
    }
}

/// The arm that gives the baseline the same budget: the baseline's network in the baseline's steps, as long as the arm.
fn control(spec: &Report, judged: &[Judged], compared: usize, comparison: &Comparison) -> Option<usize> {
    let (arm, baseline) = (comparison.arm, comparison.baseline);
    let steps = |cell: usize| -> Vec<Vec<&str>> {
        let label = |&training: &usize| spec.design.trainings[training].label.as_str();
        judged[cell]
            .result
            .members
            .iter()
            .map(|member| member.trainings.iter().map(label).collect())
            .collect()
    };
    let differs_only_along_the_axis = |cell: usize, other: usize| {
        let [one, other] = [cell, other].map(|cell| &spec.design.cells[cell].coordinate);
        (0..one.len()).all(|axis| axis == compared || one[axis] == other[axis])
    };
    (0..judged.len()).find(|&cell| {
        cell != arm
            && cell != baseline
            && (differs_only_along_the_axis(cell, arm) || differs_only_along_the_axis(cell, baseline))
            && spec.design.cells[cell].network == spec.design.cells[baseline].network
            && spec.design.cells[cell].chain.first() == spec.design.cells[baseline].chain.first()
            && steps(cell) == steps(baseline)
            && judged[cell].budget() == judged[arm].budget()
    })
}
