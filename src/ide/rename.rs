//! Renaming: of all that the program itself names, with every use in every file, tried before it is proposed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
    rc::Rc,
};

use thiserror::Error;

use super::{
    analysis::{Analysis, FileKey, Location},
    index::{Occurrence, Symbol},
    visit::{self, Node},
    workspace::Workspace,
};
use crate::{
    diag::{Diagnostic, Severity},
    source::{FileId, Span},
    syntax::ast::Entry,
};

/// A replacement in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes that are replaced.
    pub range: Range<usize>,
    /// The new text.
    pub text: String,
}

/// Why something is not renamed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RenameError {
    /// No name stands there.
    #[error("there is no name to rename here")]
    NoName,
    /// It belongs to the language or its standard library.
    #[error("`{name}` belongs to {home}, which a program cannot change")]
    NotYours {
        /// The name.
        name: String,
        /// Where it comes from.
        home: String,
    },
    /// A module has the name of its file.
    #[error("a module is renamed by renaming its file")]
    Module,
    /// The new name is none.
    #[error("`{name}` is no name: names are letters, digits and `_`, do not begin with a digit and are no keyword")]
    NotAName {
        /// The new name.
        name: String,
    },
    /// The program would no longer mean the same.
    #[error("`{name}` cannot be used here: {reason}")]
    Breaks {
        /// The new name.
        name: String,
        /// What would go wrong.
        reason: String,
    },
}

/// Words that are never names.
pub(super) const KEYWORDS: &[&str] = &[
    "let", "for", "in", "if", "else", "repeat", "true", "false", "none", "and", "or", "not",
];

impl Workspace {
    /// The place and the text of the name that would be renamed.
    ///
    /// # Errors
    /// When there is no name, or one that is not the program's own.
    pub fn renamable(&mut self, path: &Path, offset: usize) -> Result<(Range<usize>, String), RenameError> {
        let key = FileKey::Path(path.to_owned());
        let analysis = self.program(&key);
        let (occurrence, _) = own_name(&analysis, &key, offset)?;
        let name = analysis.program.sources.text(occurrence.span).to_owned();
        Ok((occurrence.span.start as usize..occurrence.span.end as usize, name))
    }

    /// The changes that give the name at a byte another name, by file.
    ///
    /// # Errors
    /// When the name is not the program's own, the new one is none, or the program would not mean the same.
    pub fn rename(
        &mut self,
        path: &Path,
        offset: usize,
        new: &str,
    ) -> Result<BTreeMap<PathBuf, Vec<Edit>>, RenameError> {
        let key = FileKey::Path(path.to_owned());
        let analysis = self.program(&key);
        let (_, definition) = own_name(&analysis, &key, offset)?;
        if !is_name(new) {
            return Err(RenameError::NotAName { name: new.to_owned() });
        }
        let holders = self.holders(&definition.file);
        let mut edits: BTreeMap<PathBuf, BTreeSet<EditKey>> = BTreeMap::new();
        for (_, holder) in &holders {
            let Some(defined) = holder.same_definition(&definition) else {
                continue;
            };
            for occurrence in holder.index.of(Symbol::Name(defined)) {
                if let Some(Location {
                    file: FileKey::Path(path),
                    range,
                    ..
                }) = holder.location(occurrence.span)
                {
                    let shorthand = is_shorthand(holder, occurrence.span);
                    let old = holder.program.sources.text(occurrence.span);
                    let text = if shorthand {
                        format!("{old}: {new}")
                    } else {
                        new.to_owned()
                    };
                    edits.entry(path).or_default().insert((range.start, range.end, text));
                }
            }
        }
        let edits: BTreeMap<PathBuf, Vec<Edit>> = edits
            .into_iter()
            .map(|(path, edits)| {
                let edits = edits.into_iter();
                let edits = edits.map(|(start, end, text)| Edit {
                    range: start..end,
                    text,
                });
                (path, edits.collect())
            })
            .collect();
        self.try_out(&holders, &definition, &edits, new)?;
        Ok(edits)
    }

    /// Checks that every program means the same after the change: no new mistake, and the same places refer to the name.
    fn try_out(
        &self,
        holders: &[(FileKey, Rc<Analysis>)],
        definition: &Location,
        edits: &BTreeMap<PathBuf, Vec<Edit>>,
        new: &str,
    ) -> Result<(), RenameError> {
        let breaks = |reason: String| RenameError::Breaks {
            name: new.to_owned(),
            reason,
        };
        let mut texts = BTreeMap::new();
        for (path, edits) in edits {
            let old = self.text(path).map_err(|error| breaks(error.to_string()))?;
            texts.insert(path.clone(), applied(&old, edits));
        }
        for (key, before) in holders {
            let (FileKey::Path(main), Some(defined)) = (key, before.same_definition(definition)) else {
                continue;
            };
            let after = self.with_texts(main, &texts);
            let errors = |analysis: &Analysis| -> Vec<Diagnostic> {
                let all = analysis.diagnostics.iter();
                all.filter(|d| d.severity == Severity::Error).cloned().collect()
            };
            let (known, found) = (errors(before), errors(&after));
            if found.len() > known.len() {
                let new = found.iter().find(|d| known.iter().all(|k| k.code != d.code));
                let new = new.or_else(|| found.last());
                return Err(breaks(new.map_or_else(String::new, |d| d.message.clone())));
            }
            let places = |analysis: &Analysis, symbol: Symbol| -> Vec<(Option<FileKey>, usize)> {
                let all = analysis.index.of(symbol);
                all.map(|o| (analysis.key(o.span.file), o.span.start as usize))
                    .collect()
            };
            let moved = |(key, at): (Option<FileKey>, usize)| {
                let edits = match &key {
                    Some(FileKey::Path(path)) => edits.get(path),
                    _ => None,
                };
                let at = edits.map_or(at, |edits| moved(at, edits, new.len()));
                (key, at)
            };
            let wanted: Vec<_> = places(before, Symbol::Name(defined)).into_iter().map(moved).collect();
            let (_, start) = moved((Some(definition.file.clone()), definition.range.start));
            let found = after
                .file(&definition.file)
                .and_then(|file| after.symbol_at(file, start));
            let found = found.map(|o| places(&after, o.symbol)).unwrap_or_default();
            if found != wanted {
                return Err(breaks("another name of this spelling would be meant".to_owned()));
            }
        }
        Ok(())
    }
}

type EditKey = (usize, usize, String);

/// The name at a byte and the place of its definition, when both are the program's own.
fn own_name(analysis: &Analysis, key: &FileKey, offset: usize) -> Result<(Occurrence, Location), RenameError> {
    let file: FileId = analysis.file(key).ok_or(RenameError::NoName)?;
    let occurrence = analysis.symbol_at(file, offset).ok_or(RenameError::NoName)?;
    let name = || analysis.program.sources.text(occurrence.span).to_owned();
    let language = |name| RenameError::NotYours {
        name,
        home: "the language".to_owned(),
    };
    match occurrence.symbol {
        Symbol::Name(defined) => {
            let definition = analysis.location(defined).ok_or(RenameError::NoName)?;
            match definition.file {
                FileKey::Std(home) => Err(RenameError::NotYours {
                    name: name(),
                    home: format!("`{home}`"),
                }),
                FileKey::Path(_) => Ok((occurrence, definition)),
            }
        }
        Symbol::Module(_) => Err(RenameError::Module),
        Symbol::Subject(_) | Symbol::Word(..) => Err(language(name())),
    }
}

/// True for a word that may name something.
fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && letters.all(|c| c.is_ascii_alphanumeric() || c == '_') && !KEYWORDS.contains(&text)
}

/// True for the one name of `{ alexnet }`, which is key and value: the key stays.
fn is_shorthand(analysis: &Analysis, span: Span) -> bool {
    let Some((_, module)) = analysis.module(span.file) else {
        return false;
    };
    let mut found = false;
    visit::walk(&module.tree, &mut |node, _| {
        if let Node::Entry(Entry::Value { key, value, .. }) = node {
            found |= key.span == span && value.span == span;
        }
    });
    found
}

/// A text with replacements made; they are in order and do not overlap.
fn applied(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for edit in edits {
        out.push_str(text.get(from..edit.range.start).unwrap_or(""));
        out.push_str(&edit.text);
        from = edit.range.end;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    out
}

/// Where the renamed name that began at a byte begins after the replacements.
fn moved(at: usize, edits: &[Edit], new: usize) -> usize {
    let before = edits.iter().filter(|edit| edit.range.end <= at);
    let (removed, added) = before.fold((0, 0), |(removed, added), edit| {
        (removed + edit.range.len(), added + edit.text.len())
    });
    // In `old: new` the name is what stands behind.
    let inside = edits.iter().find(|edit| edit.range.start == at);
    at + added - removed + inside.map_or(0, |edit| edit.text.len() - new)
}
