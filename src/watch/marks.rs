//! What tells a plan from another.

use crate::{
    exec::Known,
    plan::{Plan, canon::Key},
};
use petgraph::{Direction, graph::NodeIndex};

/// Its stages without their inputs, what these are, and the keys that are known.
pub(super) struct Marks {
    stages: Vec<(String, Key, Vec<NodeIndex>)>,
    outputs: Vec<(String, NodeIndex)>,
    pub(super) keys: Vec<Option<Key>>,
}

impl Marks {
    pub(super) fn of(plan: &Plan, known: &[Known]) -> Self {
        let stage = |node: NodeIndex| {
            let mut inputs: Vec<_> = plan.graph.neighbors_directed(node, Direction::Incoming).collect();
            inputs.sort_unstable();
            (plan.graph[node].name.clone(), plan.key(node, &[], &[]), inputs)
        };
        Self {
            stages: plan.order().map(stage).collect(),
            outputs: plan.outputs.iter().map(|(name, node)| (name.clone(), *node)).collect(),
            keys: known.iter().map(Known::key).collect(),
        }
    }

    /// True when nothing differs; keys that were not known before came out of the same.
    pub(super) fn are_those_of(&self, before: &Self) -> bool {
        let mut keys = self.keys.iter().zip(&before.keys);
        (&self.stages, &self.outputs) == (&before.stages, &before.outputs)
            && keys.all(|(key, before)| before.is_none() || key == before)
    }
}
