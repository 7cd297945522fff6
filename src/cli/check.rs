//! `mtl check`

use super::{Exit, Format, ProgramArguments, output, program};
use crate::diag;
use clap::Args;

/// Arguments of `mtl check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// How diagnostics are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Loads, checks and plans every output, and prints all that is wrong.
pub(super) fn check(arguments: &Arguments) -> Exit {
    let loaded = program::load(&arguments.program, &[]);
    let found = &loaded.diagnostics;
    match arguments.format {
        Format::Json => output::json(&diag::json::listing(found, &loaded.program.sources)),
        Format::Text => {
            output::diagnostics(found, &loaded.program.sources);
            if let Some(plan) = &loaded.plan {
                let warnings = match found.len() {
                    0 => String::new(),
                    1 => ", 1 warning".to_owned(),
                    n => format!(", {n} warnings"),
                };
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
