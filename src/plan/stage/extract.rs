//! What is made of a study's scores beside a report.

use super::{Design, Measure};
use serde::{Deserialize, Serialize};

/// Something of a study's scores. Takes the roles `Scores(i)`; outputs: the files of `out/<name>/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extract {
    /// What is judged.
    pub design: Design,
    /// The program's file name.
    pub program: String,
    /// What is made of it.
    pub what: What,
}

/// What is made of scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// AUCs of one part, rows by columns. Axes go by place in [`Design::axes`].
    Table {
        /// The axis of the rows.
        rows: usize,
        /// The axis of the columns.
        columns: Option<usize>,
        /// Which samples.
        part: Part,
    },
    /// Every prediction on the test parts, in one CSV file.
    Predictions {
        /// Its path within the output's folder.
        file: String,
    },
    /// The labels of the last axis ranked, for every coordinate of the others.
    Ranking {
        /// By what.
        by: Measure,
        /// Bootstrap samples of the groups.
        draws: u32,
        /// Decides which groups are drawn.
        seed: u64,
    },
}

impl What {
    /// The kind of the stage, as it is shown and as it stands in keys.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Table { .. } => "table",
            Self::Predictions { .. } => "export",
            Self::Ranking { .. } => "rank",
        }
    }
}

/// Which samples of a fold are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The tuning part, on which choices are made.
    Tuning,
    /// The test part.
    Test,
}
