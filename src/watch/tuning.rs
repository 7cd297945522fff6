//! AUCs on tuning parts, computed beside the loop.

use super::{
    Message,
    matrix::{self, Place},
};
use crate::{plan::Plan, stages};
use indexmap::IndexMap;
use petgraph::graph::NodeIndex;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
};

/// What the scores of each stage are for, and where those that are known lie.
#[derive(Default)]
pub(super) struct Scores {
    pub(super) places: IndexMap<NodeIndex, Vec<Place>>,
    pub(super) files: IndexMap<String, PathBuf>,
}

/// A model whose AUC on its tuning part is to be computed.
pub(super) struct Job {
    /// The plan, by number.
    pub(super) generation: u64,
    pub(super) plan: Arc<Plan>,
    pub(super) place: Place,
    /// The scores that it rests on, by the names of their stages.
    pub(super) files: IndexMap<String, PathBuf>,
}

/// Computes AUCs on tuning parts until no more are ordered. What cannot be read was removed meanwhile, and is left out.
pub(super) fn compute(orders: &Receiver<Job>, teller: &Sender<Message>) {
    for job in orders {
        let Some(design) = matrix::design(&job.plan, job.place.output) else {
            continue;
        };
        let path = |stage: &str| job.files.get(stage).cloned();
        if let Ok(auc) = stages::tuning_auc(design, (job.place.cell, job.place.member), &path) {
            // The loop may have ended.
            let _ = teller.send(Message::Valued(job.generation, job.place, auc));
        }
    }
}
