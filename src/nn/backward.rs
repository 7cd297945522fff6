//! The backward pass.

use super::cpu::norm::{self, Target, work_len};
use super::cpu::{conv_gradient, elementwise, linear, pool};
use super::flow::Flow;
use super::forward::go_on;
use super::memory::lend;
use super::network::{Network, NetworkError};
use super::plan::{Backward, Call, Step, TensorId};
use std::ops::Range;
use std::sync::atomic::AtomicBool;

impl Network {
    /// Computes the gradients of the trained parameters from `dL/dlogits`, `[count, classes]`, after a forward pass. The
    /// gradients of auxiliary outputs follow that of the logits, in the order of the graph.
    ///
    /// The input image gets no gradient, nor does anything below the lowest trained parameter.
    ///
    /// # Errors
    /// When the network was compiled for evaluation or the gradient has not the outputs' length.
    pub fn backward(&mut self, gradient: &[f32]) -> Result<(), NetworkError> {
        self.backward_until(&AtomicBool::new(false), gradient)
    }

    /// As [`Network::backward`], but looks before each layer whether it is to stop. After it has, the gradients say nothing.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`], or as for [`Network::backward`].
    pub fn backward_until(&mut self, stop: &AtomicBool, gradient: &[f32]) -> Result<(), NetworkError> {
        if self.gradient(self.output).is_none() {
            return Err(NetworkError::NothingTrained);
        }
        let len = self.value(self.output, self.count).len();
        let outputs: Vec<TensorId> = [self.output]
            .into_iter()
            .chain(self.auxiliary.iter().copied())
            .collect();
        if gradient.len() != len * outputs.len() {
            return Err(NetworkError::GradientLength {
                expected: len * outputs.len(),
                found: gradient.len(),
            });
        }
        for (place, (&output, own)) in outputs.iter().zip(gradient.chunks_exact(len)).enumerate() {
            if let Some(range) = self.gradient(output) {
                // A tensor that is an output twice gets both gradients.
                let again = outputs[..place].contains(&output);
                elementwise::transfer(own, again, &mut self.arena[range]);
            }
        }
        let steps = std::mem::take(&mut self.steps);
        let result = steps.iter().rev().try_for_each(|step| {
            if let Some(backward) = &step.backward {
                go_on(stop)?;
                self.set_aside(backward);
                self.backward_step(step, backward);
                self.add_again(backward);
            }
            Ok(())
        });
        self.steps = steps;
        result
    }

    /// Keeps the gradients that later steps gave shared parameters: this step writes its own over them.
    fn set_aside(&mut self, backward: &Backward) {
        self.aside.clear();
        for &id in &backward.shared {
            let range = self.gradient_of(id).unwrap_or(0..0);
            self.aside.extend_from_slice(&self.gradients[range]);
        }
    }

    /// Adds what was set aside to what the step has written. The order of addition is that of the steps.
    fn add_again(&mut self, backward: &Backward) {
        let mut at = 0;
        for &id in &backward.shared {
            let range = self.gradient_of(id).unwrap_or(0..0);
            let kept = &self.aside[at..at + range.len()];
            at += range.len();
            elementwise::transfer(kept, true, &mut self.gradients[range]);
        }
    }

    /// Where a tensor's gradient stands for the samples of the last forward pass.
    pub(super) fn gradient(&self, tensor: TensorId) -> Option<Range<usize>> {
        let slot = &self.tensors[tensor.0];
        slot.gradient
            .map(|buffer| self.buffers.range(buffer, slot.extent.len() * self.count))
    }

    /// The gradients of a step's output and input; an empty range for a missing one.
    pub(super) fn gradient_ranges(&self, step: &Step) -> (Range<usize>, Range<usize>) {
        let of = |tensor| self.gradient(tensor).unwrap_or(0..0);
        (of(step.output), of(step.input))
    }

    fn backward_step(&mut self, step: &Step, backward: &Backward) {
        let (dy, dx) = self.gradient_ranges(step);
        let accumulate = backward.input == Some(Flow::Add);
        match (&step.call, backward.input) {
            (Call::Conv { .. }, _) => self.backward_conv(step, backward),
            (Call::Linear { .. }, _) => self.backward_linear(step, backward),
            (Call::BatchNorm { .. }, _) => self.backward_norm(step, backward),
            (Call::Relu | Call::Add { .. }, _) => self.backward_sum(step, backward),
            (Call::General { .. }, _) => self.backward_general(step, backward),
            (Call::LayerNorm { .. } | Call::Scale { .. }, _) => self.backward_rows(step, backward),
            (Call::Concat { .. } | Call::Multiply { .. } | Call::Gate { .. } | Call::Maximum, _) => {
                self.backward_pair(step, backward)
            }
            (_, None) => {}
            (Call::MaxPool(shape), _) => {
                let places = step.places * self.batch..step.places * self.batch + dy.len();
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                pool::max_backward(&shape.with_batch(self.count), dy, &self.places[places], accumulate, dx);
            }
            (Call::AveragePool(shape), _) => {
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                pool::average_backward(shape, dy, accumulate, dx);
            }
            (Call::Dropout { rate, node }, _) => {
                let stream = self.dropout.numbered(*node as u64);
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                elementwise::dropout(*rate, stream, dy, accumulate, dx);
            }
            (Call::Exchange, _) => {
                let extent = self.tensors[step.input.0].extent;
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                elementwise::exchange(extent.channels, extent.pixels(), dy, accumulate, dx);
            }
            _ => self.backward_map(step, accumulate),
        }
    }

    /// Masks the output's gradient in place where the rectified output is not positive.
    fn mask(&mut self, step: &Step, relu: bool) {
        if relu {
            let ranges = [self.value(step.output, self.count), self.gradient_ranges(step).0];
            let [y, dy] = lend(&mut self.arena, ranges);
            elementwise::mask(y, dy);
        }
    }

    /// Sums the output's gradient per channel, when the bias is trained.
    pub(super) fn bias_gradient(&mut self, bias: Option<Range<usize>>, dy: Range<usize>, backward: &Backward) {
        if let Some(bias) = bias {
            let work = self.work(backward.work, elementwise::column_sums_len(dy.len(), bias.len()));
            let [dy, work] = lend(&mut self.arena, [dy, work]);
            elementwise::column_sums(dy, work, &mut self.gradients[bias]);
        }
    }

    fn backward_conv(&mut self, step: &Step, backward: &Backward) {
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
        let shape = shape.with_batch(self.count);
        let (dy, dx) = self.gradient_ranges(step);
        self.mask(step, *relu);
        if norm.is_some() {
            let affine = self.work(step.saved, shape.filters);
            let [scale, dy] = lend(&mut self.arena, [affine, dy.clone()]);
            elementwise::scale_rows(scale, dy);
        }
        self.bias_gradient(bias.and_then(|b| self.gradient_of(b)), dy.clone(), backward);
        if let Some(dw) = self.gradient_of(*weight) {
            let work = self.work(backward.work, shape.weight_gradient_len());
            let ranges = [self.value(step.input, self.count), dy.clone(), work];
            let [x, dy, work] = lend(&mut self.arena, ranges);
            conv_gradient::weight_gradient(&shape, x, dy, work, &mut self.gradients[dw]);
        }
        if let Some(flow) = backward.input {
            let weight = self.parameter(*weight);
            let work = self.work(backward.work, shape.input_gradient_len());
            let [dy, work, dx] = lend(&mut self.arena, [dy, work, dx]);
            conv_gradient::input_gradient(&shape, dy, &self.values[weight], work, flow == Flow::Add, dx);
        }
    }

    fn backward_linear(&mut self, step: &Step, backward: &Backward) {
        let Call::Linear {
            shape,
            weight,
            bias,
            relu,
        } = &step.call
        else {
            return;
        };
        let shape = shape.with_batch(self.count);
        let (dy, dx) = self.gradient_ranges(step);
        self.mask(step, *relu);
        self.bias_gradient(bias.and_then(|b| self.gradient_of(b)), dy.clone(), backward);
        if let Some(dw) = self.gradient_of(*weight) {
            let work = self.work(backward.work, shape.packed_len());
            let ranges = [self.value(step.input, self.count), dy.clone(), work];
            let [x, dy, work] = lend(&mut self.arena, ranges);
            linear::weight_gradient(&shape, x, dy, work, &mut self.gradients[dw]);
        }
        if let Some(flow) = backward.input {
            let weight = self.parameter(*weight);
            let [dy, dx] = lend(&mut self.arena, [dy, dx]);
            linear::input_gradient(&shape, dy, &self.values[weight], flow == Flow::Add, dx);
        }
    }

    /// Rectifiers and sums: the masked gradient goes on as it is.
    fn backward_sum(&mut self, step: &Step, backward: &Backward) {
        self.mask(step, matches!(step.call, Call::Relu | Call::Add { relu: true }));
        self.hand_on(step, Some(step.input), backward.input);
        self.hand_on(step, step.other, backward.other);
    }

    fn hand_on(&mut self, step: &Step, to: Option<TensorId>, flow: Option<Flow>) {
        let (Some(to), Some(flow @ (Flow::Set | Flow::Add))) = (to.and_then(|t| self.gradient(t)), flow) else {
            return;
        };
        let (dy, _) = self.gradient_ranges(step);
        let [dy, to] = lend(&mut self.arena, [dy, to]);
        elementwise::transfer(dy, flow == Flow::Add, to);
    }

    fn backward_norm(&mut self, step: &Step, backward: &Backward) {
        let Call::BatchNorm {
            norm,
            channels,
            momentum,
            relu,
        } = &step.call
        else {
            return;
        };
        let (channels, count) = (*channels, self.count);
        let (x, (dy, dx)) = (self.value(step.input, count), self.gradient_ranges(step));
        let y = if *relu { self.value(step.output, count) } else { 0..0 };
        let sums_len = work_len(x.len(), channels);
        let work = self.work(backward.work, sums_len + 2 * channels);
        let saved = self.work(step.saved, 4 * channels);
        let rows = (x.len() / channels) as f64;
        let trained = [norm.weight, norm.bias].map(|id| self.gradient_of(id));
        let dx = if matches!(backward.input, Some(Flow::Set | Flow::Add)) {
            dx
        } else {
            0..0
        };
        let [x, y, dy, dx, work, saved] = lend(&mut self.arena, [x, y, dy, dx, work, saved]);
        let (work, factors) = work.split_at_mut(sums_len);
        let (mean, rest) = saved.split_at(channels);
        let (inverse, rest) = rest.split_at(channels);
        let scale = &rest[..channels];
        let (slope, shift) = factors.split_at_mut(channels);
        let gradients = &mut self.gradients;
        norm::gradient_sums((x, mean), relu.then_some(&*y), dy, work, |i, sum, product| {
            let inverse = f64::from(inverse[i]);
            if let [Some(weight), _] = &trained {
                gradients[weight.start + i] = (product * inverse) as f32;
            }
            if let [_, Some(bias)] = &trained {
                gradients[bias.start + i] = sum as f32;
            }
            // By the batch's statistics, they carry gradient too; by fixed ones, the layer is a product.
            let share = if momentum.is_some() {
                f64::from(scale[i]) / rows
            } else {
                0.0
            };
            slope[i] = (-share * product * inverse * inverse) as f32;
            shift[i] = (-share * sum) as f32;
        });
        let target = match backward.input {
            Some(Flow::Move) => Some(Target::Same),
            Some(Flow::Set) => Some(Target::Set(dx)),
            Some(Flow::Add) => Some(Target::Add(dx)),
            None => None,
        };
        if let Some(target) = target {
            norm::input_gradient((x, mean), [scale, slope, shift], dy, target);
        }
        self.hand_on(step, step.other, backward.other);
    }
}
