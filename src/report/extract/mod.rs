//! What is made of scores beside a study's report: a table of AUCs, all predictions, a ranking.

mod pages;
mod tables;

pub(super) use pages::{ranking, table};
pub(super) use tables::exported;

use super::model::{Interval, Prediction};
use crate::{
    plan::stage::{Axis, Measure, Part},
    store::Looks,
};

/// What all of them begin with.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Name of the `out`.
    pub name: String,
    /// The program's file name.
    pub program: String,
    /// Axes of the grid.
    pub axes: Vec<Axis>,
    /// Version of MTL.
    pub version: String,
    /// What the ledger says of the test data; none when looks are not recorded.
    pub looks: Option<Looks>,
}

/// AUCs of one part, rows by columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Names and axes.
    pub head: Head,
    /// The axis of the rows, by place.
    pub rows: usize,
    /// The axis of the columns, by place.
    pub columns: Option<usize>,
    /// Which samples.
    pub part: Part,
    /// One cell per coordinate, in row order of the axes.
    pub cells: Vec<TableCell>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableCell {
    /// A label per axis.
    pub coordinate: Vec<String>,
    /// Its task.
    pub task: String,
    /// Mean over the folds that have one.
    pub auc: Option<f64>,
    /// Its 95 % interval; none on tuning parts.
    pub auc_ci: Option<Interval>,
    /// Mean cross-entropy in nats, the mean over folds.
    pub loss: Option<f64>,
    /// One per (repeat, fold).
    pub folds: Vec<FoldValue>,
}

/// The value in one fold.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldValue {
    /// Repeat.
    pub repeat: u32,
    /// Fold.
    pub fold: u32,
    /// AUC; none where a class is missing.
    pub auc: Option<f64>,
    /// Mean cross-entropy in nats.
    pub loss: Option<f64>,
    /// Samples.
    pub samples: usize,
}

/// All predictions on test parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// Names and axes.
    pub head: Head,
    /// One per coordinate.
    pub cells: Vec<ExportedCell>,
}

/// The predictions of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedCell {
    /// A label per axis.
    pub coordinate: Vec<String>,
    /// Its task.
    pub task: String,
    /// The task's classes in order.
    pub classes: Vec<String>,
    /// One row per tested sample and repeat.
    pub rows: Vec<Prediction>,
}

/// The labels of the last axis ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct RankingPage {
    /// Names and axes; the last axis is ranked.
    pub head: Head,
    /// By what the best is found.
    pub by: Measure,
    /// Bootstrap samples.
    pub draws: u32,
    /// Their seed.
    pub seed: u64,
    /// One per coordinate of the other axes.
    pub cells: Vec<RankedCell>,
}

/// One ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedCell {
    /// A label per axis but the last.
    pub coordinate: Vec<String>,
    /// Its task.
    pub task: String,
    /// The plural noun of what is drawn.
    pub groups: String,
    /// One per label of the last axis.
    pub places: Vec<Placed>,
    /// The best, by place.
    pub winner: usize,
    /// Its AUC, corrected for its choice.
    pub corrected: Option<f64>,
    /// The 95 % interval of that.
    pub interval: Option<Interval>,
    /// Bootstrap samples in which it is defined.
    pub used: u32,
}

/// A candidate's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its label.
    pub label: String,
    /// AUC.
    pub auc: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of the bootstrap samples in which it is best.
    pub best: f64,
}
