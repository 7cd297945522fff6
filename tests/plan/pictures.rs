//! What is done to pictures, as planning sees it.

use crate::{
    fixture::{mistakes, planned},
    refused::{chain, refused},
};
use mtl::plan::canon::canonical;

/// Nothing is found but that the small data have few patients in a fold.
fn accepted(text: &str) {
    let found = mistakes(text)
        .into_iter()
        .filter(|m| !m.starts_with("mtl::data::few_in_class:"));
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new(), "{text}");
}

#[test]
fn what_cannot_be_done_to_pictures_is_refused() {
    let prepared = |steps: &str| {
        let lets = format!(
            r#"let t = table("data/films/manifest.csv") |> {steps} |> split(kfold(3), by: "patient", seed: 7)
  |> classify("label", {{ malignant: ["malignant"], rest: ["benign", "other"] }})"#
        );
        chain(&lets, "finetune(t) |> evaluate(t)")
    };
    for (steps, code, words) in [
        (
            "normalize(imagenet) |> window |> rgb",
            "data::window_after_normalize",
            &["normalised", "put `window` before"][..],
        ),
        (
            "crop_breast |> rgb",
            "data::size_varies",
            &["`crop_breast`", "`fit(224)`"],
        ),
        (
            "crop_breast |> crop(8) |> rgb",
            "data::size_varies",
            &["`crop`", "`fit(...)` between"],
        ),
        ("crop_breast |> pad(64) |> rgb", "data::size_varies", &["`pad`"]),
        ("crop(40) |> rgb", "data::does_not_fit", &["16 x 16", "`crop`"]),
        ("pad(8) |> rgb", "data::does_not_fit", &["16 x 16", "`pad`"]),
        (
            "window(range: [300, 900]) |> resize(32) |> rgb",
            "data::does_not_fit",
            &["8 bits", "black"],
        ),
        (
            "window(percentile: [1, 99]) |> resize(32) |> rgb",
            "plan::bad_value",
            &["[1.0, 99.0]", "0.99"],
        ),
        (
            "window(percentile: [99%, 1%]) |> resize(32) |> rgb",
            "plan::bad_value",
            &["begin below its end"],
        ),
        (
            "window(percentile: [1%]) |> resize(32) |> rgb",
            "plan::bad_value",
            &["a beginning and an end"],
        ),
        (
            "window(range: [900, 900]) |> resize(32) |> rgb",
            "plan::bad_value",
            &["begin below its end"],
        ),
        (
            "window(range: [-5, 90]) |> resize(32) |> rgb",
            "plan::bad_value",
            &["no values of a picture"],
        ),
        (
            "window(percentile: [1%, 99%], range: [0, 9]) |> resize(32) |> rgb",
            "plan::bad_value",
            &["not by both"],
        ),
        ("fit(0) |> rgb", "plan::bad_value", &["no size of a picture"]),
        (
            "crop_breast |> resize(32) |> rgb",
            "data::distorted",
            &["`crop_breast`", "`fit(...)`"],
        ),
    ] {
        refused(&prepared(steps), code, words);
    }
    let good = prepared(
        "window |> crop_breast |> face(left) |> fit([40, 32]) |> crop(32) |> pad(40) |> rgb |> normalize(imagenet)",
    );
    accepted(&good);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    for (augment, words) in [
        ("rotate(200)", "between 0 and 180"),
        ("shift(-5%)", "between 0 and 1"),
        ("scale(1.1..0.9)", "no number lies in this range"),
        ("scale(0.0..1.1)", "from 0.1 to 10"),
        ("contrast(20)", "between 0 and 1"),
        ("brightness(150%)", "between 0 and 1"),
        ("noise(2)", "between 0 and 1"),
        ("flip(vertical: 3)", "between 0 and 1"),
        ("gamma(0.01..1.0)", "from 0.1 to 10"),
        ("blur(0.1..200.0)", "from 0 to 100 pixels"),
        ("blur(-1.0..2.0)", "from 0 to 100 pixels"),
        ("elastic(alpha: -1, sigma: 4)", "between 0 and 10000"),
        ("elastic(alpha: 34, sigma: 0)", "above 0 and at most 100 pixels"),
        ("random_crop(0%..100%)", "from 1 % to 100 %"),
        ("random_crop(50%..150%)", "from 1 % to 100 %"),
        ("random_crop(ratio: 0.0..1.0)", "from 0.1 to 10"),
        ("sometimes(2, flip)", "between 0 and 1"),
    ] {
        let program = chain("", &format!("finetune(task, augment: [{augment}]) |> evaluate(task)"));
        refused(&program, "plan::bad_value", &[words]);
    }
    let evaluated = |tta: &str| chain("", &format!("finetune(task) |> evaluate(task, tta: {tta})"));
    for change in [
        "flip",
        "rotate(5)",
        "flip(horizontal: 100%, vertical: 50%)",
        "gamma(0.8..1.25)",
        "random_crop",
        "elastic(alpha: 34, sigma: 4)",
        "sometimes(50%, flip(horizontal: 100%))",
    ] {
        refused(
            &evaluated(&format!("[identity, {change}]")),
            "plan::random_tta",
            &["random", "`identity`"],
        );
    }
    refused(
        &evaluated("[identity, identity]"),
        "plan::bad_value",
        &["`identity` stands twice"],
    );
    accepted(&evaluated("[identity, flip(horizontal: 100%), flip(vertical: 100%)]"));
    accepted(&evaluated(
        "[identity, scale(1.1..=1.1), gamma(0.8..=0.8), blur(1.0..=1.0)]",
    ));
}

#[test]
fn a_flip_after_face_is_told() {
    let lets = r#"let faced = task |> face(left)"#;
    for chain_text in [
        "finetune(faced, augment: [rotate(10), flip]) |> evaluate(faced)",
        "finetune(faced, augment: [sometimes(50%, flip)]) |> evaluate(faced)",
        "finetune(faced) |> evaluate(faced, tta: [identity, flip(horizontal: 100%)])",
    ] {
        refused(&chain(lets, chain_text), "lint::flip_after_face", &["undoes `face`"]);
    }
    let vertical = chain(
        lets,
        "finetune(faced, augment: [flip(vertical: 50%)]) |> evaluate(faced)",
    );
    accepted(&vertical);
}

#[test]
fn changes_under_test_are_in_the_key_of_the_scores_alone() {
    let kinds = |tta: &str| -> Vec<(&str, Vec<u8>)> {
        let plan = planned(&chain("", &format!("finetune(task) |> evaluate(task{tta})")));
        let works = plan.order().map(|node| &plan.graph[node].work);
        let works = works.filter(|work| matches!(work.kind(), "train" | "score"));
        works.map(|work| (work.kind(), canonical(work))).collect()
    };
    let (plain, alone, both) = (
        kinds(""),
        kinds(", tta: [identity]"),
        kinds(", tta: [identity, flip(horizontal: 100%)]"),
    );
    assert_eq!(plain, alone, "the picture as it is is no change");
    for (plain, both) in plain.iter().zip(&both) {
        assert_eq!(plain == both, plain.0 == "train");
    }
}
