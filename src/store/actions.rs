//! Action records: which stage, by its key, gave which objects.

use super::{
    disk::Disk,
    error::{At, StoreError},
    log::{Log, Places},
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

impl Action {
    /// What later stages need of it.
    #[must_use]
    pub fn product(&self) -> Product {
        Product {
            outputs: Arc::new(self.outputs.clone()),
            device_class: self.provenance.device_class.as_str().into(),
        }
    }
}

/// What a stage gave, as far as later stages and a plan need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its outputs by name.
    pub outputs: Arc<BTreeMap<String, Digest>>,
    /// The class of the device that computed them.
    pub device_class: Arc<str>,
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

/// The records on disk.
#[derive(Debug)]
pub(super) struct Actions {
    log: Log,
    places: Places<false>,
    /// The class of the last product, which most share.
    class: Arc<str>,
}

impl Actions {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, notices: &Notices) -> Result<Self, StoreError> {
        let mut places = Places::default();
        let log = Log::open(disk, path, notices, &mut places)?;
        Ok(Self {
            log,
            places,
            class: "".into(),
        })
    }

    /// Keys with a record, and bytes of the log.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.places.len() as u64, self.log.len())
    }

    /// Takes in what other processes have recorded.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        self.log.refresh(&mut self.places)
    }

    /// True when the key has a record, as far as this process has read.
    pub(super) fn contains(&self, key: Key) -> bool {
        self.places.contains(key.0)
    }

    /// The key's last record; a miss reads what other processes have appended meanwhile.
    pub(super) fn lookup(&mut self, key: Key) -> Result<Option<Action>, StoreError> {
        self.read(key, decode)
    }

    /// As [`Actions::lookup`], of the record only what later stages need: one is asked for of every stage of a plan.
    pub(super) fn product(&mut self, key: Key) -> Result<Option<Product>, StoreError> {
        let class = Arc::clone(&self.class);
        let product = self.read(key, |record| product(record, &class))?;
        if let Some(product) = &product {
            self.class = Arc::clone(&product.device_class);
        }
        Ok(product)
    }

    /// A record damaged since it was found, or of a shape that this program does not know, is no record.
    fn read<T>(&mut self, key: Key, take: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, StoreError> {
        if !self.contains(key) {
            self.refresh()?;
        }
        self.places.read(&self.log, key.0, take)
    }

    /// Appends records, made by [`encode`]; they are on the disk when this returns.
    pub(super) fn record(&mut self, records: &[Vec<u8>]) -> Result<(), StoreError> {
        self.log.append(records, true, &mut self.places)
    }
}

/// Begins the body of a record in this form. JSON, which begins with a brace, is the form of earlier versions.
const FORM: u8 = 1;

/// What of a record is told to people: the part that is seldom read.
#[derive(Serialize)]
struct Told<'a> {
    stage: &'a str,
    kind: &'a str,
    provenance: &'a Provenance,
}

/// As it is read.
#[derive(Deserialize)]
struct ToldOwned {
    stage: String,
    kind: String,
    provenance: Provenance,
}

/// A record as it stands in the log: the key's 32 bytes, [`FORM`], then the count of outputs, for each its name and the 32
/// bytes of its digest, and the class of the device; then the rest as JSON. A text is its length and its bytes; counts and
/// lengths are 16 bits, little-endian.
pub(super) fn encode(key: Key, action: &Action) -> Result<Vec<u8>, StoreError> {
    let mut payload = key.0.0.to_vec();
    let told = Told {
        stage: &action.stage,
        kind: &action.kind,
        provenance: &action.provenance,
    };
    write_head(&mut payload, action)
        .and_then(|()| serde_json::to_writer(&mut payload, &told).map_err(io::Error::from))
        .at("write a record for", Path::new(&action.stage))?;
    Ok(payload)
}

fn write_head(bytes: &mut Vec<u8>, action: &Action) -> io::Result<()> {
    let count = |count: usize| {
        u16::try_from(count)
            .map(u16::to_le_bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a name of more than 64 KiB"))
    };
    bytes.push(FORM);
    bytes.extend(count(action.outputs.len())?);
    for (name, digest) in &action.outputs {
        bytes.extend(count(name.len())?);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&digest.0);
    }
    let class = &action.provenance.device_class;
    bytes.extend(count(class.len())?);
    bytes.extend_from_slice(class.as_bytes());
    Ok(())
}

/// Outputs, class of the device, and the JSON behind them.
type Head<'a> = (BTreeMap<String, Digest>, &'a str, &'a [u8]);

/// Reads what [`write_head`] wrote.
fn head(record: &[u8]) -> Option<Head<'_>> {
    fn count(bytes: &[u8]) -> Option<(usize, &[u8])> {
        let (count, rest) = bytes.split_first_chunk()?;
        Some((u16::from_le_bytes(*count).into(), rest))
    }
    fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
        let (length, rest) = count(bytes)?;
        let (text, rest) = rest.split_at_checked(length)?;
        Some((str::from_utf8(text).ok()?, rest))
    }
    let (outputs, mut rest) = count(record.strip_prefix(&[FORM])?)?;
    let mut found = BTreeMap::new();
    for _ in 0..outputs {
        let (name, after) = text(rest)?;
        let (digest, after) = after.split_first_chunk()?;
        found.insert(name.to_owned(), Digest(*digest));
        rest = after;
    }
    let (class, json) = text(rest)?;
    Some((found, class, json))
}

/// What a record says, with its key; none when it is of a shape that this program does not know.
pub(super) fn decode_whole(payload: &[u8]) -> Option<(Key, Action)> {
    let (key, record) = payload.split_first_chunk()?;
    Some((Key(Digest(*key)), decode(record)?))
}

fn decode(record: &[u8]) -> Option<Action> {
    if !record.starts_with(&[FORM]) {
        return serde_json::from_slice(record).ok();
    }
    let (outputs, _, json) = head(record)?;
    let told: ToldOwned = serde_json::from_slice(json).ok()?;
    Some(Action {
        stage: told.stage,
        kind: told.kind,
        outputs,
        provenance: told.provenance,
    })
}

/// `class` is taken over where it is the same.
fn product(record: &[u8], class: &Arc<str>) -> Option<Product> {
    if !record.starts_with(&[FORM]) {
        return decode(record).map(|action| action.product());
    }
    let (outputs, own, _) = head(record)?;
    Some(Product {
        outputs: Arc::new(outputs),
        device_class: if own == &**class { Arc::clone(class) } else { own.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_earlier_versions_are_read() {
        let outputs = [("model".to_owned(), Digest::of(b"model"))];
        let action = Action {
            stage: "scores/fold1/train".to_owned(),
            kind: "train".to_owned(),
            outputs: outputs.into(),
            provenance: Provenance {
                when: jiff::Timestamp::UNIX_EPOCH,
                host: None,
                seconds: 1.5,
                threads: 2,
                version: "0.1.0".to_owned(),
                device_class: "cpu-avx2".to_owned(),
            },
        };
        let key = Key(Digest::of(b"key"));
        let now = encode(key, &action).expect("it is short");
        let now = now.strip_prefix(&key.0.0).expect("the key stands first");
        let before = serde_json::to_vec(&action).expect("it is plain data");
        for record in [now, &before] {
            assert_eq!(decode(record).as_ref(), Some(&action));
            assert_eq!(product(record, &"cpu-avx2".into()), Some(action.product()));
        }
        assert!((0..now.len() - 1).all(|end| decode(&now[..end]).is_none()));
    }
}
