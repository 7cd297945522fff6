//! Which module of the standard library has a name, and how a program imports it.

use super::program::{ModuleId, Program, defined_name, is_private};
use crate::{
    builtins::{self, PRELUDE},
    diag::{Diagnostics, Fix},
    source::{SourceMap, Span},
    syntax::{
        self,
        ast::{ImportSource, Item, ItemKind},
    },
};
use std::{collections::BTreeMap, sync::OnceLock};

/// The module that gives a name, the one with the shortest name where there are several. The library is parsed when the
/// first mistake asks for it.
pub(super) fn of(name: &str) -> Option<&'static str> {
    static HOMES: OnceLock<BTreeMap<String, &'static str>> = OnceLock::new();
    HOMES.get_or_init(homes).get(name).copied()
}

fn homes() -> BTreeMap<String, &'static str> {
    let mut modules: Vec<_> = builtins::std_modules().filter(|module| *module != PRELUDE).collect();
    modules.sort_by_key(|module| module.len());
    let mut homes = BTreeMap::new();
    for module in modules {
        let mut sources = SourceMap::new();
        let text = builtins::std_source(module).map_or("", |(_, text)| text);
        let file = sources.add(module, None, text);
        let tree = syntax::parse(file, text, &mut Diagnostics::new());
        for name in tree.items.iter().flat_map(given).filter(|name| !is_private(name)) {
            homes.entry(name).or_insert(module);
        }
    }
    homes
}

/// The names that an item brings into its module.
fn given(item: &Item) -> Vec<String> {
    match &item.kind {
        ItemKind::Import(import) => {
            let names = import.names.iter().flatten();
            let names = names.map(|imported| imported.alias.as_ref().unwrap_or(&imported.name));
            names.map(|name| name.name.clone()).collect()
        }
        _ => defined_name(item).map(|name| name.name.clone()).into_iter().collect(),
    }
}

/// The change that imports `name` from `home`: one more name of an import that is there, or a line before the first item.
pub(super) fn import(program: &Program, module: ModuleId, home: &str, name: &str) -> Fix {
    let tree = &program.module(module).tree;
    let last_of = |item: &Item| match &item.kind {
        ItemKind::Import(import) => match &import.source {
            ImportSource::Path(words) if words.join(".") == home => {
                let last = import.names.as_ref()?.last()?;
                Some(last.alias.as_ref().unwrap_or(&last.name).span)
            }
            _ => None,
        },
        _ => None,
    };
    if let Some(last) = tree.items.iter().find_map(last_of) {
        let (span, text) = (
            Span {
                start: last.end,
                ..last
            },
            format!(", {name}"),
        );
        return Fix { span, text };
    }
    let file = program.sources.file(tree.file);
    let first = tree.items.iter().map(|item| item.span.start).min().unwrap_or(0);
    // The program's own description stays first, and documentation above the first item stays with it.
    let before = file.text().get(..first as usize).unwrap_or("");
    let description = before
        .rfind("//!")
        .map_or(0, |at| before[at..].find('\n').map_or(before.len(), |end| at + end + 1));
    let gap = before.rfind("\n\n").map_or(0, |at| at + 2);
    let start = u32::try_from(description.max(gap)).unwrap_or(first);
    Fix {
        span: Span {
            file: tree.file,
            start,
            end: start,
        },
        text: format!("import {home} {{ {name} }}\n"),
    }
}
