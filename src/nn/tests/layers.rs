//! The interpreter's layers on values and channels, and what holds the kernels of these layers against it.

use super::*;

impl Interpreter<'_> {
    /// A layer that the kernels do not fuse with others.
    pub(super) fn layer(&self, op: Op, place: usize, inputs: &[NodeId], nodes: &[Vec<f64>]) -> Vec<f64> {
        let x = &nodes[inputs[0].0];
        let [channels, height, width] = dims(self.graph.node(inputs[0]).shape);
        let pixels = height * width;
        let per_channel = |at: usize| at / pixels % channels;
        match op {
            Op::Activation(activation) => x.iter().map(|x| activated(activation, *x)).collect(),
            Op::LayerScale { weight } => {
                let scaled = x.iter().enumerate();
                scaled
                    .map(|(at, x)| x * self.values[weight.0][per_channel(at)])
                    .collect()
            }
            Op::LayerNorm { weight, bias, epsilon } => self.by_pixel(x, [channels, pixels], |row| {
                let count = row.len() as f64;
                let mean = row.iter().sum::<f64>() / count;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                let normal = row.iter().map(|x| (x - mean) / (variance + epsilon).sqrt());
                let affine = self.values[weight.0].iter().zip(&self.values[bias.0]);
                normal.zip(affine).map(|(x, (w, b))| x * w + b).collect()
            }),
            Op::Softmax => self.by_pixel(x, [channels, pixels], |row| {
                let sum: f64 = row.iter().map(|x| x.exp()).sum();
                row.iter().map(|x| x.exp() / sum).collect()
            }),
            Op::AvgPool { window, .. } => self.means(x, [channels, height, width], place, window),
            Op::StochasticDepth { rate } => {
                let stream = self.dropout.numbered(place as u64);
                let factor = |at: usize| match (self.trained, stream.uniform((at / (channels * pixels)) as u64)) {
                    (None, _) => 1.0,
                    (_, draw) if draw >= rate => 1.0 / (1.0 - rate),
                    _ => 0.0,
                };
                x.iter().enumerate().map(|(at, x)| x * factor(at)).collect()
            }
            Op::Concat => {
                let parts: Vec<_> = inputs.iter().map(|input| &nodes[input.0]).collect();
                let images = (0..self.batch).flat_map(|n| {
                    parts.iter().flat_map(move |part| {
                        let image = part.len() / self.batch;
                        &part[n * image..(n + 1) * image]
                    })
                });
                images.copied().collect()
            }
            Op::Slice { from, to } => {
                let kept = |at: usize| (from..to).contains(&per_channel(at));
                let all = x.iter().enumerate();
                all.filter(|(at, _)| kept(*at)).map(|(_, x)| *x).collect()
            }
            Op::Shuffle { groups } => {
                let each = channels / groups;
                let shuffled = indices(self.batch, each, groups, pixels);
                shuffled
                    .map(|(n, i, group, pixel)| x[(n * channels + group * each + i) * pixels + pixel])
                    .collect()
            }
            Op::Gate(gate) => {
                let mask = &nodes[inputs[1].0];
                let views = mask.len() / self.batch;
                let gated = |at: usize, x: f64| {
                    let sample = &mask[at / (channels * pixels) * views..][..views];
                    match gate {
                        Gate::Zero(view) => x * sample[view],
                        Gate::Lowest(view) if sample[view] == 0.0 => f64::NEG_INFINITY,
                        Gate::Lowest(_) => x,
                        Gate::Mean => x / sample.iter().sum::<f64>(),
                    }
                };
                x.iter().enumerate().map(|(at, x)| gated(at, *x)).collect()
            }
            Op::Maximum => x.iter().zip(&nodes[inputs[1].0]).map(|(a, b)| a.max(*b)).collect(),
            Op::Multiply => {
                let other = &nodes[inputs[1].0];
                let factor = |at: usize| {
                    if other.len() == x.len() {
                        other[at]
                    } else if other.len() == self.batch {
                        other[at / (channels * pixels)]
                    } else {
                        other[at / pixels]
                    }
                };
                x.iter().enumerate().map(|(at, x)| x * factor(at)).collect()
            }
            other => panic!("{} has a case of its own", other.name()),
        }
    }

    /// Changes the channels of each pixel.
    fn by_pixel(&self, x: &[f64], [channels, pixels]: [usize; 2], change: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        let mut result = x.to_vec();
        for (n, pixel, _, _) in indices(self.batch, pixels, 1, 1) {
            let place = |channel: usize| (n * channels + channel) * pixels + pixel;
            let row: Vec<f64> = (0..channels).map(|channel| x[place(channel)]).collect();
            for (channel, value) in change(&row).into_iter().enumerate() {
                result[place(channel)] = value;
            }
        }
        result
    }

    /// Means over windows of the padded map, what lies beyond the padding left out.
    fn means(&self, x: &[f64], [channels, height, width]: [usize; 3], place: usize, window: Window) -> Vec<f64> {
        let [_, out_height, out_width] = dims(self.graph.nodes[place].shape);
        let pad = window.pad;
        let mut result = Vec::new();
        for (n, c, y0, x0) in indices(self.batch, channels, out_height, out_width) {
            let (mut sum, mut count) = (0.0, 0.0);
            for (i, j, _, _) in indices(window.kernel, window.kernel, 1, 1) {
                let (row, column) = (y0 * window.stride + i, x0 * window.stride + j);
                if row < height + 2 * pad && column < width + 2 * pad {
                    count += 1.0;
                    if (pad..height + pad).contains(&row) && (pad..width + pad).contains(&column) {
                        sum += x[((n * channels + c) * height + row - pad) * width + column - pad];
                    }
                }
            }
            result.push(sum / count);
        }
        result
    }
}

fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::HardSigmoid => (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::Gelu => x * normal_below(x),
        Activation::Absolute => x.abs(),
        Activation::LeakyRelu { slope } => x.max(0.0) + slope * x.min(0.0),
        Activation::Negate => -x,
    }
}

/// Probability of a standard normal value below `x`, by Simpson's rule.
fn normal_below(x: f64) -> f64 {
    let steps = 2_000;
    let density = |at: u32| (-0.5 * (x * f64::from(at) / f64::from(steps)).powi(2)).exp();
    let weighted = (0..=steps).map(|at| match at {
        _ if at == 0 || at == steps => density(at),
        _ if at % 2 == 1 => 4.0 * density(at),
        _ => 2.0 * density(at),
    });
    let integral = weighted.sum::<f64>() * x / f64::from(steps) / 3.0;
    0.5 + integral / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn activations() -> Outcome {
    let leaky = Activation::LeakyRelu { slope: 0.1 };
    for activation in Activation::LAYERS.into_iter().chain([leaky, Activation::Negate]) {
        let (mut net, x) = net(2, 5, 4);
        let x = net.conv(x, 3, window(3, 1, 1), true)?;
        let y = net.0.activation(x, activation);
        // Twice, for `x - x` would have no gradient.
        let z = net.0.add(x, y)?;
        let z = net.0.add(z, y)?;
        check(&net.head(z, 3)?, 2, &[]).map_err(|error| format!("{activation:?}: {error}"))?;
    }
    Ok(())
}

#[test]
fn convolutions_with_groups_and_windows_of_two_sides() -> Outcome {
    let two = |kernel, stride, pad, dilation| ConvWindow {
        kernel,
        stride,
        pad,
        pad_end: None,
        dilation,
    };
    let uneven = |kernel, stride, pad, pad_end| ConvWindow {
        pad_end: Some(pad_end),
        ..two(kernel, stride, pad, [1, 1])
    };
    let cases = [
        (6, 6, 6, two([3, 3], [1, 1], [1, 1], [1, 1])),
        (20, 20, 20, two([5, 3], [2, 1], [2, 1], [1, 1])),
        (6, 12, 6, two([3, 3], [2, 2], [1, 1], [1, 1])),
        (6, 6, 6, uneven([3, 3], [2, 2], [0, 0], [1, 1])),
        (3, 5, 1, uneven([5, 3], [2, 1], [1, 0], [2, 3])),
        (8, 4, 2, two([3, 3], [1, 1], [1, 1], [1, 1])),
        (18, 9, 1, two([1, 7], [1, 1], [0, 3], [1, 1])),
        (3, 5, 1, two([7, 1], [1, 2], [3, 0], [1, 1])),
        (4, 6, 1, two([3, 3], [1, 1], [2, 2], [2, 2])),
        (4, 4, 4, two([3, 3], [1, 1], [2, 2], [2, 2])),
    ];
    for (channels, width, groups, window) in cases {
        for bias in [true, false] {
            let conv = Conv {
                width,
                window,
                groups,
                bias,
                init: WeightInit::KaimingUniform,
            };
            let (mut net, x) = net(2, 9, 8);
            let x = net.conv(x, channels, super::window(1, 1, 0), true)?;
            let y = net.scoped(|b| b.conv(x, conv))?;
            check(&net.head(y, 3)?, 2, &[]).map_err(|error| format!("{conv:?}: {error}"))?;
        }
    }
    Ok(())
}

#[test]
fn transposed_convolutions() -> Outcome {
    for (w, bias) in [
        (window(2, 2, 0), true),
        (window(3, 2, 1), false),
        (window(3, 1, 1), true),
    ] {
        let (mut net, x) = net(2, 4, 5);
        let x = net.conv(x, 5, window(3, 1, 1), true)?;
        let y = net.scoped(|b| b.conv_transpose(x, 3, w.into(), bias))?;
        // The input is used twice, so one of its gradients is added.
        let small = net.0.adaptive_avgpool(x, 1)?;
        let large = net.0.adaptive_avgpool(y, 1)?;
        let both = net.0.concat(&[small, large])?;
        check(&net.head(both, 3)?, 2, &[]).map_err(|error| format!("{w:?}: {error}"))?;
    }
    Ok(())
}

#[test]
fn pools_with_a_last_window_that_is_not_whole() -> Outcome {
    for w in [
        window(3, 2, 0),
        window(3, 2, 1),
        window(2, 2, 0),
        window(3, 1, 1),
        window(2, 3, 1),
    ] {
        for ceil in [false, true] {
            for max in [false, true] {
                let (mut net, x) = net(2, 8, 7);
                let x = net.conv(x, 4, window(3, 1, 1), true)?;
                let y = if max {
                    net.0.maxpool(x, w, ceil)?
                } else {
                    net.0.avgpool(x, w, ceil)?
                };
                check(&net.head(y, 3)?, 2, &[]).map_err(|error| format!("{w:?} {ceil} {max}: {error}"))?;
            }
        }
    }
    Ok(())
}

/// Channels that are joined, cut and shuffled, with every part used twice.
#[test]
fn channels_come_together_and_apart() -> Outcome {
    let (mut net, x) = net(3, 5, 6);
    let x = net.conv(x, 6, window(3, 1, 1), true)?;
    let (left, right) = (net.0.slice(x, 0, 2)?, net.0.slice(x, 2, 6)?);
    let left = net.conv(left, 4, window(3, 1, 1), false)?;
    let left = net.norm(left)?;
    let joined = net.0.concat(&[left, right, x, right])?;
    let shuffled = net.0.shuffle(joined, 3)?;
    let twice = net.0.concat(&[shuffled, shuffled])?;
    let y = net.conv(twice, 5, window(1, 1, 0), true)?;
    let (a, b) = (net.0.flatten(y), net.0.flatten(left));
    let flat = net.0.concat(&[a, b])?;
    let part = net.0.slice(flat, 7, 200)?;
    check(&net.head(part, 3)?, 2, &[])
}

/// Squeeze and excitation, factors, normalisation over channels, a dropped branch, shares of channels.
#[test]
fn products_and_norms_of_channels() -> Outcome {
    let (mut net, x) = net(3, 5, 4);
    let x = net.conv(x, 8, window(3, 1, 1), true)?;
    let cell = net.0.adaptive_avgpool(x, 1)?;
    let gate = net.conv(cell, 8, window(1, 1, 0), true)?;
    let gate = net.0.activation(gate, Activation::Sigmoid);
    let x = net.0.multiply(gate, x)?;
    let y = net.scoped(|b| b.layernorm(x, 1e-6))?;
    let y = net.scoped(|b| b.layer_scale(y, "layer_scale", 0.5))?;
    let y = net.0.stochastic_depth(y, 0.4)?;
    let x = net.0.add(y, x)?;
    let shares = net.0.softmax(x);
    let x = net.0.multiply(shares, x)?;
    let square = net.0.multiply(x, x)?;
    let flat = net.0.flatten(square);
    let flat = net.scoped(|b| b.layernorm(flat, 1e-5))?;
    let flat = net.scoped(|b| b.layer_scale(flat, "layer_scale", 0.5))?;
    let graph = net.head(flat, 3)?;
    check(&graph, 6, &[])?;
    // With the first half frozen, nothing goes on below.
    let frozen: Vec<_> = graph.ids().take(4).collect();
    check(&graph, 6, &frozen)
}
