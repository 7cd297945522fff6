//! A project: what `mtl.toml` sets for the programs beside it and below it.
//!
//! The file is the nearest `mtl.toml` in the program's folder or above. What a command's option says goes before what the
//! environment says, that before the file, and the file before the default. No setting changes a result.

mod read;
pub mod units;

use crate::{
    diag::{Diagnostic, Diagnostics, codes::project as codes},
    source::{self, SourceMap},
};
use std::{
    env, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The file's name.
pub const FILE: &str = "mtl.toml";

/// The settings of a project; each is none where the file does not have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// The file that they are from.
    pub file: Option<PathBuf>,
    /// `[store]`
    pub store: StoreSettings,
    /// `[run]`
    pub run: RunSettings,
}

/// Where results are stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreSettings {
    /// `path`: the store's folder, from the file's own folder on.
    pub path: Option<PathBuf>,
    /// `trail`: bytes that the states of epochs of one program may take.
    pub trail: Option<u64>,
    /// `quota`: bytes that objects and states may take.
    pub quota: Option<u64>,
    /// `front`: the folder of a store for what is new, from the file's own folder on; the one at `path` is only read.
    pub front: Option<PathBuf>,
    /// `link`: true for `"hard"`, by which files of outputs are second names of the store's; false for `"copy"`.
    pub links: Option<bool>,
}

/// How programs are run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSettings {
    /// `threads`: how many compute, from 1 to [`MOST_THREADS`].
    pub threads: Option<u16>,
    /// `jobs`: how many stages run at once, at most, from 1 to [`MOST_THREADS`].
    pub jobs: Option<u16>,
    /// `keep_going`: after a failure, what does not depend on it is run.
    pub keep_going: Option<bool>,
    /// `save_every`: how often the state of a training is saved inside an epoch.
    pub save_every: Option<Duration>,
}

/// The most threads, and the most stages at once, that may be asked for.
pub const MOST_THREADS: u16 = 1024;

/// The settings for a program, from the nearest `mtl.toml`; the defaults where there is none. `read` gives a file's text.
///
/// Mistakes in the file are reported, and what is right in it is kept. The file joins `sources`.
pub fn find(
    program: &Path,
    read: &dyn Fn(&Path) -> io::Result<String>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Project {
    let program = source::absolute(program);
    for folder in program.ancestors().skip(1) {
        let path = folder.join(FILE);
        match read(&path) {
            Ok(text) => {
                let file = sources.add(shown(&path), Some(path.clone()), text.as_str());
                return read::project(&path, &text, file, diagnostics);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", shown(&path));
                let help = "make it a readable text in UTF-8, or remove it";
                diagnostics.push(Diagnostic::error(&codes::UNREADABLE_SETTINGS, message).help(help));
                return Project::default();
            }
        }
    }
    Project::default()
}

/// The path as a user would write it: from the working folder on, where it lies below.
fn shown(path: &Path) -> String {
    let below = env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.as_deref().unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
