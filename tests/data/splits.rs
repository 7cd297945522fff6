//! Stratified grouped folds against scikit-learn's.

use super::reference;
use mtl::tables::split::{Folding, Part, split};

/// Bounds of the reference: 1.5 times the worst of 20 seeds of scikit-learn 1.9.1's `StratifiedGroupKFold`, plus a
/// small slack, on the same 716 rows of 300 groups. Folds drawn without strata deviate by 0.086 in the median.
#[test]
fn five_folds_are_as_even_as_those_of_scikit_learn() {
    const SHARE_DEVIATION: f64 = 0.0072;
    const SIZE_DEVIATION: f64 = 0.0117;
    const OVERALL: f64 = 0.258_379_888_268_156_44;
    let text = std::fs::read_to_string(reference("folds_bin_300.csv")).unwrap();
    let rows: Vec<_> = text.lines().skip(1).map(|line| line.split_once(',').unwrap()).collect();
    let groups: Vec<_> = rows.iter().map(|row| row.0.to_owned()).collect();
    let labels: Vec<_> = rows.iter().map(|row| row.1.to_owned()).collect();
    assert_eq!(rows.len(), 716);
    for seed in 0..20 {
        let folding = Folding::KFold {
            folds: 5,
            tuning: 0.1,
            repeats: 1,
        };
        let assignment = split(&groups, std::slice::from_ref(&labels), &folding, seed).unwrap();
        for fold in 0..5 {
            let share = |part| {
                let rows = assignment.rows_of(fold, part);
                let positive = rows.iter().filter(|&&row| labels[row as usize] == "1").count();
                (rows.len() as f64, positive as f64 / rows.len() as f64)
            };
            let (tested, positive) = share(Part::Test);
            assert!(
                (tested / 716.0 - 0.2).abs() <= SIZE_DEVIATION,
                "seed {seed}, fold {fold}: {tested} rows"
            );
            assert!(
                (positive - OVERALL).abs() <= SHARE_DEVIATION,
                "seed {seed}, fold {fold}: {positive}"
            );
            let (tuned, positive) = share(Part::Tuning);
            assert!(
                (tuned / 572.8 - 0.1).abs() <= 0.01,
                "seed {seed}, fold {fold}: {tuned} rows for tuning"
            );
            assert!(
                (positive - OVERALL).abs() <= 0.03,
                "seed {seed}, fold {fold}: {positive} for tuning"
            );
        }
    }
}
