//! Stages that train.

use super::{Augmentation, Keep, Loss, Mix, Normalization, Optimizer, Samples, Schedule, is_one, one};
use crate::net::{Graph, Op, ParameterId};
use crate::plan::canon::shared;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where training starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Start {
    /// Random weights; they depend on the network and this seed alone.
    Random {
        /// The seed.
        seed: u64,
    },
    /// The input in the role [`super::Role::Model`].
    Model {
        /// Seed of a new head; none keeps the model's own.
        new_head: Option<u64>,
        /// The weights of a single network serve each of so many towers with parameters of their own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spread: Option<u32>,
    },
}

/// Trains one model. Outputs `model` (weights and statistics) and `history` (JSON, per epoch).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Train {
    /// The network.
    #[serde(serialize_with = "shared")]
    pub graph: Arc<Graph>,
    /// Where it starts.
    pub start: Start,
    /// What it learns from.
    #[serde(serialize_with = "shared")]
    pub training: Arc<Samples>,
    /// The tuning part: watched, never learnt from. May be empty.
    #[serde(serialize_with = "shared")]
    pub tuning: Arc<Samples>,
    /// Normalisation of its pictures.
    pub normalization: Normalization,
    /// Passes over the training samples.
    pub epochs: u32,
    /// Optimiser steps after which training ends, in the last epoch; none when that one is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<u64>,
    /// Samples per batch.
    pub batch: u32,
    /// Leaves out an incomplete last batch.
    pub drop_last: bool,
    /// Base rate of each parameter of the graph, in its order; 0 for those that do not train.
    #[serde(serialize_with = "shared")]
    pub rates: Arc<Vec<f64>>,
    /// Parameters whose weights are fixed, by place in the graph.
    #[serde(serialize_with = "shared")]
    pub frozen_weights: Arc<Vec<bool>>,
    /// Statistics that are fixed, by place in the graph.
    #[serde(serialize_with = "shared")]
    pub frozen_statistics: Arc<Vec<bool>>,
    /// How rates change.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// True: decay acts on every trained parameter; false: on weights alone, not on biases and norms.
    pub decay_all: bool,
    /// Largest global norm of the gradient.
    pub clip: Option<f64>,
    /// What is made small.
    #[serde(default, skip_serializing_if = "Loss::is_plain")]
    pub loss: Loss,
    /// How often samples of each class are drawn in an epoch, in all as many as there are samples; empty when every sample is
    /// drawn once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<u32>,
    /// How the samples of a batch are mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// Batches whose gradients make one step. A step is that of their samples as one batch, but for batch statistics.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: u32,
    /// Decay of a mean over steps of the weights, which then is what is kept and judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Which weights it gives.
    #[serde(default, skip_serializing_if = "Keep::is_last")]
    pub keep: Keep,
    /// Random changes of training pictures, in order.
    pub augment: Vec<Augmentation>,
    /// Decides order, augmentation and dropout.
    pub seed: u64,
}

impl Train {
    /// True when some layer normalises by its batch while training.
    #[must_use]
    pub fn has_batch_statistics(&self) -> bool {
        let frozen = |id: ParameterId| self.frozen_statistics.get(id.0).copied().unwrap_or(false);
        self.graph
            .nodes
            .iter()
            .any(|node| matches!(node.op, Op::BatchNorm { mean, .. } if !frozen(mean)))
    }

    /// Optimiser steps of one epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.batches_per_epoch().div_ceil(u64::from(self.accumulate.max(1)))
    }

    /// Batches of one epoch, as the training loop's sampler makes them.
    #[must_use]
    pub fn batches_per_epoch(&self) -> u64 {
        let (samples, batch) = (self.training.count() as u64, u64::from(self.batch.max(1)));
        let (whole, rest) = (samples / batch, samples % batch);
        // Batch normalisation of one sample has little to measure, so a last batch of one is left out.
        let kept = rest > 0 && !self.drop_last && !(rest == 1 && self.has_batch_statistics());
        whole + u64::from(kept || whole == 0 && rest > 0)
    }

    /// Optimiser steps of the whole training.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.stop.unwrap_or(self.steps_per_epoch() * u64::from(self.epochs))
    }

    /// Samples seen in the whole training, repetitions counted.
    #[must_use]
    pub fn samples_seen(&self) -> u64 {
        let (samples, batch) = (self.training.count() as u64, u64::from(self.batch.max(1)));
        let (steps, per_epoch) = (self.steps(), self.steps_per_epoch().max(1));
        let in_epoch = samples.min(self.batches_per_epoch() * batch);
        let in_step = batch * u64::from(self.accumulate.max(1));
        steps / per_epoch * in_epoch + in_epoch.min(steps % per_epoch * in_step)
    }

    /// Pictures seen in the whole training, repetitions counted: the mean number of a sample for each that is seen.
    #[must_use]
    pub fn pictures_seen(&self) -> u64 {
        let (pictures, samples) = (self.training.pictures() as u64, self.training.count().max(1) as u64);
        if self.draws.is_empty() || pictures == samples * u64::from(self.training.views) {
            return self.samples_seen() * pictures / samples;
        }
        let of_class = |(class, draws): (usize, &u32)| {
            let classes = self.training.classes.iter().enumerate();
            let samples = classes
                .filter(|(_, own)| **own as usize == class)
                .map(|(sample, _)| sample);
            let (samples, pictures) = samples.fold((0_u64, 0_u64), |(samples, pictures), sample| {
                (samples + 1, pictures + self.training.pictures_of(sample) as u64)
            });
            f64::from(*draws) * pictures as f64 / samples.max(1) as f64
        };
        let in_epoch: f64 = self.draws.iter().enumerate().map(of_class).sum();
        (self.samples_seen() as f64 * in_epoch / samples as f64).round() as u64
    }
}

/// Trains one model to tell pictures apart (SimCLR: Chen, Kornblith, Norouzi and Hinton 2020, arXiv 2002.05709). Outputs as
/// those of [`Train`]; the model is without the projection, and its heads are as they began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contrast {
    /// How it trains. The graph ends in the projection, [`Graph::with_projection`]; classes of samples say nothing.
    pub training: Train,
    /// By which similarities are divided.
    pub temperature: f64,
    /// Parameters that begin at random whatever model arrives, by place in the graph: the projection's and those of heads.
    pub fresh: Vec<bool>,
}

impl Contrast {
    /// Random views of each picture in a step.
    pub const VIEWS: u64 = 2;
}
