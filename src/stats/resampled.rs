//! The corrected resampled t test: would the strategy win again with other training patients and seeds?

use super::error::{StatsError, check_finite, check_parameter};
use super::interval::{Interval, ratio};
use super::special::{student_t_critical, student_t_two_sided};

/// Result of [`corrected_resampled_t`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectedT {
    /// Mean difference.
    pub mean: f64,
    /// Standard deviation of the differences, denominator J - 1.
    pub sd: f64,
    /// `mean / (sd * sqrt(1/J + 1/(k - 1)))`; 0 when mean and SD are 0, infinite when only the SD is.
    pub t: f64,
    /// Degrees of freedom, J - 1.
    pub df: u32,
    /// Two-sided p-value of Student's t.
    pub p: f64,
    /// Mean plus and minus the critical value times the corrected standard error.
    pub interval: Interval,
}

/// Tests J fold differences from repeated `folds`-fold cross-validation (Nadeau & Bengio 2003, "Inference for the
/// generalization error", Machine Learning 52:239). The test folds share training cases, so the variance of the mean is
/// not s^2/J but s^2 (1/J + n_test/n_train), where n_test/n_train = 1/(k - 1); J - 1 degrees of freedom and the use with
/// repeats follow Bouckaert & Frank 2004 (PAKDD, LNAI 3056:3).
///
/// # Errors
/// [`StatsError::InvalidParameter`] with fewer than two differences or folds, or a level outside (0, 1);
/// [`StatsError::NotFinite`] on a difference that is not finite.
pub fn corrected_resampled_t(differences: &[f64], folds: u32, level: f64) -> Result<CorrectedT, StatsError> {
    let count = u32::try_from(differences.len()).unwrap_or(u32::MAX);
    check_parameter("number of differences", f64::from(count), count >= 2, "at least 2")?;
    check_parameter("number of folds", f64::from(folds), folds >= 2, "at least 2")?;
    check_parameter(
        "level",
        level,
        level > 0.0 && level < 1.0,
        "between 0 and 1, such as 0.95",
    )?;
    check_finite("difference", differences, 1)?;
    let (j, df) = (f64::from(count), count - 1);
    let mean = differences.iter().sum::<f64>() / j;
    let sd = (differences.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / f64::from(df)).sqrt();
    let error = sd * (1.0 / j + 1.0 / f64::from(folds - 1)).sqrt();
    let t = ratio(mean, error);
    let half = student_t_critical(1.0 - level, f64::from(df)) * error;
    let interval = Interval {
        low: mean - half,
        high: mean + half,
    };
    Ok(CorrectedT {
        mean,
        sd,
        t,
        df,
        p: student_t_two_sided(t, f64::from(df)),
        interval,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        // Differences with mean 0.02 and sum of squared deviations 0.0010: SD = sqrt(0.00025); five folds, one repeat:
        // error = SD * sqrt(1/5 + 1/4) = 0.0106066, t = 1.8856181. Two-sided p on 4 degrees of freedom in closed form:
        // F(t) = 1/2 + 3/8 s (1 - s^2/12 ...) reduces to 1 - x (3 - x^2)/2 with x = t / sqrt(t^2 + 4).
        let test = corrected_resampled_t(&[0.0, 0.01, 0.02, 0.03, 0.04], 5, 0.95).unwrap();
        assert!((test.mean - 0.02).abs() < 1e-16 && (test.sd - 0.000_25_f64.sqrt()).abs() < 1e-15);
        let t = 0.02 / (0.000_25_f64 * 0.45).sqrt();
        assert!((test.t - t).abs() < 1e-12 && test.df == 4);
        let x = t / (t * t + 4.0).sqrt();
        assert!((test.p - (1.0 - x * (3.0 - x * x) / 2.0)).abs() < 1e-12);
        // 2.776445105 is the 97.5 % quantile on 4 degrees of freedom.
        assert!((test.interval.high - (0.02 + 2.776_445_105 * (0.000_25_f64 * 0.45).sqrt())).abs() < 1e-10);
    }

    #[test]
    fn equal_differences_give_no_nan() {
        let none = corrected_resampled_t(&[0.0; 15], 5, 0.95).unwrap();
        assert_eq!((none.t, none.p), (0.0, 1.0));
        let always = corrected_resampled_t(&[0.5; 15], 5, 0.95).unwrap();
        assert_eq!((always.t, always.p), (f64::INFINITY, 0.0));
        assert!(corrected_resampled_t(&[0.1], 5, 0.95).is_err());
        assert!(corrected_resampled_t(&[0.1, f64::NAN], 5, 0.95).is_err());
        assert!(corrected_resampled_t(&[0.1, 0.2], 1, 0.95).is_err());
    }
}
