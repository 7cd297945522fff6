//! What the log of states says, as it is kept in memory.

use super::{EpochState, TrailPart};
use crate::{
    plan::{canon::Key, digest::Digest},
    store::log::Records,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

/// Records of states that were let go below which compaction is not worth its write.
const FEW: usize = 1024;

/// A record as it is in memory: what the index goes by, and the rest as it is written. A plan asks for few of many states.
#[derive(Debug)]
pub(super) struct Known {
    /// Where it stands in the order of saving.
    number: u64,
    pub(super) head: Head,
    json: Box<[u8]>,
}

impl Known {
    /// The whole; none of a shape that this program does not know.
    pub(super) fn state(&self) -> Option<EpochState> {
        serde_json::from_slice(&self.json).ok()
    }
}

/// What the index goes by. It stands before the rest of a record, after a byte that no JSON begins with: the root, the number
/// of parts (u8), and of each its digest and bytes (u64, little-endian).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) root: Key,
    pub(super) parts: Vec<TrailPart>,
}

/// Begins a head.
const HEAD: u8 = 1;

impl Head {
    fn of(state: &EpochState) -> Self {
        Self {
            root: state.root,
            parts: state.parts.values().copied().collect(),
        }
    }

    /// The head of a record without its key, and the rest. Records of before there were heads begin with the rest.
    fn split(record: &[u8]) -> Option<(Self, &[u8])> {
        let Some(record) = record.strip_prefix(&[HEAD]) else {
            let state: EpochState = serde_json::from_slice(record).ok()?;
            return Some((Self::of(&state), record));
        };
        let (root, record) = record.split_first_chunk()?;
        let (count, mut record) = record.split_first()?;
        let mut parts = Vec::with_capacity((*count).into());
        for _ in 0..*count {
            let (digest, rest) = record.split_first_chunk()?;
            let (bytes, rest) = rest.split_first_chunk()?;
            parts.push(TrailPart {
                digest: Digest(*digest),
                bytes: u64::from_le_bytes(*bytes),
            });
            record = rest;
        }
        let root = Key(Digest(*root));
        Some((Self { root, parts }, record))
    }

    /// A record of this head; none of more parts than a byte counts.
    fn record(&self, key: Key, json: &[u8]) -> Option<Vec<u8>> {
        let mut record = key.0.0.to_vec();
        record.push(HEAD);
        record.extend(self.root.0.0);
        record.push(u8::try_from(self.parts.len()).ok()?);
        for part in &self.parts {
            record.extend(part.digest.0);
            record.extend(part.bytes.to_le_bytes());
        }
        record.extend_from_slice(json);
        Some(record)
    }
}

/// What the log says.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) states: BTreeMap<Key, Known>,
    pub(super) roots: BTreeMap<Key, BTreeSet<Key>>,
    /// How many states name a part.
    pub(super) uses: BTreeMap<Digest, usize>,
    /// Bytes of all parts, each once.
    pub(super) bytes: u64,
    next: u64,
    /// Records that say nothing any more.
    dead: usize,
}

impl Index {
    fn forget(&mut self, key: Key) {
        let Some(known) = self.states.remove(&key) else { return };
        self.dead += 1;
        if let Some(keys) = self.roots.get_mut(&known.head.root) {
            keys.remove(&key);
            if keys.is_empty() {
                self.roots.remove(&known.head.root);
            }
        }
        for part in &known.head.parts {
            if let Some(uses) = self.uses.get_mut(&part.digest) {
                *uses -= 1;
                if *uses == 0 {
                    self.uses.remove(&part.digest);
                    self.bytes -= part.bytes;
                }
            }
        }
    }

    /// True when a log of the live records alone would be much shorter.
    pub(super) fn is_worn(&self) -> bool {
        self.dead >= FEW.max(self.states.len())
    }

    /// What such a log would hold, in their order.
    pub(super) fn compacted(&self) -> Option<Vec<Vec<u8>>> {
        if !self.is_worn() {
            return None;
        }
        let mut live: Vec<_> = self.states.iter().collect();
        live.sort_by_key(|(_, known)| known.number);
        live.into_iter()
            .map(|(key, known)| known.head.record(*key, &known.json))
            .collect()
    }
}

impl Records for Index {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        let Some((key, rest)) = payload.split_first_chunk() else {
            return;
        };
        let key = Key(Digest(*key));
        self.forget(key);
        // A record without a state lets one go; so does one whose head this program does not know.
        let Some((head, json)) = Head::split(rest) else {
            self.dead += 1;
            return;
        };
        for part in &head.parts {
            let uses = self.uses.entry(part.digest).or_default();
            *uses += 1;
            self.bytes += if *uses == 1 { part.bytes } else { 0 };
        }
        self.roots.entry(head.root).or_default().insert(key);
        let number = self.next;
        self.next += 1;
        let json = json.into();
        self.states.insert(key, Known { number, head, json });
    }
}

pub(super) fn payload(key: Key, state: &EpochState) -> io::Result<Vec<u8>> {
    let record = Head::of(state).record(key, &serde_json::to_vec(state)?);
    record.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

pub(super) fn in_order(mut known: Vec<(Key, &Known)>) -> Vec<(Key, EpochState)> {
    known.sort_by_key(|(_, known)| known.number);
    let states = known.into_iter().filter_map(|(key, known)| Some((key, known.state()?)));
    states.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> Key {
        Key(Digest::of(&[number]))
    }

    proptest! {
        /// Whatever was saved and let go, a log of the live records alone says the same of every key, root and part.
        #[test]
        fn a_compacted_log_says_the_same(acts in prop::collection::vec((0..6_u8, any::<bool>(), 0..4_u8), 0..60)) {
            let mut index = Index::default();
            for (number, saved, part) in acts {
                let part = TrailPart { digest: Digest::of(&[part]), bytes: u64::from(part) };
                let state = EpochState {
                    epoch: number.into(),
                    root: key(number % 2),
                    stage: key(9),
                    pipeline: "study".to_owned(),
                    course: serde_json::Value::Null,
                    devices: Vec::new(),
                    parts: [("weights".to_owned(), part)].into(),
                };
                let record = if saved { payload(key(number), &state)? } else { key(number).0.0.to_vec() };
                index.add(0, 0, &record);
            }
            index.dead = FEW;
            let mut again = Index::default();
            for record in index.compacted().expect("it is worn") {
                again.add(0, 0, &record);
            }
            let states = |index: &Index| -> Vec<(Key, EpochState)> {
                let known = index.states.iter().map(|(key, known)| (*key, known));
                in_order(known.collect())
            };
            prop_assert_eq!(states(&again), states(&index));
            prop_assert_eq!((&again.roots, &again.uses, again.dead), (&index.roots, &index.uses, 0));
            prop_assert_eq!(again.bytes, index.bytes);
            let parts: BTreeSet<_> = states(&index).iter().map(|(_, state)| state.parts["weights"].digest).collect();
            prop_assert_eq!(parts, again.uses.keys().copied().collect());
        }

        /// A record is read as it was written, with its head and as records were before there were heads; one that was cut
        /// off or is of another shape is none.
        #[test]
        fn records_read_back(epoch: u32, bytes in prop::collection::vec(any::<u64>(), 0..5), cut in 0..400_usize) {
            let part = |(number, bytes): (usize, &u64)| {
                let digest = Digest::of(&number.to_le_bytes());
                (format!("part {number}"), TrailPart { digest, bytes: *bytes })
            };
            let state = EpochState {
                epoch,
                root: key(1),
                stage: key(2),
                pipeline: "study".to_owned(),
                course: serde_json::json!({ "epochs": 3 }),
                devices: vec!["cpu-avx2".to_owned()],
                parts: bytes.iter().enumerate().map(part).collect(),
            };
            let json = serde_json::to_vec(&state)?;
            for record in [payload(key(3), &state)?, [&key(3).0.0[..], &json].concat()] {
                let mut index = Index::default();
                index.add(0, 0, &record);
                let known = index.states.get(&key(3)).expect("it is a state");
                prop_assert_eq!(known.state(), Some(state.clone()));
                prop_assert_eq!(&known.head, &Head::of(&state));
                let cut = &record[..cut.min(record.len() - 1)];
                let mut index = Index::default();
                index.add(0, 0, cut);
                prop_assert!(index.states.get(&key(3)).is_none_or(|known| known.state().is_none()));
            }
        }
    }
}
