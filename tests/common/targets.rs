//! What must hold of every text, for the fuzzers and for mutated programs: each function panics when it does not.
#![allow(dead_code, unreachable_pub, reason = "each user takes its part")]

use mtl::{
    analysis::{self, Main},
    diag::Diagnostics,
    fmt,
    source::{FileId, SourceMap, Span},
    syntax::{self, TokenKind, tokens},
    weights::WeightFile,
};
use std::path::Path;

#[path = "../golden/syntax/outline.rs"]
mod outline;

fn file(text: &str) -> FileId {
    SourceMap::new().add("input.mtl", None, text)
}

fn lies_in(span: Span, text: &str) -> bool {
    text.get(span.start as usize..span.end as usize).is_some()
}

/// A weight file is read or refused: what its header says can be read, or is refused by name, and no tensor is larger than
/// what its header says.
pub fn weights(bytes: &[u8]) {
    for within in [None, Some("state_dict")] {
        let Ok(mut file) = WeightFile::from_bytes(bytes.to_vec(), within) else {
            continue;
        };
        let names: Vec<String> = file.entries().keys().cloned().collect();
        for name in names {
            let shape = file.entries()[&name].shape.clone();
            if let Ok(values) = file.values(&name) {
                assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
                assert!(values.iter().all(|value| value.is_finite()), "{name}");
            }
        }
    }
}

/// Parsing ends, and every node lies on character borders within the node around it.
pub fn parse(text: &str) {
    let mut diagnostics = Diagnostics::new();
    let module = syntax::parse(file(text), text, &mut diagnostics);
    let mut around: Vec<Span> = Vec::new();
    for node in outline::outline(&module) {
        assert!(lies_in(node.span, text), "{node:?}");
        around.truncate(node.depth);
        if let Some(outer) = around.last() {
            assert!(
                outer.start <= node.span.start && node.span.end <= outer.end,
                "{node:?} is not within {outer:?}"
            );
        }
        around.push(node.span);
    }
    for diagnostic in diagnostics.iter() {
        let fix = diagnostic.fix.iter().map(|fix| fix.span);
        for span in diagnostic.labels.iter().map(|label| label.span).chain(fix) {
            assert!(lies_in(span, text), "{diagnostic:?}");
        }
    }
}

/// Checking ends, and what is reported lies in its file.
pub fn check(text: &str) {
    let mut diagnostics = Diagnostics::new();
    let main = Main::Text {
        name: "input.mtl",
        folder: Path::new(""),
        text,
    };
    // No file of this machine is read.
    let program = analysis::load_with(main, &|_| Err(std::io::ErrorKind::NotFound.into()), &mut diagnostics);
    analysis::check(&program, &mut diagnostics);
    for diagnostic in diagnostics.iter() {
        let fix = diagnostic.fix.iter().map(|fix| fix.span);
        for span in diagnostic.labels.iter().map(|label| label.span).chain(fix) {
            let text = program.sources.file(span.file).text();
            assert!(lies_in(span, text), "{diagnostic:?}");
        }
    }
    // What an editor asks for is learned without another word.
    let mut again = Diagnostics::new();
    let _ = analysis::check_with(&program, &mut again);
    let checked = |found: &Diagnostics| found.iter().filter(|d| d.code.id.starts_with("mtl::types::")).count();
    assert_eq!(
        checked(&diagnostics),
        checked(&again),
        "a check that keeps facts finds the same"
    );
}

/// The tree with its documentation, without places.
fn tree(text: &str) -> Vec<(usize, String)> {
    let module = syntax::parse(file(text), text, &mut Diagnostics::new());
    let docs = (0, format!("{:?}", module.docs));
    let nodes = outline::outline(&module).into_iter();
    std::iter::once(docs)
        .chain(nodes.map(|node| (node.depth, node.label)))
        .collect()
}

fn comments(text: &str) -> Vec<&str> {
    let found = tokens(file(text), text).into_iter();
    let comment = |kind| matches!(kind, TokenKind::Comment | TokenKind::Doc | TokenKind::ModuleDoc);
    found
        .filter(|token| comment(token.kind))
        .map(|token| &text[token.span.start as usize..token.span.end as usize])
        .collect()
}

/// A text without syntax errors keeps its tree and its comments when it is formatted, and is formatted once for all.
pub fn format(text: &str) {
    let Ok(formatted) = fmt::format(file(text), text) else {
        return;
    };
    assert_eq!(tree(text), tree(&formatted), "another tree:\n{formatted}");
    assert_eq!(comments(text), comments(&formatted), "other comments:\n{formatted}");
    let again = fmt::format(file(&formatted), &formatted);
    assert_eq!(again.as_deref().ok(), Some(formatted.as_str()), "formatted twice");
}
