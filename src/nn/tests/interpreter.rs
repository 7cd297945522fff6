//! The interpreter in f64, and what the kernels are held against it with.

use super::*;

/// Parameters in f64, torch layout, in the order of the graph.
pub(super) type Values = Vec<Vec<f64>>;

pub(super) fn random_values(graph: &Graph, seed: u64) -> Values {
    let stream = Stream::new(seed);
    let of = |p: &crate::net::Parameter| -> Vec<f64> {
        let stream = stream.named(&p.name);
        let fan: usize = p.shape[1..].iter().product();
        let draw = |i: u64| match p.role {
            ParameterRole::Weight => stream.normal(i) / (fan as f64).sqrt(),
            ParameterRole::Affine | ParameterRole::Statistic => 0.6 + 0.8 * stream.uniform(i),
            ParameterRole::Bias => 0.3 * stream.normal(i),
        };
        (0..p.len() as u64).map(|i| f64::from(draw(i) as f32)).collect()
    };
    graph.parameters.iter().map(of).collect()
}

pub(super) fn to_weights(graph: &Graph, values: &Values) -> Weights {
    let named = graph.parameters.iter().zip(values);
    named
        .map(|(p, v)| {
            (
                p.name.clone(),
                weights::tensor(v.iter().map(|v| *v as f32).collect(), &p.shape),
            )
        })
        .collect()
}

pub(super) fn dims(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Map {
            channels,
            height,
            width,
        } => [channels, height, width],
        Shape::Flat(features) => [features, 1, 1],
    }
}

/// Evaluates a graph on `images` `[batch, channels, height, width]`; in training when `trained` is given, with the
/// running statistics' new values as the second result.
#[derive(Clone, Copy)]
pub(super) struct Interpreter<'a> {
    pub(super) graph: &'a Graph,
    pub(super) values: &'a Values,
    pub(super) trained: Option<&'a [bool]>,
    pub(super) batch: usize,
    pub(super) dropout: Stream,
}

impl Interpreter<'_> {
    fn run(&self, images: &[f64]) -> (Vec<f64>, Values) {
        let mut running = self.values.clone();
        let mut nodes: Vec<Vec<f64>> = Vec::new();
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let input = |k: usize| -> &[f64] { &nodes[node.inputs[k].0] };
            let from = node.inputs.first().map_or([0; 3], |x| dims(self.graph.node(*x).shape));
            let to = dims(node.shape);
            let result = match node.op {
                Op::Input => images.to_vec(),
                Op::Mask => mask(self.batch, to[0]),
                Op::Conv {
                    window,
                    groups,
                    weight,
                    bias,
                } => self.conv(input(0), from, to, (window, groups), (weight, bias)),
                Op::ConvTranspose { window, weight, bias } => {
                    self.conv_transpose(input(0), from, to, window, (weight, bias))
                }
                Op::Linear { weight, bias } => {
                    let (n, k) = (to[0], from.iter().product::<usize>());
                    let rows = input(0).chunks(k).flat_map(|x| {
                        let outputs = self.values[weight.0].chunks(k).enumerate();
                        outputs.map(move |(o, w)| {
                            x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>() + bias.map_or(0.0, |b| self.values[b.0][o])
                        })
                    });
                    let result: Vec<f64> = rows.collect();
                    assert_eq!(result.len(), n * self.batch);
                    result
                }
                Op::BatchNorm { .. } => self.norm(input(0), from, &node.op, &mut running),
                Op::Relu => input(0).iter().map(|x| x.max(0.0)).collect(),
                Op::MaxPool { window, .. } => self.pool(
                    input(0),
                    from,
                    to,
                    |at, out, size, _| {
                        let start = (at * window.stride) as isize - window.pad as isize;
                        let _ = out;
                        (
                            start.max(0) as usize,
                            ((start + window.kernel as isize) as usize).min(size),
                        )
                    },
                    true,
                ),
                Op::AdaptiveAvgPool { .. } => self.pool(
                    input(0),
                    from,
                    to,
                    |at, out, size, _| (at * size / out, ((at + 1) * size).div_ceil(out)),
                    false,
                ),
                Op::Flatten => input(0).to_vec(),
                Op::Dropout { rate } => self.dropout(input(0), self.unflattened(node.inputs[0]), i, rate),
                Op::Add => input(0).iter().zip(input(1)).map(|(a, b)| a + b).collect(),
                op => self.layer(op, i, &node.inputs, &nodes),
            };
            nodes.push(result);
        }
        let mut outputs = nodes[self.graph.output.0].clone();
        // Auxiliary outputs follow the logits, in training alone.
        for auxiliary in self.graph.auxiliary.iter().filter(|_| self.trained.is_some()) {
            outputs.extend_from_slice(&nodes[auxiliary.output.0]);
        }
        (outputs, running)
    }

    /// The dimensions in which the values of a node stand channels last inside the network.
    fn unflattened(&self, id: NodeId) -> [usize; 3] {
        let node = self.graph.node(id);
        match node.op {
            Op::Flatten | Op::Dropout { .. } | Op::Relu => self.unflattened(node.inputs[0]),
            _ => dims(node.shape),
        }
    }

    fn conv(
        &self,
        x: &[f64],
        [channels, height, width]: [usize; 3],
        [filters, out_height, out_width]: [usize; 3],
        (window, groups): (ConvWindow, usize),
        (weight, bias): (ParameterId, Option<ParameterId>),
    ) -> Vec<f64> {
        let ([down, across], w) = (window.kernel, &self.values[weight.0]);
        let inputs = channels / groups;
        let mut result = Vec::new();
        for (n, o, y0, x0) in indices(self.batch, filters, out_height, out_width) {
            let mut sum = bias.map_or(0.0, |b| self.values[b.0][o]);
            let first = o / (filters / groups) * inputs;
            for (c, dy, dx, _) in indices(inputs, down, across, 1) {
                let row = y0 * window.stride[0] + dy * window.dilation[0];
                let column = x0 * window.stride[1] + dx * window.dilation[1];
                let inside = |at: usize, pad, size| at >= pad && at < size + pad;
                if inside(row, window.pad[0], height) && inside(column, window.pad[1], width) {
                    let line = (n * channels + first + c) * height + row - window.pad[0];
                    let at = line * width + column - window.pad[1];
                    sum += x[at] * w[((o * inputs + c) * down + dy) * across + dx];
                }
            }
            result.push(sum);
        }
        result
    }

    fn conv_transpose(
        &self,
        x: &[f64],
        [channels, height, width]: [usize; 3],
        [filters, out_height, out_width]: [usize; 3],
        window: ConvWindow,
        (weight, bias): (ParameterId, Option<ParameterId>),
    ) -> Vec<f64> {
        let ([down, across], w) = (window.kernel, &self.values[weight.0]);
        let at =
            |n: usize, o: usize, row: usize, column: usize| ((n * filters + o) * out_height + row) * out_width + column;
        let mut result = vec![0.0; self.batch * filters * out_height * out_width];
        for (n, o, row, column) in indices(self.batch, filters, out_height, out_width) {
            result[at(n, o, row, column)] = bias.map_or(0.0, |b| self.values[b.0][o]);
        }
        for (n, c, y, x0) in indices(self.batch, channels, height, width) {
            let value = x[((n * channels + c) * height + y) * width + x0];
            for (o, dy, dx, _) in indices(filters, down, across, 1) {
                let (row, column) = (y * window.stride[0] + dy, x0 * window.stride[1] + dx);
                let inside = |at: usize, pad, size| at >= pad && at < size + pad;
                if inside(row, window.pad[0], out_height) && inside(column, window.pad[1], out_width) {
                    let place = at(n, o, row - window.pad[0], column - window.pad[1]);
                    result[place] += value * w[((c * filters + o) * down + dy) * across + dx];
                }
            }
        }
        result
    }

    fn norm(&self, x: &[f64], [channels, height, width]: [usize; 3], op: &Op, running: &mut Values) -> Vec<f64> {
        let Op::BatchNorm {
            weight,
            bias,
            mean,
            variance,
            epsilon,
            momentum,
        } = *op
        else {
            return Vec::new();
        };
        let pixels = height * width;
        let mut result = x.to_vec();
        for (c, scale) in self.values[weight.0].iter().enumerate() {
            let places: Vec<usize> = (0..self.batch)
                .flat_map(|n| (0..pixels).map(move |p| (n * channels + c) * pixels + p))
                .collect();
            let count = places.len() as f64;
            let (mut m, mut v) = (self.values[mean.0][c], self.values[variance.0][c]);
            if self.trained.is_some_and(|trained| trained[mean.0]) {
                m = places.iter().map(|&p| x[p]).sum::<f64>() / count;
                v = places.iter().map(|&p| (x[p] - m).powi(2)).sum::<f64>() / count;
                running[mean.0][c] += momentum * (m - running[mean.0][c]);
                running[variance.0][c] += momentum * (v * count / (count - 1.0) - running[variance.0][c]);
            }
            for p in places {
                result[p] = (x[p] - m) / (v + epsilon).sqrt() * scale + self.values[bias.0][c];
            }
        }
        result
    }

    fn pool(
        &self,
        x: &[f64],
        [channels, height, width]: [usize; 3],
        [_, out_height, out_width]: [usize; 3],
        range: impl Fn(usize, usize, usize, ()) -> (usize, usize),
        maximum: bool,
    ) -> Vec<f64> {
        let mut result = Vec::new();
        for (n, c, y0, x0) in indices(self.batch, channels, out_height, out_width) {
            let (rows, columns) = (range(y0, out_height, height, ()), range(x0, out_width, width, ()));
            let mut window = Vec::new();
            for row in rows.0..rows.1 {
                window.extend((columns.0..columns.1).map(|col| x[((n * channels + c) * height + row) * width + col]));
            }
            let mean = window.iter().sum::<f64>() / window.len() as f64;
            result.push(if maximum {
                window.into_iter().fold(f64::NEG_INFINITY, f64::max)
            } else {
                mean
            });
        }
        result
    }

    fn dropout(&self, x: &[f64], [channels, height, width]: [usize; 3], node: usize, rate: f64) -> Vec<f64> {
        if self.trained.is_none() {
            return x.to_vec();
        }
        let stream = self.dropout.numbered(node as u64);
        let all = indices(self.batch, channels, height, width).zip(x);
        let kept = all.map(|((n, c, row, column), x)| {
            let inside = ((n * height + row) * width + column) * channels + c;
            if stream.uniform(inside as u64) >= rate {
                x / (1.0 - rate)
            } else {
                0.0
            }
        });
        kept.collect()
    }
}

pub(super) fn indices(a: usize, b: usize, c: usize, d: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

/// Images in f64 `[batch, channels, height, width]`, of numbers that f32 holds.
pub(super) fn random_images(graph: &Graph, batch: usize) -> Vec<f64> {
    let stream = Stream::new(5).named("images");
    (0..(batch * graph.input_shape().len()) as u64)
        .map(|i| f64::from(stream.normal(i) as f32))
        .collect()
}

/// Views that are there: all but one for every second sample.
pub(super) fn mask(batch: usize, views: usize) -> Vec<f64> {
    let missing = |sample: usize, view: usize| sample % 2 == 1 && view == sample / 2 % views;
    let all = indices(batch, views, 1, 1);
    all.map(|(sample, view, ..)| f64::from(u8::from(!missing(sample, view))))
        .collect()
}

pub(super) fn set_images(network: &mut Network, images: &[f64], batch: usize) -> Outcome {
    let [channels, height, width] = dims(network.graph().input_shape());
    let images: Vec<f32> = images.iter().map(|v| *v as f32).collect();
    channels_last(channels, height * width, &images, network.images_mut(batch)?);
    if let Some(given) = network.mask_mut(batch)? {
        let views = given.len() / batch;
        let mask = mask(batch, views);
        given.iter_mut().zip(mask).for_each(|(to, from)| *to = from as f32);
    }
    Ok(())
}

pub(super) fn close(what: &str, found: f64, expected: f64, scale: f64) {
    assert!(
        (found - expected).abs() <= 2e-5 * scale.max(expected.abs()),
        "{what}: {found} instead of {expected}"
    );
}

/// Trains one step and evaluates, compiled for `batch + 2` so that batches are partial.
pub(super) fn check(graph: &Graph, batch: usize, frozen: &[ParameterId]) -> Outcome {
    let (values, images) = (random_values(graph, 11), random_images(graph, batch));
    let mut trained = vec![true; graph.parameters.len()];
    frozen.iter().for_each(|id| trained[id.0] = false);
    let dropout = Stream::new(3).numbered(8);
    let evaluating = Interpreter {
        graph,
        values: &values,
        trained: None,
        batch,
        dropout,
    };
    let training = Interpreter {
        trained: Some(&trained),
        ..evaluating
    };

    let mut network = Network::compile(graph, Mode::Evaluate, batch + 2)?;
    network.load(&to_weights(graph, &values))?;
    set_images(&mut network, &images, batch)?;
    let expected = evaluating.run(&images).0;
    let found = network.forward(batch, dropout)?;
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(&expected) {
        close("logit in evaluation", f64::from(*f), *e, 1.0);
    }

    let mut network = Network::compile(graph, Mode::Train { frozen }, batch + 2)?;
    network.load(&to_weights(graph, &values))?;
    set_images(&mut network, &images, batch)?;
    let (expected, running) = training.run(&images);
    let mut found = network.forward(batch, dropout)?.to_vec();
    for place in 0..graph.auxiliary.len() {
        found.extend_from_slice(network.auxiliary_logits(place));
    }
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(&expected) {
        close("logit in training", f64::from(*f), *e, 1.0);
    }
    let direction: Vec<f32> = (0..found.len() as u64)
        .map(|i| Stream::new(9).normal(i) as f32)
        .collect();
    network.backward(&direction)?;
    check_running(&network, &running)?;
    let gradients = network.gradients.clone();
    let gradients = network.export_trained(&gradients);
    let names: Vec<_> = graph
        .ids()
        .filter(|id| trained[id.0] && graph.parameter(*id).role.is_trained())
        .collect();
    assert_eq!(gradients.len(), names.len(), "frozen parameters have no gradient");
    for id in names {
        let found: Vec<f32> = gradients[&graph.parameter(id).name].flatten_all()?.to_vec1()?;
        check_gradient(&training, &images, &direction, id, &found);
    }
    Ok(())
}

pub(super) fn check_running(network: &Network, running: &Values) -> Outcome {
    let weights = network.weights();
    for (p, expected) in network.graph().parameters.iter().zip(running) {
        let found: Vec<f32> = weights[&p.name].flatten_all()?.to_vec1()?;
        for (f, e) in found.iter().zip(expected) {
            close(&p.name, f64::from(*f), *e, 1.0);
        }
    }
    Ok(())
}

/// About ten values of one parameter's gradient against central differences of `sum(direction * logits)`.
pub(super) fn check_gradient(
    interpreter: &Interpreter<'_>,
    images: &[f64],
    direction: &[f32],
    id: ParameterId,
    found: &[f32],
) {
    let loss = |values: &Values| -> f64 {
        let logits = Interpreter { values, ..*interpreter }.run(images).0;
        logits.iter().zip(direction).map(|(l, d)| l * f64::from(*d)).sum()
    };
    let values = interpreter.values;
    let scale = found.iter().map(|g| f64::from(g.abs())).fold(0.0, f64::max);
    assert!(scale > 0.0, "a gradient of nothing but zeros tests nothing");
    let step = (found.len() / 10).max(1);
    for at in (0..found.len()).step_by(step) {
        let mut moved = values.clone();
        let mut difference = |h: f64| {
            moved[id.0][at] = values[id.0][at] + h;
            loss(&moved)
        };
        let expected = (difference(1e-6) - difference(-1e-6)) / 2e-6;
        close(
            &format!("gradient {at} of parameter {}", id.0),
            f64::from(found[at]),
            expected,
            scale,
        );
    }
}
