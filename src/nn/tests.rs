//! Every layer, fusion and freeze against an interpreter in f64 that shares no code with the kernels: values directly,
//! gradients by central differences.

use super::*;
use crate::net::{Builder, Graph, NetError, NodeId, Op, ParameterId, ParameterRole, Shape, Window};
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

/// Parameters in f64, torch layout, in the order of the graph.
type Values = Vec<Vec<f64>>;

fn random_values(graph: &Graph, seed: u64) -> Values {
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

fn to_weights(graph: &Graph, values: &Values) -> Weights {
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

fn dims(shape: Shape) -> [usize; 3] {
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
struct Interpreter<'a> {
    graph: &'a Graph,
    values: &'a Values,
    trained: Option<&'a [bool]>,
    batch: usize,
    dropout: Stream,
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
                Op::Conv { window, weight, bias } => self.conv(input(0), from, to, window, weight, bias),
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
                Op::MaxPool(window) => self.pool(
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
            };
            nodes.push(result);
        }
        (nodes.swap_remove(self.graph.output.0), running)
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
        window: Window,
        weight: ParameterId,
        bias: Option<ParameterId>,
    ) -> Vec<f64> {
        let (k, w) = (window.kernel, &self.values[weight.0]);
        let mut result = Vec::new();
        for (n, o, y0, x0) in indices(self.batch, filters, out_height, out_width) {
            let mut sum = bias.map_or(0.0, |b| self.values[b.0][o]);
            for (c, dy, dx, _) in indices(channels, k, k, 1) {
                let (row, column) = (y0 * window.stride + dy, x0 * window.stride + dx);
                let inside = |at: usize, size| at >= window.pad && at < size + window.pad;
                if inside(row, height) && inside(column, width) {
                    let at = ((n * channels + c) * height + row - window.pad) * width + column - window.pad;
                    sum += x[at] * w[((o * channels + c) * k + dy) * k + dx];
                }
            }
            result.push(sum);
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

fn indices(a: usize, b: usize, c: usize, d: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

/// Images in f64 `[batch, channels, height, width]`, of numbers that f32 holds.
fn random_images(graph: &Graph, batch: usize) -> Vec<f64> {
    let stream = Stream::new(5).named("images");
    (0..(batch * graph.input_shape().len()) as u64)
        .map(|i| f64::from(stream.normal(i) as f32))
        .collect()
}

fn set_images(network: &mut Network, images: &[f64], batch: usize) -> Outcome {
    let [channels, height, width] = dims(network.graph().input_shape());
    let images: Vec<f32> = images.iter().map(|v| *v as f32).collect();
    channels_last(channels, height * width, &images, network.images_mut(batch)?);
    Ok(())
}

fn close(what: &str, found: f64, expected: f64, scale: f64) {
    assert!(
        (found - expected).abs() <= 2e-5 * scale.max(expected.abs()),
        "{what}: {found} instead of {expected}"
    );
}

/// Trains one step and evaluates, compiled for `batch + 2` so that batches are partial.
fn check(graph: &Graph, batch: usize, frozen: &[ParameterId]) -> Outcome {
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
    let found = network.forward(batch, dropout)?;
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

fn check_running(network: &Network, running: &Values) -> Outcome {
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
fn check_gradient(interpreter: &Interpreter<'_>, images: &[f64], direction: &[f32], id: ParameterId, found: &[f32]) {
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

fn window(kernel: usize, stride: usize, pad: usize) -> Window {
    Window { kernel, stride, pad }
}

/// A builder with a counter for scopes.
struct Net(Builder, usize);

impl Net {
    fn scoped(&mut self, make: impl FnOnce(&mut Builder) -> Result<NodeId, NetError>) -> Result<NodeId, NetError> {
        self.0.push_scope(self.1.to_string());
        self.1 += 1;
        let node = make(&mut self.0)?;
        self.0.pop_scope();
        Ok(node)
    }

    fn conv(&mut self, x: NodeId, width: usize, w: Window, bias: bool) -> Result<NodeId, NetError> {
        self.scoped(|b| b.conv(x, width, w, bias, false))
    }

    fn norm(&mut self, x: NodeId) -> Result<NodeId, NetError> {
        self.scoped(|b| b.batchnorm(x, 1e-5, 0.1))
    }

    fn head(mut self, x: NodeId, classes: usize) -> Result<Graph, NetError> {
        let x = self.0.flatten(x);
        let x = self.scoped(|b| b.linear(x, classes, true))?;
        self.0.finish("net", x, vec![], Some(classes))
    }
}

fn net(channels: usize, height: usize, width: usize) -> (Net, NodeId) {
    let net = Net(Builder::new(channels, height, width), 0);
    let input = net.0.input();
    (net, input)
}

/// Two convolutions, so that the second one's input has a gradient, then a linear layer on a map.
#[test]
fn convolutions_of_many_shapes() -> Outcome {
    let shapes = [
        (1, (3, 9, 7), 5, window(3, 1, 1)),
        (2, (4, 8, 9), 18, window(3, 2, 1)),
        (3, (17, 5, 5), 33, window(1, 1, 0)),
        (5, (6, 7, 6), 4, window(1, 2, 0)),
        (2, (3, 23, 21), 7, window(11, 4, 2)),
        (1, (3, 15, 17), 16, window(7, 2, 3)),
        (4, (2, 9, 9), 6, window(5, 1, 2)),
        (2, (90, 5, 4), 20, window(3, 1, 1)),
        (2, (3, 6, 5), 4, window(2, 1, 0)),
        (1, (3, 4, 4), 4, window(1, 1, 1)),
        (2, (3, 6, 6), 4, window(2, 3, 1)),
        (2, (20, 18, 18), 24, window(3, 1, 1)),
    ];
    for (batch, (channels, height, width), filters, w) in shapes {
        for bias in [true, false] {
            let (mut net, x) = net(2, height, width);
            let x = net.conv(x, channels, window(1, 1, 0), true)?;
            let x = net.conv(x, filters, w, bias)?;
            check(&net.head(x, 3)?, batch, &[]).map_err(|e| format!("{batch} {filters} {w:?}: {e}"))?;
        }
    }
    Ok(())
}

/// The layers of AlexNet in small: fused rectifiers, overlapping pools, a pool to more cells than pixels, dropout.
fn small_alexnet() -> Result<Graph, NetError> {
    let (mut net, x) = net(3, 31, 29);
    let x = net.conv(x, 10, window(7, 3, 2), true)?;
    let x = net.0.relu(x);
    let x = net.0.maxpool(x, window(3, 2, 1))?;
    let x = net.conv(x, 6, window(3, 1, 1), true)?;
    let x = net.0.relu(x);
    let x = net.0.adaptive_avgpool(x, 7)?;
    let x = net.0.flatten(x);
    let x = net.0.dropout(x, 0.4)?;
    let x = net.scoped(|b| b.linear(x, 40, true))?;
    let x = net.0.relu(x);
    let x = net.0.dropout(x, 0.5)?;
    net.head(x, 3)
}

/// A residual net: a block with an identity, one with a projection, pooling with padding.
fn small_resnet() -> Result<Graph, NetError> {
    let (mut net, x) = net(3, 15, 13);
    let x = net.conv(x, 8, window(3, 2, 1), false)?;
    let x = net.norm(x)?;
    let x = net.0.relu(x);
    let mut x = net.0.maxpool(x, window(3, 2, 1))?;
    for (width, stride) in [(8, 1), (20, 2)] {
        let y = net.conv(x, width, window(3, stride, 1), false)?;
        let y = net.norm(y)?;
        let y = net.0.relu(y);
        let y = net.conv(y, width, window(3, 1, 1), false)?;
        let y = net.norm(y)?;
        if stride > 1 {
            x = net.conv(x, width, window(1, stride, 0), false)?;
            x = net.norm(x)?;
        }
        let sum = net.0.add(y, x)?;
        x = net.0.relu(sum);
    }
    let x = net.0.adaptive_avgpool(x, 1)?;
    net.head(x, 4)
}

#[test]
fn a_small_alexnet() -> Outcome {
    check(&small_alexnet()?, 3, &[])
}

#[test]
fn a_small_resnet() -> Outcome {
    check(&small_resnet()?, 4, &[])
}

/// Sums that cannot be fused or share a gradient, layers without a neighbour to fuse with, an output that is a map.
#[test]
fn unusual_graphs() -> Outcome {
    let (mut net, x) = net(3, 6, 5);
    let x = net.conv(x, 4, window(3, 1, 1), true)?;
    let twice = net.0.add(x, x)?;
    let y = net.norm(twice)?;
    let y = net.0.add(y, twice)?;
    let y = net.0.relu(y);
    let z = net.0.relu(y);
    let z = net.0.dropout(z, 0.3)?;
    let z = net.0.add(z, y)?;
    let z = net.norm(z)?;
    let pooled = net.0.maxpool(z, window(2, 2, 0))?;
    let unused = net.conv(pooled, 2, window(1, 1, 0), true)?;
    assert!(unused > pooled);
    let out = net.conv(z, 3, window(1, 1, 0), true)?;
    let graph = net.0.finish("net", out, vec![], None)?;
    let used: Vec<_> = graph
        .ids()
        .filter(|id| !graph.parameter(*id).name.starts_with("3."))
        .collect();
    assert_eq!(used.len() + 2, graph.parameters.len());
    let unused: Vec<_> = graph.ids().filter(|id| !used.contains(id)).collect();
    check(&graph, 3, &unused)?;

    // A flattened map and a vector are added: the map is brought to torch's order.
    let (mut net, x) = super::tests::net(2, 3, 3);
    let map = net.conv(x, 5, window(2, 1, 0), true)?;
    let flat = net.0.flatten(map);
    let vector = net.scoped(|b| b.linear(flat, 20, false))?;
    let sum = net.0.add(vector, flat)?;
    let sum = net.0.relu(sum);
    check(&net.head(sum, 3)?, 2, &[])
}

/// Frozen: prefixes, weights without statistics, statistics without weights, all but the head, single biases.
#[test]
fn freezing() -> Outcome {
    for graph in [small_resnet()?, small_alexnet()?] {
        let choose = |wanted: &dyn Fn(ParameterId) -> bool| graph.ids().filter(|id| wanted(*id)).collect::<Vec<_>>();
        let role = |id: ParameterId| graph.parameter(id).role;
        let half = ParameterId(graph.parameters.len() / 2 / 5 * 5);
        check(&graph, 3, &choose(&|id| id < half))?;
        check(
            &graph,
            3,
            &choose(&|id| id < half && role(id) != ParameterRole::Statistic),
        )?;
        check(&graph, 3, &choose(&|id| role(id) == ParameterRole::Statistic))?;
        check(
            &graph,
            3,
            &choose(&|id| matches!(role(id), ParameterRole::Statistic | ParameterRole::Affine)),
        )?;
        check(&graph, 3, &choose(&|id| role(id) == ParameterRole::Weight && id > half))?;
        check(&graph, 3, &choose(&|id| role(id) != ParameterRole::Weight))?;
        check(&graph, 3, &graph.all_but_head())?;
    }
    Ok(())
}

/// A frozen prefix needs neither gradients nor activations.
#[test]
fn a_frozen_prefix_saves_memory() -> Outcome {
    let graph = small_resnet()?;
    let arena = |frozen: &[ParameterId]| Network::compile(&graph, Mode::Train { frozen }, 8).map(|n| n.arena_len());
    let evaluation = Network::compile(&graph, Mode::Evaluate, 8)?.arena_len();
    assert!(arena(&graph.all_but_head())? < arena(&[])? / 2);
    assert!(evaluation <= arena(&graph.all_but_head())?);
    Ok(())
}

/// Logits, gradients and running statistics of one step.
fn step(graph: &Graph, batch: usize, threads: usize) -> Result<[Vec<u32>; 3], Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut network = Network::compile(graph, Mode::Train { frozen: &[] }, batch)?;
    network.load(&initial_weights(graph, 1))?;
    set_images(&mut network, &random_images(graph, batch), batch)?;
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let logits = pool.install(|| network.forward(batch, Stream::new(2)).map(bits))?;
    let direction: Vec<f32> = (0..logits.len()).map(|i| (i as f32).sin()).collect();
    pool.install(|| network.backward(&direction))?;
    Ok([logits, bits(&network.gradients), bits(&network.values)])
}

/// Large enough that every kernel has several tasks.
fn wide_resnet() -> Result<Graph, NetError> {
    let (mut net, x) = net(3, 40, 40);
    let x = net.conv(x, 40, window(7, 2, 3), true)?;
    let x = net.norm(x)?;
    let x = net.0.relu(x);
    let y = net.conv(x, 40, window(3, 1, 1), true)?;
    let y = net.norm(y)?;
    let x = net.0.add(x, y)?;
    let x = net.conv(x, 24, window(3, 2, 1), false)?;
    let x = net.0.maxpool(x, window(3, 2, 1))?;
    let x = net.0.flatten(x);
    let x = net.0.dropout(x, 0.5)?;
    let x = net.scoped(|b| b.linear(x, 300, true))?;
    net.head(x, 7)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() -> Outcome {
    for (graph, batch) in [(wide_resnet()?, 9), (small_resnet()?, 3), (small_alexnet()?, 4)] {
        let one = step(&graph, batch, 1)?;
        assert!(
            one == step(&graph, batch, 2)? && one == step(&graph, batch, 3)?,
            "same bits"
        );
    }
    Ok(())
}

#[test]
fn a_samples_logits_do_not_depend_on_its_batch() -> Outcome {
    let graph = small_alexnet()?;
    let images = random_images(&graph, 5);
    let mut logits = Vec::new();
    for (count, batch) in [(5, 5), (3, 7), (1, 1)] {
        let mut network = Network::compile(&graph, Mode::Evaluate, batch)?;
        network.load(&initial_weights(&graph, 1))?;
        set_images(&mut network, &images[..count * graph.input_shape().len()], count)?;
        logits.push(network.forward(count, Stream::new(0))?.to_vec());
    }
    assert_eq!(logits[1], logits[0][..9]);
    assert_eq!(logits[2], logits[0][..3]);
    Ok(())
}

#[test]
fn weights_come_out_as_they_went_in_or_are_refused_by_name() -> Outcome {
    let graph = small_alexnet()?;
    let weights = initial_weights(&graph, 4);
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 2)?;
    network.load(&weights)?;
    assert_eq!(weights_to_bytes(&network.weights())?, weights_to_bytes(&weights)?);
    let gradients: Vec<f32> = (0..network.gradients.len()).map(|i| i as f32).collect();
    assert_eq!(network.import_trained(&network.export_trained(&gradients))?, gradients);

    let mut wrong = weights.clone();
    wrong.shift_remove("0.bias");
    wrong.insert("extra".to_owned(), weights["1.bias"].clone());
    wrong.insert("2.bias".to_owned(), weights["1.bias"].clone());
    wrong.insert("0.num_batches_tracked".to_owned(), weights["1.bias"].clone());
    let Err(WeightsError::Unfit {
        missing,
        unexpected,
        mismatched,
    }) = network.load(&wrong)
    else {
        return Err("wrong weights were loaded".into());
    };
    assert_eq!(
        (missing, unexpected),
        (vec!["0.bias".to_owned()], vec!["extra".to_owned()])
    );
    assert_eq!(
        (mismatched[0].name.as_str(), &mismatched[0].found[..]),
        ("2.bias", &[6][..])
    );
    assert_eq!(
        weights_to_bytes(&network.weights())?,
        weights_to_bytes(&weights)?,
        "nothing was changed"
    );
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused() -> Outcome {
    let graph = small_resnet()?;
    let compile = |mode, batch| Network::compile(&graph, mode, batch).map(|_| ());
    assert_eq!(compile(Mode::Evaluate, 0), Err(NetworkError::EmptyBatch));
    let all: Vec<_> = graph.ids().collect();
    assert_eq!(
        compile(Mode::Train { frozen: &all }, 2),
        Err(NetworkError::NothingTrained)
    );
    let mean = graph.find("1.running_mean").ok_or("no such name")?;
    assert!(matches!(
        compile(Mode::Train { frozen: &[mean] }, 2),
        Err(NetworkError::StatisticsSplit { .. })
    ));
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 2)?;
    let too_many = NetworkError::BatchTooLarge { count: 3, batch: 2 };
    assert_eq!(network.forward(3, Stream::new(0)).map(<[f32]>::len), Err(too_many));
    network.forward(2, Stream::new(0))?;
    assert!(matches!(
        network.backward(&[0.0; 3]),
        Err(NetworkError::GradientLength { expected: 8, found: 3 })
    ));
    let (mut net, x) = net(3, 1, 1);
    let x = net.norm(x)?;
    let mut network = Network::compile(&net.head(x, 2)?, Mode::Train { frozen: &[] }, 1)?;
    assert!(matches!(
        network.forward(1, Stream::new(0)),
        Err(NetworkError::OneValue { .. })
    ));
    Ok(())
}

/// NaN must reach the logits: a diverged run has to be seen.
#[test]
fn nan_passes_rectifiers_and_pools() -> Outcome {
    let graph = small_alexnet()?;
    let mut network = Network::compile(&graph, Mode::Evaluate, 1)?;
    network.load(&initial_weights(&graph, 0))?;
    network.images_mut(1)?.fill(f32::NAN);
    assert!(network.forward(1, Stream::new(0))?.iter().all(|v| v.is_nan()));
    Ok(())
}
