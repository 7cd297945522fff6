//! The tree-sitter grammar of `editors/tree-sitter-mtl` beside the compiler's parser: a text has an error in the one's
//! tree if and only if the other reports a syntax error.
//!
//! The parser's C code is compiled into a temporary folder, so this needs a C compiler (`cc`, or what `CC` names).

use mtl::{
    diag::{Diagnostics, Severity, codes::syntax::TOO_DEEP},
    source::SourceMap,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tree_sitter::{Language, Parser, Query};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The language, from code that stays loaded as long as the process lives.
fn language() -> Language {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = root().join("editors/tree-sitter-mtl/src");
    let object = folder.path().join("mtl.so");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O1", "-I"])
        .args([
            &sources,
            Path::new("-o"),
            &object,
            &sources.join("parser.c"),
            &sources.join("scanner.c"),
        ])
        .arg("-lm")
        .status()
        .expect("there is a C compiler");
    assert!(status.success(), "the parser compiles");
    // SAFETY: the code was compiled just now from this repository; `tree_sitter_mtl` takes nothing and gives a language.
    unsafe {
        let code = Box::leak(Box::new(
            libloading::Library::new(&object).expect("the parser can be loaded"),
        ));
        let make: libloading::Symbol<'_, unsafe extern "C" fn() -> *const tree_sitter::ffi::TSLanguage> =
            code.get(b"tree_sitter_mtl").expect("it gives its language");
        Language::from_raw(make())
    }
}

/// Every program that is written in this repository, right or wrong, with where it stands.
fn programs() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["stdlib", "pipelines", "tests", "src/diag/pages", "docs"] {
        collect(&root().join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, found);
        } else if let ("mtl" | "md", Ok(text)) = (kind, fs::read_to_string(&path)) {
            let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            match kind {
                "mtl" => found.push((name, text)),
                _ => found.extend(blocks(&text).map(|block| (name.clone(), block))),
            }
        }
    }
}

/// The texts between "```mtl ..." and "```".
fn blocks(page: &str) -> impl Iterator<Item = String> {
    page.split("```mtl")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('\n')?.1.split("```").next()?.to_owned()))
}

/// True when the compiler's parser reports an error; none where it gives up for depth, of which tree-sitter knows nothing.
fn is_wrong(text: &str) -> Option<bool> {
    let mut diagnostics = Diagnostics::new();
    let mut sources = SourceMap::new();
    let file = sources.add("main.mtl", None, text);
    let _ = mtl::syntax::parse(file, text, &mut diagnostics);
    let errors = || diagnostics.iter().filter(|d| d.severity == Severity::Error);
    if errors().any(|d| *d.code == TOO_DEEP) {
        return None;
    }
    Some(errors().next().is_some())
}

/// Fails unless both parsers agree on a text.
fn agree(parser: &mut Parser, name: &str, text: &str) -> Result<(), String> {
    let tree = parser.parse(text, None).expect("the parser has a language");
    match is_wrong(text) {
        Some(wrong) if wrong != tree.root_node().has_error() => {
            let which = if wrong { "only the compiler" } else { "only tree-sitter" };
            Err(format!(
                "{which} finds an error in {name}:\n{text}\n{}",
                tree.root_node()
            ))
        }
        _ => Ok(()),
    }
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .set_language(&language())
        .expect("the language's version is known");
    parser
}

#[test]
fn both_parsers_accept_the_same_programs() {
    let (mut parser, programs) = (parser(), programs());
    assert!(programs.len() > 500, "{} programs", programs.len());
    let differing: Vec<_> = programs
        .iter()
        .filter_map(|(name, text)| agree(&mut parser, name, text).err())
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n----\n"));
}

/// A sequence of numbers, the same in every run (splitmix64, Steele et al. 2014).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}

/// A text as words, blanks and signs.
fn pieces(text: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => 1,
        ' ' | '\t' => 2,
        _ => 0,
    };
    let mut found = Vec::new();
    let mut start = 0;
    let mut before = 0;
    for (at, c) in text.char_indices() {
        if at > start && (kind(c) != before || kind(c) == 0) {
            found.push(&text[start..at]);
            start = at;
        }
        before = kind(c);
    }
    found.push(&text[start..]);
    found
}

/// Pieces that make a difference where they are put in.
const PIECES: [&str; 32] = [
    "\n",
    " ",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "=",
    "|>",
    "not ",
    "in ",
    "-",
    "let ",
    "x",
    "\"a\"",
    "1",
    "///d\n",
    "...",
    "..",
    "@",
    ".",
    "?",
    "->",
    "=>",
    "if ",
    "none",
    "for ",
    "\nlet y = 2\n",
    "//c\n",
];

#[test]
fn both_parsers_find_the_same_programs_wrong() {
    let mut parser = parser();
    let programs: Vec<_> = programs().into_iter().filter(|(_, text)| text.len() < 1_500).collect();
    let mut numbers = Numbers(7);
    let (mut differing, mut wrong) = (Vec::new(), 0);
    for _ in 0..4_000 {
        let (name, text) = &programs[numbers.below(programs.len())];
        let mut parts = pieces(text);
        for _ in 0..=numbers.below(2) {
            let at = numbers.below(parts.len());
            match numbers.below(4) {
                0 if parts.len() > 1 => drop(parts.remove(at)),
                1 => parts.insert(at, parts[at]),
                2 => {
                    let other = numbers.below(parts.len());
                    parts.swap(at, other);
                }
                _ => parts.insert(at, PIECES[numbers.below(PIECES.len())]),
            }
        }
        let text = parts.concat();
        wrong += usize::from(is_wrong(&text) == Some(true));
        differing.extend(agree(&mut parser, name, &text).err());
    }
    assert!(wrong > 1_000, "only {wrong} of the changed programs are wrong");
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n----\n")
    );
}

#[test]
fn the_colours_name_what_the_grammar_has() {
    let path = root().join("editors/tree-sitter-mtl/queries/highlights.scm");
    let text = fs::read_to_string(path).expect("the query can be read");
    let query = Query::new(&language(), &text).expect("the query is right");
    for name in ["keyword", "function", "string", "number", "comment", "type", "label"] {
        assert!(query.capture_names().contains(&name), "{name}");
    }
}
