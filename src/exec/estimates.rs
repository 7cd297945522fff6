//! How long stages will run and what they will store, by what stages of their kind took.

use super::{
    explain::{Known, State},
    memory,
    schedule::{self, Machine},
    tasks,
};
use crate::{
    nn::device_class,
    plan::{Plan, cost, stage::Work},
    store::{Cost, Store, StoreError},
};
use indexmap::IndexMap;
use petgraph::graph::NodeIndex;

/// Stages of the kind that an estimate rests on: those of the nearest size.
const NEIGHBOURS: usize = 9;
/// Floating-point operations a second of a thread, where no stage of the kind has run: for the order of stages alone.
const OPERATIONS_PER_SECOND: f64 = 1.5e10;

/// What is known of what stages take.
#[derive(Debug, Default)]
pub struct Estimates {
    /// By kind: of the stages that ran on this class of device.
    costs: IndexMap<String, Vec<Cost>>,
}

/// What is left to do, in all.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Left {
    /// Seconds, with stages side by side; none when nothing like some stage has run yet.
    pub seconds: Option<f64>,
    /// Bytes that will be stored; none likewise.
    pub bytes: Option<u64>,
}

impl Estimates {
    /// From what a store remembers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let mut costs: IndexMap<String, Vec<Cost>> = IndexMap::new();
        for cost in store
            .costs()?
            .into_iter()
            .filter(|cost| cost.device_class == device_class())
        {
            costs.entry(cost.kind.clone()).or_default().push(cost);
        }
        Ok(Self { costs })
    }

    /// Seconds that a stage will run on one thread; none when no stage of its kind has run here.
    #[must_use]
    pub fn thread_seconds(&self, work: &Work) -> Option<f64> {
        let of = |cost: &Cost| (cost.operations, cost.thread_seconds);
        scaled(self.costs.get(work.kind())?, cost::operations(work), of)
    }

    /// Bytes that it will store; none likewise.
    #[must_use]
    pub fn bytes(&self, work: &Work) -> Option<f64> {
        let of = |cost: &Cost| (cost.values, cost.bytes as f64);
        scaled(self.costs.get(work.kind())?, cost::values(work), of)
    }

    /// As [`Estimates::thread_seconds`], with a rough guess where nothing is known.
    pub(super) fn priority(&self, work: &Work) -> f64 {
        self.thread_seconds(work)
            .unwrap_or_else(|| cost::operations(work) / OPERATIONS_PER_SECOND)
    }
}

/// An amount for a size, by the middle of the ratios of amount to size among the stages of the nearest sizes.
fn scaled(costs: &[Cost], size: f64, of: impl Fn(&Cost) -> (f64, f64)) -> Option<f64> {
    let size = size.max(1.0);
    // The newest first among equally near ones.
    let mut known: Vec<(f64, f64)> = costs
        .iter()
        .rev()
        .map(of)
        .map(|(own, amount)| ((own.max(1.0) / size).ln().abs(), amount / own.max(1.0)))
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    known.truncate(NEIGHBOURS);
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    Some(known.get(known.len() / 2)?.1 * size)
}

/// Adds to the stages that are left how long they will run on one thread and what they will store; gives both for all of
/// them together, with as many stages at once and threads as are given.
///
/// # Errors
/// When the store cannot be read.
pub fn with_estimates(
    plan: &Plan,
    store: &Store,
    (jobs, threads): (usize, usize),
    stages: &mut [Known],
) -> Result<Left, StoreError> {
    let estimates = Estimates::of(store)?;
    let open: Vec<NodeIndex> = plan
        .order()
        .zip(stages.iter())
        .filter(|(_, stage)| stage.state != State::Cached)
        .map(|(node, _)| node)
        .collect();
    let (mut is_whole, mut bytes) = (true, Some(0.0));
    for &node in &open {
        let (work, stage) = (&plan.graph[node].work, &mut stages[node.index()]);
        stage.thread_seconds = estimates.thread_seconds(work).map(|all| all * share_left(work, stage));
        is_whole &= stage.thread_seconds.is_some();
        let own = estimates.bytes(work);
        stage.bytes = own.map(|bytes| bytes.round() as u64);
        bytes = bytes.zip(own).map(|(sum, own)| sum + own);
    }
    let peaks = memory::peaks(open.iter().map(|node| &plan.graph[*node].work));
    let seconds = |node: NodeIndex| stages[node.index()].thread_seconds.unwrap_or(0.0);
    let tasks = tasks::of(plan, &open, &peaks, seconds);
    let machine = Machine {
        jobs,
        threads,
        bytes: memory::available(),
        gpus: Vec::new(),
    };
    Ok(Left {
        seconds: is_whole.then(|| schedule::makespan(&tasks, &machine)),
        bytes: bytes.map(|bytes| bytes.round() as u64),
    })
}

/// The share of a training's epochs that is left to train.
fn share_left(work: &Work, stage: &Known) -> f64 {
    let epochs = work.training().map(|(train, _)| train.epochs);
    match (epochs, stage.known_epochs) {
        (Some(epochs), Some(known)) if epochs > 0 => f64::from(epochs.saturating_sub(known)) / f64::from(epochs),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(costs: &[(f64, f64)], size: f64) -> Option<f64> {
        let cost = |(operations, thread_seconds): &(f64, f64)| Cost {
            kind: "train".to_owned(),
            device_class: device_class().to_owned(),
            operations: *operations,
            thread_seconds: *thread_seconds,
            values: 1.0,
            bytes: 100,
        };
        let costs: Vec<Cost> = costs.iter().map(cost).collect();
        scaled(&costs, size, |cost| (cost.operations, cost.thread_seconds))
    }

    #[test]
    fn an_estimate_is_the_middle_of_stages_of_like_size() {
        assert_eq!(estimate(&[], 1e9), None);
        assert_eq!(estimate(&[(1e9, 2.0)], 3e9), Some(6.0));
        let disturbed = [(1e9, 2.0), (1e9, 2.1), (1e9, 50.0)];
        assert_eq!(estimate(&disturbed, 1e9), Some(2.1));
        // Small stages are slow for their size, which says nothing of large ones.
        let large = [(1e12, 100.0); 9];
        let small = [(1e6, 1.0); 20];
        assert_eq!(estimate(&[&large[..], &small[..]].concat(), 2e12), Some(200.0));
    }
}
