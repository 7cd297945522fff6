//! Cells made of several models: chosen ones, means, runs of one recipe; and the tests that a program may name.

use super::*;
use crate::{
    plan::stage::{Candidate, Chosen, Measure, Primary, Units},
    stages::study::scoring::Speaker,
    stats::{delong, replicates::replicated},
};

/// Makes one cell of two: for every member the choice among theirs by a measure.
fn choose(fixture: &mut Fixture, by: Measure) {
    let cells = fixture.spec.design.cells.clone();
    let [first, second] = &cells[..] else {
        panic!("two cells")
    };
    let mut chosen = first.clone();
    chosen.coordinate = words(&["chosen"]);
    for (member, other) in chosen.members.iter_mut().zip(&second.members) {
        let candidate = |label: &str, member: &Member| Candidate {
            label: label.into(),
            scoring: member.scoring.clone(),
            pool: vec![],
        };
        member.scoring = Scoring::Chosen(Box::new(Chosen {
            axis: "lr".into(),
            by,
            tunes: words(&["lr"]),
            pool: vec![],
            candidates: vec![candidate("0.01", member), candidate("0.001", other)],
        }));
    }
    fixture.spec.design.cells.push(chosen);
    fixture.spec.design.axes[0].labels.push("chosen".into());
}

/// Logits of the tuning part of a member that tell nothing, or the class at once.
fn set_tuning(fixture: &mut Fixture, cell: usize, member: usize, knows: f32) {
    let member = &fixture.spec.design.cells[cell].members[member];
    let class = |at: &u32| fixture.spec.design.tasks[0].samples[*at as usize].class as f32;
    let logits = member.tuning.iter().flat_map(|at| [-class(at) * knows, 0.0]).collect();
    let scores = scores_of(member);
    fixture.scores[scores].tuning = logits;
}

#[test]
fn each_fold_has_the_candidate_that_does_best_on_its_tuning_part() {
    for by in [Measure::Auc, Measure::Loss] {
        let mut fixture = fixture(&["a", "b"], 2, 1, 3);
        for member in 0..3 {
            set_tuning(&mut fixture, 0, member, if member == 1 { 3.0 } else { 0.0 });
            // In the last fold both know nothing.
            set_tuning(&mut fixture, 1, member, if member == 0 { 3.0 } else { 0.0 });
        }
        fixture.spec.design.trainings[5].pictures = 1_000;
        choose(&mut fixture, by);
        let study = fixture.study().unwrap();
        let selection = &study.cells[2].selections[0];
        let labels: Vec<_> = selection.chosen.iter().map(|pick| pick.labels[0].as_str()).collect();
        assert_eq!(labels, ["0.001", "0.01", "0.01"], "of equal ones the first");
        assert_eq!((selection.by.as_str(), selection.axis.as_str()), (by.words(), "lr"));
        let picked = [1, 0, 0];
        for (fold, cell) in picked.into_iter().enumerate() {
            let (own, of) = (&study.cells[2].members[fold], &study.cells[cell].members[fold]);
            assert_eq!((own.auc, &own.trainings), (of.auc, &of.trainings));
        }
        // Trainings 3, 1 and 2 are behind it; the one with more pictures is not.
        assert_eq!(study.cells[2].budget.pictures, 900);
        assert!(caveat(&study, "C5").contains("The learning rate of chosen was chosen in each fold"));
        assert!(caveat(&study, "C5").contains("That of a and b was tuned for none"));
    }
}

#[test]
fn test_samples_take_no_part_in_a_choice() {
    let mut fixture = fixture(&["a", "b"], 2, 1, 3);
    choose(&mut fixture, Measure::Loss);
    let before = fixture.study().unwrap().cells[2].selections.clone();
    for scores in &mut fixture.scores {
        scores.test.iter_mut().for_each(|logit| *logit = -*logit);
    }
    assert_eq!(fixture.study().unwrap().cells[2].selections, before);
}

#[test]
fn cells_that_choose_together_choose_alike() {
    let mut fixture = fixture(&["a", "b", "c", "d"], 2, 1, 3);
    let cells = fixture.spec.design.cells.clone();
    // Along `lr` a and b, c and d; pooled over the other axis.
    for member in 0..3 {
        for (cell, knows) in [(0, 0.2), (1, 0.0), (2, 0.0), (3, 3.0)] {
            set_tuning(&mut fixture, cell, member, knows);
        }
    }
    let candidate = |label: &str, own: usize, other: usize, member: usize| Candidate {
        label: label.into(),
        scoring: cells[own].members[member].scoring.clone(),
        pool: vec![cells[other].members[member].scoring.clone()],
    };
    for (cell, pairs) in [(0, [(0, 2), (1, 3)]), (2, [(2, 0), (3, 1)])] {
        for member in 0..3 {
            let candidates = vec![
                candidate("one", pairs[0].0, pairs[0].1, member),
                candidate("two", pairs[1].0, pairs[1].1, member),
            ];
            fixture.spec.design.cells[cell].members[member].scoring = Scoring::Chosen(Box::new(Chosen {
                axis: "lr".into(),
                by: Measure::Loss,
                tunes: vec![],
                pool: words(&["seed"]),
                candidates,
            }));
        }
    }
    let study = fixture.study().unwrap();
    for cell in [0, 2] {
        let picks = &study.cells[cell].selections[0].chosen;
        assert!(
            picks.iter().all(|pick| pick.labels == ["two"]),
            "the mean over both decides"
        );
    }
    assert_eq!(study.cells[0].members[0].auc, study.cells[1].members[0].auc);
}

#[test]
fn an_ensemble_says_the_mean_of_the_probabilities() {
    let mut fixture = fixture(&["a", "b"], 2, 1, 3);
    let cells = fixture.spec.design.cells.clone();
    let mut both = cells[0].clone();
    both.coordinate = words(&["both"]);
    for (member, other) in both.members.iter_mut().zip(&cells[1].members) {
        member.scoring = Scoring::Mean(vec![member.scoring.clone(), other.scoring.clone()]);
    }
    fixture.spec.design.cells.push(both);
    fixture.spec.design.axes[0].labels.push("both".into());
    let study = fixture.study().unwrap();
    let rows = |cell: usize| &study.cells[cell].predictions;
    for ((one, other), mean) in rows(0).iter().zip(rows(1)).zip(rows(2)) {
        assert_eq!(one.sample, mean.sample);
        for class in 0..2 {
            let expected = (one.probabilities[class] + other.probabilities[class]) / 2.0;
            assert!((mean.probabilities[class] - expected).abs() < 1e-15);
        }
    }
    assert_eq!(study.cells[2].members[0].trainings, [0, 3]);
    assert_eq!(study.cells[2].budget.pictures, 2 * study.cells[0].budget.pictures);
}

/// Two arms with two runs each, of the cells `a`, `b` and `c`, `d` of a study of four.
fn with_runs(repeats: u32) -> (Fixture, Fixture) {
    let apart = fixture(&["a", "b", "c", "d"], 2, repeats, 3);
    let mut together = apart.clone();
    let cells = apart.spec.design.cells.clone();
    let joined = |name: &str, one: usize, other: usize| {
        let mut cell = cells[one].clone();
        cell.coordinate = words(&[name]);
        cell.members.extend(cells[other].members.iter().map(|member| Member {
            run: 1,
            ..member.clone()
        }));
        cell
    };
    together.spec.design.cells = vec![joined("first", 0, 1), joined("second", 2, 3)];
    together.spec.design.axes[0].labels = words(&["first", "second"]);
    together.spec.design.pairs = vec![(1, 0)];
    together.spec.baseline[0].1 = "first".into();
    together.spec.design.replicate = Some(Axis {
        name: "seed".into(),
        labels: words(&["1", "2"]),
    });
    (apart, together)
}

#[test]
fn runs_are_averaged_and_the_variance_between_them_is_added() {
    let (apart, together) = with_runs(1);
    let study = together.study().unwrap();
    let estimates: Vec<_> = (0..4)
        .map(|cell| arm(&apart, cell).estimate(Metric::Auc, 0.95).unwrap())
        .collect();
    let cell = &study.cells[0];
    let [one, other] = [&estimates[0], &estimates[1]];
    let mean = (one.value + other.value) / 2.0;
    // Two values: their variance is half the square of their difference.
    let between = (one.value - other.value) * (one.value - other.value) / 2.0;
    let variance = (one.variance.unwrap() + other.variance.unwrap()) / 2.0 + between / 2.0;
    let half = 1.959_963_984_540_054 * variance.sqrt();
    assert!((cell.auc.unwrap() - mean).abs() < 1e-14);
    let [low, high] = cell.auc_ci.unwrap();
    assert!((low - (mean - half)).abs() < 1e-12 && (high - (mean + half)).abs() < 1e-12);
    let runs = cell.runs.as_ref().unwrap();
    assert_eq!(runs.aucs, [one.value, other.value]);
    assert!((runs.sd.unwrap() - between.sqrt()).abs() < 1e-14);
    assert!(
        cell.estimand
            .ends_with("mean over 2 runs along seed, conditional on the folds.")
    );
    assert_eq!((cell.budget.models, cell.predictions.len()), (6, 240));
    assert_eq!(cell.members.len(), 3);

    let differences = [(2, 0), (3, 1)].map(|(a, b)| {
        let paired = crossval::compare(&arm(&apart, a), &arm(&apart, b), Metric::Auc, 0.95).unwrap();
        (paired.difference.delta, paired.difference.variance)
    });
    let expected = replicated(&differences).unwrap();
    let comparison = &study.comparisons[0];
    assert!((comparison.delta.unwrap() - expected.mean).abs() < 1e-14);
    let z = expected.mean / expected.variance.unwrap().sqrt();
    assert!((comparison.z.unwrap() - z).abs() < 1e-9 && comparison.p == comparison.p_models);
    assert!(caveat(&study, "C7").starts_with("One cross-validation, 2 seeds per arm: "));
}

#[test]
fn with_repeats_the_runs_of_a_fold_are_averaged_before_strategies_are_tested() {
    let (apart, together) = with_runs(3);
    let study = together.study().unwrap();
    let folds = [(2, 0), (3, 1)].map(|(a, b)| {
        let paired = crossval::compare(&arm(&apart, a), &arm(&apart, b), Metric::Auc, 0.95).unwrap();
        paired.folds.iter().map(|fold| fold.value).collect::<Vec<_>>()
    });
    let mean: Vec<f64> = folds[0].iter().zip(&folds[1]).map(|(a, b)| (a + b) / 2.0).collect();
    let expected = corrected_resampled_t(&mean, 3, 0.95).unwrap();
    assert!((study.comparisons[0].p.unwrap() - expected.p).abs() < 1e-12);
    assert!(study.comparisons[0].about_strategies);
}

#[test]
fn the_test_that_is_named_is_the_test_that_is_made() {
    let mut fixture = fixture(&["scratch", "density"], 2, 1, 1);
    fixture.spec.design.test = Test::DeLong;
    let study = fixture.study().unwrap();
    let comparison = &study.comparisons[0];
    let of = |cell: usize| -> (Vec<u32>, Vec<f64>) {
        let rows = study.cells[cell].predictions.iter();
        rows.map(|row| (u32::from(row.class == 0), row.probabilities[0]))
            .unzip()
    };
    let ((labels, b), (_, a)) = (of(0), of(1));
    let expected = delong::paired(&labels, &a, &b, 0.95).unwrap().test.unwrap();
    assert!(
        (comparison.p.unwrap() - expected.p).abs() < 1e-12,
        "one fold is the plain test"
    );
    assert!((comparison.delta_ci.unwrap()[0] - expected.interval.low).abs() < 1e-12);
    assert_ne!(comparison.p, comparison.p_models, "the clustered one stands beside it");
    assert!(comparison.test.contains("DeLong") && study.asked == Test::DeLong);
    assert!(caveat(&study, "C13").contains("60 of 60 patients have several"));

    let mut repeated = self::fixture(&["scratch", "density"], 2, 3, 3);
    repeated.spec.design.test = Test::Clustered;
    let study = repeated.study().unwrap();
    assert_eq!(study.comparisons[0].p, study.comparisons[0].p_models);
    assert!(study.comparisons[0].p_strategy.is_some() && !study.comparisons[0].about_strategies);
    assert!(caveat(&study, "C7").starts_with("The test that the program asks for"));
    assert!(!codes(&study).contains(&"C13"));
}

#[test]
fn primary_comparisons_are_a_family_and_the_others_are_another() {
    let mut fixture = fixture(&["scratch", "density", "longer", "frozen"], 2, 1, 3);
    fixture.spec.primary = Some(Primary {
        label: "of_2".into(),
        pairs: vec![true, false, false],
    });
    fixture.spec.others = vec![OtherStudy {
        name: "more".into(),
        cohorts: vec![Some(0), Some(0)],
        primary: vec![true, false],
        is_run: true,
    }];
    fixture.others = vec![Some(vec![Some(0.5), Some(0.25)])];
    let study = fixture.study().unwrap();
    let p: Vec<f64> = study
        .comparisons
        .iter()
        .map(|comparison| comparison.p.unwrap())
        .collect();
    let adjusted: Vec<f64> = study
        .comparisons
        .iter()
        .map(|comparison| comparison.p_adjusted.unwrap())
        .collect();
    assert_eq!(adjusted[0], holm(&[p[0], 0.5]).unwrap()[0]);
    assert_eq!(adjusted[1..], holm(&[p[1], p[2], 0.25]).unwrap()[..2]);
    let families: Vec<_> = study.comparisons.iter().map(|c| (c.exploratory, c.family)).collect();
    assert_eq!(families, [(false, 2), (true, 3), (true, 3)]);
    assert_eq!(study.primary.as_deref(), Some("of_2"));
}

/// Two units: one of two parts of which the worse counts, one of two samples of which the mean counts.
#[test]
fn choices_and_means_are_of_units() {
    let logit = |p: f64| [(p / (1.0 - p)).ln() as f32, 0.0];
    let scores = |test: [f64; 4]| MemberScores {
        test: test.into_iter().flat_map(logit).collect(),
        tuning: test.into_iter().flat_map(logit).collect(),
    };
    // By single samples the second model is the better one, by units the first.
    let written = [scores([0.1, 0.9, 0.4, 0.4]), scores([0.6, 0.7, 0.2, 0.4])];
    let sample = |name: &str, class| SampleFacts {
        name: name.into(),
        group: name.into(),
        class,
        row: 0,
        others: vec![],
    };
    let mut design = fixture(&["a", "b"], 2, 1, 2).spec.design;
    let mut facts = design.tasks[0].clone();
    facts.samples = vec![sample("one", 0), sample("two", 1)];
    design.tasks = vec![facts];
    let parts = vec![vec![vec![0], vec![1]], vec![vec![2, 3]]];
    let model = |scores| Scoring::Model {
        scores,
        trainings: vec![scores],
    };
    let candidate = |label: &str, place| Candidate {
        label: label.into(),
        scoring: model(place),
        pool: vec![],
    };
    let chosen = Scoring::Chosen(Box::new(Chosen {
        axis: "lr".into(),
        by: Measure::Loss,
        tunes: vec![],
        pool: vec![],
        candidates: vec![candidate("a", 0), candidate("b", 1)],
    }));
    let spoken = |scoring: Scoring| {
        let member = Member {
            run: 0,
            repeat: 0,
            fold: 0,
            scoring,
            test: Arc::new(vec![0, 1]),
            tuning: Arc::new(vec![0, 1]),
            units: Some(Units {
                test: parts.clone(),
                tuning: parts.clone(),
            }),
        };
        let speaker = Speaker {
            design: &design,
            facts: &design.tasks[0],
            member: &member,
            scores: &written,
        };
        let spoken = speaker.speak().expect("the units are sound");
        let first: Vec<_> = spoken.test.iter().map(|row| (row[0] * 1e4).round() / 1e4).collect();
        (first, spoken.picks.first().map(|(_, label)| label.clone()))
    };
    assert_eq!(spoken(model(0)), (vec![0.9, 0.4], None));
    assert_eq!(spoken(chosen), (vec![0.9, 0.4], Some("a".to_owned())));
    assert_eq!(spoken(Scoring::Mean(vec![model(0), model(1)])), (vec![0.8, 0.35], None));
}
