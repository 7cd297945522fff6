//! One step: forward and backward passes of its batches, clipping, the optimiser.

use super::error::TrainError;
use super::loss::{self, Targets};
use super::mix::Mixing;
use super::objective::Objective;
use super::optimizer::gradient_norm;
use super::recipe::Samples;
use super::sampler::{Draw, Sampler};
use crate::net::Shape;
use crate::nn::{Network, Stream};
use crate::plan::stage::Mix;
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;

/// Values per task.
const CHUNK: usize = 1 << 15;

/// What the passes of one step take.
pub(super) struct Passes<'a> {
    pub(super) samples: &'a dyn Samples,
    pub(super) sampler: &'a Sampler,
    pub(super) objective: &'a Objective,
    /// How the samples of a batch are mixed.
    pub(super) mix: Option<&'a Mix>,
    pub(super) epoch: usize,
    /// Batches of the epoch before this step.
    pub(super) batches_before: usize,
    /// Dropout of the step.
    pub(super) dropout: Stream,
    /// Raised when the step is to be given up.
    pub(super) stop: &'a AtomicBool,
}

impl Passes<'_> {
    /// Forward and backward passes over the batches of a step. The network then has the gradient of the loss of all their
    /// samples together, and that loss is given. `sum` holds gradients meanwhile where there are several batches. A pass
    /// that is stopped between two layers is an error, and leaves running statistics moved.
    pub(super) fn run(
        &self,
        network: &mut Network,
        batches: &[&[Draw]],
        sum: &mut Vec<f32>,
    ) -> Result<f64, TrainError> {
        let labels =
            |batch: &[Draw]| -> Vec<usize> { batch.iter().map(|draw| self.samples.label(draw.sample)).collect() };
        let classes = network.graph().classes();
        let divisor = match self.objective {
            Objective::Classes(loss) => loss::divisor(loss, &labels(&batches.concat()), classes),
            // Pictures are told from those of their own batch, so each batch has a loss of its own.
            Objective::Contrast { .. } => batches.len() as f64,
        };
        let mut total = 0.0;
        for (number, batch) in batches.iter().enumerate() {
            let dropout = match number {
                0 => self.dropout,
                _ => self.dropout.named("batch").numbered(number as u64),
            };
            let chance = self.sampler.batch_chance(self.epoch, self.batches_before + number);
            let mixing = self.mixing(network, batch.len(), chance);
            total += self.pass(network, batch, (&labels(batch), mixing.as_ref()), (divisor, dropout))?;
            if batches.len() > 1 {
                let (_, gradients) = network.training_slices();
                if number == 0 {
                    sum.clear();
                    sum.extend_from_slice(gradients);
                } else {
                    add(sum, gradients);
                }
            }
        }
        if batches.len() > 1 {
            network.training_slices().1.copy_from_slice(sum);
        }
        Ok(total)
    }

    /// How the samples of a batch are mixed; none when they stay as they are.
    fn mixing(&self, network: &Network, count: usize, chance: Stream) -> Option<Mixing> {
        Mixing::draw(self.mix?, chance, count, sides(network))
    }

    /// Both passes over one batch; its share of the step's loss.
    fn pass(
        &self,
        network: &mut Network,
        batch: &[Draw],
        (labels, mixing): (&[usize], Option<&Mixing>),
        (divisor, dropout): (f64, Stream),
    ) -> Result<f64, TrainError> {
        let views = self.objective.views();
        fill(network, self.samples, (batch, views), |view, draw| {
            Some(self.sampler.chance(self.epoch, view, draw))
        })?;
        let images = batch.len() * views;
        let partners: Vec<usize>;
        let mut targets = Targets::of(labels);
        if let Some(mixing) = mixing {
            let sides = sides(network);
            mixing.apply(network.images_mut(images)?, sides);
            partners = mixing.partners.iter().map(|&partner| labels[partner]).collect();
            targets.mixed = Some((&partners, mixing.share));
        }
        let outputs = 1 + network.graph().auxiliary.len();
        let mut gradient = vec![0.0; images * network.graph().classes() * outputs];
        network.forward_until(self.stop, images, dropout)?;
        let loss = self.objective.loss(network, targets, divisor, &mut gradient);
        // Gradients of what is no number would only cost time.
        if loss.is_finite() {
            network.backward_until(self.stop, &gradient)?;
        }
        Ok(loss)
    }
}

/// Height and width of a network's pictures.
fn sides(network: &Network) -> [usize; 2] {
    match network.graph().input_shape() {
        Shape::Map { height, width, .. } => [height, width],
        Shape::Flat(features) => [1, features],
    }
}

/// The norm of the network's gradients, and what brings it down to `clip`: as torch's `clip_grad_norm_`, down to the
/// constant.
pub(super) fn clipped(network: &mut Network, clip: Option<f64>) -> (f64, f64) {
    let norm = gradient_norm(network.training_slices().1);
    (norm, clip.map_or(1.0, |clip| (clip / (norm + 1e-6)).min(1.0)))
}

fn add(sum: &mut [f32], more: &[f32]) {
    let chunks = sum.par_chunks_mut(CHUNK).zip(more.par_chunks(CHUNK));
    chunks.for_each(|(sum, more)| sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more));
}

/// Writes a batch's images where the network reads them: so many views of each, all first ones before all second ones.
pub(super) fn fill(
    network: &mut Network,
    samples: &dyn Samples,
    (batch, views): (&[Draw], usize),
    chance: impl Fn(usize, Draw) -> Option<Stream> + Sync,
) -> Result<(), TrainError> {
    let len = network.graph().input_shape().len();
    let images = network.images_mut(batch.len() * views)?;
    images.par_chunks_mut(len).enumerate().try_for_each(|(place, image)| {
        let (view, draw) = (place / batch.len(), batch[place % batch.len()]);
        let sample = draw.sample;
        samples
            .fill(sample, chance(view, draw), image)
            .map_err(|source| TrainError::Sample { sample, source })
    })?;
    if let Some(mask) = network.mask_mut(batch.len())? {
        let views = mask.len() / batch.len();
        let rows = mask.chunks_exact_mut(views).zip(batch);
        rows.for_each(|(mask, draw)| samples.mask(draw.sample, mask));
    }
    Ok(())
}
