//! What programs say about rows and columns, and what of it reaches the stages.

use crate::fixture::{planned, report, shared};
use mtl::{
    analysis::{Main, check, load},
    diag::Diagnostics,
    plan::{
        Plan,
        canon::canonical,
        stage::{ChoiceBy, Work},
    },
};
use std::fs;

/// A study of the films that some steps leave, before and after the split.
fn study(before: &str, after: &str) -> String {
    format!(
        r#"import std.models {{ resnet18 }}
let films = table("data/films/manifest.csv"){before} |> resize(32) |> rgb |> normalize(imagenet)
let cohort = films |> split(kfold(3), by: "patient", stratify: "label", seed: 7){after}
let task = cohort |> classify("label", {{ malignant: ["malignant"], rest: ["benign", "other"] }})
out study = resnet18() |> finetune(task, epochs: 1) |> evaluate(task) |> report
"#
    )
}

/// Whatever is computed, in the order of the plan: all stages but the report.
fn computed(plan: &Plan) -> Vec<Vec<u8>> {
    let works = plan.order().map(|at| &plan.graph[at].work);
    works
        .filter(|work| !matches!(work, Work::Report(_)))
        .map(canonical)
        .collect()
}

/// Where rows are selected the program is read when planning; stages are keyed by the rows and labels that come out. The
/// report alone prints the condition, and so is written anew.
#[test]
fn a_function_of_rows_that_gives_the_same_reuses_all_that_was_computed() {
    let known = planned(&study(" |> where((r) => r.age != none and r.age >= 45)", ""));
    for same in [
        " |> where((film) => film.age != none and not (film.age < 45))",
        " |> drop_missing(\"age\") |> where((r) => r[\"age\"] > 44)",
        " |> derive({ age: (r) => r.age, old: (r) => r.age != none and r.age >= 45 }) |> where((r) => r.old)",
        " |> derive(\"x\", (r) => r.patient) |> anti_join(rows(\"data/films/manifest.csv\") |> where((r) => r.age == none or r.age < 45), on: \"image\")",
    ] {
        assert_eq!(computed(&planned(&study(same, ""))), computed(&known), "{same}");
    }
    for (before, after) in [
        (" |> where((r) => r.age != none and r.age >= 46)", ""),
        ("", " |> where((r) => r.age != none and r.age >= 45)"),
        (
            " |> where((r) => r.age != none and r.age >= 45) |> derive(\"label\", (r) => if r.patient == \"P06\" { \"other\" } else { r.label })",
            "",
        ),
    ] {
        assert_ne!(
            computed(&planned(&study(before, after))),
            computed(&known),
            "{before}{after}"
        );
    }
    let choices = report(&known, "study").choices;
    let condition = choices
        .iter()
        .find(|choice| choice.name == "where")
        .expect("the condition is printed");
    assert_eq!(condition.value, "(r) => r.age != none and r.age >= 45");
    assert_eq!(condition.by, ChoiceBy::Program);
}

/// Each table once, whatever columns are added to it: pictures are prepared once for all arms.
#[test]
fn columns_do_not_part_the_prepared_pictures() {
    let text = r#"import std.models { resnet18 }
let films = table("data/films/manifest.csv") |> resize(32) |> rgb
let cohort = films |> split(kfold(2), by: "patient", stratify: "label", seed: 7)
let malignant = cohort |> derive("x", (r) => r.label == "malignant") |> classify("x", positive: true)
let dense = cohort |> derive("y", (r) => r.density >= 3) |> classify("y", positive: true)
let s = for task in { malignant, dense } { resnet18() |> finetune(task, epochs: 1) |> evaluate(task) }
out study = s |> report
"#;
    let plan = planned(text);
    let prepared = plan
        .order()
        .filter(|at| matches!(plan.graph[*at].work, Work::Prepare(_)));
    assert_eq!(prepared.count(), 1);
    let tasks = report(&plan, "study").design.tasks;
    assert_eq!(tasks[0].classes, ["true", "false"]);
}

#[test]
fn joined_tables_are_one_data_set_with_the_cards_of_both() {
    let text = r#"import std.models { resnet18 }
let second = table("data/second/manifest.csv")
  |> derive({ label: (r) => if r.label == "ill" { "malignant" } else { "benign" }, density: (_r) => none, age: (_r) => none, part: (_r) => none })
let films = (table("data/films/manifest.csv") ++ second) |> resize(32) |> rgb
let task = films |> split(kfold(2), by: "patient", stratify: ["label", "density"], seed: 7) |> classify("label")
out study = resnet18() |> finetune(task, epochs: 1) |> evaluate(task) |> report
"#
    .replace("stratify: [\"label\", \"density\"]", "stratify: \"label\"");
    let plan = planned(&text);
    let task = &report(&plan, "study").design.tasks[0];
    assert_eq!(task.samples.len(), 84 + 24);
    assert_eq!(task.data.source, "data/films/manifest.csv and data/second/manifest.csv");
    assert_eq!(task.data.caveats, ["Made by a test."]);
    let shared = task.samples.iter().filter(|sample| sample.group == "P00");
    assert_eq!(
        shared.map(|sample| sample.name.as_str()).collect::<Vec<_>>(),
        ["films/p00_0.png", "second/q00.png"]
    );
}

/// The parts of published examples that speak of tables, over tables made for them.
#[test]
fn the_tables_of_the_examples_check() {
    let folder = shared();
    let rows = (0..60).map(|n| {
        let label = ["malignant", "benign"][n % 2];
        let quality = if n == 7 { "reject" } else { "good" };
        format!("{n}.png,P{n},{label},{},{},{quality}\n", n % 4 + 1, n % 4 + 1)
    });
    let text = rows.fold(
        "image,patient,label,density,breast_density,quality\n".to_owned(),
        |text, row| text + &row,
    );
    for name in ["cbis", "nih"] {
        let path = folder.join("data").join(name);
        fs::create_dir_all(&path).expect("the folder can be made");
        fs::write(path.join("manifest.csv"), &text).expect("the table can be written");
        for n in 0..60 {
            crate::fixture::picture(&path.join(format!("{n}.png")), 16, 16, n);
        }
    }
    let library = r#"
/// The preparation of every study since 2023.
let prepared = |> where((r) => r.quality != "reject") |> resize(224) |> rgb |> normalize(imagenet)

/// All pictures of both, without what they share.
fn d: Dataset |> without(other: Dataset, on: text = "patient") -> Dataset = d |> anti_join(other, on: on)
"#;
    fs::write(folder.join("tables_library.mtl"), library).expect("the library can be written");
    let main = r#"
import "tables_library.mtl" as lab { prepared, without }
import std.models { resnet18 }

let which = "full"
let k = if which == "full" { 10 } else { 3 }
let quick = which == "quick"
let cohort = table("data/cbis/manifest.csv") |> prepared |> split(kfold(k), by: "patient", seed: 7)
let tasks = {
  malignancy: cohort |> classify("label", positive: "malignant"),
  ...if quick { {} } else { { dense: cohort |> classify("density", { dense: [3, 4], fatty: [1, 2] }) } },
}
let others = table("data/nih/manifest.csv") |> where((r) => r.patient != "P3") |> prepared
let few = table("data/cbis/manifest.csv") |> prepared |> without(others) |> split(whole, by: "patient")
let films = table("data/cbis/manifest.csv") |> resize(128) |> rgb |> normalize(imagenet)
let folds = films |> split(kfold(5, val: 10%), by: "patient", stratify: "label", seed: 7)
let chest = table("data/nih/manifest.csv") |> resize(128) |> rgb |> normalize(imagenet)
    |> split(holdout(val: 10%), by: "patient", seed: 7) |> classify("label", positive: "malignant")
let density = folds |> classify("breast_density")
let s = for task in tasks { resnet18() |> finetune(task, epochs: 1) |> evaluate(task) }
out study = s |> report
@allow("unused")
let rest = [few, folds, chest, density]
"#;
    let mut diagnostics = Diagnostics::new();
    let program = load(
        Main::Text {
            name: "main.mtl",
            folder,
            text: main,
        },
        &mut diagnostics,
    );
    check(&program, &mut diagnostics);
    let errors: Vec<_> = diagnostics
        .iter()
        .map(|d| format!("{}: {}", d.code.id, d.message))
        .collect();
    assert!(!diagnostics.has_errors(), "{errors:?}");
    let plan = mtl::plan::plan(&program, &mtl::plan::Options::default(), &mut diagnostics);
    let errors: Vec<_> = diagnostics
        .iter()
        .map(|d| format!("{}: {}", d.code.id, d.message))
        .collect();
    let plan = plan.unwrap_or_else(|| panic!("{errors:?}"));
    let tasks = &report(&plan, "study").design.tasks;
    assert_eq!((tasks[0].samples.len(), tasks[1].folds), (59, 10));
}
