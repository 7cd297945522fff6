//! CSV, JSON and LaTeX of tables, predictions and rankings.

use super::super::csv::{bytes, number};
use super::super::{ReportError, numbers, tex};
use super::{Exported, Head, RankingPage, Table};
use crate::plan::stage::Part;
use ::csv::Writer;
use indexmap::IndexMap;
use serde::Serialize;
use std::fmt::Write as _;

/// Columns of predictions between those of the axes and those of the classes.
const FIXED: [&str; 6] = ["task", "sample", "group", "repeat", "fold", "label"];

/// The names of the axes as columns beside others; a name that is taken gets `axis_` before it.
fn axis_columns(head: &Head, taken: &[&str]) -> Vec<String> {
    let name = |name: &String| {
        if taken.contains(&name.as_str()) {
            format!("axis_{name}")
        } else {
            name.clone()
        }
    };
    head.axes.iter().map(|axis| name(&axis.name)).collect()
}

/// One row per prediction: the axes, [`FIXED`], then `p_<class>` for every class of any task; empty where a task has not
/// that class.
pub(in crate::report) fn exported(exported: &Exported) -> Result<Vec<u8>, ReportError> {
    let mut classes: Vec<&str> = Vec::new();
    for class in exported.cells.iter().flat_map(|cell| &cell.classes) {
        if !classes.contains(&class.as_str()) {
            classes.push(class);
        }
    }
    let mut writer = Writer::from_writer(Vec::new());
    let header = axis_columns(&exported.head, &FIXED)
        .into_iter()
        .chain(FIXED.map(str::to_owned));
    writer.write_record(header.chain(classes.iter().map(|class| format!("p_{class}"))))?;
    for cell in &exported.cells {
        let places: Vec<Option<usize>> = classes
            .iter()
            .map(|class| cell.classes.iter().position(|own| own == class))
            .collect();
        for row in &cell.rows {
            let fixed = [
                cell.task.clone(),
                row.sample.clone(),
                row.group.clone(),
                row.repeat.to_string(),
                row.fold.to_string(),
                cell.classes[row.class].clone(),
            ];
            let shares = places
                .iter()
                .map(|place| number(place.and_then(|place| row.probabilities.get(place).copied())));
            writer.write_record(cell.coordinate.iter().cloned().chain(fixed).chain(shares))?;
        }
    }
    bytes(writer)
}

/// `table.csv`: one row per cell.
pub(super) fn table_csv(table: &Table) -> Result<Vec<u8>, ReportError> {
    const COLUMNS: [&str; 6] = ["part", "auc", "auc_low", "auc_high", "loss", "folds"];
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(
        axis_columns(&table.head, &COLUMNS)
            .into_iter()
            .chain(COLUMNS.map(str::to_owned)),
    )?;
    for cell in &table.cells {
        let ends = numbers::finite_interval(cell.auc_ci);
        let own = [
            part(table.part).to_owned(),
            number(cell.auc),
            number(ends.map(|ends| ends[0])),
            number(ends.map(|ends| ends[1])),
            number(cell.loss),
            cell.folds.len().to_string(),
        ];
        writer.write_record(cell.coordinate.iter().cloned().chain(own))?;
    }
    bytes(writer)
}

/// A part's word in files.
pub(super) fn part(part: Part) -> &'static str {
    match part {
        Part::Tuning => "tuning",
        Part::Test => "test",
    }
}

type Coordinate<'a> = IndexMap<&'a str, &'a str>;

fn coordinate<'a>(head: &'a Head, labels: &'a [String]) -> Coordinate<'a> {
    let names = head.axes.iter().map(|axis| axis.name.as_str());
    names.zip(labels.iter().map(String::as_str)).collect()
}

#[derive(Serialize)]
struct JsonTable<'a> {
    schema: &'static str,
    name: &'a str,
    program: &'a str,
    part: &'static str,
    rows: Option<&'a str>,
    columns: Option<&'a str>,
    axes: &'a [crate::plan::stage::Axis],
    cells: Vec<JsonCell<'a>>,
    mtl: &'a str,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    coordinate: Coordinate<'a>,
    task: &'a str,
    auc: Option<f64>,
    auc_ci: Option<[f64; 2]>,
    loss: Option<f64>,
    folds: Vec<JsonFold>,
}

#[derive(Serialize)]
struct JsonFold {
    repeat: u32,
    fold: u32,
    samples: usize,
    auc: Option<f64>,
    loss: Option<f64>,
}

/// `table.json`, schema `mtl.table/1`.
pub(super) fn table_json(table: &Table) -> Result<Vec<u8>, ReportError> {
    let axis = |place: usize| table.head.axes.get(place).map(|axis| axis.name.as_str());
    let cells = table.cells.iter().map(|cell| JsonCell {
        coordinate: coordinate(&table.head, &cell.coordinate),
        task: &cell.task,
        auc: numbers::finite(cell.auc),
        auc_ci: numbers::finite_interval(cell.auc_ci),
        loss: numbers::finite(cell.loss),
        folds: cell
            .folds
            .iter()
            .map(|fold| JsonFold {
                repeat: fold.repeat,
                fold: fold.fold,
                samples: fold.samples,
                auc: numbers::finite(fold.auc),
                loss: numbers::finite(fold.loss),
            })
            .collect(),
    });
    json(&JsonTable {
        schema: "mtl.table/1",
        name: &table.head.name,
        program: &table.head.program,
        part: part(table.part),
        rows: axis(table.rows),
        columns: table.columns.and_then(axis),
        axes: &table.head.axes,
        cells: cells.collect(),
        mtl: &table.head.version,
    })
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Serialize)]
struct JsonRanking<'a> {
    schema: &'static str,
    name: &'a str,
    program: &'a str,
    axis: Option<&'a str>,
    by: &'static str,
    draws: u32,
    seed: u64,
    cells: Vec<JsonRanked<'a>>,
    mtl: &'a str,
}

#[derive(Serialize)]
struct JsonRanked<'a> {
    coordinate: Coordinate<'a>,
    task: &'a str,
    winner: Option<&'a str>,
    auc_corrected: Option<f64>,
    auc_corrected_ci: Option<[f64; 2]>,
    draws_used: u32,
    candidates: Vec<JsonPlace<'a>>,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    label: &'a str,
    auc: Option<f64>,
    loss: Option<f64>,
    probability_of_being_best: Option<f64>,
}

/// `ranking.json`, schema `mtl.ranking/1`.
pub(super) fn ranking_json(ranking: &RankingPage) -> Result<Vec<u8>, ReportError> {
    let cells = ranking.cells.iter().map(|cell| JsonRanked {
        coordinate: coordinate(&ranking.head, &cell.coordinate),
        task: &cell.task,
        winner: cell.places.get(cell.winner).map(|place| place.label.as_str()),
        auc_corrected: numbers::finite(cell.corrected),
        auc_corrected_ci: numbers::finite_interval(cell.interval),
        draws_used: cell.used,
        candidates: cell
            .places
            .iter()
            .map(|place| JsonPlace {
                label: &place.label,
                auc: numbers::finite(Some(place.auc)),
                loss: numbers::finite(Some(place.loss)),
                probability_of_being_best: numbers::finite(Some(place.best)),
            })
            .collect(),
    });
    json(&JsonRanking {
        schema: "mtl.ranking/1",
        name: &ranking.head.name,
        program: &ranking.head.program,
        axis: ranking.head.axes.last().map(|axis| axis.name.as_str()),
        by: ranking.by.words(),
        draws: ranking.draws,
        seed: ranking.seed,
        cells: cells.collect(),
        mtl: &ranking.head.version,
    })
}

/// `ranking.csv`: one row per candidate.
pub(super) fn ranking_csv(ranking: &RankingPage) -> Result<Vec<u8>, ReportError> {
    const COLUMNS: [&str; 7] = [
        "auc",
        "loss",
        "best",
        "winner",
        "auc_corrected",
        "corrected_low",
        "corrected_high",
    ];
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(
        axis_columns(&ranking.head, &COLUMNS)
            .into_iter()
            .chain(COLUMNS.map(str::to_owned)),
    )?;
    for cell in &ranking.cells {
        let ends = numbers::finite_interval(cell.interval);
        for (at, place) in cell.places.iter().enumerate() {
            let wins = at == cell.winner;
            let of_winner = |value: Option<f64>| number(value.filter(|_| wins));
            let own = [
                number(Some(place.auc)),
                number(Some(place.loss)),
                number(Some(place.best)),
                wins.to_string(),
                of_winner(cell.corrected),
                of_winner(ends.map(|ends| ends[0])),
                of_winner(ends.map(|ends| ends[1])),
            ];
            let labels = cell.coordinate.iter().chain([&place.label]).cloned();
            writer.write_record(labels.chain(own))?;
        }
    }
    bytes(writer)
}

/// `table.tex`, with `booktabs`: rows by columns.
pub(super) fn table_tex(head: &Head, grid: &super::pages::Grid, caption: &str) -> String {
    let mut text = format!(
        "% {}, computed by MTL {}. Needs \\usepackage{{booktabs}}.\n",
        tex::comment(&head.program),
        tex::comment(&head.version)
    );
    let columns = "l".repeat(grid.row_axes.len() + grid.columns.len());
    let names = grid.row_axes.iter().chain(&grid.columns).map(|name| tex::escape(name));
    let _ = write!(
        text,
        "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n    {} \\\\\n    \\midrule\n",
        tex::escape(caption),
        tex::label(&head.name),
        names.collect::<Vec<_>>().join(" & "),
    );
    for row in &grid.rows {
        let cells = row.cells.iter().map(|cell| match &cell.interval {
            Some(interval) => format!("{} ({})", cell.auc, tex::escape(interval)),
            None => cell.auc.clone(),
        });
        let all: Vec<String> = row.labels.iter().map(|label| tex::escape(label)).chain(cells).collect();
        let _ = writeln!(text, "    {} \\\\", all.join(" & "));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}\n\\end{table}\n");
    text
}
