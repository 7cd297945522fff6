//! Circles of items that need each other.

use std::collections::VecDeque;

use indexmap::{IndexMap, IndexSet, map::Entry};

use super::{Checker, messages};
use crate::{
    analysis::program::{ItemId, defined_name},
    source::Span,
};

impl Checker<'_> {
    /// Reports every circle among the items, once, at its first item in order of writing.
    pub(super) fn report_recursion(&mut self) {
        let mut edges: IndexMap<ItemId, Vec<(ItemId, Span)>> = IndexMap::new();
        for (&(from, to), &span) in &self.needs {
            edges.entry(from).or_default().push((to, span));
        }
        keep_circles(&mut edges);
        let mut starts: Vec<ItemId> = edges.keys().copied().collect();
        starts.sort_unstable();
        let mut reported: IndexSet<ItemId> = IndexSet::new();
        for start in starts {
            if reported.contains(&start) {
                continue;
            }
            if let Some(circle) = circle_through(start, &edges) {
                reported.extend(circle.iter().map(|(id, _)| *id));
                let circle: Vec<(String, Span)> = circle
                    .into_iter()
                    .map(|(id, span)| (self.item_name(id), span))
                    .collect();
                self.report(messages::recursion(&circle));
            }
        }
    }

    fn item_name(&self, id: ItemId) -> String {
        defined_name(self.program.item(id)).map_or_else(String::new, |name| name.name.clone())
    }
}

/// Keeps what leads to a circle and what a circle leads to, in most programs nothing: looking for the shortest circles
/// costs the square of what it looks at.
fn keep_circles(edges: &mut IndexMap<ItemId, Vec<(ItemId, Span)>>) {
    let ends = |tos: &Vec<(ItemId, Span)>| tos.iter().map(|(to, _)| *to).collect();
    let graph = edges.iter().map(|(from, tos)| (*from, ends(tos))).collect();
    let kept = turned_without_ends(&turned_without_ends(&graph));
    edges.retain(|from, _| kept.contains_key(from));
    for tos in edges.values_mut() {
        tos.retain(|(to, _)| kept.contains_key(to));
    }
}

/// The graph with its arrows turned round, without what cannot be followed for ever.
fn turned_without_ends(graph: &IndexMap<ItemId, Vec<ItemId>>) -> IndexMap<ItemId, Vec<ItemId>> {
    let mut turned: IndexMap<ItemId, Vec<ItemId>> = IndexMap::new();
    let mut left: IndexMap<ItemId, usize> = IndexMap::new();
    for (&from, tos) in graph {
        left.insert(from, tos.len());
        for &to in tos {
            turned.entry(to).or_default().push(from);
        }
    }
    let mut ends: Vec<ItemId> = turned.keys().filter(|id| !graph.contains_key(*id)).copied().collect();
    let mut gone: IndexSet<ItemId> = ends.iter().copied().collect();
    while let Some(end) = ends.pop() {
        for &from in turned.get(&end).into_iter().flatten() {
            if let Some(count) = left.get_mut(&from) {
                *count -= 1;
                if *count == 0 && gone.insert(from) {
                    ends.push(from);
                }
            }
        }
    }
    turned.retain(|to, _| !gone.contains(to));
    for froms in turned.values_mut() {
        froms.retain(|from| !gone.contains(from));
    }
    turned
}

/// The shortest way from an item to itself: each item on it, with the place where it names the next.
fn circle_through(start: ItemId, edges: &IndexMap<ItemId, Vec<(ItemId, Span)>>) -> Option<Vec<(ItemId, Span)>> {
    let mut came_from: IndexMap<ItemId, (ItemId, Span)> = IndexMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &(next, span) in edges.get(&at).into_iter().flatten() {
            if next == start {
                let mut way = vec![(at, span)];
                let mut back = at;
                while back != start {
                    let &(before, span) = came_from.get(&back)?;
                    way.push((before, span));
                    back = before;
                }
                way.reverse();
                return Some(way);
            }
            if let Entry::Vacant(entry) = came_from.entry(next) {
                entry.insert((at, span));
                queue.push_back(next);
            }
        }
    }
    None
}
