//! The pages of the codes: the wrong program of each gives this code and no other, the mended one nothing at all.

use crate::{
    cases::shown,
    fixture::{Outcome, folder, picture, run, shared},
};
use mtl::{
    analysis::Main,
    diag::{
        Code, Severity, codes,
        pages::{Example, MAIN, Side, page},
    },
};
use std::{fs, path::Path};

/// Codes that no program shows, and why.
const WITHOUT_PROGRAM: &[(&str, &str)] = &[
    ("mtl::names::unknown_param", "it is about a setting of the command line"),
    ("mtl::project::unreadable_settings", "it is about `mtl.toml`"),
    ("mtl::project::unknown_setting", "it is about `mtl.toml`"),
    ("mtl::project::bad_setting", "it is about `mtl.toml`"),
    (
        "mtl::syntax::unreadable",
        "it would be a mistake of the parser; none is known",
    ),
];

/// Codes of the planner that the checker reports under another code before; their programs are planned unchecked.
const UNCHECKED: &[&str] = &[
    "mtl::plan::circular",
    "mtl::plan::classified_twice",
    "mtl::plan::output",
    "mtl::plan::split_twice",
];

/// Runs one side of a page in a folder with the small data, and with pictures for every table of the page.
fn outcome(code: &Code, examples: &[Example<'_>], side: Side) -> Option<(Outcome, tempfile::TempDir)> {
    let files: Vec<_> = examples
        .iter()
        .filter(|e| e.side == side || e.side == Side::Both)
        .collect();
    let main = files.iter().find(|example| example.file == MAIN)?;
    let checked = side == Side::Mended || !UNCHECKED.contains(&code.id);
    if files.len() == 1 {
        let main = Main::Text {
            name: MAIN,
            folder: shared(),
            text: main.text,
        };
        return Some((
            run(main, checked),
            tempfile::tempdir().expect("a temporary folder can be made"),
        ));
    }
    let folder = folder();
    for example in &files {
        let path = folder.path().join(example.file);
        let beside = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(beside).expect("the folder can be made");
        fs::write(&path, example.text).expect("the file can be written");
        if path.extension().is_some_and(|e| e == "csv") {
            let pictures = example.text.split([',', '\n']).filter(|field| field.ends_with(".png"));
            pictures.for_each(|name| picture(&beside.join(name), 32, 32, name.as_bytes()[0]));
        }
    }
    Some((run(Main::File(&folder.path().join(MAIN)), checked), folder))
}

#[test]
fn every_page_shows_the_mistake_and_its_mend() {
    let mut wrong = Vec::new();
    for code in codes::all() {
        let page = page(code);
        let none = WITHOUT_PROGRAM.iter().any(|(id, _)| *id == code.id);
        if page.paragraphs.is_empty() || page.examples.is_empty() != none {
            wrong.push(format!("{}: the page lacks its text or its programs", code.id));
        }
        if none {
            continue;
        }
        let (Some((with, a)), Some((without, b))) = (
            outcome(code, &page.examples, Side::Wrong),
            outcome(code, &page.examples, Side::Mended),
        ) else {
            wrong.push(format!("{}: a program is missing", code.id));
            continue;
        };
        // One split of the patients keeps the programs short; the note on it has its own page.
        let aside = |d: &mtl::diag::Diagnostic| d.severity == Severity::Note && d.code != code;
        let found: Vec<_> = with.diagnostics.sorted().into_iter().filter(|d| !aside(d)).collect();
        // What else is found, the page names.
        let told = |id: &str| page.paragraphs.iter().any(|text| text.contains(id));
        let first = found.first().is_some_and(|d| d.code == code);
        if !first || found.iter().any(|d| d.code != code && !told(d.code.id)) {
            wrong.push(format!("{}, wrong:\n{}", code.id, shown(&with, a.path())));
        }
        if !without.diagnostics.iter().all(aside) {
            wrong.push(format!("{}, mended:\n{}", code.id, shown(&without, b.path())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file of which no code knows is left over from one that was renamed.
#[test]
fn every_page_belongs_to_a_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/pages");
    for area in fs::read_dir(&root).expect("the pages are there") {
        let area = area.expect("readable").path();
        for file in fs::read_dir(&area).expect("an area is a folder") {
            let file = file.expect("readable").path();
            let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let id = format!("mtl::{}::{}", name(&area), name(&file));
            assert!(codes::all().any(|code| code.id == id), "no code {id}");
        }
    }
}
