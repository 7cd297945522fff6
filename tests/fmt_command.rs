//! `mtl fmt` as its users meet it.

mod common;

use common::Workbench;
use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

const UNTIDY: &str = "let a=1\nlet b = [ 1,2 ]\n";
const TIDY: &str = "let a = 1\nlet b = [1, 2]\n";

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

fn read(bench: &Workbench, name: &str) -> String {
    fs::read_to_string(bench.path(name)).expect("a file")
}

#[test]
fn files_are_formatted_in_place_and_nothing_else_is_left() {
    let bench = Workbench::new(UNTIDY);
    bench.write("tidy.mtl", TIDY);
    let before = fs::metadata(bench.path("tidy.mtl"))
        .expect("a file")
        .modified()
        .expect("a time");
    let output = bench.mtl(&["fmt", "study.mtl", "tidy.mtl"]);
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(read(&bench, "study.mtl"), TIDY);
    let after = fs::metadata(bench.path("tidy.mtl"))
        .expect("a file")
        .modified()
        .expect("a time");
    assert_eq!(before, after, "a formatted file is not written");
    let names: Vec<_> = fs::read_dir(bench.folder()).expect("a folder").collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn check_writes_nothing_and_shows_the_difference() {
    let bench = Workbench::new(UNTIDY);
    let output = bench.mtl(&["fmt", "--check", "study.mtl"]);
    assert_eq!(code(&output), Some(1));
    assert_eq!(text(&output.stderr), "study.mtl: not formatted\n");
    assert_eq!(
        text(&output.stdout),
        "--- study.mtl\n+++ study.mtl (formatted)\n@@ -1,2 +1,2 @@\n-let a=1\n-let b = [ 1,2 ]\n+let a = 1\n+let b = [1, 2]\n"
    );
    assert_eq!(read(&bench, "study.mtl"), UNTIDY);
    bench.write("study.mtl", TIDY);
    let output = bench.mtl(&["fmt", "--check", "study.mtl"]);
    assert_eq!(code(&output), Some(0));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn a_file_with_mistakes_is_shown_and_left_and_the_others_are_formatted() {
    let bench = Workbench::new("let a = (1\n");
    bench.write("other.mtl", UNTIDY);
    let output = bench.mtl(&["fmt", "study.mtl", "absent.mtl", "other.mtl"]);
    assert_eq!(code(&output), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("mtl::syntax::unclosed") && said.contains("let a = (1"),
        "{said}"
    );
    assert!(said.contains("cannot read `absent.mtl`"), "{said}");
    assert_eq!(read(&bench, "study.mtl"), "let a = (1\n");
    assert_eq!(read(&bench, "other.mtl"), TIDY);
    assert_eq!(code(&bench.mtl(&["fmt"])), Some(2), "no file is named");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let bench = Workbench::new("");
    let with_input = |arguments: &[&str], input: &str| {
        let mut child = bench
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mtl starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(input.as_bytes()).expect("mtl reads");
        drop(pipe);
        child.wait_with_output().expect("mtl ends")
    };
    let output = with_input(&["fmt", "-"], UNTIDY);
    assert_eq!((code(&output), text(&output.stdout)), (Some(0), TIDY.to_owned()));
    let output = with_input(&["fmt", "-"], "let a = ]");
    assert_eq!((code(&output), text(&output.stdout)), (Some(2), String::new()));
    let output = with_input(&["fmt", "--check", "-"], UNTIDY);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stdout).contains("+let a = 1\n"));
}

#[cfg(unix)]
#[test]
fn permissions_and_links_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let bench = Workbench::new(UNTIDY);
    fs::set_permissions(bench.path("study.mtl"), fs::Permissions::from_mode(0o640)).expect("a file");
    symlink("study.mtl", bench.path("link.mtl")).expect("a link");
    assert_eq!(code(&bench.mtl(&["fmt", "link.mtl"])), Some(0));
    assert_eq!(read(&bench, "study.mtl"), TIDY);
    let mode = fs::metadata(bench.path("study.mtl"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(
        fs::symlink_metadata(bench.path("link.mtl"))
            .expect("a link")
            .is_symlink()
    );
}
