//! What a sample can show, from its size alone: computed before any result.
//!
//! Hanley & McNeil 1982 (Radiology 143:29) for the standard error of one AUC, Hanley & McNeil 1983 (Radiology 148:839)
//! for the difference of two AUCs on the same cases.

use super::error::{StatsError, check_parameter};
use super::special::normal_quantile;

/// Assumptions of [`least_detectable_difference`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumptions {
    /// The AUC around which the difference lies.
    pub auc: f64,
    /// Correlation of the two AUCs over samples.
    pub correlation: f64,
    /// Two-sided significance level.
    pub alpha: f64,
    /// Wanted power.
    pub power: f64,
    /// Number of tests in a Holm family; the first of them is made at `alpha` over this number.
    pub comparisons: u32,
}

impl Default for Assumptions {
    /// AUC 0.7, correlation 0.5, 5 % two-sided, 80 % power, one comparison.
    fn default() -> Self {
        Assumptions {
            auc: 0.7,
            correlation: 0.5,
            alpha: 0.05,
            power: 0.8,
            comparisons: 1,
        }
    }
}

/// Standard error of an AUC from `positives` and `negatives` independent units (patients), under the negative
/// exponential model: Q1 = A/(2 - A), Q2 = 2A^2/(1 + A).
///
/// # Errors
/// [`StatsError::InvalidParameter`] on an AUC outside 0..1 or a class without a unit.
pub fn hanley_mcneil_se(auc: f64, positives: u32, negatives: u32) -> Result<f64, StatsError> {
    check_parameter("AUC", auc, (0.0..=1.0).contains(&auc), "between 0 and 1")?;
    for units in [positives, negatives] {
        check_parameter("number of units of a class", f64::from(units), units > 0, "at least 1")?;
    }
    let (m, n) = (f64::from(positives), f64::from(negatives));
    let (q1, q2) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let sum = auc * (1.0 - auc) + (m - 1.0) * (q1 - auc * auc) + (n - 1.0) * (q2 - auc * auc);
    Ok((sum.max(0.0) / (m * n)).sqrt())
}

/// The smallest true difference of two correlated AUCs that a two-sided z test shows with the wanted power:
/// (z of 1 - alpha/2 + z of the power) times SE sqrt(2 (1 - r)), the standard error taken at the assumed AUC for both.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on an assumption outside its range or a class without a unit.
pub fn least_detectable_difference(
    positives: u32,
    negatives: u32,
    assumptions: Assumptions,
) -> Result<f64, StatsError> {
    let Assumptions {
        auc,
        correlation,
        alpha,
        power,
        comparisons,
    } = assumptions;
    check_parameter(
        "correlation",
        correlation,
        (-1.0..=1.0).contains(&correlation),
        "between -1 and 1",
    )?;
    check_parameter(
        "alpha",
        alpha,
        alpha > 0.0 && alpha < 1.0,
        "between 0 and 1, such as 0.05",
    )?;
    check_parameter(
        "power",
        power,
        power > 0.0 && power < 1.0,
        "between 0 and 1, such as 0.8",
    )?;
    check_parameter(
        "number of comparisons",
        f64::from(comparisons),
        comparisons > 0,
        "at least 1",
    )?;
    let error = hanley_mcneil_se(auc, positives, negatives)? * (2.0 * (1.0 - correlation)).sqrt();
    let critical = -normal_quantile(alpha / f64::from(comparisons) / 2.0);
    Ok((critical + normal_quantile(power)) * error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_exact_where_it_is_known() {
        // At an AUC of 1/2 both Q are 1/3 and the variance is that of the Mann-Whitney statistic, (m + n + 1)/(12 m n).
        let expected = ((51.0 + 58.0 + 1.0) / (12.0 * 51.0 * 58.0_f64)).sqrt();
        assert!((hanley_mcneil_se(0.5, 51, 58).unwrap() - expected).abs() < 1e-15);
        assert_eq!(hanley_mcneil_se(1.0, 51, 58).unwrap(), 0.0);
        // A = 4/5, m = 10, n = 20: Q1 = 2/3, Q2 = 32/45; (4/25 + 9 * 2/75 + 19 * 16/225) / 200 = 394/45000.
        assert!((hanley_mcneil_se(0.8, 10, 20).unwrap() - (394.0 / 45_000.0_f64).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn the_difference_shrinks_with_size_and_grows_with_the_family() {
        // z = 1.959964 + 0.841621, one standard error at correlation 0.5.
        let se = hanley_mcneil_se(0.7, 400, 490).unwrap();
        let least = |n, assumptions| least_detectable_difference(n, 490, assumptions).unwrap();
        let plain = least(400, Assumptions::default());
        assert!((plain - 2.801_585_2 * se).abs() < 1e-7);
        assert!(least(800, Assumptions::default()) < plain);
        let family = least(
            400,
            Assumptions {
                comparisons: 30,
                ..Assumptions::default()
            },
        );
        // z of 1 - 0.05/60 is 3.143980 (R qnorm).
        assert!((family / plain - (3.143_980 + 0.841_621) / 2.801_585).abs() < 1e-5);
        assert!(least_detectable_difference(0, 10, Assumptions::default()).is_err());
        assert!(
            least_detectable_difference(
                9,
                10,
                Assumptions {
                    power: 1.0,
                    ..Assumptions::default()
                }
            )
            .is_err()
        );
    }
}
