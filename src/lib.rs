//! MTL, the model transfer language: studies of pre-training strategy as short, checked, reproducible programs.
//!
//! A program goes through the modules below from top to bottom; a module uses only modules above it
//! (`ARCHITECTURE.md` draws the whole line, `tests/architecture.rs` enforces it).

pub mod source;
pub mod diag;
pub mod project;
pub mod syntax;
pub mod fmt;
pub mod types;
pub mod tables;
pub mod net;
pub mod weights;
pub mod builtins;
pub mod analysis;
pub mod doc;
pub mod plan;
pub mod store;
pub mod stats;
pub mod data;
pub mod nn;
pub mod train;
pub mod report;
pub mod stages;
pub mod exec;
pub mod watch;
pub mod ide;
pub mod lsp;
pub mod cli;
