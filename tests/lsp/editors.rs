//! The files under `editors/` agree with the language and the server.

use mtl::{ide, types::Named};
use std::{fs, path::Path};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("it can be read")
}

/// The words in quotes of a rule of the grammar.
fn words(grammar: &str, rule: &str) -> Vec<String> {
    let line = grammar
        .lines()
        .find(|line| line.split('=').next().is_some_and(|name| name.trim() == rule))
        .expect("the rule is there");
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_textmate_grammar_knows_every_keyword_and_plain_type() {
    let grammar = read("grammar/mtl.pest");
    let textmate: serde_json::Value =
        serde_json::from_str(&read("editors/vscode/syntaxes/mtl.tmLanguage.json")).expect("JSON");
    let patterns = textmate["repository"].to_string();
    let known: Vec<&str> = patterns
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let mut wanted = words(&grammar, "keyword");
    assert!(wanted.len() >= 12, "{wanted:?}");
    wanted.extend(words(&grammar, "head_word"));
    wanted.extend(words(&grammar, "kw_as"));
    let plain = Named::ALL.iter().filter(|named| named.is_plain());
    wanted.extend(plain.map(|named| named.name().to_owned()));
    let missing: Vec<&String> = wanted.iter().filter(|word| !known.contains(&word.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_legend_of_tokens_is_documented() {
    let text = read("editors/README.md");
    for name in ide::TYPES.iter().chain(ide::MODIFIERS) {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
}
