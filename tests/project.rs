//! `mtl.toml` as a user meets it: what it sets, what goes before it, and what is told of its mistakes.

mod common;

use common::Workbench;
use serde_json::Value;

/// A program whose plan has one stage and needs no data.
const CARD: &str = "import std.models { resnet18 }\nout card = resnet18(classes: 2) |> describe\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

#[test]
fn the_store_lies_where_the_option_the_environment_or_the_file_says() {
    let bench = Workbench::new(CARD);
    bench.write("mtl.toml", "[store]\npath = \"results\"\n");
    bench.run(&[]).done();
    assert!(bench.path("results/VERSION").is_file() && !bench.path(".mtl").exists());
    let other = bench.path("other").display().to_string();
    let run = bench.command(&["run", "study.mtl"]).env("MTL_STORE", &other).output();
    assert!(run.expect("mtl starts").status.success());
    assert!(
        bench.path("other/VERSION").is_file(),
        "the environment goes before the file"
    );
    bench.run(&["--store", "third"]).done();
    assert!(bench.path("third/VERSION").is_file(), "the option goes before both");
    let size: Value = serde_json::from_slice(&bench.mtl(&["cache", "size", "--format", "json"]).stdout).expect("JSON");
    let store = size["store"].as_str().expect("a path");
    assert!(store.ends_with("results"), "every command finds it: {store}");
}

#[test]
fn a_file_above_counts_and_its_paths_begin_there() {
    let bench = Workbench::new("");
    bench.write("mtl.toml", "[store]\npath = \"shared\"\n");
    bench.write("deep/er/study.mtl", CARD);
    assert!(bench.mtl(&["run", "deep/er/study.mtl"]).status.success());
    assert!(bench.path("shared/VERSION").is_file());
}

#[test]
fn mistakes_are_shown_at_their_place_by_every_command_that_reads_a_program() {
    let bench = Workbench::new(CARD);
    bench.write("mtl.toml", "[run]\n# so many\nthread = 4\n");
    for arguments in [["check", "study.mtl"], ["plan", "study.mtl"], ["run", "study.mtl"]] {
        let output = bench.mtl(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        for part in [
            "mtl::project::unknown_setting",
            "mtl.toml:3:1",
            "did you mean `threads`?",
        ] {
            assert!(said.contains(part), "{arguments:?} lacks {part}: {said}");
        }
    }
    let output = bench.mtl(&["check", "study.mtl", "--format", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["diagnostics"][0]["file"], "mtl.toml");
    assert_eq!(json["diagnostics"][0]["span"]["start"]["line"], 3);
    assert_eq!(bench.mtl(&["cache", "size"]).status.code(), Some(2));
}
