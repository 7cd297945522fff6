//! `mtl check`

use super::{
    Exit, Format, ProgramArguments,
    fix::{self, ChangeEntry},
    output,
    program::{self, Loaded},
};
use crate::diag::{self, Severity};
use clap::Args;
use serde::Serialize;

/// Arguments of `mtl check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// Makes the fixes that diagnostics propose, in the program and the files it imports, and shows what is left
    #[arg(long)]
    fix: bool,

    /// How diagnostics are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// `mtl.diagnostics/1`, with the changes where fixes were made.
#[derive(Serialize)]
struct Object<'a> {
    #[serde(flatten)]
    listing: diag::json::Listing<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeEntry<'a>>>,
}

/// Loads, checks and plans every output, and prints all that is wrong.
pub(super) fn check(arguments: &Arguments) -> Exit {
    if !arguments.fix {
        return show(&program::load(&arguments.program, &[]), None, arguments);
    }
    let mended = fix::mend(&arguments.program);
    match mended.write() {
        Ok(()) => {
            let changes = mended.changes();
            if arguments.format == Format::Text {
                for change in &changes {
                    output::line(&fix::in_words(change));
                }
            }
            mended.tell_refused();
            show(&mended.loaded, Some(changes), arguments)
        }
        Err(exit) => exit,
    }
}

fn show(loaded: &Loaded, changes: Option<Vec<ChangeEntry<'_>>>, arguments: &Arguments) -> Exit {
    let found = &loaded.diagnostics;
    match arguments.format {
        Format::Json => {
            let listing = diag::json::listing(found, &loaded.program.sources);
            output::json(&Object { listing, changes });
        }
        Format::Text => {
            output::diagnostics(found, &loaded.program.sources);
            if let Some(plan) = &loaded.plan {
                let count = |severity, word: &str| match found.iter().filter(|d| d.severity == severity).count() {
                    0 => String::new(),
                    1 => format!(", 1 {word}"),
                    n => format!(", {n} {word}s"),
                };
                let warnings = count(Severity::Warning, "warning") + &count(Severity::Note, "note");
                let stages = plan.graph.node_count();
                output::line(&format!(
                    "{}: {stages} stages{warnings}",
                    arguments.program.program.display()
                ));
            }
        }
    }
    if found.has_errors() {
        Exit::ProgramWrong
    } else {
        Exit::Done
    }
}
