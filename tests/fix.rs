//! `mtl check --fix`: fixes are made in the user's files, and nothing else is.

mod common;

use common::Workbench;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

fn fix(bench: &Workbench) -> Output {
    bench.mtl(&["check", "study.mtl", "--fix"])
}

fn study(bench: &Workbench) -> String {
    fs::read_to_string(bench.path("study.mtl")).expect("the program is there")
}

/// Fixes a program; what stands in it then, what was printed, and the exit code.
fn fixed(program: &str) -> (String, String, Option<i32>) {
    let bench = Workbench::new(program);
    let output = fix(&bench);
    let said = text(&output.stdout) + &text(&output.stderr);
    (study(&bench), said, output.status.code())
}

const DATA: &str = r#"
let films = table("films.csv") |> resize(64) |> rgb
let task = films |> split(kfold(5), by: "patient") |> classify("label", positive: "M")
"#;

#[test]
fn fixes_are_made_round_by_round_and_told() {
    let program = format!(
        "import std.models {{ resnet19 }}\n{DATA}let model = resnet18 |> finetune(task, epoch = 3, lrr: 1e-3)\nlet way = sgd (0.9)\n"
    );
    let (after, said, code) = fixed(&program);
    let expected = format!(
        "import std.models {{ resnet18 }}\n{DATA}let model = resnet18() |> finetune(task, epochs: 3, lr: 1e-3)\nlet way = sgd(0.9)\n"
    );
    assert_eq!(after, expected, "{said}");
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "study.mtl:1: `resnet19` -> `resnet18`",
        "study.mtl:5: inserted `()`",
        "study.mtl:5: `epoch` -> `epochs`",
        "study.mtl:5: ` =` -> `:`",
        "study.mtl:5: `lrr` -> `lr`",
        "study.mtl:6: removed a blank",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn imports_that_are_missing_together_are_all_made() {
    let program = format!(
        "//! A study.\n{DATA}let nets = {{ alexnet, resnet18, resnet34 }}\nlet more = [alexnet]\nlet way = warm_restarts\n"
    );
    let (after, said, code) = fixed(&program);
    assert_eq!(code, Some(2), "`warm_restarts` is nowhere: {said}");
    assert!(
        after.contains("import std.models { alexnet, resnet18, resnet34 }\n"),
        "{after}"
    );
    assert!(after.starts_with("//! A study.\n"), "{after}");
    assert!(said.contains("`warm_restarts` is not defined"), "{said}");
    assert!(said.contains(":3: inserted `import std.models { alexnet }`"), "{said}");
    assert!(!said.contains("left as it is"), "{said}");
}

#[test]
fn what_is_right_is_left_alone() {
    let program = "let a = 1\n";
    let bench = Workbench::new(program);
    let before = fs::metadata(bench.path("study.mtl"))
        .expect("there")
        .modified()
        .expect("known");
    let output = fix(&bench);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "study.mtl: 0 stages\n");
    let after = fs::metadata(bench.path("study.mtl"))
        .expect("there")
        .modified()
        .expect("known");
    assert_eq!((study(&bench).as_str(), after), (program, before), "not written");
}

/// `|>` is put before the label, which then names its own step; behind it the label would name all that follows.
#[test]
fn a_chain_that_begins_with_a_label_gets_its_head_before_it() {
    let net = |chain: &str| {
        format!(
            "net own(classes: int = 2) {{\n  x |> layer0: ({chain}) |> global_avgpool |> fc: linear(classes)\n}}\n\nout card = own() |> describe\n"
        )
    };
    let (after, said, code) = fixed(&net("conv1: conv(8, 3) |> bn1: batchnorm |> relu"));
    assert_eq!(after, net("|> conv1: conv(8, 3) |> bn1: batchnorm |> relu"), "{said}");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_fix_with_a_name_to_be_filled_in_is_not_kept() {
    let program =
        "let films = table(\"films.csv\") |> resize\nlet wrong: text = missing\nlet a = films |> resizes(3)\n";
    let (after, said, code) = fixed(program);
    assert_eq!(after, program.replace("resizes", "resize"), "{said}");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("note: study.mtl:1: left as it is, for the fix would bring other errors: `resize` needs `size`"),
        "{said}"
    );
}

#[test]
fn a_round_that_makes_it_worse_is_undone_and_the_other_fixes_are_made() {
    // Under its right name the argument's rates are seen to be texts: four errors where all fixes would leave none of three.
    let program = format!(
        "import std.models {{ resnet18 }}\n{DATA}let a = resnet18() |> finetune(task, lrr: {{ head: \"a\", layer1: \"b\", layer2: \"c\", rest: \"d\" }})\nlet one = {{ epochs: 3 }}\nlet b = one.epoch\nlet c = [1] + [2]\n"
    );
    let (after, said, code) = fixed(&program);
    assert_eq!(
        after,
        program.replace("one.epoch\n", "one.epochs\n").replace(" + ", " ++ "),
        "{said}"
    );
    assert_eq!(code, Some(2), "{said}");
    let note =
        "note: study.mtl:5: left as it is, for the fix would bring other errors: `finetune` takes no argument `lrr`";
    assert!(said.contains(note), "{said}");
}

#[test]
fn an_imported_file_is_fixed_and_the_standard_library_never() {
    let bench = Workbench::new("import \"lab/films.mtl\" { rates }\nlet all = rates ++ [1e-5]\n");
    bench.write("lab/films.mtl", "let rates = [1e-3] + [1e-4]\n");
    let output = fix(&bench);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let library = fs::read_to_string(bench.path("lab/films.mtl")).expect("there");
    assert_eq!(library, "let rates = [1e-3] ++ [1e-4]\n");
    assert!(
        text(&output.stdout).starts_with("lab/films.mtl:1: `+` -> `++`\n"),
        "{}",
        text(&output.stdout)
    );
    let names: Vec<_> = fs::read_dir(bench.path("lab"))
        .expect("there")
        .map(|e| e.expect("there").file_name())
        .collect();
    assert_eq!(names, ["films.mtl"], "no temporary file is left");
}

#[test]
fn fixes_of_what_only_planning_sees_are_made_too() {
    let bench = Workbench::new(
        "import std.models { resnet18 }\nlet films = table(\"films.csv\") |> split(holdout(test: 50%), by: \"patent\")\nlet task = films |> classify(\"label\", positive: \"M\")\nout study = resnet18() |> finetune(task) |> evaluate(task) |> report\n",
    );
    bench.write("films.csv", "image,patient,label\na.png,1,M\n");
    let said = text(&fix(&bench).stderr);
    assert!(study(&bench).contains("by: \"patient\""), "{}\n{said}", study(&bench));
}

#[test]
fn line_ends_and_marks_of_the_file_are_kept() {
    let (after, said, _) = fixed("\u{feff}let a = [1] + [2]\r\nlet b = round (1.5)\r\n");
    assert_eq!(after, "\u{feff}let a = [1] ++ [2]\r\nlet b = round(1.5)\r\n", "{said}");
}

#[test]
fn two_items_on_one_line_are_parted() {
    let (after, said, code) = fixed("fn f() -> int {\n  let a = 1 let b = 2\n  a + b\n}\nlet c = 1 let d = 2\n");
    assert_eq!(
        after, "fn f() -> int {\n  let a = 1\n  let b = 2\n  a + b\n}\nlet c = 1\nlet d = 2\n",
        "{said}"
    );
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn changes_are_told_to_programs_beside_what_is_left() {
    let bench = Workbench::new("let a = [1] + [2]\nlet b = missing\n");
    let output = bench.mtl(&["check", "study.mtl", "--fix", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(found["schema"], "mtl.diagnostics/1");
    assert_eq!(found["diagnostics"].as_array().map(Vec::len), Some(1));
    let expected = serde_json::json!([{"file": "study.mtl", "line": 1, "old": "+", "new": "++"}]);
    assert_eq!(found["changes"], expected);
    let plain = bench.mtl(&["check", "study.mtl", "--format", "json"]);
    let plain: Value = serde_json::from_slice(&plain.stdout).expect("one JSON object");
    assert!(plain.get("changes").is_none(), "without --fix the object is as it was");
}

#[cfg(unix)]
#[test]
fn permissions_stay_and_a_file_that_may_not_be_written_is_left_whole() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Workbench::new("import \"library.mtl\" { rates }\nlet a = rates + [2.0]\n");
    bench.write("library.mtl", "let rates = [1.0] + [2.0]\n");
    let mode = |name: &str| fs::metadata(bench.path(name)).expect("there").permissions().mode() & 0o777;
    let set = |name: &str, mode| {
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).expect("the mode can be set");
    };
    set("study.mtl", 0o640);
    set("library.mtl", 0o444);
    let output = fix(&bench);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("library.mtl cannot be changed: it is read-only"),
        "{said}"
    );
    assert!(
        study(&bench).contains("rates + [2.0]"),
        "no file is changed when one cannot be"
    );
    set("library.mtl", 0o600);
    let output = fix(&bench);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!((mode("study.mtl"), mode("library.mtl")), (0o640, 0o600));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let bench = Workbench::new("");
    bench.write("lab/real.mtl", "let a = [1] + [2]\n");
    let link: PathBuf = bench.path("study.mtl");
    fs::remove_file(&link).expect("there");
    std::os::unix::fs::symlink(Path::new("lab/real.mtl"), &link).expect("a link can be made");
    assert_eq!(fix(&bench).status.code(), Some(0));
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(
        fs::read_to_string(bench.path("lab/real.mtl")).expect("there"),
        "let a = [1] ++ [2]\n"
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

/// Every golden case of the checker: fixing leaves fewer errors wherever something was changed, or brings to light what
/// an earlier pass hid; and a second time there is nothing more to fix.
#[test]
fn every_golden_case_gets_better_and_then_stays() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check");
    let mut changed = 0;
    for case in fs::read_dir(cases).expect("the cases are there") {
        let case = case.expect("readable").path();
        let bench = Workbench::new("");
        copy(&case, bench.folder());
        let check = |arguments: &[&str]| -> Value {
            let all = [&["check", "main.mtl", "--format", "json"], arguments].concat();
            serde_json::from_slice(&bench.mtl(&all).stdout).expect("one JSON object")
        };
        let codes = |found: &Value| -> Vec<String> {
            let all = found["diagnostics"].as_array().cloned().unwrap_or_default();
            all.iter()
                .map(|d| d["code"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let (before, first) = (check(&[]), check(&["--fix"]));
        let (had, has) = (codes(&before), codes(&first));
        let changes = first["changes"].as_array().map_or(0, Vec::len);
        changed += usize::from(changes > 0);
        let early = |codes: &[String]| codes.iter().filter(|c| !c.starts_with("mtl::types")).count();
        assert!(
            has.len() <= had.len() || early(&has) < early(&had),
            "{}: {had:?}\n{has:?}",
            case.display()
        );
        let second = check(&["--fix"]);
        assert_eq!(second["changes"], serde_json::json!([]), "{}: {second}", case.display());
        assert_eq!(second["diagnostics"], first["diagnostics"], "{}", case.display());
    }
    assert!(changed > 15, "{changed} cases have fixes");
}
