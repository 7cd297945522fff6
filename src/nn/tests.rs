//! Every layer, fusion and freeze against an interpreter in f64 that shares no code with the kernels: values directly,
//! gradients by central differences.

mod auxiliary;
mod interpreter;
mod kinds;
mod layers;
mod shared;

use super::*;
use crate::net::{
    Activation, Attention, Builder, Conv, ConvWindow, Fuse, Gate, Graph, NetError, NodeId, Op, ParameterId,
    ParameterRole, Shape, Towers, WeightInit, Window,
};
use interpreter::*;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

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
        self.scoped(|b| b.conv(x, Conv::square(width, w, bias)))
    }

    fn norm(&mut self, x: NodeId) -> Result<NodeId, NetError> {
        self.scoped(|b| b.batchnorm(x, 1e-5, 0.1))
    }

    fn head(mut self, x: NodeId, classes: usize) -> Result<Graph, NetError> {
        let x = self.0.flatten(x);
        let x = self.scoped(|b| b.linear(x, classes, true, WeightInit::KaimingUniform))?;
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
    let x = net.0.maxpool(x, window(3, 2, 1), false)?;
    let x = net.conv(x, 6, window(3, 1, 1), true)?;
    let x = net.0.relu(x);
    let x = net.0.adaptive_avgpool(x, 7)?;
    let x = net.0.flatten(x);
    let x = net.0.dropout(x, 0.4)?;
    let x = net.scoped(|b| b.linear(x, 40, true, WeightInit::KaimingUniform))?;
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
    let mut x = net.0.maxpool(x, window(3, 2, 1), false)?;
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
    let pooled = net.0.maxpool(z, window(2, 2, 0), false)?;
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
    let vector = net.scoped(|b| b.linear(flat, 20, false, WeightInit::KaimingUniform))?;
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
    let x = net.0.maxpool(x, window(3, 2, 1), false)?;
    let x = net.0.flatten(x);
    let x = net.0.dropout(x, 0.5)?;
    let x = net.scoped(|b| b.linear(x, 300, true, WeightInit::KaimingUniform))?;
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
