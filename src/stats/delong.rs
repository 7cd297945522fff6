//! Variance of an AUC and of the difference of two on the same cases, when cases are independent.
//!
//! DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44:837), computed from placements in O(n log n) as in Sun & Xu 2014
//! (IEEE Signal Process. Lett. 21:1389). With several cases a patient use [`super::clustered`].

use super::error::StatsError;
use super::interval::Difference;
use super::placements::{Placements, split_by_label};

/// An AUC and its DeLong variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeLong {
    /// Area under the ROC curve.
    pub auc: f64,
    /// S10/m + S01/n with denominators m - 1 and n - 1; `None` when a class has one case.
    pub variance: Option<f64>,
}

/// The AUC of `scores` with its variance; labels are 0 or 1.
///
/// # Errors
/// As [`super::roc::auc`].
pub fn delong(labels: &[u32], scores: &[f64]) -> Result<DeLong, StatsError> {
    let deviations = Deviations::new(labels, scores)?;
    Ok(DeLong {
        auc: deviations.auc,
        variance: deviations.covariance(&deviations),
    })
}

/// The covariance of two models' AUCs on the same cases; `None` when a class has one case.
///
/// # Errors
/// As [`super::roc::auc`], for either model.
pub fn covariance(labels: &[u32], scores_a: &[f64], scores_b: &[f64]) -> Result<Option<f64>, StatsError> {
    Ok(Deviations::new(labels, scores_a)?.covariance(&Deviations::new(labels, scores_b)?))
}

/// DeLong's paired test of two models on the same cases, at a confidence level such as 0.95. The variance is that of
/// the differences of the two models' components, which is 0 exactly when the models rank alike.
///
/// # Errors
/// As [`super::roc::auc`], for either model; [`StatsError::InvalidParameter`] on a level outside (0, 1).
pub fn paired(labels: &[u32], scores_a: &[f64], scores_b: &[f64], level: f64) -> Result<Difference, StatsError> {
    let (a, b) = (Deviations::new(labels, scores_a)?, Deviations::new(labels, scores_b)?);
    let difference = a.minus(&b);
    Difference::new(a.auc, b.auc, difference.covariance(&difference), level)
}

/// The test of two AUCs on independent sets of cases, with the normal distribution as reference (pROC uses Student's t
/// with Welch's degrees of freedom instead).
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a level outside (0, 1).
pub fn unpaired(a: DeLong, b: DeLong, level: f64) -> Result<Difference, StatsError> {
    let variance = a.variance.zip(b.variance).map(|(a, b)| a + b);
    Difference::new(a.auc, b.auc, variance, level)
}

/// Deviations of the placements from their mean, as integers over known denominators: for positive `i` of `m`,
/// `V10_i - A = positive_i / (2 m n)`, and likewise for the `n` negatives.
struct Deviations {
    auc: f64,
    positive: Vec<i128>,
    negative: Vec<i128>,
}

impl Deviations {
    fn new(labels: &[u32], scores: &[f64]) -> Result<Self, StatsError> {
        let (positive, negative) = split_by_label(labels, scores)?;
        let placements = Placements::new(&positive, &negative);
        let won = i128::from(placements.won);
        let centred = |wins: &[u64]| {
            let cases = wins.len() as i128;
            wins.iter().map(|&own| cases * i128::from(own) - won).collect()
        };
        Ok(Deviations {
            auc: placements.auc(),
            positive: centred(&placements.positive),
            negative: centred(&placements.negative),
        })
    }

    fn minus(&self, other: &Self) -> Self {
        let subtract = |a: &[i128], b: &[i128]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Deviations {
            auc: self.auc - other.auc,
            positive: subtract(&self.positive, &other.positive),
            negative: subtract(&self.negative, &other.negative),
        }
    }

    /// S10/m + S01/n of two models. The sums of products are exact, see [`super::MAX_CASES`].
    fn covariance(&self, other: &Self) -> Option<f64> {
        let (m, n) = (self.positive.len() as f64, self.negative.len() as f64);
        if m < 2.0 || n < 2.0 {
            return None;
        }
        let products = |a: &[i128], b: &[i128]| a.iter().zip(b).map(|(a, b)| a * b).sum::<i128>() as f64;
        let scale = 2.0 * m * n;
        let s10 = products(&self.positive, &other.positive) / scale / scale / (m - 1.0);
        let s01 = products(&self.negative, &other.negative) / scale / scale / (n - 1.0);
        Some(s10 / m + s01 / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_case_in_a_class_has_no_variance() {
        let labels = [1, 0, 0, 0];
        assert_eq!(
            delong(&labels, &[3.0, 1.0, 2.0, 4.0]).unwrap(),
            DeLong {
                auc: 2.0 / 3.0,
                variance: None
            }
        );
        let test = paired(&labels, &[3.0, 1.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0], 0.95).unwrap();
        assert_eq!((test.delta, test.variance, test.test), (2.0 / 3.0, None, None));
    }

    #[test]
    fn models_that_rank_alike_do_not_differ() {
        let labels = [1, 0, 1, 0, 1];
        let scores = [0.3, 0.4, 0.7, 0.1, 0.9];
        let monotone = scores.map(|s: f64| s.powi(3) - 7.0);
        let test = paired(&labels, &scores, &monotone, 0.95).unwrap();
        let z = test.test.unwrap();
        assert_eq!((test.variance, z.z, z.p), (Some(0.0), 0.0, 1.0));
    }

    #[test]
    fn five_million_cases_do_not_overflow() {
        // Alternating labels, score = row: V10_j = (j + 1)/h and V01_j = (h - j)/h for j = 0..h, both with mean
        // (h + 1)/(2h) and sum of squares (h^2 - 1)/(12 h), so S10 = S01 = (h + 1)/(12 h).
        let n: u32 = 5_000_000;
        let labels: Vec<u32> = (0..n).map(|row| row % 2).collect();
        let scores: Vec<f64> = (0..n).map(f64::from).collect();
        let half = f64::from(n / 2);
        let expected = 2.0 * (half + 1.0) / (12.0 * half) / half;
        let variance = delong(&labels, &scores).unwrap().variance.unwrap();
        assert!((variance / expected - 1.0).abs() < 1e-14, "{variance} {expected}");
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_change_a_bit(
            rows in prop::collection::vec((0u32..2, 0i32..30, 0i32..30), 6..50), shift in 0usize..50,
        ) {
            let mut rows = rows;
            for (at, row) in rows.iter_mut().take(4).enumerate() {
                row.0 = at as u32 % 2;
            }
            let test = |rows: &[(u32, i32, i32)]| {
                let labels: Vec<u32> = rows.iter().map(|row| row.0).collect();
                let a: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
                let b: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
                (paired(&labels, &a, &b, 0.95), paired(&labels, &b, &a, 0.95))
            };
            let (forward, backward) = test(&rows);
            rows.reverse();
            let middle = shift % rows.len();
            rows.rotate_left(middle);
            prop_assert_eq!(&forward, &test(&rows).0);
            let (forward, backward) = (forward?, backward?);
            prop_assert_eq!(forward.delta, -backward.delta);
            prop_assert_eq!(forward.variance, backward.variance);
            let (f, b) = (forward.test.unwrap(), backward.test.unwrap());
            prop_assert_eq!((f.z, f.p, f.interval.low), (-b.z, b.p, -b.interval.high));
        }
    }
}
