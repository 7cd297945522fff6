//! What a program means before it runs: its modules, its names, its types.

pub mod program;

pub use program::{ItemId, LoadedModule, Meaning, ModuleId, Origin, Program};
