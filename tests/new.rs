//! `mtl new`: every template is a project that is formatted, checks without a word and runs.

mod common;

use common::Workbench;
use std::fs;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[test]
fn every_template_checks_and_runs() {
    for (template, epochs, reports) in [
        ("quickstart", "1", &["study"][..]),
        ("study", "1", &["strategies_report", "networks_report"]),
        ("network", "1", &["study"]),
    ] {
        let bench = Workbench::new("");
        let made = bench.mtl(&["new", "mine", "--template", template]);
        assert!(made.status.success(), "{}", said(&made));
        let files = fs::read_dir(bench.path("mine")).expect("the folder is there");
        let programs = files.map(|file| file.expect("readable").path());
        for program in programs.filter(|path| path.extension().is_some_and(|e| e == "mtl")) {
            let program = program.to_str().expect("UTF-8");
            assert!(bench.mtl(&["fmt", "--check", program]).status.success(), "{program}");
        }
        let checked = bench.mtl(&["check", "mine/study.mtl"]);
        assert!(
            checked.status.success() && !said(&checked).contains("warning"),
            "{}",
            said(&checked)
        );
        let run = bench.mtl(&["run", "mine/study.mtl", "--set", &format!("epochs={epochs}")]);
        assert!(run.status.success(), "{template}: {}", said(&run));
        for report in reports {
            assert!(
                bench.path(&format!("mine/out/{report}/report.html")).is_file(),
                "{template}: {report}"
            );
        }
    }
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let bench = Workbench::new("");
    bench.write("mine/notes.txt", "mine");
    let refused = bench.mtl(&["new", "mine"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        said(&refused).contains("not empty") && said(&refused).contains("help:"),
        "{}",
        said(&refused)
    );
    assert_eq!(fs::read_dir(bench.path("mine")).expect("there").count(), 1);
    let mistyped = bench.mtl(&["new", "other", "--template", "quikstart"]);
    assert_eq!(mistyped.status.code(), Some(2));
    assert!(said(&mistyped).contains("quickstart"));
}

/// The path of a new user: mistakes made in a template, mended with nothing but what the messages say.
#[test]
fn five_mistakes_are_mended_by_the_messages_alone() {
    let bench = Workbench::new("");
    assert!(bench.mtl(&["new", "mine", "--template", "study"]).status.success());
    let program = bench.path("mine/study.mtl");
    let mut text = fs::read_to_string(&program).expect("the template is there");
    let right = text.clone();
    for (one, other) in [
        ("let networks = { lenet,", "let networks = { lenett,"),
        ("by: \"patient\"", "by: \"pacient\""),
        ("spiculated: [\"spiculated\"]", "spiculated: [\"spicular\"]"),
        ("|> pretrain(density, epochs: 2)", "|> pretrain(density, epoch: 2)"),
        ("freeze: stages(1)", "freeze: \"conv9.*\""),
    ] {
        assert!(text.contains(one), "{one}");
        text = text.replacen(one, other, 1);
    }
    fs::write(&program, text).expect("written");
    let left = bench.mtl(&["check", "--fix", "mine/study.mtl"]);
    assert_eq!(left.status.code(), Some(2));
    let left = said(&left);
    // Four have one mend; what was meant to be frozen only the user knows, who is told what there is.
    assert_eq!(left.matches("×").count(), 1, "{left}");
    assert!(
        left.contains("no_such_parameter") && left.contains("`conv1`, `conv2`"),
        "{left}"
    );
    let text = fs::read_to_string(&program).expect("readable");
    fs::write(&program, text.replace("conv9.*", "conv1.*")).expect("written");
    let checked = bench.mtl(&["check", "mine/study.mtl"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let mended = fs::read_to_string(&program).expect("readable");
    assert_eq!(mended.replace("freeze: \"conv1.*\"", "freeze: stages(1)"), right);
}
