//! Replacing a user's file at once: a crash leaves the old file or the new one.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};
use tempfile::NamedTempFile;

/// A file with the new text and the old one's permissions in the folder of `target`, to be renamed to it. `target` is no
/// link.
pub(super) fn beside(target: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = target.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::Builder::new().prefix(".mtl-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(target)?.permissions())?;
    new.as_file().sync_all()?;
    Ok(new)
}
