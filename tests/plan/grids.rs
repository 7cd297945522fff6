//! Grids of scores: their axes, and what is chosen among them and made of them.

use crate::{
    fixture::{planned, report},
    refused::{START, refused},
};
use mtl::plan::stage::{ChoiceBy, Measure, Scoring};

#[test]
fn axes_are_added_and_put_in_another_order_and_cells_keep_their_labels() {
    let text = format!(
        "{START}let other = cohort |> classify(\"label\", {{ benign: [\"benign\"], rest: [\"malignant\", \"other\"] }})
let tasks = {{ task, other }}
let a = for arm in {{ short: 1, long: 2 }}, t in tasks {{ resnet18() |> finetune(t, epochs: arm) |> evaluate(t) }}
let c = for t in tasks {{ resnet18() |> finetune(t, epochs: 3) |> evaluate(t) }}
let all = a ++ (c |> axis(arm: \"third\"))
out study = all |> transpose([\"t\", \"arm\"]) |> report(compare: \"arm\", baseline: \"third\")\n"
    );
    let design = report(&planned(&text), "study").design;
    let axes: Vec<_> = design
        .axes
        .iter()
        .map(|axis| (axis.name.as_str(), axis.labels.join(" ")))
        .collect();
    assert_eq!(
        axes,
        [("t", "task other".to_owned()), ("arm", "short long third".to_owned())]
    );
    let told = |cell: &mtl::plan::stage::Cell| {
        let task = design.tasks[cell.task].name.clone();
        (
            cell.coordinate.join(" "),
            task,
            cell.chain.last().cloned().unwrap_or_default(),
        )
    };
    let expected =
        |t: &str, arm: &str, epochs: &str| (format!("{t} {arm}"), t.to_owned(), format!("finetune on {t}, {epochs}"));
    let rows = ["task", "other"].map(|t| {
        [
            expected(t, "short", "1 epoch"),
            expected(t, "long", "2 epochs"),
            expected(t, "third", "3 epochs"),
        ]
    });
    assert_eq!(design.cells.iter().map(told).collect::<Vec<_>>(), rows.concat());
}

#[test]
fn wrong_choices_among_scores_are_refused() {
    let program = |tuning: &str, tail: &str| {
        format!(
            "{START}let tuned = films |> split(kfold(3, tuning: {tuning}), by: \"patient\", stratify: \"label\", seed: 7)
let t = tuned |> classify(\"label\", {{ malignant: [\"malignant\"], rest: [\"benign\", \"other\"] }})
let rest = tuned |> classify(\"label\", {{ malignant: [\"malignant\"], rest: [\"benign\"] }})
let g = for lr in [1e-3, 1e-4], seed in [1, 2] {{ resnet18() |> finetune(t, epochs: 1, lr: lr, seed: seed) |> evaluate(t) }}
let mixed = for target in {{ t, rest }} {{ resnet18() |> finetune(target, epochs: 1) |> evaluate(target) }}
out study = {tail}\n"
        )
    };
    let refused = |tail: &str, code: &str, words: &[&str]| refused(&program("25%", tail), code, words);
    refused(
        "g |> select(along: \"lrr\") |> report()",
        "plan::no_such_axis",
        &["did you mean `lr`"],
    );
    refused(
        "g |> select(along: \"lr\") |> select(along: \"lr\") |> report()",
        "plan::no_such_axis",
        &["its axes are `seed`"],
    );
    refused(
        "g |> select(along: \"lr\", pool: [\"lr\"]) |> report()",
        "plan::no_such_axis",
        &["its axes are `seed`"],
    );
    refused(
        "mixed |> select(along: \"target\") |> report()",
        "plan::unlike_scores",
        &["`t` and `rest`"],
    );
    refused(
        "mixed |> ensemble(along: \"target\") |> report()",
        "plan::unlike_scores",
        &["averaged"],
    );
    refused(
        "mixed |> rank(along: \"target\") |> report()",
        "plan::unlike_scores",
        &["ranked"],
    );
    refused(
        "mixed |> report(replicate: \"target\")",
        "plan::unlike_scores",
        &["runs of one recipe"],
    );
    refused(
        "g |> report(compare: \"seed\", baseline: 1, replicate: \"seed\")",
        "plan::replicate",
        &["not compared"],
    );
    refused(
        "g |> report(compare: \"lr\", baseline: { lr: 1e-3, seed: 1 }, replicate: \"seed\")",
        "plan::replicate",
        &["leave `seed` out"],
    );
    refused(
        "g |> report(replicate: \"sed\")",
        "plan::no_such_axis",
        &["did you mean `seed`"],
    );
    refused(
        "g |> table_of(rows: \"lr\", columns: \"lr\")",
        "plan::bad_value",
        &["the same axis"],
    );
    refused(
        "g |> table_of(rows: \"lr\", part: \"tunning\")",
        "plan::bad_value",
        &["`val`, `tuning` and `test`", "did you mean `tuning`"],
    );
    refused(
        "g |> export(\"../scores.csv\")",
        "plan::bad_value",
        &["output's folder"],
    );
    refused("g |> export(\"scores.txt\")", "plan::bad_value", &[".csv"]);
    refused(
        "g |> rank(along: \"seed\", draws: 0) |> report()",
        "plan::bad_value",
        &["`draws`"],
    );
    refused(
        "g |> rank(along: \"seed\") |> report(compare: \"lr\", baseline: 1e-3)",
        "plan::bad_value",
        &["without `compare`"],
    );
    refused(
        "g |> report(compare: \"lr\", baseline: 1e-3, primary: \"tt\")",
        "plan::no_such_label",
        &["no comparison is on a task `tt`", "did you mean `t`"],
    );
    refused(
        "g |> report(compare: \"lr\", baseline: 1e-3, test: delong)",
        "lint::independent_samples",
        &["12 of 72 groups of `patient`"],
    );
    let none =
        |tail: &str, words: &[&str]| crate::refused::refused(&program("0%", tail), "plan::no_tuning_part", words);
    none(
        "g |> select(along: \"lr\") |> report()",
        &["`t` has no tuning part", "kfold(5, tuning: 10%)"],
    );
    none("g |> table_of(rows: \"lr\", part: \"val\")", &["no tuning part"]);
}

#[test]
fn what_is_chosen_and_averaged_stands_in_the_design() {
    let text = format!(
        "{START}let g = for lr in [1e-3, 1e-4], seed in [1, 2, 3] {{ resnet18() |> init(seed: seed) |> finetune(task, epochs: 1, lr: lr) |> evaluate(task) }}
out chosen = g |> select(along: \"lr\", pool: [\"seed\"]) |> ensemble(along: \"seed\") |> report()
out runs = g |> report(compare: \"lr\", baseline: 1e-3, replicate: \"seed\", primary: \"task\")
out table = g |> table_of(rows: \"lr\", columns: \"seed\")\n"
    );
    let plan = planned(&text);
    let chosen = report(&plan, "chosen").design;
    assert_eq!((chosen.axes.len(), chosen.cells.len(), chosen.scores.len()), (0, 1, 18));
    let Scoring::Mean(seeds) = &chosen.cells[0].members[0].scoring else {
        panic!("a mean")
    };
    assert_eq!(seeds.len(), 3);
    let Scoring::Chosen(first) = &seeds[0] else {
        panic!("a choice")
    };
    assert_eq!(
        (first.axis.as_str(), first.by, first.tunes.clone()),
        ("lr", Measure::Loss, vec!["lr".to_owned()])
    );
    let labels: Vec<_> = first
        .candidates
        .iter()
        .map(|candidate| (candidate.label.as_str(), candidate.pool.len()))
        .collect();
    assert_eq!(labels, [("0.001", 2), ("0.0001", 2)]);
    let chain = &chosen.cells[0].chain;
    assert!(
        chain
            .last()
            .is_some_and(|step| step.contains("mean of the probabilities of 3 models along seed")),
        "{chain:?}"
    );
    let runs = report(&plan, "runs");
    assert_eq!(
        (
            runs.design.cells.len(),
            runs.design.cells[0].members.len(),
            runs.design.pairs.len()
        ),
        (2, 9, 1)
    );
    assert_eq!(runs.design.replicate.map(|axis| axis.labels.len()), Some(3));
    assert_eq!(runs.primary.map(|primary| primary.pairs), Some(vec![true]));
    let choices = report(&plan, "chosen").choices;
    assert!(
        choices
            .iter()
            .any(|c| c.name == "select by" && c.value == "loss" && c.by == ChoiceBy::Default)
    );
}

#[test]
fn sweeps_seeds_and_joined_grids_of_whole_studies_are_planned() {
    let text = format!(
        "{START}import std.models {{ resnet34 }}
param seeds: int = 2
let parts = films |> split(kfold(3, val: 25%), by: \"patient\", stratify: \"label\", seed: 7)
let label = parts |> classify(\"label\", {{ malignant: [\"malignant\"], rest: [\"benign\", \"other\"] }})
let density = parts |> classify(\"density\")

let swept = for start in {{ scratch: init(seed: 1), other: init(seed: 2) }}, lr in [1e-2, 3e-3] {{
  resnet18() |> start |> finetune(label, epochs: 1, lr: lr, schedule: cosine(warmup: 5%)) |> evaluate(label)
}}
let tuned = swept |> select(along: \"lr\", by: auc)
out sweep = swept |> table_of(rows: \"lr\", columns: \"start\", part: \"val\")
out study = tuned |> report(compare: \"start\", baseline: \"scratch\", test: delong, adjust: holm)

let schemes = {{ flat: {{ rest: 1e-3 }}, by_hand: {{ head: 1e-2, \"layer4\": 1e-3, rest: 3e-4 }} }}
let by_scheme = for lr in schemes, decay in [0, 1e-4] {{
  resnet18() |> finetune(label, epochs: 1, lr: lr, weight_decay: decay) |> evaluate(label)
}}
out scheme = by_scheme |> select(along: \"decay\", by: auc) |> report(compare: \"lr\", baseline: \"flat\", test: delong)

let starts = {{ none: |> identity, density: |> pretrain(density, epochs: 1) }}
let scores = for start in starts, network in {{ resnet18, resnet34 }}, seed in 1..=seeds {{
  network() |> init(seed: seed) |> start |> finetune(label, epochs: 1, seed: seed) |> evaluate(label)
}}
let together = scores |> ensemble(along: \"seed\")
let spread = scores |> rank(along: \"seed\", by: auc)
out seeds_report = scores |> report(compare: \"start\", baseline: \"none\", replicate: \"seed\")
out ensemble_report = together |> report(compare: \"start\", baseline: \"none\", test: delong)
out spread_report = spread |> report

let other = parts |> classify(\"label\", {{ benign: [\"benign\"], rest: [\"malignant\", \"other\"] }})
let tasks = {{ label, other }}
let a = for strategy in {{ scratch: (t) => |> finetune(t, epochs: 1), longer: (t) => |> finetune(t, epochs: 2) }}, task in tasks {{
  resnet18() |> strategy(task) |> evaluate(task)
}}
let c = for task in tasks {{ resnet34() |> finetune(task, epochs: 1) |> evaluate(task) }}
let all = a ++ (c |> axis(strategy: \"deeper\"))
out joined = all |> report(compare: \"strategy\", baseline: \"scratch\", test: delong, primary: \"other\")
out one = all[task: \"label\"] |> report(compare: \"strategy\", baseline: \"scratch\")
out flat = all |> transpose([\"task\", \"strategy\"]) |> export(\"scores.csv\")
"
    );
    let plan = planned(&text);
    assert_eq!(plan.outputs.len(), 9);
    let joined = report(&plan, "joined");
    assert_eq!(
        joined.primary.map(|primary| primary.pairs),
        Some(vec![false, true, false, true])
    );
    let named: Vec<_> = joined
        .others
        .iter()
        .map(|other| (other.name.as_str(), other.primary.contains(&true)))
        .collect();
    assert!(
        named.contains(&("study", false)) && named.contains(&("seeds_report", false)),
        "{named:?}"
    );
    let scheme = report(&plan, "scheme").design;
    let choices = scheme.cells[0].members[0].scoring.choices();
    assert_eq!(
        (choices[0].axis.as_str(), choices[0].tunes.clone()),
        ("decay", vec!["weight_decay".to_owned()])
    );
}
