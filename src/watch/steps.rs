//! Like stages, taken together: the folds of a step, the arms of a grid.

use crate::{
    exec,
    plan::{Plan, stage::Dag},
};
use indexmap::IndexMap;
use petgraph::{Direction, graph::NodeIndex};
use serde::Serialize;

/// Stages of one kind and name that rest on the same steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What they do: `finetune malignancy`.
    pub label: String,
    /// Their kind.
    pub kind: &'static str,
    /// The stages, by place in the plan.
    pub stages: Vec<usize>,
    /// The steps that it takes from, by place.
    pub after: Vec<usize>,
}

/// The last part of a stage's name, which says what it does.
fn label(name: &str) -> &str {
    exec::parts(name).pop().unwrap_or(name)
}

/// The steps of a plan, inputs first, and for each stage the place of its step.
#[must_use]
pub fn steps(plan: &Plan) -> (Vec<Step>, Vec<usize>) {
    let mut found: IndexMap<(&'static str, &str, Vec<usize>), Vec<usize>> = IndexMap::new();
    let mut step_of: Vec<usize> = Vec::with_capacity(plan.graph.node_count());
    for node in plan.order() {
        let inputs = plan.graph.neighbors_directed(node, Direction::Incoming);
        let mut after: Vec<usize> = inputs.map(|from: NodeIndex| step_of[from.index()]).collect();
        after.sort_unstable();
        after.dedup();
        let stage = &plan.graph[node];
        let entry = found.entry((stage.work.kind(), label(&stage.name), after));
        step_of.push(entry.index());
        entry.or_default().push(node.index());
    }
    let steps = found.into_iter().map(|((kind, label, after), stages)| Step {
        label: label.to_owned(),
        kind,
        stages,
        after,
    });
    (steps.collect(), step_of)
}

/// The steps as a graph that can be drawn.
pub(super) fn drawable(steps: &[Step]) -> Dag {
    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let edges = steps.iter().enumerate().flat_map(|(place, step)| {
        let to = number(place);
        step.after.iter().map(move |from| (number(*from), to))
    });
    let node = |step: &Step| (step.label.clone(), step.kind.to_owned(), number(step.stages.len()));
    Dag {
        nodes: steps.iter().map(node).collect(),
        edges: edges.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stage_does_stands_last_in_its_name() {
        assert_eq!(label("scores[a/b]/fold2/finetune malignancy"), "finetune malignancy");
        assert_eq!(label("prepare films"), "prepare films");
        assert_eq!(label("x]/y"), "y");
    }
}
