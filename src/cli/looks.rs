//! `mtl looks`

use super::{Exit, Format, StoreArguments, output, program};
use crate::store::{Entry, Look, PlanLock};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Arguments of `mtl looks`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A program, whose store is meant [default: the working folder's]
    program: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArguments,

    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// `mtl looks --format json`.
#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    /// The place of the first entry that does not follow from the one before.
    broken: Option<usize>,
    entries: &'a [Entry],
}

/// Lists every look at test data that the store has recorded.
pub(super) fn looks(arguments: &Arguments) -> Exit {
    let program = arguments.program.as_deref().unwrap_or(Path::new("."));
    let store = match program::existing_store(&arguments.store, program) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let (entries, broken) = match store.ledger(super::now()) {
        Ok(ledger) => ledger,
        Err(error) => return program::store_failed(&error),
    };
    if arguments.format == Format::Json {
        output::json(&Listing {
            schema: "mtl.looks/1",
            broken,
            entries: &entries,
        });
    } else {
        for entry in &entries {
            output::line(&match entry {
                Entry::Begun { when } => format!("{when:.0}  the ledger begins"),
                Entry::Look(look) => of_look(look),
                Entry::Lock(lock) => of_lock(lock),
            });
        }
    }
    match broken {
        None => Exit::Done,
        Some(place) => {
            let message = format!(
                "the ledger is broken: its entry {} does not follow from the one before",
                place + 1
            );
            output::failure(
                &message,
                Some("entries were changed or removed; reports made from this store say so"),
            );
            Exit::StageFailed
        }
    }
}

fn of_look(look: &Look) -> String {
    format!(
        "{:.0}  look  {} of {} on {} ({} groups, {} cells, plan {})",
        look.when,
        look.output,
        look.program,
        look.test.task,
        look.test.groups,
        look.cells,
        short(&look.plan.to_string())
    )
}

fn of_lock(lock: &PlanLock) -> String {
    let tasks: Vec<_> = lock.tests.iter().map(|test| test.task.as_str()).collect();
    format!(
        "{:.0}  lock  {} of {} on {} (plan {})",
        lock.when,
        lock.output,
        lock.program,
        tasks.join(", "),
        short(&lock.plan.to_string())
    )
}

/// The first digits of a digest, enough to tell plans apart.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
