//! The language server protocol (3.17) over [`crate::ide`]: transport, conversion, dispatch.
//!
//! Messages are handled one after the other. Diagnostics are published when no message waits, so a burst of changes is
//! checked once. A request that cannot be answered gets an error, and the server lives on. Only this module names the
//! protocol's crates.

mod convert;
mod handlers;
mod position;
mod publish;
mod server;
mod uri;

pub use server::{Options, serve, stdio};
pub use uri::library_folder;
