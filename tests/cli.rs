//! The command line as its users and other programs meet it: exit codes, formats, words.

mod common;

use common::{TINY, Workbench, chest};
use serde_json::Value;
use std::process::Output;

fn program() -> String {
    format!(
        r#"//! A small study.
{TINY}
param epochs: int = 1
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let task = pictures |> split(kfold(2), seed: 1) |> classify("label", {{ pneumonia: [1], normal: [0] }})
let scores = for rate in [1e-3, 1e-4] {{ tiny() |> finetune(task, epochs: epochs, lr: rate) |> evaluate(task) }}
out study = scores |> report(compare: "rate", baseline: 1e-4)
"#,
        data = chest().display()
    )
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn check_says_all_is_well_or_what_is_not() {
    let bench = Workbench::new(&program());
    let fine = bench.mtl(&["check", "study.mtl"]);
    assert_eq!(code(&fine), Some(0), "{}", text(&fine.stderr));
    assert!(
        text(&fine.stdout).starts_with("study.mtl: 10 stages"),
        "{}",
        text(&fine.stdout)
    );

    bench.write("study.mtl", &program().replace("epochs: epochs", "epoch: epochs"));
    let wrong = bench.mtl(&["check", "study.mtl"]);
    assert_eq!(code(&wrong), Some(2));
    assert!(text(&wrong.stdout).is_empty(), "mistakes go to standard error");
    let said = text(&wrong.stderr);
    assert!(
        said.contains("mtl::types::unknown_argument") && said.contains("`epochs`"),
        "{said}"
    );
    assert!(said.contains("epoch: epochs"), "the source line is shown: {said}");
}

#[test]
fn check_as_json_has_code_places_and_help() {
    let bench = Workbench::new(&program().replace("evaluate(task)", "evaluate(taks)"));
    let output = bench.mtl(&["check", "study.mtl", "--format", "json"]);
    assert_eq!(code(&output), Some(2));
    let listing = json(&output);
    assert_eq!(listing["schema"], "mtl.diagnostics/1");
    let first = &listing["diagnostics"][0];
    assert_eq!(first["code"], "mtl::names::unknown");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["file"], "study.mtl");
    assert!(
        first["help"].as_str().is_some_and(|help| help.contains("`task`")),
        "{first}"
    );
    assert!(first["span"]["start"]["line"].as_u64() > Some(1), "{first}");
}

#[test]
fn a_program_that_is_not_there_and_settings_that_do_not_fit_are_mistakes_of_the_program() {
    let bench = Workbench::new(&program());
    for arguments in [
        &["check", "stduy.mtl"][..],
        &["run", "study.mtl", "--set", "epoch=3"],
        &["run", "study.mtl", "--set", "epochs=many"],
        &["run", "study.mtl", "nothing_of_this_name"],
        &["run", "study.mtl", "--thread", "2"],
        &["run", "study.mtl", "--set", "epochs"],
        &["rnu", "study.mtl"],
    ] {
        let output = bench.mtl(arguments);
        assert_eq!(code(&output), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).is_empty(), "{arguments:?}");
    }
    let near = bench.mtl(&["run", "study.mtl", "--set", "epoch=3"]);
    assert!(
        text(&near.stderr).contains("epochs"),
        "the nearest parameter is proposed"
    );
    assert!(!bench.path(".mtl").exists(), "a wrong program leaves nothing behind");
}

#[test]
fn a_store_that_cannot_be_is_a_mistake_of_the_environment() {
    let bench = Workbench::new(&program());
    bench.write("occupied", "a file");
    let output = bench.mtl(&["run", "study.mtl", "--store", "occupied"]);
    assert_eq!(code(&output), Some(3), "{}", text(&output.stderr));
    let output = bench.mtl(&["cache", "size"]);
    assert_eq!(code(&output), Some(3), "there is no store yet");
}

#[test]
fn the_plan_knows_what_is_known() {
    let bench = Workbench::new(&program());
    let before = bench.mtl(&["plan", "study.mtl", "--format", "json"]);
    assert_eq!(code(&before), Some(0), "{}", text(&before.stderr));
    let before = json(&before);
    assert_eq!(before["schema"], "mtl.plan/1");
    let stages = before["stages"].as_array().expect("stages");
    assert_eq!(stages.len(), 10, "prepare, four trainings, four scores, the report");
    assert!(stages.iter().all(|stage| stage["state"] == "to_run"));
    assert!(stages[0]["key"].is_string() && stages[0]["inputs"] == serde_json::json!([]));

    let run = bench.run(&["--set", "epochs=2"]);
    assert_eq!(run.done().0, 10);
    let after = json(&bench.mtl(&["plan", "study.mtl", "--set", "epochs=2", "--format", "json"]));
    assert!(
        after["stages"]
            .as_array()
            .expect("stages")
            .iter()
            .all(|stage| stage["state"] == "cached")
    );
    let shown = text(&bench.mtl(&["plan", "study.mtl"]).stdout);
    assert!(
        shown.contains("10 stages: 1 cached, 0 partial, 9 to run; about "),
        "{shown}"
    );
}

#[test]
fn the_graph_holds_every_stage() {
    let bench = Workbench::new(&program());
    let dot = text(&bench.mtl(&["graph", "study.mtl"]).stdout);
    assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
    assert_eq!(
        dot.matches("->").count(),
        4 + 4 + 4 + 4 + 4 + 1,
        "pictures, models, scores, histories: {dot}"
    );
    let svg = text(&bench.mtl(&["graph", "study.mtl", "--format", "svg"]).stdout);
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
}

#[test]
fn a_run_ends_with_its_files_and_the_size_of_the_store_is_told() {
    let bench = Workbench::new(&program());
    let run = bench.run(&[]);
    run.done();
    assert_eq!(run.events[0]["event"], "planned");
    for file in ["report.html", "results.json", "results.csv", "table.tex"] {
        assert!(bench.path("out/study").join(file).is_file(), "{file}");
    }
    let results: Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("out/study/results.json")).expect("there"))
            .expect("JSON");
    assert_eq!(results["schema"], "mtl.results/1");
    assert_eq!(results["cells"].as_array().map(Vec::len), Some(2));
    assert!(
        results["cells"][0]["auc"]
            .as_f64()
            .is_some_and(|auc| (0.0..=1.0).contains(&auc))
    );

    let size = json(&bench.mtl(&["cache", "size", "--format", "json"]));
    assert!(size["size"]["objects"]["files"].as_u64() > Some(10), "{size}");
    assert_eq!(size["size"]["actions"], 10);
}

#[test]
fn a_removed_or_foreign_output_file_is_restored_and_others_are_left_alone() {
    let bench = Workbench::new(&program());
    bench.run(&[]).done();
    let page = bench.path("out/study/report.html");
    let whole = std::fs::read(&page).expect("there");
    std::fs::write(&page, "scribble").expect("writable");
    std::fs::remove_file(bench.path("out/study/results.csv")).expect("there");
    bench.write("out/study/notes.csv", "mine");
    assert_eq!(bench.run(&[]).done().0, 0);
    assert_eq!(std::fs::read(&page).expect("there"), whole);
    assert!(bench.path("out/study/results.csv").is_file());
    assert!(
        bench.path("out/study/notes.csv").is_file(),
        "what MTL did not write it does not remove"
    );
}

#[test]
fn help_beside_a_program_tells_what_can_be_set_in_it() {
    let bench = Workbench::new(
        "//! Which rate?\n\nparam epochs: int in 1..=200 = 3   /// of every arm\nparam data: path\nlet used = [epochs]\n\
         /// The one report.\nout study = used\n",
    );
    let help = bench.mtl(&["run", "study.mtl", "--help"]);
    assert_eq!(code(&help), Some(0));
    let shown = text(&help.stdout);
    for part in [
        "--keep-going",
        "study.mtl:\n  Which rate?",
        "epochs: int in 1..=200 = 3  of every arm",
        "data: path\n",
        "study  The one report.",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    assert!(!text(&bench.mtl(&["run", "--help"]).stdout).contains("Which rate?"));
}
