use super::*;

#[test]
fn differences_are_those_of_the_statistics_and_holm_takes_all() {
    let fixture = fixture(&["scratch", "density", "longer", "frozen"], 2, 1, 3);
    let study = fixture.study().unwrap();
    assert_eq!(study.comparisons.len(), 3);
    for (place, comparison) in study.comparisons.iter().enumerate() {
        assert_eq!(
            (comparison.arm, comparison.baseline, comparison.family),
            (place + 1, 0, 3)
        );
        let expected = crossval::compare(&arm(&fixture, place + 1), &arm(&fixture, 0), Metric::Auc, 0.95).unwrap();
        let test = expected.difference.test.unwrap();
        assert_eq!(
            (comparison.delta, comparison.z),
            (Some(expected.difference.delta), Some(test.z))
        );
        assert_eq!(
            (comparison.p_models, comparison.p, comparison.p_strategy),
            (Some(test.p), Some(test.p), None)
        );
        assert_eq!(comparison.delta_ci, Some([test.interval.low, test.interval.high]));
        let family = Assumptions {
            comparisons: 3,
            ..Assumptions::default()
        };
        assert_eq!(
            comparison.mde,
            Some(least_detectable_difference(30, 30, family).unwrap())
        );
        assert!(comparison.test.contains("Obuchowski"));
    }
    let p: Vec<f64> = study.comparisons.iter().filter_map(|comparison| comparison.p).collect();
    let adjusted: Vec<f64> = study
        .comparisons
        .iter()
        .filter_map(|comparison| comparison.p_adjusted)
        .collect();
    assert_eq!(adjusted, holm(&p).unwrap());
    let mut uncorrected = fixture;
    uncorrected.spec.adjust = Adjust::None;
    let study = uncorrected.study().unwrap();
    assert!(
        study
            .comparisons
            .iter()
            .all(|comparison| comparison.p_adjusted.is_none() && comparison.p.is_some())
    );
    let single = least_detectable_difference(30, 30, Assumptions::default()).unwrap();
    assert_eq!(study.comparisons[0].mde, Some(single));
}

#[test]
fn three_repeats_decide_about_strategies() {
    let fixture = fixture(&["scratch", "density"], 2, 3, 3);
    let study = fixture.study().unwrap();
    let comparison = &study.comparisons[0];
    let folds = crossval::compare(&arm(&fixture, 1), &arm(&fixture, 0), Metric::Auc, 0.95)
        .unwrap()
        .folds;
    let differences: Vec<f64> = folds.iter().map(|fold| fold.value).collect();
    let expected = corrected_resampled_t(&differences, 3, 0.95).unwrap();
    assert_eq!(
        (comparison.p_strategy, comparison.p),
        (Some(expected.p), Some(expected.p))
    );
    assert_eq!(
        comparison.delta_ci,
        Some([expected.interval.low, expected.interval.high])
    );
    assert!(comparison.p_models.is_some() && comparison.p_models != comparison.p);
    assert!(comparison.test.contains("Nadeau") && !codes(&study).contains(&"C7"));
    let two = self::fixture(&["scratch", "density"], 2, 2, 3).study().unwrap();
    assert_eq!(
        (two.comparisons[0].p_strategy, two.comparisons[0].p),
        (None, two.comparisons[0].p_models)
    );
    assert!(caveat(&two, "C7").starts_with("2 cross-validations"));
}

#[test]
fn without_variance_unequal_arms_have_no_p_and_keep_the_family() {
    for repeats in [1, 3] {
        let mut fixture = fixture(&["constant", "perfect", "density"], 2, repeats, 3);
        for (cell, perfect) in [(0, 0.0), (1, 1.0)] {
            for member in &fixture.spec.design.cells[cell].members {
                let class = |sample: &u32| fixture.spec.design.tasks[0].samples[*sample as usize].class as f32;
                let logits = member.test.iter().flat_map(|sample| [-class(sample) * perfect, 0.0]);
                fixture.scores[scores_of(member)].test = logits.collect();
            }
        }
        let study = fixture.study().unwrap();
        let [perfect, density] = &study.comparisons[..] else {
            panic!("two arms")
        };
        assert_eq!((perfect.delta, perfect.delta_ci, perfect.z), (Some(0.5), None, None));
        assert_eq!(
            (perfect.p, perfect.p_models, perfect.p_strategy, perfect.p_adjusted),
            (None, None, None, None)
        );
        assert_eq!(
            (density.family, density.p_adjusted),
            (2, density.p.map(|p| (2.0 * p).min(1.0)))
        );
        assert!(density.p < Some(1.0));
        let files = crate::report::render(&study).unwrap();
        let results = files.iter().find(|(path, _)| path == "results.json").unwrap();
        let results: serde_json::Value = serde_json::from_slice(&results.1).unwrap();
        let written = results.pointer("/comparisons/0").unwrap();
        assert!(written["p"].is_null() && written["z"].is_null() && written["delta"] == 0.5);
    }
}
