//! Lowering: a graph to the calls of a plan.

use super::super::cpu::conv::ConvShape;
use super::super::cpu::general::GeneralShape;
use super::super::cpu::linear::LinearShape;
use super::super::cpu::pool::{AverageShape, LARGEST_KERNEL};
use super::super::network::NetworkError;
use super::{Call, Extent, INPUT, Lowered, MASK, Norm, Step, TensorId};
use crate::net::{Graph, NodeId, Op, ParameterId, Shape, Window};

/// Lowers a graph. `trained` says for each parameter whether training changes it; none for evaluation.
pub(in crate::nn) fn lower(graph: &Graph, trained: Option<&[bool]>, batch: usize) -> Result<Lowered, NetworkError> {
    let mut inputs = vec![Extent::of(graph.input_shape())];
    inputs.extend(graph.masked_views().map(|views| Extent::of(Shape::Flat(views))));
    let mut lowering = Lowering {
        graph,
        trained,
        batch,
        root: (0..graph.nodes.len()).map(NodeId).collect(),
        uses: vec![0; graph.nodes.len()],
        readers: readers(graph),
        tensor_of: vec![TensorId(0); graph.nodes.len()],
        producer: inputs.iter().map(|_| None).collect(),
        lowered: Lowered {
            steps: Vec::new(),
            auxiliary: Vec::new(),
            inputs: inputs.len(),
            tensors: inputs,
            output: INPUT,
            exchanged: vec![None; graph.parameters.len()],
        },
    };
    lowering.run()?;
    Ok(lowering.lowered)
}

pub(super) struct Lowering<'a> {
    pub(super) graph: &'a Graph,
    trained: Option<&'a [bool]>,
    batch: usize,
    /// The node whose values a node passes on unchanged; itself for most.
    root: Vec<NodeId>,
    /// How often a root's values are used.
    uses: Vec<usize>,
    /// How many nodes have each parameter: several where it is shared.
    readers: Vec<usize>,
    tensor_of: Vec<TensorId>,
    /// The step that makes a tensor; none for the input.
    producer: Vec<Option<usize>>,
    pub(super) lowered: Lowered,
}

impl Lowering<'_> {
    fn run(&mut self) -> Result<(), NetworkError> {
        let needed = self.needed();
        for (i, node) in self.graph.nodes.iter().enumerate().filter(|(i, _)| needed[*i]) {
            if let (true, Some(input)) = (self.passes_on(&node.op), node.inputs.first()) {
                self.root[i] = self.root[input.0];
            } else {
                node.inputs
                    .iter()
                    .for_each(|input| self.uses[self.root[input.0].0] += 1);
            }
        }
        let auxiliary = self.auxiliary();
        for output in auxiliary.iter().chain([&self.graph.output]) {
            self.uses[self.root[output.0].0] += 1;
        }
        for (i, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
            self.tensor_of[i] = self.node(NodeId(i))?;
        }
        self.lowered.output = self.channels_first(self.tensor_of[self.graph.output.0]);
        let outputs = auxiliary
            .into_iter()
            .map(|output| self.channels_first(self.tensor_of[output.0]));
        self.lowered.auxiliary = outputs.collect();
        Ok(())
    }

    /// The auxiliary outputs that are computed.
    fn auxiliary(&self) -> Vec<NodeId> {
        let computed = self.graph.auxiliary.iter().filter(|_| self.trained.is_some());
        computed.map(|one| one.output).collect()
    }

    /// The nodes on a way to an output.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.graph.nodes.len()];
        for output in self.auxiliary().into_iter().chain([self.graph.output]) {
            needed[output.0] = true;
        }
        for i in (0..needed.len()).rev() {
            if needed[i] {
                self.graph.nodes[i]
                    .inputs
                    .iter()
                    .for_each(|input| needed[input.0] = true);
            }
        }
        needed
    }

    fn passes_on(&self, op: &Op) -> bool {
        match op {
            Op::Flatten => true,
            Op::Dropout { rate } | Op::StochasticDepth { rate } => self.trained.is_none() || *rate == 0.0,
            _ => false,
        }
    }

    fn node(&mut self, id: NodeId) -> Result<TensorId, NetworkError> {
        let node = self.graph.node(id);
        let inputs: Vec<TensorId> = node.inputs.iter().map(|i| self.tensor_of[i.0]).collect();
        let extent = Extent::of(node.shape);
        let tensor = match (node.op, &inputs[..]) {
            (op, &[x]) if self.passes_on(&op) => x,
            (Op::Conv { .. } | Op::ConvTranspose { .. }, &[x]) => self.conv(node.op, x, extent),
            (Op::Linear { weight, bias }, &[x]) => self.linear(x, extent, weight, bias),
            (Op::BatchNorm { .. }, &[x]) => self.batchnorm(id, x)?,
            (Op::Relu, &[x]) => self.relu(id, x),
            (Op::MaxPool { window, .. }, _) if window.kernel > LARGEST_KERNEL => {
                return Err(NetworkError::PoolTooLarge { kernel: window.kernel });
            }
            (Op::MaxPool { window, .. }, &[x]) => {
                let shape = self.window(x, extent, window);
                self.push(Call::MaxPool(shape), x, None, extent)
            }
            (Op::AdaptiveAvgPool { size }, &[x]) => {
                let Extent {
                    height,
                    width,
                    channels,
                } = self.lowered.tensors[x.0];
                let shape = AverageShape {
                    height,
                    width,
                    channels,
                    size,
                };
                self.push(Call::AveragePool(shape), x, None, extent)
            }
            (Op::Dropout { rate }, &[x]) => {
                let same = self.lowered.tensors[x.0];
                self.push(Call::Dropout { rate, node: id.0 }, x, None, same)
            }
            (Op::Add, &[a, b]) => self.add(id, a, b),
            (Op::Input, _) => INPUT,
            (Op::Mask, _) => MASK,
            (op, inputs) => self
                .map_layer(id, op, inputs, extent)
                .ok_or(NetworkError::Inputs { layer: op.name() })?,
        };
        Ok(tensor)
    }

    /// A convolution by the fast kernels where they can do it, else by the general ones.
    fn conv(&mut self, op: Op, x: TensorId, extent: Extent) -> TensorId {
        let (window, groups, weight, bias, transposed) = match op {
            Op::Conv {
                window,
                groups,
                weight,
                bias,
            } => (window, groups, weight, bias, false),
            Op::ConvTranspose { window, weight, bias } => (window, 1, weight, bias, true),
            _ => return x,
        };
        if let (1, false, Some(square)) = (groups, transposed, window.as_square()) {
            let shape = self.window(x, extent, square);
            self.exchange(weight, shape.channels, square.kernel * square.kernel);
            let call = Call::Conv {
                shape,
                weight,
                bias,
                norm: None,
                relu: false,
            };
            return self.push(call, x, None, extent);
        }
        // A transposed convolution is the input gradient of the convolution that leads back from its output.
        let (from, to) = match (self.lowered.tensors[x.0], transposed) {
            (from, false) => (from, extent),
            (from, true) => (extent, from),
        };
        let shape = GeneralShape {
            size: [from.height, from.width],
            channels: from.channels,
            out: [to.height, to.width],
            filters: to.channels,
            kernel: window.kernel,
            stride: window.stride,
            pad: window.pad,
            dilation: window.dilation,
            groups,
        };
        self.exchange(weight, from.channels / groups, window.kernel[0] * window.kernel[1]);
        let call = Call::General {
            shape,
            transposed,
            weight,
            bias,
        };
        self.push(call, x, None, extent)
    }

    pub(super) fn push(&mut self, call: Call, input: TensorId, other: Option<TensorId>, extent: Extent) -> TensorId {
        let output = TensorId(self.lowered.tensors.len());
        self.lowered.tensors.push(extent);
        self.producer.push(Some(self.lowered.steps.len()));
        self.lowered.steps.push(Step {
            call,
            input,
            other,
            output,
            work: None,
            saved: None,
            places: 0,
            backward: None,
        });
        output
    }

    fn window(&self, x: TensorId, out: Extent, window: Window) -> ConvShape {
        let Extent {
            height,
            width,
            channels,
        } = self.lowered.tensors[x.0];
        ConvShape {
            batch: self.batch,
            height,
            width,
            channels,
            filters: out.channels,
            kernel: window.kernel,
            stride: window.stride,
            pad: window.pad,
            out_height: out.height,
            out_width: out.width,
        }
    }

    fn exchange(&mut self, weight: ParameterId, a: usize, b: usize) {
        if a > 1 && b > 1 {
            self.lowered.exchanged[weight.0] = Some([a, b]);
        }
    }

    /// A linear layer on a flattened map reads it channels last, and has the columns of its weight in that order.
    /// A weight that other layers have too stays in torch's order, for their maps may have other sides.
    fn linear(&mut self, x: TensorId, extent: Extent, weight: ParameterId, bias: Option<ParameterId>) -> TensorId {
        let x = if self.readers[weight.0] > 1 {
            self.channels_first(x)
        } else {
            x
        };
        let from = self.lowered.tensors[x.0];
        self.exchange(weight, from.channels, from.pixels());
        let shape = LinearShape {
            batch: self.batch,
            inputs: from.len(),
            outputs: extent.channels,
        };
        let call = Call::Linear {
            shape,
            weight,
            bias,
            relu: false,
        };
        self.push(call, x, None, extent)
    }

    fn batchnorm(&mut self, id: NodeId, x: TensorId) -> Result<TensorId, NetworkError> {
        let node = self.graph.node(id);
        let Op::BatchNorm {
            weight,
            bias,
            mean,
            variance,
            epsilon,
            momentum,
        } = node.op
        else {
            return Ok(x);
        };
        let changes = |id: ParameterId| self.trained.is_some_and(|trained| trained[id.0]);
        if changes(mean) != changes(variance) {
            return Err(NetworkError::StatisticsSplit {
                mean: self.graph.parameter(mean).name.clone(),
                variance: self.graph.parameter(variance).name.clone(),
            });
        }
        let norm = Norm {
            weight,
            bias,
            mean,
            variance,
            epsilon,
        };
        let fixed = ![weight, bias, mean].into_iter().any(changes);
        let only_use = self.only_use(node.inputs[0]);
        if let Some(step) = self.maker(x)
            && let Call::Conv {
                norm: slot @ None,
                relu: false,
                ..
            } = &mut step.call
            && step.other.is_none()
            && fixed
            && only_use
        {
            *slot = Some(norm);
            return Ok(x);
        }
        let call = Call::BatchNorm {
            norm,
            channels: self.lowered.tensors[x.0].channels,
            momentum: self.trained.is_some_and(|trained| trained[mean.0]).then_some(momentum),
            relu: false,
        };
        Ok(self.push(call, x, None, Extent::of(node.shape)))
    }

    fn relu(&mut self, id: NodeId, x: TensorId) -> TensorId {
        let only_use = self.only_use(self.graph.node(id).inputs[0]);
        let same = self.lowered.tensors[x.0];
        match self.maker(x).map(|step| &mut step.call) {
            Some(
                Call::Conv { relu, .. } | Call::Linear { relu, .. } | Call::BatchNorm { relu, .. } | Call::Add { relu },
            ) if only_use && !*relu => {
                *relu = true;
                x
            }
            _ => self.push(Call::Relu, x, None, same),
        }
    }

    /// An addition, fused with the normalisation (or, in evaluation, the convolution) that makes its later summand.
    fn add(&mut self, id: NodeId, mut a: TensorId, mut b: TensorId) -> TensorId {
        let mut nodes = [self.graph.node(id).inputs[0], self.graph.node(id).inputs[1]];
        if self.lowered.tensors[a.0] != self.lowered.tensors[b.0] {
            (a, b) = (self.channels_first(a), self.channels_first(b));
        }
        if self.producer[a.0] > self.producer[b.0] {
            (a, b) = (b, a);
            nodes.reverse();
        }
        let evaluation = self.trained.is_none();
        if a != b
            && self.only_use(nodes[1])
            && let Some(maker) = self.producer[b.0]
        {
            let step = &mut self.lowered.steps[maker];
            let fits = match step.call {
                Call::BatchNorm { relu, .. } => !relu,
                Call::Conv { relu, .. } => evaluation && !relu,
                _ => false,
            };
            if fits && step.other.is_none() && step.input != a {
                step.other = Some(a);
                return b;
            }
        }
        let same = self.lowered.tensors[a.0];
        self.push(Call::Add { relu: false }, a, Some(b), same)
    }

    /// The tensor in torch's order.
    pub(super) fn channels_first(&mut self, x: TensorId) -> TensorId {
        let extent = self.lowered.tensors[x.0];
        if extent.pixels() == 1 || extent.channels == 1 {
            return x;
        }
        self.push(Call::Exchange, x, None, extent.flat())
    }

    fn only_use(&self, node: NodeId) -> bool {
        self.uses[self.root[node.0].0] == 1
    }

    /// The step that makes a tensor; none for the input.
    fn maker(&mut self, x: TensorId) -> Option<&mut Step> {
        self.producer[x.0].map(|step| &mut self.lowered.steps[step])
    }
}

/// How many nodes have each parameter.
fn readers(graph: &Graph) -> Vec<usize> {
    let mut readers = vec![0; graph.parameters.len()];
    let all = graph.nodes.iter().flat_map(|node| node.op.parameters());
    all.for_each(|id| readers[id.0] += 1);
    readers
}
