//! What the statistics refuse, with the facts.

/// The most cases one ranking may have: up to here every sum of squared counts of [`crate::stats::delong`] fits `i128`.
pub const MAX_CASES: usize = 1 << 25;

/// Why a statistic could not be computed. Rows count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// Two inputs that describe the same rows differ in length.
    #[error("{what}: expected {expected} values, found {found}")]
    LengthMismatch {
        /// The input that has the wrong length.
        what: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A score, probability, measurement or p-value is NaN or infinite.
    #[error("{what} in row {row} is {value}, not a finite number")]
    NotFinite {
        /// The input that holds it.
        what: &'static str,
        /// Its row.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A label is not one of the classes `0..classes`.
    #[error("label {label} in row {row} is not one of the {classes} classes 0 to {}", classes.saturating_sub(1))]
    UnknownLabel {
        /// The row.
        row: usize,
        /// The label found there.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
    /// No case has this class, so nothing can be ranked against it.
    #[error("no case of class {class}: an AUC needs every class")]
    MissingClass {
        /// The absent class.
        class: u32,
    },
    /// As [`StatsError::MissingClass`], within one fold.
    #[error("fold {fold} of repeat {repeat} has no case of class {class}: use fewer folds")]
    FoldWithoutClass {
        /// Repeat of the fold.
        repeat: u32,
        /// The fold.
        fold: u32,
        /// The absent class.
        class: u32,
    },
    /// A cluster (patient) lies in two folds of one repeat, so the folds are not independent.
    #[error("cluster {cluster} is in folds {first} and {second} of repeat {repeat}")]
    ClusterInTwoFolds {
        /// The cluster.
        cluster: u32,
        /// The repeat.
        repeat: u32,
        /// One fold.
        first: u32,
        /// The other fold.
        second: u32,
    },
    /// One sample is scored twice within a repeat.
    #[error("sample {sample} occurs twice in repeat {repeat}")]
    DuplicateSample {
        /// The sample.
        sample: u32,
        /// The repeat.
        repeat: u32,
    },
    /// Two arms to be compared are not scored on the same cases in the same folds.
    #[error("the arms are not paired: {first} against {second}")]
    NotPaired {
        /// The first case of arm A that differs (or how many it has).
        first: String,
        /// Its counterpart in arm B.
        second: String,
    },
    /// A setting lies outside its range.
    #[error("{name} is {value}; it must be {expected}")]
    InvalidParameter {
        /// The setting.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The range in words.
        expected: &'static str,
    },
    /// More cases than [`MAX_CASES`].
    #[error("{found} cases; at most {MAX_CASES} can be ranked exactly")]
    TooManyCases {
        /// Cases given.
        found: usize,
    },
    /// An iteration did not reach its tolerance.
    #[error("{what} did not converge in {iterations} iterations")]
    NotConverged {
        /// What was computed.
        what: &'static str,
        /// Iterations done.
        iterations: usize,
    },
}

/// Fails unless `found == expected`.
pub(super) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), StatsError> {
    if expected == found {
        Ok(())
    } else {
        Err(StatsError::LengthMismatch { what, expected, found })
    }
}

/// Fails on the first value that is NaN or infinite; `width` values make a row.
pub(super) fn check_finite(what: &'static str, values: &[f64], width: usize) -> Result<(), StatsError> {
    match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((at, &value)) => Err(StatsError::NotFinite {
            what,
            row: at / width.max(1),
            value,
        }),
    }
}

/// Fails on the first label that is not in `0..classes`.
pub(super) fn check_labels(labels: &[u32], classes: usize) -> Result<(), StatsError> {
    match labels.iter().enumerate().find(|&(_, &label)| label as usize >= classes) {
        None => Ok(()),
        Some((row, &label)) => Err(StatsError::UnknownLabel { row, label, classes }),
    }
}

/// Fails unless `valid`.
pub(super) fn check_parameter(
    name: &'static str,
    value: f64,
    valid: bool,
    expected: &'static str,
) -> Result<(), StatsError> {
    if valid {
        Ok(())
    } else {
        Err(StatsError::InvalidParameter { name, value, expected })
    }
}
