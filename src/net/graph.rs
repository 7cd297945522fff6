//! The graph itself: nodes in the order of evaluation, and the parameters that they own.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The shape of one sample's tensor, without the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// `[channels, height, width]`
    Map {
        /// Channels.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// `[features]`
    Flat(
        /// Features.
        usize,
    ),
}

impl Shape {
    /// Values per sample.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Map {
                channels,
                height,
                width,
            } => channels * height * width,
            Self::Flat(features) => features,
        }
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Channels of a map, features of a vector.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Map { channels, .. } => channels,
            Self::Flat(features) => features,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map {
                channels,
                height,
                width,
            } => write!(f, "[{channels}, {height}, {width}]"),
            Self::Flat(features) => write!(f, "[{features}]"),
        }
    }
}

/// A node, by its place in [`Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// A parameter or buffer, by its place in [`Graph::parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParameterId(pub usize);

/// The window of a convolution or pooling layer: the same for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Padding on every side.
    pub pad: usize,
}

impl Window {
    /// Output size along one direction: `floor((size + 2 pad - kernel) / stride) + 1`; none when the kernel does not fit.
    #[must_use]
    pub fn output(self, size: usize) -> Option<usize> {
        let padded = size + 2 * self.pad;
        (self.stride > 0 && self.kernel > 0 && padded >= self.kernel).then(|| (padded - self.kernel) / self.stride + 1)
    }
}

/// What a node computes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// The network's input.
    Input,
    /// Cross-correlation, square kernel. `weight` is `[out, in, kernel, kernel]`, as in torch.
    Conv {
        /// Kernel, stride, padding.
        window: Window,
        /// The weight.
        weight: ParameterId,
        /// The bias, `[out]`.
        bias: Option<ParameterId>,
    },
    /// `y = x W^T + b`; `weight` is `[out, in]`.
    Linear {
        /// The weight.
        weight: ParameterId,
        /// The bias, `[out]`.
        bias: Option<ParameterId>,
    },
    /// Batch normalisation over batch and pixels (Ioffe and Szegedy 2015); the running variance is the unbiased one, as in torch.
    BatchNorm {
        /// Scale, `[channels]`.
        weight: ParameterId,
        /// Shift, `[channels]`.
        bias: ParameterId,
        /// Running mean, `[channels]`.
        mean: ParameterId,
        /// Running variance, `[channels]`.
        variance: ParameterId,
        /// Added to the variance.
        epsilon: f64,
        /// Share of the new batch in the running statistics.
        momentum: f64,
    },
    /// `max(x, 0)`; its derivative at 0 is 0.
    Relu,
    /// Maximum over windows; padding never wins; of equal values the first in row order does.
    MaxPool(Window),
    /// Mean over `size x size` cells whose borders are torch's `AdaptiveAvgPool2d`'s.
    AdaptiveAvgPool {
        /// Side of the output.
        size: usize,
    },
    /// A map to a vector in the order `[channels, height, width]`.
    Flatten,
    /// Zeroes each value with probability `rate` while training and scales the rest by `1 / (1 - rate)`.
    Dropout {
        /// Probability of zero, in `0..1`.
        rate: f64,
    },
    /// The sum of two tensors of one shape.
    Add,
}

impl Op {
    /// The layer's name in the language.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { .. } => "conv",
            Self::Linear { .. } => "linear",
            Self::BatchNorm { .. } => "batchnorm",
            Self::Relu => "relu",
            Self::MaxPool(_) => "maxpool",
            Self::AdaptiveAvgPool { .. } => "adaptive_avgpool",
            Self::Flatten => "flatten",
            Self::Dropout { .. } => "dropout",
            Self::Add => "add",
        }
    }

    /// The parameters and buffers it owns, in the order of torch's state dict.
    pub fn parameters(&self) -> impl Iterator<Item = ParameterId> + use<> {
        let list = match *self {
            Self::Conv { weight, bias, .. } | Self::Linear { weight, bias } => [Some(weight), bias, None, None],
            Self::BatchNorm {
                weight,
                bias,
                mean,
                variance,
                ..
            } => [Some(weight), Some(bias), Some(mean), Some(variance)],
            _ => [None; 4],
        };
        list.into_iter().flatten()
    }
}

/// A node: an operation on earlier nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Its inputs; all stand before it.
    pub inputs: Vec<NodeId>,
    /// The shape of its output.
    pub shape: Shape,
}

/// What a parameter is for; decides decay, freezing and training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterRole {
    /// Weight of a convolution or linear layer: trained, decays.
    Weight,
    /// Bias of a convolution or linear layer: trained, does not decay by default.
    Bias,
    /// Scale or shift of a normalisation: trained, does not decay by default.
    Affine,
    /// Running mean or variance: never trained, moves while its layer trains.
    Statistic,
}

impl ParameterRole {
    /// True for what an optimiser changes.
    #[must_use]
    pub fn is_trained(self) -> bool {
        self != Self::Statistic
    }
}

/// How a parameter begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Initializer {
    /// All values alike.
    Constant(f64),
    /// Uniform in `-bound..bound`.
    Uniform {
        /// The bound.
        bound: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
}

/// A parameter or buffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its full name, as in torchvision's state dict: `layer1.0.conv1.weight`.
    pub name: String,
    /// Its shape as stored in weight files: `[out, in, kernel, kernel]`, `[out, in]` or `[n]`.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: ParameterRole,
    /// How it begins.
    pub initializer: Initializer,
}

impl Parameter {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A network with static shapes: nodes in an order in which they can be evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// The net's name in the program. Not part of what it computes, so no part of a key.
    #[serde(skip)]
    pub name: String,
    /// All nodes; the first is the input.
    pub nodes: Vec<Node>,
    /// All parameters and buffers, in the order of their making.
    pub parameters: Vec<Parameter>,
    /// The node whose values are the logits.
    pub output: NodeId,
    /// First parameter scopes of the coarse stages, as `@stages(...)` names them.
    pub stages: Vec<String>,
    /// Scope of the head: the layer whose width is the number of classes. Empty scope: its parameters are `weight`, `bias`.
    pub head: Option<String>,
}

impl Graph {
    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// A parameter.
    #[must_use]
    pub fn parameter(&self, id: ParameterId) -> &Parameter {
        &self.parameters[id.0]
    }

    /// The shape of one input sample.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The number of logits.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.node(self.output).shape.len()
    }

    /// Number of trained values, as papers count them: weights, biases, affine parameters.
    #[must_use]
    pub fn trained_values(&self) -> usize {
        self.parameters
            .iter()
            .filter(|p| p.role.is_trained())
            .map(Parameter::len)
            .sum()
    }

    /// The parameter with this full name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ParameterId> {
        self.parameters.iter().position(|p| p.name == name).map(ParameterId)
    }

    /// True when the parameter belongs to the head.
    #[must_use]
    pub fn is_head(&self, id: ParameterId) -> bool {
        self.head
            .as_ref()
            .is_some_and(|head| super::select::in_scope(&self.parameter(id).name, head))
    }
}
