//! `mtl diff`

use super::{
    Exit, Format, output, program,
    runs::{self, HistoryArguments},
};
use crate::exec::{self, Fact, How, RunDiff, history};
use clap::Args;
use std::fmt::Write as _;

/// Arguments of `mtl diff`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The older run: `last~1`, or the first digits of its name
    old: String,

    /// The newer run
    new: String,

    #[command(flatten)]
    history: HistoryArguments,
}

/// Says what differs between two runs.
pub(super) fn diff(arguments: &Arguments) -> Exit {
    compared(arguments).unwrap_or_else(|exit| exit)
}

fn compared(arguments: &Arguments) -> Result<Exit, Exit> {
    let (store, all) = arguments.history.open()?;
    let (old, new) = (runs::find(&all, &arguments.old)?, runs::find(&all, &arguments.new)?);
    let diff = exec::compare(&store, old, new).map_err(|error| program::store_failed(&error))?;
    match arguments.history.format {
        Format::Json => output::json(&serde_json::json!({ "schema": "mtl.run_diff/1", "diff": diff })),
        Format::Text => output::raw(&text(&diff)),
    }
    Ok(Exit::Done)
}

fn text(diff: &RunDiff) -> String {
    if diff.is_empty() {
        return format!(
            "runs {} and {} are the same\n",
            history::short(&diff.old),
            history::short(&diff.new)
        );
    }
    let mut text = String::new();
    let mut facts = |facts: &[Fact]| {
        for Fact { name, old, new } in facts {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
            let _ = writeln!(text, "{name}: {} -> {}", shown(old), shown(new));
        }
    };
    facts(&diff.facts);
    facts(&diff.choices);
    for stage in &diff.stages {
        let how = match stage.how {
            How::Added => "new",
            How::Removed => "gone",
            How::Changed => "changed",
            How::OtherResult => "the same was asked for, other bytes came out",
            How::Unfinished => "completed in one of them alone",
        };
        let _ = writeln!(text, "{}: {how}", stage.stage);
        for change in &stage.changes {
            let _ = writeln!(text, "  {change}");
        }
    }
    for (output, same) in &diff.results {
        let _ = writeln!(
            text,
            "{output}: {}",
            if *same { "the same result" } else { "another result" }
        );
    }
    if diff.lists_missing {
        text += "the list of stages of a run is missing, so stages were not compared\n";
    }
    text
}
