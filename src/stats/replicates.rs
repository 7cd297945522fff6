//! Several runs of one recipe on the same folds: their spread, and the variance of their mean.
//!
//! Runs differ in their seeds alone (Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks").
//! The variance of their mean is the patients' (clustered) variance, averaged over the runs, plus the variance between
//! the runs over their number. It is conditional on the folds: other training patients are not in it.

/// What several runs give together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replicated {
    /// Mean of the runs.
    pub mean: f64,
    /// Standard deviation between runs, denominator n - 1; `None` of one run.
    pub sd: Option<f64>,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Variance of the mean: mean of the runs' own variances plus `sd^2 / n`; `None` when a run has none.
    pub variance: Option<f64>,
}

/// Takes the value of every run together with its own variance; `None` without a run.
#[must_use]
pub fn replicated(runs: &[(f64, Option<f64>)]) -> Option<Replicated> {
    let n = runs.len() as f64;
    let values = || runs.iter().map(|(value, _)| *value);
    let (min, max) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let mean = values().sum::<f64>() / n;
    let between = values().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    let between = (runs.len() > 1).then(|| between / (n - 1.0));
    let within: Option<f64> = runs.iter().map(|(_, variance)| *variance).sum();
    Some(Replicated {
        mean,
        sd: between.map(f64::sqrt),
        min,
        max,
        variance: within.map(|within| within / n + between.unwrap_or(0.0) / n),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_worked_example() {
        // Values 0.6, 0.7, 0.8: mean 0.7, variance between runs 0.01. Own variances 0.001, 0.002, 0.003: mean 0.002.
        let runs = [(0.6, Some(0.001)), (0.7, Some(0.002)), (0.8, Some(0.003))];
        let all = replicated(&runs).unwrap();
        assert!((all.mean - 0.7).abs() < 1e-15 && (all.sd.unwrap() - 0.1).abs() < 1e-15);
        assert!((all.variance.unwrap() - (0.002 + 0.01 / 3.0)).abs() < 1e-15);
        assert_eq!((all.min, all.max), (0.6, 0.8));
    }

    #[test]
    fn one_run_has_its_own_variance_and_no_spread() {
        let one = replicated(&[(0.6, Some(0.001))]).unwrap();
        assert_eq!((one.mean, one.sd, one.variance), (0.6, None, Some(0.001)));
        assert_eq!(replicated(&[(0.6, None), (0.7, Some(0.1))]).unwrap().variance, None);
        assert_eq!(replicated(&[]), None);
    }

    proptest! {
        #[test]
        fn equal_runs_are_as_one(value in 0.0..1.0_f64, variance in 0.0..0.1_f64, n in 1usize..6) {
            let all = replicated(&vec![(value, Some(variance)); n]).unwrap();
            prop_assert!((all.mean - value).abs() < 1e-14 && (all.variance.unwrap() - variance).abs() < 1e-14);
            prop_assert!(all.min == value && all.max == value);
        }
    }
}
