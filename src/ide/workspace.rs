//! The texts that are open, the files around them, and the programs that they make.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use super::{
    analysis::{Analysis, FileKey, Location},
    planning::{PlanJob, Planned, Stages},
};
use crate::{
    analysis::{Origin, Program},
    diag::{Diagnostic, Diagnostics, Severity, codes},
    syntax::ast::{ImportSource, ItemKind},
    tables::Cache,
};

/// The most `.mtl` files that are looked at beside the open ones.
const MOST_FILES: usize = 500;

/// The most entries of folders that are looked at on the search for them.
const MOST_ENTRIES: usize = 20_000;

/// A diagnostic with its places as an editor needs them.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// Where it is shown.
    pub location: Location,
    /// How serious.
    pub severity: Severity,
    /// Its code: `mtl::names::unknown`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Words at the first place.
    pub label: String,
    /// Further places with a few words each.
    pub related: Vec<(Location, String)>,
    /// A mend: the place that is replaced, and the new text.
    pub fix: Option<(Location, String)>,
}

impl Reported {
    /// Sorts the diagnostics of a file by place, and keeps one of those that are alike.
    pub fn sort_out(list: &mut Vec<Self>) {
        list.sort_by_key(|one| (one.location.range.start, one.location.range.end));
        let mut kept: Vec<Self> = Vec::with_capacity(list.len());
        for one in list.drain(..) {
            let mut here = kept
                .iter()
                .rev()
                .take_while(|other| other.location.range == one.location.range);
            if !here.any(|other| *other == one) {
                kept.push(one);
            }
        }
        *list = kept;
    }
}

/// The open texts and the programs made of them.
#[derive(Debug, Default)]
pub struct Workspace {
    folders: Vec<PathBuf>,
    open: BTreeMap<PathBuf, Arc<str>>,
    programs: BTreeMap<FileKey, Rc<Analysis>>,
    planned: BTreeMap<PathBuf, Planned>,
    files: Option<Vec<PathBuf>>,
    /// The tables that programs read, kept from one to the next.
    tables: Arc<Cache>,
}

impl Workspace {
    /// A workspace of some folders; without one, the folders of the open files are searched for further files.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            ..Self::default()
        }
    }

    /// Takes the text of an open file, when it is opened and at every change.
    pub fn set(&mut self, path: &Path, text: impl Into<Arc<str>>) {
        if self.open.insert(path.to_owned(), text.into()).is_none() {
            self.files = None;
        }
        self.forget(path);
    }

    /// The file is closed: what lies on disk counts again.
    pub fn close(&mut self, path: &Path) {
        self.open.remove(path);
        self.files = None;
        self.forget(path);
    }

    /// Something about a file on disk changed: its text, or whether it is there.
    pub fn touch(&mut self, path: &Path) {
        self.files = None;
        self.forget(path);
    }

    /// True while a file is open.
    #[must_use]
    pub fn is_open(&self, path: &Path) -> bool {
        self.open.contains_key(path)
    }

    /// The open files.
    pub fn open_files(&self) -> impl Iterator<Item = &Path> {
        self.open.keys().map(PathBuf::as_path)
    }

    /// The text of a file: of an open one what the editor shows, else what lies on disk.
    ///
    /// # Errors
    /// When it is not open and cannot be read.
    pub fn text(&self, path: &Path) -> io::Result<Arc<str>> {
        match self.open.get(path) {
            Some(text) => Ok(Arc::clone(text)),
            None => std::fs::read_to_string(path).map(Arc::from),
        }
    }

    fn forget(&mut self, path: &Path) {
        let stale = |analysis: &Analysis| {
            let misses = analysis.diagnostics.iter().any(|d| d.code == &codes::names::NO_MODULE);
            misses || analysis.paths().any(|known| known == path)
        };
        let gone: Vec<FileKey> = self
            .programs
            .iter()
            .filter(|(_, analysis)| stale(analysis))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.programs.remove(&key);
            if let FileKey::Path(path) = key {
                self.planned.remove(&path);
            }
        }
    }

    /// The program whose main file this is; of the standard library one that holds the module.
    pub fn program(&mut self, key: &FileKey) -> Rc<Analysis> {
        if let Some(known) = self.programs.get(key) {
            return Rc::clone(known);
        }
        let made = Rc::new(match key {
            FileKey::Path(path) => {
                let open = &self.open;
                Analysis::of_file(path, &self.tables, &|path| match open.get(path) {
                    Some(text) => Ok(text.to_string()),
                    None => std::fs::read_to_string(path),
                })
            }
            FileKey::Std(name) => Analysis::of_std(name),
        });
        self.programs.insert(key.clone(), Rc::clone(&made));
        made
    }

    /// The program of a file with another text in it, which is not kept: for completion, and to try a change.
    #[must_use]
    pub fn with_texts(&self, main: &Path, texts: &BTreeMap<PathBuf, String>) -> Analysis {
        Analysis::of_file(main, &self.tables, &|path| {
            let changed = texts.get(path).cloned().map(Ok);
            changed.unwrap_or_else(|| self.text(path).map(|text| text.to_string()))
        })
    }

    /// All `.mtl` files of the workspace's folders and all open files, by path.
    pub fn files(&mut self) -> Vec<PathBuf> {
        if let Some(known) = &self.files {
            return known.clone();
        }
        let mut found: BTreeSet<PathBuf> = self.open.keys().cloned().collect();
        let mut folders: Vec<PathBuf> = self.folders.clone();
        if folders.is_empty() {
            folders.extend(self.open.keys().filter_map(|path| path.parent()).map(Path::to_owned));
        }
        let mut entries = 0;
        let mut next = 0;
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                entries += 1;
                let (path, name) = (entry.path(), entry.file_name());
                let name = name.to_string_lossy();
                let skipped = name.starts_with('.') || matches!(&*name, "target" | "node_modules" | "out");
                // Links are not followed: they may lead in circles.
                let kind = entry.file_type();
                if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) && !skipped {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "mtl") && found.len() < MOST_FILES {
                    found.insert(path);
                }
            }
            if entries > MOST_ENTRIES {
                break;
            }
        }
        let found: Vec<PathBuf> = found.into_iter().collect();
        self.files = Some(found.clone());
        found
    }

    /// The programs of the workspace that hold a file, its own first.
    pub fn holders(&mut self, key: &FileKey) -> Vec<(FileKey, Rc<Analysis>)> {
        let mut holders = vec![(key.clone(), self.program(key))];
        for path in self.files() {
            let other = FileKey::Path(path);
            if other != *key {
                let analysis = self.program(&other);
                if analysis.file(key).is_some() {
                    holders.push((other, analysis));
                }
            }
        }
        holders
    }

    /// What planning a program takes, unless it has errors or nothing to plan.
    pub fn plan_job(&mut self, path: &Path) -> Option<PlanJob> {
        let analysis = self.program(&FileKey::Path(path.to_owned()));
        let nothing = analysis.diagnostics.has_errors() || analysis.program.outputs().next().is_none();
        (!nothing).then(|| PlanJob {
            path: path.to_owned(),
            program: Arc::clone(&analysis.program),
        })
    }

    /// True while no file of the program has changed since it was to be planned.
    #[must_use]
    pub fn is_current(&self, job: &PlanJob) -> bool {
        self.is_held(&job.path, &job.program)
    }

    fn is_held(&self, path: &Path, program: &Arc<Program>) -> bool {
        let known = self.programs.get(&FileKey::Path(path.to_owned()));
        known.is_some_and(|analysis| Arc::ptr_eq(&analysis.program, program))
    }

    /// Takes what planning told, which counts until a file of the program changes; false when that has happened.
    pub fn accept(&mut self, planned: Planned) -> bool {
        let current = self.is_held(&planned.path, &planned.program);
        if current {
            self.planned.insert(planned.path.clone(), planned);
        }
        current
    }

    /// The stages of each output, as far as the program was planned since it changed.
    pub(super) fn stages(&self, path: &Path) -> impl Iterator<Item = (&str, Stages)> {
        let planned = self.planned.get(path);
        planned
            .into_iter()
            .flat_map(|p| p.stages.iter().map(|(name, stages)| (name.as_str(), *stages)))
    }

    /// What is wrong in the programs that hold a file, by file; every file of these programs has an entry.
    pub fn diagnostics(&mut self, path: &Path) -> BTreeMap<PathBuf, Vec<Reported>> {
        let key = FileKey::Path(path.to_owned());
        let mut all: BTreeMap<PathBuf, Vec<Reported>> = BTreeMap::new();
        all.entry(path.to_owned()).or_default();
        let mut open: Vec<FileKey> = self.holders(&key).into_iter().map(|(key, _)| key).collect();
        // What an importer of this file says of a third file must not be lost when that one is published.
        let mut seen: BTreeSet<FileKey> = open.iter().cloned().collect();
        while let Some(key) = open.pop() {
            let analysis = self.program(&key);
            for path in analysis.paths() {
                all.entry(path.to_owned()).or_default();
                let other = FileKey::Path(path.to_owned());
                if self.is_open(path) && seen.insert(other.clone()) {
                    open.push(other);
                }
            }
        }
        for key in seen {
            let FileKey::Path(main) = &key else { continue };
            let analysis = self.program(&key);
            let planned = self.planned.get(main).map(|planned| &planned.diagnostics);
            // A parameter without a value is given one by whoever runs the program.
            let planned = planned.into_iter().flat_map(Diagnostics::iter);
            let planned = planned.filter(|d| d.code != &codes::plan::NO_VALUE);
            for diagnostic in analysis.diagnostics.iter().chain(planned) {
                let Some(reported) = reported(&analysis, main, diagnostic) else {
                    continue;
                };
                if let FileKey::Path(path) = &reported.location.file
                    && let Some(list) = all.get_mut(path)
                {
                    list.push(reported);
                }
            }
        }
        all.values_mut().for_each(Reported::sort_out);
        all
    }

    /// The modules that an import of a file can name, as they are written there: `"lab/films.mtl"`.
    pub(super) fn importable(&self, from: &Path) -> Vec<String> {
        let Some(folder) = from.parent() else { return Vec::new() };
        let mut known = self
            .files
            .clone()
            .unwrap_or_else(|| self.open.keys().cloned().collect());
        known.sort();
        known
            .iter()
            .filter(|path| path.as_path() != from)
            .filter_map(|path| path.strip_prefix(folder).ok())
            .map(|path| path.to_string_lossy().replace('\\', "/"))
            .collect()
    }
}

/// A diagnostic at its first place in a file of the user's own; none when it has no such place.
fn reported(analysis: &Analysis, main: &Path, diagnostic: &Diagnostic) -> Option<Reported> {
    let mut places: Vec<(Location, String)> = diagnostic
        .labels
        .iter()
        .filter_map(|label| Some((analysis.location(label.span)?, label.text.clone())))
        .collect();
    let own = places
        .iter()
        .position(|(place, _)| matches!(place.file, FileKey::Path(_)));
    let (location, label) = match own {
        Some(at) => places.remove(at),
        None => (start_of(analysis, main)?, String::new()),
    };
    Some(Reported {
        location,
        severity: diagnostic.severity,
        code: diagnostic.code.id,
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
        label,
        related: places,
        fix: diagnostic
            .fix
            .as_ref()
            .and_then(|fix| Some((analysis.location(fix.span)?, fix.text.clone()))),
    })
}

fn start_of(analysis: &Analysis, main: &Path) -> Option<Location> {
    let file = analysis.file(&FileKey::Path(main.to_owned()))?;
    Some(Location {
        file: FileKey::Path(main.to_owned()),
        text: analysis.program.sources.file(file).shared_text(),
        range: 0..0,
    })
}

impl Analysis {
    /// The folder and the text of an import that names a file.
    pub(super) fn import_source(&self, source: &ImportSource, from: &Origin) -> Option<FileKey> {
        match source {
            ImportSource::Path(words) => {
                crate::builtins::std_source(&words.join(".")).map(|(name, _)| FileKey::Std(name))
            }
            ImportSource::File(path) => {
                let folder = from.folder()?;
                self.paths()
                    .find(|known| same_file(known, &folder.join(path)))
                    .map(|known| FileKey::Path(known.to_owned()))
            }
        }
    }

    /// The module that the import around a place names, when it could be loaded.
    pub(super) fn imported_at(&self, file: crate::source::FileId, offset: usize) -> Option<FileKey> {
        let (_, module) = self.module(file)?;
        module.tree.items.iter().find_map(|item| match &item.kind {
            ItemKind::Import(import) if import.source_span.touches(offset) => {
                self.import_source(&import.source, &module.origin)
            }
            _ => None,
        })
    }
}

/// True when two spellings mean one path, `.` and `..` resolved by name alone.
fn same_file(known: &Path, spelled: &Path) -> bool {
    let mut clean = PathBuf::new();
    for part in spelled.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    known == clean
}
