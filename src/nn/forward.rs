//! The forward pass.

use super::Stream;
use super::cpu::conv::{self, Epilogue};
use super::cpu::norm::work_len;
use super::cpu::{elementwise, linear, norm, pool};
use super::memory::{BufferId, lend};
use super::network::{Network, NetworkError};
use super::plan::{Call, Norm, Step};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

impl Network {
    /// Computes the logits `[count, classes]` of the first `count` images of [`Network::images_mut`].
    ///
    /// A training network draws its dropout from `dropout`, which should be the step's own stream, and moves its running
    /// statistics. An evaluating one draws nothing.
    ///
    /// # Errors
    /// When `count` is zero or above the batch, or batch statistics would be those of one value.
    pub fn forward(&mut self, count: usize, dropout: Stream) -> Result<&[f32], NetworkError> {
        self.forward_until(&AtomicBool::new(false), count, dropout)
    }

    /// As [`Network::forward`], but looks before each layer whether it is to stop. After it has, the running statistics of
    /// some layers have moved: [`Network::set_statistics`] puts them back.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`], or as for [`Network::forward`].
    pub fn forward_until(&mut self, stop: &AtomicBool, count: usize, dropout: Stream) -> Result<&[f32], NetworkError> {
        self.fits(count)?;
        self.count = count;
        self.dropout = dropout;
        let steps = std::mem::take(&mut self.steps);
        let result = steps.iter().try_for_each(|step| {
            go_on(stop)?;
            self.forward_step(step)
        });
        self.steps = steps;
        result?;
        Ok(self.logits())
    }

    fn forward_step(&mut self, step: &Step) -> Result<(), NetworkError> {
        let count = self.count;
        let (x, y) = (self.value(step.input, count), self.value(step.output, count));
        match &step.call {
            Call::Conv { .. } => self.forward_conv(step),
            Call::Linear {
                shape,
                weight,
                bias,
                relu,
            } => {
                let (weight, bias) = (self.parameter(*weight), bias.map(|b| self.parameter(b)));
                let work = self.work(step.work, shape.packed_len());
                let [x, y, work] = lend(&mut self.arena, [x, y, work]);
                let bias = bias.map(|b| &self.values[b]);
                linear::forward(&shape.with_batch(count), x, &self.values[weight], bias, *relu, work, y);
            }
            Call::BatchNorm { .. } => self.forward_norm(step)?,
            Call::Relu => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                elementwise::rectify(x, y);
            }
            Call::MaxPool(shape) => {
                let places = step.places * self.batch..step.places * self.batch + y.len();
                let [x, y] = lend(&mut self.arena, [x, y]);
                pool::max_forward(&shape.with_batch(count), x, y, &mut self.places[places]);
            }
            Call::AveragePool(shape) => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                pool::average_forward(shape, x, y);
            }
            Call::Dropout { rate, node } => {
                let stream = self.dropout.numbered(*node as u64);
                let [x, y] = lend(&mut self.arena, [x, y]);
                elementwise::dropout(*rate, stream, x, false, y);
            }
            Call::Add { relu } => match step.other {
                Some(other) if other != step.input => {
                    let other = self.value(other, count);
                    let [x, other, y] = lend(&mut self.arena, [x, other, y]);
                    elementwise::add(x, other, *relu, y);
                }
                _ => {
                    let [x, y] = lend(&mut self.arena, [x, y]);
                    elementwise::add(x, x, *relu, y);
                }
            },
            Call::Exchange => {
                let extent = self.tensors[step.input.0].extent;
                let [x, y] = lend(&mut self.arena, [x, y]);
                elementwise::exchange(extent.pixels(), extent.channels, x, false, y);
            }
            _ => self.forward_map(step),
        }
        Ok(())
    }

    fn forward_conv(&mut self, step: &Step) {
        let Call::Conv {
            shape,
            weight,
            bias,
            norm,
            relu,
        } = &step.call
        else {
            return;
        };
        let count = self.count;
        let (weight, bias) = (self.parameter(*weight), bias.map(|b| self.parameter(b)));
        let affine = self.work(step.saved, norm.map_or(0, |_| 2 * shape.filters));
        if let Some(norm) = norm {
            let places = self.norm_places(norm);
            let bias = bias.clone().map(|b| &self.values[b]);
            fixed_affine(
                &self.values,
                &places,
                norm.epsilon,
                bias,
                &mut self.arena[affine.clone()],
            );
        }
        let other = step.other.map_or(0..0, |other| self.value(other, count));
        let work = self.work(step.work, shape.packed_len());
        let ranges = [
            self.value(step.input, count),
            other,
            self.value(step.output, count),
            work,
            affine,
        ];
        let [x, other, y, packed, affine] = lend(&mut self.arena, ranges);
        let (scale, shift) = affine.split_at(affine.len() / 2);
        let epilogue = Epilogue {
            scale: norm.is_some().then_some(scale),
            shift: if norm.is_some() {
                Some(shift)
            } else {
                bias.map(|b| &self.values[b])
            },
            residual: step.other.is_some().then_some(other),
            relu: *relu,
            accumulate: false,
        };
        conv::pack_filters(shape, &self.values[weight], packed);
        conv::forward(&shape.with_batch(count), x, packed, &epilogue, y);
    }

    fn forward_norm(&mut self, step: &Step) -> Result<(), NetworkError> {
        let Call::BatchNorm {
            norm,
            channels,
            momentum,
            relu,
        } = &step.call
        else {
            return Ok(());
        };
        let (count, channels) = (self.count, *channels);
        let places = self.norm_places(norm);
        let x = self.value(step.input, count);
        let rows = x.len() / channels;
        let saved = self.work(step.saved, 4 * channels);
        if let Some(momentum) = momentum {
            if rows < 2 {
                let layer = self.graph.parameter(norm.weight).name.clone();
                return Err(NetworkError::OneValue { layer });
            }
            let work = self.work(step.work, work_len(x.len(), channels));
            let [x, saved, work] = lend(&mut self.arena, [x.clone(), saved.clone(), work]);
            batch_affine(&mut self.values, &places, (norm.epsilon, *momentum), x, work, saved);
        } else {
            let (fixed, affine) = self.arena[saved.clone()].split_at_mut(2 * channels);
            fixed_affine(&self.values, &places, norm.epsilon, None, affine);
            let (mean, inverse) = fixed.split_at_mut(channels);
            mean.copy_from_slice(&self.values[places.mean.clone()]);
            for (inverse, variance) in inverse.iter_mut().zip(&self.values[places.variance]) {
                *inverse = (1.0 / (f64::from(*variance) + norm.epsilon).sqrt()) as f32;
            }
        }
        let other = step.other.map_or(0..0, |other| self.value(other, count));
        let ranges = [x, other, saved, self.value(step.output, count)];
        let [x, other, saved, y] = lend(&mut self.arena, ranges);
        let affine = saved[2 * channels..].split_at(channels);
        norm::apply(x, affine, step.other.is_some().then_some(other), *relu, y);
        Ok(())
    }

    /// Working memory of a step: the first `len` floats of a buffer, or nothing without one.
    pub(super) fn work(&self, buffer: Option<BufferId>, len: usize) -> Range<usize> {
        buffer.map_or(0..0, |buffer| self.buffers.range(buffer, len))
    }

    pub(super) fn norm_places(&self, norm: &Norm) -> NormPlaces {
        NormPlaces {
            weight: self.parameter(norm.weight),
            bias: self.parameter(norm.bias),
            mean: self.parameter(norm.mean),
            variance: self.parameter(norm.variance),
        }
    }
}

/// An error once `stop` is raised.
pub(super) fn go_on(stop: &AtomicBool) -> Result<(), NetworkError> {
    match stop.load(Ordering::Relaxed) {
        true => Err(NetworkError::Stopped),
        false => Ok(()),
    }
}

/// Where the values of a batch normalisation stand.
pub(super) struct NormPlaces {
    pub(super) weight: Range<usize>,
    pub(super) bias: Range<usize>,
    pub(super) mean: Range<usize>,
    pub(super) variance: Range<usize>,
}

/// Scale and shift of a normalisation by running statistics, after a layer with a bias: `affine` is `[scale, shift]`.
fn fixed_affine(values: &[f32], places: &NormPlaces, epsilon: f64, bias: Option<&[f32]>, affine: &mut [f32]) {
    let (scale, shift) = affine.split_at_mut(places.weight.len());
    for (i, (scale, shift)) in scale.iter_mut().zip(shift).enumerate() {
        let value = |range: &Range<usize>| f64::from(values[range.start + i]);
        let factor = value(&places.weight) / (value(&places.variance) + epsilon).sqrt();
        let mean = value(&places.mean) - bias.map_or(0.0, |b| f64::from(b[i]));
        *scale = factor as f32;
        *shift = (value(&places.bias) - mean * factor) as f32;
    }
}

/// The statistics of a batch, which also move the running ones: `saved` is `[mean, 1 / deviation, scale, shift]`.
///
/// The running variance takes the unbiased one of the batch, as in torch.
fn batch_affine(
    values: &mut [f32],
    places: &NormPlaces,
    (epsilon, momentum): (f64, f64),
    x: &[f32],
    work: &mut [f32],
    saved: &mut [f32],
) {
    let channels = places.weight.len();
    let rows = (x.len() / channels) as f64;
    norm::statistics(x, channels, work, |i, mean, variance| {
        let inverse = 1.0 / (variance + epsilon).sqrt();
        let scale = f64::from(values[places.weight.start + i]) * inverse;
        let shift = f64::from(values[places.bias.start + i]) - mean * scale;
        for (part, value) in [mean, inverse, scale, shift].into_iter().enumerate() {
            saved[part * channels + i] = value as f32;
        }
        let unbiased = variance * rows / (rows - 1.0);
        for (range, new) in [(&places.mean, mean), (&places.variance, unbiased)] {
            let running = &mut values[range.start + i];
            *running = (f64::from(*running) * (1.0 - momentum) + new * momentum) as f32;
        }
    });
}
