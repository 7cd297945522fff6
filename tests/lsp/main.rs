//! The language server, driven as an editor drives it, on a project of three files.

mod client;
mod completion;
mod editing;
mod editors;
mod looking;
mod planning;
mod robust;
mod stdio;

#[path = "../common/programs.rs"]
mod programs;
