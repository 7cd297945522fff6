//! Looks at test data are counted, told in reports, and never lost.

mod common;

use common::{TINY, Workbench, chest};
use serde_json::Value;
use std::fs;

fn program(epochs: u32) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let task = pictures |> split(kfold(3), seed: 1) |> classify("label", {{ pneumonia: [1], normal: [0] }})
let arms = {{ scratch: tiny(), again: tiny() |> pretrain(task, epochs: 1) }}
let scores = for arm in arms {{ arm |> finetune(task, epochs: {epochs}) |> evaluate(task) }}
out study = scores |> report(compare: "arm", baseline: "scratch")
out tuned = scores |> table_of(rows: "arm", part: "tuning")
"#,
        data = chest().display()
    )
}

fn page(bench: &Workbench) -> String {
    let page = fs::read_to_string(bench.path("out/study/report.html")).expect("a report");
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn results(bench: &Workbench) -> Value {
    let text = fs::read_to_string(bench.path("out/study/results.json")).expect("results");
    serde_json::from_str(&text).expect("JSON")
}

/// What `mtl looks` prints, as JSON, and its exit code.
fn looks(bench: &Workbench) -> (Value, Option<i32>) {
    let output = bench.mtl(&["looks", "study.mtl", "--format", "json"]);
    (
        serde_json::from_slice(&output.stdout).expect("JSON"),
        output.status.code(),
    )
}

fn kinds(listing: &Value) -> Vec<&str> {
    let entries = listing["entries"].as_array().expect("a list").iter();
    entries.map(|entry| entry["entry"].as_str().expect("a kind")).collect()
}

#[test]
fn looks_are_counted_and_told() {
    let bench = Workbench::new(&program(1));
    bench.run(&[]).done();
    assert!(
        page(&bench).contains("No earlier look at results on these"),
        "{}",
        page(&bench)
    );
    assert_eq!(
        (&results(&bench)["test_looks"], &results(&bench)["plan_locked"]),
        (&0.into(), &false.into())
    );
    let (listing, code) = looks(&bench);
    assert_eq!(
        (kinds(&listing), code),
        (vec!["begun", "look"], Some(0)),
        "a table of tuning parts shows no test data"
    );
    let first = listing["entries"][1]["test"].clone();

    // The same results again are the same report, and no other look.
    let (ran, _) = bench.run(&[]).done();
    assert_eq!((ran, kinds(&looks(&bench).0).len()), (0, 2));

    bench.write("study.mtl", &program(2));
    bench.run(&[]).done();
    let told = page(&bench);
    assert!(told.contains("had been displayed once for 1 plan"), "{told}");
    assert!(told.contains("After a look, these choices changed: epochs."), "{told}");
    assert!(told.contains("read the p-values as exploratory"), "{told}");
    assert_eq!(results(&bench)["test_looks"], 1);
    let (listing, _) = looks(&bench);
    assert_eq!(listing["entries"][2]["test"], first, "other epochs, the same test data");

    // Changed back: the first report as it was.
    bench.write("study.mtl", &program(1));
    let (ran, _) = bench.run(&[]).done();
    assert_eq!(
        (ran, kinds(&looks(&bench).0).len(), &results(&bench)["test_looks"]),
        (0, 3, &0.into())
    );
}

#[test]
fn a_locked_plan_is_told_with_what_deviates() {
    let bench = Workbench::new(&program(1));
    let output = bench.mtl(&["lock", "study.mtl", "--plan"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("no look at results on them is recorded"),
        "{told}"
    );
    assert!(told.contains("family: holm over 1 comparison"), "{told}");
    bench.run(&[]).done();
    let report = page(&bench);
    assert!(
        report.contains("before any recorded look; deviations: none."),
        "{report}"
    );
    assert_eq!(results(&bench)["plan_locked"], true);

    bench.write("study.mtl", &program(2));
    bench.run(&[]).done();
    let report = page(&bench);
    assert!(
        report.contains("before any recorded look; deviations: epochs."),
        "{report}"
    );
    let output = bench.mtl(&["lock", "study.mtl", "--plan"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("shown 2 times before"), "{told}");
}

#[test]
fn a_broken_ledger_is_said_and_not_mended() {
    let bench = Workbench::new(&program(1));
    bench.run(&[]).done();
    bench.write("study.mtl", &program(2));
    bench.run(&[]).done();
    let path = bench.path(".mtl/looks");
    let bytes = fs::read(&path).expect("a ledger");
    let begins: Vec<_> = (0..bytes.len() - 4)
        .filter(|at| bytes[*at..at + 4] == [0xF5, b'M', b'T', b'L'])
        .collect();
    fs::write(&path, [&bytes[..begins[1]], &bytes[begins[2]..]].concat()).expect("writable");
    let (listing, code) = looks(&bench);
    assert_eq!((&listing["broken"], code), (&1.into(), Some(1)));
    bench.write("study.mtl", &program(3));
    bench.run(&[]).done();
    assert!(
        page(&bench).contains("The ledger of looks is broken"),
        "{}",
        page(&bench)
    );
    assert_eq!(looks(&bench).0["broken"], 1);
}

#[test]
fn a_plan_without_test_results_is_not_locked() {
    let bench = Workbench::new(&program(1));
    let output = bench.mtl(&["lock", "study.mtl", "--plan", "tuned"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no output shows results on test data"));
    assert_eq!(
        bench.mtl(&["looks", "study.mtl"]).status.code(),
        Some(0),
        "the store is there, its ledger has begun"
    );
}
