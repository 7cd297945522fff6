//! The stages as they are made: equal work on equal inputs is one stage.

use super::{
    digest::Digest,
    stage::{Role, Stage, Work},
};
use crate::{plan::stage::ChoiceBy, source::Span};
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use std::rc::Rc;

/// A stage, by the order of making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StageId(pub(super) usize);

/// A setting that acts on a stage or a data set: its name, its value as the language writes it, who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) by: ChoiceBy,
}

/// A stage with what it takes.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) stage: Stage,
    /// In the order of their roles; all were made before.
    pub(super) inputs: Vec<(StageId, Role)>,
    /// What like stages have in common: `pretrain density`.
    pub(super) label: String,
    /// The name without its fold, for settings that all folds share.
    pub(super) scope: String,
    /// The settings that its call was made with.
    pub(super) settings: Rc<[Setting]>,
}

/// What a new stage is called.
#[derive(Clone, Debug)]
pub(super) struct Title {
    /// `scores[density]`; empty for stages that belong to no cell.
    pub(super) place: String,
    /// `fold2`, `repeat1/fold2`; empty for single models.
    pub(super) member: String,
    /// `pretrain density`
    pub(super) label: String,
}

impl Title {
    fn name(&self) -> String {
        path(&[&self.place, &self.member, &self.label])
    }

    fn scope(&self) -> String {
        path(&[&self.place, &self.label])
    }
}

/// The parts that are not empty, with `/` between them.
fn path(parts: &[&str]) -> String {
    let mut path = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
    }
    path
}

/// All stages so far.
#[derive(Default)]
pub(super) struct Stages {
    made: Vec<Made>,
    by_key: IndexMap<Digest, StageId, FxBuildHasher>,
    names: IndexSet<Rc<str>, FxBuildHasher>,
}

impl Stages {
    /// The stage of this work on these inputs, made if there is none. `key` is the same for equal work of a kind, and
    /// another for different work.
    pub(super) fn make(
        &mut self,
        title: &Title,
        work: Work,
        key: &[u8],
        inputs: Vec<(StageId, Role)>,
        span: Span,
        settings: Rc<[Setting]>,
    ) -> StageId {
        let key = full_key(work.kind(), &inputs, key);
        if let Some(&known) = self.by_key.get(&key) {
            return known;
        }
        let id = StageId(self.made.len());
        let name = self.unique(title.name());
        self.made.push(Made {
            stage: Stage {
                name,
                work,
                span: Some(span),
            },
            inputs,
            label: title.label.clone(),
            scope: title.scope(),
            settings,
        });
        self.by_key.insert(key, id);
        id
    }

    /// The stage of this kind and key that takes nothing, if it was made.
    pub(super) fn find(&self, kind: &str, key: &[u8]) -> Option<StageId> {
        self.by_key.get(&full_key(kind, &[], key)).copied()
    }

    fn unique(&mut self, name: String) -> String {
        if self.names.insert(name.as_str().into()) {
            return name;
        }
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let free = numbered
            .into_iter()
            .find(|name| self.names.insert(name.as_str().into()));
        free.unwrap_or(name)
    }

    /// A stage.
    pub(super) fn get(&self, id: StageId) -> &Made {
        &self.made[id.0]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.made.len()
    }

    /// The stages that `roots` rest on, themselves included, in the order of making.
    pub(super) fn needed(&self, roots: &[StageId]) -> Vec<StageId> {
        let mut wanted = vec![false; self.made.len()];
        let mut open: Vec<_> = roots.to_vec();
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut wanted[id.0], true) {
                open.extend(self.get(id).inputs.iter().map(|(input, _)| *input));
            }
        }
        (0..self.len()).map(StageId).filter(|id| wanted[id.0]).collect()
    }

    /// All stages, taken apart.
    pub(super) fn into_made(self) -> Vec<Made> {
        self.made
    }
}

/// Tells stages of one plan apart, and is no part of any key that is stored.
fn full_key(kind: &str, inputs: &[(StageId, Role)], key: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(64 + 13 * inputs.len() + key.len());
    bytes.extend_from_slice(kind.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&(inputs.len() as u64).to_le_bytes());
    for (id, role) in inputs {
        let (role, place) = match *role {
            Role::Pictures => (0, 0),
            Role::Model => (1, 0),
            Role::Scores(place) => (2, place),
            Role::History(place) => (3, place),
            Role::TaskPictures(place) => (4, place),
            Role::Weights(place) => (5, place),
            Role::Comparisons(place) => (6, place),
            Role::Looks => (7, 0),
        };
        bytes.extend_from_slice(&(id.0 as u64).to_le_bytes());
        bytes.push(role);
        bytes.extend_from_slice(&place.to_le_bytes());
    }
    bytes.extend_from_slice(key);
    Digest::of(&bytes)
}
