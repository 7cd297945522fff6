//! `mtl cache`

use super::{Exit, Format, StoreArguments, output, program};
use crate::{project::units::bytes, store::SizeReport};
use clap::{Args, Subcommand};
use std::path::Path;

/// Arguments of `mtl cache`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what the store holds
    Size(Size),
}

/// Arguments of `mtl cache size`.
#[derive(Debug, Args)]
struct Size {
    /// A program, whose store is meant [default: the working folder's]
    program: Option<std::path::PathBuf>,

    #[command(flatten)]
    store: StoreArguments,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Carries the command out.
pub(super) fn cache(arguments: &Arguments) -> Exit {
    match &arguments.command {
        Command::Size(size) => self::size(size),
    }
}

fn size(arguments: &Size) -> Exit {
    let program = arguments.program.as_deref().unwrap_or(Path::new("."));
    let store = match program::existing_store(&arguments.store, program) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let folder = store.root();
    let report = match store.size() {
        Ok(report) => report,
        Err(error) => return program::store_failed(&error),
    };
    match arguments.format {
        Format::Json => {
            output::json(&serde_json::json!({ "schema": "mtl.cache_size/1", "store": folder, "size": report }));
        }
        Format::Text => output::raw(&format!("{}\n{}", folder.display(), table(&report))),
    }
    Exit::Done
}

/// One line per kind of thing.
fn table(report: &SizeReport) -> String {
    let SizeReport {
        objects,
        actions,
        action_bytes,
        index_bytes,
        partial,
        trail,
        quarantine,
        scratch,
    } = report;
    let rows = [
        ("objects", objects.files, objects.bytes),
        ("action records", *actions, *action_bytes),
        ("file index", 1, *index_bytes),
        ("saved states", partial.files, partial.bytes),
        ("epochs' states", trail.files, trail.bytes),
        ("quarantine", quarantine.files, quarantine.bytes),
        ("scratch", scratch.files, scratch.bytes),
    ];
    rows.iter()
        .map(|(name, count, size)| format!("  {name:15} {count:8}  {:>10}\n", bytes(*size)))
        .collect()
}
