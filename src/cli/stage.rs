//! `mtl explain STAGE`: why a stage will run, or is known.

use super::{Exit, Format, ProgramArguments, StoreArguments, output, program};
use crate::{
    diag::nearest,
    exec::{self, Known, State, history},
    store::{Action, Store, StoreError},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The only program of the working folder, if there is one.
pub(super) fn only_program() -> Option<PathBuf> {
    let entries = fs::read_dir(".").ok()?;
    let paths = entries.filter_map(|entry| Some(PathBuf::from(entry.ok()?.file_name())));
    let mut programs: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "mtl"))
        .collect();
    if programs.len() == 1 { programs.pop() } else { None }
}

/// Explains the stage of this name in a program's plan; none when the plan has no such stage, with the nearest name.
pub(super) fn explain(
    name: &str,
    arguments: &ProgramArguments,
    store: &StoreArguments,
    format: Format,
) -> Result<Exit, NoStage> {
    let loaded = program::load(arguments, &[]);
    let Some(plan) = &loaded.plan else {
        return loaded.plan(format).map_or_else(Ok, |_| Ok(Exit::ProgramWrong));
    };
    let names: Vec<_> = plan.order().map(|node| plan.graph[node].name.as_str()).collect();
    if !names.contains(&name) {
        return Err(NoStage(nearest(name, names).map(str::to_owned)));
    }
    let store = match program::store_of(store, &loaded.project, &arguments.program) {
        Ok(store) => store,
        Err(exit) => return Ok(exit),
    };
    let surveyed = || -> Result<Option<(Known, Option<Action>)>, StoreError> {
        let mut stages = exec::survey(plan, &store)?;
        let history = program::name_in_history(&arguments.program);
        exec::with_changes(plan, &store, (&history, &loaded.program.sources), &mut stages)?;
        let Some(stage) = stages.into_iter().find(|stage| stage.name == name) else {
            return Ok(None);
        };
        let action = action(&store, &stage)?;
        Ok(Some((stage, action)))
    };
    match surveyed() {
        Ok(Some((stage, action))) => {
            match format {
                Format::Json => {
                    let provenance = action.map(|action| action.provenance);
                    output::json(&serde_json::json!({
                        "schema": "mtl.explain_stage/1", "stage": stage, "provenance": provenance,
                    }));
                }
                Format::Text => output::raw(&text(&stage, action.as_ref())),
            }
            Ok(Exit::Done)
        }
        Ok(None) => Err(NoStage(None)),
        Err(error) => Ok(program::store_failed(&error)),
    }
}

/// The plan has no stage of a name; the nearest one, if there is one.
pub(super) struct NoStage(pub(super) Option<String>);

fn action(store: &Store, stage: &Known) -> Result<Option<Action>, StoreError> {
    stage.key().map_or(Ok(None), |key| store.lookup(key))
}

fn text(stage: &Known, action: Option<&Action>) -> String {
    let state = match stage.state {
        State::Cached => "known",
        State::Partial => "partly done",
        State::ToRun => "to run",
    };
    let mut text = format!("{} ({}): {state}\n", stage.name, stage.kind);
    if let Some(action) = action {
        let provenance = &action.provenance;
        let host = provenance.host.as_deref().unwrap_or("an unknown machine");
        let _ = writeln!(
            text,
            "  computed {} on {host}, {}, in {:.1} s, as {}",
            provenance.when, provenance.device_class, provenance.seconds, action.stage
        );
    }
    let Some(compared) = &stage.compared else {
        if !stage.why.is_empty() {
            let _ = writeln!(text, "  {}", stage.why);
        }
        return text;
    };
    let _ = writeln!(
        text,
        "  compared with {} of run {}:",
        compared.stage,
        history::short(&compared.run)
    );
    if stage.changes.is_empty() {
        text += "  nothing that is recorded differs\n";
    }
    for change in &stage.changes {
        let _ = writeln!(text, "  {change}");
        if let Some(line) = &change.source {
            let _ = writeln!(text, "      {}:{}  {}", line.file, line.line, line.text);
        }
    }
    text
}

/// The program that is meant where none is named.
pub(super) fn meant(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(only_program)
}
