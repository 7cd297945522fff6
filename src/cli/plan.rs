//! `mtl plan`

use super::{Exit, Format, ProgramArguments, StoreArguments, output, program};
use crate::{
    exec::{self, Known, State},
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
    let folder = program::store_folder(&arguments.store, &loaded.project, &arguments.program.program);
    let store = match program::open_store(&folder, &loaded.project) {
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
            match arguments.format {
                Format::Json => output::json(&json!({ "schema": "mtl.plan/1", "stages": *stages })),
                Format::Text => output::raw(&table(&stages)),
            }
            Exit::Done
        }
        Err(error) => program::store_failed(&error),
    }
}

/// One line a stage, and the counts.
fn table(stages: &[Known]) -> String {
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
        let told = [
            stage.note.as_deref(),
            memory.as_deref(),
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
        "{} stages: {} cached, {} partial, {} to run\n",
        stages.len(),
        count(State::Cached),
        count(State::Partial),
        count(State::ToRun)
    )
}
