//! Training without labels: it learns, and goes on after a kill with the same bits.

mod common;

use common::{TINY, Workbench, chest};
use serde_json::Value;
use std::collections::BTreeMap;

fn program(epochs: u32) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(2), seed: 1)
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
out study = tiny() |> simclr(cohort, epochs: {epochs}, batch: 32, lr: 3e-3, augment: [flip])
  |> finetune(task, epochs: 1) |> evaluate(task) |> report
"#,
        data = chest().display()
    )
}

fn is_simclr(event: &Value) -> bool {
    event["stage"]
        .as_str()
        .is_some_and(|stage| stage.ends_with("simclr cohort"))
}

#[test]
fn views_are_told_apart_better_and_better() {
    let run = Workbench::new(&program(4)).run(&[]);
    assert_eq!(
        run.done(),
        (1 + 2 + 2 + 2 + 1, 0),
        "prepare, simclr, finetune, score, report"
    );
    let mut losses: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for event in run
        .events
        .iter()
        .filter(|event| event["event"] == "epoch_finished" && is_simclr(event))
    {
        let stage = event["stage"].as_str().expect("a name");
        losses
            .entry(stage)
            .or_default()
            .push(event["training_loss"].as_f64().expect("a loss"));
    }
    assert_eq!(losses.len(), 2, "one a fold");
    for (stage, losses) in losses {
        // 64 views a step: a guess among 63 costs ln(63) = 4.14.
        assert!(losses[0] < 4.2 && losses[3] < losses[0] - 0.1, "{stage}: {losses:?}");
    }
}

#[test]
fn kills_change_no_bit() {
    let text = program(3);
    let expected = Workbench::new(&text).run(&["--threads", "2"]);
    expected.done();
    let bench = Workbench::new(&text);
    for count in [1, 4] {
        let wanted = |event: &Value| event["event"] == "progress" && is_simclr(event);
        assert!(bench.kill_after(count, &["--threads", "1"], wanted), "killed in time");
    }
    let run = bench.run(&["--threads", "1"]);
    run.done();
    assert_eq!(run.digests("model"), expected.digests("model"));
}
