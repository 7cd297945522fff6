//! Documentation for a terminal.

use std::fmt::Write as _;

use super::{Entry, ItemDoc, Kind, ModuleDoc};
use crate::{builtins::choices, diag::pages::wrapped, types::Named};

/// All modules, each with the first sentence of its documentation, for a terminal `width` columns wide.
#[must_use]
pub fn overview(modules: &[ModuleDoc], width: usize) -> String {
    let mut text = String::new();
    let longest = modules.iter().map(|m| m.name.len()).max().unwrap_or(0);
    for module in modules {
        let line = format!("{:longest$}  {}", module.name, first_sentence(&module.doc));
        let indent = " ".repeat(longest + 2);
        let lines = wrapped(line.get(longest + 2..).unwrap_or(""), width, &indent);
        let _ = writeln!(text, "{:longest$}  {}", module.name, lines.trim_start());
    }
    text.push_str("\n`mtl doc NAME` prints a module, a function, a network, a type or a word of an option.\n");
    text
}

/// What a word names, one after the other.
#[must_use]
pub fn entries(entries: &[Entry<'_>], width: usize) -> String {
    let texts: Vec<String> = entries.iter().map(|entry| self::entry(*entry, width)).collect();
    texts.join("\n")
}

fn entry(entry: Entry<'_>, width: usize) -> String {
    match entry {
        Entry::Module(module) => self::module(module, width),
        Entry::Item(item) => {
            let head = format!("{}, a {} of {}\n\n", item.name, item.kind.word(), item.module);
            head + &self::item(item, width)
        }
        Entry::Type(named) => named_type(named, width),
        Entry::Word(of, word) => format!(
            "{}, a word where {} is expected\n\n{}\n",
            word.word,
            of.name(),
            wrapped(word.doc, width, "")
        ),
    }
}

fn module(module: &ModuleDoc, width: usize) -> String {
    let mut text = format!("{}\n", module.name);
    push_paragraphs(&mut text, &module.doc, width, "");
    let mut section = None;
    for item in &module.items {
        if item.section.is_some() && item.section != section {
            section.clone_from(&item.section);
            let _ = write!(text, "\n-- {} --\n", section.as_deref().unwrap_or_default());
        }
        let _ = write!(text, "\n{}", self::item(item, width));
    }
    if !module.imported.is_empty() {
        text.push_str("\nFrom other modules, and to be imported from here as well:\n\n");
        for import in &module.imported {
            let other = if import.item == import.name {
                String::new()
            } else {
                format!(", there `{}`", import.item)
            };
            let _ = writeln!(text, "  {}  ({}{other})", import.name, import.module);
        }
    }
    text
}

/// Declaration, documentation and the parameters that have some.
fn item(item: &ItemDoc, width: usize) -> String {
    let mut text = String::new();
    for line in item.signature.lines() {
        let _ = writeln!(text, "    {line}");
    }
    push_paragraphs(&mut text, &item.doc, width, "");
    let documented: Vec<_> = item.parameters.iter().filter(|p| !p.doc.is_empty()).collect();
    if !documented.is_empty() {
        text.push('\n');
        let longest = documented.iter().map(|p| p.name.len()).max().unwrap_or(0);
        for parameter in documented {
            let indent = " ".repeat(longest + 4);
            let lines = wrapped(&parameter.doc, width, &indent);
            let _ = writeln!(text, "  {:longest$}  {}", parameter.name, lines.trim_start());
        }
    }
    if let Some(passed) = &item.passed_on
        && let Some(rest) = item.parameters.iter().find(|p| p.rest)
    {
        let words = format!(
            "...{} takes the other options of `{}`: {}.",
            rest.name,
            passed.function,
            passed.parameters.join(", ")
        );
        let _ = write!(text, "\n{}\n", wrapped(&words, width, "  "));
    }
    if item.kind == Kind::Network && !item.stages.is_empty() {
        let words = format!("Coarse stages: {}.", item.stages.join(", "));
        let _ = write!(text, "\n{}\n", wrapped(&words, width, "  "));
    }
    text
}

fn named_type(named: Named, width: usize) -> String {
    let mut text = format!("{}, a type\n\n{}\n", named.name(), wrapped(named.doc(), width, ""));
    let words = choices::words(named);
    if !words.is_empty() {
        text.push_str("\nIts words:\n\n");
        let longest = words.iter().map(|w| w.word.len()).max().unwrap_or(0);
        for word in words {
            let lines = wrapped(word.doc, width, &" ".repeat(longest + 4));
            let _ = writeln!(text, "  {:longest$}  {}", word.word, lines.trim_start());
        }
    }
    text
}

fn push_paragraphs(text: &mut String, doc: &str, width: usize, indent: &str) {
    for paragraph in doc.split("\n\n").map(str::trim).filter(|part| !part.is_empty()) {
        let _ = write!(text, "\n{}\n", wrapped(paragraph, width, indent));
    }
}

/// The first sentence of a text, on one line.
pub(super) fn first_sentence(doc: &str) -> String {
    let paragraph = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    match paragraph.split_once(". ") {
        Some((first, rest)) if rest.starts_with(|c: char| c.is_uppercase()) => format!("{first}."),
        _ => paragraph,
    }
}
