//! Manifests and file headers: columns, labels and sizes, and the split of their rows into folds. Never pixels.

mod cell;
mod table;

pub mod split;

pub use cell::Cell;
pub use table::{About, Column, Table, TableError};
