//! The plan of a network: its graph as a list of layer calls, with layers fused that one kernel can compute.

use super::cpu::conv::ConvShape;
use super::cpu::linear::LinearShape;
use super::cpu::pool::{AverageShape, LARGEST_KERNEL};
use super::flow::Flow;
use super::memory::BufferId;
use super::network::NetworkError;
use crate::net::{Graph, NodeId, Op, ParameterId, Shape, Window};

/// A tensor of the plan: an activation and, in training, its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TensorId(pub(super) usize);

/// The extent of one sample, channels last. A flattened map keeps the extent of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Extent {
    fn of(shape: Shape) -> Self {
        match shape {
            Shape::Map {
                channels,
                height,
                width,
            } => Self {
                height,
                width,
                channels,
            },
            Shape::Flat(channels) => Self {
                height: 1,
                width: 1,
                channels,
            },
        }
    }

    pub(super) fn pixels(self) -> usize {
        self.height * self.width
    }

    pub(super) fn len(self) -> usize {
        self.pixels() * self.channels
    }

    fn flat(self) -> Self {
        Self {
            height: 1,
            width: 1,
            channels: self.len(),
        }
    }
}

/// The parameters of a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Norm {
    pub(super) weight: ParameterId,
    pub(super) bias: ParameterId,
    pub(super) mean: ParameterId,
    pub(super) variance: ParameterId,
    pub(super) epsilon: f64,
}

/// One call of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    /// Convolution, then a normalisation with fixed statistics when there is one.
    Conv {
        shape: ConvShape,
        weight: ParameterId,
        bias: Option<ParameterId>,
        norm: Option<Norm>,
        relu: bool,
    },
    Linear {
        shape: LinearShape,
        weight: ParameterId,
        bias: Option<ParameterId>,
        relu: bool,
    },
    /// With a momentum: by the batch's statistics, and the running ones move.
    BatchNorm {
        norm: Norm,
        channels: usize,
        momentum: Option<f64>,
        relu: bool,
    },
    Relu,
    MaxPool(ConvShape),
    AveragePool(AverageShape),
    Dropout {
        rate: f64,
        node: usize,
    },
    Add {
        relu: bool,
    },
    /// Channels last to channels first, where torch's order matters.
    Exchange,
}

/// A step of the plan.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) call: Call,
    pub(super) input: TensorId,
    /// The second summand of an addition, alone or fused.
    pub(super) other: Option<TensorId>,
    pub(super) output: TensorId,
    /// Working memory of the forward call.
    pub(super) work: Option<BufferId>,
    /// What the forward call leaves for the backward one, beside tensors.
    pub(super) saved: Option<BufferId>,
    /// Where a max-pool keeps its places, per sample.
    pub(super) places: usize,
    /// The backward call; none when nothing trained stands at or below this step.
    pub(super) backward: Option<Backward>,
}

/// The backward call of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backward {
    pub(super) input: Option<Flow>,
    pub(super) other: Option<Flow>,
    pub(super) work: Option<BufferId>,
}

/// A lowered graph.
pub(super) struct Lowered {
    pub(super) steps: Vec<Step>,
    /// The tensors' extents; the first is the input.
    pub(super) tensors: Vec<Extent>,
    pub(super) output: TensorId,
    /// For each parameter the `[a, b]` of torch's `[rows, a, b]` that stands as `[rows, b, a]`.
    pub(super) exchanged: Vec<Option<[usize; 2]>>,
}

/// Lowers a graph. `trained` says for each parameter whether training changes it; none for evaluation.
pub(super) fn lower(graph: &Graph, trained: Option<&[bool]>, batch: usize) -> Result<Lowered, NetworkError> {
    let mut lowering = Lowering {
        graph,
        trained,
        batch,
        root: (0..graph.nodes.len()).map(NodeId).collect(),
        uses: vec![0; graph.nodes.len()],
        tensor_of: vec![TensorId(0); graph.nodes.len()],
        producer: vec![None],
        lowered: Lowered {
            steps: Vec::new(),
            tensors: vec![Extent::of(graph.input_shape())],
            output: TensorId(0),
            exchanged: vec![None; graph.parameters.len()],
        },
    };
    lowering.run()?;
    Ok(lowering.lowered)
}

struct Lowering<'a> {
    graph: &'a Graph,
    trained: Option<&'a [bool]>,
    batch: usize,
    /// The node whose values a node passes on unchanged; itself for most.
    root: Vec<NodeId>,
    /// How often a root's values are used.
    uses: Vec<usize>,
    tensor_of: Vec<TensorId>,
    /// The step that makes a tensor; none for the input.
    producer: Vec<Option<usize>>,
    lowered: Lowered,
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
        self.uses[self.root[self.graph.output.0].0] += 1;
        for (i, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
            self.tensor_of[i] = self.node(NodeId(i))?;
        }
        self.lowered.output = self.channels_first(self.tensor_of[self.graph.output.0]);
        Ok(())
    }

    /// The nodes on a way to the output.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.graph.nodes.len()];
        needed[self.graph.output.0] = true;
        for i in (0..needed.len()).rev().filter(|&i| i <= self.graph.output.0) {
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
            Op::Dropout { rate } => self.trained.is_none() || *rate == 0.0,
            _ => false,
        }
    }

    fn node(&mut self, id: NodeId) -> Result<TensorId, NetworkError> {
        let node = self.graph.node(id);
        let inputs: Vec<TensorId> = node.inputs.iter().map(|i| self.tensor_of[i.0]).collect();
        let extent = Extent::of(node.shape);
        let tensor = match (node.op, &inputs[..]) {
            (op, &[x]) if self.passes_on(&op) => x,
            (Op::Conv { window, weight, bias }, &[x]) => {
                let shape = self.window(x, extent, window);
                self.exchange(weight, shape.channels, window.kernel * window.kernel);
                let call = Call::Conv {
                    shape,
                    weight,
                    bias,
                    norm: None,
                    relu: false,
                };
                self.push(call, x, None, extent)
            }
            (Op::Linear { weight, bias }, &[x]) => self.linear(x, extent, weight, bias),
            (Op::BatchNorm { .. }, &[x]) => self.batchnorm(id, x)?,
            (Op::Relu, &[x]) => self.relu(id, x),
            (Op::MaxPool(window), _) if window.kernel > LARGEST_KERNEL => {
                return Err(NetworkError::PoolTooLarge { kernel: window.kernel });
            }
            (Op::MaxPool(window), &[x]) => {
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
            (Op::Input, _) => TensorId(0),
            (op, _) => return Err(NetworkError::Inputs { layer: op.name() }),
        };
        Ok(tensor)
    }

    fn push(&mut self, call: Call, input: TensorId, other: Option<TensorId>, extent: Extent) -> TensorId {
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
    fn linear(&mut self, x: TensorId, extent: Extent, weight: ParameterId, bias: Option<ParameterId>) -> TensorId {
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
    fn channels_first(&mut self, x: TensorId) -> TensorId {
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
