//! What a run with nothing to do does, counted: the short form of `benches/overhead.py`.

mod common;
#[path = "store/faulty.rs"]
#[allow(dead_code, reason = "only its counts are used")]
mod faulty;

use common::chest;
use faulty::Faulty;
use mtl::{
    analysis::{self, Main},
    diag::Diagnostics,
    exec::{
        self, Event, Listener, Stop, Summary,
        history::{Recorder, Setup},
    },
    plan::{self, Plan},
    store::{Link, Store, Trigger},
};
use std::{path::Path, sync::Arc, time::Duration};

/// A study of ten stages an arm: five trainings and their scores. One more prepares the pictures, and one exports.
fn planned(arms: usize) -> Plan {
    let rates: Vec<_> = (0..arms).map(|arm| format!("{}e-6", 1000 + arm)).collect();
    let text = format!(
        r#"net tiny(classes: int = 2) {{ x |> global_avgpool |> fc: linear(classes) }}
let pictures = npz("{data}") |> where((r) => r.split == "val" and r.index < 60) |> resize(8) |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(5), seed: 1)
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
let scores = for lr in [{rates}] {{ tiny() |> finetune(task, epochs: 1, lr: lr) |> evaluate(task) }}
out study = scores |> export("scores.csv")
"#,
        data = chest().display(),
        rates = rates.join(", "),
    );
    let main = Main::Text {
        name: "study.mtl",
        folder: Path::new("."),
        text: &text,
    };
    let mut diagnostics = Diagnostics::new();
    let program = analysis::load(main, &mut diagnostics);
    analysis::check(&program, &mut diagnostics);
    let plan = plan::plan(&program, &plan::Options::default(), &mut diagnostics);
    plan.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

struct Deaf;

impl Listener for Deaf {
    fn event(&self, _: &Event) {}
}

/// A run as the program makes it, with a store of its own; how often it came to the disk.
fn run(plan: &Plan, folder: &Path) -> (Summary, u64) {
    let disk = Faulty::sound();
    let store = Store::open_on(Arc::new(disk.clone()), &folder.join("store")).expect("it opens");
    let options = exec::Options {
        keep_going: false,
        out: folder.join("out"),
        save_every: Duration::from_secs(180),
        allow_device_change: false,
        jobs: 2,
        threads: 2,
        memory: u64::MAX,
        stage_memory: None,
        stage_timeout: None,
        selection: exec::select(plan, &exec::Patterns::default()).expect("all stages"),
        pipeline: "study.mtl".to_owned(),
        trail: 0,
        quota: None,
        link: Link::Copy,
        devices: Arc::default(),
        shows: Some(Trigger::Run),
    };
    store.keep_uses();
    let recorder = Recorder::new(plan, &store, &Deaf, Setup::default());
    let (summary, _) = exec::run(plan, &store, &options, &recorder, &Stop::default());
    recorder.finish(&summary);
    drop(store);
    (summary, disk.operations())
}

#[test]
fn a_run_with_nothing_to_do_comes_to_the_disk_as_often_for_a_thousand_stages_as_for_ten() {
    let [ten, thousand] = [1, 100].map(|arms| {
        let folder = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a folder");
        let plan = planned(arms);
        let stages = plan.graph.node_count();
        assert_eq!(stages, 10 * arms + 2);
        let (first, _) = run(&plan, folder.path());
        assert_eq!((first.ran, first.failed), (stages, 0));
        // The second run takes in what the first one has written.
        run(&plan, folder.path());
        let history = || {
            std::fs::metadata(folder.path().join("store/history"))
                .expect("it is there")
                .len()
        };
        let before = history();
        let (again, operations) = run(&plan, folder.path());
        assert_eq!((again.ran, again.reused), (0, stages));
        assert!(history() - before < 2048, "a record of a run is short");
        operations
    });
    // Some more reads of logs, which are longer.
    assert!(ten < 200 && thousand < ten + 20, "{ten} and {thousand} operations");
}
