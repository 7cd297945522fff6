//! AUC of more than two classes: Hand & Till's M and one-vs-rest.
//!
//! Hand & Till 2001, "A simple generalisation of the area under the ROC curve for multiple class classification
//! problems", Machine Learning 45:171; the same as scikit-learn's `roc_auc_score` with `multi_class="ovo"` or `"ovr"` and
//! `average="macro"`. Probabilities are ranked as given: dividing a row by its sum would break ties.
//!
//! All of them are averages of plain AUCs, so a patient's components are the averages of theirs and the variance has a
//! closed form, see [`super::crossval`].

use super::clustered::AUC;
use super::error::{StatsError, check_parameter};
use super::influence::{Against, Cases, Deviations, Term};

/// Which AUC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The binary AUC, label 1 against label 0, one score a case.
    Auc,
    /// Hand & Till's M: the mean over all ordered pairs of classes (i, j) of the AUC of class i against class j by the
    /// probability of i.
    HandTill,
    /// The plain mean over classes of [`Metric::OneVsRest`].
    OneVsRestMacro,
    /// The AUC of one class against all others by its probability.
    OneVsRest(u32),
}

/// The value of a metric on the cases of one model. `scores` is row-major `[cases, classes]` (for [`Metric::Auc`]
/// `[cases]`, with two classes), `labels` are in `0..classes`.
///
/// # Errors
/// Lengths that differ, a label outside `0..classes`, a score that is not finite, a class without a case, fewer than two
/// classes, a class of [`Metric::OneVsRest`] outside them.
///
/// ```
/// use mtl::stats::multiclass::{Metric, multiclass_auc};
/// let probabilities = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.2, 0.3, 0.5];
/// assert_eq!(multiclass_auc(&[0, 1, 2], &probabilities, 3, Metric::HandTill)?, 1.0);
/// # Ok::<(), mtl::stats::StatsError>(())
/// ```
pub fn multiclass_auc(labels: &[u32], scores: &[f64], classes: usize, metric: Metric) -> Result<f64, StatsError> {
    // The value does not depend on the clusters.
    let clusters = vec![0; labels.len()];
    Ok(metric.deviations(labels, &clusters, scores, classes)?.value)
}

impl Metric {
    /// Scores a case needs for `classes` classes.
    pub(super) fn width(self, classes: usize) -> usize {
        if self == Metric::Auc { 1 } else { classes }
    }

    /// Checks the cases of one model and ranks them.
    pub(super) fn deviations(
        self,
        labels: &[u32],
        clusters: &[u32],
        scores: &[f64],
        classes: usize,
    ) -> Result<Deviations, StatsError> {
        let several = if self == Metric::Auc {
            classes == 2
        } else {
            classes >= 2
        };
        check_parameter(
            "number of classes",
            classes as f64,
            several,
            "2 for the binary AUC, else at least 2",
        )?;
        let cases = Cases {
            labels,
            clusters,
            scores,
            width: self.width(classes),
        };
        cases.check(classes)?;
        let last = classes as u32 - 1;
        match self {
            Metric::Auc => Deviations::new(cases, 2, &AUC),
            Metric::HandTill => Deviations::new(cases, classes, &hand_till(last)),
            Metric::OneVsRestMacro => {
                let terms: Vec<Term> = (0..=last).map(|class| one_vs_rest(class, class)).collect();
                Deviations::new(cases, classes, &terms)
            }
            Metric::OneVsRest(class) => {
                check_parameter("class", f64::from(class), class <= last, "one of the classes")?;
                // The others are one class here, as in any binary AUC.
                let labels: Vec<u32> = labels.iter().map(|&label| u32::from(label == class)).collect();
                let cases = Cases {
                    labels: &labels,
                    ..cases
                };
                Deviations::new(cases, 2, &[one_vs_rest(1, class)]).map_err(|error| match error {
                    // Without a case of "the rest" every other class is absent: name the first.
                    StatsError::MissingClass { class: 0 } => StatsError::MissingClass {
                        class: u32::from(class == 0),
                    },
                    StatsError::MissingClass { .. } => StatsError::MissingClass { class },
                    other => other,
                })
            }
        }
    }
}

fn one_vs_rest(positive: u32, column: u32) -> Term {
    Term {
        positive,
        against: Against::Rest,
        column: column as usize,
    }
}

/// All ordered pairs of the classes `0..=last`.
fn hand_till(last: u32) -> Vec<Term> {
    let pairs = (0..=last)
        .flat_map(|i| (0..=last).map(move |j| (i, j)))
        .filter(|(i, j)| i != j);
    pairs
        .map(|(i, j)| Term {
            positive: i,
            against: Against::Class(j),
            column: i as usize,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rescaled_row_breaks_ties_so_rows_are_read_as_they_are() {
        // Two cases with the same probability of class 0, in rows whose sums differ in the last digit.
        let probabilities = [0.2, 0.3, 0.5, 0.2, 0.1, 0.700_000_000_000_1, 0.1, 0.8, 0.1];
        let auc = multiclass_auc(&[0, 1, 2], &probabilities, 3, Metric::OneVsRest(0)).unwrap();
        assert_eq!(auc, 0.75);
    }

    #[test]
    fn invalid_input_is_refused() {
        let probabilities = [0.2, 0.3, 0.5, 0.1, 0.8, 0.1];
        let refused = |labels: &[u32], classes, metric| multiclass_auc(labels, &probabilities, classes, metric);
        assert_eq!(
            refused(&[0, 1], 3, Metric::HandTill).unwrap_err(),
            StatsError::MissingClass { class: 2 }
        );
        assert_eq!(
            refused(&[0, 3], 3, Metric::HandTill).unwrap_err(),
            StatsError::UnknownLabel {
                row: 1,
                label: 3,
                classes: 3
            }
        );
        assert!(matches!(
            refused(&[0, 1], 2, Metric::HandTill),
            Err(StatsError::LengthMismatch { .. })
        ));
        assert!(matches!(
            refused(&[0, 1], 3, Metric::Auc),
            Err(StatsError::InvalidParameter { .. })
        ));
        assert!(matches!(
            refused(&[0, 1], 3, Metric::OneVsRest(3)),
            Err(StatsError::InvalidParameter { .. })
        ));
        // One-vs-rest of a class that no case has, and of the class that every case has.
        assert_eq!(
            refused(&[0, 1], 3, Metric::OneVsRest(2)).unwrap_err(),
            StatsError::MissingClass { class: 2 }
        );
        assert_eq!(
            refused(&[1, 1], 3, Metric::OneVsRest(1)).unwrap_err(),
            StatsError::MissingClass { class: 0 }
        );
    }

    proptest! {
        #[test]
        fn renaming_the_classes_does_not_change_the_averages(
            rows in prop::collection::vec((0u32..3, prop::array::uniform3(0i32..12)), 6..40),
        ) {
            let labels: Vec<u32> = rows.iter().enumerate().map(|(at, r)| if at < 3 { at as u32 } else { r.0 }).collect();
            let scores: Vec<f64> = rows.iter().flat_map(|row| row.1.map(f64::from)).collect();
            let renamed: Vec<u32> = labels.iter().map(|label| (label + 1) % 3).collect();
            let moved: Vec<f64> = scores.chunks_exact(3).flat_map(|row| [row[2], row[0], row[1]]).collect();
            for metric in [Metric::HandTill, Metric::OneVsRestMacro] {
                let before = multiclass_auc(&labels, &scores, 3, metric)?;
                prop_assert!((before - multiclass_auc(&renamed, &moved, 3, metric)?).abs() < 1e-14);
            }
        }
    }
}
