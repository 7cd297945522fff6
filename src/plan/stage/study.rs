//! What is judged and reported: cells on tasks, the comparisons between them, and every fact that a reader may ask for.

use super::{Scoring, WeightFacts};
use crate::plan::canon::shared;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a study judges, and by what: all that its statistics rest on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Design {
    /// Name of the `out`.
    pub name: String,
    /// Axes of the grid.
    pub axes: Vec<Axis>,
    /// One cell per coordinate, in row order.
    pub cells: Vec<Cell>,
    /// The comparisons: an arm and its baseline, by place in `cells`. Both are judged on one task.
    pub pairs: Vec<(usize, usize)>,
    /// Tasks, by [`Cell::task`].
    pub tasks: Vec<TaskFacts>,
    /// Every stage whose scores are used, by name; the roles `Scores(i)` of the inputs.
    pub scores: Vec<String>,
    /// Every training stage in any cell's chain; the roles `History(i)` of the inputs.
    pub trainings: Vec<TrainingFacts>,
    /// The axis whose labels are runs of one recipe: it is none of [`Design::axes`], and the members of a cell have a
    /// [`Member::run`] for each of its labels.
    pub replicate: Option<Axis>,
    /// The test of a difference.
    pub test: Test,
}

/// How a difference between two arms is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    /// With three or more repeats the corrected resampled t test, which is about strategies; else the clustered z test,
    /// which is about the trained models.
    #[default]
    Auto,
    /// DeLong's paired test, within folds: it takes samples as independent.
    DeLong,
    /// The clustered z test.
    Clustered,
}

impl Test {
    /// As the language writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::DeLong => "delong",
            Self::Clustered => "clustered",
        }
    }
}

/// The comparisons that a report is about; the others are exploratory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Primary {
    /// The task's label, as the program names it.
    pub label: String,
    /// Whether each of [`Design::pairs`] is one of them.
    pub pairs: Vec<bool>,
}

/// The statistics of a study and the pages that tell them. Outputs: the files of `out/<name>/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What is judged.
    pub design: Design,
    /// The program's file name.
    pub program: String,
    /// `//!` text of the program.
    pub about: Vec<String>,
    /// The axis along which arms are compared.
    pub compare: Option<String>,
    /// The baseline's label on every axis that it fixes; the compared axis is among them.
    pub baseline: Vec<(String, String)>,
    /// The correction for multiplicity.
    pub adjust: Adjust,
    /// The confirmatory comparisons; without it all of them are.
    pub primary: Option<Primary>,
    /// The program's other studies with comparisons on a cohort of this one; the roles `Comparisons(i)` of the inputs.
    pub others: Vec<OtherStudy>,
    /// Data sets whose groups cannot be told from those of the tested ones.
    pub unmatched: Vec<Unmatched>,
    /// Every setting with its value, and who set it.
    pub choices: Vec<Choice>,
    /// What was made of each weight file, by the stage that reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<(String, WeightFacts)>,
    /// The stages that this report rests on, for its picture.
    pub dag: Dag,
}

/// A study of the same program, whose comparisons are corrected together with a report's own: dividing a study into
/// several outputs buys no significance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherStudy {
    /// Name of its `out`.
    pub name: String,
    /// For each of its comparisons the cohort of the report's own that it is on, as [`TaskFacts::cohort`] numbers them.
    pub cohorts: Vec<Option<u32>>,
    /// For each of its comparisons whether it is one that the other study is about; all false when it names none.
    pub primary: Vec<bool>,
    /// Whether its comparisons are an input. Those of an output that was not asked for are counted only.
    pub is_run: bool,
}

/// Data that a model learnt from and data that it is tested on, whose groups have no common name space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unmatched {
    /// What was learnt from.
    pub learnt: String,
    /// What is tested.
    pub tested: String,
    /// Pictures that are in both, told by their files.
    pub shared_pictures: usize,
}

/// An axis of a grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// The loop variable.
    pub name: String,
    /// Its labels in order.
    pub labels: Vec<String>,
}

/// Corrections for multiplicity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adjust {
    /// Holm 1979, over all comparisons of the study.
    Holm,
    /// None.
    None,
}

/// A cell of a study: one chain judged on one task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// A label per axis.
    pub coordinate: Vec<String>,
    /// Its task, by place in [`Design::tasks`].
    pub task: usize,
    /// The network's name.
    pub network: String,
    /// Trained values of the network.
    pub network_parameters: u64,
    /// The model's history in words, oldest first: `random start`, `pretrain on density, 3 epochs`, ...
    pub chain: Vec<String>,
    /// One per (run, repeat, fold).
    pub members: Vec<Member>,
}

/// One model of a cell, and the samples that it scores.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its label on [`Design::replicate`], by place; 0 without that axis.
    pub run: usize,
    /// Repeat, from 0.
    pub repeat: u32,
    /// Fold, from 0.
    pub fold: u32,
    /// The models behind its scores.
    pub scoring: Scoring,
    /// The tested samples, by place in the task's [`TaskFacts::samples`].
    #[serde(serialize_with = "shared")]
    pub test: Arc<Vec<u32>>,
    /// The tuning part, likewise.
    #[serde(serialize_with = "shared")]
    pub tuning: Arc<Vec<u32>>,
    /// How scores become those of `test` and `tuning`, where these are units of several scored samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
}

/// For each unit its parts, and for each part the scored samples in it, by their place among all that are scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// The tested units, in the order of [`Member::test`].
    pub test: Vec<Vec<Vec<u32>>>,
    /// Those of the tuning part, likewise.
    pub tuning: Vec<Vec<Vec<u32>>>,
}

/// What a task's samples are, when they are not single pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// In the singular: `patient-side unit`, `2-view sample`.
    pub noun: String,
    /// How a unit's score is made of those of its samples; none where the model scores it itself.
    pub score: Option<String>,
}

/// What a report must know of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskFacts {
    /// The name of its binding, or `task`.
    pub name: String,
    /// Classes in order; of two the first is the positive one.
    pub classes: Vec<String>,
    /// The labels of each class, as the table writes them.
    pub class_labels: Vec<Vec<String>>,
    /// The column of the labels.
    pub column: String,
    /// The column of the groups; none when samples are their own groups.
    pub group_column: Option<String>,
    /// The name space of the groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// The split in words: `3 folds by patient, stratified by label, seed 7`.
    pub split: String,
    /// Folds in a repeat.
    pub folds: u32,
    /// Repeats.
    pub repeats: u32,
    /// What its samples are; none for single pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitFacts>,
    /// The data set that its samples come from, numbered within the report: comparisons on one are one family.
    pub cohort: u32,
    /// Every sample of the task.
    pub samples: Vec<SampleFacts>,
    /// Rows of the table before and after the class mapping: (rows, rows with a class).
    pub rows: (usize, usize),
    /// The data set's card.
    pub data: DataFacts,
}

/// A sample of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SampleFacts {
    /// Its name: the file as the table writes it, or `train_images/7`.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its class, by place in [`TaskFacts::classes`].
    pub class: u32,
    /// Its row of the prepared file; of several pictures that of the first.
    pub row: u32,
    /// The rows of its further pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<u32>,
}

/// What is said of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFacts {
    /// The manifest as the program names it.
    pub source: String,
    /// Title.
    pub title: Option<String>,
    /// Licence.
    pub license: Option<String>,
    /// Citation.
    pub citation: Option<String>,
    /// What a reader must know of it, in the words of who prepared it.
    pub caveats: Vec<String>,
}

/// A training stage as the report tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// The stage's name.
    pub stage: String,
    /// In words: `finetune on malignancy`.
    pub label: String,
    /// Pictures seen, repetitions counted.
    pub pictures: u64,
    /// Optimiser steps.
    pub steps: u64,
    /// Epochs.
    pub epochs: u32,
    /// Parameter values that train, and all trained values of the network.
    pub trained: (u64, u64),
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// Where it acts: a stage's or a call's name.
    pub scope: String,
    /// Its name.
    pub name: String,
    /// Its value, as the language writes it.
    pub value: String,
    /// Who set it.
    pub by: ChoiceBy,
}

/// Who set a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChoiceBy {
    /// The program's text, or `--set`.
    Program,
    /// A default.
    Default,
}

/// A plan's graph as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dag {
    /// Groups of like stages: (name, kind, how many stages stand behind it).
    pub nodes: Vec<(String, String, u32)>,
    /// Edges from one node to another, by place.
    pub edges: Vec<(u32, u32)>,
}
