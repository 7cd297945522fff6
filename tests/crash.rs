//! Kills at any moment, with collections and company: nothing blocks, no result is wrong or half, and in the end all is as if
//! nothing had been. `MTL_KILLS` says how often; 200 takes some minutes.

mod common;

use common::{Run, TINY, Workbench, chest};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

fn program() -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let task = pictures |> split(kfold(2), seed: 1) |> classify("label", {{ pneumonia: [1], normal: [0] }})
let scores = for rate in [1e-3, 1e-2] {{ tiny() |> finetune(task, epochs: 3, lr: rate) |> evaluate(task) }}
out study = scores |> report
"#,
        data = chest().display()
    )
}

/// What every stage gave; the report tells of looks, which kills may repeat.
fn results(run: &Run) -> BTreeMap<String, Value> {
    let known = run
        .events
        .iter()
        .filter(|event| event["outputs"].is_object() && event["kind"] != "report");
    known
        .map(|event| {
            let stage = event["stage"].as_str().expect("a name").to_owned();
            (stage, event["outputs"].clone())
        })
        .collect()
}

fn start(bench: &Workbench, arguments: &[&str]) -> Child {
    bench
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mtl starts")
}

#[test]
fn kills_collections_and_company_change_no_result() {
    let kills = std::env::var("MTL_KILLS").map_or(8, |kills| kills.parse().expect("a number"));
    let calm = Workbench::new(&program());
    #[allow(clippy::disallowed_methods, reason = "says how long to wait before a kill")]
    let begin = Instant::now();
    let undisturbed = calm.run(&["--jobs", "2"]);
    undisturbed.done();
    let length = begin.elapsed();
    let wanted = results(&undisturbed);
    assert_eq!(wanted.len(), 9, "pictures, four models, four scores");

    let bench = Workbench::new(&program());
    let mut state: u32 = 1;
    for kill in 0..kills {
        let run = ["run", "study.mtl", "--jobs", "2", "--save-every", "0"];
        let mut children = vec![start(&bench, &run), start(&bench, &run)];
        if kill % 2 == 1 {
            children.push(start(&bench, &["cache", "gc", "--to", "0", "--runs", "0"]));
        }
        // A linear congruential generator (Numerical Recipes): each moment of a run is as likely.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        thread::sleep(length.mul_f64(f64::from(state >> 8) / f64::from(1 << 24)) + Duration::from_millis(20));
        for child in &mut children {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
        let verified = bench.mtl(&["cache", "verify"]);
        let told = String::from_utf8_lossy(&verified.stdout).into_owned() + &String::from_utf8_lossy(&verified.stderr);
        // The first kill may come before there is a store.
        assert!(
            verified.status.success() || told.contains("there is no store"),
            "after kill {kill}: {told}"
        );
    }
    let last = bench.run(&["--jobs", "2"]);
    last.done();
    assert_eq!(results(&last), wanted);
    assert_eq!(bench.run(&[]).done().0, 0);
}
