use super::*;

#[test]
fn scores_that_do_not_fit_are_refused_by_name() {
    let good = fixture(&["scratch", "density"], 2, 1, 3);
    for (tuning, value) in [(false, f32::NAN), (false, f32::INFINITY), (true, f32::NAN)] {
        let mut fixture = good.clone();
        let scores = &mut fixture.scores[4];
        let part = if tuning { &mut scores.tuning } else { &mut scores.test };
        part[5] = value;
        let member = &fixture.spec.design.cells[1].members[1];
        let named = if tuning { member.tuning[2] } else { member.test[2] };
        match fixture.study() {
            Err(StudyError::Diverged { stage, sample, .. }) => {
                assert_eq!((stage.as_str(), sample), ("density/0/1/score", format!("{named}.png")));
            }
            other => panic!("{other:?}"),
        }
    }
    let mut short = good.clone();
    short.scores[0].test.pop();
    assert!(matches!(short.study(), Err(StudyError::Logits { expected, found, .. }) if found + 1 == expected));
    let mut fewer = good.clone();
    fewer.scores.pop();
    assert!(matches!(
        fewer.study(),
        Err(StudyError::Count {
            what: "score stages",
            expected: 6,
            found: 5
        })
    ));
    let mut history = good.clone();
    history.histories[2].epochs.pop();
    assert!(matches!(
        history.study(),
        Err(StudyError::Epochs {
            expected: 2,
            found: 1,
            ..
        })
    ));
    let mut beyond = good.clone();
    beyond.spec.design.cells[0].members[0].test = Arc::new(vec![120]);
    assert!(matches!(
        beyond.study(),
        Err(StudyError::Place {
            what: "sample",
            place: 120,
            known: 120
        })
    ));
    let mut twice = good.clone();
    twice.spec.design.cells[0].members[2].fold = 1;
    assert_eq!(
        twice.study().unwrap_err().to_string(),
        "cell `scratch` has fold 1 of repeat 0 twice"
    );
    let mut nothing = good;
    nothing.spec.design.cells[1].members.clear();
    assert_eq!(nothing.study().unwrap_err().to_string(), "cell `density` has no model");
}

#[test]
fn a_fold_without_a_class_and_arms_on_other_samples_are_refused() {
    let good = fixture(&["scratch", "density"], 2, 1, 3);
    let mut one_class = good.clone();
    for place in one_class.spec.design.cells[1].members[2].test.iter() {
        one_class.spec.design.tasks[0].samples[*place as usize].class = 1;
    }
    let message = one_class.study().unwrap_err().to_string();
    assert_eq!(
        message,
        "scratch: fold 2 of repeat 0 has no case of class 1: use fewer folds"
    );
    let mut unpaired = good.clone();
    unpaired.spec.design.cells[1].members.truncate(2);
    assert!(
        unpaired
            .study()
            .unwrap_err()
            .to_string()
            .starts_with("density against scratch: the arms are not paired")
    );
    let mut tasks = good;
    tasks.spec.design.tasks.push(TaskFacts {
        name: "other".into(),
        ..tasks.spec.design.tasks[0].clone()
    });
    tasks.numbers.push(None);
    tasks.spec.design.cells[1].task = 1;
    let message = tasks.study().unwrap_err().to_string();
    assert_eq!(
        message,
        "`density` is judged on `other`, its baseline `scratch` on `of_2`"
    );
}
