//! A training that is killed goes on where it was and ends with the same bits, for any number of threads.

mod common;

use common::{TINY, Workbench, chest};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// Chest radiographs, a small network, and an optimiser with two moments: everything that a state must hold.
fn program(epochs: u32) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}")
  |> where((r) => r.split == "test" or r.split == "train" and (r.label == 0 or r.index < 388))
  |> rgb |> normalize(imagenet)
let augment = [flip, rotate(10), shift(5%), scale(0.9..1.1), brightness(10%), contrast(10%), noise(2%)]
let task = pictures |> split(by_column("split")) |> classify("label", {{ pneumonia: [1], normal: [0] }})
out study = tiny() |> finetune(task, epochs: {epochs}, lr: 1e-3, augment: augment) |> evaluate(task) |> report
"#,
        data = chest().display()
    )
}

/// The digest of the trained weights, from a run without interruption.
fn uninterrupted(text: &str, threads: &str) -> String {
    let run = Workbench::new(text).run(&["--threads", threads]);
    run.done();
    weights(&run)
}

fn weights(run: &common::Run) -> String {
    let models = run.digests("model");
    assert_eq!(models.len(), 1, "one trained model: {models:?}");
    models.into_values().next().expect("one")
}

fn progress(event: &Value) -> bool {
    event["event"] == "progress" && event["epoch"].is_array()
}

fn epoch(event: &Value) -> bool {
    event["event"] == "epoch_finished"
}

#[test]
fn five_kills_change_no_bit_for_one_thread_and_two() {
    let text = program(8);
    let expected = uninterrupted(&text, "1");
    assert_eq!(
        expected,
        uninterrupted(&text, "2"),
        "the number of threads changes nothing"
    );
    for threads in ["1", "2"] {
        let bench = Workbench::new(&text);
        let arguments = ["--threads", threads];
        let started = |event: &Value| event["event"] == "stage_started" && event["kind"] == "train";
        assert!(
            bench.kill_after(1, &arguments, started),
            "killed at the start of training"
        );
        assert!(
            bench.kill_after(3, &arguments, progress),
            "killed inside the first epoch"
        );
        assert!(bench.kill_after(1, &arguments, epoch), "killed after one epoch");
        assert!(bench.kill_after(2, &arguments, epoch), "killed two epochs later");
        assert!(bench.kill_after(2, &arguments, progress), "killed inside a later epoch");
        let last = bench.run(&arguments);
        last.done();
        let resumed: Vec<_> = last.events.iter().filter(|event| event["event"] == "resumed").collect();
        assert_eq!(resumed.len(), 1, "the last run went on from a state");
        assert!(
            resumed[0]["epoch"].as_u64() >= Some(2),
            "no epoch was trained twice: {}",
            resumed[0]
        );
        assert_eq!(weights(&last), expected, "with {threads} threads");
    }
}

#[test]
fn a_killed_run_never_blocks_the_next_one() {
    let bench = Workbench::new(&program(2));
    for kind in ["prepare", "train", "score", "report"] {
        let started = |event: &Value| event["event"] == "stage_started" && event["kind"] == kind;
        assert!(bench.kill_after(1, &[], started), "killed in `{kind}`");
    }
    bench.run(&[]).done();
    assert_eq!(bench.run(&[]).done().0, 0, "nothing is left to do");
}

#[test]
fn a_run_that_waits_for_another_stops_when_it_is_told_to() {
    let bench = Workbench::new(&program(2_000));
    let is = |line: &str, name: &str| {
        serde_json::from_str(line).is_ok_and(|event: Value| event["event"] == name && event["stage"] != Value::Null)
    };
    let start = |wanted: &str| {
        let mut child = bench
            .command(&["run", "study.mtl", "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mtl starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| is(&line, wanted)), "no `{wanted}`");
        (child, lines)
    };
    let (mut first, _events) = start("epoch_finished");
    let (mut second, rest) = start("waiting");
    let told = Command::new("kill")
        .args(["-INT", &second.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(told.success());
    let code = second.wait().expect("reaped").code();
    assert_eq!(code, Some(130), "{:?}", rest.collect::<Vec<_>>());
    assert!(first.try_wait().expect("known").is_none(), "the other goes on");
    first.kill().expect("kill");
    first.wait().expect("reaped");
}
