//! The plan of a network: its graph as a list of layer calls, with layers fused that one kernel can compute.

mod lower;
mod maps;

use super::cpu::conv::ConvShape;
use super::cpu::general::GeneralShape;
use super::cpu::linear::LinearShape;
use super::cpu::maps::MeanShape;
use super::cpu::pool::AverageShape;
use super::flow::Flow;
use super::memory::BufferId;
use crate::net::{Activation, Gate, ParameterId, Shape};
pub(super) use lower::lower;

/// A tensor of the plan: an activation and, in training, its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TensorId(pub(super) usize);

/// The pictures.
pub(super) const INPUT: TensorId = TensorId(0);

/// The views that a sample has, for a graph that asks for them.
pub(super) const MASK: TensorId = TensorId(1);

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
    /// A convolution, or with `transposed` its transpose: then `shape` is that of the convolution from output to input.
    General {
        shape: GeneralShape,
        transposed: bool,
        weight: ParameterId,
        bias: Option<ParameterId>,
    },
    LayerNorm {
        weight: ParameterId,
        bias: ParameterId,
        channels: usize,
        epsilon: f64,
    },
    Scale {
        weight: ParameterId,
        channels: usize,
    },
    Relu,
    Activation(Activation),
    Softmax {
        channels: usize,
    },
    MaxPool(ConvShape),
    AveragePool(AverageShape),
    WindowMeans(MeanShape),
    StochasticDepth {
        rate: f64,
        node: usize,
        image: usize,
    },
    /// The channels of the input, then those of the other one.
    Concat {
        channels: [usize; 2],
    },
    Slice {
        channels: usize,
        from: usize,
        to: usize,
    },
    Shuffle {
        channels: usize,
        groups: usize,
    },
    /// With `broadcast` the other one has one value per channel and image.
    Multiply {
        broadcast: bool,
        image: usize,
        channels: usize,
    },
    Dropout {
        rate: f64,
        node: usize,
    },
    /// The other one is the views that a sample has.
    Gate {
        gate: Gate,
        image: usize,
        views: usize,
    },
    Maximum,
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
    /// The second input: the summand of an addition, alone or fused, the second part of a concatenation or product.
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
#[derive(Clone, Debug)]
pub(super) struct Backward {
    pub(super) input: Option<Flow>,
    pub(super) other: Option<Flow>,
    pub(super) work: Option<BufferId>,
    /// Its trained parameters whose gradient a later step, which goes backward before it, has begun: shared ones.
    pub(super) shared: Vec<ParameterId>,
}

/// A lowered graph.
pub(super) struct Lowered {
    pub(super) steps: Vec<Step>,
    /// How many tensors are given: the pictures, and for some graphs the views that a sample has.
    pub(super) inputs: usize,
    /// The tensors' extents; those that are given come first.
    pub(super) tensors: Vec<Extent>,
    pub(super) output: TensorId,
    /// The auxiliary outputs; none in evaluation.
    pub(super) auxiliary: Vec<TensorId>,
    /// For each parameter the `[a, b]` of torch's `[rows, a, b]` that stands as `[rows, b, a]`.
    pub(super) exchanged: Vec<Option<[usize; 2]>>,
}
