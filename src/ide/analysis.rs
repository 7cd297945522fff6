//! One program as an editor sees it: checked, with what was learned about each place.

use std::{
    cell::OnceCell,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{index::Index, shapes::Traces};
use crate::{
    analysis::{self, Facts, LoadedModule, Main, ModuleId, Origin, Program},
    builtins,
    diag::Diagnostics,
    source::{FileId, Span},
    tables::Cache,
};

/// Names a file across programs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKey {
    /// A file on disk, or one that will be.
    Path(PathBuf),
    /// A module of the standard library, embedded in the program: `std.train`.
    Std(&'static str),
}

/// A place in a file, with the file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: FileKey,
    /// Its whole text.
    pub text: Arc<str>,
    /// Bytes of it.
    pub range: Range<usize>,
}

/// A program, checked.
#[derive(Debug)]
pub struct Analysis {
    /// The program; shared with whoever plans it.
    pub program: Arc<Program>,
    /// What was learned about each place.
    pub facts: Facts,
    /// What is wrong with it.
    pub diagnostics: Diagnostics,
    /// Every name and what it refers to.
    pub(super) index: Index,
    /// Its networks, evaluated when first asked for.
    pub(super) traces: OnceCell<Traces>,
}

impl Analysis {
    /// Loads and checks the program whose main file is `path`, with the files' text from `read` and tables as they are kept.
    #[must_use]
    pub fn of_file(path: &Path, tables: &Arc<Cache>, read: &dyn Fn(&Path) -> io::Result<String>) -> Self {
        Self::of(Main::File(path), tables, read)
    }

    /// A program that holds a module of the standard library.
    #[must_use]
    pub fn of_std(name: &str) -> Self {
        let text = if name == builtins::PRELUDE {
            String::new()
        } else {
            format!("import {name} as it\n")
        };
        let main = Main::Text {
            name: "main.mtl",
            folder: Path::new(""),
            text: &text,
        };
        Self::of(main, &Arc::default(), &|_| Err(io::ErrorKind::NotFound.into()))
    }

    pub(super) fn of(main: Main<'_>, tables: &Arc<Cache>, read: &dyn Fn(&Path) -> io::Result<String>) -> Self {
        let mut diagnostics = Diagnostics::new();
        let mut program = analysis::load_with(main, read, &mut diagnostics);
        program.tables = Arc::clone(tables);
        let program = Arc::new(program);
        let facts = analysis::check_with(&program, &mut diagnostics);
        let index = Index::new(&program, &facts);
        Self {
            program,
            facts,
            diagnostics,
            index,
            traces: OnceCell::new(),
        }
    }

    /// The file of this program behind a key.
    #[must_use]
    pub fn file(&self, key: &FileKey) -> Option<FileId> {
        self.modules()
            .find(|(_, module)| key_of(module).as_ref() == Some(key))
            .map(|(_, module)| module.tree.file)
    }

    /// The key of a file of this program; none for text that lies in no file.
    #[must_use]
    pub fn key(&self, file: FileId) -> Option<FileKey> {
        self.modules()
            .find(|(_, module)| module.tree.file == file)
            .and_then(|(_, module)| key_of(module))
    }

    /// The place of a span.
    #[must_use]
    pub fn location(&self, span: Span) -> Option<Location> {
        let text = self.program.sources.file(span.file).shared_text();
        Some(Location {
            file: self.key(span.file)?,
            range: range(span, &text),
            text,
        })
    }

    /// All files on disk that belong to the program.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.modules().filter_map(|(_, module)| match &module.origin {
            Origin::File(path) => Some(path.as_path()),
            _ => None,
        })
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = (ModuleId, &LoadedModule)> {
        self.program.modules()
    }

    /// The module that a file is.
    pub(super) fn module(&self, file: FileId) -> Option<(ModuleId, &LoadedModule)> {
        self.modules().find(|(_, module)| module.tree.file == file)
    }

    pub(super) fn text(&self, file: FileId) -> &str {
        self.program.sources.file(file).text()
    }
}

fn key_of(module: &LoadedModule) -> Option<FileKey> {
    match &module.origin {
        Origin::File(path) => Some(FileKey::Path(path.clone())),
        Origin::Std(name) => builtins::std_source(name).map(|(name, _)| FileKey::Std(name)),
        Origin::Text(_) => None,
    }
}

/// A span as a range of bytes that lies in the text, on character borders.
pub(super) fn range(span: Span, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.ceil_char_boundary(span.end as usize);
    start..end.max(start)
}
