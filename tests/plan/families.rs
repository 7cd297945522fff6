//! Which comparisons of a program are corrected together.

use crate::fixture::{planned, planned_for, report};
use mtl::plan::{
    Direction, Plan,
    stage::{OtherStudy, Role, Unmatched},
};

const STUDIES: &str = r#"
import std.models { resnet18 }

let films = table("data/films/manifest.csv") |> resize(64) |> rgb
let cohort = films |> split(kfold(2, tuning: 20%), by: "patient", stratify: "label", seed: 3)
let task = cohort |> classify("label", { malignant: ["malignant"], rest: ["benign", "other"] })
let other = cohort |> classify("label", { benign: ["benign"], rest: ["malignant", "other"] })

let rates = for lr in [1e-3, 1e-4, 1e-5] { resnet18() |> finetune(task, epochs: 1, lr: lr) |> evaluate(task) }
let others = for lr in [1e-3, 1e-4] { resnet18() |> finetune(other, epochs: 1, lr: lr) |> evaluate(other) }
let two_rates = for lr in [1e-3, 1e-5] { resnet18() |> finetune(task, epochs: 1, lr: lr) |> evaluate(task) }

out one = rates |> report(compare: "lr", baseline: 1e-3)
out two = others |> report(compare: "lr", baseline: 1e-3)
out part = two_rates |> report(compare: "lr", baseline: 1e-3)
out plain = others |> report
"#;

fn others(plan: &Plan, output: &str) -> Vec<(String, Vec<Option<u32>>, bool)> {
    let told = |other: OtherStudy| (other.name, other.cohorts, other.is_run);
    report(plan, output).others.into_iter().map(told).collect()
}

/// The stages that a report takes comparisons from.
fn compares(plan: &Plan, output: &str) -> Vec<String> {
    let edges = plan.graph.edges_directed(plan.outputs[output], Direction::Incoming);
    let taken = edges.filter(|edge| matches!(edge.weight(), Role::Comparisons(_)));
    let mut names: Vec<_> = taken
        .map(|edge| plan.graph[petgraph::visit::EdgeRef::source(&edge)].name.clone())
        .collect();
    names.sort();
    names
}

#[test]
fn every_output_on_the_cohort_is_in_the_family_and_no_comparison_counts_twice() {
    let plan = planned(STUDIES);
    let one = ("one".to_owned(), vec![Some(0), Some(0)], true);
    let two = ("two".to_owned(), vec![Some(0)], true);
    // `part` repeats a comparison of `one`.
    assert_eq!(others(&plan, "one"), std::slice::from_ref(&two));
    assert_eq!(others(&plan, "two"), [one]);
    assert_eq!(
        others(&plan, "part"),
        [("one".to_owned(), vec![Some(0), None], true), two]
    );
    assert_eq!(
        others(&plan, "plain"),
        [],
        "nothing is compared, so nothing is corrected"
    );
    assert_eq!(compares(&plan, "one"), ["compare two"]);
    assert_eq!(compares(&plan, "part"), ["compare one", "compare two"]);
}

#[test]
fn outputs_that_are_not_wanted_are_counted_and_not_run() {
    let plan = planned_for(STUDIES, &["two"]);
    assert_eq!(plan.outputs.len(), 1);
    assert_eq!(
        others(&plan, "two"),
        [("one".to_owned(), vec![Some(0), Some(0)], false)]
    );
    assert_eq!(compares(&plan, "two"), [] as [&str; 0]);
    let names: Vec<_> = plan.order().map(|id| plan.graph[id].name.clone()).collect();
    assert!(names.iter().all(|name| !name.contains("rates")), "{names:?}");
}

#[test]
fn studies_of_different_data_are_families_of_their_own() {
    let text = STUDIES.replace(
        r#"let other = cohort |> classify("label", { benign: ["benign"], rest: ["malignant", "other"] })"#,
        r#"let other = table("data/second/manifest.csv") |> resize(64) |> rgb
             |> split(kfold(2, tuning: 20%), by: "patient", seed: 3) |> classify("label", positive: "ill")"#,
    );
    assert_ne!(text, STUDIES);
    let plan = planned(&text);
    assert_eq!(others(&plan, "two"), []);
    assert_eq!(others(&plan, "one"), []);
}

#[test]
fn data_without_a_common_identifier_are_told() {
    let text = |ids: &str| {
        format!(
            r#"
import std.models {{ resnet18 }}
let films = table("data/films/manifest.csv") |> resize(64) |> rgb
let task = films |> split(kfold(2, tuning: 20%), by: "patient", seed: 3)
  |> classify("label", {{ malignant: ["malignant"], rest: ["benign", "other"] }})
let second = table("data/second/manifest.csv") |> where((r) => r.patient != "P00") |> resize(64) |> rgb
let auxiliary = second |> split(holdout(tuning: 10%, test: 20%), by: "patient"{ids}, stratify: "label", seed: 1) |> classify("label", positive: "ill")
out study = resnet18() |> pretrain(auxiliary, epochs: 1) |> finetune(task, epochs: 1) |> evaluate(task, allow_leak: "a test") |> report
"#
        )
    };
    let unmatched = |ids: &str| -> Vec<_> {
        let report = report(&planned(&text(ids)), "study");
        let told = |pair: Unmatched| (pair.learnt, pair.tested, pair.shared_pictures);
        report.unmatched.into_iter().map(told).collect()
    };
    assert_eq!(unmatched(""), [], "patients of both tables have one name space");
    let expected = [("second".to_owned(), "films".to_owned(), 0)];
    assert_eq!(unmatched(r#", ids: "elsewhere""#), expected);
}
