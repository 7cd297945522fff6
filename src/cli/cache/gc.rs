//! `mtl cache gc`

use super::{Exit, Format, Of, counted, output, program};
use crate::{
    cli::run::{interval, size},
    exec::collect::{self, Candidate, Collection, Limits, Root, Roots, Why},
    project::units::bytes,
    store::{Collected, Item, Store},
};
use clap::Args;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Arguments of `mtl cache gc`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    of: Of,

    /// Removes what was last of use longer ago than this, as `30d`
    #[arg(long, value_name = "TIME", value_parser = interval)]
    older_than: Option<Duration>,

    /// Removes what was last of use longest ago, until objects and states take at most this, as `50GB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    to: Option<u64>,

    /// Keeps what the last N runs of every program used
    #[arg(long, value_name = "N", default_value_t = 1)]
    runs: usize,

    /// Keeps the outputs of every recorded run of this program, and all that its last run used; repeatable
    #[arg(long, value_name = "PROGRAM")]
    keep: Vec<PathBuf>,

    /// Shows what would go, and why, and removes nothing
    #[arg(long)]
    plan: bool,
}

/// Removes what is no longer wanted.
pub(super) fn gc(arguments: &Arguments) -> Result<Exit, Exit> {
    let store = arguments.of.open()?;
    let failed = |error| program::store_failed(&error);
    let roots = Roots {
        runs: arguments.runs,
        programs: kept_programs(&store, &arguments.keep)?,
    };
    let now = crate::cli::now();
    let limits = Limits {
        // A time longer than the calendar is nothing's age.
        before: arguments.older_than.and_then(|age| now.checked_sub(age).ok()),
        size: arguments.to,
    };
    let collection = collect::plan(&store, &roots, limits, now).map_err(failed)?;
    let collected = match arguments.plan {
        true => None,
        false => Some(collect::collect(&store, &collection).map_err(failed)?),
    };
    program::tell_notices(&store);
    match arguments.of.format {
        Format::Json => output::json(&json(&store, &collection, collected.as_ref())),
        Format::Text => output::raw(&text(&store, &collection, collected.as_ref())),
    }
    if let Some(wanted) = limits.size.filter(|wanted| collection.after > *wanted) {
        let message = format!(
            "{} are left, not {}: all else is in use or of runs that are kept",
            bytes(collection.after),
            bytes(wanted)
        );
        output::error_line(&format!("note: {message}"));
        output::error_line("  help: `--runs 0` keeps no runs; `--plan --format json` says what stays and why");
    }
    Ok(Exit::Done)
}

/// The programs to keep as the history names them; one that it does not know is a mistake.
fn kept_programs(store: &Store, programs: &[PathBuf]) -> Result<Vec<String>, Exit> {
    let runs = crate::exec::history::runs(store).map_err(|error| program::store_failed(&error))?;
    let mut names = Vec::new();
    for path in programs {
        let name = program::name_in_history(path);
        if !runs.iter().any(|run| run.setup.program == name) {
            let message = format!("no run of {} is recorded in this store", path.display());
            output::failure(&message, Some("`mtl runs` lists the programs that were run"));
            return Err(Exit::ProgramWrong);
        }
        names.push(name);
    }
    Ok(names)
}

/// In a word, what a thing is.
const fn word(item: Item) -> &'static str {
    match item {
        Item::Result(_) => "result",
        Item::List(_) => "list",
        Item::Epoch(_) => "epoch",
        Item::Partial(_) => "partial",
    }
}

fn of(candidate: &Candidate) -> u64 {
    candidate.holding.blobs.iter().map(|blob| blob.bytes).sum()
}

fn json(store: &Store, collection: &Collection, collected: Option<&Collected>) -> Value {
    let row = |candidate: &Candidate| {
        json!({
            "item": candidate.holding.item,
            "stage": candidate.holding.stage,
            "kind": candidate.holding.kind,
            "bytes": of(candidate),
            "last_used": candidate.last_used.to_string(),
        })
    };
    let goes: BTreeMap<usize, Why> = collection.goes.iter().copied().collect();
    let (mut going, mut staying) = (Vec::new(), Vec::new());
    for (at, candidate) in collection.candidates.iter().enumerate() {
        let mut row = row(candidate);
        match goes.get(&at) {
            Some(why) => {
                row["why"] = json!(why);
                going.push(row);
            }
            None => {
                row["root"] = json!(candidate.root);
                staying.push(row);
            }
        }
    }
    json!({
        "schema": "mtl.cache_gc/1",
        "store": store.root(),
        "goes": going,
        "stays": staying,
        "unnamed": { "objects": collection.unnamed.0, "bytes": collection.unnamed.1 },
        "before": collection.before,
        "after": collection.after,
        "collected": collected,
    })
}

fn text(store: &Store, collection: &Collection, collected: Option<&Collected>) -> String {
    let mut text = format!("{}\n", store.root().display());
    if collected.is_none() {
        for (at, why) in &collection.goes {
            let candidate = &collection.candidates[*at];
            let when = candidate.last_used.to_string();
            let why = match why {
                Why::Old => "too old",
                Why::Size => "for room",
            };
            text += &format!(
                "  {:7}  {:>10}  {why:8}  last of use {}  {} ({})\n",
                word(candidate.holding.item),
                bytes(of(candidate)),
                when.get(..10).unwrap_or(&when),
                candidate.holding.stage,
                candidate.holding.kind,
            );
        }
    }
    let count = |kind: &str| {
        let goes = collection.goes.iter();
        goes.filter(|(at, _)| word(collection.candidates[*at].holding.item) == kind)
            .count()
    };
    let verb = if collected.is_some() { "removed" } else { "would go" };
    text += &format!(
        "  {verb}: {}, {}, {}, {}; {} that nothing names\n",
        counted(count("result"), "result", "results"),
        counted(count("epoch"), "state of an epoch", "states of epochs"),
        counted(
            count("partial"),
            "state of an unfinished stage",
            "states of unfinished stages"
        ),
        counted(count("list"), "list of a run", "lists of runs"),
        counted(collection.unnamed.0 as usize, "object", "objects"),
    );
    text += &format!("  stays: {}\n", staying(collection));
    text + &format!(
        "  {} before, {} after\n",
        bytes(collection.before),
        bytes(collection.after)
    )
}

/// How much stays, and why.
fn staying(collection: &Collection) -> String {
    let mut counts = [0_usize; 4];
    let gone: Vec<usize> = collection.goes.iter().map(|(at, _)| *at).collect();
    for (at, candidate) in collection.candidates.iter().enumerate() {
        match &candidate.root {
            Some(Root::Used) => counts[0] += 1,
            Some(Root::Run(_)) => counts[1] += 1,
            Some(Root::Program(_)) => counts[2] += 1,
            None => counts[3] += usize::from(!gone.contains(&at)),
        }
    }
    let [used, runs, programs, rest] = counts;
    format!("{used} in use, {runs} of the last runs, {programs} of kept programs, {rest} within the limits")
}
