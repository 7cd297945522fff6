//! `mtl graph`

use super::{Exit, Format, ProgramArguments, output, program};
use crate::{plan, report};
use clap::{Args, ValueEnum};

/// Arguments of `mtl graph`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// Outputs to draw; all, if none is named
    outputs: Vec<String>,

    /// `dot` holds every stage, `svg` draws like stages (folds) as one
    #[arg(long, value_enum, default_value_t = Picture::Dot)]
    format: Picture,
}

/// How the graph is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Picture {
    /// Graphviz
    Dot,
    /// A picture
    Svg,
}

/// Draws the stages on standard output.
pub(super) fn graph(arguments: &Arguments) -> Exit {
    let loaded = program::load(&arguments.program, &arguments.outputs);
    match loaded.plan(Format::Text) {
        Ok(plan) => {
            output::raw(&match arguments.format {
                Picture::Dot => plan::dot::to_dot(plan),
                Picture::Svg => report::pipeline(&plan.summary),
            });
            Exit::Done
        }
        Err(exit) => exit,
    }
}
