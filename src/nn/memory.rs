//! Planned memory: buffers with known lifetimes share one arena.

use std::ops::Range;

/// A buffer of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferId(usize);

/// Floats between the beginnings of buffers: a cache line.
const ALIGNMENT: usize = 16;

#[derive(Clone, Debug)]
struct Lifetime {
    len: usize,
    first: usize,
    last: usize,
}

/// Buffers and the times from which to which each is needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifetimes(Vec<Lifetime>);

impl Lifetimes {
    /// A buffer of `len` floats, needed at `time`.
    pub(super) fn add(&mut self, len: usize, time: usize) -> BufferId {
        self.0.push(Lifetime {
            len,
            first: time,
            last: time,
        });
        BufferId(self.0.len() - 1)
    }

    /// The buffer is needed at `time` too, and until then.
    pub(super) fn extend(&mut self, buffer: BufferId, time: usize) {
        let lifetime = &mut self.0[buffer.0];
        lifetime.first = lifetime.first.min(time);
        lifetime.last = lifetime.last.max(time);
    }

    /// Gives every buffer its place: the largest first, each as low as those that live with it allow.
    pub(super) fn place(&self) -> Arena {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(self.0[i].len));
        let mut starts = vec![0; self.0.len()];
        let mut placed: Vec<usize> = Vec::new();
        let mut len = 0;
        for i in order {
            let buffer = &self.0[i];
            let mut neighbours: Vec<(usize, usize)> = placed
                .iter()
                .filter(|&&j| self.0[j].first <= buffer.last && buffer.first <= self.0[j].last)
                .map(|&j| (starts[j], starts[j] + self.0[j].len.next_multiple_of(ALIGNMENT)))
                .collect();
            neighbours.sort_unstable();
            let mut at = 0;
            for (start, end) in neighbours {
                if start >= at + buffer.len {
                    break;
                }
                at = at.max(end);
            }
            starts[i] = at;
            placed.push(i);
            len = len.max(at + buffer.len);
        }
        Arena { starts, len }
    }
}

/// Where the buffers stand.
#[derive(Clone, Debug)]
pub(super) struct Arena {
    starts: Vec<usize>,
    /// Floats altogether.
    pub(super) len: usize,
}

impl Arena {
    /// The first `len` floats of a buffer.
    pub(super) fn range(&self, buffer: BufferId, len: usize) -> Range<usize> {
        let start = self.starts[buffer.0];
        start..start + len
    }
}

/// Lends several ranges of one slice at once.
pub(super) fn lend<const N: usize>(arena: &mut [f32], ranges: [Range<usize>; N]) -> [&mut [f32]; N] {
    arena
        .get_disjoint_mut(ranges)
        .expect("buffers that live at one time do not overlap")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_alive_together_never_overlap(buffers in prop::collection::vec((1usize..200, 0usize..20, 0usize..8), 1..40)) {
            let mut lifetimes = Lifetimes::default();
            let ids: Vec<_> = buffers.iter().map(|&(len, first, span)| {
                let id = lifetimes.add(len, first);
                lifetimes.extend(id, first + span);
                id
            }).collect();
            let arena = lifetimes.place();
            for (i, a) in buffers.iter().enumerate() {
                let range = arena.range(ids[i], a.0);
                prop_assert!(range.end <= arena.len && range.start % ALIGNMENT == 0);
                for (j, b) in buffers.iter().enumerate().skip(i + 1) {
                    let other = arena.range(ids[j], b.0);
                    let together = a.1 <= b.1 + b.2 && b.1 <= a.1 + a.2;
                    prop_assert!(!together || range.end <= other.start || other.end <= range.start);
                }
            }
        }

        #[test]
        fn buffers_of_a_chain_share_the_space_of_two(len in 16usize..100, count in 3usize..30) {
            let mut lifetimes = Lifetimes::default();
            for time in 0..count {
                let id = lifetimes.add(len, time);
                lifetimes.extend(id, time + 1);
            }
            prop_assert!(lifetimes.place().len <= 2 * len.next_multiple_of(ALIGNMENT));
        }
    }
}
