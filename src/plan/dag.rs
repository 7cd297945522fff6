//! The summary of a plan: groups of like stages and what feeds what.

use super::{
    stage::{Dag, Work},
    stages::{StageId, Stages},
};
use indexmap::{IndexMap, IndexSet};
use std::collections::BTreeSet;

/// What like stages have in common: kind, label and the groups that feed them.
type Group = (&'static str, String, BTreeSet<u32>);

/// The stages `needed`, and the report that will stand on them if one is named, in groups: stages of one kind and label
/// that rest on the same groups are one node.
pub(super) fn summary(stages: &Stages, needed: &[StageId], report: Option<&str>) -> Dag {
    let mut groups: IndexMap<Group, u32> = IndexMap::new();
    let mut group_of: IndexMap<StageId, u32> = IndexMap::new();
    let mut edges: IndexSet<(u32, u32)> = IndexSet::new();
    for &id in needed {
        let made = stages.get(id);
        let before: BTreeSet<u32> = made
            .inputs
            .iter()
            .filter_map(|(input, _)| group_of.get(input).copied())
            .collect();
        let entry = groups.entry((made.stage.work.kind(), made.label.clone(), before.clone()));
        let place = u32::try_from(entry.index()).unwrap_or(u32::MAX);
        *entry.or_insert(0) += 1;
        group_of.insert(id, place);
        edges.extend(before.into_iter().map(|from| (from, place)));
    }
    if report.is_some() {
        let place = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let scored = needed
            .iter()
            .filter(|id| matches!(stages.get(**id).stage.work, Work::Score(_)));
        edges.extend(scored.filter_map(|id| group_of.get(id)).map(|from| (*from, place)));
    }
    let mut nodes: Vec<_> = groups
        .into_iter()
        .map(|((kind, label, _), count)| (label, kind.to_owned(), count))
        .collect();
    nodes.extend(report.map(|report| (format!("report {report}"), "report".to_owned(), 1)));
    Dag {
        nodes,
        edges: edges.into_iter().collect(),
    }
}
