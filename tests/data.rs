//! Tables, splits and pictures against files and against values of other software.
//!
//! `tests/reference/data/README.md` names the sources.

#![allow(clippy::unwrap_used)]

#[path = "data/splits.rs"]
mod splits;
#[path = "data/tables.rs"]
mod tables;

use std::path::PathBuf;

/// A file of `tests/reference/data`.
fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference/data")
        .join(name)
}
