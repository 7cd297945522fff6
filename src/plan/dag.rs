//! The summary of a plan: groups of like stages and what feeds what.

use super::{
    stage::{Dag, Work},
    stages::{StageId, Stages},
};
use indexmap::{IndexMap, IndexSet, map::Entry};
use rustc_hash::FxBuildHasher;

/// What like stages have in common: kind, label and the groups that feed them, each once and in order.
type Group<'a> = (&'static str, &'a str, Vec<u32>);

/// The stages `needed`, and the report that will stand on them if one is named, in groups: stages of one kind and label
/// that rest on the same groups are one node.
pub(super) fn summary(stages: &Stages, needed: &[StageId], report: Option<&str>) -> Dag {
    let mut groups: IndexMap<Group<'_>, u32, FxBuildHasher> = IndexMap::default();
    let mut group_of: Vec<Option<u32>> = vec![None; stages.len()];
    let mut edges: IndexSet<(u32, u32), FxBuildHasher> = IndexSet::default();
    for &id in needed {
        let made = stages.get(id);
        let mut before: Vec<u32> = made.inputs.iter().filter_map(|(input, _)| group_of[input.0]).collect();
        before.sort_unstable();
        before.dedup();
        let entry = groups.entry((made.stage.work.kind(), &made.label, before));
        let place = u32::try_from(entry.index()).unwrap_or(u32::MAX);
        // The edges of a group are those of its first stage.
        if let Entry::Vacant(new) = &entry {
            edges.extend(new.key().2.iter().map(|from| (*from, place)));
        }
        *entry.or_insert(0) += 1;
        group_of[id.0] = Some(place);
    }
    if report.is_some() {
        let place = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let scored = needed
            .iter()
            .filter(|id| matches!(stages.get(**id).stage.work, Work::Score(_)));
        edges.extend(scored.filter_map(|id| group_of[id.0]).map(|from| (from, place)));
    }
    let mut nodes: Vec<_> = groups
        .into_iter()
        .map(|((kind, label, _), count)| (label.to_owned(), kind.to_owned(), count))
        .collect();
    nodes.extend(report.map(|report| (format!("report {report}"), "report".to_owned(), 1)));
    Dag {
        nodes,
        edges: edges.into_iter().collect(),
    }
}
