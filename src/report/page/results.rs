//! The AUCs: as a chart, as a matrix over two or more axes, and cell by cell with folds and budgets.

use super::super::chart::forest::{Estimate, Forest, Row};
use super::super::model::{CellResult, Selection, Study};
use super::super::{numbers, words};

/// The section.
pub(super) struct Results<'a> {
    pub(super) testing: &'static str,
    pub(super) estimands: Vec<&'a str>,
    pub(super) methods: Vec<&'a str>,
    pub(super) chart: Option<String>,
    pub(super) has_trivial_baseline: bool,
    pub(super) matrix: Option<Matrix<'a>>,
    pub(super) axes: Vec<&'a str>,
    pub(super) runs: Option<RunTable<'a>>,
    pub(super) selections: Vec<SelectionRow<'a>>,
    /// Whether a cell's labels leave its task open.
    pub(super) names_tasks: bool,
    pub(super) cells: Vec<CellRow<'a>>,
}

/// The runs of every cell.
pub(super) struct RunTable<'a> {
    pub(super) axis: &'a str,
    pub(super) labels: String,
    pub(super) rows: Vec<RunRow<'a>>,
}

/// The runs of a cell.
pub(super) struct RunRow<'a> {
    pub(super) labels: Vec<&'a str>,
    pub(super) mean: String,
    pub(super) sd: String,
    pub(super) range: String,
    pub(super) aucs: String,
}

/// What a cell chose along one axis.
pub(super) struct SelectionRow<'a> {
    pub(super) labels: Vec<&'a str>,
    pub(super) axis: &'a str,
    pub(super) by: String,
    pub(super) candidates: String,
    pub(super) chosen: String,
}

/// AUCs over the last axis by the axes before it.
pub(super) struct Matrix<'a> {
    pub(super) row_axes: Vec<&'a str>,
    pub(super) column_axis: &'a str,
    pub(super) columns: &'a [String],
    pub(super) rows: Vec<MatrixRow<'a>>,
}

/// A row of the matrix.
pub(super) struct MatrixRow<'a> {
    pub(super) heads: Vec<Head<'a>>,
    pub(super) cells: Vec<Option<MatrixCell>>,
}

/// A label over as many rows as it holds for.
pub(super) struct Head<'a> {
    pub(super) label: &'a str,
    pub(super) span: usize,
}

/// An AUC with its interval.
pub(super) struct MatrixCell {
    pub(super) auc: String,
    pub(super) interval: String,
    pub(super) baseline: bool,
}

/// A cell with everything that is known of it.
pub(super) struct CellRow<'a> {
    pub(super) labels: Vec<&'a str>,
    pub(super) baseline: bool,
    pub(super) task: &'a str,
    pub(super) auc: String,
    pub(super) interval: String,
    pub(super) folds: String,
    pub(super) pooled: String,
    pub(super) predictions: &'a str,
    pub(super) network: &'a str,
    pub(super) parameters: String,
    pub(super) chain: String,
    pub(super) epochs: String,
    pub(super) pictures: String,
    pub(super) steps: String,
    pub(super) models: String,
}

impl<'a> Results<'a> {
    pub(super) fn of(study: &'a Study, paths: &'a [String]) -> Self {
        let baselines = baselines(study);
        Self {
            testing: words::testing(&study.cells),
            estimands: distinct(study.cells.iter().map(|cell| cell.estimand.as_str())),
            methods: distinct(study.cells.iter().map(|cell| cell.auc_method.as_str())),
            chart: chart(study, &baselines),
            has_trivial_baseline: study.tasks.iter().any(|task| task.trivial_baseline.is_some()),
            matrix: matrix(study, &baselines),
            names_tasks: study.tasks.len() > 1
                && study
                    .cells
                    .iter()
                    .any(|cell| !cell.coordinate.contains(&study.tasks[cell.task].name)),
            axes: study.axes.iter().map(|axis| axis.name.as_str()).collect(),
            runs: runs(study),
            selections: selections(study),
            cells: study
                .cells
                .iter()
                .zip(paths)
                .zip(&baselines)
                .map(|((cell, path), &baseline)| CellRow::of(study, cell, path, baseline))
                .collect(),
        }
    }
}

impl<'a> CellRow<'a> {
    fn of(study: &'a Study, cell: &'a CellResult, predictions: &'a str, baseline: bool) -> Self {
        Self {
            labels: cell.coordinate.iter().map(String::as_str).collect(),
            baseline,
            task: &study.tasks[cell.task].name,
            auc: numbers::auc(cell.auc),
            interval: numbers::auc_interval(cell.auc_ci),
            folds: folds(cell),
            pooled: numbers::auc(cell.auc_pooled),
            predictions,
            network: &cell.network,
            parameters: numbers::count(cell.network_parameters),
            chain: cell.chain.join(" → "),
            epochs: numbers::count(cell.budget.epochs),
            pictures: numbers::count(cell.budget.pictures_per_model()),
            steps: numbers::count(cell.budget.steps_per_model()),
            models: numbers::count(cell.budget.models),
        }
    }
}

fn runs(study: &Study) -> Option<RunTable<'_>> {
    let axis = study.replicate.as_ref()?;
    let row = |cell: &'_ CellResult| {
        let runs = cell.runs.as_ref()?;
        let end = |pick: fn(f64, f64) -> f64| numbers::auc(runs.aucs.iter().copied().reduce(pick));
        let aucs: Vec<_> = runs.aucs.iter().map(|&auc| numbers::auc(Some(auc))).collect();
        Some((
            numbers::auc(cell.auc),
            numbers::auc(runs.sd),
            format!("{} to {}", end(f64::min), end(f64::max)),
            aucs.join(", "),
        ))
    };
    let rows = study.cells.iter().filter_map(|cell| {
        let (mean, sd, range, aucs) = row(cell)?;
        let labels = cell.coordinate.iter().map(String::as_str).collect();
        Some(RunRow {
            labels,
            mean,
            sd,
            range,
            aucs,
        })
    });
    Some(RunTable {
        axis: &axis.name,
        labels: axis.labels.join(", "),
        rows: rows.collect(),
    })
}

fn selections(study: &Study) -> Vec<SelectionRow<'_>> {
    let all = study
        .cells
        .iter()
        .flat_map(|cell| cell.selections.iter().map(move |selection| (cell, selection)));
    all.map(|(cell, selection)| SelectionRow {
        labels: cell.coordinate.iter().map(String::as_str).collect(),
        axis: &selection.axis,
        by: chosen_by(selection),
        candidates: selection.candidates.join(", "),
        chosen: chosen(selection),
    })
    .collect()
}

/// `tuning AUC, averaged over seed`
fn chosen_by(selection: &Selection) -> String {
    let pooled = match selection.pool.as_slice() {
        [] => String::new(),
        pool => format!(", averaged over {}", words::list(pool)),
    };
    format!("tuning {}{pooled}", selection.by)
}

/// The labels of the folds, repeats and runs apart: `0.1, 0.01; 0.1, 0.1`.
fn chosen(selection: &Selection) -> String {
    let repeats = selection
        .chosen
        .chunk_by(|one, other| (one.run, one.repeat) == (other.run, other.repeat));
    let repeats: Vec<String> = repeats
        .map(|picks| {
            picks
                .iter()
                .map(|pick| words::list(&pick.labels))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    repeats.join("; ")
}

/// The folds' AUCs, repeats apart: `0.61, 0.64; 0.60, 0.66`.
fn folds(cell: &CellResult) -> String {
    let repeats = cell.members.chunk_by(|one, other| one.repeat == other.repeat);
    let repeats: Vec<String> = repeats
        .map(|members| {
            members
                .iter()
                .map(|member| numbers::auc(member.auc))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    repeats.join("; ")
}

/// Whether something is compared with a cell, per cell.
pub(super) fn baselines(study: &Study) -> Vec<bool> {
    let is_one = |place| study.comparisons.iter().any(|comparison| comparison.baseline == place);
    (0..study.cells.len()).map(is_one).collect()
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen: Vec<&str> = Vec::new();
    for text in texts {
        if !seen.contains(&text) && !text.is_empty() {
            seen.push(text);
        }
    }
    seen
}

fn chart(study: &Study, baselines: &[bool]) -> Option<String> {
    let rows = grouped_rows(
        study,
        0..study.cells.len(),
        |cell| cell,
        |cell, label| estimate(study, &study.cells[cell], label, baselines[cell]),
    );
    let title = "AUC of every cell with its 95 % interval";
    Forest {
        id: "auc-chart",
        title,
        measure: "AUC",
        null: 0.5,
        rows,
    }
    .draw()
}

/// Rows of a chart: those that differ only in the arm stand together under their common labels. `cell` tells an item's
/// cell by place, `draw` makes its row with the label of its arm.
pub(super) fn grouped_rows<T: Copy>(
    study: &Study,
    items: impl Iterator<Item = T>,
    cell: impl Fn(T) -> usize,
    draw: impl Fn(T, String) -> Estimate,
) -> Vec<Row> {
    let arms = arm_axis(study);
    let mut groups: Vec<(Vec<&str>, Vec<T>)> = Vec::new();
    for cell in &study.cells {
        let others = others(&cell.coordinate, arms);
        if !groups.iter().any(|(known, _)| *known == others) {
            groups.push((others, Vec::new()));
        }
    }
    for item in items {
        let others = others(&study.cells[cell(item)].coordinate, arms);
        let group = groups.iter_mut().find(|(known, _)| *known == others);
        group.expect("every cell's labels were listed").1.push(item);
    }
    groups.retain(|(_, items)| !items.is_empty());
    let mut rows = Vec::new();
    for (others, items) in groups {
        if !others.is_empty() {
            rows.push(Row::Heading(heading(study, &others, arms)));
        }
        for item in items {
            let coordinate = &study.cells[cell(item)].coordinate;
            let label = arms.and_then(|axis| coordinate.get(axis)).unwrap_or(&study.name);
            rows.push(Row::Estimate(Box::new(draw(item, label.clone()))));
        }
    }
    rows
}

fn estimate(study: &Study, cell: &CellResult, label: String, baseline: bool) -> Estimate {
    let trivial = study.tasks[cell.task].trivial_baseline.as_ref();
    Estimate {
        label,
        value: numbers::finite(cell.auc),
        interval: numbers::finite_interval(cell.auc_ci),
        folds: cell
            .members
            .iter()
            .filter_map(|member| numbers::finite(member.auc))
            .collect(),
        text: match numbers::finite_interval(cell.auc_ci) {
            Some(_) => format!("{} ({})", numbers::auc(cell.auc), numbers::auc_interval(cell.auc_ci)),
            None => numbers::auc(cell.auc),
        },
        reference: trivial.and_then(|trivial| numbers::finite(Some(trivial.auc))),
        baseline,
    }
}

/// The axis whose labels name the rows of charts: the compared one, else the last.
fn arm_axis(study: &Study) -> Option<usize> {
    let compared = study
        .compare
        .as_ref()
        .and_then(|name| study.axes.iter().position(|axis| axis.name == *name));
    compared.or(study.axes.len().checked_sub(1))
}

/// The labels on all axes but one.
fn others(coordinate: &[String], without: Option<usize>) -> Vec<&str> {
    let kept = coordinate.iter().enumerate().filter(|&(axis, _)| Some(axis) != without);
    kept.map(|(_, label)| label.as_str()).collect()
}

/// `frozen 2 · task malignancy`: labels with the names of their axes.
fn heading(study: &Study, labels: &[&str], without: Option<usize>) -> String {
    let axes = study.axes.iter().enumerate().filter(|&(axis, _)| Some(axis) != without);
    let parts: Vec<String> = axes
        .zip(labels)
        .map(|((_, axis), label)| format!("{}: {label}", axis.name))
        .collect();
    parts.join(" · ")
}

fn matrix<'a>(study: &'a Study, baselines: &[bool]) -> Option<Matrix<'a>> {
    let (column_axis, row_axes) = study.axes.split_last().filter(|(_, rows)| !rows.is_empty())?;
    let mut keys: Vec<&[String]> = Vec::new();
    for cell in &study.cells {
        let key = &cell.coordinate[..row_axes.len()];
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let cell = |key: &[String], column: &String| {
        let place = study
            .cells
            .iter()
            .position(|cell| cell.coordinate.split_last() == Some((column, key)))?;
        let cell = &study.cells[place];
        Some(MatrixCell {
            auc: numbers::auc(cell.auc),
            interval: numbers::auc_interval(cell.auc_ci),
            baseline: baselines[place],
        })
    };
    let rows = keys
        .iter()
        .enumerate()
        .map(|(row, key)| MatrixRow {
            heads: heads(&keys, row),
            cells: column_axis.labels.iter().map(|column| cell(key, column)).collect(),
        })
        .collect();
    Some(Matrix {
        row_axes: row_axes.iter().map(|axis| axis.name.as_str()).collect(),
        column_axis: &column_axis.name,
        columns: &column_axis.labels,
        rows,
    })
}

/// The labels that begin in a row: those whose place or whose predecessors differ from the row above.
fn heads<'a>(keys: &[&'a [String]], row: usize) -> Vec<Head<'a>> {
    let key = keys[row];
    let holds = |other: &[String], depth: usize| other[..=depth] == key[..=depth];
    (0..key.len())
        .filter(|&depth| row == 0 || !holds(keys[row - 1], depth))
        .map(|depth| Head {
            label: &key[depth],
            span: keys[row..].iter().take_while(|other| holds(other, depth)).count(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::heads;

    #[test]
    fn a_label_stands_once_for_all_rows_that_share_it() {
        let owned = |labels: [&str; 2]| labels.map(str::to_owned).to_vec();
        let keys = [owned(["a", "x"]), owned(["a", "y"]), owned(["b", "y"])];
        let keys: Vec<&[String]> = keys.iter().map(Vec::as_slice).collect();
        let spans = |row| {
            heads(&keys, row)
                .iter()
                .map(|head| (head.label.to_owned(), head.span))
                .collect::<Vec<_>>()
        };
        assert_eq!(spans(0), [("a".to_owned(), 2), ("x".to_owned(), 1)]);
        assert_eq!(spans(1), [("y".to_owned(), 1)]);
        assert_eq!(spans(2), [("b".to_owned(), 1), ("y".to_owned(), 1)]);
    }
}
