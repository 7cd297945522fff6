//! Which module of the standard library has a name, and how a program imports it.

use super::program::{ModuleId, Program, defined_name};
use crate::{
    builtins::{self, PRELUDE},
    diag::{Diagnostics, Fix},
    source::{SourceMap, Span},
    syntax::{
        self,
        ast::{ImportSource, Item, ItemKind},
    },
};

/// The module that gives a name, the one with the shortest name where there are several. The library is parsed for the
/// answer, which only a mistake asks for.
pub(super) fn of(name: &str) -> Option<&'static str> {
    let modules = builtins::std_modules().filter(|module| *module != PRELUDE);
    let homes = modules.filter(|module| {
        let mut sources = SourceMap::new();
        let text = builtins::std_source(module).map_or("", |(_, text)| text);
        let file = sources.add(*module, None, text);
        let tree = syntax::parse(file, text, &mut Diagnostics::new());
        tree.items.iter().any(|item| gives(item, name))
    });
    homes.min_by_key(|module| module.len())
}

fn gives(item: &Item, name: &str) -> bool {
    match &item.kind {
        ItemKind::Import(import) => {
            let mut names = import.names.iter().flatten();
            names.any(|imported| imported.alias.as_ref().unwrap_or(&imported.name).name == name)
        }
        _ => defined_name(item).is_some_and(|defined| defined.name == name),
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
