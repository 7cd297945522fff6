//! The language server protocol (3.17) over [`crate::ide`]: transport, conversion, dispatch.
//!
//! Messages are handled one after the other. Diagnostics are published when no message waits, so a burst of changes is
//! checked once; programs are planned on a thread of their own, and a plan whose program changed meanwhile is dropped. A request that cannot be answered gets an error, and the server lives on. Only this module names the
//! protocol's crates.

mod convert;
mod handlers;
mod planner;
mod position;
mod publish;
mod server;
mod transport;
mod uri;

pub use planner::StoreFolder;
pub use server::{Options, serve, stdio};
pub use uri::library_folder;
