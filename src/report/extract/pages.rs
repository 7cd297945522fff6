//! The pages of tables and rankings.

use super::super::{ReportError, looks, numbers, words};
use super::{RankedCell, RankingPage, Table, TableCell, tables};
use crate::plan::stage::{Measure, Part};
use askama::Template;

/// A table's page.
#[derive(Template)]
#[template(path = "table.html")]
struct TablePage<'a> {
    table: &'a Table,
    part: &'static str,
    notes: Vec<String>,
    looks: Vec<String>,
    grid: &'a Grid,
}

/// AUCs by rows and columns.
pub(super) struct Grid {
    pub(super) row_axes: Vec<String>,
    pub(super) column_axis: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row of the table.
pub(super) struct Row {
    pub(super) labels: Vec<String>,
    pub(super) cells: Vec<Cell>,
}

/// A cell of the table.
pub(super) struct Cell {
    pub(super) auc: String,
    pub(super) interval: Option<String>,
    pub(super) loss: String,
    pub(super) folds: String,
}

/// Of a table of test parts.
const CHOICE: &str = "A choice made by this table is made on the test parts: `select` chooses on the tuning parts.";

/// The files of a table.
pub(in crate::report) fn table(table: &Table) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let grid = grid(table);
    let part = match table.part {
        Part::Tuning => "tuning part",
        Part::Test => "test part, internal testing",
    };
    let notes = notes(table);
    let page = TablePage {
        table,
        part,
        looks: match table.part {
            Part::Tuning => Vec::new(),
            Part::Test => [vec![CHOICE.to_owned()], looks::paragraphs(table.head.looks.as_ref())].concat(),
        },
        grid: &grid,
        notes: notes.clone(),
    };
    Ok(vec![
        ("report.html".to_owned(), page.render()?.into_bytes()),
        ("table.json".to_owned(), tables::table_json(table)?),
        ("table.csv".to_owned(), tables::table_csv(table)?),
        (
            "table.tex".to_owned(),
            tables::table_tex(
                &table.head,
                &grid,
                &format!("{}: AUC, {part}. {}", table.head.name, notes.join(" ")),
            )
            .into_bytes(),
        ),
    ])
}

fn notes(table: &Table) -> Vec<String> {
    let mut notes = vec![match table.part {
        Part::Tuning => "Each AUC is the mean over the folds, of each fold's model on its own tuning part. Choices are made on \
                         these parts, so the numbers tell candidates apart and are no results. Tuning parts of different folds \
                         overlap: no interval is given."
            .to_owned(),
        Part::Test => "Each AUC is the mean over the folds, of each fold's model on its own test part, with its 95 % interval \
                       (Obuchowski 1997 within folds)."
            .to_owned(),
    }];
    let all = table.cells.iter().flat_map(|cell| &cell.folds);
    let missing = all.clone().filter(|fold| fold.auc.is_none()).count();
    if missing > 0 {
        notes.push(format!(
            "{missing} of {} parts lack a class and are left out of the mean.",
            all.count()
        ));
    }
    notes
}

fn grid(table: &Table) -> Grid {
    let axes = &table.head.axes;
    let name = |place: &usize| axes.get(*place).map(|axis| axis.name.clone()).unwrap_or_default();
    let mut outer: Vec<usize> = (0..axes.len())
        .filter(|&axis| axis != table.rows && Some(axis) != table.columns)
        .collect();
    outer.push(table.rows);
    let labels = |cell: &TableCell| -> Vec<String> {
        outer
            .iter()
            .filter_map(|&axis| cell.coordinate.get(axis).cloned())
            .collect()
    };
    let columns = match table.columns {
        Some(axis) => axes.get(axis).map(|axis| axis.labels.clone()).unwrap_or_default(),
        None => vec!["AUC".to_owned()],
    };
    let mut rows: Vec<Row> = Vec::new();
    // Rows in the order of the outer axes' labels, whatever the order of the grid's axes.
    let order = |cell: &TableCell| -> Vec<usize> {
        let place = |&axis: &usize| {
            axes[axis]
                .labels
                .iter()
                .position(|label| *label == cell.coordinate[axis])
        };
        outer.iter().map(|axis| place(axis).unwrap_or(0)).collect()
    };
    let mut cells: Vec<&TableCell> = table.cells.iter().collect();
    cells.sort_by_key(|cell| order(cell));
    for cell in cells {
        let labels = labels(cell);
        if rows.last().is_none_or(|row| row.labels != labels) {
            rows.push(Row {
                labels,
                cells: Vec::new(),
            });
        }
        if let Some(row) = rows.last_mut() {
            row.cells.push(Cell::of(cell));
        }
    }
    Grid {
        row_axes: outer.iter().map(name).collect(),
        column_axis: table.columns.as_ref().map(name),
        columns,
        rows,
    }
}

impl Cell {
    fn of(cell: &TableCell) -> Self {
        let folds: Vec<_> = cell.folds.iter().map(|fold| numbers::auc(fold.auc)).collect();
        Self {
            auc: numbers::auc(cell.auc),
            interval: numbers::finite_interval(cell.auc_ci).map(|ends| numbers::auc_interval(Some(ends))),
            loss: numbers::auc(cell.loss),
            folds: folds.join(", "),
        }
    }
}

/// A ranking's page.
#[derive(Template)]
#[template(path = "ranking.html")]
struct Page<'a> {
    ranking: &'a RankingPage,
    looks: Vec<String>,
    axis: &'a str,
    by: &'static str,
    draws: String,
    cells: Vec<Ranked<'a>>,
}

/// One ranking as the page shows it.
struct Ranked<'a> {
    title: String,
    sentence: String,
    rows: Vec<RankedRow<'a>>,
}

/// A candidate, the one on top first.
struct RankedRow<'a> {
    label: &'a str,
    auc: String,
    loss: String,
    best: String,
    winner: bool,
}

/// The files of a ranking.
pub(in crate::report) fn ranking(ranking: &RankingPage) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let page = Page {
        ranking,
        looks: looks::paragraphs(ranking.head.looks.as_ref()),
        axis: ranking.head.axes.last().map_or("", |axis| &axis.name),
        by: match ranking.by {
            Measure::Auc => "largest AUC",
            Measure::Loss => "smallest loss",
        },
        draws: numbers::count(u64::from(ranking.draws)),
        cells: ranking.cells.iter().map(|cell| ranked(ranking, cell)).collect(),
    };
    Ok(vec![
        ("report.html".to_owned(), page.render()?.into_bytes()),
        ("ranking.json".to_owned(), tables::ranking_json(ranking)?),
        ("ranking.csv".to_owned(), tables::ranking_csv(ranking)?),
    ])
}

fn ranked<'a>(ranking: &'a RankingPage, cell: &'a RankedCell) -> Ranked<'a> {
    let axes = ranking.head.axes.iter().zip(&cell.coordinate);
    let labels: Vec<String> = axes.map(|(axis, label)| format!("{}: {label}", axis.name)).collect();
    let mut order: Vec<usize> = (0..cell.places.len()).collect();
    let value = |at: &usize| match ranking.by {
        Measure::Auc => -cell.places[*at].auc,
        Measure::Loss => cell.places[*at].loss,
    };
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let rows = order.iter().map(|&at| {
        let place = &cell.places[at];
        RankedRow {
            label: &place.label,
            auc: numbers::auc(Some(place.auc)),
            loss: numbers::auc(Some(place.loss)),
            best: numbers::auc(Some(place.best)),
            winner: at == cell.winner,
        }
    });
    Ranked {
        title: if labels.is_empty() {
            cell.task.clone()
        } else {
            labels.join(" · ")
        },
        sentence: sentence(ranking.head.axes.last().map_or("", |axis| &axis.name), cell),
        rows: rows.collect(),
    }
}

/// What may be said of the one on top.
fn sentence(axis: &str, cell: &RankedCell) -> String {
    let Some(place) = cell.places.get(cell.winner) else {
        return String::new();
    };
    let corrected = match (cell.corrected, numbers::finite_interval(cell.interval)) {
        (Some(auc), Some(ends)) => format!(
            "Corrected for having been picked among {}, its AUC is {} (95 % interval {}).",
            words::counted(cell.places.len(), "candidate"),
            numbers::auc(Some(auc)),
            numbers::auc_interval(Some(ends)),
        ),
        _ => "Its AUC out of bag is not defined here.".to_owned(),
    };
    format!(
        "{axis} {} is on top with an AUC of {} on the test parts; it is so in a share of {} of the bootstrap samples of {}. {corrected}",
        place.label,
        numbers::auc(Some(place.auc)),
        numbers::auc(Some(place.best)),
        cell.groups,
    )
}
