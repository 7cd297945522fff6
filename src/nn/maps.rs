//! Both passes of the layers that no kernel fuses with others.

use super::cpu::{elementwise, general, maps, views};
use super::flow::Flow;
use super::memory::lend;
use super::network::Network;
use super::plan::{Backward, Call, Step};

impl Network {
    /// Forward.
    pub(super) fn forward_map(&mut self, step: &Step) {
        let count = self.count;
        let (x, y) = (self.value(step.input, count), self.value(step.output, count));
        match step.call {
            Call::General { .. } => self.forward_general(step),
            Call::LayerNorm {
                weight, bias, epsilon, ..
            } => {
                let (weight, bias) = (self.parameter(weight), self.parameter(bias));
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::layer_norm(epsilon, x, &self.values[weight], &self.values[bias], y);
            }
            Call::Scale { weight, channels } => {
                let factors = self.parameter(weight);
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::scale(y.len(), channels, x, &self.values[factors], false, y);
            }
            Call::Activation(activation) => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::activate(activation, x, y);
            }
            Call::Softmax { channels } => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::softmax(channels, x, y);
            }
            Call::WindowMeans(shape) => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::window_means(&shape, x, y);
            }
            Call::StochasticDepth { rate, node, image } => {
                let stream = self.dropout.numbered(node as u64);
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::stochastic_depth(rate, stream, image, x, false, y);
            }
            Call::Slice { channels, from, to } => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                maps::copy_columns((channels, from..to), x, (to - from, 0), false, y);
            }
            Call::Shuffle { channels, groups } => {
                let [x, y] = lend(&mut self.arena, [x, y]);
                elementwise::exchange(groups, channels / groups, x, false, y);
            }
            _ => self.forward_pair(step),
        }
    }

    fn forward_general(&mut self, step: &Step) {
        let Call::General {
            shape,
            transposed,
            weight,
            bias,
        } = step.call
        else {
            return;
        };
        let (weight, bias) = (self.parameter(weight), bias.map(|bias| self.parameter(bias)));
        let work = self.work(step.work, shape.work_len());
        let ranges = [
            self.value(step.input, self.count),
            self.value(step.output, self.count),
            work,
        ];
        let [x, y, work] = lend(&mut self.arena, ranges);
        let (weight, bias) = (&self.values[weight], bias.map(|bias| &self.values[bias]));
        if transposed {
            general::input_gradient(&shape, x, weight, work, false, y);
            bias.into_iter().for_each(|bias| general::add_bias(bias, y));
        } else {
            general::forward(&shape, x, weight, bias, work, y);
        }
    }

    /// Layers with two inputs.
    fn forward_pair(&mut self, step: &Step) {
        let count = self.count;
        let (x, y) = (self.value(step.input, count), self.value(step.output, count));
        let other = step.other.filter(|other| *other != step.input);
        let other = other.map_or(0..0, |other| self.value(other, count));
        let twice = other.is_empty();
        let [x, other, y] = lend(&mut self.arena, [x, other, y]);
        let other = if twice { &*x } else { &*other };
        match step.call {
            Call::Concat {
                channels: [left, right],
            } => {
                maps::copy_columns((left, 0..left), x, (left + right, 0), false, y);
                maps::copy_columns((right, 0..right), other, (left + right, left), false, y);
            }
            Call::Multiply {
                broadcast,
                image,
                channels,
            } => {
                if broadcast {
                    maps::scale(image, channels, x, other, false, y);
                } else {
                    maps::product(x, other, false, y);
                }
            }
            Call::Gate { gate, image, views } => views::gate(gate, (image, views), x, other, y),
            Call::Maximum => views::maximum(x, other, y),
            _ => {}
        }
    }

    /// Backward through layers with one input and no parameters.
    pub(super) fn backward_map(&mut self, step: &Step, accumulate: bool) {
        let (dy, dx) = self.gradient_ranges(step);
        let (x, y) = (self.value(step.input, self.count), self.value(step.output, self.count));
        match step.call {
            Call::Activation(activation) => {
                let [x, dy, dx] = lend(&mut self.arena, [x, dy, dx]);
                maps::activation_gradient(activation, x, dy, accumulate, dx);
            }
            Call::Softmax { channels } => {
                let [y, dy, dx] = lend(&mut self.arena, [y, dy, dx]);
                maps::softmax_gradient(channels, y, dy, accumulate, dx);
            }
            Call::WindowMeans(shape) => {
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                maps::window_means_gradient(&shape, dy, accumulate, dx);
            }
            Call::StochasticDepth { rate, node, image } => {
                let stream = self.dropout.numbered(node as u64);
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                maps::stochastic_depth(rate, stream, image, dy, accumulate, dx);
            }
            Call::Slice { channels, from, to } => {
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                if !accumulate {
                    dx.fill(0.0);
                }
                maps::copy_columns((to - from, 0..to - from), dy, (channels, from), true, dx);
            }
            Call::Shuffle { channels, groups } => {
                let [dy, dx] = lend(&mut self.arena, [dy, dx]);
                elementwise::exchange(channels / groups, groups, dy, accumulate, dx);
            }
            _ => {}
        }
    }

    pub(super) fn backward_general(&mut self, step: &Step, backward: &Backward) {
        let Call::General {
            shape,
            transposed,
            weight,
            bias,
        } = step.call
        else {
            return;
        };
        let (dy, dx) = self.gradient_ranges(step);
        self.bias_gradient(bias.and_then(|b| self.gradient_of(b)), dy.clone(), backward);
        if let Some(dw) = self.gradient_of(weight) {
            let ranges = [self.value(step.input, self.count), dy.clone()];
            let [x, dy] = lend(&mut self.arena, ranges);
            let (seen, flow) = if transposed { (&*dy, &*x) } else { (&*x, &*dy) };
            general::weight_gradient(&shape, seen, flow, &mut self.gradients[dw]);
        }
        if let Some(flow) = backward.input {
            let weight = self.parameter(weight);
            let work = self.work(backward.work, shape.work_len());
            let [dy, work, dx] = lend(&mut self.arena, [dy, work, dx]);
            let (weight, accumulate) = (&self.values[weight], flow == Flow::Add);
            if !transposed {
                general::input_gradient(&shape, dy, weight, work, accumulate, dx);
            } else if accumulate {
                let mut alone = vec![0.0; dx.len()];
                general::forward(&shape, dy, weight, None, work, &mut alone);
                elementwise::transfer(&alone, true, dx);
            } else {
                general::forward(&shape, dy, weight, None, work, dx);
            }
        }
    }

    /// Normalisation and factors per channel: sums over rows for their parameters, then the gradient of each row.
    pub(super) fn backward_rows(&mut self, step: &Step, backward: &Backward) {
        let (dy, dx) = self.gradient_ranges(step);
        let dx = if backward.input.is_some() { dx } else { 0..0 };
        let accumulate = backward.input == Some(Flow::Add);
        let x = self.value(step.input, self.count);
        match step.call {
            Call::LayerNorm {
                weight,
                bias,
                channels,
                epsilon,
            } => {
                let trained = [self.gradient_of(weight), self.gradient_of(bias)];
                let work = self.work(backward.work, maps::row_sums_len(x.len() / channels, 2 * channels));
                let scale = self.parameter(weight);
                let [x, dy, dx, work] = lend(&mut self.arena, [x, dy, dx, work]);
                if trained.iter().any(Option::is_some) {
                    let gradients = &mut self.gradients;
                    maps::layer_norm_sums(epsilon, channels, x, dy, work, |i, sum| {
                        if let Some(range) = &trained[i / channels] {
                            gradients[range.start + i % channels] = sum as f32;
                        }
                    });
                }
                if backward.input.is_some() {
                    maps::layer_norm_gradient(epsilon, x, &self.values[scale], dy, accumulate, dx);
                }
            }
            Call::Scale { weight, channels } => {
                let trained = self.gradient_of(weight);
                let rows = x.len() / channels;
                let x = if trained.is_some() { x } else { 0..0 };
                let work = self.work(backward.work, maps::row_sums_len(rows, channels));
                let factors = self.parameter(weight);
                let [x, dy, dx, work] = lend(&mut self.arena, [x, dy, dx, work]);
                if let Some(trained) = trained {
                    let gradients = &mut self.gradients[trained];
                    let add = |row: usize, sums: &mut [f32]| {
                        let at = row * channels..(row + 1) * channels;
                        let pairs = x[at.clone()].iter().zip(&dy[at]);
                        sums.iter_mut().zip(pairs).for_each(|(sum, (x, dy))| *sum += x * dy);
                    };
                    maps::row_sums(rows, channels, work, add, |i, sum| gradients[i] = sum as f32);
                }
                if backward.input.is_some() {
                    maps::scale(dx.len(), channels, dy, &self.values[factors], accumulate, dx);
                }
            }
            _ => {}
        }
    }

    /// Joined channels and products: a gradient for each of two inputs, the first one first.
    pub(super) fn backward_pair(&mut self, step: &Step, backward: &Backward) {
        let Some(second) = step.other else { return };
        let gradient = |tensor, flow: Option<Flow>| flow.and_then(|_| self.gradient(tensor)).unwrap_or(0..0);
        let (dy, _) = self.gradient_ranges(step);
        let sides = [
            (gradient(step.input, backward.input), backward.input),
            (gradient(second, backward.other), backward.other),
        ];
        let values = [step.input, second].map(|tensor| self.value(tensor, self.count));
        for (side, (dx, flow)) in sides.into_iter().enumerate() {
            let Some(flow) = flow else { continue };
            let accumulate = flow == Flow::Add;
            match step.call {
                Call::Concat {
                    channels: [left, right],
                } => {
                    let (from, width) = if side == 0 {
                        (0..left, left)
                    } else {
                        (left..left + right, right)
                    };
                    let [dy, dx] = lend(&mut self.arena, [dy.clone(), dx]);
                    maps::copy_columns((left + right, from), dy, (width, 0), accumulate, dx);
                }
                Call::Multiply {
                    broadcast,
                    image,
                    channels,
                } => {
                    let factor = values[1 - side].clone();
                    let [factor, dy, dx] = lend(&mut self.arena, [factor, dy.clone(), dx]);
                    match (broadcast, side) {
                        (false, _) => maps::product(dy, factor, accumulate, dx),
                        (true, 0) => maps::scale(image, channels, dy, factor, accumulate, dx),
                        (true, _) => maps::pixel_sums(image, channels, dy, factor, accumulate, dx),
                    }
                }
                Call::Gate { gate, image, views } => {
                    let mask = values[1].clone();
                    let [mask, dy, dx] = lend(&mut self.arena, [mask, dy.clone(), dx]);
                    views::gate_gradient(gate, (image, views), dy, mask, accumulate, dx);
                }
                Call::Maximum => {
                    let [first, second] = values.clone();
                    let [first, second, dy, dx] = lend(&mut self.arena, [first, second, dy.clone(), dx]);
                    views::maximum_gradient((first, second), side == 0, dy, accumulate, dx);
                }
                _ => {}
            }
        }
    }
}
