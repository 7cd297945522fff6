//! Stages on GPUs that are invented: what shares them, and who has them.

mod common;

use common::{TINY, Workbench, chest};
use mtl::{
    analysis::{self, Main},
    diag::Diagnostics,
    exec::{self, Devices, Event, Gpu, Listener, Options, Patterns, Stop},
    plan::{self, Plan},
    store::{Link, Store, Trigger},
};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

fn program() -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(4), seed: 1)
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
@allow("single_run")
out study = tiny() |> finetune(task, epochs: 2) |> evaluate(task) |> report
"#,
        data = chest().display()
    )
}

fn planned(bench: &Workbench) -> Plan {
    let mut diagnostics = Diagnostics::new();
    let read = |path: &Path| fs::read_to_string(path);
    let program = analysis::load_with(Main::File(&bench.path("study.mtl")), &read, &mut diagnostics);
    analysis::check(&program, &mut diagnostics);
    let plan = plan::plan(&program, &plan::Options::default(), &mut diagnostics);
    plan.expect("the program is right")
}

/// What ran when: the largest number of stages of each kind at once, and what came out.
#[derive(Default)]
struct Ear {
    seen: Mutex<Seen>,
    waited: AtomicBool,
}

#[derive(Default)]
struct Seen {
    now: BTreeMap<&'static str, usize>,
    most: BTreeMap<&'static str, usize>,
    models: BTreeMap<String, String>,
}

impl Listener for Ear {
    fn event(&self, event: &Event) {
        let mut seen = self.seen.lock().expect("nobody panics with it");
        match event {
            Event::StageStarted { kind, .. } => {
                let now = seen.now.entry(kind).or_default();
                *now += 1;
                let now = *now;
                let most = seen.most.entry(kind).or_default();
                *most = now.max(*most);
            }
            Event::StageFinished {
                stage, kind, outputs, ..
            } => {
                *seen.now.entry(kind).or_default() -= 1;
                if let Some(model) = outputs.get("model") {
                    seen.models.insert(stage.clone(), model.to_string());
                }
            }
            Event::Waiting { .. } => self.waited.store(true, Ordering::Relaxed),
            _ => {}
        }
    }
}

fn options(plan: &Plan, bench: &Workbench, devices: Devices) -> Options {
    Options {
        keep_going: false,
        out: bench.path("out"),
        save_every: Duration::from_secs(60),
        allow_device_change: false,
        jobs: 1,
        threads: 1,
        memory: u64::MAX,
        stage_memory: None,
        stage_timeout: None,
        selection: exec::select(plan, &Patterns::default()).expect("all stages"),
        pipeline: "study".to_owned(),
        trail: 0,
        quota: None,
        link: Link::Copy,
        devices: Arc::new(devices),
        shows: Some(Trigger::Run),
    }
}

fn run(devices: Devices) -> (Ear, exec::Summary) {
    let bench = Workbench::new(&program());
    let plan = planned(&bench);
    let store = Store::open(&bench.path("store")).expect("a store");
    let ear = Ear::default();
    let (summary, _) = exec::run(&plan, &store, &options(&plan, &bench, devices), &ear, &Stop::default());
    assert_eq!((summary.failed, summary.skipped), (0, 0));
    (ear, summary)
}

fn gpu(id: &str, bytes: u64) -> Gpu {
    Gpu {
        id: id.to_owned(),
        bytes,
    }
}

fn most(ear: &Ear, kind: &str) -> usize {
    ear.seen
        .lock()
        .expect("nobody panics with it")
        .most
        .get(kind)
        .copied()
        .unwrap_or(0)
}

#[test]
fn stages_share_a_gpu_by_their_peaks_and_results_do_not_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let devices = |gpus: Vec<Gpu>| Devices::new(gpus, folder.path());
    let (alone, _) = run(devices(Vec::new()));
    assert_eq!(most(&alone, "train"), 1, "one job on the CPU");
    // A training needs about 2 MB: one fits, or two, whatever the CPU's jobs are.
    let (narrow, _) = run(devices(vec![gpu("a", 2_000_000)]));
    assert_eq!(most(&narrow, "train"), 1);
    let (wide, _) = run(devices(vec![gpu("a", 1 << 30)]));
    assert!(most(&wide, "train") >= 2, "what fits runs side by side");
    let (two, _) = run(devices(vec![gpu("a", 2_000_000), gpu("b", 2_000_000)]));
    assert_eq!(most(&two, "train"), 2, "one on each");
    let models = |ear: &Ear| ear.seen.lock().expect("nobody panics with it").models.clone();
    for other in [&narrow, &wide, &two] {
        assert_eq!(models(other), models(&alone));
    }
}

#[test]
fn a_run_waits_for_a_gpu_that_another_process_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let devices = || Devices::new(vec![gpu("a", 1 << 30)], folder.path());
    let other = devices();
    let lease = other.lease(0).expect("the lock is made").expect("it is free");
    let (ear, summary) = thread::scope(|scope| {
        let run = scope.spawn(|| run(devices()));
        thread::sleep(Duration::from_millis(700));
        assert!(!run.is_finished(), "nothing trains meanwhile");
        drop(lease);
        run.join().expect("it ends")
    });
    assert!(ear.waited.load(Ordering::Relaxed), "that is said");
    assert_eq!(summary.ran, 10);
}
