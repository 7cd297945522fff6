//! Trainings with every option: what diverges, what is kept, on which device, and that no kill changes a bit.

mod common;

use common::{Run, TINY, Workbench, chest};
use serde_json::Value;
use std::{collections::BTreeSet, fs, process::Command};

/// Chest radiographs in two folds, the training's own call, and an arm beside it.
fn program(arms: &str) -> String {
    let import = if arms.contains("gradual") {
        "import std.train { gradual_unfreeze }"
    } else {
        ""
    };
    format!(
        r#"{import}
{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test" and r.index < 200) |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(2, tuning: 20%), stratify: "label", seed: 1)
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
let arms = {{
{arms}
}}
@allow("single_run")
out study = (for arm in arms {{ tiny() |> arm |> evaluate(task) }}) |> report
"#,
        data = chest().display()
    )
}

/// Everything that a state must hold: a mean of the weights, the best epoch, a plateau, steps of several batches, and
/// phases that thaw one stage after the other; and all that chance decides: what is drawn, changed and mixed.
const ALL: &str = r"
  all: |> gradual_unfreeze(task, epochs: 2, lr: 3e-3, batch: 16, accumulate: 2, ema: 0.9, keep: best,
    schedule: plateau(patience: 0, threshold: 20%, warmup: 10%, warmup_from: 10%), optimizer: rmsprop(centered: true),
    loss: cross_entropy(smoothing: 10%, weights: balanced), sampling: balanced, mix: mixup,
    augment: [flip, elastic(alpha: 20, sigma: 3), sometimes(50%, blur(0.1..1.0)), noise(2%)]),
  cycle: |> finetune(task, epochs: 2, lr: 3e-3, batch: 16, schedule: one_cycle, optimizer: sgd(nesterov: true),
    loss: binary_cross_entropy, sampling: { pneumonia: 1, normal: 2 }, mix: cutmix(probability: 80%),
    augment: [random_crop(50%..100%), gamma(0.8..1.25)]),";

fn models(run: &Run) -> Vec<String> {
    run.digests("model").into_values().collect()
}

#[test]
fn kills_inside_epochs_change_no_bit_with_every_option_on() {
    let text = program(ALL);
    let expected = Workbench::new(&text).run(&["--threads", "1"]);
    expected.done();
    assert_eq!(
        models(&expected).len(),
        2 * 4,
        "three phases and one cycle, in two folds"
    );
    for threads in ["2", "4"] {
        let bench = Workbench::new(&text);
        // One after the other, so that it is known which the kills hit.
        let arguments = ["--threads", threads, "--save-every", "0", "--jobs", "1"];
        // 80 training samples are three steps of the first arm and five of the second: the kills hit the first phase,
        // the second epoch of a later one, and the other arm.
        let step = |event: &Value| event["event"] == "progress" && event["epoch"].is_array();
        for count in [2, 3, 8, 13, 22] {
            assert!(bench.kill_after(count, &arguments, step), "killed after {count} steps");
        }
        let last = bench.run(&arguments);
        last.done();
        let resumed: Vec<&Value> = last.events.iter().filter(|event| event["event"] == "resumed").collect();
        assert!(resumed.len() <= 1, "{resumed:?}");
        assert_eq!(models(&last), models(&expected), "with {threads} threads");
    }
}

#[test]
fn a_training_goes_on_inside_an_epoch() {
    let bench = Workbench::new(&program("  one: |> finetune(task, epochs: 1, batch: 8),"));
    let step = |event: &Value| event["event"] == "progress" && event["step"][0] == 6;
    assert!(bench.kill_after(1, &["--save-every", "0", "--jobs", "1"], step));
    let run = bench.run(&[]);
    run.done();
    let resumed = run
        .events
        .iter()
        .find(|event| event["event"] == "resumed")
        .expect("it goes on");
    assert_eq!(resumed["epoch"], 0);
    // The state of the step is written before its event is, or after it and not at all.
    assert!(
        (4..=6).contains(&resumed["step"].as_u64().expect("a step")),
        "{resumed}"
    );
    let states = fs::read_dir(bench.path(".mtl/partial")).map_or(0, Iterator::count);
    assert_eq!(states, 0, "what is done leaves no state");
}

#[test]
fn what_diverges_says_where_and_the_other_arms_go_on() {
    let arms = |rate: &str| {
        program(&format!(
            "  wild: |> finetune(task, epochs: 30, batch: 16, lr: {rate}),\n  tame: |> finetune(task, epochs: 1),"
        ))
    };
    let bench = Workbench::new(&arms("1e6"));
    let run = bench.run(&["--keep-going"]);
    assert_eq!(run.code, Some(1));
    let failed: Vec<&Value> = run
        .events
        .iter()
        .filter(|event| event["event"] == "stage_failed")
        .collect();
    assert_eq!(failed.len(), 2, "one in each fold: {failed:?}");
    for event in failed {
        let (message, help) = (
            event["message"].as_str().expect("words"),
            event["help"].as_str().expect("help"),
        );
        assert!(
            message.starts_with("training diverged: ") && message.contains(" in epoch "),
            "{message}"
        );
        assert!(
            message.contains("at a learning rate of ") && message.contains("before w"),
            "{message}"
        );
        assert!(help.contains("`lr: 1e5`") && help.contains("clip"), "{help}");
        let kept = help.contains("the last good state is kept in ");
        assert!(kept || help.contains("no state had been saved yet"), "{help}");
    }
    let trained = run
        .ran()
        .iter()
        .filter(|stage| stage.contains("tame") && stage.ends_with("finetune task"))
        .count();
    assert_eq!(trained, 2, "{:?}", run.ran());
    // Mended, it runs, and the tame arm is known.
    bench.write("study.mtl", &arms("1e-3"));
    let (ran, reused) = bench.run(&[]).done();
    assert!(reused >= 5 && ran >= 5, "{ran} ran, {reused} reused");
}

#[test]
fn the_epoch_that_is_kept_stands_among_the_choices() {
    let arms = "  best: |> finetune(task, epochs: 3, lr: 1e-2, keep: best, sampling: balanced, mix: cutmix),\n  last: |> finetune(task, epochs: 3, lr: 1e-2),";
    let bench = Workbench::new(&program(arms));
    bench.run(&[]).done();
    let text = fs::read_to_string(bench.path("out/study/results.json")).expect("results");
    let results: Value = serde_json::from_str(&text).expect("JSON");
    let choices = results["choices"].as_array().expect("choices");
    let kept: Vec<&Value> = choices.iter().filter(|choice| choice["name"] == "epoch kept").collect();
    assert_eq!(kept.len(), 2, "one a fold: {kept:?}");
    for choice in kept {
        let value = choice["value"].as_str().expect("words");
        assert!(value.contains(" of 3 (tuning loss 0."), "{value}");
    }
    let of = |name: &str| choices.iter().filter(|choice| choice["name"] == name).count();
    assert_eq!(
        (of("keep"), of("loss"), of("accumulate"), of("ema")),
        (2, 2, 2, 2),
        "every choice, defaults too"
    );
    let values = |name: &str| -> Vec<&str> {
        let named = choices.iter().filter(|choice| choice["name"] == name);
        named.filter_map(|choice| choice["value"].as_str()).collect()
    };
    assert_eq!(values("sampling"), ["balanced", "none"]);
    assert_eq!(values("mix"), ["cutmix(alpha: 1.0, probability: 1.0)", "none"]);
}

/// The environment lowers the instruction set: another class of device on the same machine.
fn with_isa(bench: &Workbench, isa: &str, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut all = vec!["run", "study.mtl", "--format", "json"];
    all.extend(arguments);
    let mut command: Command = bench.command(&all);
    let output = command.env("MTL_ISA", isa).output().expect("mtl starts");
    let events = String::from_utf8(output.stdout).expect("utf-8");
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"));
    (output.status.code(), events.collect())
}

fn of_kind<'a>(events: &'a [Value], event: &str, kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|e| e["event"] == event && e["kind"] == kind)
        .collect()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn states_stay_on_their_class_of_device_and_results_say_theirs() {
    if !std::is_x86_feature_detected!("avx2") || !std::is_x86_feature_detected!("fma") {
        return; // There is only one class to be had.
    }
    let text = program("  one: |> finetune(task, epochs: 2, batch: 16),");
    let bench = Workbench::new(&text);
    let epoch = |event: &Value| event["event"] == "epoch_finished";
    assert!(bench.kill_after(1, &["--save-every", "0", "--jobs", "1"], epoch));
    // Another class refuses the state, and loses nothing of it.
    let (code, events) = with_isa(&bench, "portable", &["--jobs", "1"]);
    let failed = of_kind(&events, "stage_failed", "train");
    assert_eq!((code, failed.len()), (Some(1), 1), "{events:?}");
    assert!(
        failed[0]["message"]
            .as_str()
            .is_some_and(|m| m.contains("`cpu-avx2`") && m.contains("`cpu-sse2`"))
    );
    assert!(
        failed[0]["help"]
            .as_str()
            .is_some_and(|help| help.contains("--allow-device-change"))
    );
    // Allowed, it goes on, and the result says that two have computed it.
    let (code, events) = with_isa(&bench, "portable", &["--allow-device-change", "--jobs", "1"]);
    let classes: Vec<_> = of_kind(&events, "stage_finished", "train")
        .iter()
        .filter_map(|event| event["device_class"].as_str())
        .collect();
    assert_eq!((code, &classes[..]), (Some(0), &["cpu-avx2+cpu-sse2", "cpu-sse2"][..]));
    // What another class has computed is taken, and said so.
    let run = bench.run(&[]);
    assert_eq!(run.done().0, 0, "nothing runs");
    let other: Vec<&Value> = run
        .events
        .iter()
        .filter(|event| event["event"] == "other_device")
        .collect();
    assert_eq!(other.len(), 2, "{other:?}");
    assert!(other.iter().all(|event| event["here"] == "cpu-avx2"));
    let stages: u64 = other.iter().filter_map(|event| event["stages"].as_u64()).sum();
    assert_eq!(stages, 4, "two trainings and two scores");
    let plan = bench.mtl(&["plan", "study.mtl", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    let trained = plan["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .filter(|stage| stage["kind"] == "train");
    for stage in trained {
        assert!(
            stage["device_class"].is_string() && stage["peak_bytes"].as_u64() > Some(100_000),
            "{stage}"
        );
    }
    // An instruction set that is none is refused before anything runs.
    assert_eq!(with_isa(&bench, "avx3", &[]).0, Some(3));
}

/// What two trainings in one network need is told of each, though equal ones are looked at once.
#[test]
fn plans_tell_the_memory_of_each_training() {
    let arms = "  plain: |> finetune(task, epochs: 1, batch: 16),\n  mixed: |> finetune(task, epochs: 1, batch: 16, mix: mixup),";
    let bench = Workbench::new(&program(arms));
    let plan = bench.mtl(&["plan", "study.mtl", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    let stages = plan["stages"].as_array().expect("stages");
    let peak = |name: &str| {
        let stage = stages.iter().find(|stage| stage["name"] == name);
        stage.and_then(|stage| stage["peak_bytes"].as_u64()).expect(name)
    };
    for fold in [1, 2] {
        let [plain, mixed] = ["plain", "mixed"].map(|arm| peak(&format!("study[{arm}]/fold{fold}/finetune task")));
        assert_eq!(
            mixed - plain,
            4 * 16 * 3 * 28 * 28,
            "a copy of a batch's pictures, 3 x 28 x 28 floats each"
        );
    }
}

/// AVX2 on a machine that has AVX-512 gives the same bits, on a network with every kind of kernel that has two forms.
#[test]
#[cfg(target_arch = "x86_64")]
fn avx2_and_avx512_give_the_same_bits() {
    if !std::is_x86_feature_detected!("avx512f") {
        return; // One of them is not there.
    }
    let text = program("  one: |> finetune(task, epochs: 1, batch: 16),");
    let digests = |isa: &str| {
        let (code, events) = with_isa(&Workbench::new(&text), isa, &[]);
        assert_eq!(code, Some(0));
        let trained = of_kind(&events, "stage_finished", "train");
        let models = trained.iter().map(|event| event["outputs"]["model"].to_string());
        models.collect::<BTreeSet<_>>()
    };
    assert_eq!(digests("avx2"), digests("avx512"));
}
