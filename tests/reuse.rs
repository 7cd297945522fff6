//! Nothing is computed twice, and nothing that changed is missed.

#![allow(clippy::disallowed_methods, reason = "files are aged on purpose")]

mod common;

use common::{TINY, Workbench, chest};
use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

/// A density-like chain on the shipped chest radiographs: `arms` are entries of a record.
fn program(arms: &str) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(3), seed: 1)
let half = cohort |> classify("label", {{ normal: [0], pneumonia: [1] }})
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})
let arms = {{ {arms} }}
let scores = for arm in arms {{ tiny() |> arm |> evaluate(task) }}
out study = scores |> report(compare: "arm", baseline: "scratch")
"#,
        data = chest().display()
    )
}

const SCRATCH: &str = "scratch: |> finetune(task, epochs: 2),";
const CHAIN: &str = "chain: |> pretrain(half, epochs: 1) |> finetune(task, epochs: 1),";

#[test]
fn the_second_run_runs_nothing() {
    let bench = Workbench::new(&program(&format!("{SCRATCH} {CHAIN}")));
    let (ran, reused) = bench.run(&[]).done();
    assert_eq!(
        (ran, reused),
        (1 + 3 + 3 + 3 + 6 + 1, 0),
        "prepare, pretrain, finetune twice, score, report"
    );
    assert_eq!(bench.run(&[]).done(), (0, 17));
    assert!(bench.path("out/study/report.html").is_file());
}

#[test]
fn a_comment_a_name_or_a_touched_file_changes_nothing() {
    let text = program(&format!("{SCRATCH} {CHAIN}"));
    let bench = Workbench::new(&text);
    let data = bench.path("chest.npz");
    fs::copy(chest(), &data).expect("copied");
    let text = text.replace(&chest().display().to_string(), "chest.npz");
    bench.write("study.mtl", &text);
    bench.run(&[]).done();

    bench.write(
        "study.mtl",
        &format!("// A comment.\n{}", text.replace("pictures", "films")),
    );
    let renamed = bench.run(&[]);
    renamed.done();
    assert!(
        renamed
            .ran()
            .iter()
            .all(|stage| stage.contains("report") || stage == "study"),
        "{:?}",
        renamed.ran()
    );
    File::options()
        .append(true)
        .open(&data)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .expect("touched");
    assert_eq!(bench.run(&[]).done().0, 0, "touched");
}

#[test]
fn a_new_arm_runs_only_its_own_stages_and_a_changed_rate_keeps_the_pretraining() {
    let bench = Workbench::new(&program(&format!("{SCRATCH} {CHAIN}")));
    bench.run(&[]).done();

    let third = "frozen: |> pretrain(half, epochs: 1) |> finetune(task, epochs: 1, freeze: stages(1)),";
    bench.write("study.mtl", &program(&format!("{SCRATCH} {CHAIN} {third}")));
    let run = bench.run(&[]);
    assert_eq!(
        run.done().0,
        3 + 3 + 1,
        "three models, three scores, the report: {:?}",
        run.ran()
    );

    let other_rate = CHAIN.replace("finetune(task, epochs: 1)", "finetune(task, epochs: 1, lr: 5e-4)");
    bench.write("study.mtl", &program(&format!("{SCRATCH} {other_rate} {third}")));
    let run = bench.run(&[]);
    assert_eq!(run.done().0, 3 + 3 + 1, "no pre-training runs again: {:?}", run.ran());

    bench.write("study.mtl", &program(&format!("{SCRATCH} {CHAIN} {third}")));
    assert_eq!(bench.run(&[]).done().0, 0, "changed back: all of it is known");
}

#[test]
fn an_edit_that_keeps_size_and_time_is_noticed() {
    let text = program(SCRATCH);
    let bench = Workbench::new(&text);
    let data = bench.path("chest.npz");
    fs::copy(chest(), &data).expect("copied");
    bench.write(
        "study.mtl",
        &text
            .replace(&chest().display().to_string(), "chest.npz")
            .replace("compare: \"arm\", baseline: \"scratch\"", ""),
    );
    let old = SystemTime::now() - Duration::from_secs(3600);
    let age = |path| {
        File::options()
            .append(true)
            .open(path)
            .and_then(|file| file.set_modified(old))
            .expect("aged")
    };
    age(&data);
    bench.run(&[]).done();

    // The zip's own time stamp of a member: other bytes, same pictures, same size.
    let mut bytes = fs::read(&data).expect("readable");
    bytes[10] ^= 1;
    fs::write(&data, bytes).expect("writable");
    age(&data);
    let run = bench.run(&[]);
    run.done();
    assert_eq!(
        run.ran().len(),
        1,
        "the pictures are prepared again, give the same bytes, and it stops there: {:?}",
        run.ran()
    );
}

#[test]
fn a_damaged_result_is_made_again() {
    let bench = Workbench::new(&program(&format!("{SCRATCH} {CHAIN}")));
    let first = bench.run(&[]);
    first.done();
    let digest = first
        .digests("pictures")
        .into_values()
        .next()
        .expect("prepared pictures");
    let object = bench.path(&format!(".mtl/objects/{}/{}", &digest[..2], &digest[2..]));
    let mut bytes = fs::read(&object).expect("the object");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    let mut permissions = fs::metadata(&object).expect("there").permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "the test damages a read-only object on purpose"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(&object, permissions).expect("writable");
    fs::write(&object, bytes).expect("damaged");

    let more = CHAIN.replace("epochs: 1)", "epochs: 2)");
    bench.write("study.mtl", &program(&format!("{SCRATCH} {more}")));
    let run = bench.run(&[]);
    run.done();
    assert!(
        run.events.iter().any(|event| event["event"] == "damaged"),
        "the damage is said"
    );
    assert_eq!(run.digests("pictures").len(), 1);
    assert!(
        run.ran().iter().any(|stage| stage.starts_with("prepare")),
        "{:?}",
        run.ran()
    );
}

#[test]
fn two_runs_at_once_compute_each_stage_once() {
    let bench = Workbench::new(&program(&format!("{SCRATCH} {CHAIN}")));
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| bench.run(&[]));
        (bench.run(&[]), other.join().expect("no panic"))
    });
    let (a, b) = (one.done(), two.done());
    assert_eq!(a.0 + b.0, 17, "every stage ran in one of them");
    assert_eq!(one.digests("model"), two.digests("model"));
}

/// Two outputs of one cohort, each with a comparison: they are one family, run together or apart.
#[test]
fn comparisons_of_two_outputs_are_one_family() {
    let text = program(&format!("{SCRATCH} {CHAIN}"));
    let bench = Workbench::new(&format!(
        r#"{text}
let rates = for lr in [1e-3, 1e-2] {{ tiny() |> finetune(task, epochs: 1, lr: lr) |> evaluate(task) }}
out rate = rates |> report(compare: "lr", baseline: 1e-3)
"#
    ));
    let comparison = |output: &str| {
        let text = fs::read_to_string(bench.path(&format!("out/{output}/results.json"))).expect("readable");
        let results: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(results["comparisons"][0]["family"], 2, "{output}");
        let number = |name: &str| results["comparisons"][0][name].as_f64().expect("a number");
        let run = results["other_studies"][0]["run"].as_bool().expect("known");
        (number("p"), number("p_adjusted"), run)
    };
    let first = bench.run(&["rate"]);
    first.done();
    assert!(
        first.ran().iter().all(|stage| !stage.contains("scores[")),
        "{:?}",
        first.ran()
    );
    let (p, bound, run) = comparison("rate");
    assert_eq!(
        (bound, run),
        ((2.0 * p).min(1.0), false),
        "the other counts as showing nothing"
    );
    assert!(!bench.path("out/study").exists());

    let both = bench.run(&[]);
    both.done();
    let ran = both.ran();
    assert!(
        ["compare study", "compare rate"]
            .iter()
            .all(|name| ran.contains(&(*name).to_owned())),
        "{ran:?}"
    );
    assert!(
        ran.iter().all(|stage| !stage.contains("rates[")),
        "trainings are reused: {ran:?}"
    );
    let (rate, study) = (comparison("rate"), comparison("study"));
    assert!(rate.2 && study.2 && rate.0 == p && rate.1 <= bound);
    let (low, high) = if rate.0 < study.0 { (rate, study) } else { (study, rate) };
    let expected = (2.0 * low.0).min(1.0);
    assert_eq!((low.1, high.1), (expected, expected.max(high.0)), "Holm 1979 over two");
}

/// Probabilities of the first class, by sample.
fn probabilities(bench: &Workbench, cell: &str) -> Vec<(String, f64)> {
    let text = fs::read_to_string(bench.path(&format!("out/study/predictions/{cell}.csv"))).expect("written");
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), row[5].parse().expect("a number")))
        .collect()
}

#[test]
fn changes_under_test_share_the_training_and_give_mean_probabilities() {
    let text = format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let task = pictures |> split(kfold(2), seed: 1) |> classify("label", {{ pneumonia: [1], normal: [0] }})
let judges = {{
  plain:    |> evaluate(task),
  mirrored: |> evaluate(task, tta: [flip(horizontal: 100%)]),
  both:     |> evaluate(task, tta: [identity, flip(horizontal: 100%)]),
}}
let scores = for judge in judges {{ tiny() |> finetune(task, epochs: 1) |> judge }}
out study = scores |> report(compare: "judge", baseline: "plain")
"#,
        data = chest().display()
    );
    let bench = Workbench::new(&text);
    assert_eq!(bench.run(&[]).done().0, 1 + 2 + 3 * 2 + 1, "each fold is trained once");
    let [plain, mirrored, both] = ["plain", "mirrored", "both"].map(|cell| probabilities(&bench, cell));
    assert!(plain.len() > 100 && plain.len() == both.len());
    assert_ne!(plain, mirrored, "a mirrored picture is another one");
    for ((plain, mirrored), both) in plain.iter().zip(&mirrored).zip(&both) {
        assert_eq!(plain.0, both.0);
        assert!(
            ((plain.1 + mirrored.1) / 2.0 - both.1).abs() < 1e-6,
            "{plain:?} {mirrored:?} {both:?}"
        );
    }
    let report = fs::read_to_string(bench.path("out/study/results.json")).expect("written");
    assert!(report.contains("flip(horizontal: 1.0)"), "the choice is told");
}
