//! Partial states: what a stage saved on its way, so that it goes on where it was interrupted.
//!
//! `partial/<key>/state.<number>.<digest>`: the number grows with every save, and the digest in the name tells a sound
//! state from a damaged one.

use super::{
    durable::{make_dir, sync_dir},
    error::{At, StoreError, if_there},
    notice::Notices,
    objects::{is_sound, quarantine},
};
use crate::plan::digest::Digest;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// The saved states in a folder, newest first.
fn states(folder: &Path) -> Result<Vec<(u64, Digest, PathBuf)>, StoreError> {
    let Some(entries) = if_there(fs::read_dir(folder)).at("list", folder)? else {
        return Ok(Vec::new());
    };
    let mut states = Vec::new();
    for entry in entries {
        let path = entry.at("list", folder)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let parts = name.strip_prefix("state.").and_then(|rest| rest.split_once('.'));
        if let Some((number, digest)) = parts
            && let (Ok(number), Ok(digest)) = (number.parse(), digest.parse())
        {
            states.push((number, digest, path));
        }
    }
    states.sort_by(|a, b| b.cmp(a));
    Ok(states)
}

/// Makes `file` the newest state of `folder`, durably, and removes the older ones.
pub(super) fn save(folder: &Path, file: &Path) -> Result<(), StoreError> {
    let size = fs::metadata(file).at("look at", file)?.len();
    File::open(file)
        .and_then(|file| file.sync_all())
        .writing("write", file, size)?;
    let digest = Digest::of_file(file).at("read", file)?;
    make_dir(folder)?;
    let older = states(folder)?;
    let number = older.first().map_or(0, |(number, ..)| number + 1);
    let target = folder.join(format!("state.{number}.{digest}"));
    fs::rename(file, &target).at("write", &target)?;
    sync_dir(folder)?;
    for (_, _, path) in older {
        if_there(fs::remove_file(&path)).at("remove", &path)?;
    }
    Ok(())
}

/// The newest sound state; damaged ones are set aside.
pub(super) fn load(folder: &Path, aside: &Path, notices: &Notices) -> Result<Option<PathBuf>, StoreError> {
    for (_, digest, path) in states(folder)? {
        if is_sound(&path, digest)? {
            return Ok(Some(path));
        }
        quarantine(&path, aside, &format!("state.{digest}"), notices)?;
    }
    Ok(None)
}
