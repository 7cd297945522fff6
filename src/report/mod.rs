//! What a person opens: self-contained HTML, JSON, CSV and LaTeX, drawn from plain data.
//!
//! [`render`] turns a [`Study`] into files; it computes no statistics and reads nothing. The same study gives the same
//! bytes: fields stand in a fixed order, numbers are written in one way, no clock and no machine name is looked at.
//!
//! | file | what |
//! | --- | --- |
//! | `report.html` | everything, for reading; no script, no external resource |
//! | `results.json` | everything, for programs; schema `mtl.results/1` |
//! | `results.csv` | one row per cell |
//! | `table.tex` | the table for a paper, with `booktabs` |
//! | `predictions/<cell>.csv` | one row per tested sample and repeat |

mod card;
mod chart;
mod csv;
mod dag;
mod json;
mod looks;
mod page;
mod tex;

pub mod caveats;
pub mod extract;
pub mod model;
pub mod names;
pub mod numbers;
pub mod words;

pub use card::card;
pub use model::Study;

use crate::plan::stage::Dag;
use thiserror::Error;

/// Why a study cannot be rendered.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A place that points at nothing.
    #[error("{what} {place} does not exist, there are {known}")]
    Place {
        /// What kind of thing.
        what: &'static str,
        /// The place.
        place: usize,
        /// How many there are.
        known: usize,
    },
    /// A list of a cell that is too long or too short.
    #[error("cell {cell} has {found} {what}, expected {expected}")]
    Length {
        /// What is counted.
        what: &'static str,
        /// The cell's place.
        cell: usize,
        /// Its length.
        found: usize,
        /// What it must be.
        expected: usize,
    },
    /// A list per class that does not fit the task's classes.
    #[error("task `{task}` has {expected} classes, but a list per class has {found}")]
    Classes {
        /// The task.
        task: String,
        /// The length of the list.
        found: usize,
        /// The number of classes.
        expected: usize,
    },
    /// The page.
    #[error("the page cannot be written: {0}")]
    Page(#[from] askama::Error),
    /// The JSON file.
    #[error("results.json cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A CSV file.
    #[error("a CSV file cannot be written: {0}")]
    Csv(#[from] ::csv::Error),
}

/// The files of a table: `report.html`, `table.json` (schema `mtl.table/1`), `table.csv`, `table.tex`.
///
/// # Errors
/// A file that cannot be written.
pub fn table(table: &extract::Table) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    extract::table(table)
}

/// The files of a ranking: `report.html`, `ranking.json` (schema `mtl.ranking/1`), `ranking.csv`.
///
/// # Errors
/// A file that cannot be written.
pub fn ranking(ranking: &extract::RankingPage) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    extract::ranking(ranking)
}

/// All predictions in one CSV file.
///
/// # Errors
/// A file that cannot be written.
pub fn exported(exported: &extract::Exported) -> Result<Vec<u8>, ReportError> {
    extract::exported(exported)
}

/// The stylesheet of pages and drawings.
const STYLE: &str = include_str!("templates/style.css");

/// A plan's drawing as an SVG file of its own; that of an empty plan is empty.
#[must_use]
pub fn pipeline(dag: &Dag) -> String {
    let drawing = dag::draw(dag, "pipeline").unwrap_or_else(|| "<svg></svg>".to_owned());
    drawing
        .replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1)
        .replacen("</svg>", &format!("<style>{STYLE}</style></svg>"), 1)
}

/// The same as a part of a page that has a stylesheet of its own; none of an empty plan.
#[must_use]
pub fn pipeline_in_page(dag: &Dag) -> Option<String> {
    dag::draw(dag, "pipeline")
}

/// The files of a report with their paths relative to the report's folder, in a fixed order.
///
/// # Errors
/// A study that contradicts itself ([`Study::check`]).
pub fn render(study: &Study) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    study.check()?;
    let paths = names::predictions(study);
    let mut files = vec![
        ("report.html".to_owned(), page::render(study, &paths)?.into_bytes()),
        ("results.json".to_owned(), json::render(study, &paths)?),
        ("results.csv".to_owned(), csv::results(study, &paths)?),
        ("table.tex".to_owned(), tex::render(study).into_bytes()),
    ];
    for (cell, path) in study.cells.iter().zip(paths) {
        files.push((
            path,
            csv::predictions(study.replicate.as_ref(), &study.tasks[cell.task], cell)?,
        ));
    }
    Ok(files)
}
