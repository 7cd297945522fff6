//! Several stages at once: the same results, each stage once, and only what was asked for.

mod common;

use common::{TINY, Workbench, chest};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Two arms of three folds.
fn program(epochs: u32) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(3), seed: 1)
let half = cohort |> classify("label", {{ normal: [0], pneumonia: [1] }})
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
let arms = {{
  scratch: |> finetune(task, epochs: {epochs}),
  chain: |> pretrain(half, epochs: 1) |> finetune(task, epochs: 1),
}}
let scores = for arm in arms {{ tiny() |> arm |> evaluate(task) }}
out study = scores |> report(compare: "arm", baseline: "scratch")
"#,
        data = chest().display()
    )
}

const STAGES: u64 = 17;

/// The largest number of stages that ran at once.
fn most_at_once(run: &common::Run) -> i32 {
    let (mut now, mut most) = (0, 0);
    for event in &run.events {
        match event["event"].as_str() {
            Some("stage_started") => now += 1,
            Some("stage_finished" | "stage_failed") => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[test]
fn results_do_not_depend_on_how_many_stages_run_at_once() {
    let text = program(2);
    let one = Workbench::new(&text).run(&["--jobs", "1"]);
    assert_eq!(one.done(), (STAGES, 0));
    assert_eq!(most_at_once(&one), 1);
    let four = Workbench::new(&text).run(&["--jobs", "4", "--threads", "3"]);
    assert_eq!(four.done(), (STAGES, 0));
    assert!((2..=4).contains(&most_at_once(&four)), "{}", most_at_once(&four));
    for output in ["pictures", "model", "scores", "report.html"] {
        assert_eq!(one.digests(output), four.digests(output), "{output}");
    }
}

#[test]
fn until_and_only_choose_stages_and_force_runs_known_ones() {
    let bench = Workbench::new(&program(1));
    let until = bench.run(&["--until", "scores[chain]/fold1/pretrain*"]);
    assert_eq!(until.done(), (2, 0), "{:?}", until.ran());
    assert_eq!(until.events[0]["stages"], 2);

    let only = bench.run(&["--only", "scores[chain]/fold1/finetune*"]);
    assert_eq!(only.done(), (1, 2), "{:?}", only.ran());
    let unknown = bench.run(&["--only", "scores[chain]/fold2/score*"]);
    assert_eq!(unknown.code, Some(1));
    let failed = unknown
        .events
        .iter()
        .find(|event| event["event"] == "stage_failed")
        .expect("said");
    assert!(
        failed["message"]
            .as_str()
            .expect("words")
            .contains("whose result is not known")
    );
    assert!(failed["help"].as_str().expect("words").contains("--until"));

    bench.run(&[]).done();
    let forced = bench.run(&["--force=fold1/pretrain*"]);
    assert_eq!(
        forced.done(),
        (1, STAGES - 1),
        "the same bytes again, so it stops there: {:?}",
        forced.ran()
    );
    assert!(forced.events.iter().all(|event| event["event"] != "differs"));
    assert_eq!(
        bench.run(&["--force", "--only", "study"]).code,
        Some(2),
        "the output is no stage's name"
    );
    assert_eq!(bench.run(&["--force"]).done(), (STAGES, 0));
}

#[test]
fn a_pattern_that_means_no_stage_proposes_the_nearest() {
    let bench = Workbench::new(&program(1));
    for (option, wrong, near) in [
        ("--until", "finetun task", "`finetune task`"),
        (
            "--only",
            "scores[chian]/fold1/finetune task",
            "`scores[chain]/fold1/finetune task`",
        ),
    ] {
        let output = bench.mtl(&["run", "study.mtl", option, wrong]);
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.contains(&format!("no stage of the plan is called `{wrong}`")),
            "{told}"
        );
        assert!(told.contains(&format!("did you mean {near}?")), "{told}");
    }
}

#[test]
fn limits_of_time_and_memory_are_kept_and_say_what_to_change() {
    let bench = Workbench::new(&program(4_000));
    let late = bench.run(&["--stage-timeout", "1s", "--until", "scores[scratch]/fold1/finetune*"]);
    assert_eq!(late.code, Some(1), "{}", late.errors);
    let failed = late
        .events
        .iter()
        .find(|event| event["event"] == "stage_failed")
        .expect("said");
    assert_eq!(failed["message"], "it was stopped after 1 s, its limit");
    assert!(failed["help"].as_str().expect("words").contains("--stage-timeout"));
    let on = bench.run(&["--stage-timeout", "1s", "--until", "scores[scratch]/fold1/finetune*"]);
    assert!(
        on.events.iter().any(|event| event["event"] == "resumed"),
        "its state was kept"
    );

    let refused = bench.run(&["--memory", "1MB", "--until", "scores[scratch]/fold1/finetune*"]);
    assert_eq!(refused.code, Some(1));
    let failed = refused
        .events
        .iter()
        .find(|event| event["event"] == "stage_failed")
        .expect("said");
    assert_eq!(failed["message"], "it needs up to 2 MB, and `--memory` allows 1 MB");
    let help = failed["help"].as_str().expect("words");
    assert!(
        help.starts_with("`batch: 16` with `accumulate: 2` needs up to"),
        "{help}"
    );
}

#[test]
fn a_stop_is_heard_by_all_running_stages_within_a_second() {
    let bench = Workbench::new(&program(4_000));
    let mut child = bench
        .command(&[
            "run",
            "study.mtl",
            "--format",
            "json",
            "--jobs",
            "3",
            "--until",
            "scores[scratch]/*/finetune*",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("mtl starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    let training = |line: &String| {
        serde_json::from_str(line)
            .is_ok_and(|event: Value| event["event"] == "stage_started" && event["kind"] == "train")
    };
    assert_eq!(
        lines.by_ref().filter(training).take(3).count(),
        3,
        "three trainings at once"
    );
    #[expect(clippy::disallowed_methods, reason = "the time to stop is what is tested")]
    let told = Instant::now();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(killed.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("reaped").code(), Some(130), "{rest:?}");
    // A second on an idle machine; tests run beside others.
    assert!(told.elapsed() < Duration::from_secs(4), "{:?}", told.elapsed());
    let skipped = rest.iter().filter(|line| line.contains("\"stage_skipped\"")).count();
    assert_eq!(skipped, 3, "{rest:?}");
}

#[test]
fn a_failure_lets_what_runs_end_and_keep_going_runs_what_does_not_depend_on_it() {
    // Rates that diverge at once in one arm of two.
    let text = program(1).replace(
        "chain: |> pretrain(half, epochs: 1) |> finetune(task, epochs: 1),",
        "chain: |> finetune(task, epochs: 3, lr: 1e30),",
    );
    let on = Workbench::new(&text).run(&["--jobs", "2", "--keep-going"]);
    assert_eq!(on.code, Some(1));
    let (ran, _, failed) = on.counts();
    assert_eq!(
        (ran, failed),
        (7, 3),
        "the pictures, and three models and scores of the other arm: {:?}",
        on.ran()
    );
    let stopped = Workbench::new(&text).run(&["--jobs", "2"]);
    let (_, _, failed) = stopped.counts();
    assert!((1..=2).contains(&failed), "nothing begins after a failure");
    let events = |name: &str| stopped.events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(
        events("stage_started"),
        events("stage_finished") + events("stage_failed"),
        "what ran has ended"
    );
}

#[test]
fn what_stages_took_tells_how_long_others_will_take() {
    let bench = Workbench::new(&program(1));
    let plan = |bench: &Workbench| -> Value {
        let output = bench.mtl(&["plan", "study.mtl", "--format", "json"]);
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let unknown = plan(&bench);
    assert!(unknown["left"]["seconds"].is_null() && unknown["stages"][1].get("thread_seconds").is_none());
    bench.run(&[]).done();
    let known = plan(&bench);
    assert_eq!(
        (&known["left"]["seconds"], &known["left"]["bytes"]),
        (&0.0.into(), &0.into())
    );
    bench.write("study.mtl", &program(20));
    let longer = plan(&bench);
    let seconds = |name: &str| {
        let stages = longer["stages"].as_array().expect("a list");
        let stage = stages.iter().find(|stage| stage["name"] == name).expect(name);
        stage["thread_seconds"].as_f64().expect("an estimate")
    };
    let (training, scoring) = (
        seconds("scores[scratch]/fold1/finetune task"),
        seconds("scores[scratch]/fold1/score task"),
    );
    assert!(
        training > 3.0 * scoring,
        "20 epochs of training and a pass: {training} s, {scoring} s"
    );
    let left = &longer["left"];
    assert!(
        left["seconds"].as_f64() > Some(training) && left["bytes"].as_u64() > Some(10_000),
        "{left}"
    );
    let table = String::from_utf8(bench.mtl(&["plan", "study.mtl"]).stdout).expect("UTF-8");
    assert!(table.contains(" of a core") && table.contains(" to store"), "{table}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_stage_that_runs_out_of_memory_says_what_to_change() {
    let text = program(1)
        .replace("rgb |>", "rgb |> resize(224) |>")
        .replace("conv(8, 3, stride: 2", "conv(64, 3, stride: 1")
        .replace("epochs: 1)", "epochs: 1, batch: 256)");
    let bench = Workbench::new(&text);
    let mtl = env!("CARGO_BIN_EXE_mtl");
    let wanted = "run study.mtl --format json --threads 1 --jobs 1 --until scores[scratch]/fold1/finetune*";
    // The limit stands for a machine whose memory is short; a system that promises more than it has ends the process instead.
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v 4000000; exec {mtl} {}", wanted.replace('*', "'*'")),
        ])
        .current_dir(bench.folder())
        .output()
        .expect("sh starts");
    let events = String::from_utf8(output.stdout).expect("UTF-8");
    let find = |name: &str| -> Value {
        let mut all = events
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        all.find(|event| event["event"] == name)
            .unwrap_or_else(|| panic!("no {name}: {events:.2000}"))
    };
    let tight = find("tight");
    assert!(tight["needed"].as_u64() > tight["there"].as_u64(), "{tight}");
    let failed = find("stage_failed");
    assert!(
        failed["message"]
            .as_str()
            .expect("words")
            .contains("bytes of memory; it needs up to"),
        "{failed}"
    );
    assert!(failed["help"].as_str().expect("words").contains("`batch: "), "{failed}");
    assert_eq!(output.status.code(), Some(1));
}
