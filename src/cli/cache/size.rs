//! `mtl cache size`

use super::{Exit, Format, StoreArguments, output, program};
use crate::{project::units::bytes, store::SizeReport};
use clap::Args;
use std::path::Path;

/// Arguments of `mtl cache size`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A program, whose store is meant [default: the working folder's]
    program: Option<std::path::PathBuf>,

    #[command(flatten)]
    store: StoreArguments,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Says what the store holds.
pub(super) fn size(arguments: &Arguments) -> Exit {
    let program = arguments.program.as_deref().unwrap_or(Path::new("."));
    let store = match program::existing_store(&arguments.store, program) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let folder = store.root();
    let known = store.size().and_then(|report| Ok((report, store.file_system()?)));
    let (report, file_system) = match known {
        Ok(known) => known,
        Err(error) => return program::store_failed(&error),
    };
    match arguments.format {
        Format::Json => output::json(&serde_json::json!({
            "schema": "mtl.cache_size/1",
            "store": folder,
            "file_system": file_system,
            "size": report,
        })),
        Format::Text => output::raw(&format!("{}, on {}\n{}", folder.display(), file_system, table(&report))),
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
