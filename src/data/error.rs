//! Why pictures cannot be prepared or read.

use crate::tables::TableError;
use std::path::PathBuf;
use thiserror::Error;

/// Why pictures cannot be prepared or read.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file's header, or an archive, cannot be used.
    #[error(transparent)]
    Source(#[from] TableError),
    /// A picture that is damaged or of a kind that is not read.
    #[error("{path} cannot be decoded: {reason}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A picture that cannot be brought to another size.
    #[error("{picture} cannot be resized: {reason}")]
    Resize {
        /// The file, or the array and the row in it.
        picture: String,
        /// What is wrong.
        reason: String,
    },
    /// A picture that does not come out as the plan expects.
    #[error("{picture} comes out as {found:?} (channels, height, width) where {expected:?} is expected")]
    Shape {
        /// The file, or the array and the row in it.
        picture: String,
        /// Channels, height and width that came out.
        found: [usize; 3],
        /// Channels, height and width that must come out.
        expected: [usize; 3],
    },
    /// A prepared file that cannot be written or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A file that is no prepared file, or not a whole one.
    #[error("{path} is no prepared file: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of an array that holds none of the wanted kind, or is not whole.
    #[error("{path} cannot be used: {reason}")]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A normalisation for another number of channels.
    #[error("a normalisation of {found} channels for pictures of {expected}")]
    Normalization {
        /// Channels of the pictures.
        expected: usize,
        /// Channels of the normalisation.
        found: usize,
    },
    /// Cancelled from outside.
    #[error("cancelled")]
    Cancelled,
}
