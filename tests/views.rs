//! One view against two on the shipped mammograms: missing views, exact resume, threads, and what the report says.

mod common;

use common::{TINY, Workbench, mammograms};
use serde_json::Value;
use std::collections::BTreeMap;

/// The test part of the published split: breasts with one and with two views.
fn program(fuse: &str) -> String {
    format!(
        r#"{TINY}
let films = table("{data}") |> where((r) => r.source_split == "test") |> resize(24)
let cohort = films |> split(kfold(2), by: "patient", stratify: "label", seed: 3)
let task = cohort |> classify("label", {{ malignant: ["malignant"], rest: ["benign", "benign_without_callback"] }})
let breast = task |> views(by: ["patient", "side"], view: "view", order: ["CC", "MLO"], label: most_severe)
let scores = for count in [1, 2] {{
  let start = tiny() |> pretrain(task, epochs: 1, lr: 1e-3)
  if count == 1 {{
    start |> finetune(task, epochs: 2, lr: 1e-3) |> evaluate(task, level: ["patient", "side"])
  }} else {{
    start |> towers({fuse}) |> finetune(breast, epochs: 2, lr: 1e-3, augment: [flip], match_steps: task)
      |> evaluate(breast, level: ["patient", "side"])
  }}
}}
out study = scores |> report(compare: "count", baseline: 1)
"#,
        data = mammograms().display()
    )
}

fn results(bench: &Workbench) -> Value {
    let text = std::fs::read_to_string(bench.path("out/study/results.json")).expect("the results are there");
    serde_json::from_str(&text).expect("they are JSON")
}

#[test]
fn one_view_and_two_are_compared_breast_by_breast() {
    let bench = Workbench::new(&program("fuse: mean"));
    bench.run(&[]).done();
    let results = results(&bench);
    let cells = results["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 2);
    for cell in cells {
        assert_eq!(cell["unit"], "patient-side unit");
        assert_eq!(cell["n"], cells[0]["n"]);
        assert!(cell["auc"].as_f64().is_some_and(|auc| (0.0..=1.0).contains(&auc)));
    }
    let steps = |cell: &Value| cell["budget"]["steps"].as_u64();
    assert_eq!(steps(&cells[0]), steps(&cells[1]), "as many steps");
    assert!(results["comparisons"][0]["delta"].is_f64());
    // Every breast is tested once, under its own name.
    for cell in ["1", "2"] {
        let csv =
            std::fs::read_to_string(bench.path(&format!("out/study/predictions/{cell}.csv"))).expect("predictions");
        let names: Vec<_> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(names.len() as u64, cells[0]["n"].as_u64().expect("a count"));
        assert!(
            names.contains(&"P_00016/LEFT") && names.iter().all(|name| name.contains('/')),
            "{names:?}"
        );
    }
    assert_eq!(bench.run(&[]).done().0, 0, "nothing is left to do");
}

/// Shared parameters, missing views, batch norm, dropout, a last epoch that is not whole: the same bits whatever happens.
#[test]
fn kills_and_threads_change_no_bit_of_towers() {
    for fuse in ["fuse: concat", "fuse: max, shared: false"] {
        let text = program(fuse);
        let expected = {
            let run = Workbench::new(&text).run(&["--threads", "1"]);
            run.done();
            run.digests("model")
        };
        assert_eq!(expected.len(), 6, "{:?}", expected.keys());
        let bench = Workbench::new(&text);
        let epoch = |event: &Value| {
            let stage = event["stage"].as_str().unwrap_or_default();
            event["event"] == "epoch_finished" && stage.contains("[2]") && stage.contains("finetune")
        };
        assert!(
            bench.kill_after(1, &["--threads", "2", "--jobs", "1"], epoch),
            "killed after an epoch of towers"
        );
        let last = bench.run(&["--threads", "2"]);
        last.done();
        assert!(
            last.events.iter().any(|event| event["event"] == "resumed"),
            "it went on from a state"
        );
        let found = last.digests("model");
        for (stage, digest) in &expected {
            assert_eq!(found.get(stage), Some(digest), "{stage}");
        }
    }
}

/// What two models say of a breast, each with its mirror image, averaged by the ensemble and by hand.
#[test]
fn an_ensemble_of_units_is_the_mean_of_what_its_models_say() {
    let text = format!(
        r#"{TINY}
let films = table("{data}") |> where((r) => r.source_split == "test") |> resize(24)
let cohort = films |> split(kfold(2, tuning: 25%), by: "patient", stratify: "label", seed: 3)
let task = cohort |> classify("label", {{ malignant: ["malignant"], rest: ["benign", "benign_without_callback"] }})
let breast = task |> views(by: ["patient", "side"], view: "view", order: ["CC", "MLO"], label: most_severe)
let scores = for lr in [1e-3, 1e-5], start in [1, 2] {{
  tiny() |> init(seed: start) |> towers(fuse: mean) |> finetune(breast, epochs: 1, lr: lr, augment: [flip, noise(2%)])
    |> evaluate(breast, level: ["patient"], worst_of: ["side"], tta: [identity, flip(horizontal: 100%)])
}}
let chosen = scores |> select(along: "lr", by: auc)
out each = chosen |> report
out runs = chosen |> report(replicate: "start")
out spread = chosen |> rank(along: "start", draws: 50) |> report
out tuned = scores |> table_of(rows: "lr", columns: "start", part: "val")
out together = chosen |> ensemble(along: "start") |> report
"#,
        data = mammograms().display()
    );
    let bench = Workbench::new(&text);
    bench.run(&[]).done();
    let read = |path: &str| -> BTreeMap<String, f64> {
        let mut reader = csv::Reader::from_path(bench.path(path)).expect("predictions");
        let headers = reader.headers().expect("a header").clone();
        let at = headers
            .iter()
            .position(|name| name.contains("malignant"))
            .unwrap_or_else(|| panic!("{headers:?}"));
        let rows = reader.records().map(|row| row.expect("a row"));
        rows.map(|row| (row[0].to_owned(), row[at].parse().expect("a number")))
            .collect()
    };
    let folder = |name: &str| {
        let files = std::fs::read_dir(bench.path(&format!("out/{name}/predictions"))).expect("a folder");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        files.sort();
        files
    };
    let of = |name: &str| -> Vec<BTreeMap<String, f64>> {
        let files = folder(name);
        files.iter().map(|path| read(path.to_str().expect("UTF-8"))).collect()
    };
    let (each, together) = (of("each"), of("together"));
    assert_eq!((each.len(), together.len()), (2, 1));
    assert!(together[0].len() > 50);
    for (patient, score) in &together[0] {
        let mean = (each[0][patient] + each[1][patient]) / 2.0;
        assert!((score - mean).abs() < 1e-6, "{patient}: {score}, {mean}");
    }
}
