//! `mtl lock`

use super::{Exit, Format, ProgramArguments, StoreArguments, looks::short, output, program};
use crate::{
    plan::{Plan, digest::Digest, looks},
    store::{PlanLock, Store},
};
use clap::Args;
use serde::Serialize;

/// Arguments of `mtl lock`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// Outputs to lock; all that show results on test data, if none is named
    outputs: Vec<String>,

    /// Writes the plan of the outputs into the ledger, before their results are known
    #[arg(long, required = true)]
    plan: bool,

    #[command(flatten)]
    store: StoreArguments,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// `mtl lock --format json`.
#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    locked: &'a [Locked],
}

/// A locked output.
#[derive(Serialize)]
struct Locked {
    lock: PlanLock,
    /// How often results on its test data were shown before.
    looks: usize,
}

/// Locks the plan of a program.
pub(super) fn lock(arguments: &Arguments) -> Exit {
    let loaded = program::load(&arguments.program, &arguments.outputs);
    let plan = match loaded.plan(arguments.format) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let store = match program::store_of(&arguments.store, &loaded.project, &arguments.program.program) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let locked = match locked(plan, &store) {
        Ok(locked) => locked,
        Err(exit) => return exit,
    };
    if locked.is_empty() {
        let help = "a plan is locked for outputs of `report`, `export` or `table_of` on test parts";
        output::failure(&"no output shows results on test data", Some(help));
        return Exit::ProgramWrong;
    }
    match arguments.format {
        Format::Json => output::json(&Listing {
            schema: "mtl.lock-plan/1",
            locked: &locked,
        }),
        Format::Text => locked.iter().for_each(tell),
    }
    Exit::Done
}

fn locked(plan: &Plan, store: &Store) -> Result<Vec<Locked>, Exit> {
    let mut all = Vec::new();
    for (name, &node) in &plan.outputs {
        let work = &plan.graph[node].work;
        let tests = looks::shown(work);
        if tests.is_empty() {
            continue;
        }
        let (when, digest) = (super::now(), looks::plan_digest(plan, node));
        let lock = PlanLock {
            when,
            program: looks::program(work).to_owned(),
            output: name.clone(),
            plan: digest,
            family: looks::family(work),
            primary: looks::primary(work).map(str::to_owned),
            choices: looks::choices(work).to_vec(),
            tests,
        };
        // No result has this key: what is counted is all that was shown.
        let none = Digest::of(b"");
        let before = store.looks_before(&lock.tests, (none, &|| digest), &lock.choices, when);
        let before = before.map_err(|error| program::store_failed(&error))?;
        store
            .lock_plan(lock.clone())
            .map_err(|error| program::store_failed(&error))?;
        all.push(Locked {
            looks: before.most(),
            lock,
        });
    }
    Ok(all)
}

fn tell(locked: &Locked) {
    let Locked { lock, looks } = locked;
    output::line(&format!(
        "{}: plan {} locked on {:.0}",
        lock.output, lock.plan, lock.when
    ));
    for (name, value) in [("family", &lock.family), ("primary task", &lock.primary)] {
        if let Some(value) = value {
            output::line(&format!("  {name}: {value}"));
        }
    }
    for test in &lock.tests {
        let identity = test.identity.to_string();
        output::line(&format!(
            "  {}: {} groups, test data {}",
            test.task,
            test.groups,
            short(&identity)
        ));
    }
    output::line(&match looks {
        0 => "  no look at results on them is recorded".to_owned(),
        1 => "  results on them were shown once before: reports will say so".to_owned(),
        times => format!("  results on them were shown {times} times before: reports will say so"),
    });
}
