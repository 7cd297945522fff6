//! Partial states: what a stage saved on its way, so that it goes on where it was interrupted.
//!
//! `partial/<key>/state.<number>.<digest>`: the number grows with every save, and the digest in the name tells a sound
//! state from a damaged one.

use super::{
    disk::{Disk, Open},
    durable::{make_dir, sync_dir},
    error::{At, StoreError, if_there},
    notice::Notices,
    objects::{is_sound, quarantine},
};
use crate::plan::digest::Digest;
use std::path::{Path, PathBuf};

/// The saved states in a folder, newest first.
pub(super) fn states(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, Digest, PathBuf)>, StoreError> {
    let Some(names) = if_there(disk.list(folder)).at("list", folder)? else {
        return Ok(Vec::new());
    };
    let mut states = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let name = name.to_str().unwrap_or_default();
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
pub(super) fn save(disk: &dyn Disk, folder: &Path, file: &Path) -> Result<(), StoreError> {
    let size = disk.look(file).at("look at", file)?.size;
    let contents = disk.open(file, Open::Read).at("read", file)?;
    contents.sync().writing("write", file, size)?;
    let digest = Digest::of_reader(contents).at("read", file)?;
    make_dir(disk, folder)?;
    let older = states(disk, folder)?;
    let number = older.first().map_or(0, |(number, ..)| number + 1);
    let target = folder.join(format!("state.{number}.{digest}"));
    disk.rename(file, &target).at("write", &target)?;
    sync_dir(disk, folder)?;
    for (_, _, path) in older {
        if_there(disk.remove_file(&path)).at("remove", &path)?;
    }
    Ok(())
}

/// The newest sound state of a folder that is only read.
pub(super) fn newest_sound(disk: &dyn Disk, folder: &Path) -> Result<Option<PathBuf>, StoreError> {
    for (_, digest, path) in states(disk, folder)? {
        if is_sound(disk, &path, digest)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The newest sound state; damaged ones are set aside.
pub(super) fn load(
    disk: &dyn Disk,
    folder: &Path,
    aside: &Path,
    notices: &Notices,
) -> Result<Option<PathBuf>, StoreError> {
    for (_, digest, path) in states(disk, folder)? {
        if is_sound(disk, &path, digest)? {
            return Ok(Some(path));
        }
        quarantine(disk, &path, aside, &format!("state.{digest}"), notices)?;
    }
    Ok(None)
}
