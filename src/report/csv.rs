//! The CSV files: results with one row per cell, predictions with one row per tested sample and repeat.

use super::json::adjust;
use super::model::{CellResult, Interval, Study, TaskResult};
use super::{ReportError, numbers};
use crate::plan::stage::Axis;
use ::csv::Writer;

/// Columns of `results.csv` after those of the axes.
const COLUMNS: [&str; 35] = [
    "task",
    "network",
    "network_parameters",
    "chain",
    "n",
    "n_groups",
    "unit",
    "auc",
    "auc_low",
    "auc_high",
    "auc_method",
    "auc_pooled",
    "repeats",
    "runs",
    "runs_sd",
    "models",
    "epochs",
    "pictures",
    "steps",
    "chosen",
    "baseline",
    "delta",
    "delta_low",
    "delta_high",
    "z",
    "p_models",
    "p_strategy",
    "p",
    "p_adjusted",
    "test",
    "adjust",
    "family",
    "mde",
    "budgets_equal",
    "predictions",
];

/// `results.csv`: the axes' labels, then [`COLUMNS`]; empty where a number is not defined. Cells that are not compared
/// have empty columns from `baseline` to `budgets_equal`.
pub(super) fn results(study: &Study, paths: &[String]) -> Result<Vec<u8>, ReportError> {
    let mut writer = Writer::from_writer(Vec::new());
    let taken = |name: &str| {
        if COLUMNS.contains(&name) {
            format!("axis_{name}")
        } else {
            name.to_owned()
        }
    };
    let axes = study.axes.iter().map(|axis| taken(&axis.name));
    writer.write_record(axes.chain(COLUMNS.map(str::to_owned)))?;
    for (place, (cell, path)) in study.cells.iter().zip(paths).enumerate() {
        let mut row = cell.coordinate.clone();
        row.extend(cell_columns(study, cell));
        row.extend(comparison_columns(study, place));
        row.push(path.clone());
        writer.write_record(&row)?;
    }
    bytes(writer)
}

fn cell_columns(study: &Study, cell: &CellResult) -> [String; 20] {
    let [low, high] = interval(cell.auc_ci);
    [
        study.tasks[cell.task].name.clone(),
        cell.network.clone(),
        cell.network_parameters.to_string(),
        cell.chain.join("; "),
        cell.n.to_string(),
        cell.n_groups.to_string(),
        cell.unit.clone(),
        number(cell.auc),
        low,
        high,
        cell.auc_method.clone(),
        number(cell.auc_pooled),
        cell.repeats.to_string(),
        cell.runs.as_ref().map_or(1, |runs| runs.aucs.len()).to_string(),
        number(cell.runs.as_ref().and_then(|runs| runs.sd)),
        cell.budget.models.to_string(),
        cell.budget.epochs.to_string(),
        cell.budget.pictures.to_string(),
        cell.budget.steps.to_string(),
        chosen(cell),
    ]
}

/// `lr: 0.01 0.001 0.01; decay: 0 0 1`: what was chosen in each fold.
fn chosen(cell: &CellResult) -> String {
    let told = cell.selections.iter().map(|selection| {
        let labels: Vec<_> = selection.chosen.iter().map(|pick| pick.labels.join("|")).collect();
        format!("{}: {}", selection.axis, labels.join(" "))
    });
    told.collect::<Vec<_>>().join("; ")
}

fn comparison_columns(study: &Study, place: usize) -> [String; 14] {
    let Some(comparison) = study.comparisons.iter().find(|comparison| comparison.arm == place) else {
        return Default::default();
    };
    let [low, high] = interval(comparison.delta_ci);
    [
        study.cells[comparison.baseline].coordinate.join("; "),
        number(comparison.delta),
        low,
        high,
        number(comparison.z),
        number(comparison.p_models),
        number(comparison.p_strategy),
        number(comparison.p),
        number(comparison.p_adjusted),
        comparison.test.clone(),
        adjust(study.adjust).to_owned(),
        comparison.family.to_string(),
        number(comparison.mde),
        comparison.budgets_equal.to_string(),
    ]
}

/// `predictions/<cell>.csv`: the run where there are several, sample, group, repeat, fold, label, and `p_<class>` per class.
pub(super) fn predictions(runs: Option<&Axis>, task: &TaskResult, cell: &CellResult) -> Result<Vec<u8>, ReportError> {
    let mut writer = Writer::from_writer(Vec::new());
    let fixed = ["sample", "group", "repeat", "fold", "label"].map(str::to_owned);
    let run = runs.map(|axis| {
        if fixed.contains(&axis.name) {
            format!("axis_{}", axis.name)
        } else {
            axis.name.clone()
        }
    });
    writer.write_record(
        run.into_iter()
            .chain(fixed)
            .chain(task.classes.iter().map(|class| format!("p_{class}"))),
    )?;
    for row in &cell.predictions {
        let run = runs.map(|axis| axis.labels.get(row.run).cloned().unwrap_or_default());
        let fixed = [
            row.sample.clone(),
            row.group.clone(),
            row.repeat.to_string(),
            row.fold.to_string(),
            task.classes[row.class].clone(),
        ];
        writer.write_record(
            run.into_iter()
                .chain(fixed)
                .chain(row.probabilities.iter().map(|&share| number(Some(share)))),
        )?;
    }
    bytes(writer)
}

pub(super) fn bytes(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, ReportError> {
    writer
        .into_inner()
        .map_err(|error| ReportError::Csv(error.into_error().into()))
}

/// The shortest decimal form that reads back as the same number.
pub(super) fn number(value: Option<f64>) -> String {
    numbers::finite(value)
        .map(|value| value.to_string())
        .unwrap_or_default()
}

fn interval(ends: Option<Interval>) -> [String; 2] {
    match numbers::finite_interval(ends) {
        Some(ends) => ends.map(|end| number(Some(end))),
        None => Default::default(),
    }
}
