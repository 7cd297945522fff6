//! Intervals of an AUC and the z test on a difference, from an estimate and its variance.

use super::error::{StatsError, check_parameter};
use super::special::{normal_quantile, normal_two_sided};

/// Outside these AUCs the logit scale is used: a plain interval would lean over the edge of 0..1.
const LOGIT_BELOW: f64 = 0.1;
const LOGIT_ABOVE: f64 = 0.9;

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// How an interval of an AUC was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalMethod {
    /// [`plain`]: the AUC plus and minus z standard errors, clipped to 0..1.
    Plain,
    /// [`logit`]: the same on the logit scale, transformed back.
    Logit,
}

/// The two-sided normal critical value of a confidence level, 1.959964 at 0.95.
///
/// # Errors
/// [`StatsError::InvalidParameter`] when `level` is not inside (0, 1).
pub fn critical_value(level: f64) -> Result<f64, StatsError> {
    check_parameter(
        "level",
        level,
        level > 0.0 && level < 1.0,
        "between 0 and 1, such as 0.95",
    )?;
    Ok(normal_quantile(0.5 + 0.5 * level))
}

/// AUC plus and minus z standard errors, clipped to 0..1, as pROC and MLstatkit do.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a level outside (0, 1).
pub fn plain(auc: f64, variance: f64, level: f64) -> Result<Interval, StatsError> {
    let half = critical_value(level)? * variance.sqrt();
    Ok(Interval {
        low: (auc - half).max(0.0),
        high: (auc + half).min(1.0),
    })
}

/// The interval on the logit scale, logit(A) plus and minus z SE / (A (1 - A)), transformed back (Pepe 2003, "The
/// statistical evaluation of medical tests", section 5.2). `None` at an AUC of 0 or 1, where the logit is infinite.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a level outside (0, 1).
pub fn logit(auc: f64, variance: f64, level: f64) -> Result<Option<Interval>, StatsError> {
    let z = critical_value(level)?;
    if auc <= 0.0 || auc >= 1.0 {
        return Ok(None);
    }
    let centre = (auc / (1.0 - auc)).ln();
    let half = z * variance.sqrt() / (auc * (1.0 - auc));
    let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
    Ok(Some(Interval {
        low: expit(centre - half),
        high: expit(centre + half),
    }))
}

/// The interval to report: [`logit`] for an AUC over 0.9 or under 0.1, where a plain one would lean over the edge, else
/// [`plain`]. An AUC of exactly 0 or 1 has no logit and gets the plain one.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a level outside (0, 1).
pub fn automatic(auc: f64, variance: f64, level: f64) -> Result<(Interval, IntervalMethod), StatsError> {
    if !(LOGIT_BELOW..=LOGIT_ABOVE).contains(&auc)
        && let Some(interval) = logit(auc, variance, level)?
    {
        return Ok((interval, IntervalMethod::Logit));
    }
    Ok((plain(auc, variance, level)?, IntervalMethod::Plain))
}

/// The difference of two AUCs and its z test against 0.
///
/// With a variance of exactly 0 (two models that rank alike, or two perfect rankings) equal AUCs give z = 0 and p = 1,
/// as in pROC; unequal ones give an infinite z and p = 0, which no finite sample supports: look at `variance` first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// AUC of the first model.
    pub auc_a: f64,
    /// AUC of the second model.
    pub auc_b: f64,
    /// `auc_a - auc_b`.
    pub delta: f64,
    /// Variance of `delta`; `None` when a class has too few cases (clusters), and then nothing below is defined.
    pub variance: Option<f64>,
    /// The test, where `variance` is defined.
    pub test: Option<ZTest>,
}

/// A two-sided z test of a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZTest {
    /// Difference over its standard error.
    pub z: f64,
    /// Two-sided p-value of the normal distribution.
    pub p: f64,
    /// Difference plus and minus z standard errors, not clipped.
    pub interval: Interval,
}

impl Difference {
    /// Tests `auc_a - auc_b`, whose variance is given, at a confidence level such as 0.95.
    ///
    /// # Errors
    /// [`StatsError::InvalidParameter`] on a level outside (0, 1).
    pub fn new(auc_a: f64, auc_b: f64, variance: Option<f64>, level: f64) -> Result<Self, StatsError> {
        let critical = critical_value(level)?;
        let delta = auc_a - auc_b;
        let test = variance.map(|variance| {
            let error = variance.sqrt();
            let z = ratio(delta, error);
            let interval = Interval {
                low: delta - critical * error,
                high: delta + critical * error,
            };
            ZTest {
                z,
                p: normal_two_sided(z),
                interval,
            }
        });
        Ok(Difference {
            auc_a,
            auc_b,
            delta,
            variance,
            test,
        })
    }
}

/// `difference / error` without NaN: a difference within rounding of 0 over an error of 0 is 0.
pub(super) fn ratio(difference: f64, error: f64) -> f64 {
    // Means of equal AUCs taken in another order differ by a few units in the last place.
    if error == 0.0 && difference.abs() <= 4.0 * f64::EPSILON {
        0.0
    } else {
        difference / error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_variance_never_gives_nan() {
        let equal = Difference::new(0.75, 0.75, Some(0.0), 0.95).unwrap().test.unwrap();
        assert_eq!((equal.z, equal.p), (0.0, 1.0));
        let unequal = Difference::new(0.5, 1.0, Some(0.0), 0.95).unwrap().test.unwrap();
        assert_eq!((unequal.z, unequal.p), (f64::NEG_INFINITY, 0.0));
        assert!(Difference::new(0.5, 1.0, None, 0.95).unwrap().test.is_none());
    }

    #[test]
    fn the_automatic_interval_changes_scale_at_the_edges() {
        let method = |auc| automatic(auc, 0.001, 0.95).unwrap().1;
        assert_eq!(method(0.9), IntervalMethod::Plain);
        assert_eq!(method(0.900_001), IntervalMethod::Logit);
        assert_eq!(method(0.099_999), IntervalMethod::Logit);
        assert_eq!(
            automatic(1.0, 0.0, 0.95).unwrap(),
            (Interval { low: 1.0, high: 1.0 }, IntervalMethod::Plain)
        );
        let high = automatic(0.97, 0.01, 0.95).unwrap().0;
        assert!(high.low > 0.0 && high.high < 1.0);
    }

    #[test]
    fn a_level_outside_its_range_is_refused() {
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert!(matches!(
                plain(0.7, 0.01, level),
                Err(StatsError::InvalidParameter { name: "level", .. })
            ));
        }
    }
}
