//! How often samples are drawn, and how those of a batch are mixed, as planning sees it.

use crate::{
    fixture::{mistakes, planned},
    refused::{chain, refused},
};
use mtl::plan::{
    Plan,
    canon::canonical,
    stage::{Mix, Train, Work},
};

fn trainings(plan: &Plan) -> Vec<&Train> {
    let works = plan.order().map(|node| &plan.graph[node].work);
    let trains = works.filter_map(|work| match work {
        Work::Train(train) => Some(&**train),
        _ => None,
    });
    trains.collect()
}

fn trained(options: &str) -> String {
    chain("", &format!("finetune(task{options}) |> evaluate(task)"))
}

/// Samples of each class in a training part.
fn counts(train: &Train) -> Vec<u32> {
    let of = |class| train.training.classes.iter().filter(|own| **own == class).count();
    (0..2).map(|class| of(class) as u32).collect()
}

#[test]
fn draws_are_those_of_each_training_part() {
    let balanced = planned(&trained(", sampling: balanced"));
    for train in trainings(&balanced) {
        let all = train.training.count() as u32;
        assert_eq!(train.draws, [all.div_ceil(2), all / 2]);
        assert_eq!(
            train.pictures_seen(),
            u64::from(all) * 30,
            "an epoch is as long as ever"
        );
        assert_eq!(train.mix, None);
    }
    // A sample of a class is drawn as often as its weight says, compared with one of the other.
    let weighted = planned(&trained(", sampling: { malignant: 3, rest: 1 }"));
    for train in trainings(&weighted) {
        let (draws, counts) = (&train.draws, counts(train));
        let each = |class: usize| f64::from(draws[class]) / f64::from(counts[class]);
        assert!((each(0) / each(1) - 3.0).abs() < 0.3, "{draws:?} of {counts:?}");
        assert_eq!(draws.iter().sum::<u32>(), train.training.count() as u32);
    }
}

#[test]
fn options_that_are_not_used_are_in_no_key() {
    let keys = |options: &str| -> Vec<Vec<u8>> {
        let plan = planned(&trained(options));
        trainings(&plan).into_iter().map(canonical).collect()
    };
    let plain = keys("");
    assert_eq!(keys(", sampling: none, mix: none"), plain);
    let all = [
        keys(", sampling: balanced"),
        keys(", mix: mixup"),
        keys(", mix: mixup(0.3)"),
        keys(", mix: cutmix"),
        keys(", mix: cutmix(probability: 50%)"),
        plain,
    ];
    for (place, one) in all.iter().enumerate() {
        assert!(all[..place].iter().all(|other| other != one), "{place}");
    }
    let name = b"draws";
    assert!(
        all[5]
            .iter()
            .all(|key| !key.windows(name.len()).any(|part| part == name))
    );
}

#[test]
fn mixes_are_what_they_say() {
    let mix = |text: &str| trainings(&planned(&trained(&format!(", mix: {text}"))))[0].mix;
    let expected = |alpha, probability| Some(Mix::Mixup { alpha, probability });
    assert_eq!(mix("mixup"), expected(0.2, 1.0));
    assert_eq!(mix("mixup(0.4, probability: 50%)"), expected(0.4, 0.5));
    assert_eq!(
        mix("cutmix"),
        Some(Mix::CutMix {
            alpha: 1.0,
            probability: 1.0
        })
    );
}

#[test]
fn what_cannot_be_drawn_or_mixed_is_refused() {
    for (options, words) in [
        (
            "sampling: { malignant: 2 }",
            "`sampling` names no weight for the class `rest`",
        ),
        ("sampling: { malignant: 2, rests: 1 }", "did you mean `rest`?"),
        ("sampling: { malignant: 0, rest: 1 }", "above 0"),
        (
            "sampling: { malignant: 1e-6, rest: 1 }",
            "`malignant` of `task` would not be drawn once",
        ),
        ("mix: mixup(0)", "above 0"),
        ("mix: cutmix(1.0, probability: 2)", "between 0 and 1"),
        ("mix: mixup, batch: 1", "there is none to mix it with"),
    ] {
        refused(&trained(&format!(", {options}")), "plan::bad_value", &[words]);
    }
}

/// Samples of two views, some of which lack one.
#[test]
fn samples_that_lack_a_view_are_not_mixed() {
    let program = |missing: &str, options: &str| {
        format!(
            r#"
@stages("conv")
net tiny(classes: int = 2) {{ x |> conv: conv(4, 3, pad: 1) |> bn: batchnorm |> relu |> global_avgpool |> fc: linear(classes) }}
let task = table("data/breasts/manifest.csv") |> resize(32) |> split(kfold(2), by: "patient", stratify: "label", seed: 7)
  |> classify("label", positive: "malignant")
let breast = task |> views(by: ["patient", "side"], view: "view", order: ["CC", "MLO"]{missing})
out study = tiny() |> towers(fuse: mean) |> finetune(breast{options}) |> evaluate(breast) |> report
"#
        )
    };
    let found = mistakes(&program("", ", mix: mixup"));
    assert!(
        found
            .iter()
            .any(|m| m.starts_with("mtl::plan::bad_value: samples of `breast` that lack a view")),
        "{found:?}"
    );
    for missing in [", missing: copy", ", missing: drop"] {
        let plan = planned(&program(missing, ", mix: cutmix"));
        assert!(trainings(&plan).iter().all(|train| train.mix.is_some()));
    }
    // Balanced classes see as many pictures as their own samples have.
    let plan = planned(&program("", ", sampling: balanced, epochs: 1"));
    for train in trainings(&plan) {
        let pictures = |class: u32| {
            let samples = (0..train.training.count()).filter(|&sample| train.training.classes[sample] == class);
            let rows = samples
                .clone()
                .flat_map(|sample| &train.training.rows[sample * 2..sample * 2 + 2]);
            rows.filter(|row| **row != mtl::plan::stage::ABSENT).count() as f64 / samples.count() as f64
        };
        let expected = f64::from(train.draws[0]) * pictures(0) + f64::from(train.draws[1]) * pictures(1);
        assert!((train.pictures_seen() as f64 - expected).abs() <= 0.5 + 1e-9);
    }
}
