//! The state of a training run: all that the next step needs.

use super::optimizer::Moments;
use super::schedule::Fallen;
use crate::nn::{Network, Weights, WeightsError, bytes_with_note, note_of, weights_from_bytes, weights_to_bytes};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Key of the progress in the file's metadata.
const NOTE: &str = "mtl.training/2";
/// What stands before a parameter's name, for each kind of tensor.
const PREFIXES: [&str; 6] = [
    "weights.",
    "first_moment.",
    "second_moment.",
    "third_moment.",
    "average.",
    "best.",
];

/// The parts of a state that are files of their own after an epoch, so that each is stored once: weights as the model's file
/// has them, and beside them all that only training needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All parameters and buffers after the last step.
    Weights,
    /// Their mean over steps.
    Average,
    /// Those of the best epoch.
    Best,
    /// The optimiser's moments, and how far the training has come.
    Memory,
}

impl Part {
    /// Every part; the last one every state has, and the first.
    pub const ALL: [Self; 4] = [Self::Weights, Self::Average, Self::Best, Self::Memory];

    /// Its name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Average => "average",
            Self::Best => "best",
            Self::Memory => "memory",
        }
    }
}

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// Mean training loss over its images, each as the network was when it came.
    pub loss: f64,
    /// Mean loss of the tuning samples after it, in evaluation.
    pub tuning_loss: Option<f64>,
    /// Images seen since the beginning.
    pub images: usize,
    /// Optimiser steps taken since the beginning.
    pub steps: u64,
    /// Learning rate of its last step, of the parameter that has the highest.
    pub rate: f64,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch under way.
    pub epoch: usize,
    /// Steps done in it.
    pub step: usize,
    /// Optimiser steps done altogether.
    pub steps: u64,
    /// Images seen altogether.
    pub images: usize,
    /// Images seen in this epoch.
    pub epoch_images: usize,
    /// Sum of their losses.
    pub loss_sum: f64,
    /// Number of training samples; a run is continued on as many.
    pub samples: usize,
    /// Samples per batch; a run is continued with as many.
    pub batch: usize,
    /// The epochs that are done.
    pub history: Vec<EpochReport>,
    /// How far a plateau has let the rates fall.
    pub fallen: Fallen,
    /// The epoch whose weights are the best so far, when the best are kept.
    pub best: Option<Best>,
    /// The classes of the devices that computed, in the order of their first step.
    pub devices: Vec<String>,
}

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// Mean loss of the tuning samples after it.
    pub tuning_loss: f64,
}

impl Progress {
    /// Before the first step.
    #[must_use]
    pub fn new(samples: usize, batch: usize) -> Self {
        Self {
            epoch: 0,
            step: 0,
            steps: 0,
            images: 0,
            epoch_images: 0,
            loss_sum: 0.0,
            samples,
            batch,
            history: Vec::new(),
            fallen: Fallen::default(),
            best: None,
            devices: Vec::new(),
        }
    }
}

/// A training run between two steps.
#[derive(Clone, Debug)]
pub struct State {
    /// How far it has come.
    pub progress: Progress,
    /// All parameters and buffers.
    pub weights: Weights,
    /// Momentum or first moments of the trained parameters; empty where the optimiser has none, as the next two.
    pub first: Weights,
    /// Second moments.
    pub second: Weights,
    /// Largest second moments, or mean gradients.
    pub third: Weights,
    /// Mean over steps of parameters and buffers; empty when there is none.
    pub average: Weights,
    /// Parameters and buffers of the best epoch, of the mean when there is one; empty while there is none.
    pub best: Weights,
}

/// What a training remembers beside the network, in the layouts of the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// The optimiser's.
    pub(super) moments: Moments,
    /// Mean over steps of all values.
    pub(super) average: Option<Vec<f32>>,
    /// All values of the best epoch.
    pub(super) best: Option<Vec<f32>>,
}

/// Why a state cannot be read or continued.
#[derive(Debug, Error)]
pub enum StateError {
    /// The tensors are damaged or not those of the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file holds no progress.
    #[error("the file is not the state of a training run")]
    NoProgress,
    /// The progress is damaged.
    #[error("the progress of the training run is damaged: {0}")]
    Progress(#[from] serde_json::Error),
    /// A tensor of no known kind.
    #[error("the state holds an unknown tensor `{0}`")]
    Unknown(String),
    /// Another number of samples or batch size.
    #[error("the state is of {found} but this run has {expected}")]
    Other {
        /// What this run has.
        expected: String,
        /// What the state's run had.
        found: String,
    },
}

impl State {
    /// The state of a network and of what a training remembers beside it.
    pub(super) fn of(network: &Network, memory: &Memory, progress: &Progress) -> Self {
        let moment = |values: &[f32]| {
            if values.is_empty() {
                Weights::new()
            } else {
                network.export_trained(values)
            }
        };
        let whole = |values: &Option<Vec<f32>>| {
            let values = values.as_ref();
            values.map_or_else(Weights::new, |values| network.export_values(values))
        };
        let Moments {
            first, second, third, ..
        } = &memory.moments;
        Self {
            progress: progress.clone(),
            weights: network.weights(),
            first: moment(first),
            second: moment(second),
            third: moment(third),
            average: whole(&memory.average),
            best: whole(&memory.best),
        }
    }

    /// Which weights the training gives: of the best epoch, else the mean, else the last.
    #[must_use]
    pub fn model_part(&self) -> Part {
        match () {
            () if !self.best.is_empty() => Part::Best,
            () if !self.average.is_empty() => Part::Average,
            () => Part::Weights,
        }
    }

    /// The weights that the training gives.
    #[must_use]
    pub fn into_model(self) -> Weights {
        match self.model_part() {
            Part::Best => self.best,
            Part::Average => self.average,
            Part::Weights | Part::Memory => self.weights,
        }
    }

    /// Puts the weights back in a network, and fills what a training remembers beside it; `memory` comes as before the first
    /// step.
    ///
    /// # Errors
    /// When the state is of another network, or of a training that remembers something else.
    pub(super) fn restore(&self, network: &mut Network, memory: Memory) -> Result<Memory, StateError> {
        network.load(&self.weights)?;
        let moment = |weights: &Weights, fresh: Vec<f32>| -> Result<Vec<f32>, WeightsError> {
            if fresh.is_empty() && weights.is_empty() {
                Ok(fresh)
            } else {
                network.import_trained(weights)
            }
        };
        let Moments {
            first, second, third, ..
        } = memory.moments;
        let average = match memory.average {
            None if self.average.is_empty() => None,
            _ => Some(network.import_values(&self.average)?),
        };
        let best = match self.progress.best {
            None if self.best.is_empty() => None,
            _ => Some(network.import_values(&self.best)?),
        };
        Ok(Memory {
            moments: Moments {
                first: moment(&self.first, first)?,
                second: moment(&self.second, second)?,
                third: moment(&self.third, third)?,
                steps: self.progress.steps,
            },
            average,
            best,
        })
    }

    /// One safetensors file with everything: the same bytes for the same state.
    ///
    /// # Errors
    /// When a tensor is not F32.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        self.bytes_of(&[
            &self.weights,
            &self.first,
            &self.second,
            &self.third,
            &self.average,
            &self.best,
        ])
    }

    /// The progress with these kinds of tensors, in the order of [`PREFIXES`].
    fn bytes_of(&self, kinds: &[&Weights; 6]) -> Result<Vec<u8>, StateError> {
        let kinds = kinds.iter().zip(PREFIXES);
        let all: Weights = kinds
            .flat_map(|(weights, prefix)| weights.iter().map(move |(n, t)| (format!("{prefix}{n}"), t.clone())))
            .collect();
        Ok(bytes_with_note(
            &all,
            Some((NOTE, serde_json::to_string(&self.progress)?)),
        )?)
    }

    /// The bytes of one part; none of what the training does not have.
    ///
    /// # Errors
    /// When a tensor is not F32.
    pub fn part(&self, part: Part) -> Result<Option<Vec<u8>>, StateError> {
        let none = Weights::new();
        let weights = match part {
            Part::Memory => {
                let kinds = [&none, &self.first, &self.second, &self.third, &none, &none];
                return self.bytes_of(&kinds).map(Some);
            }
            Part::Average if self.average.is_empty() => return Ok(None),
            Part::Best if self.best.is_empty() => return Ok(None),
            Part::Weights => &self.weights,
            Part::Average => &self.average,
            Part::Best => &self.best,
        };
        Ok(Some(weights_to_bytes(weights)?))
    }

    /// The state of which `read` gives the bytes of each part that it has.
    ///
    /// # Errors
    /// When `read` fails, when a part that every state has is not there, or one is damaged.
    pub fn from_parts<E: From<StateError>>(
        mut read: impl FnMut(Part) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Self, E> {
        let memory = read(Part::Memory)?.ok_or(StateError::NoProgress)?;
        let mut state = Self::from_bytes(&memory)?;
        let mut weights = |part| -> Result<Weights, E> {
            let Some(bytes) = read(part)? else {
                return Ok(Weights::new());
            };
            Ok(weights_from_bytes(&bytes).map_err(StateError::from)?)
        };
        state.weights = weights(Part::Weights)?;
        state.average = weights(Part::Average)?;
        state.best = weights(Part::Best)?;
        Ok(state)
    }

    /// How far the training has come whose state these bytes are, of [`State::to_bytes`] or of [`Part::Memory`].
    ///
    /// # Errors
    /// When they are something else or damaged.
    pub fn progress_of(bytes: &[u8]) -> Result<Progress, StateError> {
        let note = note_of(bytes, NOTE)?.ok_or(StateError::NoProgress)?;
        Ok(serde_json::from_str(&note)?)
    }

    /// Reads the bytes of [`State::to_bytes`].
    ///
    /// # Errors
    /// When they are something else or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let progress = Self::progress_of(bytes)?;
        let mut kinds: [Weights; 6] = Default::default();
        for (name, tensor) in weights_from_bytes(bytes)? {
            let kind = PREFIXES
                .iter()
                .zip(&mut kinds)
                .find_map(|(prefix, kind)| Some((name.strip_prefix(prefix)?, kind)));
            let Some((name, kind)) = kind else {
                return Err(StateError::Unknown(name));
            };
            kind.insert(name.to_owned(), tensor);
        }
        let [weights, first, second, third, average, best] = kinds;
        Ok(Self {
            progress,
            weights,
            first,
            second,
            third,
            average,
            best,
        })
    }
}
