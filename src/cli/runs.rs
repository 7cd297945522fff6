//! `mtl runs`, and what the commands about runs share.

use super::{Exit, Format, StoreArguments, output, program};
use crate::{
    exec::history::{self, FindRun, RunRecord, RunState},
    store::Store,
};
use clap::Args;
use std::path::{Path, PathBuf};

/// Where the history lies.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// A program, whose store is meant [default: the working folder's]
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArguments,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of `mtl runs`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    history: HistoryArguments,

    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: usize,
}

impl HistoryArguments {
    /// The store, and its runs, the newest first. What is damaged is told.
    pub(super) fn open(&self) -> Result<(Store, Vec<RunRecord>), Exit> {
        let program = self.program.as_deref().unwrap_or(Path::new("."));
        let store = program::existing_store(&self.store, program)?;
        let runs = history::runs(&store).map_err(|error| program::store_failed(&error))?;
        program::tell_notices(&store);
        Ok((store, runs))
    }
}

/// The run that a word names; or says why there is none.
pub(super) fn find<'r>(runs: &'r [RunRecord], word: &str) -> Result<&'r RunRecord, Exit> {
    history::find(runs, word).map_err(|error| {
        let help = match &error {
            FindRun::Empty => "`mtl run` leaves a record of each run",
            FindRun::Unknown(_) => "`mtl runs` lists them; `last` is the newest, `last~1` the one before",
            FindRun::Ambiguous { .. } => "write more of its digits",
        };
        output::failure(&error, Some(help));
        Exit::ProgramWrong
    })
}

/// How a run ended, in a word.
pub(super) fn state(run: &RunRecord) -> &'static str {
    match run.state {
        RunState::Begun => "not ended",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::Interrupted => "stopped",
    }
}

/// Lists the runs.
pub(super) fn runs(arguments: &Arguments) -> Exit {
    let (_, runs) = match arguments.history.open() {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let shown = &runs[..runs.len().min(arguments.most)];
    match arguments.history.format {
        Format::Json => output::json(&serde_json::json!({ "schema": "mtl.runs/1", "runs": shown })),
        Format::Text => output::raw(&table(shown)),
    }
    Exit::Done
}

/// One line a run.
fn table(runs: &[RunRecord]) -> String {
    let line = |run: &RunRecord| {
        let when = run.when.get(..19).unwrap_or(&run.when).replace('T', " ");
        let summary = &run.summary;
        let name = Path::new(&run.setup.program)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let sets: String = run
            .setup
            .sets
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        format!(
            "{}  {when}  {:9}  {:5} ran {:5} reused  {name}{sets}\n",
            history::short(&run.run),
            state(run),
            summary.ran,
            summary.reused
        )
    };
    runs.iter().map(line).collect()
}
