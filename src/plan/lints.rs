//! Lints of a study: what is probably not compared as it is meant to be.

use super::{
    eval::Evaluator,
    report::Study,
    stage::{Design, Test},
};
use crate::{
    diag::{Diagnostic, Severity, codes::lint as codes},
    source::Span,
};
use indexmap::IndexSet;
use std::collections::{BTreeMap, BTreeSet};

/// Splits from which the tests are of strategies (Nadeau and Bengio 2003, and the simulations in `docs/statistics.md`).
const REPEATS: u32 = 3;

/// Axes whose labels are runs of one arm and not arms.
const RUNS: [&str; 4] = ["seed", "seeds", "run", "replica"];

impl Evaluator<'_, '_> {
    /// Warns of a grid of arms that are not compared, and of arms that are compared at unequal budgets.
    pub(super) fn lint_study(&mut self, design: &Design, compares: bool, span: Span) {
        let arms = |axis: &super::stage::Axis| axis.labels.len() > 1 && !RUNS.contains(&axis.name.as_str());
        if let Some(axis) = design.axes.iter().find(|axis| arms(axis)).filter(|_| !compares) {
            let first = axis.labels.first().map_or("...", |label| label);
            let message = format!(
                "{} arms along `{}` are reported, and none is compared",
                axis.labels.len(),
                axis.name
            );
            let help = format!(
                "name the axis and the baseline: `compare: {:?}, baseline: {first:?}`",
                axis.name
            );
            let diagnostic = Diagnostic::warning(&codes::NO_COMPARISON, message).at(span, "");
            self.diagnostics.push(diagnostic.help(help));
        }
        self.lint_independence(design, span);
        let unequal = design.pairs.iter().find(|(arm, baseline)| {
            !same_budget(design, *arm, *baseline)
                && !has_control(design, *arm, *baseline)
                && !is_control(design, *arm, *baseline)
        });
        if let Some(&(arm, baseline)) = unequal {
            let (message, help) = unequal_words(design, arm, baseline);
            let diagnostic = Diagnostic::warning(&codes::UNEQUAL_BUDGETS, message).at(span, "");
            self.diagnostics.push(diagnostic.help(help));
        }
        self.lint_repeats(design, span);
    }

    /// Tells of arms that are compared on fewer cross-validations than a claim about strategies needs.
    fn lint_repeats(&mut self, design: &Design, span: Span) {
        let repeats = |&(arm, _): &(usize, usize)| {
            let members = design.cells[arm].members.iter();
            members.map(|member| member.repeat + 1).max().unwrap_or(1)
        };
        let Some(few) = design.pairs.iter().map(repeats).min().filter(|&few| few < REPEATS) else {
            return;
        };
        let runs = match few {
            1 => "one split of the patients".to_owned(),
            few => format!("{few} splits of the patients"),
        };
        let message =
            format!("the arms are compared on {runs}: the tests speak of these trained models, not of the strategies");
        let help = "`kfold(5, repeats: 3)` draws folds and seeds three times, and the tests then speak of strategies";
        let mut diagnostic = Diagnostic::warning(&codes::SINGLE_RUN, message).at(span, "").help(help);
        diagnostic.severity = Severity::Note;
        self.diagnostics.push(diagnostic);
    }

    /// Warns of a comparison on folds that are drawn with the seed that nobody chose.
    pub(super) fn lint_seeds(&mut self, study: &Study) {
        let trained = study.trainings.iter().filter_map(|id| self.trained_on.get(id));
        let splits = trained.chain(&study.tasks).map(|task| task.cohort.span);
        let unseeded: IndexSet<Span> = splits.filter(|span| self.unseeded.contains(span)).collect();
        for span in unseeded {
            let message = "the groups are drawn with seed 0, which nobody chose";
            let help = "write `seed: 7` here, or `@study(seed: 7)` before an item of the main file";
            let diagnostic = Diagnostic::warning(&codes::NO_SEED, message).at(span, "");
            self.diagnostics.push(diagnostic.help(help));
        }
    }

    /// Warns of a test that takes samples as independent where groups have several.
    fn lint_independence(&mut self, design: &Design, span: Span) {
        if design.test != Test::DeLong {
            return;
        }
        let arms = design.pairs.iter().map(|(arm, _)| &design.cells[*arm]);
        for cell in arms {
            let task = &design.tasks[cell.task];
            let Some(column) = &task.group_column else { continue };
            let tested: BTreeSet<u32> = cell
                .members
                .iter()
                .flat_map(|member| member.test.iter().copied())
                .collect();
            let mut count: BTreeMap<&str, usize> = BTreeMap::new();
            for sample in tested {
                if let Some(sample) = task.samples.get(sample as usize) {
                    *count.entry(&sample.group).or_insert(0) += 1;
                }
            }
            let several = count.values().filter(|samples| **samples > 1).count();
            if several > 0 {
                let message = format!(
                    "DeLong's test takes samples as independent, and {several} of {} groups of `{column}` have several",
                    count.len()
                );
                let help = "its p values are too small; `test: auto` takes groups as the unit";
                let diagnostic = Diagnostic::warning(&codes::INDEPENDENT_SAMPLES, message).at(span, "");
                self.diagnostics.push(diagnostic.help(help));
                return;
            }
        }
    }
}

/// Pictures seen and optimiser steps of all models of a cell.
fn budget(design: &Design, cell: usize) -> (u64, u64) {
    let members = design.cells[cell].members.iter();
    // Which candidate will be chosen is not known yet: the first stands for all.
    let trainings = members.flat_map(|member| member.scoring.trainings(&|_| 0));
    trainings
        .map(|training| &design.trainings[training])
        .fold((0, 0), |sum, training| {
            (sum.0 + training.pictures, sum.1 + training.steps)
        })
}

/// What two cells do not have in common, pictures before steps, and what to do about it.
fn unequal_words(design: &Design, arm: usize, baseline: usize) -> (String, &'static str) {
    let pictures_differ = budget(design, arm).0 != budget(design, baseline).0;
    let told = |cell: usize| {
        let name = design.cells[cell].coordinate.join(", ");
        let models = design.cells[cell].members.len().max(1) as u64;
        let (pictures, steps) = budget(design, cell);
        if pictures_differ {
            format!("`{name}` sees {} pictures a model", pictures / models)
        } else {
            format!("`{name}` takes {} steps a model", steps / models)
        }
    };
    let message = format!("{}, its baseline {}", told(arm), told(baseline));
    if pictures_differ {
        let help = "give the baseline as many epochs, or add an arm that trains the baseline as long; a difference may \
                    come from training longer alone";
        return (message, help);
    }
    let help = "both see as many pictures; give both one `batch` and one `accumulate`, or a difference may come from the \
                steps alone";
    (message, help)
}

/// True when two cells see as many pictures in as many steps. Where units are judged, an arm may have several pictures in
/// a sample: then steps alone can be the same.
fn same_budget(design: &Design, arm: usize, baseline: usize) -> bool {
    let (one, other) = (budget(design, arm), budget(design, baseline));
    let by_units = design.cells[arm].members.iter().any(|member| member.units.is_some());
    one == other || by_units && one.1 == other.1
}

/// True when a third cell takes the baseline's steps, as long as the arm.
fn has_control(design: &Design, arm: usize, baseline: usize) -> bool {
    others(design, arm, baseline)
        .any(|cell| takes_the_steps_of(design, cell, baseline) && budget(design, cell) == budget(design, arm))
}

/// True when the arm takes the baseline's steps, as long as a third cell that takes others: it is that cell's control.
fn is_control(design: &Design, arm: usize, baseline: usize) -> bool {
    let controlled = |cell| !takes_the_steps_of(design, cell, baseline) && budget(design, cell) == budget(design, arm);
    takes_the_steps_of(design, arm, baseline) && others(design, arm, baseline).any(controlled)
}

fn others(design: &Design, arm: usize, baseline: usize) -> impl Iterator<Item = usize> {
    (0..design.cells.len()).filter(move |&cell| cell != arm && cell != baseline)
}

/// True when two cells differ at most in how long their trainings are, and in the trainings' options.
fn takes_the_steps_of(design: &Design, cell: usize, baseline: usize) -> bool {
    let steps = |cell: usize| -> Vec<Vec<&str>> {
        let members = design.cells[cell].members.iter();
        let labels = |training: &usize| design.trainings[*training].label.as_str();
        members
            .map(|member| member.scoring.trainings(&|_| 0).iter().map(labels).collect())
            .collect()
    };
    let (one, base) = (&design.cells[cell], &design.cells[baseline]);
    one.network == base.network
        && one.task == base.task
        && one.chain.first() == base.chain.first()
        && steps(cell) == steps(baseline)
}
