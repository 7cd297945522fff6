//! `mtl fetch`: the one command that opens connections.

use super::{Exit, ProgramArguments, output, program};
use clap::Args;

/// Arguments of `mtl fetch`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,
}

/// Brings the files of the Hugging Face hub that a program names into the hub's cache.
#[cfg(feature = "hub")]
pub(super) fn fetch(arguments: &Arguments) -> Exit {
    use crate::plan::{HubFile, hub_cache, hub_files};

    let loaded = program::load(&arguments.program, &[]);
    let Some(cache) = hub_cache() else {
        output::error_line("error: there is no home folder for the hub's cache; set HF_HOME");
        return Exit::EnvironmentWrong;
    };
    let mut known: Vec<HubFile> = Vec::new();
    loop {
        // What one file says may lead to others.
        let all = hub_files(&loaded.program);
        let new: Vec<HubFile> = all.into_iter().filter(|file| !known.contains(file)).collect();
        if new.is_empty() {
            break;
        }
        for file in new {
            if let Err(message) = fetch_one(&file, &cache) {
                output::error_line(&format!("error: {file}: {message}"));
                return Exit::EnvironmentWrong;
            }
            known.push(file);
        }
    }
    if known.is_empty() {
        output::line("the program names no file of the hub");
    }
    Exit::Done
}

/// Brings one file into the cache, unless it is there, and compares its digest with the program's.
#[cfg(feature = "hub")]
fn fetch_one(file: &crate::plan::HubFile, cache: &std::path::Path) -> Result<(), String> {
    use crate::plan::digest::Digest;
    use hf_hub::{Repo, RepoType, api::sync::ApiBuilder};

    let there = file.cached(cache);
    let (path, how) = match there {
        Some(path) => (path, "was there"),
        None => {
            let api = ApiBuilder::from_env().with_progress(false).build();
            let repo = Repo::with_revision(file.repo.clone(), RepoType::Model, file.revision.clone());
            let path = api.and_then(|api| api.repo(repo).download(&file.file));
            (path.map_err(|error| error.to_string())?, "fetched")
        }
    };
    let found = Digest::of_file(&path).map_err(|error| error.to_string())?;
    match file.digest {
        Some(wanted) if wanted != found => Err(format!(
            "the hub gives another file than the program means: its digest is {found}, not {wanted}"
        )),
        Some(_) => {
            output::line(&format!("{file}: {how}"));
            Ok(())
        }
        None => {
            output::line(&format!("{file}: {how}; write `digest: \"{found}\"`"));
            Ok(())
        }
    }
}

/// Says how to build what fetches.
#[cfg(not(feature = "hub"))]
pub(super) fn fetch(arguments: &Arguments) -> Exit {
    let files = crate::plan::hub_files(&program::load(&arguments.program, &[]).program);
    if files.is_empty() {
        output::line("the program names no file of the hub");
        return Exit::Done;
    }
    output::failure(
        &"this MTL was built without the feature `hub`, and opens no connections",
        Some("build it with `cargo build --release --locked --features hub`"),
    );
    Exit::EnvironmentWrong
}
