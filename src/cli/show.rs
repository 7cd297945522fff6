//! `mtl show`

use super::{
    Exit, Format, output, program,
    runs::{self, HistoryArguments},
};
use crate::exec::history::{self, RunRecord, StageList};
use clap::Args;
use std::fmt::Write as _;

/// Arguments of `mtl show`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run: `last`, `last~1` for the one before, or the first digits of its name
    run: String,

    #[command(flatten)]
    history: HistoryArguments,
}

/// Says what a run was.
pub(super) fn show(arguments: &Arguments) -> Exit {
    shown(arguments).unwrap_or_else(|exit| exit)
}

fn shown(arguments: &Arguments) -> Result<Exit, Exit> {
    let (store, runs) = arguments.history.open()?;
    let run = runs::find(&runs, &arguments.run)?;
    let list = history::stages(&store, run).map_err(|error| program::store_failed(&error))?;
    match arguments.history.format {
        Format::Json => {
            output::json(&serde_json::json!({ "schema": "mtl.show/1", "run": run, "list": list }));
        }
        Format::Text => output::raw(&text(run, list.as_ref())),
    }
    Ok(Exit::Done)
}

fn text(run: &RunRecord, list: Option<&StageList>) -> String {
    let (setup, environment, summary) = (&run.setup, &run.environment, &run.summary);
    let mut text = format!("run {} of {}: {}\n", run.run, run.when, runs::state(run));
    let _ = writeln!(text, "  program      {}", setup.program);
    for (name, value) in &setup.sets {
        let _ = writeln!(text, "  set          {name}={value}");
    }
    if !setup.outputs.is_empty() {
        let _ = writeln!(text, "  outputs      {}", setup.outputs.join(", "));
    }
    let host = environment.host.as_deref().unwrap_or("an unknown machine");
    let _ = writeln!(
        text,
        "  machine      {host}, {}, {} threads",
        environment.device_class, environment.threads
    );
    let _ = writeln!(text, "  version      {}", environment.version);
    let _ = writeln!(
        text,
        "  stages       {} ran, {} reused, {} failed, {} skipped, {:.1} s",
        summary.ran, summary.reused, summary.failed, summary.skipped, summary.seconds
    );
    let name = |place: u32| {
        let row = list.and_then(|list| list.stages.get(place as usize));
        row.map_or_else(|| format!("stage {place}"), |row| row.name.clone())
    };
    for (place, seconds) in &run.computed {
        let _ = writeln!(text, "  ran          {} ({seconds:.1} s)", name(*place));
    }
    for (place, message) in &run.failed {
        let _ = writeln!(text, "  failed       {}: {message}", name(*place));
    }
    for (output, files) in &run.results {
        for (file, digest) in files {
            let _ = writeln!(text, "  result       {output}/{file} {digest}");
        }
    }
    let Some(list) = list else {
        if run.stages.is_some() {
            text += "  the list of its stages is no longer in the store\n";
        }
        return text;
    };
    for (output, choices) in &list.choices {
        for choice in choices {
            let _ = writeln!(
                text,
                "  choice       {output}, {}: {} = {}",
                choice.scope, choice.name, choice.value
            );
        }
    }
    text
}
