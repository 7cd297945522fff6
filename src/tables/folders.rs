//! Pictures in one folder per class.

use super::{About, Cell, Column, Images, Table, TableError};
use std::path::{Path, PathBuf};

/// The endings of pictures that are read, in lower case.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

impl Table {
    /// Reads a folder that holds one folder per class; classes and files in the order of their names. A class's
    /// pictures may lie in folders of their own. Hidden files and folders, `__MACOSX` and other files are counted in
    /// `ignored`, one per file or hidden folder. Columns: `image` (relative to `path`) and `label`.
    ///
    /// # Errors
    /// A folder that cannot be read, no class folder, a class folder without a picture, a name that is not text.
    pub fn read_folders(path: &Path) -> Result<Self, TableError> {
        let (mut files, mut images, mut labels, mut ignored) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (class, folder) in entries(path)? {
            if class == "about.json" {
                continue;
            }
            if is_ignored(&class) || !folder.is_dir() {
                ignored += 1;
                continue;
            }
            let before = files.len();
            walk(&folder, &class, &mut files, &mut images, &mut ignored)?;
            if files.len() == before {
                return Err(TableError::EmptyClass {
                    path: path.to_owned(),
                    class,
                });
            }
            labels.resize(files.len(), Cell::Text(class));
        }
        if files.is_empty() {
            return Err(TableError::NoClassFolder { path: path.to_owned() });
        }
        let column = |name: &str, cells| Column {
            name: name.to_owned(),
            cells,
        };
        Ok(Self {
            path: path.to_owned(),
            rows: files.len(),
            columns: vec![column("image", images), column("label", labels)],
            lines: Vec::new(),
            images: Images::Files(files),
            ignored,
            about: About::read(path)?,
        })
    }
}

/// The pictures under a folder, however deep, in the order of their names. What else lies there is left out, as
/// [`Table::read_folders`] does.
///
/// # Errors
/// A folder that cannot be read, a name that is not text.
pub fn pictures_under(folder: &Path) -> Result<Vec<PathBuf>, TableError> {
    let (mut files, mut ignored) = (Vec::new(), 0);
    walk(folder, "", &mut files, &mut Vec::new(), &mut ignored)?;
    Ok(files)
}

/// Adds the pictures under `folder`; `relative` is its name from the root.
fn walk(
    folder: &Path,
    relative: &str,
    files: &mut Vec<PathBuf>,
    images: &mut Vec<Cell>,
    ignored: &mut usize,
) -> Result<(), TableError> {
    for (name, path) in entries(folder)? {
        let relative = format!("{relative}/{name}");
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if is_ignored(&name) {
            *ignored += 1;
        } else if path.is_dir() && !path.is_symlink() {
            // A link to a folder is left out: it may lead back to where the walk came from.
            walk(&path, &relative, files, images, ignored)?;
        } else if path.is_file() && ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            files.push(path);
            images.push(Cell::Text(relative));
        } else {
            *ignored += 1;
        }
    }
    Ok(())
}

fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

/// What lies in a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, TableError> {
    let io = |source| TableError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) => entries.push((name.to_owned(), path)),
            None => return Err(TableError::BadName { path }),
        }
    }
    entries.sort();
    Ok(entries)
}
