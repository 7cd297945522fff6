//! `mtl explain`, and the pages of the manual that are made from the program: the index of errors, the reference of the
//! standard library, and their part of the summary.
//!
//! `BLESS=1 cargo test --test explain` writes these pages anew.

mod common;

use common::Workbench;
use mtl::{
    diag::{
        Code, codes,
        pages::{MAIN, page},
    },
    doc::{self, ModuleDoc, markdown},
};
use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

const HEAD: &str = "# Errors and warnings

Every diagnostic carries a code. `mtl explain CODE` prints its page; the end of a code is enough where no other code has
it: `mtl explain mismatch`. The programs are complete. Those that read `data/films` find a manifest there with the columns
`image`, `patient`, `label` (malignant, benign, other), `density` (1 to 4), `age` and `part` (train, val, test).
";

/// The index and the pages. It is made of the registry, so it is never edited.
fn document() -> String {
    let mut text = HEAD.to_owned();
    let mut area = "";
    for code in codes::all() {
        if code.area() != area {
            area = code.area();
            let _ = write!(text, "\n| `{area}` | |\n|---|---|\n");
        }
        let anchor: String = code.id.chars().filter(|c| *c != ':').collect();
        let meaning = code.explanation.replace('|', "\\|");
        let _ = writeln!(text, "| [`{}`](#{anchor}) | {meaning} |", code.name());
    }
    for code in codes::all() {
        let _ = write!(text, "\n## `{}`\n\n{}\n\n{}", code.id, code.explanation, code.page);
    }
    text
}

#[test]
fn the_index_of_errors_is_what_the_registry_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let wanted = document();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).expect("the file can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/errors.md is not up to date: run with BLESS=1");
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// The first line of the library's part of the summary; its pages follow, indented.
const LIBRARY: &str = "- [The standard library](std.md)";

/// The first line of the decisions' part.
const DECISIONS: &str = "- [Decisions](decisions.md)";

/// The summary with the library's and the decisions' part as they should be.
fn summary(old: &str, modules: &[ModuleDoc]) -> String {
    let mut new = String::new();
    let mut inside = false;
    for line in old.lines() {
        inside &= line.starts_with("  ");
        if inside {
            continue;
        }
        let _ = writeln!(new, "{line}");
        inside = matches!(line, LIBRARY | DECISIONS);
        match line {
            LIBRARY => {
                for module in modules {
                    let indent = if module.name.matches('.').count() > 1 {
                        "    "
                    } else {
                        "  "
                    };
                    let _ = writeln!(new, "{indent}- [{}]({})", module.name, markdown::page_of(&module.name));
                }
                let _ = writeln!(new, "  - [Types and words]({})", markdown::TYPES);
            }
            DECISIONS => new += &decisions(),
            _ => {}
        }
    }
    new
}

/// One line for each decision, whose first line is `# 3. Title` or `# 0020: title`.
fn decisions() -> String {
    let mut pages = Vec::new();
    files(&docs().join("decisions"), &mut pages);
    pages.sort();
    let line = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("utf-8");
        let title = text
            .lines()
            .next()
            .expect("a title")
            .trim_start_matches(|c: char| !c.is_alphabetic());
        let (first, rest) = title.split_at(1);
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        format!("  - [{}{rest}](decisions/{name})\n", first.to_uppercase())
    };
    pages.iter().map(line).collect()
}

/// Files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_reference_is_what_the_library_says() {
    let modules = doc::library();
    let bless = std::env::var_os("BLESS").is_some();
    let mut wanted = markdown::pages(&modules);
    let old = fs::read_to_string(docs().join("SUMMARY.md")).expect("the book has a summary");
    for part in [LIBRARY, DECISIONS] {
        assert!(old.lines().any(|line| line == part), "the summary lacks `{part}`");
    }
    wanted.push(("SUMMARY.md".to_owned(), summary(&old, &modules)));
    let mut stale = Vec::new();
    for (name, page) in &wanted {
        let path = docs().join(name);
        if fs::read_to_string(&path).unwrap_or_default() == *page {
            continue;
        }
        if bless {
            fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder can be made");
            fs::write(&path, page).expect("the page can be written");
        } else {
            stale.push(name.clone());
        }
    }
    let mut present = Vec::new();
    files(&docs().join("std"), &mut present);
    for path in present {
        let name = path.strip_prefix(docs()).expect("below").to_string_lossy().into_owned();
        if !wanted.iter().any(|(known, _)| *known == name) {
            stale.push(format!("{name} (no module has this page)"));
        }
    }
    assert!(stale.is_empty(), "run with BLESS=1: {stale:?}");
}

#[test]
fn pages_say_what_a_reader_needs_in_few_words() {
    for Code {
        id,
        page: text,
        explanation,
    } in codes::all()
    {
        let page = page(codes::find(id).expect("a code is found by its name"));
        assert!(explanation.ends_with('.'), "{id}");
        assert!(page.paragraphs.iter().all(|part| part.ends_with(['.', ')'])), "{id}");
        let words: usize = page.paragraphs.iter().map(|part| part.split_whitespace().count()).sum();
        assert!((12..=150).contains(&words), "{id}: {words} words");
        assert_eq!(
            text.matches("```").count(),
            2 * page.examples.len(),
            "{id}: a fence is open"
        );
        let short = page
            .examples
            .iter()
            .all(|e| e.file != MAIN || e.text.lines().count() <= 12);
        assert!(short, "{id}: a program of more than 12 lines");
        assert!(
            text.lines().all(|line| !line.starts_with('#')),
            "{id}: a page has no headings"
        );
    }
}

/// A code that nothing reports is a page about nothing.
#[test]
fn every_code_is_reported_somewhere() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = String::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() && path != source.join("diag") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                all += &fs::read_to_string(&path).expect("utf-8");
            }
        }
    }
    let words: std::collections::BTreeSet<&str> = all.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let unused: Vec<_> = codes::all()
        .map(|code| (code.id, code.name().to_uppercase()))
        .filter(|(_, name)| !words.contains(name.as_str()))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn a_page_is_printed_for_a_code_or_the_end_of_one() {
    let bench = Workbench::new("");
    for word in ["mtl::types::mismatch", "types::mismatch", "mismatch"] {
        let output = bench.mtl(&["explain", word]);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{word}");
        assert!(
            shown.starts_with("mtl::types::mismatch\n\nA value has another type"),
            "{shown}"
        );
        for part in ["\nWrong:\n\n    import std", "\nMended:\n\n    import std"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("```"), "{shown}");
        assert!(
            shown
                .lines()
                .all(|line| line.starts_with("    ") || line.chars().count() <= 100),
            "{shown}"
        );
    }
}

#[test]
fn a_word_that_is_no_code_is_refused_with_the_nearest_one() {
    let bench = Workbench::new("");
    for (word, near) in [
        ("mismach", "did you mean `mtl::types::mismatch`?"),
        ("mtl::type::mismatch", "did you mean `mtl::types::mismatch`?"),
        ("study/fold1", "`mtl explain` lists all codes"),
    ] {
        let output = bench.mtl(&["explain", word]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{word}");
        assert!(output.stdout.is_empty() && said.contains(near), "{said}");
    }
}

#[test]
fn without_a_code_all_are_listed() {
    let shown = text(&Workbench::new("").mtl(&["explain"]).stdout);
    for code in codes::all() {
        assert!(shown.contains(&format!("  {}\n", code.id)), "{}", code.id);
    }
    assert!(
        shown.starts_with("syntax\n"),
        "areas in the order of the passes: {shown}"
    );
}

#[test]
fn other_programs_read_pages_as_json() {
    let bench = Workbench::new("");
    let one: Value = serde_json::from_slice(&bench.mtl(&["explain", "import_cycle", "--format", "json"]).stdout)
        .expect("one JSON object");
    assert_eq!(one["schema"], "mtl.explain/1");
    let code = &one["codes"][0];
    assert_eq!(code["code"], "mtl::names::import_cycle");
    assert_eq!(code["area"], "names");
    assert_eq!(code["meaning"], "Files import each other in a circle.");
    assert!(
        code["paragraphs"][0].as_str().is_some_and(|text| !text.contains('\n')),
        "{code}"
    );
    assert_eq!(code["examples"][1]["side"], "wrong");
    assert_eq!(code["examples"][1]["file"], "b.mtl");
    assert!(
        code["examples"][1]["text"]
            .as_str()
            .is_some_and(|text| text.contains("import \"main.mtl\""))
    );
    let all: Value =
        serde_json::from_slice(&bench.mtl(&["explain", "--format", "json"]).stdout).expect("one JSON object");
    assert_eq!(all["codes"].as_array().map(Vec::len), Some(codes::all().count()));
}

#[test]
fn diagnostics_end_with_one_line_on_how_to_learn_more() {
    let bench = Workbench::new("let a: int = \"x\"\nlet b = missing\nlet c: int = \"y\"\n");
    let said = text(&bench.mtl(&["check", "study.mtl"]).stderr);
    assert_eq!(said.matches("mtl explain").count(), 1, "{said}");
    assert!(
        said.ends_with("\nfor more: mtl explain mtl::types::mismatch\n"),
        "{said}"
    );
    let json = bench.mtl(&["check", "study.mtl", "--format", "json"]);
    assert!(json.stderr.is_empty() && !text(&json.stdout).contains("explain"));
    bench.write("study.mtl", "let same = (t: int) => { t }\n");
    let said = text(&bench.mtl(&["check", "study.mtl"]).stderr);
    assert!(
        said.ends_with("\nfor more: mtl explain mtl::syntax::record_body\n"),
        "a warning: {said}"
    );
    bench.write("study.mtl", "let same = 1\n");
    assert!(bench.mtl(&["check", "study.mtl"]).stderr.is_empty());
}
