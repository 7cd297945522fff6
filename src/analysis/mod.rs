//! What a program means before it runs: its modules, its names, its types.

mod check;
mod homes;
mod load;
pub mod program;
mod settings;
mod walk;

pub use check::{check, silence};
pub use load::{Main, load, load_with};
pub use program::{ItemId, LoadedModule, Meaning, ModuleId, Origin, Program};
