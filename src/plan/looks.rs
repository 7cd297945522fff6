//! What test data an output shows, and the plan behind it: what the ledger of looks is about (`store::ledger`).
//!
//! A look is a number made from test labels and scores that leaves the store. Test data are told by who was tested on
//! what in which fold, not by files, so that a copy of the data, another network or another picture size are looks at
//! the same test data.

use super::{
    Plan,
    canon::canonical,
    digest::Digest,
    stage::{Adjust, Choice, Design, Part, Role, TaskFacts, What, Work},
};
use petgraph::{Direction, graph::NodeIndex, visit::EdgeRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The context of the keyed digest, as BLAKE3's key derivation asks: a constant of this program.
const CONTEXT: &str = "mtl 2026-11 identity of test data";

/// The tested samples of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestData {
    /// The same wherever the same groups with the same labels are tested in the same folds. No name can be read from it.
    pub identity: Digest,
    /// The task's name in the program.
    pub task: String,
    /// Groups that are tested.
    pub groups: usize,
    /// What a group is: `patient_id`; none when samples are their own groups.
    pub group_column: Option<String>,
}

/// The test data whose results a stage's outputs show, one per task; empty for stages that show none.
#[must_use]
pub fn shown(work: &Work) -> Vec<TestData> {
    design(work).map_or_else(Vec::new, |design| {
        let tasks = design.tasks.iter().enumerate();
        tasks
            .filter_map(|(place, task)| test_data(design, place, task))
            .collect()
    })
}

/// What a stage judges whose outputs show results on test data.
#[must_use]
pub fn design(work: &Work) -> Option<&Design> {
    match work {
        Work::Report(report) => Some(&report.design),
        Work::Extract(extract) => match extract.what {
            What::Table { part: Part::Tuning, .. } => None,
            What::Table { .. } | What::Predictions { .. } | What::Ranking { .. } => Some(&extract.design),
        },
        _ => None,
    }
}

fn test_data(design: &Design, place: usize, task: &TaskFacts) -> Option<TestData> {
    let mut tested: BTreeSet<(u32, u32, u32)> = BTreeSet::new();
    let mut seen: Vec<(u32, u32, &[u32])> = Vec::new();
    let cells = design.cells.iter().filter(|cell| cell.task == place);
    for member in cells.flat_map(|cell| &cell.members) {
        // Cells of one task share their folds, so nearly all are the very same list.
        let list = (member.repeat, member.fold, &member.test[..]);
        if seen
            .iter()
            .any(|one| (one.0, one.1) == (list.0, list.1) && std::ptr::eq(one.2, list.2))
        {
            continue;
        }
        seen.push(list);
        tested.extend(member.test.iter().map(|sample| (member.repeat, member.fold, *sample)));
    }
    let sample = |at: u32| task.samples.get(at as usize);
    let mut rows: Vec<_> = tested
        .into_iter()
        .filter_map(|(repeat, fold, at)| {
            let sample = sample(at)?;
            let labels = task.class_labels.get(sample.class as usize)?;
            Some((task.space.as_deref(), sample.group.as_str(), labels, fold, repeat))
        })
        .collect();
    rows.sort_unstable();
    let groups: BTreeSet<_> = rows.iter().map(|row| row.1).collect();
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&canonical(&rows));
    (!rows.is_empty()).then(|| TestData {
        identity: Digest(*hasher.finalize().as_bytes()),
        task: task.name.clone(),
        groups: groups.len(),
        group_column: task.group_column.clone(),
    })
}

/// The digest of all that a stage is made by: its work and that of every stage before it, known without running any.
/// It is the same wherever the program runs and whatever the files of its pictures hold.
#[must_use]
pub fn plan_digest(plan: &Plan, node: NodeIndex) -> Digest {
    let mut digests: Vec<Option<Digest>> = vec![None; plan.graph.node_count()];
    let mut needed = vec![false; digests.len()];
    needed[node.index()] = true;
    let mut open = vec![node];
    while let Some(at) = open.pop() {
        for (_, from) in before(plan, at) {
            if !std::mem::replace(&mut needed[from.index()], true) {
                open.push(from);
            }
        }
    }
    for at in plan.order().filter(|at| needed[at.index()]) {
        let inputs: Vec<_> = before(plan, at)
            .into_iter()
            .filter_map(|(role, from)| Some((role, role.output(), digests[from.index()]?)))
            .collect();
        digests[at.index()] = Some(plan.key(at, &inputs, &[]).0);
    }
    digests[node.index()].unwrap_or(Digest::of(b""))
}

/// The stages that a stage takes from, in the order of their roles.
fn before(plan: &Plan, node: NodeIndex) -> Vec<(Role, NodeIndex)> {
    let edges = plan.graph.edges_directed(node, Direction::Incoming);
    let mut before: Vec<_> = edges.map(|edge| (*edge.weight(), edge.source())).collect();
    before.sort_unstable();
    before
}

/// The settings of an output, as the ledger compares them; those of other outputs than reports are not known.
#[must_use]
pub fn choices(work: &Work) -> &[Choice] {
    match work {
        Work::Report(report) => &report.choices,
        _ => &[],
    }
}

/// The program's file name.
#[must_use]
pub fn program(work: &Work) -> &str {
    match work {
        Work::Report(report) => &report.program,
        Work::Extract(extract) => &extract.program,
        _ => "",
    }
}

/// The primary task of an output.
#[must_use]
pub fn primary(work: &Work) -> Option<&str> {
    match work {
        Work::Report(report) => report.primary.as_ref().map(|primary| primary.label.as_str()),
        _ => None,
    }
}

/// How the p values of an output are corrected: `holm over 6 comparisons`.
#[must_use]
pub fn family(work: &Work) -> Option<String> {
    let Work::Report(report) = work else { return None };
    let comparisons = report.design.pairs.len() + report.others.iter().map(|other| other.cohorts.len()).sum::<usize>();
    let plural = if comparisons == 1 { "" } else { "s" };
    (comparisons > 0).then(|| match report.adjust {
        Adjust::Holm => format!("holm over {comparisons} comparison{plural}"),
        Adjust::None => format!("{comparisons} comparison{plural}, not corrected"),
    })
}
