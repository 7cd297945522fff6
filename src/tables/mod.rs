//! Manifests and file headers: columns, labels and sizes, and the split of their rows into folds. Never pixels.

mod cache;
mod cell;
mod csv_file;
mod error;
mod folders;
mod header;
#[cfg(test)]
pub(crate) mod made;
mod table;

pub mod npy;
pub mod npz;
pub mod split;

pub use cache::{Cache, Kind, Read};
pub use cell::{Cell, CellKind, Date, day};
pub use error::{BadImage, TableError};
pub use folders::pictures_under;
pub use header::{Header, image_header};
pub use table::{About, Column, Images, Table};
