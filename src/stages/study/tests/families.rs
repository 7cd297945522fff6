use super::*;

fn adjusted(study: &Study) -> Vec<f64> {
    let p = study.comparisons.iter().map(|comparison| comparison.p_adjusted);
    p.map(|p| p.expect("the tests are defined")).collect()
}

fn raw(study: &Study) -> Vec<f64> {
    let p = study.comparisons.iter().map(|comparison| comparison.p);
    p.map(|p| p.expect("the tests are defined")).collect()
}

fn other(cohorts: &[Option<u32>], is_run: bool) -> OtherStudy {
    OtherStudy {
        name: "subtypes".into(),
        cohorts: cohorts.to_vec(),
        primary: vec![false; cohorts.len()],
        is_run,
    }
}

#[test]
fn comparisons_of_other_outputs_on_the_cohort_are_in_the_family() {
    let mut fixture = fixture(&["scratch", "density", "longer"], 2, 1, 3);
    let alone = fixture.study().unwrap();
    // Two of the other study's comparisons are on this cohort, the one between them is not.
    fixture.spec.others = vec![other(&[Some(0), None, Some(0)], true)];
    fixture.others = vec![Some(vec![Some(1e-6), Some(1e-9), Some(0.9)])];
    let together = fixture.study().unwrap();
    let mut family = raw(&alone);
    family.extend([1e-6, 0.9]);
    assert_eq!(adjusted(&together), holm(&family).unwrap()[..2]);
    assert!(together.comparisons.iter().all(|comparison| comparison.family == 4));
    assert_eq!(raw(&together), raw(&alone));
    let wider = Assumptions {
        comparisons: 4,
        ..Assumptions::default()
    };
    assert_eq!(
        together.comparisons[0].mde,
        Some(least_detectable_difference(30, 30, wider).unwrap())
    );
}

#[test]
fn a_study_that_was_not_run_makes_no_p_value_smaller_than_it_can_be() {
    let mut fixture = fixture(&["scratch", "density", "longer"], 2, 1, 3);
    fixture.spec.others = vec![other(&[Some(0), Some(0)], false)];
    fixture.others = vec![None];
    let bound = adjusted(&fixture.study().unwrap());
    fixture.spec.others[0].is_run = true;
    for tests in [[Some(0.0), Some(0.0)], [Some(0.02), None], [Some(0.5), Some(1.0)]] {
        fixture.others = vec![Some(tests.to_vec())];
        let run = adjusted(&fixture.study().unwrap());
        assert!(
            run.iter().zip(&bound).all(|(run, bound)| run <= bound),
            "{run:?} {bound:?}"
        );
    }
}

#[test]
fn cohorts_of_one_report_are_families_of_their_own() {
    let axes: [(&str, &[&str]); 2] = [("arm", &["scratch", "density"]), ("data", &["own", "other"])];
    let coordinates = [
        ["scratch", "own"],
        ["density", "own"],
        ["scratch", "other"],
        ["density", "other"],
    ];
    let coordinates: Vec<Vec<&str>> = coordinates.iter().map(|labels| labels.to_vec()).collect();
    let mut fixture = grid(&axes, &coordinates, 2, 1, 3);
    fixture.spec.design.pairs = vec![(1, 0), (3, 2)];
    let one_cohort = fixture.study().unwrap();
    assert_eq!(adjusted(&one_cohort), holm(&raw(&one_cohort)).unwrap());
    fixture.spec.design.tasks.push(TaskFacts {
        name: "elsewhere".into(),
        cohort: 1,
        ..fixture.spec.design.tasks[0].clone()
    });
    fixture.numbers.push(None);
    for cell in &mut fixture.spec.design.cells[2..] {
        cell.task = 1;
    }
    let two_cohorts = fixture.study().unwrap();
    assert_eq!(adjusted(&two_cohorts), raw(&two_cohorts));
}

#[test]
fn tests_for_other_reports_are_those_of_the_own_report() {
    for repeats in [1, 3] {
        let fixture = fixture(&["scratch", "density", "longer"], 2, repeats, 3);
        let own: Vec<_> = fixture
            .study()
            .unwrap()
            .comparisons
            .iter()
            .map(|comparison| comparison.p)
            .collect();
        assert_eq!(tests(&fixture.spec.design, &fixture.scores).unwrap(), own);
    }
}

#[test]
fn tests_that_do_not_go_with_the_plan_are_refused() {
    let mut fixture = fixture(&["scratch", "density"], 2, 1, 3);
    fixture.spec.others = vec![other(&[Some(0), Some(0)], true)];
    assert!(matches!(
        fixture.study(),
        Err(StudyError::Count {
            expected: 1,
            found: 0,
            ..
        })
    ));
    fixture.others = vec![Some(vec![Some(0.5)])];
    assert!(matches!(
        fixture.study(),
        Err(StudyError::Count {
            expected: 2,
            found: 1,
            ..
        })
    ));
    fixture.spec.design.pairs = vec![(7, 0)];
    assert!(matches!(
        fixture.study(),
        Err(StudyError::Place {
            what: "cell",
            place: 7,
            known: 2
        })
    ));
}
