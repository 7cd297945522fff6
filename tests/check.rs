//! The checker on whole programs: golden cases, the standard library, and robustness.
//!
//! A case is a folder of `tests/golden/check` with `main.mtl`, the files it imports, and `diagnostics.txt`: one line for
//! each diagnostic, empty for a right program. `BLESS=1 cargo test --test check` writes them anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mtl::{
    analysis::{Main, Program, check, load},
    builtins,
    diag::{Diagnostic, Diagnostics, Severity},
    source::SourceMap,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(root())
        .expect("the cases' folder can be read")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

fn check_text(folder: &Path, text: &str) -> (Program, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let program = load(
        Main::Text {
            name: "main.mtl",
            folder,
            text,
        },
        &mut diagnostics,
    );
    check(&program, &mut diagnostics);
    (program, diagnostics)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `code line:column-line:column message / help [fix]`, with the file's name when it is not the main one.
fn line(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.code.id.to_owned();
    if diagnostic.severity != Severity::Error {
        text = format!("{:?} {text}", diagnostic.severity);
    }
    if let Some(span) = diagnostic.span() {
        let file = sources.file(span.file);
        let (start, end) = (file.position(span.start as usize), file.position(span.end as usize));
        if file.name() != "main.mtl" {
            let name = Path::new(file.name())
                .file_name()
                .map_or(file.name().into(), |name| name.to_string_lossy());
            text += &format!(" {name}");
        }
        text += &format!(" {}:{}-{}:{}", start.line, start.column, end.line, end.column);
    }
    text += &format!(" {}", diagnostic.message);
    if let Some(help) = &diagnostic.help {
        text += &format!(" / {help}");
    }
    if let Some(fix) = &diagnostic.fix {
        text += &format!(" [{:?} -> {:?}]", sources.text(fix.span), fix.text);
    }
    text.replace(&format!("{}/", root().display()), "")
}

fn rendered(program: &Program, diagnostics: &Diagnostics) -> String {
    diagnostics
        .sorted()
        .into_iter()
        .map(|d| line(&program.sources, d) + "\n")
        .collect()
}

#[test]
fn cases_give_their_diagnostics() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let (program, diagnostics) = check_text(&case, &read(&case.join("main.mtl")));
        let found = rendered(&program, &diagnostics);
        let golden = case.join("diagnostics.txt");
        if bless {
            fs::write(&golden, &found).expect("the golden file can be written");
        } else if found != fs::read_to_string(&golden).unwrap_or_default() {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_standard_library_is_right() {
    for name in builtins::std_modules().filter(|name| *name != builtins::PRELUDE) {
        let (_, text) = builtins::std_source(name).expect("the module is embedded");
        let (program, diagnostics) = check_text(Path::new(""), text);
        assert!(diagnostics.is_empty(), "{name}:\n{}", rendered(&program, &diagnostics));
    }
}
