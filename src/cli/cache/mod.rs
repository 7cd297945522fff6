//! `mtl cache`

mod gc;
mod size;
mod verify;
mod why;

use super::{Exit, Format, StoreArguments, output, program};
use crate::store::Store;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Arguments of `mtl cache`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what the store holds
    Size(size::Arguments),
    /// Removes what is no longer wanted, by age, size and last runs; without limits only what nothing names
    Gc(gc::Arguments),
    /// Reads everything that is stored, and sets aside what is damaged
    Verify(verify::Arguments),
    /// Says where a stored thing is from, and who needs it
    Why(why::Arguments),
}

/// Which store is meant.
#[derive(Debug, Args)]
struct Of {
    /// A program, whose store is meant [default: the working folder's]
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArguments,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Of {
    fn open(&self) -> Result<Store, Exit> {
        program::existing_store(&self.store, self.program.as_deref().unwrap_or(Path::new(".")))
    }
}

/// Carries the command out.
pub(super) fn cache(arguments: &Arguments) -> Exit {
    match &arguments.command {
        Command::Size(size) => size::size(size),
        Command::Gc(gc) => gc::gc(gc).unwrap_or_else(|exit| exit),
        Command::Verify(verify) => verify::verify(verify).unwrap_or_else(|exit| exit),
        Command::Why(why) => why::why(why).unwrap_or_else(|exit| exit),
    }
}

/// `1 result`, `2 results`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
