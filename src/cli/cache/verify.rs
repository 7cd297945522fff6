//! `mtl cache verify`

use super::{Exit, Format, Of, counted, output, program};
use crate::{cli::run::stop_on_signal, project::units::bytes, store::StoreError};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

/// Arguments of `mtl cache verify`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    of: Of,
}

/// Reads everything that is stored.
pub(super) fn verify(arguments: &Arguments) -> Result<Exit, Exit> {
    let store = arguments.of.open()?;
    let cancel = stop_on_signal()?;
    // Drawn on a terminal alone.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bytes} of {total_bytes} read, {bytes_per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let verified = store.verify(
        &|progress| {
            bar.set_length(progress.bytes);
            bar.set_position(progress.bytes_done);
        },
        &cancel,
    );
    bar.finish_and_clear();
    program::tell_notices(&store);
    let verified = match verified {
        Ok(verified) => verified,
        Err(StoreError::Cancelled) => return Ok(Exit::Interrupted),
        Err(error) => return Err(program::store_failed(&error)),
    };
    match arguments.of.format {
        Format::Json => output::json(
            &serde_json::json!({ "schema": "mtl.cache_verify/1", "store": store.root(), "verified": verified }),
        ),
        Format::Text => {
            for damaged in &verified.damaged {
                let state = if damaged.is_missing { "missing" } else { "damaged" };
                let stages = match damaged.stages.len() {
                    0 => "of no result".to_owned(),
                    _ => format!("of {}", damaged.stages.join(", ")),
                };
                output::line(&format!("{state}  {}  {stages}", damaged.digest));
            }
            if let Some(place) = verified.broken_ledger {
                output::line(&format!(
                    "the ledger of looks is broken: its entry {} does not follow from the one before",
                    place + 1
                ));
            }
            output::line(&format!(
                "{} read, {}; {}",
                counted(verified.files as usize, "file", "files"),
                bytes(verified.bytes),
                match verified.damaged.len() {
                    0 => "all are sound".to_owned(),
                    count => format!("{count} damaged or missing; what is needed of them is computed again"),
                }
            ));
        }
    }
    let is_sound = verified.damaged.is_empty() && verified.broken_ledger.is_none();
    Ok(if is_sound { Exit::Done } else { Exit::StageFailed })
}
