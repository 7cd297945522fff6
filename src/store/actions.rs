//! Action records: which stage, by its key, gave which objects.

use super::{
    disk::Disk,
    error::{At, StoreError},
    log::{Log, Records},
    notice::Notices,
};
use crate::plan::{canon::Key, digest::Digest};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io, path::Path, sync::Arc};

/// What a stage gave, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The stage's readable name in the program that ran it.
    pub stage: String,
    /// The stage's kind.
    pub kind: String,
    /// Its outputs by name.
    pub outputs: BTreeMap<String, Digest>,
    /// How they came about; no part of any key.
    pub provenance: Provenance,
}

/// How a result came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// When the stage ended.
    #[serde(with = "rfc3339")]
    pub when: jiff::Timestamp,
    /// On which machine, where known.
    pub host: Option<String>,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// On how many threads.
    pub threads: u32,
    /// The version of the program.
    pub version: String,
    /// The class of the device that computed: `cpu-<instruction set>` or `cuda-<architecture>-<cuDNN>`.
    pub device_class: String,
}

/// A moment as RFC 3339 writes it, in UTC.
mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(when: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(when)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Where each key's last record begins in the log, and how long it is.
#[derive(Debug, Default)]
struct Places(BTreeMap<Key, (u64, usize)>);

impl Records for Places {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, offset: u64, payload: &[u8]) {
        if let Some((key, _)) = payload.split_first_chunk() {
            self.0.insert(Key(Digest(*key)), (offset, payload.len()));
        }
    }
}

/// The records on disk. A record is the key's 32 bytes, then the [`Action`] as JSON, which is read when it is asked for.
#[derive(Debug)]
pub(super) struct Actions {
    log: Log,
    places: Places,
}

impl Actions {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, notices: &Notices) -> Result<Self, StoreError> {
        let mut places = Places::default();
        let log = Log::open(disk, path, notices, &mut places)?;
        Ok(Self { log, places })
    }

    /// Keys with a record, and bytes of the log.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.places.0.len() as u64, self.log.len())
    }

    /// Takes in what other processes have recorded.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        self.log.refresh(&mut self.places)
    }

    /// True when the key has a record, as far as this process has read.
    pub(super) fn contains(&self, key: Key) -> bool {
        self.places.0.contains_key(&key)
    }

    /// The key's last record; a miss reads what other processes have appended meanwhile.
    pub(super) fn lookup(&mut self, key: Key) -> Result<Option<Action>, StoreError> {
        if !self.contains(key) {
            self.refresh()?;
        }
        let Some(&(offset, length)) = self.places.0.get(&key) else {
            return Ok(None);
        };
        // A record damaged since it was found, or of a shape that this program does not know, is no record.
        let payload = self.log.read(offset, length)?;
        let json = payload.as_deref().and_then(|payload| payload.strip_prefix(&key.0.0));
        Ok(json.and_then(|json| serde_json::from_slice(json).ok()))
    }

    /// Appends records, made by [`encode`]; they are on the disk when this returns.
    pub(super) fn record(&mut self, records: &[Vec<u8>]) -> Result<(), StoreError> {
        self.log.append(records, true, &mut self.places)
    }
}

/// A record as it stands in the log.
pub(super) fn encode(key: Key, action: &Action) -> Result<Vec<u8>, StoreError> {
    let mut payload = key.0.0.to_vec();
    serde_json::to_writer(&mut payload, action)
        .map_err(io::Error::from)
        .at("write a record for", Path::new(&action.stage))?;
    Ok(payload)
}
