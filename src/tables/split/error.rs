//! Why rows cannot be split.

use super::Part;
use thiserror::Error;

/// Why rows cannot be split as asked.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SplitError {
    /// There is nothing to split.
    #[error("there are no rows to split")]
    NoRows,
    /// A row without a group.
    #[error("row {row} has no group")]
    NoGroup {
        /// The row, from 0.
        row: usize,
    },
    /// Fewer than two folds, or no repeat.
    #[error("{folds} folds, {repeats} times: at least 2 folds, once, make a cross-validation")]
    BadFolds {
        /// Folds asked for.
        folds: u32,
        /// Repeats asked for.
        repeats: u32,
    },
    /// A share outside of `0..1`, or shares that leave nothing to train on.
    #[error("shares of {tuning} for tuning and {test} for testing leave no training part")]
    BadShares {
        /// Share of the tuning part.
        tuning: f64,
        /// Share of the test part.
        test: f64,
    },
    /// A part or fold would be empty.
    #[error("{groups} groups are too few for so many parts")]
    TooFewGroups {
        /// How many there are.
        groups: usize,
        /// The largest number of folds that would work; none when no number would, or when folds were not asked for.
        folds_that_work: Option<u32>,
    },
    /// A word of the split column that names no part.
    #[error("`{word}` in row {row} names no part: train, test, val, valid, validation and tuning do")]
    UnknownPart {
        /// The word.
        word: String,
        /// The first row that has it, from 0.
        row: usize,
    },
    /// A split column that puts a group in two parts.
    #[error("group `{group}` is in two parts: {} (row {}) and {} (row {})", first.0, first.1, second.0, second.1)]
    GroupInTwoParts {
        /// The group.
        group: String,
        /// A part and the first row that puts the group there, from 0.
        first: (Part, usize),
        /// Another part and its first row.
        second: (Part, usize),
        /// Number of groups that are in two parts.
        count: usize,
    },
    /// A group whose rows have two values of the column that makes the folds.
    #[error("group `{group}` is in two folds: {} (row {}) and {} (row {})", first.0, first.1, second.0, second.1)]
    GroupInTwoFolds {
        /// The group.
        group: String,
        /// A value and the first row that has it, from 0.
        first: (String, usize),
        /// Another value and its first row.
        second: (String, usize),
        /// Number of groups that are in two folds.
        count: usize,
    },
    /// A class that a member cannot learn or cannot be judged on.
    #[error("class {class} has no sample in the {part} part of fold {} of repeat {}", fold + 1, repeat + 1)]
    ClassVanishes {
        /// The class, by place.
        class: u32,
        /// The part.
        part: Part,
        /// The member's repeat, from 0.
        repeat: u32,
        /// The member's fold, from 0.
        fold: u32,
        /// Groups that have a sample of the class: as many folds could work at most.
        groups: usize,
    },
}
