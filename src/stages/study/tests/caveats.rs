use super::*;

#[test]
fn unequal_budgets_are_said_with_their_control() {
    let mut fixture = fixture(&["scratch", "density", "longer"], 2, 1, 3);
    assert!(
        fixture
            .study()
            .unwrap()
            .comparisons
            .iter()
            .all(|comparison| comparison.budgets_equal)
    );
    for training in 3..6 {
        fixture.spec.design.trainings[training].label = "pretrain on density".into();
    }
    for training in 3..9 {
        (
            fixture.spec.design.trainings[training].pictures,
            fixture.spec.design.trainings[training].steps,
        ) = (1500, 47);
    }
    let study = fixture.study().unwrap();
    assert!(study.comparisons.iter().all(|comparison| !comparison.budgets_equal));
    assert_eq!(
        caveat(&study, "C4"),
        "Arms differ in training: density saw 1,500 images (47 optimiser steps), scratch 300. A difference may be due to \
         training longer. Control: longer."
    );
    let others: Vec<_> = study
        .caveats
        .iter()
        .filter(|caveat| caveat.code == "C4")
        .skip(1)
        .collect();
    // Nothing that was trained in other steps is a control.
    assert!(others.len() == 1 && others[0].text.ends_with("Control: none in this program."));
}

#[test]
fn an_arm_that_differs_alike_on_every_other_axis_is_told_once() {
    let coordinates: Vec<Vec<&str>> = ["a", "b"]
        .iter()
        .flat_map(|&arm| [vec![arm, "0"], vec![arm, "5"]])
        .collect();
    let axes: [(&str, &[&str]); 2] = [("arm", &["a", "b"]), ("frozen", &["0", "5"])];
    let mut fixture = grid(&axes, &coordinates, 2, 1, 3);
    fixture.spec.design.pairs = vec![(2, 0), (3, 1)];
    let told = |fixture: &Fixture| -> Vec<String> {
        let study = fixture.study().unwrap();
        let unequal = study.caveats.iter().filter(|caveat| caveat.code == "C4");
        unequal
            .map(|caveat| caveat.text.split(" saw").next().unwrap_or_default().to_owned())
            .collect()
    };
    fixture.spec.design.trainings[6..12]
        .iter_mut()
        .for_each(|training| training.steps = 11);
    assert_eq!(told(&fixture), ["Arms differ in training: b"]);
    fixture.spec.design.trainings[6..9]
        .iter_mut()
        .for_each(|training| training.steps = 12);
    assert_eq!(
        told(&fixture),
        ["Arms differ in training: b · 0", "Arms differ in training: b · 5"]
    );
}

#[test]
fn rates_weights_and_the_paper_raise_their_caveats() {
    let mut fixture = fixture(&["scratch", "density"], 2, 1, 3);
    assert_eq!(codes(&fixture.study().unwrap()), ["card", "C7", "C8", "C9"]);
    let choice = |name: &str, value: &str| Choice {
        scope: "finetune".into(),
        name: name.into(),
        value: value.into(),
        by: ChoiceBy::Default,
    };
    fixture.spec.choices = vec![choice("lr", "1e-3"), choice("epochs", "4"), choice("lr", "1e-3")];
    fixture.spec.dag.nodes = vec![("load imagenet.safetensors".into(), "load".into(), 1)];
    fixture.spec.about = words(&["After Clancy et al. 2020."]);
    let study = fixture.study().unwrap();
    assert_eq!(codes(&study), ["card", "C5", "C6", "C7", "C8", "C9", "C11"]);
    assert!(caveat(&study, "C5").contains("(1e-3, a default)"));
    assert!(caveat(&study, "C6").contains("imagenet.safetensors"));
    assert!(caveat(&study, "C9").starts_with("With 30 and 30 patients"));
    assert!(caveat(&study, "C11").contains("3 listed choices"));
}
