//! Trainings that begin alike share the states of their epochs, with the bits of trainings that share nothing.

mod common;

use common::{Run, TINY, Workbench, chest};
use serde_json::Value;
use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path, thread};

/// Chest radiographs, a tuning part, and some arms.
fn program(arms: &str) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test" and r.index < 100) |> rgb |> normalize(imagenet)
let cohort = pictures |> split(holdout(tuning: 20%, test: 40%), stratify: "label", seed: 1)
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
let how = {{ batch: 16, lr: 3e-3, augment: [flip, noise(2%)] }}
let arms = {{
{arms}
}}
@allow("single_run")
out study = (for arm in arms {{ tiny() |> arm |> evaluate(task) }}) |> report
"#,
        data = chest().display()
    )
}

fn arm(name: &str, options: &str) -> String {
    format!("  {name}: |> finetune(task, {options}, ...how),\n")
}

/// How many epochs each arm trained.
fn epochs(run: &Run) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in run.events.iter().filter(|event| event["event"] == "epoch_finished") {
        *counts.entry(of_stage(event)).or_default() += 1;
    }
    counts
}

/// `study[long]/finetune task` is of the arm `long`.
fn of_stage(event: &Value) -> String {
    let stage = event["stage"].as_str().expect("a stage");
    let (_, rest) = stage.split_once('[').unwrap_or(("", stage));
    rest.split(']').next().unwrap_or_default().to_owned()
}

/// The epochs after which trainings began with what was stored.
fn resumed(run: &Run) -> Vec<u64> {
    let events = run.events.iter().filter(|event| event["event"] == "resumed");
    events.filter_map(|event| event["epoch"].as_u64()).collect()
}

/// The digests of model and history of each training, by the arm.
fn results(run: &Run) -> BTreeMap<String, (String, String)> {
    let trained = run
        .events
        .iter()
        .filter(|event| event["kind"] == "train" && event["outputs"].is_object());
    let digest = |event: &Value, name: &str| event["outputs"][name].as_str().expect("a digest").to_owned();
    let results = trained.map(|event| (of_stage(event), (digest(event, "model"), digest(event, "history"))));
    results.collect()
}

/// What an arm gives alone in a store of its own.
fn alone(name: &str, options: &str) -> (String, String) {
    let run = Workbench::new(&program(&arm(name, options))).run(&[]);
    run.done();
    results(&run).remove(name).expect("it trains")
}

/// The line of an arm's training in `mtl plan`.
fn planned(bench: &Workbench, name: &str) -> Value {
    let plan = bench.mtl(&["plan", "study.mtl", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    let stages = plan["stages"].as_array().expect("stages").iter();
    let mut own =
        stages.filter(|stage| stage["kind"] == "train" && stage["name"].as_str().is_some_and(|it| it.contains(name)));
    own.next().expect("it is planned").clone()
}

/// The epochs whose states are stored; every one of them is read.
fn stored(bench: &Workbench) -> Vec<u32> {
    let store = mtl::store::Store::open(&bench.path(".mtl")).expect("a store");
    let program = fs::canonicalize(bench.path("study.mtl")).expect("it is there");
    let states = store.epochs_for(&program.to_string_lossy()).expect("it can be read");
    let mut epochs: Vec<u32> = states.iter().map(|(_, state)| state.epoch).collect();
    for part in states.iter().flat_map(|(_, state)| state.parts.values()) {
        assert!(store.trail_part(*part).expect("it can be read").is_some());
    }
    epochs.sort_unstable();
    epochs
}

/// Files below a folder, with their lengths and inodes.
fn files(folder: &Path) -> Vec<(u64, u64)> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("it is there"));
    let below = entries.flat_map(|entry| match entry.file_type().expect("known").is_dir() {
        true => files(&entry.path()),
        false => {
            let metadata = entry.metadata().expect("known");
            vec![(metadata.len(), metadata.ino())]
        }
    });
    below.collect()
}

const STEPS: &str = "schedule: step(every: 3), epochs:";

#[test]
fn a_longer_training_goes_on_where_the_shorter_one_ended() {
    let text = |epochs: u32| program(&arm("one", &format!("{STEPS} {epochs}")));
    let bench = Workbench::new(&text(5));
    let run = bench.run(&[]);
    run.done();
    assert_eq!(epochs(&run)["one"], 5);
    assert_eq!(stored(&bench), [1, 2, 4, 5], "powers of two and the last");
    bench.write("study.mtl", &text(7));
    let plan = planned(&bench, "one");
    assert_eq!(
        (&plan["state"], &plan["known_epochs"]),
        (&"partial".into(), &5.into()),
        "{plan}"
    );
    let why = plan["why"].as_str().expect("words");
    assert!(
        why.starts_with("from epoch 6 of 7: the first 5 epochs are stored; since run "),
        "{why}"
    );
    assert!(why.ends_with("epochs: 5 -> 7 (study.mtl:14)"), "{why}");
    let table = String::from_utf8(bench.mtl(&["plan", "study.mtl"]).stdout).expect("UTF-8");
    assert!(table.contains("1 partial"), "{table}");
    let run = bench.run(&[]);
    run.done();
    assert_eq!((epochs(&run)["one"], resumed(&run)), (2, vec![5]));
    assert_eq!(
        results(&run)["one"],
        alone("one", &format!("{STEPS} 7")),
        "not a bit differs"
    );
    // Back again: nothing runs. A shorter one that was never asked for trains nothing, where its last state is kept.
    bench.write("study.mtl", &text(5));
    assert_eq!(bench.run(&[]).done().0, 0);
    bench.write("study.mtl", &text(4));
    let why = planned(&bench, "one")["why"].to_string();
    assert!(
        why.contains("all its 4 epochs are stored as the first of a longer training; since run "),
        "{why}"
    );
    let run = bench.run(&[]);
    run.done();
    assert_eq!((epochs(&run).len(), resumed(&run)), (0, vec![4]));
    assert_eq!(results(&run)["one"], alone("one", &format!("{STEPS} 4")));
}

#[test]
fn arms_share_epochs_until_they_part() {
    let options = [
        ("short", "schedule: step(every: 3, factor: 50%), epochs: 6"),
        ("other", "schedule: multi_step([5]), epochs: 6"),
        ("long", "schedule: step(every: 3, factor: 50%), epochs: 7"),
        ("apart", "schedule: constant, seed: 9, epochs: 2"),
    ];
    let text = options.map(|(name, options)| arm(name, options)).concat();
    let bench = Workbench::new(&program(&text));
    let run = bench.run(&[]);
    run.done();
    let counts = epochs(&run);
    let of = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert_eq!(
        of("short") + of("other") + of("long"),
        6 + 3 + 1,
        "three of six are shared by two, six of seven: {counts:?}"
    );
    assert_eq!(of("apart"), 2, "another seed shares nothing");
    for (name, options) in options {
        assert_eq!(results(&run)[name], alone(name, options), "{name}");
    }
    // Of `short` what two others go on from as well, of each arm its last, of both ways powers of two.
    assert_eq!(stored(&bench), [1, 1, 2, 2, 3, 4, 4, 6, 6, 7]);
}

#[test]
fn another_length_of_a_cosine_shares_nothing_and_the_plan_says_why() {
    let text = |epochs: u32| program(&arm("one", &format!("schedule: cosine(), epochs: {epochs}")));
    let bench = Workbench::new(&text(2));
    bench.run(&[]).done();
    bench.write("study.mtl", &text(3));
    let plan = planned(&bench, "one");
    assert_eq!(plan["state"], "to_run");
    let why = plan["why"].as_str().expect("words");
    assert!(
        why.ends_with("a training like it of 2 epochs is stored, but `cosine` goes over the whole length, so no epoch has the same rates and nothing is shared"),
        "{why}"
    );
    let run = bench.run(&[]);
    run.done();
    assert_eq!((epochs(&run)["one"], resumed(&run)), (3, vec![]));
    // Another schedule from the first epoch on.
    bench.write(
        "study.mtl",
        &program(&arm(
            "one",
            "schedule: exponential(factor: 90%, warmup: 20%), epochs: 3",
        )),
    );
    let why = planned(&bench, "one")["why"].to_string();
    assert!(
        why.contains("whose rates go by `cosine` and not by `exponential` with its warm-up"),
        "{why}"
    );
    // What differs otherwise is no training like it.
    bench.write(
        "study.mtl",
        &program(&arm("one", "schedule: cosine(), epochs: 3, seed: 5")),
    );
    let why = planned(&bench, "one")["why"].to_string();
    assert!(why.contains(": seed: ") && !why.contains("a training like it"), "{why}");
}

#[test]
fn what_a_state_must_hold_is_shared_with_it() {
    let with = |epochs: u32, options: &str| format!("epochs: {epochs}, {options}");
    let all = [
        "schedule: plateau(patience: 0, threshold: 20%), keep: best, optimizer: rmsprop(centered: true)",
        "schedule: constant, ema: 0.9, accumulate: 2, sampling: balanced, mix: mixup",
        "schedule: cosine_restarts(2), ema: 0.9, keep: best, optimizer: adam(amsgrad: true)",
    ];
    for options in all {
        let bench = Workbench::new(&program(&arm("one", &with(3, options))));
        bench.run(&[]).done();
        bench.write("study.mtl", &program(&arm("one", &with(5, options))));
        let run = bench.run(&[]);
        run.done();
        assert_eq!((epochs(&run)["one"], resumed(&run)), (2, vec![3]), "{options}");
        assert_eq!(results(&run)["one"], alone("one", &with(5, options)), "{options}");
    }
}

#[test]
fn kills_in_between_change_no_bit_and_lose_no_epoch() {
    let text = [arm("short", &format!("{STEPS} 4")), arm("long", &format!("{STEPS} 6"))].concat();
    let expected = Workbench::new(&program(&text)).run(&[]);
    expected.done();
    let bench = Workbench::new(&program(&text));
    let epoch = |event: &Value| event["event"] == "epoch_finished";
    let step = |event: &Value| event["event"] == "progress" && event["step"].is_array();
    let saving = ["--save-every", "0", "--jobs", "1"];
    assert!(bench.kill_after(2, &["--jobs", "1"], epoch));
    let why = planned(&bench, "long")["why"].to_string();
    assert!(
        why.contains("an earlier run was stopped; it goes on from epoch 3 of 6"),
        "{why}"
    );
    assert!(bench.kill_after(2, &saving, step), "inside the third");
    let why = planned(&bench, "long")["why"].to_string();
    assert!(why.contains("it goes on inside epoch 3 of 6"), "{why}");
    let short = planned(&bench, "short");
    assert_eq!(
        (&short["state"], &short["known_epochs"]),
        (&"partial".into(), &2.into()),
        "{short}"
    );
    let of_fifth = |event: &Value| step(event) && event["epoch"][0] == 5;
    assert!(bench.kill_after(2, &saving, of_fifth), "in what is not shared");
    let run = bench.run(&[]);
    run.done();
    assert_eq!(results(&run), results(&expected));
    assert!(epochs(&run).values().sum::<usize>() <= 2, "{:?}", epochs(&run));
}

#[test]
fn two_processes_train_what_they_share_once() {
    let store = tempfile::tempdir().expect("a folder");
    let folder = store.path().to_str().expect("UTF-8");
    // The state after 8 epochs is kept, so the shorter one finds it however far the longer one has come.
    let options = [("one", format!("{STEPS} 12")), ("two", format!("{STEPS} 8"))];
    let benches = options
        .clone()
        .map(|(name, options)| Workbench::new(&program(&arm(name, &options))));
    let runs: Vec<Run> = thread::scope(|scope| {
        let started: Vec<_> = benches
            .iter()
            .map(|bench| scope.spawn(|| bench.run(&["--store", folder, "--threads", "1"])))
            .collect();
        started.into_iter().map(|run| run.join().expect("it ends")).collect()
    });
    let mut trained = 0;
    for (run, (name, options)) in runs.iter().zip(&options) {
        run.done();
        trained += epochs(run).get(*name).copied().unwrap_or(0);
        assert_eq!(results(run)[*name], alone(name, options), "{name}");
    }
    assert_eq!(trained, 12, "each epoch in one of them");
}

#[test]
fn states_are_stored_once_and_keep_to_their_budget() {
    let text = |epochs: u32| program(&arm("one", &format!("{STEPS} {epochs}")));
    let bench = Workbench::new(&text(4));
    bench.run(&[]).done();
    let (objects, trail) = (files(&bench.path(".mtl/objects")), files(&bench.path(".mtl/trail")));
    let same = objects
        .iter()
        .filter(|(_, inode)| trail.iter().any(|(_, other)| inode == other));
    assert_eq!(same.count(), 1, "the model is the last state's file");
    let partial = fs::read_dir(bench.path(".mtl/partial")).map_or(0, Iterator::count);
    assert_eq!(partial, 0, "what is done leaves no state of its own");
    // Room for one state: the last one.
    let largest = trail.iter().map(|(bytes, _)| bytes).sum::<u64>() / 2;
    bench.write("study.mtl", &text(5));
    bench.write("mtl.toml", &format!("[store]\ntrail = \"{largest}B\"\n"));
    bench.run(&[]).done();
    let states = stored(&bench);
    assert!(states.len() < 4 && states.ends_with(&[5]), "{states:?}");
    // No room: all go with the end of the training, and results stay.
    bench.write("study.mtl", &text(6));
    let run = bench.run(&["--trail", "0"]);
    run.done();
    assert_eq!(epochs(&run)["one"], 1);
    assert_eq!(stored(&bench), [0_u32; 0]);
    assert_eq!(files(&bench.path(".mtl/trail")).len(), 1, "the log alone");
    assert_eq!(bench.run(&[]).done().0, 0, "results are whole");
    assert_eq!(
        bench.mtl(&["run", "study.mtl", "--trail", "much"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_damaged_state_gives_way_to_an_earlier_one() {
    let text = |epochs: u32| program(&arm("one", &format!("{STEPS} {epochs}")));
    let bench = Workbench::new(&text(4));
    bench.run(&[]).done();
    let store = mtl::store::Store::open(&bench.path(".mtl")).expect("a store");
    let program = fs::canonicalize(bench.path("study.mtl")).expect("it is there");
    let states = store.epochs_for(&program.to_string_lossy()).expect("it can be read");
    let (_, last) = states.iter().find(|(_, state)| state.epoch == 4).expect("the last");
    let path = store.trail_part(last.parts["memory"]).expect("read").expect("there");
    drop(store);
    let bytes = fs::read(&path).expect("it is there");
    fs::remove_file(&path).expect("it is ours");
    fs::write(&path, &bytes[..bytes.len() - 4]).expect("it can be written");
    bench.write("study.mtl", &text(5));
    let run = bench.run(&[]);
    run.done();
    assert_eq!((epochs(&run)["one"], resumed(&run)), (3, vec![2]));
    assert!(run.events.iter().any(|event| event["event"] == "noticed"), "it is said");
    assert_eq!(results(&run)["one"], alone("one", &format!("{STEPS} 5")));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn states_of_another_class_of_device_are_not_taken_over() {
    if !std::is_x86_feature_detected!("avx2") || !std::is_x86_feature_detected!("fma") {
        return; // There is only one class to be had.
    }
    let text = |epochs: u32| program(&arm("one", &format!("{STEPS} {epochs}")));
    let bench = Workbench::new(&text(2));
    let first = bench.command(&["run", "study.mtl"]).env("MTL_ISA", "portable").output();
    assert!(first.expect("mtl starts").status.success());
    bench.write("study.mtl", &text(3));
    let why = planned(&bench, "one")["why"].to_string();
    assert!(
        why.contains("the state after epoch 2 is stored, but of device class `cpu-sse2`"),
        "{why}"
    );
    let run = bench.run(&[]);
    run.done();
    assert_eq!((epochs(&run)["one"], resumed(&run)), (3, vec![]));
    assert_eq!(results(&run)["one"], alone("one", &format!("{STEPS} 3")));
}
