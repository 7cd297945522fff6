//! What is watched, and when a change is over.
//!
//! Editors replace files (a new one is written and renamed over the old one), so the folders are watched and not the files.
//! What a change means is decided by what is in the files, so signs that mean nothing cost a decision and no more.

use super::{Message, now};
use crate::{plan::Plan, source};
use notify::{
    Config, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::mpsc::Sender,
    time::Duration,
};

/// How often folders are looked at where the system does not tell of changes.
const POLL: Duration = Duration::from_secs(1);

/// What a program rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// Files that were asked for, whether they are there or not: the program, its imports, settings, manifests, weights.
    pub(super) files: BTreeSet<PathBuf>,
    /// Folders of pictures, absolute.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Folders whose subfolders count too, absolute.
    pub(super) trees: BTreeSet<PathBuf>,
}

/// Watches folders, and says which signs concern the program.
pub(super) struct Files {
    watcher: Box<dyn Watcher>,
    sender: Sender<Message>,
    is_polling: bool,
    watched: BTreeMap<PathBuf, RecursiveMode>,
    sources: Sources,
    /// Names of the files, those of what links lead to among them, all absolute.
    names: BTreeSet<PathBuf>,
    /// Folders that this process itself writes to.
    own: Vec<PathBuf>,
}

/// Passes on which files show signs of change.
fn handler(sender: Sender<Message>) -> impl FnMut(notify::Result<notify::Event>) + Send + 'static {
    move |event| {
        let Ok(event) = event else { return };
        // Reading a file is a sign too, and this process reads them.
        let is_change = !matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
        if is_change {
            // Nobody listens any more when the loop has ended.
            let _ = sender.send(Message::Touched(event.paths, now()));
        }
    }
}

impl Files {
    /// Watches nothing yet. What lies in the folders of `own` never counts.
    ///
    /// # Errors
    /// When the system has no way to watch files.
    pub(super) fn new(sender: Sender<Message>, own: &[PathBuf]) -> notify::Result<Self> {
        let watcher = RecommendedWatcher::new(handler(sender.clone()), Config::default());
        let (watcher, is_polling): (Box<dyn Watcher>, bool) = match watcher {
            Ok(watcher) => (Box::new(watcher), false),
            Err(_) => (Box::new(polling(sender.clone())?), true),
        };
        Ok(Self {
            watcher,
            sender,
            is_polling,
            watched: BTreeMap::new(),
            sources: Sources::default(),
            names: BTreeSet::new(),
            own: own.iter().map(|folder| source::absolute(folder)).collect(),
        })
    }

    /// Watches these in the place of what was watched before. True when changes are now looked for once a second, because
    /// the system tells of no more folders.
    pub(super) fn follow(&mut self, sources: Sources) -> bool {
        if sources == self.sources {
            return false;
        }
        let mut wanted: BTreeMap<PathBuf, RecursiveMode> = BTreeMap::new();
        self.names = sources.files.iter().flat_map(|file| names(file)).collect();
        let homes = self.names.iter().filter_map(|file| home(file));
        for folder in homes.chain(sources.folders.iter().cloned()) {
            wanted.insert(folder, RecursiveMode::NonRecursive);
        }
        for tree in &sources.trees {
            wanted.insert(tree.clone(), RecursiveMode::Recursive);
        }
        let gone: Vec<_> = self
            .watched
            .keys()
            .filter(|folder| !wanted.contains_key(*folder))
            .cloned()
            .collect();
        for folder in gone {
            // A folder that is no longer there is no longer watched.
            let _ = self.watcher.unwatch(&folder);
            self.watched.remove(&folder);
        }
        self.sources = sources;
        !self.watch_all(&wanted) && !self.is_polling && self.poll(&wanted)
    }

    /// Watches what is not watched yet; false when the system will not.
    fn watch_all(&mut self, wanted: &BTreeMap<PathBuf, RecursiveMode>) -> bool {
        let mut all = true;
        for (folder, mode) in wanted {
            if self.watched.get(folder) == Some(mode) {
                continue;
            }
            match self.watcher.watch(folder, *mode) {
                Ok(()) => {
                    self.watched.insert(folder.clone(), *mode);
                }
                Err(_) => all &= !folder.is_dir(),
            }
        }
        all
    }

    /// Looks at the folders once a second from now on.
    fn poll(&mut self, wanted: &BTreeMap<PathBuf, RecursiveMode>) -> bool {
        let Ok(watcher) = polling(self.sender.clone()) else {
            return false;
        };
        self.watcher = Box::new(watcher);
        self.is_polling = true;
        self.watched.clear();
        self.watch_all(wanted);
        true
    }

    /// True when a sign at this place may change the program.
    pub(super) fn concern(&self, path: &Path) -> bool {
        let path = source::absolute(path);
        if self.own.iter().any(|own| path.starts_with(own)) {
            return false;
        }
        let Sources { folders, trees, .. } = &self.sources;
        self.names.contains(&path)
            || path.parent().is_some_and(|parent| folders.contains(parent))
            || trees.iter().any(|tree| path.starts_with(tree))
    }
}

fn polling(sender: Sender<Message>) -> notify::Result<PollWatcher> {
    PollWatcher::new(handler(sender), Config::default().with_poll_interval(POLL))
}

/// A file's absolute name, and that of what it is a link to.
fn names(file: &Path) -> Vec<PathBuf> {
    let absolute = source::absolute(file);
    let real = fs::canonicalize(&absolute).ok().filter(|real| *real != absolute);
    std::iter::once(absolute).chain(real).collect()
}

/// The folder in which a file lies; while that is not there, the nearest one above it that is.
fn home(file: &Path) -> Option<PathBuf> {
    file.ancestors()
        .skip(1)
        .find(|folder| folder.is_dir())
        .map(Path::to_owned)
}

/// The data files of a plan: few by their names, many by their folders.
pub(super) fn add_data(sources: &mut Sources, plan: &Plan) {
    for node in plan.order() {
        let mut before = None;
        for file in plan.graph[node].work.files() {
            match file.parent() {
                // Most files lie beside the one before, and there may be a million.
                folder if folder.is_some() && folder == before => {}
                Some(folder) if !folder.as_os_str().is_empty() => {
                    sources.folders.insert(source::absolute(folder));
                    before = Some(folder);
                }
                _ => {
                    sources.files.insert(file.clone());
                }
            }
        }
    }
}
