//! Runs are remembered, compared and explained, and nothing that befalls the history touches a result.

mod common;

use common::{Workbench, two_folds};
use serde_json::Value;
use std::fs;

fn runs(bench: &Workbench) -> Vec<Value> {
    let listing = bench.json(&["runs"]);
    assert_eq!(listing["schema"], "mtl.runs/1");
    listing["runs"].as_array().expect("a list").clone()
}

#[test]
fn runs_are_remembered_compared_and_explained() {
    let bench = Workbench::new(&two_folds(1));
    let first = bench.run(&[]);
    let (ran, _) = first.done();
    bench.run(&[]).done();
    let two = runs(&bench);
    assert_eq!(two.len(), 2);
    let counts = |run: &Value| (run["summary"]["ran"].as_u64(), run["summary"]["reused"].as_u64());
    assert_eq!(counts(&two[0]), (Some(0), Some(ran)), "the newest comes first");
    assert_eq!(counts(&two[1]), (Some(ran), Some(0)));
    assert_eq!(
        two[0]["stages"], two[1]["stages"],
        "equal runs share the list of stages"
    );
    assert_eq!(two[0]["state"], "done");
    assert_eq!(two[1]["computed"].as_array().map(Vec::len), Some(ran as usize));

    let shown = bench.json(&["show", "last"]);
    assert_eq!(shown["schema"], "mtl.show/1");
    assert_eq!(shown["run"]["run"], two[0]["run"]);
    assert_eq!(shown["list"]["stages"].as_array().map(Vec::len), Some(ran as usize));
    let report = first.digests("report.json");
    assert_eq!(
        shown["run"]["results"]["study"]["report.json"].as_str(),
        report.values().next().map(String::as_str)
    );
    let choices = shown["list"]["choices"]["study"].as_array().expect("choices");
    assert!(choices.iter().any(|choice| choice["name"] == "epochs"), "{choices:?}");
    let same = bench.mtl(&["diff", "last~1", "last"]);
    assert!(
        String::from_utf8_lossy(&same.stdout).ends_with("are the same\n"),
        "{same:?}"
    );

    // What a changed parameter changes is told before it is run, ...
    bench.write("study.mtl", &two_folds(2));
    let plan = bench.json(&["plan", "study.mtl"]);
    let stages = plan["stages"].as_array().expect("stages");
    let training = stages
        .iter()
        .find(|stage| stage["kind"] == "train")
        .expect("a training");
    let change = training["changes"]
        .as_array()
        .and_then(|changes| changes.iter().find(|change| change["path"] == "epochs"))
        .unwrap_or_else(|| panic!("no change of epochs: {training}"));
    assert_eq!((&change["old"], &change["new"]), (&Value::from("1"), &Value::from("2")));
    assert_eq!(change["source"]["file"], "study.mtl");
    assert_eq!(change["source"]["text"], "param epochs: int = 2");
    let name = training["name"].as_str().expect("a name");
    let said = bench.mtl(&["explain", name]);
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("epochs: 1 -> 2") && said.contains("study.mtl:"), "{said}");
    let nowhere = bench.mtl(&["explain", &name[1..]]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).contains(name),
        "the nearest name is proposed"
    );

    // ... and afterwards by the difference of the runs.
    bench.run(&[]).done();
    let diff = bench.json(&["diff", "last~1", "last"]);
    assert_eq!(diff["schema"], "mtl.run_diff/1");
    let stages = diff["diff"]["stages"].as_array().expect("stages");
    let changed = stages
        .iter()
        .find(|stage| stage["stage"] == name)
        .expect("the training");
    assert_eq!(changed["how"], "changed");
    assert_eq!(changed["changes"][0]["path"], "epochs");
    assert_eq!(diff["diff"]["results"]["study"], false);
    let explained = bench.json(&["explain", name]);
    assert_eq!(explained["schema"], "mtl.explain_stage/1");
    assert_eq!(explained["stage"]["state"], "cached");
    assert!(explained["provenance"]["when"].is_string());
}

#[test]
fn a_word_that_names_no_run_is_refused() {
    let bench = Workbench::new("import std.models { resnet18 }\nout card = resnet18(classes: 2) |> describe\n");
    assert_eq!(bench.mtl(&["runs"]).status.code(), Some(3), "there is no store");
    bench.run(&[]).done();
    for word in ["last~1", "last~x", "zz", "latest", ""] {
        let output = bench.mtl(&["show", word]);
        assert_eq!(output.status.code(), Some(2), "{word}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("`mtl runs` lists them"),
            "{word}"
        );
    }
    let name = runs(&bench)[0]["run"].as_str().expect("a name").to_owned();
    assert!(bench.mtl(&["show", &name[..6]]).status.success());
}

#[test]
fn a_killed_run_is_seen_as_one_that_did_not_end() {
    let bench = Workbench::new(&two_folds(1));
    assert!(bench.kill_after(1, &[], |event| event["event"] == "stage_finished"));
    let killed = &runs(&bench)[0];
    assert_eq!(killed["state"], "begun");
    bench.run(&[]).done();
    assert_eq!(runs(&bench).len(), 2);
    assert!(bench.mtl(&["diff", "last~1", "last"]).status.success());
}

#[test]
fn a_damaged_or_lost_history_costs_records_and_no_result() {
    let bench = Workbench::new("import std.models { resnet18 }\nout card = resnet18(classes: 2) |> describe\n");
    for _ in 0..3 {
        bench.run(&[]).done();
    }
    let log = bench.path(".mtl/history");
    let mut bytes = fs::read(&log).expect("the log");
    let place = bytes.len() / 2;
    bytes[place] ^= 0x20;
    fs::write(&log, &bytes).expect("written");
    let output = bench.mtl(&["runs", "--format", "json"]);
    let listing: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!((1..3).contains(&listing["runs"].as_array().expect("a list").len()));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("damaged"),
        "it is said"
    );
    bytes.truncate(bytes.len() - 7);
    fs::write(&log, &bytes).expect("written");
    assert_eq!(bench.run(&[]).done(), (0, 1), "results are known all the same");

    // Not even a log that cannot be opened stops a run.
    fs::remove_file(&log).expect("removed");
    fs::create_dir(&log).expect("a folder in its place");
    let run = bench.run(&[]);
    assert_eq!(run.done(), (0, 1));
    let said = run.events.iter().any(|event| {
        event["event"] == "noticed" && event["message"].as_str().is_some_and(|text| text.contains("history"))
    });
    assert!(said, "{:?}", run.events);
}
