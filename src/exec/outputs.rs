//! The folders that a person opens: `out/<name>/`, one copy of each file of the output.

use crate::{plan::digest::Digest, store::Store};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path},
};

/// True when `target` already holds the object; unchanged files are not read again.
pub(super) fn holds(store: &Store, target: &Path, digest: Digest) -> bool {
    target.is_file() && store.digest_of_file(target).is_ok_and(|there| there == digest)
}

/// The list of the files that the last run wrote; nothing else in the folder is ever removed.
const LIST: &str = ".mtl-files";

/// Removes the files of an earlier run that this output no longer has, and notes which files are now its own.
pub(super) fn replace_list(folder: &Path, outputs: &BTreeMap<String, Digest>) -> io::Result<()> {
    let list = folder.join(LIST);
    let earlier = fs::read_to_string(&list).unwrap_or_default();
    let inside = |name: &str| {
        Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
    };
    for name in earlier
        .lines()
        .filter(|name| !outputs.contains_key(*name) && inside(name))
    {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let now: String = outputs.keys().map(|name| format!("{name}\n")).collect();
    if now == earlier { Ok(()) } else { fs::write(list, now) }
}
