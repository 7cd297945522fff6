//! Why a table cannot be used, with the facts that a message needs.

use std::path::PathBuf;
use thiserror::Error;

/// A row whose picture cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadImage {
    /// Its row, from 0.
    pub row: usize,
    /// Its line in the manifest, from 1; none for folders and archives.
    pub line: Option<usize>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
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
    /// No such column.
    #[error("{path} has no column `{name}`")]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names that there are, in order.
        existing: Vec<String>,
    },
    /// A column without a name.
    #[error("column {column} of {path} has no name")]
    EmptyName {
        /// The manifest.
        path: PathBuf,
        /// Its place, from 1.
        column: usize,
    },
    /// Two columns of one name.
    #[error("columns {first} and {second} of {path} are both named `{name}`")]
    DuplicateName {
        /// The manifest.
        path: PathBuf,
        /// The name.
        name: String,
        /// Place of the first, from 1.
        first: usize,
        /// Place of the second, from 1.
        second: usize,
    },
    /// A row with another number of fields than the header.
    #[error("line {line} of {path} has {found} fields where the header has {expected}")]
    RaggedRow {
        /// The manifest.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// Text that is not UTF-8.
    #[error("line {line} of {path} is not UTF-8 text")]
    NotText {
        /// The manifest.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// A table without rows.
    #[error("{path} has no rows")]
    NoRows {
        /// The manifest, folder or archive.
        path: PathBuf,
    },
    /// Rows that name no picture.
    #[error("{count} rows of {path} have no value in the image column `{column}`; the first is on line {first_line}")]
    NoImage {
        /// The manifest.
        path: PathBuf,
        /// The image column.
        column: String,
        /// Number of such rows.
        count: usize,
        /// Line of the first, from 1.
        first_line: usize,
    },
    /// The card beside the data is not one.
    #[error("{path} is no card of a data set: {reason}")]
    BadCard {
        /// The `about.json`.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A folder of pictures without class folders.
    #[error("{path} holds no folder per class")]
    NoClassFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A class folder without a picture.
    #[error("the class folder `{class}` of {path} holds no .png, .jpg or .jpeg file")]
    EmptyClass {
        /// The folder.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A file name that is not text.
    #[error("{path} has a name that is not UTF-8 text")]
    BadName {
        /// The file.
        path: PathBuf,
    },
    /// An archive, or an array in it, that is not as it must be.
    #[error("{}{path} cannot be used: {reason}", array.as_ref().map(|name| format!("`{name}` in ")).unwrap_or_default())]
    BadArchive {
        /// The archive.
        path: PathBuf,
        /// The array, when it is one that is wrong.
        array: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// A picture whose header says no size, or of a kind that is not read.
    #[error("{path}: {reason}")]
    BadImage {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Pictures that do not exist.
    #[error("{count} of the {of} pictures of {table} do not exist; the first is {}", first.first().map(|image| image.path.display().to_string()).unwrap_or_default())]
    MissingImages {
        /// The table.
        table: PathBuf,
        /// How many.
        count: usize,
        /// Of how many that were looked for.
        of: usize,
        /// The first few.
        first: Vec<BadImage>,
    },
    /// Pictures that exist but whose headers cannot be used.
    #[error("{count} of the {of} pictures of {table} cannot be used; the first is {}", first.first().map(|image| format!("{}: {}", image.path.display(), image.reason)).unwrap_or_default())]
    BadImages {
        /// The table.
        table: PathBuf,
        /// How many.
        count: usize,
        /// Of how many that were looked at.
        of: usize,
        /// The first few.
        first: Vec<BadImage>,
    },
}
