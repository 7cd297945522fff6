//! Loading: the main module and everything it imports, each parsed once; the standard library once for all programs.

use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::{
    library,
    program::{ItemId, LoadedModule, Meaning, ModuleId, Origin, Program, Slot, defined_name},
};
use crate::{
    builtins::{self, PRELUDE},
    diag::{Diagnostic, Diagnostics, codes::names as codes},
    source::{FileId, SourceMap, Span},
    syntax::{
        self,
        ast::{self, Ident, Import, ImportSource, ItemKind},
    },
};

/// The main module of a program.
#[derive(Clone, Copy, Debug)]
pub enum Main<'a> {
    /// A file.
    File(&'a Path),
    /// Text, shown under a name; its relative imports start at a folder.
    Text {
        /// The name that messages show.
        name: &'a str,
        /// Where relative paths start.
        folder: &'a Path,
        /// The text.
        text: &'a str,
    },
}

/// Loads a program from the file system.
///
/// Whatever is wrong is reported; the program is whole all the same, with [`Meaning::Missing`] where an import failed.
pub fn load(main: Main<'_>, diagnostics: &mut Diagnostics) -> Program {
    load_with(main, &|path| std::fs::read_to_string(path), diagnostics)
}

/// As [`load`], with the files' text from `read`: an editor's open files are newer than those on disk.
pub fn load_with(main: Main<'_>, read: &dyn Fn(&Path) -> io::Result<String>, diagnostics: &mut Diagnostics) -> Program {
    let mut loader = Loader::new(read, diagnostics);
    let prelude = loader.std(PRELUDE);
    let main = match main {
        Main::File(path) => loader.main_file(&clean(path)),
        Main::Text { name, folder, text } => loader.text(Origin::Text(folder.to_owned()), name, text),
    };
    let held = (0..loader.held.len()).filter(|place| loader.held[*place]);
    for wrong in held.filter_map(|place| library::diagnostics(ModuleId(place))) {
        wrong.iter().for_each(|wrong| loader.diagnostics.push(wrong.clone()));
    }
    loader.program(main, prelude)
}

/// Nothing: what the standard library imports is its own.
fn no_file(_: &Path) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}

/// Loads a module of the standard library into its place.
pub(super) fn load_std(id: ModuleId, name: &str, file: FileId, diagnostics: &mut Diagnostics) -> LoadedModule {
    Loader::new(&no_file, diagnostics).read_module(Some(id), Origin::Std(name.to_owned()), file)
}

/// The whole standard library, whose main module is the prelude. Nothing is loaded by this.
pub(super) fn library_program() -> Program {
    let mut diagnostics = Diagnostics::new();
    let mut loader = Loader::new(&no_file, &mut diagnostics);
    loader.held.fill(true);
    let prelude = loader.place_of(PRELUDE);
    loader.program(prelude, prelude)
}

/// The path without `.` and with `..` resolved by name alone, so that one file has one spelling.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// What tells one module from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    File(PathBuf),
    Std(String),
}

struct Loader<'a> {
    sources: SourceMap,
    modules: Vec<Arc<Slot>>,
    held: Vec<bool>,
    known: IndexMap<Key, ModuleId>,
    /// Modules whose imports are being loaded, outermost first.
    open: Vec<Key>,
    read: &'a dyn Fn(&Path) -> io::Result<String>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Loader<'a> {
    /// Beside the standard library, of which nothing is held yet.
    fn new(read: &'a dyn Fn(&Path) -> io::Result<String>, diagnostics: &'a mut Diagnostics) -> Self {
        let library = library::library();
        Self {
            sources: library.sources.clone(),
            held: vec![false; library.modules.len()],
            modules: library.modules.clone(),
            known: library.known.clone(),
            open: Vec::new(),
            read,
            diagnostics,
        }
    }

    fn program(self, main: ModuleId, prelude: ModuleId) -> Program {
        Program {
            sources: self.sources,
            modules: self.modules,
            held: self.held,
            main,
            prelude,
            settings: IndexMap::new(),
            tables: std::sync::Arc::default(),
        }
    }

    /// The module belongs to the program, and all that it imports.
    fn hold(&mut self, id: ModuleId) {
        if let Some(held) = self.held.get_mut(id.0).filter(|held| !**held) {
            *held = true;
            let module = Arc::clone(&self.modules[id.0]);
            module.imports.iter().for_each(|&import| self.hold(import));
        }
    }

    fn main_file(&mut self, path: &Path) -> ModuleId {
        let text = match (self.read)(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                self.diagnostics.push(Diagnostic::error(&codes::NO_MODULE, message));
                String::new()
            }
        };
        self.file(path, &text)
    }

    fn file(&mut self, path: &Path, text: &str) -> ModuleId {
        let key = Key::File(path.to_owned());
        let file = self
            .sources
            .add(path.display().to_string(), Some(path.to_owned()), text);
        self.module(Some(key), Origin::File(path.to_owned()), file)
    }

    fn text(&mut self, origin: Origin, name: &str, text: &str) -> ModuleId {
        let file = self.sources.add(name, None, text);
        self.module(None, origin, file)
    }

    /// A module of the standard library that is known to exist.
    fn std(&mut self, name: &'static str) -> ModuleId {
        let id = self.place_of(name);
        self.hold(id);
        id
    }

    fn place_of(&self, name: &str) -> ModuleId {
        let known = self.known.get(&Key::Std(name.to_owned()));
        known.copied().unwrap_or(ModuleId(0))
    }

    /// Loads a file of the program's own, and what it imports.
    fn module(&mut self, key: Option<Key>, origin: Origin, file: FileId) -> ModuleId {
        let opened = key.is_some();
        self.open.extend(key.clone());
        let module = self.read_module(None, origin, file);
        if opened {
            self.open.pop();
        }
        let id = ModuleId(self.modules.len());
        self.modules.push(Arc::new(Slot::of(module)));
        self.held.push(true);
        if let Some(key) = key {
            self.known.insert(key, id);
        }
        id
    }

    /// Parses a file, loads what it imports and fills its scope. Its place is the next one, unless it has one.
    fn read_module(&mut self, place: Option<ModuleId>, origin: Origin, file: FileId) -> LoadedModule {
        let text = self.sources.file(file).shared_text();
        let tree = syntax::parse(file, &text, self.diagnostics);
        let mut names = Names::default();
        let mut imports = Vec::new();
        for item in &tree.items {
            if let ItemKind::Import(import) = &item.kind {
                let target = self.import(&origin, import);
                imports.extend(target);
                self.bind_import(&mut names, import, target, item.span);
            }
        }
        let id = place.unwrap_or(ModuleId(self.modules.len()));
        self.bind_items(&mut names, &tree, id);
        let Names { scope, meant, .. } = names;
        LoadedModule {
            origin,
            tree,
            scope,
            meant,
            imports,
        }
    }

    /// The imported module; none when it cannot be had, which was then reported.
    fn import(&mut self, from: &Origin, import: &Import) -> Option<ModuleId> {
        let key = match &import.source {
            ImportSource::Path(words) => Key::Std(words.join(".")),
            ImportSource::File(path) => match from.folder() {
                Some(folder) => Key::File(clean(&folder.join(path))),
                None => Key::File(clean(Path::new(path))),
            },
        };
        if let Some(&id) = self.known.get(&key) {
            self.hold(id);
            return Some(id);
        }
        if self.open.contains(&key) {
            self.report_cycle(&key, import.source_span);
            return None;
        }
        match key {
            // Those that there are, are known.
            Key::Std(name) => {
                self.report_no_std(&name, import.source_span);
                None
            }
            Key::File(path) => match (self.read)(&path) {
                Ok(text) => Some(self.file(&path, &text)),
                Err(error) => {
                    self.report_unreadable(&path, &error, import.source_span);
                    None
                }
            },
        }
    }

    fn bind_import(&mut self, names: &mut Names, import: &Import, target: Option<ModuleId>, whole: Span) {
        if import.alias.is_none() && import.names.as_ref().is_none_or(Vec::is_empty) {
            let message = "this import brings no name";
            let help = "name what you need in braces, `import std.models { resnet18 }`, or the module, `import std.train as training`";
            self.diagnostics.push(
                Diagnostic::error(&codes::IMPORTS_NOTHING, message)
                    .at(whole, "")
                    .help(help),
            );
        }
        if let Some(alias) = &import.alias {
            names.bind(
                alias,
                target.map_or(Meaning::Missing, Meaning::Module),
                self.diagnostics,
            );
        }
        for wanted in import.names.iter().flatten() {
            let meaning = target.map_or(Meaning::Missing, |id| self.exported(id, &wanted.name, names));
            names.bind(wanted.alias.as_ref().unwrap_or(&wanted.name), meaning, self.diagnostics);
        }
    }

    /// What a loaded module means by a name; reported when it has no such name and all of it could be read.
    fn exported(&mut self, id: ModuleId, wanted: &Ident, names: &mut Names) -> Meaning {
        let module = &self.modules[id.0];
        if let Some(meaning) = module.exported(&wanted.name) {
            return meaning;
        }
        if module.scope.contains_key(&wanted.name) {
            let shown = self.sources.file(module.tree.file).name();
            self.diagnostics.push(private(wanted, shown));
            return Meaning::Missing;
        }
        if !module.tree.items.iter().any(|item| matches!(item.kind, ItemKind::Bad)) {
            let shown = self.sources.file(module.tree.file).name();
            let message = format!("`{shown}` does not define `{}`", wanted.name);
            let diagnostic = Diagnostic::error(&codes::NOT_EXPORTED, message)
                .at(wanted.span, "not defined there")
                .help(listing(module.exports()))
                .suggest(wanted.span, &wanted.name, module.exports().map(String::as_str));
            names.meant.extend(diagnostic.fix.as_ref().map(|fix| fix.text.clone()));
            self.diagnostics.push(diagnostic);
        }
        Meaning::Missing
    }

    fn bind_items(&mut self, names: &mut Names, tree: &ast::Module, module: ModuleId) {
        let mut outs: IndexMap<&str, Span> = IndexMap::new();
        for (index, item) in tree.items.iter().enumerate() {
            if let Some(name) = defined_name(item) {
                names.bind(name, Meaning::Item(ItemId { module, index }), self.diagnostics);
            } else if let ItemKind::Out(out) = &item.kind {
                match outs.get(out.name.name.as_str()) {
                    Some(&first) => self.diagnostics.push(duplicate(&out.name, first)),
                    None => {
                        outs.insert(&out.name.name, out.name.span);
                    }
                }
            }
        }
    }

    fn report_cycle(&mut self, key: &Key, span: Span) {
        let start = self.open.iter().position(|open| open == key).unwrap_or(0);
        let circle: Vec<String> = self.open[start..].iter().chain([key]).map(shown).collect();
        let message = format!("files import each other in a circle: {}", circle.join(" -> "));
        let help = "move what both need into a file of its own, and import it from both";
        self.diagnostics.push(
            Diagnostic::error(&codes::IMPORT_CYCLE, message)
                .at(span, "closes the circle")
                .help(help),
        );
    }

    fn report_no_std(&mut self, name: &str, span: Span) {
        let message = format!("there is no module `{name}`");
        let known: Vec<&str> = builtins::std_modules().filter(|known| *known != PRELUDE).collect();
        let help = if name.starts_with("std.") {
            listing(known.iter().copied())
        } else {
            format!(
                "a file's path is written as a text: `import \"{}.mtl\"`",
                name.replace('.', "/")
            )
        };
        let diagnostic = Diagnostic::error(&codes::NO_MODULE, message).at(span, "not a module of the standard library");
        self.diagnostics.push(diagnostic.help(help).suggest(span, name, known));
    }

    fn report_unreadable(&mut self, path: &Path, error: &io::Error, span: Span) {
        let (message, help) = if error.kind() == io::ErrorKind::NotFound {
            let message = format!("there is no file `{}`", path.display());
            (
                message,
                "an imported path starts at the folder of the file that imports it".to_owned(),
            )
        } else {
            let message = format!("cannot read `{}`: {error}", path.display());
            (
                message,
                "an imported file is text in UTF-8 that you may read".to_owned(),
            )
        };
        self.diagnostics.push(
            Diagnostic::error(&codes::NO_MODULE, message)
                .at(span, "imported here")
                .help(help),
        );
    }
}

fn shown(key: &Key) -> String {
    match key {
        Key::File(path) => path.display().to_string(),
        Key::Std(name) => name.clone(),
    }
}

/// `it has a, b, c`
fn listing<'a, S: AsRef<str> + 'a + ?Sized>(names: impl Iterator<Item = &'a S>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{}`", name.as_ref())).collect();
    if names.is_empty() {
        "it defines nothing".to_owned()
    } else {
        format!("known are {}", names.join(", "))
    }
}

/// `name` is private to the file that defines it.
pub(super) fn private(name: &Ident, file: &str) -> Diagnostic {
    Diagnostic::error(&codes::PRIVATE, format!("`{}` is private to `{file}`", name.name))
        .at(name.span, "begins with `_`")
        .help("a name that begins with `_` can be used in its file alone; rename it there to export it")
}

/// `name` is defined a second time; `first` is where it was defined before.
fn duplicate(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(&codes::DUPLICATE, format!("`{}` is defined twice", name.name))
        .at(name.span, "again here")
        .at(first, "first here")
        .help("rename one of the two; an import is renamed with `as`")
}

/// A module's scope as it grows, with the places of its names.
#[derive(Default)]
struct Names {
    scope: IndexMap<String, Meaning, FxBuildHasher>,
    places: IndexMap<String, Span>,
    meant: IndexSet<String>,
}

impl Names {
    fn bind(&mut self, name: &Ident, meaning: Meaning, diagnostics: &mut Diagnostics) {
        match self.places.get(&name.name) {
            Some(&first) => diagnostics.push(duplicate(name, first)),
            None => {
                self.places.insert(name.name.clone(), name.span);
                self.scope.insert(name.name.clone(), meaning);
            }
        }
    }
}
