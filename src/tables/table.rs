//! A table: named columns of equal length, and the pictures that its rows stand for.

use super::Cell;
use std::path::PathBuf;
use thiserror::Error;

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// One cell per row.
    pub cells: Vec<Cell>,
}

/// What a data set's card (`about.json` beside the manifest) says; everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The manifest, folder or archive.
    pub path: PathBuf,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// The line of each row in the manifest, from 1; empty for folders and archives.
    pub lines: Vec<usize>,
    /// Its card.
    pub about: About,
}

/// Why a table, an archive or a picture's header cannot be used.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file cannot be opened.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}
