//! From a file name to a checked program and its plan: what most commands begin with.

use super::{Exit, Format, ProgramArguments, StoreArguments, output};
use crate::{
    analysis::{self, Main, Program},
    diag::{self, Diagnostics},
    plan::{self, Plan, digest::Digest},
    project::{self, Project},
    source::{self, SourceMap},
    store::{Store, StoreError},
    tables::Cache,
};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A program with all that was found to be wrong with it.
pub(super) struct Loaded {
    /// The program.
    pub(super) program: Program,
    /// Its plan, when it has no error.
    pub(super) plan: Option<Plan>,
    /// What its `mtl.toml` sets.
    pub(super) project: Project,
    /// Everything that was found.
    pub(super) diagnostics: Diagnostics,
}

/// Loads, checks and plans the wanted outputs, all of them when none is named.
pub(super) fn load(arguments: &ProgramArguments, outputs: &[String]) -> Loaded {
    load_with(arguments, outputs, &|path| fs::read_to_string(path))
}

/// As [`load`], with the files' text from `read`.
pub(super) fn load_with(
    arguments: &ProgramArguments,
    outputs: &[String],
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Loaded {
    load_again(arguments, outputs, &Arc::default(), read)
}

/// As [`load_with`], with tables that were read for an earlier state of the program.
pub(super) fn load_again(
    arguments: &ProgramArguments,
    outputs: &[String],
    tables: &Arc<Cache>,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Loaded {
    let mut diagnostics = Diagnostics::new();
    let mut program = analysis::load_with(Main::File(&arguments.program), read, &mut diagnostics);
    program.tables = Arc::clone(tables);
    let project = project::find(&arguments.program, read, &mut program.sources, &mut diagnostics);
    for (name, value) in &arguments.sets {
        if let Err(diagnostic) = program.set_param(name, value) {
            diagnostics.push(diagnostic);
        }
    }
    analysis::check(&program, &mut diagnostics);
    let mut plan = None;
    if !diagnostics.has_errors() {
        let options = plan::Options {
            outputs: outputs.to_vec(),
        };
        plan = plan::plan(&program, &options, &mut diagnostics);
    }
    if diagnostics.has_errors() {
        plan = None;
    }
    Loaded {
        program,
        plan,
        project,
        diagnostics,
    }
}

impl Loaded {
    /// Shows what was found, and gives the plan of a program without errors.
    pub(super) fn plan(&self, format: Format) -> Result<&Plan, Exit> {
        match format {
            Format::Json if self.diagnostics.has_errors() => {
                output::json(&diag::json::listing(&self.diagnostics, &self.program.sources));
            }
            _ => output::diagnostics(&self.diagnostics, &self.program.sources),
        }
        self.plan.as_ref().ok_or(Exit::ProgramWrong)
    }
}

/// By which name a program's states are counted: its place, wherever it is called from.
pub(super) fn pipeline(program: &Path) -> String {
    let absolute = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    absolute.to_string_lossy().into_owned()
}

/// The folder in which a program lies.
pub(super) fn folder(program: &Path) -> PathBuf {
    match program.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What the history of runs calls a program: its absolute path.
pub(super) fn name_in_history(program: &Path) -> String {
    source::absolute(program).display().to_string()
}

/// The settings for a program that is not read itself; or shows what is wrong with them.
pub(super) fn project_of(program: &Path) -> Result<Project, Exit> {
    let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let project = project::find(
        program,
        &|path| fs::read_to_string(path),
        &mut sources,
        &mut diagnostics,
    );
    if diagnostics.is_empty() {
        return Ok(project);
    }
    output::diagnostics(&diagnostics, &sources);
    Err(Exit::ProgramWrong)
}

/// The store's folder: `--store`, else `MTL_STORE`, else what `mtl.toml` says, else `.mtl` beside the program.
pub(super) fn store_folder(arguments: &StoreArguments, project: &Project, program: &Path) -> PathBuf {
    let from_environment = || {
        env::var_os("MTL_STORE")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    arguments
        .store
        .clone()
        .or_else(from_environment)
        .or_else(|| project.store.path.clone())
        .unwrap_or_else(|| folder(program).join(".mtl"))
}

/// The store of a program or of a folder's programs, which must be there.
pub(super) fn existing_store(arguments: &StoreArguments, program: &Path) -> Result<Store, Exit> {
    let beside = if program.is_dir() {
        program.join("program.mtl")
    } else {
        program.to_owned()
    };
    let project = project_of(&beside)?;
    let folder = store_folder(arguments, &project, &beside);
    if !folder.is_dir() {
        output::failure(
            &format!("there is no store at {}", folder.display()),
            Some("`mtl run` makes it; name another with `--store`, or a program whose store is meant"),
        );
        return Err(Exit::EnvironmentWrong);
    }
    open_store(&folder, &project)
}

/// Opens the store, or says why it cannot be. One that may not be written to, or is not to be, gets another in front of it.
pub(super) fn open_store(folder: &Path, project: &Project) -> Result<Store, Exit> {
    let failed = |error| store_failed(&error);
    if let Some(front) = &project.store.front {
        return Store::open_in_front(front, folder).map_err(failed);
    }
    let error = match Store::open(folder) {
        Ok(store) => return Ok(store),
        Err(error) => error,
    };
    let is_closed = matches!(error, StoreError::ReadOnly { .. } | StoreError::Permission { .. });
    let Some(front) = default_front(folder).filter(|_| is_closed && folder.join("VERSION").is_file()) else {
        return Err(failed(error));
    };
    output::error_line(&format!(
        "store: {} cannot be written to; it is read, and new results go to {}",
        folder.display(),
        front.display()
    ));
    Store::open_in_front(&front, folder).map_err(failed)
}

/// Where the store in front of this one lies, if nothing else is said: in the user's cache, by a digest of this one's path.
fn default_front(folder: &Path) -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
    let path = fs::canonicalize(folder).ok()?;
    let digest = Digest::of(path.as_os_str().as_encoded_bytes()).to_string();
    Some(cache.join("mtl").join(&digest[..16]))
}

/// Shows what the store found amiss.
pub(super) fn tell_notices(store: &Store) {
    for notice in store.take_notices() {
        output::error_line(&format!("store: {notice}"));
    }
}

/// Opens the store of a program, which is made if it is not there.
pub(super) fn store_of(arguments: &StoreArguments, project: &Project, program: &Path) -> Result<Store, Exit> {
    open_store(&store_folder(arguments, project, program), project)
}

/// Says what is wrong with the store, and what to do.
pub(super) fn store_failed(error: &StoreError) -> Exit {
    output::failure(error, error.help());
    Exit::EnvironmentWrong
}
