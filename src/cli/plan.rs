//! `mtl plan`

use super::{Exit, Format, ProgramArguments, StoreArguments, output, program, progress, run};
use crate::{
    exec::{self, Known, Left, State},
    nn,
};
use clap::Args;
use serde_json::json;
use std::mem::ManuallyDrop;

/// Arguments of `mtl plan`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// Outputs to plan; all, if none is named
    outputs: Vec<String>,

    #[command(flatten)]
    store: StoreArguments,

    /// How the stages are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Lists the stages with their states.
pub(super) fn plan(arguments: &Arguments) -> Exit {
    // The process ends with it: taking a large plan apart would take longer than to look its stages up.
    let loaded = ManuallyDrop::new(program::load(&arguments.program, &arguments.outputs));
    let plan = match loaded.plan(arguments.format) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let store = match program::store_of(&arguments.store, &loaded.project, &arguments.program.program) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    match exec::survey(plan, &store) {
        Ok(stages) => {
            let mut stages = ManuallyDrop::new(stages);
            exec::with_memory(plan, &mut stages);
            let name = program::name_in_history(&arguments.program.program);
            let compared = exec::with_changes(plan, &store, (&name, &loaded.program.sources), &mut stages);
            if let Err(error) = compared {
                return program::store_failed(&error);
            }
            let run = &loaded.project.run;
            let threads = run::threads(run.threads);
            let jobs = run.jobs.map_or(threads, usize::from);
            let left = match exec::with_estimates(plan, &store, (jobs, threads), &mut stages) {
                Ok(left) => left,
                Err(error) => return program::store_failed(&error),
            };
            match arguments.format {
                Format::Json => output::json(&json!({ "schema": "mtl.plan/1", "stages": *stages, "left": left })),
                Format::Text => output::raw(&table(&stages, left)),
            }
            Exit::Done
        }
        Err(error) => program::store_failed(&error),
    }
}

/// Time and disk of what is left, as far as stages like it have run before.
fn in_all(left: Left, is_nothing: bool) -> String {
    let time = left
        .seconds
        .map(|seconds| format!("about {}", progress::duration(seconds)));
    let disk = left.bytes.map(|bytes| format!("{} to store", exec::size(bytes)));
    let told: Vec<String> = time.into_iter().chain(disk).filter(|_| !is_nothing).collect();
    match told.is_empty() {
        true => String::new(),
        false => format!("; {}", told.join(", ")),
    }
}

/// One line a stage, and the counts.
fn table(stages: &[Known], left: Left) -> String {
    let width = stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for stage in stages {
        let state = match stage.state {
            State::Cached => "cached",
            State::Partial => "partial",
            State::ToRun => "to run",
        };
        let memory = stage.peak_bytes.map(|bytes| format!("{} at most", exec::size(bytes)));
        let other = stage
            .device_class
            .as_ref()
            .filter(|class| ***class != *nn::device_class());
        let other = other.map(|class| format!("computed on {class}"));
        let time = stage
            .thread_seconds
            .map(|seconds| format!("about {} of a core", progress::duration(seconds)));
        let told = [
            stage.note.as_deref(),
            memory.as_deref(),
            time.as_deref(),
            other.as_deref(),
            Some(&stage.why),
        ];
        let told: Vec<&str> = told.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let line = format!("{:width$}  {:8} {state:8} {}", stage.name, stage.kind, told.join("; "));
        text += line.trim_end();
        text.push('\n');
    }
    let count = |state| stages.iter().filter(|stage| stage.state == state).count();
    text + &format!(
        "{} stages: {} cached, {} partial, {} to run{}\n",
        stages.len(),
        count(State::Cached),
        count(State::Partial),
        count(State::ToRun),
        in_all(left, count(State::Cached) == stages.len())
    )
}
