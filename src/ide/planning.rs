//! Planning a program apart from the workspace: it reads manifests and may take long, so an editor's questions must not
//! wait for it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use indexmap::IndexMap;

use crate::{
    analysis::Program,
    diag::Diagnostics,
    exec::{self, State},
    plan::{self, Plan},
    store::Store,
};

/// A program that is to be planned, as it was when that was asked for.
#[derive(Clone, Debug)]
pub struct PlanJob {
    /// Its main file.
    pub(super) path: PathBuf,
    pub(super) program: Arc<Program>,
}

/// What planning a program told.
#[derive(Debug)]
pub struct Planned {
    pub(super) path: PathBuf,
    pub(super) program: Arc<Program>,
    pub(super) diagnostics: Diagnostics,
    /// For each output what it rests on.
    pub(super) stages: IndexMap<String, Stages>,
}

/// The stages that an output rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stages {
    pub(super) all: usize,
    /// Those whose results are stored; none where nothing is stored yet.
    pub(super) cached: Option<usize>,
}

impl PlanJob {
    /// The main file of the program.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Plans the program: that finds labels that are not there, nets that do not fit their pictures, and leaks. Where a
    /// store lies in the folder, it is asked for what is known. Ends soon, with no matter what, once `cancelled` is set.
    #[must_use]
    pub fn run(self, store: &Path, cancelled: &AtomicBool) -> Planned {
        let mut diagnostics = Diagnostics::new();
        let plan = plan::plan_until(&self.program, &plan::Options::default(), cancelled, &mut diagnostics);
        let stages = plan.map_or_else(IndexMap::new, |plan| {
            let cached = cached(&plan, store, cancelled);
            let outputs = plan.outputs.iter();
            outputs
                .map(|(name, &output)| {
                    let needed = needed(&plan, output);
                    let known = cached.as_ref();
                    let known = known.map(|cached| needed.iter().filter(|node| cached.contains(*node)).count());
                    let stages = Stages {
                        all: needed.len(),
                        cached: known,
                    };
                    (name.clone(), stages)
                })
                .collect()
        });
        Planned {
            path: self.path,
            program: self.program,
            diagnostics,
            stages,
        }
    }
}

/// The stages that an output rests on, itself among them, by their places in the plan.
fn needed(plan: &Plan, output: plan::NodeIndex) -> BTreeSet<plan::NodeIndex> {
    let mut needed = BTreeSet::from([output]);
    let mut open = vec![output];
    while let Some(node) = open.pop() {
        let inputs = plan.graph.neighbors_directed(node, plan::Direction::Incoming);
        open.extend(inputs.filter(|input| needed.insert(*input)));
    }
    needed
}

/// The stages whose results are stored; none when nothing is stored, or the store cannot tell.
fn cached(plan: &Plan, store: &Path, cancelled: &AtomicBool) -> Option<BTreeSet<plan::NodeIndex>> {
    // An editor makes no store.
    if !store.is_dir() {
        return None;
    }
    let store = Store::open(store).ok()?;
    let known = exec::survey_until(plan, &store, cancelled).ok()?;
    let stages = plan.order().zip(known);
    let cached = stages.filter(|(_, stage)| stage.state == State::Cached);
    Some(cached.map(|(node, _)| node).collect())
}
