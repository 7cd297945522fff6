//! A table: named columns of equal length, and the pictures that its rows stand for.

use super::{BadImage, Cell, Header, TableError, header::image_header};
use rayon::prelude::*;
use serde::Deserialize;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// One cell per row.
    pub cells: Vec<Cell>,
}

/// What a data set's card (`about.json` beside the manifest) says; everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct About {
    /// Title.
    pub title: Option<String>,
    /// Licence.
    pub license: Option<String>,
    /// Citation.
    pub citation: Option<String>,
    /// What a reader of results must know, one statement each; printed in every report.
    pub caveats: Vec<String>,
}

impl About {
    /// The card in a folder; an empty one where there is none.
    pub(super) fn read(folder: &Path) -> Result<Self, TableError> {
        let path = folder.join("about.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(TableError::Io { path, source }),
        };
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| TableError::BadCard {
            path,
            reason: error.to_string(),
        })
    }
}

/// The pictures that the rows of a table stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Images {
    /// None: rows of values alone.
    Absent,
    /// One file per row.
    Files(Vec<PathBuf>),
    /// Rows of the arrays of an archive, [`Table::path`].
    Npz {
        /// Name and header of each array of pictures: `train_images`.
        arrays: Vec<(String, Header)>,
        /// The array, by place in `arrays`, and the row in it, of each row of the table.
        rows: Vec<(usize, u32)>,
    },
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The manifest, folder or archive.
    pub path: PathBuf,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// The line of each row in the manifest, from 1; 0 for a row of a folder among rows of manifests; empty for folders
    /// and archives.
    pub lines: Vec<usize>,
    /// The picture of each row.
    pub images: Images,
    /// Files beside the pictures that are not pictures; always 0 for manifests and archives.
    pub ignored: usize,
    /// Its card.
    pub about: About,
}

/// How many of the pictures that cannot be used are named.
const NAMED: usize = 5;

impl Table {
    /// A column by name.
    ///
    /// # Errors
    /// [`TableError::NoColumn`], with the names that there are.
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        find_column(&self.path, &self.columns, name)
    }

    /// The headers of the pictures of these rows, in their order, read by all cores.
    ///
    /// # Errors
    /// [`TableError::MissingImages`] when files do not exist, else [`TableError::BadImages`] when some cannot be used;
    /// each with the number and the first few.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn headers(&self, rows: &[usize]) -> Result<Vec<Header>, TableError> {
        match &self.images {
            Images::Absent => Ok(Vec::new()),
            Images::Npz { arrays, rows: places } => Ok(rows.iter().map(|&row| arrays[places[row].0].1).collect()),
            Images::Files(paths) => {
                let headers: Vec<_> = rows.par_iter().map(|&row| (row, image_header(&paths[row]))).collect();
                self.all_usable(headers)
            }
        }
    }

    fn all_usable(&self, headers: Vec<(usize, Result<Header, TableError>)>) -> Result<Vec<Header>, TableError> {
        let (of, table) = (headers.len(), self.path.clone());
        let (mut usable, mut missing, mut bad) = (Vec::with_capacity(of), Vec::new(), Vec::new());
        for (row, header) in headers {
            let (list, path, reason) = match header {
                Ok(header) => {
                    usable.push(header);
                    continue;
                }
                Err(TableError::Io { path, source }) if source.kind() == ErrorKind::NotFound => {
                    (&mut missing, path, "does not exist".to_owned())
                }
                Err(TableError::BadImage { path, reason }) => (&mut bad, path, reason),
                Err(TableError::Io { path, source }) => (&mut bad, path, source.to_string()),
                Err(other) => return Err(other),
            };
            let line = self.line(row);
            list.push(BadImage {
                row,
                line,
                path,
                reason,
            });
        }
        for (mut list, are_missing) in [(missing, true), (bad, false)] {
            let count = list.len();
            list.truncate(NAMED);
            let first = list;
            match (count, are_missing) {
                (0, _) => {}
                (_, true) => {
                    return Err(TableError::MissingImages {
                        table,
                        count,
                        of,
                        first,
                    });
                }
                (_, false) => {
                    return Err(TableError::BadImages {
                        table,
                        count,
                        of,
                        first,
                    });
                }
            }
        }
        Ok(usable)
    }

    /// The line of a row in its manifest, from 1; none for folders and archives.
    #[must_use]
    pub fn line(&self, row: usize) -> Option<usize> {
        self.lines.get(row).copied().filter(|&line| line > 0)
    }

    /// A row's name: the picture's file as the table writes it, or `train_images/7`; without pictures `row 7`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn sample_name(&self, row: usize) -> String {
        match &self.images {
            Images::Files(paths) => {
                let folder = if self.lines.is_empty() {
                    Some(self.path.as_path())
                } else {
                    self.path.parent()
                };
                let path = &paths[row];
                let relative = folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
                relative.display().to_string()
            }
            Images::Absent => format!("row {row}"),
            Images::Npz { arrays, rows } => {
                let (array, place) = rows[row];
                format!("{}/{place}", arrays[array].0)
            }
        }
    }
}

/// A column by name, among columns that are not a table yet.
pub(super) fn find_column<'a>(path: &Path, columns: &'a [Column], name: &str) -> Result<&'a Column, TableError> {
    columns
        .iter()
        .find(|column| column.name == name)
        .ok_or_else(|| TableError::NoColumn {
            path: path.to_owned(),
            name: name.to_owned(),
            existing: columns.iter().map(|column| column.name.clone()).collect(),
        })
}
