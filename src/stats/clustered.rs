//! Variance of an AUC, and of the difference of two, when patients have several cases.
//!
//! Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data", Biometrics 53:567. A cluster (patient) may
//! hold cases of both classes. Ignoring the clusters makes intervals too narrow. With one case a cluster the numbers are
//! those of [`super::delong`].

use super::error::StatsError;
use super::influence::{Against, Cases, Components, Deviations, Term, mean};
use super::interval::Difference;

/// The binary AUC: class 1 against class 0 by the one column of scores.
pub(super) const AUC: [Term; 1] = [Term {
    positive: 1,
    against: Against::Class(0),
    column: 0,
}];

/// An AUC and its clustered variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clustered {
    /// Area under the ROC curve.
    pub auc: f64,
    /// S10/M + S01/N + 2 S11/(MN) for M positives and N negatives; `None` when a class is in one cluster only.
    pub variance: Option<f64>,
    /// The three sums of squares and products, where the variance is defined.
    pub sums: Option<Sums>,
}

/// Obuchowski's sums over clusters i, with X_i the sum of the positives' components, Y_i that of the negatives', m_i and
/// n_i their numbers, and I10, I01, I the numbers of clusters with a positive, with a negative, and in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// I10/((I10 - 1) M) times the sum of (X_i - m_i A)^2.
    pub s10: f64,
    /// I01/((I01 - 1) N) times the sum of (Y_i - n_i A)^2.
    pub s01: f64,
    /// I/(I - 1) times the sum of (X_i - m_i A)(Y_i - n_i A).
    pub s11: f64,
}

/// The AUC of `scores` with its clustered variance; labels are 0 or 1, `clusters` any numbers, equal for cases of one
/// patient.
///
/// # Errors
/// Lengths that differ, a label other than 0 or 1, a score that is not finite, a class without a case, more cases than
/// [`super::MAX_CASES`].
pub fn clustered(labels: &[u32], clusters: &[u32], scores: &[f64]) -> Result<Clustered, StatsError> {
    let deviations = deviations(labels, clusters, scores)?;
    let (auc, variance) = mean(&[deviations.components()]);
    let positives = labels.iter().filter(|label| **label == 1).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let sums = deviations.factors().map(|(of_class, all)| Sums {
        s10: of_class[1] * positives * deviations.products(1, 1),
        s01: of_class[0] * negatives * deviations.products(0, 0),
        s11: all * positives * negatives * deviations.products(1, 0),
    });
    Ok(Clustered { auc, variance, sums })
}

/// The clustered covariance of two models' AUCs on the same cases, S10_ab/M + S01_ab/N + (S11_ab + S11_ba)/(MN); `None`
/// when a class is in one cluster only.
///
/// # Errors
/// As [`clustered`], for either model.
pub fn covariance(labels: &[u32], clusters: &[u32], a: &[f64], b: &[f64]) -> Result<Option<f64>, StatsError> {
    Ok(components(labels, clusters, a)?.covariance(&components(labels, clusters, b)?))
}

/// The clustered paired test of two models on the same cases, at a confidence level such as 0.95.
///
/// # Errors
/// As [`clustered`], for either model; [`StatsError::InvalidParameter`] on a level outside (0, 1).
pub fn paired(
    labels: &[u32],
    clusters: &[u32],
    scores_a: &[f64],
    scores_b: &[f64],
    level: f64,
) -> Result<Difference, StatsError> {
    let (a, b) = (
        components(labels, clusters, scores_a)?,
        components(labels, clusters, scores_b)?,
    );
    let (_, variance) = mean(&[a.minus(&b)]);
    Difference::new(a.value, b.value, variance, level)
}

fn deviations(labels: &[u32], clusters: &[u32], scores: &[f64]) -> Result<Deviations, StatsError> {
    let cases = Cases {
        labels,
        clusters,
        scores,
        width: 1,
    };
    cases.check(2)?;
    Deviations::new(cases, 2, &AUC)
}

fn components(labels: &[u32], clusters: &[u32], scores: &[f64]) -> Result<Components, StatsError> {
    Ok(deviations(labels, clusters, scores)?.components())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{delong, roc};
    use proptest::prelude::*;

    /// Rows of (cluster, label, score of a, score of b), with at least two cases of each class.
    type Rows = Vec<(u32, u32, f64, f64)>;

    fn rows(clusters: u32) -> impl Strategy<Value = Rows> {
        prop::collection::vec((0..clusters, 0u32..2, 0i32..15, 0i32..15), 8..50).prop_map(|rows| {
            let with_both = rows.iter().enumerate().map(|(at, row)| match at {
                0..4 => (at as u32, at as u32 % 2, row.2, row.3),
                _ => *row,
            });
            with_both
                .map(|(cluster, label, a, b)| (cluster, label, f64::from(a), f64::from(b)))
                .collect()
        })
    }

    fn columns(rows: &Rows) -> (Vec<u32>, Vec<u32>, Vec<f64>, Vec<f64>) {
        let clusters = rows.iter().map(|row| row.0).collect();
        let labels = rows.iter().map(|row| row.1).collect();
        (
            labels,
            clusters,
            rows.iter().map(|row| row.2).collect(),
            rows.iter().map(|row| row.3).collect(),
        )
    }

    #[test]
    fn a_class_in_one_cluster_has_no_variance() {
        let result = clustered(&[1, 1, 0, 0], &[7, 7, 1, 2], &[0.9, 0.4, 0.5, 0.1]).unwrap();
        assert_eq!(
            result,
            Clustered {
                auc: 0.75,
                variance: None,
                sums: None
            }
        );
        assert_eq!(
            clustered(&[1, 1], &[0, 1], &[0.1, 0.2]).unwrap_err(),
            StatsError::MissingClass { class: 0 }
        );
        assert_eq!(
            clustered(&[1, 0], &[0], &[0.1, 0.2]).unwrap_err(),
            StatsError::LengthMismatch {
                what: "clusters",
                expected: 2,
                found: 1
            }
        );
    }

    proptest! {
        #[test]
        fn one_case_a_cluster_is_delong(mut rows in rows(40)) {
            rows.iter_mut().enumerate().for_each(|(at, row)| row.0 = at as u32);
            let (labels, clusters, a, b) = columns(&rows);
            let (own, reference) = (clustered(&labels, &clusters, &a)?, delong::delong(&labels, &a)?);
            prop_assert_eq!(own.auc, reference.auc);
            prop_assert!((own.variance.unwrap() - reference.variance.unwrap()).abs() < 1e-15);
            let (own, reference) = (paired(&labels, &clusters, &a, &b, 0.95)?, delong::paired(&labels, &a, &b, 0.95)?);
            prop_assert!((own.variance.unwrap() - reference.variance.unwrap()).abs() < 1e-15);
            let own = covariance(&labels, &clusters, &a, &b)?.unwrap();
            prop_assert!((own - delong::covariance(&labels, &a, &b)?.unwrap()).abs() < 1e-15);
        }

        #[test]
        fn the_sums_make_the_variance(rows in rows(12)) {
            let (labels, clusters, a, b) = columns(&rows);
            let result = clustered(&labels, &clusters, &a)?;
            let m = labels.iter().filter(|l| **l == 1).count() as f64;
            let n = labels.len() as f64 - m;
            let sums = result.sums.unwrap();
            let variance = sums.s10 / m + sums.s01 / n + 2.0 * sums.s11 / (m * n);
            prop_assert!((result.variance.unwrap() - variance).abs() < 1e-14);
            prop_assert_eq!(result.auc, roc::auc(&labels, &a)?);
            // Var(A - B) = Var A + Var B - 2 Cov(A, B).
            let of_b = clustered(&labels, &clusters, &b)?.variance.unwrap();
            let expected = variance + of_b - 2.0 * covariance(&labels, &clusters, &a, &b)?.unwrap();
            let test = paired(&labels, &clusters, &a, &b, 0.95)?;
            prop_assert!((test.variance.unwrap() - expected).abs() < 1e-14);
            let swapped = paired(&labels, &clusters, &b, &a, 0.95)?;
            prop_assert_eq!((test.delta, test.variance), (-swapped.delta, swapped.variance));
        }

        #[test]
        fn the_order_of_rows_does_not_change_a_bit(mut rows in rows(12), shift in 0usize..50) {
            let (labels, clusters, a, b) = columns(&rows);
            let before = (clustered(&labels, &clusters, &a)?, paired(&labels, &clusters, &a, &b, 0.95)?);
            rows.reverse();
            let middle = shift % rows.len();
            rows.rotate_left(middle);
            let (labels, clusters, a, b) = columns(&rows);
            prop_assert_eq!(before, (clustered(&labels, &clusters, &a)?, paired(&labels, &clusters, &a, &b, 0.95)?));
        }
    }
}
