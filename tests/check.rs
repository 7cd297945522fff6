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
    diag::{Diagnostic, Diagnostics, Severity, codes},
    source::SourceMap,
    types::Type,
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

/// Every code of names and types but one occurs in a case; values set from outside have tests of their own.
#[test]
fn every_code_has_a_case() {
    let golden: String = cases().iter().map(|case| read(&case.join("diagnostics.txt"))).collect();
    let areas = ["mtl::names::", "mtl::types::"];
    let missing: Vec<&str> = codes::all()
        .map(|code| code.id)
        .filter(|id| areas.iter().any(|area| id.starts_with(area)))
        .filter(|id| *id != "mtl::names::unknown_param" && !golden.contains(&format!("{id} ")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_standard_library_is_right() {
    for name in builtins::std_modules().filter(|name| *name != builtins::PRELUDE) {
        let (_, text) = builtins::std_source(name).expect("the module is embedded");
        let (program, diagnostics) = check_text(Path::new(""), text);
        assert!(diagnostics.is_empty(), "{name}:\n{}", rendered(&program, &diagnostics));
    }
}

/// The names that the prelude declares: each reads as a signature of known types, and is documented.
#[test]
fn every_builtin_has_a_signature_of_known_types_and_documentation() {
    let (_, text) = builtins::std_source(builtins::PRELUDE).expect("the prelude is embedded");
    let mut sources = SourceMap::new();
    let file = sources.add(builtins::PRELUDE, None, text);
    let mut diagnostics = Diagnostics::new();
    let module = mtl::syntax::parse(file, text, &mut diagnostics);
    let signatures = builtins::signatures(&module, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
    assert_eq!(
        signatures.len(),
        text.lines().filter(|line| line.starts_with("fn ")).count()
    );
    for (name, signature) in &signatures {
        let doc = signature.doc.as_deref().unwrap_or_default();
        assert!(doc.ends_with('.'), "`{name}` has no documentation");
        let types = signature.parameters.iter().map(|p| (p.name.as_str(), &p.ty));
        let subject = signature.subject.iter().map(|(name, ty)| (name.as_str(), ty));
        for (part, ty) in types.chain(subject).chain([("result", &signature.result)]) {
            let mut known = true;
            ty.visit(&mut |part| known &= !matches!(part, Type::Unknown));
            assert!(known, "`{part}` of `{name}` has no known type");
        }
    }
    let train = &signatures["train"];
    assert_eq!(
        train.ty().to_string().split_once(" -> ").map(|(_, step)| step),
        Some("Model -> Model")
    );
}

/// The defaults of the prelude are values of their parameters' types.
#[test]
fn defaults_of_builtins_have_the_types_of_their_parameters() {
    let (_, text) = builtins::std_source(builtins::PRELUDE).expect("the prelude is embedded");
    let (program, diagnostics) = check_text(Path::new(""), text);
    let wrong: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.code.id != "mtl::types::no_body")
        .collect();
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.iter().map(|d| line(&program.sources, d)).collect::<String>()
    );
}

/// Byte ranges of words, numbers, texts and signs.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if word(first) {
            text[at..].find(|c| !word(c)).unwrap_or(text.len() - at)
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push((at, at + length));
        }
        at += length;
    }
    tokens
}

/// A program with one token missing gives diagnostics, never a panic, and their places lie in the text.
#[test]
fn a_missing_token_never_panics() {
    let mut corpus: Vec<(PathBuf, String)> = cases()
        .into_iter()
        .map(|case| (case.clone(), read(&case.join("main.mtl"))))
        .collect();
    let library = builtins::std_modules().filter_map(builtins::std_source);
    corpus.extend(library.map(|(_, text)| (PathBuf::new(), text.to_owned())));
    for (folder, text) in corpus {
        let tokens = tokens(&text);
        let stride = (tokens.len() / 20).max(1);
        for &(start, end) in tokens.iter().step_by(stride) {
            let shorter = format!("{}{}", &text[..start], &text[end..]);
            let (program, diagnostics) = check_text(&folder, &shorter);
            for diagnostic in diagnostics.iter() {
                let fix = diagnostic.fix.iter().map(|fix| fix.span);
                for span in diagnostic.labels.iter().map(|label| label.span).chain(fix) {
                    let file = program.sources.file(span.file).text();
                    assert!(
                        file.get(span.start as usize..span.end as usize).is_some(),
                        "{shorter}\n{diagnostic:?}"
                    );
                }
            }
        }
    }
}

/// The fix of a diagnostic, applied, leaves a text in which that diagnostic is gone.
#[test]
fn fixes_mend_what_they_are_for() {
    for case in cases() {
        let text = read(&case.join("main.mtl"));
        let (program, diagnostics) = check_text(&case, &text);
        let main = program.module(program.main).tree.file;
        for diagnostic in diagnostics.iter() {
            let Some(fix) = diagnostic.fix.as_ref().filter(|fix| fix.span.file == main) else {
                continue;
            };
            let (start, end) = (fix.span.start as usize, fix.span.end as usize);
            let mended = format!("{}{}{}", &text[..start], fix.text, &text[end..]);
            let (_, after) = check_text(&case, &mended);
            let same = |other: &&Diagnostic| other.code == diagnostic.code && other.message == diagnostic.message;
            let count = |diagnostics: &Diagnostics| diagnostics.iter().filter(same).count();
            assert!(
                count(&after) < count(&diagnostics),
                "{}: {diagnostic:?}",
                case.display()
            );
        }
    }
}

/// Definitions may stand in any order, however long the chain from one to the next.
#[test]
fn long_chains_of_definitions_in_reverse_order_are_inferred() {
    let count = 5_000;
    let mut text: String = (0..count).map(|i| format!("let v{i} = v{} + 1\n", i + 1)).collect();
    text += &format!("let v{count} = 1\nlet t: text = v0\n");
    let (program, diagnostics) = check_text(Path::new(""), &text);
    let found = rendered(&program, &diagnostics);
    assert!(
        found.starts_with(&format!("mtl::types::mismatch {}:15", count + 2)),
        "{found}"
    );
    assert_eq!(diagnostics.len(), 1);
}

/// What is written as deep as the parser admits is checked.
#[test]
fn deep_nesting_is_checked() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("if true { ", " } else { 1 }"),
        ("|> repeat i in [1] { ", " }"),
    ] {
        let text = format!("let a = {}1{}\n", open.repeat(100), close.repeat(100));
        let (_, diagnostics) = check_text(Path::new(""), &text);
        assert!(diagnostics.len() < 200, "{open}");
    }
}
