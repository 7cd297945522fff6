//! One step: forward and backward passes of its batches, clipping, the optimiser.

use super::error::TrainError;
use super::loss;
use super::objective::Objective;
use super::optimizer::gradient_norm;
use super::recipe::Samples;
use super::sampler::Sampler;
use crate::nn::{Network, Stream};
use rayon::prelude::*;

/// Values per task.
const CHUNK: usize = 1 << 15;

/// What the passes of one step take.
pub(super) struct Passes<'a> {
    pub(super) samples: &'a dyn Samples,
    pub(super) sampler: &'a Sampler,
    pub(super) objective: &'a Objective,
    pub(super) epoch: usize,
    /// Dropout of the step.
    pub(super) dropout: Stream,
}

impl Passes<'_> {
    /// Forward and backward passes over the batches of a step. The network then has the gradient of the loss of all their
    /// samples together, and that loss is given. `sum` holds gradients meanwhile where there are several batches.
    pub(super) fn run(
        &self,
        network: &mut Network,
        batches: &[&[usize]],
        sum: &mut Vec<f32>,
    ) -> Result<f64, TrainError> {
        let labels =
            |batch: &[usize]| -> Vec<usize> { batch.iter().map(|&sample| self.samples.label(sample)).collect() };
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
            total += self.pass(network, batch, &labels(batch), (divisor, dropout))?;
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

    /// Both passes over one batch; its share of the step's loss.
    fn pass(
        &self,
        network: &mut Network,
        batch: &[usize],
        labels: &[usize],
        (divisor, dropout): (f64, Stream),
    ) -> Result<f64, TrainError> {
        let views = self.objective.views();
        fill(network, self.samples, (batch, views), |view, sample| {
            Some(self.sampler.chance(self.epoch, view, sample))
        })?;
        let images = batch.len() * views;
        let outputs = 1 + network.graph().auxiliary.len();
        let mut gradient = vec![0.0; images * network.graph().classes() * outputs];
        network.forward(images, dropout)?;
        let loss = self.objective.loss(network, labels, divisor, &mut gradient);
        // Gradients of what is no number would only cost time.
        if loss.is_finite() {
            network.backward(&gradient)?;
        }
        Ok(loss)
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
    (batch, views): (&[usize], usize),
    chance: impl Fn(usize, usize) -> Option<Stream> + Sync,
) -> Result<(), TrainError> {
    let len = network.graph().input_shape().len();
    let images = network.images_mut(batch.len() * views)?;
    images.par_chunks_mut(len).enumerate().try_for_each(|(place, image)| {
        let (view, sample) = (place / batch.len(), batch[place % batch.len()]);
        samples
            .fill(sample, chance(view, sample), image)
            .map_err(|source| TrainError::Sample { sample, source })
    })?;
    if let Some(mask) = network.mask_mut(batch.len())? {
        let views = mask.len() / batch.len();
        let rows = mask.chunks_exact_mut(views).zip(batch);
        rows.for_each(|(mask, &sample)| samples.mask(sample, mask));
    }
    Ok(())
}
