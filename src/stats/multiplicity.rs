//! Adjustment of p-values for the number of tests, as R's `p.adjust`.

use super::error::{StatsError, check_parameter};

/// Bonferroni: p times the number of tests, at most 1. In input order.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a p-value outside 0..1.
pub fn bonferroni(p: &[f64]) -> Result<Vec<f64>, StatsError> {
    check(p)?;
    Ok(p.iter().map(|value| (value * p.len() as f64).min(1.0)).collect())
}

/// Holm 1979 (Scand. J. Statist. 6:65): controls the family-wise error under any dependence. In input order.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a p-value outside 0..1.
///
/// ```
/// let adjusted = mtl::stats::multiplicity::holm(&[0.01, 0.04, 0.03])?;
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// # Ok::<(), mtl::stats::StatsError>(())
/// ```
pub fn holm(p: &[f64]) -> Result<Vec<f64>, StatsError> {
    check(p)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (rank, at) in rising(p).into_iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[at]).min(1.0);
        adjusted[at] = largest;
    }
    Ok(adjusted)
}

/// Benjamini & Hochberg 1995 (J. R. Statist. Soc. B 57:289): controls the false discovery rate. In input order.
///
/// # Errors
/// [`StatsError::InvalidParameter`] on a p-value outside 0..1.
pub fn benjamini_hochberg(p: &[f64]) -> Result<Vec<f64>, StatsError> {
    check(p)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, at) in rising(p).into_iter().enumerate().rev() {
        smallest = smallest.min(p.len() as f64 / (rank + 1) as f64 * p[at]);
        adjusted[at] = smallest;
    }
    Ok(adjusted)
}

fn check(p: &[f64]) -> Result<(), StatsError> {
    p.iter()
        .try_for_each(|&p| check_parameter("p-value", p, (0.0..=1.0).contains(&p), "between 0 and 1"))
}

/// Positions by rising p-value, equal ones in input order.
fn rising(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_p_value_is_refused() {
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(holm(&[0.5, p]).is_err() && benjamini_hochberg(&[p]).is_err() && bonferroni(&[p]).is_err());
        }
        assert_eq!(holm(&[]).unwrap(), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn raw_below_bh_below_holm_below_bonferroni(p in prop::collection::vec(0.0..=1.0_f64, 1..20)) {
            let (bh, holm, all) = (benjamini_hochberg(&p)?, holm(&p)?, bonferroni(&p)?);
            for at in 0..p.len() {
                prop_assert!(p[at] <= bh[at] + 1e-15 && bh[at] <= holm[at] + 1e-15 && holm[at] <= all[at] + 1e-15);
                prop_assert!(all[at] <= 1.0);
            }
        }
    }
}
