//! The state of a training run: all that the next step needs.

use super::optimizer::Moments;
use crate::nn::{Network, Weights, WeightsError, bytes_with_note, note_of, weights_from_bytes};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Key of the progress in the file's metadata.
const NOTE: &str = "mtl.training/1";
/// What stands before a parameter's name, for each kind of tensor.
const PREFIXES: [&str; 3] = ["weights.", "first_moment.", "second_moment."];

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
    /// Momentum or first moments of the trained parameters.
    pub first: Weights,
    /// Second moments; empty for SGD.
    pub second: Weights,
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
    /// The state of a network and its optimiser.
    #[must_use]
    pub fn of(network: &Network, moments: &Moments, progress: &Progress) -> Self {
        let export = |values: &[f32]| {
            if values.is_empty() {
                Weights::new()
            } else {
                network.export_trained(values)
            }
        };
        Self {
            progress: progress.clone(),
            weights: network.weights(),
            first: export(&moments.first),
            second: export(&moments.second),
        }
    }

    /// Puts the weights back in a network, and returns the optimiser's moments.
    ///
    /// # Errors
    /// When the state is of another network.
    pub fn restore(&self, network: &mut Network, moments: Moments) -> Result<Moments, StateError> {
        network.load(&self.weights)?;
        let import = |weights: &Weights, fresh: Vec<f32>| -> Result<Vec<f32>, WeightsError> {
            if fresh.is_empty() && weights.is_empty() {
                Ok(fresh)
            } else {
                network.import_trained(weights)
            }
        };
        Ok(Moments {
            first: import(&self.first, moments.first)?,
            second: import(&self.second, moments.second)?,
            steps: self.progress.steps,
        })
    }

    /// One safetensors file with everything: the same bytes for the same state.
    ///
    /// # Errors
    /// When a tensor is not F32.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        let kinds = [&self.weights, &self.first, &self.second].into_iter().zip(PREFIXES);
        let all: Weights = kinds
            .flat_map(|(weights, prefix)| weights.iter().map(move |(n, t)| (format!("{prefix}{n}"), t.clone())))
            .collect();
        Ok(bytes_with_note(
            &all,
            Some((NOTE, serde_json::to_string(&self.progress)?)),
        )?)
    }

    /// Reads the bytes of [`State::to_bytes`].
    ///
    /// # Errors
    /// When they are something else or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let note = note_of(bytes, NOTE)?.ok_or(StateError::NoProgress)?;
        let mut kinds: [Weights; 3] = Default::default();
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
        let [weights, first, second] = kinds;
        Ok(Self {
            progress: serde_json::from_str(&note)?,
            weights,
            first,
            second,
        })
    }
}
