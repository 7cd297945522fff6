//! The ROC curve: points, area, operating points, and the average of several curves.

use super::error::{StatsError, check_parameter};
use super::placements::{Placements, split_by_label};

/// The area under the ROC curve: the share of (positive, negative) pairs in which the positive has the higher score,
/// ties counting one half (the Mann-Whitney form; Hanley & McNeil 1982). Labels are 0 or 1.
///
/// Pairs are counted as integers and divided once, so the result is the correctly rounded quotient.
///
/// # Errors
/// Lengths that differ, a label other than 0 or 1, a score that is not finite, a class without a case, more cases than
/// [`super::MAX_CASES`].
///
/// ```
/// let auc = mtl::stats::roc::auc(&[0, 0, 1, 1], &[0.1, 0.4, 0.4, 0.8])?;
/// assert_eq!(auc, 3.5 / 4.0);
/// # Ok::<(), mtl::stats::StatsError>(())
/// ```
pub fn auc(labels: &[u32], scores: &[f64]) -> Result<f64, StatsError> {
    let (positive, negative) = split_by_label(labels, scores)?;
    Ok(Placements::new(&positive, &negative).auc())
}

/// An empirical ROC curve: (0, 0) at a threshold of plus infinity, then one point for each distinct score, from the
/// highest to the lowest; a case is called positive when its score is at least the threshold. The same points as
/// scikit-learn's `roc_curve(..., drop_intermediate=False)`. The three lists have one length.
#[derive(Clone, Debug, PartialEq)]
pub struct RocCurve {
    /// False positive rate, 1 - specificity; never falls.
    pub fpr: Vec<f64>,
    /// True positive rate, sensitivity; never falls.
    pub tpr: Vec<f64>,
    /// Thresholds, falling.
    pub thresholds: Vec<f64>,
}

/// Counts of true and false positives at a threshold.
struct Counts {
    threshold: f64,
    tp: u64,
    fp: u64,
}

/// Counts at plus infinity and at every distinct score, falling, with the numbers of positives and negatives.
fn counts(labels: &[u32], scores: &[f64]) -> Result<(Vec<Counts>, u64, u64), StatsError> {
    let (positive, negative) = split_by_label(labels, scores)?;
    let mut order: Vec<(f64, u32)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut points = vec![Counts {
        threshold: f64::INFINITY,
        tp: 0,
        fp: 0,
    }];
    let (mut tp, mut fp) = (0, 0);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let hits = tied.iter().filter(|(_, label)| *label == 1).count() as u64;
        tp += hits;
        fp += tied.len() as u64 - hits;
        points.push(Counts {
            threshold: tied[0].0,
            tp,
            fp,
        });
    }
    Ok((points, positive.len() as u64, negative.len() as u64))
}

impl RocCurve {
    /// The curve of `scores`; labels are 0 or 1.
    ///
    /// # Errors
    /// As [`auc`].
    pub fn new(labels: &[u32], scores: &[f64]) -> Result<Self, StatsError> {
        let (points, positives, negatives) = counts(labels, scores)?;
        Ok(RocCurve {
            fpr: points.iter().map(|point| point.fp as f64 / negatives as f64).collect(),
            tpr: points.iter().map(|point| point.tp as f64 / positives as f64).collect(),
            thresholds: points.iter().map(|point| point.threshold).collect(),
        })
    }

    /// The highest true positive rate on the curve at a false positive rate, linear between points.
    pub fn tpr_at(&self, fpr: f64) -> f64 {
        // The first point to the right of `fpr`; the one before it is the top of any vertical step at `fpr`.
        let right = self.fpr.partition_point(|&x| x <= fpr);
        let left = right.saturating_sub(1);
        if right == self.fpr.len() {
            return self.tpr[left];
        }
        let share = (fpr - self.fpr[left]) / (self.fpr[right] - self.fpr[left]);
        self.tpr[left] + share.max(0.0) * (self.tpr[right] - self.tpr[left])
    }
}

/// The vertical average of the folds' curves: at each false positive rate of `grid`, the mean of their true positive
/// rates (Fawcett 2006, "An introduction to ROC analysis", Pattern Recogn. Lett. 27:861, algorithm 3). It belongs to a
/// fold-averaged AUC, as a pooled curve does not.
///
/// # Errors
/// [`StatsError::InvalidParameter`] without a curve, or on a rate outside 0..1.
pub fn vertical_average(curves: &[RocCurve], grid: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_parameter(
        "number of curves",
        curves.len() as f64,
        !curves.is_empty(),
        "at least 1",
    )?;
    grid.iter()
        .map(|&fpr| {
            check_parameter(
                "false positive rate",
                fpr,
                (0.0..=1.0).contains(&fpr),
                "between 0 and 1",
            )?;
            Ok(curves.iter().map(|curve| curve.tpr_at(fpr)).sum::<f64>() / curves.len() as f64)
        })
        .collect()
}

/// What a threshold has to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At least this specificity, 0..1.
    Specificity(f64),
    /// At least this sensitivity, 0..1.
    Sensitivity(f64),
}

/// A threshold that exists in the data and what it gives; a case is called positive when its score is at least it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// The threshold, an observed score, or plus infinity when nothing is called positive.
    pub threshold: f64,
    /// True positive rate.
    pub sensitivity: f64,
    /// True negative rate.
    pub specificity: f64,
}

/// The best empirical operating point that keeps the target: with [`Target::Specificity`] the highest sensitivity among
/// thresholds of at least that specificity, with [`Target::Sensitivity`] the other way round. No interpolation between
/// points; the comparison is made on counts, so that 9 of 10 keeps 0.9.
///
/// # Errors
/// As [`auc`]; [`StatsError::InvalidParameter`] on a target outside 0..1.
pub fn operating_point(labels: &[u32], scores: &[f64], target: Target) -> Result<OperatingPoint, StatsError> {
    let (points, positives, negatives) = counts(labels, scores)?;
    let (Target::Specificity(rate) | Target::Sensitivity(rate)) = target;
    check_parameter("target rate", rate, (0.0..=1.0).contains(&rate), "between 0 and 1")?;
    // The slack is far under one case, and over the rounding of `rate * total`.
    let keeps = |kept: u64, total: u64| kept as f64 >= (rate - 1e-9) * total as f64;
    // From the highest threshold down sensitivity rises and specificity falls, so the best is the last or first that keeps.
    let best = match target {
        Target::Specificity(_) => points
            .iter()
            .filter(|point| keeps(negatives - point.fp, negatives))
            .reduce(|best, point| if point.tp > best.tp { point } else { best }),
        Target::Sensitivity(_) => points.iter().find(|point| keeps(point.tp, positives)),
    }
    .expect("plus infinity keeps any specificity and the lowest score keeps any sensitivity");
    Ok(OperatingPoint {
        threshold: best.threshold,
        sensitivity: best.tp as f64 / positives as f64,
        specificity: (negatives - best.fp) as f64 / negatives as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_million_cases_are_counted_exactly() {
        // Score = row, label 1 in every odd row: positive number j (from 0) beats j + 1 negatives.
        let n: u64 = 5_000_000;
        let labels: Vec<u32> = (0..n).map(|row| u32::from(row % 2 == 1)).collect();
        let scores: Vec<f64> = (0..n).map(|row| row as f64).collect();
        let half = n / 2;
        let expected = (half * (half + 1) / 2) as f64 / (half * half) as f64;
        assert_eq!(auc(&labels, &scores).unwrap(), expected);
    }

    #[test]
    fn invalid_input_is_refused_and_named() {
        let refused = |labels: &[u32], scores: &[f64]| auc(labels, scores).unwrap_err();
        assert_eq!(
            refused(&[0, 1], &[0.1]),
            StatsError::LengthMismatch {
                what: "scores",
                expected: 2,
                found: 1
            }
        );
        assert_eq!(
            refused(&[0, 2], &[0.1, 0.2]),
            StatsError::UnknownLabel {
                row: 1,
                label: 2,
                classes: 2
            }
        );
        assert_eq!(
            refused(&[0, 1], &[0.1, f64::INFINITY]),
            StatsError::NotFinite {
                what: "score",
                row: 1,
                value: f64::INFINITY
            }
        );
        assert!(matches!(
            refused(&[0, 1], &[f64::NAN, 0.1]),
            StatsError::NotFinite { row: 0, .. }
        ));
        assert_eq!(refused(&[1, 1], &[0.1, 0.2]), StatsError::MissingClass { class: 0 });
        assert_eq!(refused(&[], &[]), StatsError::MissingClass { class: 1 });
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(auc(&[1, 0], &[-0.0, 0.0]).unwrap(), 0.5);
        assert_eq!(RocCurve::new(&[1, 0], &[-0.0, 0.0]).unwrap().fpr.len(), 2);
    }

    #[test]
    fn vertical_average_of_two_hand_curves() {
        let perfect = RocCurve::new(&[1, 0, 0], &[3.0, 2.0, 1.0]).unwrap();
        let tied = RocCurve::new(&[1, 0], &[1.0, 1.0]).unwrap();
        let mean = vertical_average(&[perfect, tied], &[0.0, 0.25, 0.5, 1.0]).unwrap();
        assert_eq!(mean, [0.5, 0.625, 0.75, 1.0]);
        assert!(vertical_average(&[], &[0.5]).is_err());
    }

    #[test]
    fn operating_points_exist_in_the_data() {
        let (labels, scores) = ([0, 0, 0, 0, 1, 1, 1], [0.08, 0.12, 0.37, 0.55, 0.43, 0.81, 0.92]);
        let point = operating_point(&labels, &scores, Target::Specificity(0.75)).unwrap();
        assert_eq!(
            point,
            OperatingPoint {
                threshold: 0.43,
                sensitivity: 1.0,
                specificity: 0.75
            }
        );
        let point = operating_point(&labels, &scores, Target::Sensitivity(0.6)).unwrap();
        assert_eq!(
            point,
            OperatingPoint {
                threshold: 0.81,
                sensitivity: 2.0 / 3.0,
                specificity: 1.0
            }
        );
        assert!(operating_point(&labels, &scores, Target::Specificity(1.5)).is_err());
    }

    /// Labels with both classes and scores on a coarse grid, so that ties occur.
    fn cases() -> impl Strategy<Value = (Vec<u32>, Vec<f64>)> {
        prop::collection::vec((0u32..2, 0i32..20), 2..60).prop_map(|rows| {
            let mut labels: Vec<u32> = rows.iter().map(|row| row.0).collect();
            (labels[0], labels[1]) = (0, 1);
            (labels, rows.iter().map(|row| f64::from(row.1) * 0.37 - 3.0).collect())
        })
    }

    proptest! {
        #[test]
        fn a_rising_map_changes_nothing((labels, scores) in cases()) {
            let mapped: Vec<f64> = scores.iter().map(|s| (0.3 * s).exp() + 5.0).collect();
            prop_assert_eq!(auc(&labels, &scores)?.to_bits(), auc(&labels, &mapped)?.to_bits());
        }

        #[test]
        fn swapping_the_classes_gives_the_complement((labels, scores) in cases()) {
            let swapped: Vec<u32> = labels.iter().map(|label| 1 - label).collect();
            let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
            prop_assert_eq!(auc(&labels, &scores)?.to_bits(), auc(&swapped, &negated)?.to_bits());
            prop_assert!((auc(&labels, &scores)? + auc(&swapped, &scores)? - 1.0).abs() < 1e-15);
        }

        #[test]
        fn the_trapezoids_under_the_points_add_up_to_the_auc((labels, scores) in cases()) {
            let curve = RocCurve::new(&labels, &scores)?;
            let steps = curve.fpr.windows(2).zip(curve.tpr.windows(2));
            let area: f64 = steps.map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0).sum();
            prop_assert!((area - auc(&labels, &scores)?).abs() < 1e-12);
            prop_assert_eq!((curve.fpr.last(), curve.tpr.last()), (Some(&1.0), Some(&1.0)));
        }
    }
}
