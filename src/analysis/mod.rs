//! What a program means before it runs: its modules, its names, its types.

mod check;
mod declared;
pub mod domain;
pub mod facts;
mod homes;
mod library;
mod load;
pub mod program;
mod settings;
mod walk;

pub use check::{check, check_with, silence};
pub use declared::{handed_to, name_of, parameter_of, parameters};
pub use facts::{Expected, Facts, Target};
pub use load::{Main, load, load_with};
pub use program::{ItemId, LoadedModule, Meaning, ModuleId, Origin, Program};
