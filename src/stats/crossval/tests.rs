use super::*;
use crate::stats::clustered::{clustered, paired};
use crate::stats::multiclass::multiclass_auc;
use crate::stats::resampled::corrected_resampled_t;
use crate::stats::roc::auc;
use proptest::prelude::*;

/// SplitMix64 (Steele, Lea & Flood 2014): fixed pseudo-random numbers for simulated cohorts.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// Nearly normal, variance 1: the sum of twelve uniforms.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A simulated cohort: `patients` in `folds` folds of each repeat, one to three cases each, some patients with cases of
/// several classes; `classes` scores a case for each of two correlated arms.
struct Cohort {
    cases: Vec<Case>,
    a: Vec<f64>,
    b: Vec<f64>,
}

fn cohort(seed: u64, patients: u32, folds: u32, repeats: u32, classes: usize) -> Cohort {
    let mut random = Random(seed);
    let mut result = Cohort {
        cases: vec![],
        a: vec![],
        b: vec![],
    };
    for repeat in 0..repeats {
        let mut sample = 0;
        for patient in 0..patients {
            // What all cases of a patient share, in every repeat.
            let mut of_patient = Random(seed * 10_000 + u64::from(patient));
            let shared: Vec<f64> = (0..classes).map(|_| of_patient.normal()).collect();
            for case in 0..1 + patient % 3 {
                // Every tenth patient has cases of two classes.
                let label = (patient / 3 + u32::from(patient % 10 == 0) * case) % classes as u32;
                let fold = (patient * 7 + repeat * 3 + patient / 5) % folds;
                result.cases.push(Case {
                    repeat,
                    fold,
                    sample,
                    cluster: patient,
                    label,
                });
                sample += 1;
                for (class, shared) in shared.iter().enumerate() {
                    let signal = if class == label as usize { 1.0 } else { 0.0 } + shared;
                    result.a.push((4.0 * (signal + random.normal())).round());
                    result.b.push((4.0 * (0.8 * signal + random.normal())).round());
                }
            }
        }
    }
    result
}

/// The binary cohort: one column of scores.
fn binary(seed: u64, patients: u32, folds: u32, repeats: u32) -> (Vec<Case>, CrossValidated, CrossValidated) {
    let Cohort { cases, a, b } = cohort(seed, patients, folds, repeats, 2);
    let second = |scores: &[f64]| -> Vec<f64> { scores.chunks_exact(2).map(|row| row[1] - row[0]).collect() };
    let (a, b) = (
        CrossValidated::binary(&cases, &second(&a)),
        CrossValidated::binary(&cases, &second(&b)),
    );
    (cases, a.unwrap(), b.unwrap())
}

#[test]
fn one_fold_is_the_clustered_auc_to_the_bit() {
    let (_, a, b) = binary(1, 60, 1, 1);
    let member = &a.members[0];
    let expected = clustered(&member.labels, &member.clusters, &member.scores).unwrap();
    let estimate = a.estimate(Metric::Auc, 0.95).unwrap();
    assert_eq!((estimate.value, estimate.variance), (expected.auc, expected.variance));
    let expected = paired(
        &member.labels,
        &member.clusters,
        &member.scores,
        &b.members[0].scores,
        0.95,
    )
    .unwrap();
    assert_eq!(compare(&a, &b, Metric::Auc, 0.95).unwrap().difference, expected);
}

#[test]
fn the_variance_is_the_mean_of_the_folds_over_k() {
    let (_, a, b) = binary(2, 90, 3, 1);
    let of_fold = |arm: &CrossValidated, fold: usize| {
        let member = &arm.members[fold];
        clustered(&member.labels, &member.clusters, &member.scores).unwrap()
    };
    let estimate = a.estimate(Metric::Auc, 0.95).unwrap();
    let values: f64 = (0..3).map(|fold| of_fold(&a, fold).auc).sum();
    let variances: f64 = (0..3).map(|fold| of_fold(&a, fold).variance.unwrap()).sum();
    assert!((estimate.value - values / 3.0).abs() < 1e-15);
    assert!((estimate.variance.unwrap() / (variances / 9.0) - 1.0).abs() < 1e-13);
    assert_eq!(estimate.folds[2].value, of_fold(&a, 2).auc);
    let comparison = compare(&a, &b, Metric::Auc, 0.95).unwrap();
    assert_eq!(comparison.folds[1].value, of_fold(&a, 1).auc - of_fold(&b, 1).auc);
    let mean = comparison.folds.iter().map(|fold| fold.value).sum::<f64>() / 3.0;
    assert!((comparison.difference.delta - mean).abs() < 1e-15);
}

#[test]
fn a_patient_tested_twice_by_the_same_scores_is_one_patient() {
    let (cases, once, _) = binary(3, 90, 3, 1);
    let again: Vec<Case> = cases.iter().map(|case| Case { repeat: 1, ..*case }).collect();
    let by_sample: BTreeMap<u32, f64> = once
        .members
        .iter()
        .flat_map(|member| member.samples.iter().copied().zip(member.scores.iter().copied()))
        .collect();
    let scores: Vec<f64> = cases.iter().chain(&again).map(|case| by_sample[&case.sample]).collect();
    let twice = CrossValidated::binary(&[cases, again].concat(), &scores).unwrap();
    let (once, twice) = (
        once.estimate(Metric::Auc, 0.95).unwrap(),
        twice.estimate(Metric::Auc, 0.95).unwrap(),
    );
    assert_eq!(twice.folds.len(), 6);
    assert!((once.value - twice.value).abs() < 1e-15);
    assert!((once.variance.unwrap() / twice.variance.unwrap() - 1.0).abs() < 1e-13);
}

#[test]
fn repeats_with_other_folds_average_the_patients() {
    let (_, a, b) = binary(4, 90, 3, 3);
    assert_eq!(a.folds_per_repeat(), Some(3));
    let estimate = a.estimate(Metric::Auc, 0.95).unwrap();
    let only = |repeat: u32| {
        let members = a
            .members
            .iter()
            .filter(|member| member.repeat == repeat)
            .cloned()
            .collect();
        CrossValidated { members, ..a }
            .estimate(Metric::Auc, 0.95)
            .unwrap()
            .variance
            .unwrap()
    };
    let mean = (only(0) + only(1) + only(2)) / 3.0;
    let variance = estimate.variance.unwrap();
    assert!(variance < mean, "averaging cannot widen: {variance} against {mean}");
    let comparison = compare(&a, &b, Metric::Auc, 0.95).unwrap();
    let deltas: Vec<f64> = comparison.folds.iter().map(|fold| fold.value).collect();
    let t = corrected_resampled_t(&deltas, 3, 0.95).unwrap();
    assert_eq!(t.df, 8);
    assert!((t.mean - comparison.difference.delta).abs() < 1e-15);
}

#[test]
fn an_external_cohort_is_one_repeat_a_model() {
    // Two models with the same scores on the same patients: the interval of one.
    let (cases, _, _) = binary(5, 40, 1, 1);
    let scores: Vec<f64> = cases
        .iter()
        .map(|case| f64::from(case.sample * 37 % 23) + 4.0 * f64::from(case.label))
        .collect();
    let one = CrossValidated::binary(&cases, &scores)
        .unwrap()
        .estimate(Metric::Auc, 0.95)
        .unwrap();
    let other: Vec<Case> = cases.iter().map(|case| Case { repeat: 1, ..*case }).collect();
    let both = CrossValidated::binary(&[cases, other].concat(), &[scores.clone(), scores].concat()).unwrap();
    let both = both.estimate(Metric::Auc, 0.95).unwrap();
    assert!((one.variance.unwrap() / both.variance.unwrap() - 1.0).abs() < 1e-13);
}

#[test]
fn an_offset_between_folds_moves_the_pooled_auc_only() {
    let (cases, _, _) = binary(6, 200, 4, 1);
    let score = |case: &Case| f64::from(case.sample * 37 % 101) / 64.0 + f64::from(case.label);
    let level: Vec<f64> = cases.iter().map(score).collect();
    let shifted: Vec<f64> = cases
        .iter()
        .map(|case| score(case) + 3.0 * f64::from(case.fold))
        .collect();
    let (level, shifted) = (
        CrossValidated::binary(&cases, &level),
        CrossValidated::binary(&cases, &shifted),
    );
    let (level, shifted) = (level.unwrap(), shifted.unwrap());
    let value = |arm: &CrossValidated| arm.estimate(Metric::Auc, 0.95).unwrap().value;
    assert_eq!(value(&level), value(&shifted));
    assert!(level.pooling(Metric::Auc).unwrap().difference.abs() < 0.02);
    let pooling = shifted.pooling(Metric::Auc).unwrap();
    assert!(pooling.difference < -0.1, "{pooling:?}");
    let member = &shifted.pooled().members[0];
    assert_eq!(pooling.pooled, auc(&member.labels, &member.scores).unwrap());
    assert_eq!(
        shifted.pooled().estimate(Metric::Auc, 0.95).unwrap().value,
        pooling.pooled
    );
}

#[test]
fn curves_come_fold_by_fold() {
    let (_, a, _) = binary(7, 60, 3, 1);
    let curves = a.roc_curves().unwrap();
    assert_eq!(curves.len(), 3);
    let member = &a.members[1];
    assert_eq!(curves[1], RocCurve::new(&member.labels, &member.scores).unwrap());
}

#[test]
fn what_is_no_cross_validation_is_refused() {
    let case = |fold, sample, cluster, label| Case {
        repeat: 2,
        fold,
        sample,
        cluster,
        label,
    };
    let refused = |cases: &[Case]| CrossValidated::binary(cases, &vec![0.5; cases.len()]).unwrap_err();
    assert_eq!(
        refused(&[case(0, 0, 9, 0), case(1, 1, 9, 1)]),
        StatsError::ClusterInTwoFolds {
            cluster: 9,
            repeat: 2,
            first: 0,
            second: 1
        }
    );
    assert_eq!(
        refused(&[case(0, 4, 9, 0), case(0, 4, 9, 1)]),
        StatsError::DuplicateSample { sample: 4, repeat: 2 }
    );
    assert!(matches!(refused(&[]), StatsError::InvalidParameter { .. }));
    assert_eq!(
        refused(&[case(0, 0, 0, 0), case(0, 1, 1, 2)]),
        StatsError::UnknownLabel {
            row: 1,
            label: 2,
            classes: 2
        }
    );
    let cases = [case(0, 0, 0, 0), case(0, 1, 1, 1), case(1, 2, 2, 0), case(1, 3, 3, 0)];
    assert!(matches!(
        CrossValidated::binary(&cases, &[0.1, f64::NAN, 0.1, 0.2]).unwrap_err(),
        StatsError::NotFinite { row: 1, .. }
    ));
    let arm = CrossValidated::binary(&cases, &[0.1, 0.2, 0.3, 0.4]).unwrap();
    let missing = StatsError::FoldWithoutClass {
        repeat: 2,
        fold: 1,
        class: 1,
    };
    assert_eq!(arm.estimate(Metric::Auc, 0.95).unwrap_err(), missing);
    assert_eq!(arm.roc_curves().unwrap_err(), missing);
    assert!(matches!(
        arm.estimate(Metric::HandTill, 0.95),
        Err(StatsError::InvalidParameter { .. })
    ));
    assert!(matches!(
        arm.estimate(Metric::Auc, 1.5),
        Err(StatsError::InvalidParameter { name: "level", .. })
    ));
}

#[test]
fn one_patient_of_a_class_in_a_fold_leaves_the_value_without_interval() {
    let case = |fold, sample, label| Case {
        repeat: 0,
        fold,
        sample,
        cluster: sample,
        label,
    };
    let cases = [
        case(0, 0, 0),
        case(0, 1, 0),
        case(0, 2, 1),
        case(1, 3, 0),
        case(1, 4, 0),
        case(1, 5, 1),
        case(1, 6, 1),
    ];
    let arm = CrossValidated::binary(&cases, &[0.1, 0.6, 0.5, 0.2, 0.3, 0.4, 0.25]).unwrap();
    let estimate = arm.estimate(Metric::Auc, 0.95).unwrap();
    assert_eq!(
        (estimate.value, estimate.variance, estimate.interval),
        (0.625, None, None)
    );
    let difference = compare(&arm, &arm, Metric::Auc, 0.95).unwrap().difference;
    assert_eq!((difference.delta, difference.test), (0.0, None));
}

#[test]
fn arms_on_other_cases_are_not_compared() {
    let (cases, a, _) = binary(8, 30, 3, 1);
    let scores: Vec<f64> = (0..cases.len()).map(|row| row as f64).collect();
    let fewer = CrossValidated::binary(&cases[..cases.len() - 1], &scores[..cases.len() - 1]).unwrap();
    assert!(matches!(
        compare(&a, &fewer, Metric::Auc, 0.95),
        Err(StatsError::NotPaired { .. })
    ));
    let mut moved = cases;
    moved[0].label = 1 - moved[0].label;
    let moved = CrossValidated::binary(&moved, &scores).unwrap();
    let Err(StatsError::NotPaired { first, second }) = compare(&a, &moved, Metric::Auc, 0.95) else {
        panic!("a changed label must not pair")
    };
    assert!(
        first.contains("sample 0 ") && second.contains("sample 0 "),
        "{first} / {second}"
    );
}

#[test]
fn two_classes_by_their_probabilities_are_the_binary_auc() {
    let (cases, a, _) = binary(9, 60, 3, 1);
    // Probabilities 1 - p and p with p a multiple of 1/64, so that both columns rank alike.
    let p: Vec<f64> = cases
        .iter()
        .map(|case| f64::from((case.sample * 29 + 20 * case.label) % 64) / 64.0)
        .collect();
    let both: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let expected = CrossValidated::binary(&cases, &p)
        .unwrap()
        .estimate(Metric::Auc, 0.95)
        .unwrap();
    let arm = CrossValidated::multiclass(&cases, &both, 2).unwrap();
    for metric in [
        Metric::HandTill,
        Metric::OneVsRestMacro,
        Metric::OneVsRest(0),
        Metric::OneVsRest(1),
    ] {
        let estimate = arm.estimate(metric, 0.95).unwrap();
        assert!((estimate.value - expected.value).abs() < 1e-14, "{metric:?}");
        assert!(
            (estimate.variance.unwrap() / expected.variance.unwrap() - 1.0).abs() < 1e-12,
            "{metric:?}"
        );
    }
    assert!(matches!(
        compare(&a, &arm, Metric::Auc, 0.95),
        Err(StatsError::NotPaired { .. })
    ));
}

/// The standard deviation of arm A, of arm B and of their difference over resamples of patients within strata.
fn bootstrap(cohort: &Cohort, classes: usize, metric: Metric, stratum: fn(&Case) -> u32) -> [f64; 3] {
    let mut random = Random(77);
    let mut rows_of: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (row, case) in cohort.cases.iter().enumerate() {
        rows_of.entry((stratum(case), case.cluster)).or_default().push(row);
    }
    let patients: Vec<(u32, Vec<usize>)> = rows_of
        .into_iter()
        .map(|((stratum, _), rows)| (stratum, rows))
        .collect();
    let value = |rows: &[usize], scores: &[f64]| {
        let labels: Vec<u32> = rows.iter().map(|&row| cohort.cases[row].label).collect();
        let scores: Vec<f64> = rows
            .iter()
            .flat_map(|row| &scores[row * classes..(row + 1) * classes])
            .copied()
            .collect();
        multiclass_auc(&labels, &scores, classes, metric).unwrap()
    };
    let mut draw = || {
        let mut members: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
        for inside in patients.chunk_by(|a, b| a.0 == b.0) {
            for row in (0..inside.len()).flat_map(|_| inside[random.below(inside.len())].1.clone()) {
                members
                    .entry((cohort.cases[row].repeat, cohort.cases[row].fold))
                    .or_default()
                    .push(row);
            }
        }
        let values = members
            .values()
            .map(|rows| [value(rows, &cohort.a), value(rows, &cohort.b)]);
        let sums = values.fold([0.0; 2], |sum, value| [sum[0] + value[0], sum[1] + value[1]]);
        let [a, b] = sums.map(|sum| sum / members.len() as f64);
        [a, b, a - b]
    };
    let draws: Vec<[f64; 3]> = (0..RESAMPLES).map(|_| draw()).collect();
    [0, 1, 2].map(|at| {
        let mean = draws.iter().map(|draw| draw[at]).sum::<f64>() / RESAMPLES as f64;
        (draws.iter().map(|draw| (draw[at] - mean).powi(2)).sum::<f64>() / (RESAMPLES - 1) as f64).sqrt()
    })
}

/// The bootstrap's own error is 1 / sqrt(2 * 3000) = 1.3 %.
const RESAMPLES: usize = 3000;

/// Closed form against bootstrap within 6 %: over four times the bootstrap's own error.
fn assert_errors_agree(cohort: &Cohort, metric: Metric, stratum: fn(&Case) -> u32) {
    let arm = |scores: &[f64]| CrossValidated::multiclass(&cohort.cases, scores, 3).unwrap();
    let (a, b) = (arm(&cohort.a), arm(&cohort.b));
    let error = |arm: &CrossValidated| arm.estimate(metric, 0.95).unwrap().variance.unwrap().sqrt();
    let difference = compare(&a, &b, metric, 0.95)
        .unwrap()
        .difference
        .variance
        .unwrap()
        .sqrt();
    let resampled = bootstrap(cohort, 3, metric, stratum);
    for (closed, resampled) in [error(&a), error(&b), difference].iter().zip(resampled) {
        assert!(
            (closed / resampled - 1.0).abs() < 0.06,
            "{metric:?}: {closed:.5} against {resampled:.5}"
        );
    }
}

#[test]
fn closed_form_errors_agree_with_a_bootstrap_of_patients_within_folds() {
    let cohort = cohort(10, 240, 2, 1, 3);
    for metric in [Metric::HandTill, Metric::OneVsRestMacro, Metric::OneVsRest(2)] {
        assert_errors_agree(&cohort, metric, |case| case.fold);
    }
}

#[test]
fn closed_form_errors_of_repeats_agree_with_a_bootstrap_of_patients() {
    // A patient is drawn with the cases of both repeats, which have different folds.
    assert_errors_agree(&cohort(11, 300, 2, 2, 3), Metric::HandTill, |_| 0);
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_change_a_bit(seed in 0u64..1000, shift in 0usize..200) {
        let Cohort { mut cases, a, b } = cohort(seed, 60, 2, 2, 3);
        let results = |cases: &[Case], a: &[f64], b: &[f64]| {
            let (a, b) = (CrossValidated::multiclass(cases, a, 3)?, CrossValidated::multiclass(cases, b, 3)?);
            let estimate = a.estimate(Metric::HandTill, 0.95)?;
            Ok::<_, StatsError>((estimate, compare(&a, &b, Metric::HandTill, 0.95)?, compare(&b, &a, Metric::HandTill, 0.95)?))
        };
        let before = results(&cases, &a, &b)?;
        let middle = shift % cases.len();
        cases.rotate_left(middle);
        let turned = |scores: &[f64]| [&scores[3 * middle..], &scores[..3 * middle]].concat();
        prop_assert_eq!(&before, &results(&cases, &turned(&a), &turned(&b))?);
        let (_, forward, backward) = before;
        prop_assert_eq!(forward.difference.delta, -backward.difference.delta);
        prop_assert_eq!(forward.difference.variance, backward.difference.variance);
        let (f, b) = (forward.difference.test.unwrap(), backward.difference.test.unwrap());
        prop_assert_eq!((f.z, f.p, f.interval.low), (-b.z, b.p, -b.interval.high));
    }
}

/// Arms that have not the same cases are compared on those that both have, as if there were no others.
#[test]
fn common_cases_are_compared_as_if_there_were_no_others() {
    let Cohort { cases, a, b } = cohort(5, 60, 3, 2, 2);
    let second = |scores: &[f64]| -> Vec<f64> { scores.chunks_exact(2).map(|row| row[1] - row[0]).collect() };
    let (a, b) = (second(&a), second(&b));
    let (whole, same) = (arm(&cases, &a), arm(&cases, &b));
    assert!(whole.common(&same).is_none(), "nothing is left out");
    let kept = |place: &usize| cases[*place].sample % 7 != 3;
    let places: Vec<usize> = (0..cases.len()).filter(kept).collect();
    let few: Vec<Case> = places.iter().map(|&at| cases[at]).collect();
    let of = |scores: &[f64]| -> Vec<f64> { places.iter().map(|&at| scores[at]).collect() };
    let (left, right) = (arm(&few, &of(&a)), arm(&few, &of(&b)));
    let (one, other, count) = whole.common(&right).expect("cases are missing");
    let samples: BTreeSet<u32> = few.iter().map(|case| case.sample).collect();
    assert_eq!(count, samples.len());
    let found = compare(&one, &other, Metric::Auc, 0.95).expect("both have both classes");
    let expected = compare(&left, &right, Metric::Auc, 0.95).expect("both have both classes");
    assert_eq!(found, expected);
}

fn arm(cases: &[Case], scores: &[f64]) -> CrossValidated {
    CrossValidated::binary(cases, scores).expect("the cases are sound")
}
