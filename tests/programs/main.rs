//! Whole programs, of the kind that studies need: each checks and plans over data made by rule.
//!
//! The programs lie beside this file: `study.mtl` (the design of Clancy et al. 2020 on a user's own cohorts) with
//! `lab/`, networks in `models/` and `networks/`, and others in `more/`. The folder in which they run has the same shape, and
//! the data, weights and pictures that they name.

#[path = "../common/mod.rs"]
mod common;
mod data;

use common::Workbench;
use serde_json::Value;
use std::{fs, path::Path};

/// Every program, relative to this folder, with the codes of the errors that it has on purpose.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("quickstart.mtl", &[]),
    ("study.mtl", &[]),
    ("lab/films.mtl", &[]),
    ("models/alexnet.mtl", &[]),
    ("models/densenet.mtl", &[]),
    ("models/googlenet.mtl", &[]),
    ("more/01_lr_sweep.mtl", &[]),
    // Its entry `thaw` still needs an argument, where every other entry is a step.
    ("more/02_gradual.mtl", &["mtl::types::missing_argument"]),
    ("more/03_discriminative.mtl", &[]),
    ("more/04_unet_encoder.mtl", &[]),
    ("more/06_mobilenet_v2.mtl", &[]),
    ("more/07_efficientnet.mtl", &[]),
    ("more/10_own_cohort_ssl.mtl", &[]),
    // Half of AlexNet's seven stages is no whole number; the division is in the library that it imports.
    ("more/11_join_grids.mtl", &["mtl::plan::arithmetic"]),
    ("more/12_library.mtl", &[]),
    ("more/14_resolution.mtl", &[]),
    ("networks/darknet.mtl", &[]),
    ("networks/efficientnet_v2.mtl", &[]),
    ("networks/ghostnet.mtl", &[]),
    ("networks/mnasnet.mtl", &[]),
    ("networks/regnet.mtl", &[]),
    ("networks/repvgg.mtl", &[]),
    ("networks/seresnet.mtl", &[]),
    ("networks/shufflenet.mtl", &[]),
    ("networks/siamese.mtl", &[]),
    ("networks/unet.mtl", &[]),
    ("networks/vovnet.mtl", &[]),
    ("networks/xception.mtl", &[]),
];

fn here() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

fn text(program: &str) -> String {
    fs::read_to_string(here().join(program)).expect("the program can be read")
}

/// A folder with all programs and the data that they name.
fn bench() -> Workbench {
    let bench = Workbench::new("");
    for (program, _) in PROGRAMS {
        bench.write(program, &text(program));
    }
    data::write(bench.folder());
    bench
}

/// Diagnostics of a program, by code.
fn diagnostics(bench: &Workbench, program: &str, severity: &str) -> Vec<(String, String)> {
    let output = bench.mtl(&["check", program, "--format", "json"]);
    let listing: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let found = listing["diagnostics"].as_array().expect("a list").iter();
    found
        .filter(|d| d["severity"] == severity)
        .map(|d| {
            let of = |key: &str| d[key].as_str().unwrap_or_default().to_owned();
            let place = format!("{}:{}", d["file"], d["start"]["line"]);
            (of("code"), format!("{place} {} ({})", of("message"), of("help")))
        })
        .collect()
}

#[test]
fn every_program_checks() {
    let bench = bench();
    let mut wrong = Vec::new();
    for (program, expected) in PROGRAMS {
        let found = diagnostics(&bench, program, "error");
        let codes: Vec<_> = found.iter().map(|(code, _)| code.as_str()).collect();
        if codes != *expected {
            let lines: Vec<_> = found.iter().map(|(code, words)| format!("  {code} {words}")).collect();
            wrong.push(format!("{program}:\n{}", lines.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_entry_that_is_no_step_is_mended_as_its_message_says() {
    let bench = bench();
    bench.write(
        "more/02_gradual.mtl",
        &text("more/02_gradual.mtl").replace("\n  thaw,", "\n  thaw: thaw(task),"),
    );
    assert_eq!(diagnostics(&bench, "more/02_gradual.mtl", "error"), []);
}

/// The library with the mend that its message proposes.
fn mend_library(bench: &Workbench) {
    let library = text("more/12_library.mtl");
    let mended = library.replace("count_stages(model) / 2", "div(count_stages(model), 2)");
    assert_ne!(library, mended);
    bench.write("more/12_library.mtl", &mended);
}

#[test]
fn the_division_is_mended_as_its_message_says() {
    let bench = bench();
    mend_library(&bench);
    assert_eq!(diagnostics(&bench, "more/11_join_grids.mtl", "error"), []);
}

#[test]
fn parameters_choose_other_ways_through_a_program() {
    let bench = bench();
    mend_library(&bench);
    let cases: &[&[&str]] = &[
        &["plan", "more/11_join_grids.mtl", "--set", "which=full"],
        &["plan", "more/14_resolution.mtl", "--set", "mode=direct"],
        &["plan", "more/14_resolution.mtl", "--set", "mode=probe"],
        &[
            "plan",
            "more/14_resolution.mtl",
            "--set",
            "warm_from=weights/resnet34.safetensors",
        ],
    ];
    for arguments in cases {
        let output = bench.mtl(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{said}");
    }
}
