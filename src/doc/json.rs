//! Documentation for other programs.

use serde::Serialize;

use super::{Entry, ItemDoc, ModuleDoc};
use crate::{builtins::choices, types::Named};

/// The name and version of the object that [`listing`] makes.
pub const SCHEMA: &str = "mtl.doc/1";

/// What words name, ready to be serialised.
#[derive(Debug, Serialize)]
pub struct Listing<'a> {
    schema: &'static str,
    modules: Vec<&'a ModuleDoc>,
    items: Vec<&'a ItemDoc>,
    types: Vec<TypeDoc>,
    words: Vec<WordDoc>,
}

#[derive(Debug, Serialize)]
struct TypeDoc {
    name: &'static str,
    doc: &'static str,
    words: Vec<WordDoc>,
}

#[derive(Debug, Serialize)]
struct WordDoc {
    word: &'static str,
    #[serde(rename = "type")]
    of: &'static str,
    doc: &'static str,
}

/// The object [`SCHEMA`]: `modules`, each with its `items`; `items`, `types` and `words` on their own.
#[must_use]
pub fn listing<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Listing<'a> {
    let mut found = Listing {
        schema: SCHEMA,
        modules: Vec::new(),
        items: Vec::new(),
        types: Vec::new(),
        words: Vec::new(),
    };
    for entry in entries {
        match entry {
            Entry::Module(module) => found.modules.push(module),
            Entry::Item(item) => found.items.push(item),
            Entry::Type(named) => found.types.push(TypeDoc {
                name: named.name(),
                doc: named.doc(),
                words: choices::words(named).iter().map(|word| word_doc(named, word)).collect(),
            }),
            Entry::Word(of, word) => found.words.push(word_doc(of, word)),
        }
    }
    found
}

fn word_doc(of: Named, word: &choices::Word) -> WordDoc {
    WordDoc {
        word: word.word,
        of: of.name(),
        doc: word.doc,
    }
}
