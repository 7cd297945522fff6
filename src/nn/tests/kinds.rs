//! Every kind of operation in every odd geometry that it allows, held to the interpreter and to central differences.
//!
//! [`kind`] names each operation and has no rest arm: a new one does not compile until it has a name there, and the test
//! fails until a case has it.

use super::*;

macro_rules! kinds {
    ($($name:ident: $pattern:pat,)+) => {
        /// All kinds of operations.
        const KINDS: &[&str] = &[$(stringify!($name)),+];

        fn kind(op: &Op) -> &'static str {
            match op {
                $($pattern => stringify!($name),)+
            }
        }
    };
}

kinds! {
    input: Op::Input,
    conv: Op::Conv { groups: 1, .. },
    conv_groups: Op::Conv { .. },
    conv_transpose: Op::ConvTranspose { .. },
    linear: Op::Linear { .. },
    batchnorm: Op::BatchNorm { .. },
    layernorm: Op::LayerNorm { .. },
    layer_scale: Op::LayerScale { .. },
    relu: Op::Relu,
    relu6: Op::Activation(Activation::Relu6),
    sigmoid: Op::Activation(Activation::Sigmoid),
    tanh: Op::Activation(Activation::Tanh),
    silu: Op::Activation(Activation::Silu),
    hard_sigmoid: Op::Activation(Activation::HardSigmoid),
    hard_swish: Op::Activation(Activation::HardSwish),
    gelu: Op::Activation(Activation::Gelu),
    absolute: Op::Activation(Activation::Absolute),
    leaky_relu: Op::Activation(Activation::LeakyRelu { .. }),
    negate: Op::Activation(Activation::Negate),
    softmax: Op::Softmax,
    maxpool: Op::MaxPool { ceil: false, .. },
    maxpool_ceil: Op::MaxPool { .. },
    avgpool: Op::AvgPool { ceil: false, .. },
    avgpool_ceil: Op::AvgPool { .. },
    adaptive_avgpool: Op::AdaptiveAvgPool { .. },
    flatten: Op::Flatten,
    dropout: Op::Dropout { .. },
    stochastic_depth: Op::StochasticDepth { .. },
    concat: Op::Concat,
    slice: Op::Slice { .. },
    shuffle: Op::Shuffle { .. },
    mask: Op::Mask,
    gate_zero: Op::Gate(Gate::Zero(_)),
    gate_lowest: Op::Gate(Gate::Lowest(_)),
    gate_mean: Op::Gate(Gate::Mean),
    maximum: Op::Maximum,
    add: Op::Add,
    multiply: Op::Multiply,
}

type Made = Result<NodeId, NetError>;
type Make = Box<dyn Fn(&mut Net, NodeId) -> Made>;

/// A case: what it is about, the batch, the shape before the layer, and the layer.
struct Case {
    name: &'static str,
    batch: usize,
    shape: [usize; 3],
    make: Make,
}

fn case(
    name: &'static str,
    batch: usize,
    shape: [usize; 3],
    make: impl Fn(&mut Net, NodeId) -> Made + 'static,
) -> Case {
    Case {
        name,
        batch,
        shape,
        make: Box::new(make),
    }
}

/// A convolution before the layer, so that the gradient with respect to its input is seen, and a head behind it.
fn graph_of(case: &Case) -> Result<Graph, NetError> {
    let [channels, height, width] = case.shape;
    let (mut net, x) = net(2, height, width);
    let x = net.conv(x, channels, window(1, 1, 0), true)?;
    let y = (case.make)(&mut net, x)?;
    net.head(y, 3)
}

fn rect(kernel: [usize; 2], stride: [usize; 2], pad: [usize; 2], dilation: [usize; 2]) -> ConvWindow {
    ConvWindow {
        kernel,
        stride,
        pad,
        pad_end: None,
        dilation,
    }
}

fn conv_case(name: &'static str, batch: usize, shape: [usize; 3], width: usize, w: ConvWindow, groups: usize) -> Case {
    case(name, batch, shape, move |net, x| {
        let conv = Conv {
            width,
            window: w,
            groups,
            bias: true,
            init: WeightInit::KaimingUniform,
        };
        net.scoped(|b| b.conv(x, conv))
    })
}

fn convolutions() -> Vec<Case> {
    let one = [1, 1];
    vec![
        conv_case("square", 2, [3, 6, 6], 4, rect([3, 3], one, one, one), 1),
        conv_case(
            "a map and a kernel that are not square",
            2,
            [3, 5, 9],
            4,
            rect([3, 5], one, [1, 2], one),
            1,
        ),
        conv_case(
            "a kernel as wide as the map",
            2,
            [3, 4, 7],
            4,
            rect([4, 7], one, [0, 0], one),
            1,
        ),
        conv_case(
            "a stride above the kernel",
            2,
            [3, 8, 7],
            5,
            rect([2, 2], [3, 3], [0, 0], one),
            1,
        ),
        conv_case(
            "strides of two sides above the kernel",
            2,
            [3, 8, 7],
            5,
            rect([1, 2], [2, 4], [0, 1], one),
            1,
        ),
        conv_case(
            "padding above half the kernel",
            2,
            [3, 4, 5],
            4,
            rect([3, 3], one, [3, 3], one),
            1,
        ),
        conv_case(
            "padding above the kernel",
            2,
            [3, 3, 3],
            4,
            rect([1, 1], one, [2, 2], one),
            1,
        ),
        conv_case(
            "padding on one side alone",
            2,
            [3, 4, 5],
            4,
            rect([3, 3], [2, 1], [0, 2], one),
            1,
        ),
        conv_case("maps of one pixel", 3, [4, 1, 1], 5, rect([1, 1], one, [0, 0], one), 1),
        conv_case(
            "maps of one pixel in padding",
            3,
            [4, 1, 1],
            5,
            rect([3, 3], one, one, one),
            1,
        ),
        conv_case("maps of one row", 2, [3, 1, 9], 4, rect([1, 3], [1, 2], [0, 1], one), 1),
        conv_case(
            "dilation of two sides",
            2,
            [3, 8, 9],
            4,
            rect([3, 2], one, [2, 3], [2, 3]),
            1,
        ),
        conv_case(
            "dilation with a stride",
            2,
            [3, 9, 9],
            4,
            rect([3, 3], [2, 2], [2, 2], [2, 2]),
            1,
        ),
        conv_case("a batch of one", 1, [3, 5, 4], 4, rect([3, 3], one, one, one), 1),
        conv_case("groups", 2, [6, 5, 7], 4, rect([3, 3], one, one, one), 2),
        conv_case(
            "groups with a stride above the kernel",
            2,
            [6, 7, 8],
            9,
            rect([1, 2], [3, 3], [0, 1], one),
            3,
        ),
        conv_case("depthwise", 2, [5, 6, 5], 5, rect([3, 3], [2, 1], one, one), 5),
        conv_case(
            "depthwise with several filters a channel",
            2,
            [4, 6, 5],
            8,
            rect([3, 3], one, one, one),
            4,
        ),
        conv_case(
            "depthwise, dilated, not square",
            1,
            [4, 7, 9],
            4,
            rect([3, 5], one, [2, 4], [2, 2]),
            4,
        ),
        conv_case(
            "depthwise on maps of one pixel",
            3,
            [4, 1, 1],
            4,
            rect([5, 5], one, [2, 2], one),
            4,
        ),
    ]
}

fn transposed() -> Vec<Case> {
    let transpose = |name, batch, shape, w: ConvWindow| {
        case(name, batch, shape, move |net, x| {
            net.scoped(|b| b.conv_transpose(x, 3, w, true))
        })
    };
    let one = [1, 1];
    vec![
        transpose("doubling", 2, [4, 3, 4], rect([2, 2], [2, 2], [0, 0], one)),
        transpose(
            "a kernel that is not square",
            2,
            [4, 3, 4],
            rect([2, 3], [1, 2], [0, 1], one),
        ),
        transpose(
            "a stride above the kernel",
            2,
            [4, 3, 2],
            rect([2, 2], [3, 3], [0, 0], one),
        ),
        transpose(
            "padding above half the kernel",
            2,
            [4, 5, 6],
            rect([3, 3], one, [2, 2], one),
        ),
        transpose("maps of one pixel", 1, [4, 1, 1], rect([3, 2], [2, 2], [0, 0], one)),
    ]
}

fn pools() -> Vec<Case> {
    let windows = [
        ("square", 2, [3, 6, 6], window(2, 2, 0)),
        ("a map that is not square", 2, [3, 7, 4], window(3, 2, 1)),
        ("a stride above the kernel", 2, [3, 9, 8], window(2, 4, 0)),
        ("a stride above the kernel, padding", 2, [3, 8, 7], window(2, 3, 1)),
        ("windows that overlap", 1, [3, 6, 5], window(3, 1, 1)),
        ("maps of one pixel", 3, [4, 1, 1], window(1, 1, 0)),
        ("maps of one pixel in padding", 3, [4, 1, 1], window(3, 2, 1)),
        ("a last window in padding", 2, [2, 4, 5], window(2, 2, 1)),
    ];
    let mut cases = Vec::new();
    for (name, batch, shape, w) in windows {
        for ceil in [false, true] {
            cases.push(case(name, batch, shape, move |net, x| net.0.maxpool(x, w, ceil)));
            cases.push(case(name, batch, shape, move |net, x| net.0.avgpool(x, w, ceil)));
        }
    }
    for (size, shape) in [
        (1, [4, 5, 3]),
        (3, [3, 8, 7]),
        (5, [3, 7, 11]),
        (7, [2, 4, 5]),
        (3, [4, 1, 1]),
        (2, [4, 1, 5]),
    ] {
        cases.push(case("cells of unequal sizes", 2, shape, move |net, x| {
            net.0.adaptive_avgpool(x, size)
        }));
    }
    cases
}

fn norms() -> Vec<Case> {
    // Right before it, the bias of the convolution would have no gradient.
    let norm = |name, batch, shape| {
        case(name, batch, shape, |net, x| {
            let x = net.0.activation(x, Activation::Tanh);
            net.norm(x)
        })
    };
    let layer = |name, batch, shape| case(name, batch, shape, |net, x| net.scoped(|b| b.layernorm(x, 1e-5)));
    let scale = |name, batch, shape| {
        case(name, batch, shape, |net, x| {
            net.scoped(|b| b.layer_scale(x, "layer_scale", 0.5))
        })
    };
    vec![
        norm("several pictures", 4, [3, 3, 5]),
        norm("a batch of one", 1, [3, 4, 5]),
        norm("maps of one pixel", 5, [3, 1, 1]),
        norm("a batch of one, maps of one row", 1, [3, 1, 6]),
        layer("maps", 2, [5, 3, 2]),
        layer("a batch of one, maps of one pixel", 1, [6, 1, 1]),
        case("vectors of flattened maps", 2, [3, 2, 3], |net, x| {
            let x = net.0.flatten(x);
            net.scoped(|b| b.layernorm(x, 1e-5))
        }),
        scale("maps", 2, [3, 3, 2]),
        scale("a batch of one, maps of one pixel", 1, [4, 1, 1]),
    ]
}

fn values() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [[3, 5, 4], [4, 1, 1]] {
        for batch in [1, 3] {
            cases.push(case("rectified", batch, shape, |net, x| Ok(net.0.relu(x))));
            cases.push(case("shares", batch, shape, |net, x| Ok(net.0.softmax(x))));
            let leaky = Activation::LeakyRelu { slope: 0.1 };
            for activation in Activation::LAYERS.into_iter().chain([leaky, Activation::Negate]) {
                cases.push(case("activation", batch, shape, move |net, x| {
                    let y = net.0.activation(x, activation);
                    net.0.concat(&[x, y])
                }));
            }
        }
    }
    cases.push(case("dropout", 4, [3, 4, 5], |net, x| net.0.dropout(x, 0.4)));
    cases.push(case("dropout of flattened maps", 3, [3, 2, 4], |net, x| {
        let x = net.0.flatten(x);
        net.0.dropout(x, 0.4)
    }));
    cases.push(case("a dropped branch", 6, [3, 4, 3], |net, x| {
        let y = net.conv(x, 3, window(3, 1, 1), true)?;
        let y = net.0.stochastic_depth(y, 0.4)?;
        net.0.add(x, y)
    }));
    cases.push(case(
        "a linear layer on a map that is not square",
        2,
        [3, 2, 5],
        |net, x| {
            let x = net.0.flatten(x);
            net.scoped(|b| b.linear(x, 7, false, WeightInit::KaimingUniform))
        },
    ));
    cases
}

fn together() -> Vec<Case> {
    let branch = |net: &mut Net, x, width| net.conv(x, width, window(1, 1, 0), true);
    vec![
        case("a sum with itself", 2, [3, 3, 4], |net, x| net.0.add(x, x)),
        case("a sum of maps of one pixel", 1, [3, 1, 1], move |net, x| {
            let y = branch(net, x, 3)?;
            net.0.add(y, x)
        }),
        case("a product with itself", 2, [3, 3, 4], |net, x| net.0.multiply(x, x)),
        case("a factor per channel", 3, [4, 3, 5], move |net, x| {
            let cell = net.0.adaptive_avgpool(x, 1)?;
            let gate = branch(net, cell, 4)?;
            net.0.multiply(gate, x)
        }),
        case("one factor for a map", 3, [4, 3, 5], |net, x| {
            let flat = net.0.flatten(x);
            let factor = net.scoped(|b| b.linear(flat, 1, true, WeightInit::KaimingUniform))?;
            net.0.multiply(x, factor)
        }),
        case(
            "one factor for a flattened map, a batch of one",
            1,
            [2, 3, 2],
            |net, x| {
                let flat = net.0.flatten(x);
                let factor = net.scoped(|b| b.linear(flat, 1, true, WeightInit::KaimingUniform))?;
                net.0.multiply(factor, flat)
            },
        ),
        case("joined, one part twice", 2, [3, 2, 5], move |net, x| {
            let y = branch(net, x, 2)?;
            net.0.concat(&[x, y, x])
        }),
        case("a slice of joined vectors", 2, [3, 2, 2], |net, x| {
            let flat = net.0.flatten(x);
            let vector = net.scoped(|b| b.linear(flat, 5, true, WeightInit::KaimingUniform))?;
            let both = net.0.concat(&[flat, vector])?;
            net.0.slice(both, 3, 15)
        }),
        case("channels cut and shuffled", 1, [6, 3, 2], |net, x| {
            let part = net.0.slice(x, 1, 5)?;
            let part = net.0.shuffle(part, 2)?;
            net.0.concat(&[part, x])
        }),
    ]
}

/// Pieces applied several times, auxiliary outputs, and views fused in every way.
fn whole_networks() -> Result<Vec<(String, usize, Graph)>, NetError> {
    let mut networks = vec![("shared pieces".to_owned(), 3, shared::applied_twice()?)];
    let (mut net, x) = net(3, 5, 4);
    let x = net.conv(x, 4, window(3, 1, 1), true)?;
    let flat = net.0.flatten(x);
    let beside = net.scoped(|b| b.linear(flat, 3, true, WeightInit::KaimingUniform))?;
    let x = net.conv(x, 5, window(3, 2, 1), true)?;
    let flat = net.0.flatten(x);
    let logits = net.scoped(|b| b.linear(flat, 3, true, WeightInit::KaimingUniform))?;
    let logits = net.0.also(logits, beside, 0.3)?;
    networks.push((
        "an auxiliary head".to_owned(),
        2,
        net.0.finish("net", logits, vec![], Some(3))?,
    ));
    let attention = |gated| Fuse::Attention(Attention { hidden: 5, gated });
    for fuse in [Fuse::Concat, Fuse::Mean, Fuse::Max, attention(true), attention(false)] {
        for (name, single) in [("maps", maps_for_views()?), ("vectors", vectors_for_views()?)] {
            for (views, shared) in [(3, true), (2, false)] {
                let graph = single.towers(Towers { views, fuse, shared })?;
                networks.push((format!("{views} views of {name} fused by {fuse}"), 2 * views, graph));
            }
        }
    }
    Ok(networks)
}

/// A network whose head is a convolution, so that its features are a map that is not square.
fn maps_for_views() -> Result<Graph, NetError> {
    let (mut net, x) = net(2, 2, 3);
    let x = net.conv(x, 4, window(3, 1, 1), true)?;
    let x = net.0.activation(x, Activation::Tanh);
    let x = net.conv(x, 3, window(1, 1, 0), true)?;
    let x = net.0.adaptive_avgpool(x, 1)?;
    let x = net.0.flatten(x);
    net.0.finish("maps", x, vec![], Some(3))
}

/// A network whose features are a flattened map, which stands channels last inside.
fn vectors_for_views() -> Result<Graph, NetError> {
    let (mut net, x) = net(2, 2, 3);
    let x = net.conv(x, 3, window(2, 1, 0), true)?;
    let x = net.0.activation(x, Activation::Tanh);
    let x = net.0.flatten(x);
    let x = net.0.dropout(x, 0.3)?;
    net.head(x, 3)
}

#[test]
fn every_kind_of_operation_in_every_odd_geometry() -> Outcome {
    let mut graphs = whole_networks()?;
    let cases = [convolutions(), transposed(), pools(), norms(), values(), together()];
    for case in cases.iter().flatten() {
        let graph = graph_of(case).map_err(|error| format!("{}: {error}", case.name))?;
        let node = &graph.nodes[graph.nodes.len() - 3];
        let name = format!("{} on {:?} ({:?})", case.name, case.shape, node.op);
        graphs.push((name, case.batch, graph));
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, batch, graph) in &graphs {
        seen.extend(graph.nodes.iter().map(|node| kind(&node.op)));
        // All that fail are named, each with what was shown before.
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(graph, *batch, &[]).map_err(|error| error.to_string())
        }));
        match held {
            Ok(Ok(())) => {}
            Ok(Err(error)) => wrong.push(format!("{name}: {error}")),
            Err(_) => wrong.push(name.clone()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let left: Vec<_> = KINDS.iter().filter(|kind| !seen.contains(*kind)).collect();
    assert!(left.is_empty(), "without a case: {left:?}");
    Ok(())
}
