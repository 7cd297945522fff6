//! The standard library, the signatures of what the engine itself carries out, and the words of its choices.
//!
//! `stdlib/prelude.mtl` is the table of signatures: a declaration without a body is a builtin, and nothing repeats it here.

pub mod choices;
mod library;
mod signature;

pub use library::{PRELUDE, std_modules, std_source};
pub use signature::{Signature, SignatureParameter, signatures};
