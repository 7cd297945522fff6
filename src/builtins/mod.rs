//! The standard library and the signatures of what the engine itself carries out.
//!
//! `stdlib/prelude.mtl` is the table of signatures: a declaration without a body is a builtin, and nothing repeats it here.

mod library;

pub use library::{PRELUDE, std_modules, std_source};
