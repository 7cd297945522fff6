use super::*;

#[test]
fn a_cell_has_the_auc_of_the_statistics() {
    let fixture = fixture(&["scratch", "density"], 2, 1, 3);
    let study = fixture.study().unwrap();
    for (place, cell) in study.cells.iter().enumerate() {
        let expected = arm(&fixture, place).estimate(Metric::Auc, 0.95).unwrap();
        assert_eq!(cell.auc, Some(expected.value));
        let (interval, _) = expected.interval.unwrap();
        assert_eq!(cell.auc_ci, Some([interval.low, interval.high]));
        let folds: Vec<_> = cell
            .members
            .iter()
            .map(|member| (member.repeat, member.fold, member.auc))
            .collect();
        assert_eq!(
            folds,
            expected
                .folds
                .iter()
                .map(|f| (f.repeat, f.fold, Some(f.value)))
                .collect::<Vec<_>>()
        );
        assert_eq!(
            cell.auc_pooled,
            Some(arm(&fixture, place).pooling(Metric::Auc).unwrap().pooled)
        );
        assert_eq!(
            (cell.n, cell.n_groups, cell.class_counts.clone()),
            (120, 60, vec![60, 60])
        );
        assert_eq!((cell.repeats, cell.budget.models, cell.budget.epochs), (1, 3, 2));
        assert_eq!((cell.budget.pictures, cell.budget.steps), (900, 30));
        assert_eq!(
            (cell.curves.len(), cell.curves[0].class, cell.curves[0].folds.len()),
            (1, 0, 3)
        );
        assert_eq!((cell.curves[0].auc, cell.curves[0].auc_ci), (cell.auc, cell.auc_ci));
        assert_eq!(cell.predictions.len(), 120);
    }
    assert!(
        study.cells[1].auc > Some(0.6),
        "the fixture's better arm: {:?}",
        study.cells[1].auc
    );
    assert!(study.cells[0].estimand.contains("mean over the 3 folds"));
    assert_eq!(study.trainings[0].history[1].tuning, Some(0.8));
}

#[test]
fn the_first_of_two_classes_is_the_positive_one() {
    let mut fixture = fixture(&["scratch"], 2, 1, 3);
    for member in &fixture.spec.design.cells[0].members {
        let class = |sample: &u32| fixture.spec.design.tasks[0].samples[*sample as usize].class;
        let logits = member
            .test
            .iter()
            .flat_map(|sample| [if class(sample) == 0 { 2.0 } else { 1.0 }, 1.5]);
        fixture.scores[scores_of(member)].test = logits.collect();
    }
    let study = fixture.study().unwrap();
    assert_eq!(study.cells[0].auc, Some(1.0));
    let row = &study.cells[0].predictions[0];
    // 1 / (1 + exp(-1/2))
    assert!(row.class == 0 && (row.probabilities[0] - 0.622_459_331_201_854_6).abs() < 1e-15);
}

#[test]
fn three_classes_have_hand_and_till_and_a_curve_each() {
    let mut fixture = fixture(&["scratch", "density"], 3, 1, 3);
    fixture.numbers[0] = Some(vec![[0.0; GLOBAL_NUMBERS]; 120]);
    let study = fixture.study().unwrap();
    let cell = &study.cells[1];
    let (mut cases, mut probabilities) = (vec![], vec![]);
    for row in &cell.predictions {
        let sample: u32 = row.sample.trim_end_matches(".png").parse().unwrap();
        let label = row.class as u32;
        cases.push(Case {
            repeat: row.repeat,
            fold: row.fold,
            sample,
            cluster: sample / 2,
            label,
        });
        assert!((row.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        probabilities.extend(&row.probabilities);
    }
    let expected = CrossValidated::multiclass(&cases, &probabilities, 3).unwrap();
    let estimate = expected.estimate(Metric::HandTill, 0.95).unwrap();
    assert_eq!(cell.auc, Some(estimate.value));
    assert_eq!(cell.curves.len(), 3);
    for curves in &cell.curves {
        let one = expected.estimate(Metric::OneVsRest(curves.class as u32), 0.95).unwrap();
        assert_eq!(curves.auc, Some(one.value));
        assert!((curves.auc_ci.unwrap()[0] - one.interval.unwrap().0.low).abs() < 1e-12);
        assert_eq!((curves.average[0], curves.average[101]), ([0.0, 0.0], [1.0, 1.0]));
    }
    assert!(cell.auc_method.contains("Hand and Till"));
    assert_eq!(
        (study.comparisons[0].mde, study.tasks[0].trivial_baseline.as_ref()),
        (None, None)
    );
    assert!(study.comparisons[0].p.is_some() && !codes(&study).contains(&"C9"));
}

#[test]
fn models_on_one_external_cohort_are_repeats_of_one_fold() {
    let mut fixture = fixture(&["scratch", "density"], 2, 3, 3);
    let all: Arc<Vec<u32>> = Arc::new((0..2 * PATIENTS).collect());
    let task = fixture.spec.design.tasks[0].clone();
    for (place, cell) in fixture.spec.design.cells.iter_mut().enumerate() {
        for member in &mut cell.members {
            (member.test, member.tuning) = (all.clone(), Arc::default());
            let logits = all
                .iter()
                .flat_map(|&at| logits(&task, place, member.repeat, member.fold, at))
                .collect();
            fixture.scores[scores_of(member)] = MemberScores {
                test: logits,
                tuning: vec![],
            };
        }
    }
    fixture.numbers[0] = Some(vec![[0.0; GLOBAL_NUMBERS]; 120]);
    let study = fixture.study().unwrap();
    let cell = &study.cells[1];
    let mean = cell.members.iter().filter_map(|member| member.auc).sum::<f64>() / 9.0;
    assert!((cell.auc.unwrap() - mean).abs() < 1e-15);
    assert_eq!((cell.n, cell.predictions.len(), cell.auc_pooled), (120, 1080, None));
    assert_eq!((cell.members[8].repeat, cell.members[8].fold), (2, 2));
    let mut renumbered = fixture.clone();
    for cell in &mut renumbered.spec.design.cells {
        let numbered = cell.members.iter_mut().enumerate();
        numbered.for_each(|(place, member)| (member.repeat, member.fold) = (place as u32, 0));
    }
    let expected = arm(&renumbered, 1).estimate(Metric::Auc, 0.95).unwrap();
    assert_eq!(
        cell.auc_ci,
        expected.interval.map(|(interval, _)| [interval.low, interval.high])
    );
    // Other training patients would give other models, but a test of that needs test folds of their own.
    assert_eq!(study.comparisons[0].p_strategy, None);
    assert!(study.comparisons[0].p.is_some() && cell.estimand.contains("on the same test patients"));
    assert!(!codes(&study).contains(&"C8"));
    assert_eq!(study.tasks[0].trivial_baseline, None, "nothing is left to fit it on");
}

#[test]
fn one_holdout_split_is_one_model() {
    let mut fixture = fixture(&["scratch", "density"], 2, 1, 3);
    fixture
        .spec
        .design
        .cells
        .iter_mut()
        .for_each(|cell| cell.members.truncate(1));
    let study = fixture.study().unwrap();
    let cell = &study.cells[0];
    assert_eq!(cell.auc, cell.members[0].auc);
    assert_eq!((cell.n, cell.auc_pooled), (cell.predictions.len(), cell.auc));
    assert!(
        cell.estimand
            .starts_with("The AUC is that of one model on its test patients")
    );
    assert_eq!(codes(&study), ["card", "C7", "C9"]);
}

#[test]
fn samples_without_a_column_of_groups_are_their_own() {
    let mut fixture = fixture(&["scratch"], 2, 1, 3);
    fixture.spec.design.tasks[0].group_column = None;
    let study = fixture.study().unwrap();
    assert_eq!(study.cells[0].n_groups, 120);
    assert!(study.cells[0].estimand.ends_with("samples are the unit of resampling."));
}

#[test]
fn the_trivial_baseline_learns_on_the_training_part_alone() {
    let mut fixture = fixture(&["scratch"], 2, 1, 3);
    let task = fixture.spec.design.tasks[0].clone();
    let row = |(place, sample): (usize, &SampleFacts)| {
        let mut row = std::array::from_fn(|column| noise((place * GLOBAL_NUMBERS + column) as u64));
        row[3] += 0.3 * f64::from(sample.class);
        row
    };
    let numbers: Vec<[f64; GLOBAL_NUMBERS]> = task.samples.iter().enumerate().map(row).collect();
    fixture.numbers[0] = Some(numbers.clone());
    let study = fixture.study().unwrap();
    let (mut cases, mut scores) = (vec![], vec![]);
    for member in &fixture.spec.design.cells[0].members {
        let (mut x, mut y) = (vec![], vec![]);
        for sample in (0..120).filter(|sample| !member.test.contains(sample) && !member.tuning.contains(sample)) {
            x.extend(numbers[sample as usize]);
            y.push(1 - task.samples[sample as usize].class);
        }
        let model = logistic::fit(&x, GLOBAL_NUMBERS, &y, 1.0).unwrap();
        for &sample in member.test.iter() {
            let label = 1 - task.samples[sample as usize].class;
            cases.push(Case {
                repeat: 0,
                fold: member.fold,
                sample,
                cluster: sample / 2,
                label,
            });
            scores.extend(model.predict(&numbers[sample as usize]).unwrap());
        }
    }
    let expected = CrossValidated::binary(&cases, &scores)
        .unwrap()
        .estimate(Metric::Auc, 0.95)
        .unwrap();
    let found = study.tasks[0].trivial_baseline.clone().unwrap();
    assert_eq!((found.features, found.auc), (12, expected.value));
    assert_eq!(
        found.auc_ci,
        expected.interval.map(|(interval, _)| [interval.low, interval.high])
    );
    assert!(caveat(&study, "C3").contains(&format!("reaches AUC {:.3}", expected.value)));
    let counts = &study.tasks[0].fold_counts[0];
    assert_eq!(
        (
            counts.test.groups + counts.tuning.groups + counts.training.groups,
            counts.tuning.groups
        ),
        (60, 6)
    );
    fixture.numbers[0] = Some(vec![[0.0; GLOBAL_NUMBERS]; 120]);
    assert_eq!(
        fixture.study().unwrap().tasks[0]
            .trivial_baseline
            .as_ref()
            .map(|baseline| baseline.auc),
        Some(0.5)
    );
}

#[test]
fn the_order_of_cells_and_folds_changes_no_number() {
    let fixture = fixture(&["scratch", "density", "longer"], 2, 2, 3);
    let mut turned = fixture.clone();
    turned.spec.design.cells.rotate_left(1);
    turned.spec.design.pairs = vec![(0, 2), (1, 2)];
    turned
        .spec
        .design
        .cells
        .iter_mut()
        .for_each(|cell| cell.members.reverse());
    let (one, other) = (fixture.study().unwrap(), turned.study().unwrap());
    for (place, cell) in one.cells.iter().enumerate() {
        assert_eq!(cell, &other.cells[(place + 2) % 3]);
    }
    for (comparison, turned) in one.comparisons.iter().zip(&other.comparisons) {
        let places = (turned.arm, turned.baseline);
        assert_eq!(places, ((comparison.arm + 2) % 3, (comparison.baseline + 2) % 3));
        let moved = Comparison {
            arm: comparison.arm,
            baseline: comparison.baseline,
            ..turned.clone()
        };
        assert_eq!(comparison, &moved);
    }
    assert_eq!((one.tasks, one.caveats), (other.tasks, other.caveats));
}

#[test]
fn scores_on_several_scales_are_said() {
    let mut fixture = fixture(&["scratch", "density"], 2, 1, 3);
    assert!(!fixture.study().unwrap().cells[1].auc_method.contains("scale"));
    let auc = fixture.study().unwrap().cells[1].auc;
    // One model is surer of the positive class in every picture.
    let scores = scores_of(&fixture.spec.design.cells[1].members[0]);
    fixture.scores[scores]
        .test
        .iter_mut()
        .step_by(2)
        .for_each(|logit| *logit += 3.0);
    let cell = &fixture.study().unwrap().cells[1];
    assert_eq!(cell.auc, auc, "cases are ranked within folds");
    assert!(cell.auc_pooled < auc.map(|auc| auc - 0.01) && cell.auc_method.contains("not on one scale"));
}
