//! Grids of scores and what is made of them, end to end on the shipped mammograms: every number of one output is compared
//! with those of another, which comes to it by another way.

mod common;

use common::{TINY, Workbench, mammograms};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

fn beginning(tuning: &str) -> String {
    format!(
        r#"{TINY}
let films = table("{data}") |> where((r) => r.breast_density == 2) |> resize(20) |> rgb |> normalize(imagenet)
let cohort = films |> split(kfold(3, tuning: {tuning}), by: "patient", stratify: "label", seed: 7)
let task = cohort |> classify("label", {{ malignant: ["malignant"], rest: ["benign", "benign_without_callback"] }})
"#,
        data = mammograms().display()
    )
}

fn json(bench: &Workbench, path: &str) -> Value {
    let text = fs::read_to_string(bench.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn rows(bench: &Workbench, path: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(bench.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn cell<'a>(results: &'a Value, labels: &[(&str, &str)]) -> &'a Value {
    let cells = results["cells"].as_array().expect("cells");
    let mut found = cells
        .iter()
        .filter(|cell| labels.iter().all(|(axis, label)| cell["coordinate"][*axis] == *label));
    found.next().unwrap_or_else(|| panic!("no cell {labels:?}"))
}

#[test]
fn a_rate_is_chosen_on_tuning_parts_and_tables_and_predictions_agree_with_the_report() {
    let text = format!(
        r#"{}
let starts = {{ one: |> init(seed: 1), two: |> init(seed: 2) }}
let swept = for start in starts, lr in [1e-5, 3e-3] {{ tiny() |> start |> finetune(task, epochs: 2, lr: lr) |> evaluate(task) }}
let chosen = swept |> select(along: "lr", by: auc)
out sweep = swept |> table_of(rows: "lr", columns: "start", part: "val")
out tested = swept |> table_of(rows: "lr", part: "test")
out study = chosen |> report(compare: "start", baseline: "one")
out all = swept |> report(compare: "lr", baseline: 1e-5, test: delong, adjust: none)
out flat = swept |> transpose(["lr", "start"]) |> export("tables/scores.csv")
"#,
        beginning("25%")
    );
    let bench = Workbench::new(&text);
    let run = bench.run(&[]);
    run.done();
    let (study, all, sweep) = (
        json(&bench, "out/study/results.json"),
        json(&bench, "out/all/results.json"),
        json(&bench, "out/sweep/table.json"),
    );
    let rates = ["0.00001", "0.003"];
    for start in ["one", "two"] {
        let own = cell(&study, &[("start", start)]);
        let selection = &own["selections"][0];
        assert_eq!((&selection["axis"], &selection["by"]), (&"lr".into(), &"AUC".into()));
        for fold in 0..3 {
            let tuned = rates.map(|lr| number(&cell(&sweep, &[("start", start), ("lr", lr)])["folds"][fold]["auc"]));
            let best = rates[usize::from(tuned[1] > tuned[0])];
            assert_eq!(selection["chosen"][fold]["labels"][0], best, "{tuned:?}");
            let candidate = cell(&all, &[("start", start), ("lr", best)]);
            assert_eq!(own["auc_folds"][fold]["auc"], candidate["auc_folds"][fold]["auc"]);
            assert_eq!(
                own["auc_folds"][fold]["trainings"],
                candidate["auc_folds"][fold]["trainings"]
            );
        }
    }
    let c5 = study["caveats"]
        .as_array()
        .expect("caveats")
        .iter()
        .find(|caveat| caveat["code"] == "C5");
    let text = c5.expect("C5")["text"].as_str().expect("text");
    assert!(
        text.starts_with("The learning rate of every arm was chosen in each fold"),
        "{text}"
    );
    assert!(all["comparisons"][0]["test"].as_str().expect("text").contains("DeLong"));
    assert!(
        all["caveats"]
            .as_array()
            .expect("caveats")
            .iter()
            .any(|caveat| caveat["code"] == "C13")
    );

    let tested = json(&bench, "out/tested/table.json");
    for (start, lr) in [("one", "0.003"), ("two", "0.00001")] {
        let labels = [("start", start), ("lr", lr)];
        let (one, other) = (cell(&tested, &labels), cell(&all, &labels));
        assert_eq!((&one["auc"], &one["auc_ci"]), (&other["auc"], &other["auc_ci"]));
    }
    let flat = rows(&bench, "out/flat/tables/scores.csv");
    let own: Vec<_> = flat
        .iter()
        .filter(|row| row["lr"] == "0.003" && row["start"] == "two")
        .collect();
    let predictions = cell(&all, &[("start", "two"), ("lr", "0.003")])["predictions"]
        .as_str()
        .expect("a path");
    let expected = rows(&bench, &format!("out/all/{predictions}"));
    assert_eq!((flat.len(), own.len()), (4 * expected.len(), expected.len()));
    for (row, expected) in own.iter().zip(&expected) {
        assert!(expected.iter().all(|(column, value)| row[column] == *value));
    }
    let page = fs::read_to_string(bench.path("out/sweep/report.html")).expect("a page");
    assert!(page.contains("tuning part") && page.contains("are no results"));
    assert!(
        fs::read_to_string(bench.path("out/tested/report.html"))
            .expect("a page")
            .contains("No earlier look at results on these")
    );
    assert!(bench.path("out/sweep/table.tex").is_file() && bench.path("out/sweep/table.csv").is_file());

    assert_eq!(bench.run(&[]).done().0, 0, "nothing runs twice");
    bench.write(
        "study.mtl",
        &fs::read_to_string(bench.path("study.mtl"))
            .expect("text")
            .replace("by: auc", "by: loss"),
    );
    let run = bench.run(&[]);
    run.done();
    let again = run.ran();
    let of_statistics = |stage: &String| stage.starts_with("report ") || stage.starts_with("compare ");
    assert!(
        again.iter().all(of_statistics),
        "another choice trains and scores nothing: {again:?}"
    );
}

#[test]
fn seeds_are_taken_together_ensembled_and_ranked() {
    let text = format!(
        r#"{}
let arms = {{ short: 1, long: 2 }}
let scores = for arm in arms, seed in 1..=3 {{
  tiny() |> init(seed: seed) |> finetune(task, epochs: arm, seed: seed) |> evaluate(task)
}}
let spread = scores |> rank(along: "seed", draws: 200)
out all = scores |> report(compare: "seed", baseline: 1)
out runs = scores |> report(compare: "arm", baseline: "short", replicate: "seed")
out together = scores |> ensemble(along: "seed") |> report(compare: "arm", baseline: "short")
out ranked = spread |> report
"#,
        beginning("10%")
    );
    let bench = Workbench::new(&text);
    bench.run(&[]).done();
    let outputs = ["all", "runs", "together"].map(|name| json(&bench, &format!("out/{name}/results.json")));
    let [all, runs, together] = &outputs;
    for arm in ["short", "long"] {
        let each: Vec<&Value> = ["1", "2", "3"]
            .iter()
            .map(|seed| cell(all, &[("arm", arm), ("seed", seed)]))
            .collect();
        let aucs: Vec<f64> = each.iter().map(|cell| number(&cell["auc"])).collect();
        let mean = aucs.iter().sum::<f64>() / 3.0;
        let between = aucs.iter().map(|auc| (auc - mean).powi(2)).sum::<f64>() / 2.0;
        // The plain interval is the AUC and 1.96 standard errors.
        let own = each.iter().map(|cell| {
            let half = (number(&cell["auc_ci"][1]) - number(&cell["auc_ci"][0])) / 2.0;
            (half / 1.959_963_984_540_054).powi(2)
        });
        let error = (own.sum::<f64>() / 3.0 + between / 3.0).sqrt();
        let found = cell(runs, &[("arm", arm)]);
        assert!((number(&found["auc"]) - mean).abs() < 1e-12);
        assert!((number(&found["auc_ci"][1]) - (mean + 1.959_963_984_540_054 * error)).abs() < 1e-9);
        assert!((number(&found["runs"]["sd"]) - between.sqrt()).abs() < 1e-12);
        assert_eq!(found["budget"]["models"], 9);

        let files = |results: &Value, labels: &[(&str, &str)]| {
            cell(results, labels)["predictions"]
                .as_str()
                .expect("a path")
                .to_owned()
        };
        let mean_of = rows(&bench, &format!("out/together/{}", files(together, &[("arm", arm)])));
        let of_seed = ["1", "2", "3"].map(|seed| {
            rows(
                &bench,
                &format!("out/all/{}", files(all, &[("arm", arm), ("seed", seed)])),
            )
        });
        for (at, row) in mean_of.iter().enumerate() {
            let share = |row: &BTreeMap<String, String>| row["p_malignant"].parse::<f64>().expect("a number");
            let expected = of_seed.iter().map(|rows| share(&rows[at])).sum::<f64>() / 3.0;
            assert!((share(row) - expected).abs() < 1e-12 && row["sample"] == of_seed[0][at]["sample"]);
        }
        assert_eq!(
            rows(&bench, &format!("out/runs/{}", files(runs, &[("arm", arm)]))).len(),
            3 * mean_of.len()
        );
    }
    assert_eq!(runs["replicate"]["name"], "seed");
    assert_eq!(runs["comparisons"].as_array().expect("comparisons").len(), 1);

    let ranked = json(&bench, "out/ranked/ranking.json");
    assert_eq!((&ranked["axis"], &ranked["draws"]), (&"seed".into(), &200.into()));
    for arm in ["short", "long"] {
        let own = cell(&ranked, &[("arm", arm)]);
        let candidates = own["candidates"].as_array().expect("candidates");
        let aucs: Vec<f64> = candidates.iter().map(|candidate| number(&candidate["auc"])).collect();
        let shares: f64 = candidates
            .iter()
            .map(|candidate| number(&candidate["probability_of_being_best"]))
            .sum();
        for (seed, auc) in ["1", "2", "3"].iter().zip(&aucs) {
            assert!((number(&cell(all, &[("arm", arm), ("seed", seed)])["auc"]) - auc).abs() < 1e-12);
        }
        let best = aucs.iter().copied().fold(0.0, f64::max);
        let winner = aucs.iter().position(|auc| *auc == best).expect("a largest");
        assert_eq!(own["winner"], ["1", "2", "3"][winner]);
        assert!((shares - 1.0).abs() < 1e-9 && number(&own["auc_corrected"]) < best + 0.02);
    }
    let page = fs::read_to_string(bench.path("out/ranked/report.html")).expect("a page");
    assert!(page.contains("Corrected for having been picked among 3 candidates"));
}
