//! The fields of a stage's work as paths with short values, and what differs between two stages.
//!
//! `epochs` is `10`, `schedule.Cosine.end` is `0`; a long list, as the rows of a fold, is its length and its digest. Fields of
//! which there are many, as those of a network, are a part that stages share.

use super::keys;
use crate::{
    plan::{NodeIndex, Plan, canon::Key, digest::Digest},
    store::{FieldsLog, Store, StoreError},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// Elements of a list of plain values that is shown whole.
const SHORT_LIST: usize = 16;
/// Characters of a text that is shown whole.
const SHORT_TEXT: usize = 120;
/// Fields below one name that are still written with the stage.
const FEW: usize = 32;
/// Files that are remembered one by one.
const MANY_FILES: usize = 10_000;

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    /// Shown whole.
    Text(String),
    /// Of so many elements or characters, told by the digest of all of them.
    Long(usize, Digest),
    /// Fields of their own, in the record of this name.
    Part(Digest),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digest: &Digest| digest.to_string()[..8].to_owned();
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Long(count, digest) => write!(f, "{count} values, digest {}", short(digest)),
            Self::Part(digest) => write!(f, "fields, digest {}", short(digest)),
        }
    }
}

/// Fields by their paths, in the order of the work.
type Fields = Vec<(String, Field)>;

/// All that a stage's key is made of, as fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StageFields {
    /// Of the work.
    fields: Fields,
    /// What it takes: the output's name and place, the stage that gives it, the digest.
    inputs: Vec<(String, String, Option<Digest>)>,
    /// Files that it reads, with the digests of their contents; of very many, one line for all.
    files: Vec<(String, Digest)>,
    /// The parts that `fields` names, where they are not yet in a log.
    #[serde(skip)]
    parts: BTreeMap<Digest, Fields>,
}

/// The fields of a stage of a plan. `digest` gives what a stage's output is, where it is known.
///
/// # Errors
/// When a file that it reads cannot be read.
pub(super) fn of_stage(
    plan: &Plan,
    store: &Store,
    node: NodeIndex,
    digest: &dyn Fn(NodeIndex, &str) -> Option<Digest>,
) -> Result<StageFields, StoreError> {
    let work = &plan.graph[node].work;
    let mut stage = of_value(&serde_json::to_value(work).unwrap_or_default());
    stage
        .fields
        .push(("version".to_owned(), Field::Text(work.version().to_string())));
    for (role, from) in keys::inputs(plan, node) {
        let name = &plan.graph[from].name;
        stage
            .inputs
            .push((format!("{role:?}"), name.clone(), digest(from, role.output())));
    }
    let files = work.files();
    if !files.is_empty() {
        let digests = store.digests_of_files(&files, &|_| (), &|| false)?;
        stage.files = files
            .iter()
            .map(|path| path.display().to_string())
            .zip(digests)
            .collect();
        if files.len() > MANY_FILES {
            let all: Vec<u8> = stage.files.iter().flat_map(|(_, digest)| digest.0).collect();
            stage.files = vec![(format!("{} files", files.len()), Digest::of(&all))];
        }
    }
    Ok(stage)
}

/// The fields of a work that was written as JSON: its kind with its contents.
fn of_value(work: &Value) -> StageFields {
    let contents = work.as_object().and_then(|kinds| kinds.values().next());
    let mut stage = StageFields::default();
    let Some(fields) = contents.and_then(Value::as_object) else {
        flatten("work", contents.unwrap_or(work), &mut stage.fields);
        return stage;
    };
    for (name, value) in fields {
        let mut below = Vec::new();
        flatten(name, value, &mut below);
        if below.len() > FEW {
            let part = Digest::of(&json(&below));
            stage.parts.insert(part, below);
            stage.fields.push((name.clone(), Field::Part(part)));
        } else {
            stage.fields.extend(below);
        }
    }
    stage
}

/// Adds a value, or the values below it, under `path`.
fn flatten(path: &str, value: &Value, fields: &mut Fields) {
    let is_plain = |value: &Value| !(value.is_array() || value.is_object());
    let field = match value {
        Value::Object(object) if !object.is_empty() => {
            object
                .iter()
                .for_each(|(name, value)| flatten(&format!("{path}.{name}"), value, fields));
            return;
        }
        Value::Array(list) if list.len() > SHORT_LIST && list.iter().all(is_plain) => {
            Field::Long(list.len(), Digest::of(&json(list)))
        }
        Value::Array(list) if !list.iter().all(is_plain) => {
            (0..)
                .zip(list)
                .for_each(|(place, value): (usize, _)| flatten(&format!("{path}[{place}]"), value, fields));
            return;
        }
        Value::String(text) if text.chars().count() > SHORT_TEXT => {
            Field::Long(text.chars().count(), Digest::of(text.as_bytes()))
        }
        Value::String(text) => Field::Text(text.clone()),
        Value::Null => Field::Text("none".to_owned()),
        other => Field::Text(other.to_string()),
    };
    fields.push((path.to_owned(), field));
}

/// Lists and texts always have JSON.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

impl StageFields {
    /// The records of the log of fields: its own, and its parts'.
    pub(super) fn records(&self, key: Key) -> Vec<(Digest, Vec<u8>)> {
        let parts = self.parts.iter().map(|(name, fields)| (*name, json(fields)));
        parts.chain([(key.0, json(self))]).collect()
    }

    /// The fields of the stage with this key; none when they were not kept.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn recorded(log: &FieldsLog, key: Key) -> Result<Option<Self>, StoreError> {
        let record = log.get(key.0)?;
        Ok(record.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    /// What it takes: the place, the stage that gives it, the digest where it was known.
    pub(super) fn takes(&self) -> impl Iterator<Item = (&str, &str, Option<Digest>)> {
        let inputs = self.inputs.iter();
        inputs.map(|(role, from, digest)| (role.as_str(), from.as_str(), *digest))
    }

    /// All fields by path; parts that `other` has as well are left closed.
    fn opened(&self, other: &Self, log: &FieldsLog) -> Result<BTreeMap<String, Field>, StoreError> {
        let mut opened = BTreeMap::new();
        for (path, field) in &self.fields {
            let Field::Part(name) = field else {
                opened.insert(path.clone(), field.clone());
                continue;
            };
            let is_shared = other.fields.iter().any(|(_, field)| *field == Field::Part(*name));
            let part = match self.parts.get(name) {
                _ if is_shared => None,
                Some(fields) => Some(fields.clone()),
                None => log
                    .get(*name)?
                    .and_then(|json| serde_json::from_slice::<Fields>(&json).ok()),
            };
            match part {
                Some(fields) => opened.extend(fields),
                None => drop(opened.insert(path.clone(), field.clone())),
            }
        }
        Ok(opened)
    }

    /// What differs from `old`: fields first, then inputs, then files.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn changes_from(&self, old: &Self, log: &FieldsLog) -> Result<Vec<Change>, StoreError> {
        let mut changes = differences(Changed::Field, &old.opened(self, log)?, &self.opened(old, log)?);
        let inputs = |stage: &Self| {
            let shown = stage.inputs.iter().map(|(role, from, digest)| {
                let digest = digest.map_or("not known yet".to_owned(), |digest| digest.to_string()[..8].to_owned());
                (role.clone(), format!("{from}, {digest}"))
            });
            shown.collect::<BTreeMap<_, _>>()
        };
        changes.extend(differences(Changed::Input, &inputs(old), &inputs(self)));
        let files = |stage: &Self| {
            let shown = stage
                .files
                .iter()
                .map(|(path, digest)| (path.clone(), digest.to_string()[..8].to_owned()));
            shown.collect::<BTreeMap<_, _>>()
        };
        changes.extend(differences(Changed::File, &files(old), &files(self)));
        Ok(changes)
    }
}

/// What of a stage differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// A field of its work.
    Field,
    /// What it takes from another stage.
    Input,
    /// A file that it reads.
    File,
}

/// One difference between two stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What differs.
    pub what: Changed,
    /// Its path or name.
    pub path: String,
    /// The value before; none where there was none.
    pub old: Option<String>,
    /// The value now; none where there is none.
    pub new: Option<String>,
    /// The line of the source that says so, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
}

/// A line of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceLine {
    /// The file, as messages name it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Its text, without the blanks around it.
    pub text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
        write!(f, "{}: {} -> {}", self.path, or_none(&self.old), or_none(&self.new))
    }
}

/// Entries of two maps that are not the same.
fn differences<V: PartialEq + fmt::Display>(
    what: Changed,
    old: &BTreeMap<String, V>,
    new: &BTreeMap<String, V>,
) -> Vec<Change> {
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    let changed = new.keys().chain(gone).filter(|path| old.get(*path) != new.get(*path));
    let change = |path: &String| Change {
        what,
        path: path.clone(),
        old: old.get(path).map(ToString::to_string),
        new: new.get(path).map(ToString::to_string),
        source: None,
    };
    changed.map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log() -> (tempfile::TempDir, FieldsLog) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let log = store.fields().expect("a log");
        (folder, log)
    }

    #[test]
    fn differences_are_told_with_path_and_both_values() {
        let (_folder, log) = log();
        let rows: Vec<u32> = (0..100).collect();
        let old = of_value(
            &json!({ "Train": { "epochs": 1, "start": { "Random": { "seed": 0 } }, "rows": rows, "clip": null } }),
        );
        let new = of_value(
            &json!({ "Train": { "epochs": 2, "start": { "Random": { "seed": 0 } }, "rows": rows[1..], "mix": "a" } }),
        );
        let told: Vec<_> = new
            .changes_from(&old, &log)
            .expect("read")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told[0], "epochs: 1 -> 2");
        assert_eq!(told[1], "mix: absent -> a");
        assert!(
            told[2].starts_with("rows: 100 values, digest ") && told[2].contains("-> 99 values"),
            "{told:?}"
        );
        assert_eq!(told[3..], ["clip: none -> absent"]);
    }

    #[test]
    fn parts_are_shared_by_stages_and_opened_where_they_differ() {
        let (_folder, mut log) = log();
        let network = |stride: u32| {
            let nodes: Vec<_> = (0..40)
                .map(|n| json!({ "op": { "Conv": { "stride": if n == 7 { stride } else { 1 } } } }))
                .collect();
            of_value(&json!({ "Train": { "graph": { "nodes": nodes }, "epochs": stride } }))
        };
        let (one, two) = (network(1), network(2));
        let key = Key(Digest::of(b"key"));
        log.add(&one.records(key)).expect("written");
        assert_eq!(one.records(key).len(), 2, "the network is a record of its own");
        let read = StageFields::recorded(&log, key).expect("read").expect("there");
        let told: Vec<_> = two
            .changes_from(&read, &log)
            .expect("read")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told, ["epochs: 1 -> 2", "graph.nodes[7].op.Conv.stride: 1 -> 2"]);
        assert!(one.changes_from(&read, &log).expect("read").is_empty());
    }
}
