//! The graph itself: nodes in the order of evaluation, and the parameters that they own.

use super::{ConvWindow, Window};
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

/// Functions of one value, as torch defines them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x sigmoid(x)` (Elfwing, Uchibe and Doya 2018)
    Silu,
    /// `min(max(x + 3, 0), 6) / 6` (Howard et al. 2019)
    HardSigmoid,
    /// `x hard_sigmoid(x)` (Howard et al. 2019)
    HardSwish,
    /// `x Phi(x)` with the normal distribution's exact `Phi` (Hendrycks and Gimpel 2016)
    Gelu,
    /// `|x|`; its derivative at 0 is 0.
    Absolute,
    /// `x` above 0, `slope x` elsewhere, which is the derivative at 0 as well (Maas, Hannun and Ng 2013)
    LeakyRelu {
        /// The factor of negative values.
        slope: f64,
    },
    /// `-x`; what `-` makes of a tensor.
    Negate,
}

/// What a node computes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// The network's input.
    Input,
    /// Cross-correlation. `weight` is `[out, in / groups, kernel height, kernel width]`, as in torch.
    Conv {
        /// Kernel, stride, padding, dilation.
        window: ConvWindow,
        /// Groups of channels; an output sees those of its own group.
        groups: usize,
        /// The weight.
        weight: ParameterId,
        /// The bias, `[out]`.
        bias: Option<ParameterId>,
    },
    /// The transpose of a convolution: every input pixel adds its multiple of the kernel to the output. `weight` is
    /// `[in, out, kernel height, kernel width]`, as in torch's `ConvTranspose2d`.
    ConvTranspose {
        /// Kernel, stride, padding of the convolution that this transposes.
        window: ConvWindow,
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
    /// Normalisation over the channels of each pixel, or the features of a vector (Ba, Kiros and Hinton 2016), by the
    /// biased variance.
    LayerNorm {
        /// Scale, `[channels]`.
        weight: ParameterId,
        /// Shift, `[channels]`.
        bias: ParameterId,
        /// Added to the variance.
        epsilon: f64,
    },
    /// A trained factor per channel (Touvron et al. 2021).
    LayerScale {
        /// The factors, `[channels, 1, 1]` or `[features]`.
        weight: ParameterId,
    },
    /// `max(x, 0)`; its derivative at 0 is 0.
    Relu,
    /// Another function of one value.
    Activation(Activation),
    /// `exp(x) / sum exp(x)` over the channels of each pixel.
    Softmax,
    /// Maximum over windows; padding never wins; of equal values the first in row order does.
    MaxPool {
        /// Kernel, stride, padding.
        window: Window,
        /// Whether a last window that is not whole counts.
        ceil: bool,
    },
    /// Mean over windows, padding counted as zeros, as torch's `AvgPool2d`.
    AvgPool {
        /// Kernel, stride, padding.
        window: Window,
        /// Whether a last window that is not whole counts.
        ceil: bool,
    },
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
    /// Zeroes whole samples with probability `rate` while training and scales the rest by `1 / (1 - rate)` (Huang et al.
    /// 2016, as torchvision's `StochasticDepth` in mode `row`).
    StochasticDepth {
        /// Probability of zero, in `0..1`.
        rate: f64,
    },
    /// The channels of all inputs, one after the other.
    Concat,
    /// The channels `from..to`.
    Slice {
        /// The first.
        from: usize,
        /// One past the last.
        to: usize,
    },
    /// Channels as a matrix `[groups, channels / groups]`, transposed (Zhang et al. 2018).
    Shuffle {
        /// Groups.
        groups: usize,
    },
    /// The views that a sample has, 1 or 0 for each: what a network of several views is given beside its pictures.
    Mask,
    /// What a sample's views, its second input, make of its values.
    Gate(Gate),
    /// The larger of two values, of equal ones the first.
    Maximum,
    /// The sum of two tensors of one shape.
    Add,
    /// The product of two tensors of one shape, of a map and a factor per channel, `[channels, 1, 1]`, or of anything
    /// and one factor, `[1]`.
    Multiply,
}

/// How the views that a sample has decide over its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// Zeros where this view is missing.
    Zero(
        /// The view.
        usize,
    ),
    /// Minus infinity where this view is missing, so that it is never the largest.
    Lowest(
        /// The view.
        usize,
    ),
    /// Divided by the number of views that are there.
    Mean,
}

impl Activation {
    /// Those that are layers of the language without arguments.
    pub const LAYERS: [Self; 8] = [
        Self::Relu6,
        Self::Sigmoid,
        Self::Tanh,
        Self::Silu,
        Self::HardSigmoid,
        Self::HardSwish,
        Self::Gelu,
        Self::Absolute,
    ];

    /// Its name in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu6 => "relu6",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Silu => "silu",
            Self::HardSigmoid => "hard_sigmoid",
            Self::HardSwish => "hard_swish",
            Self::Gelu => "gelu",
            Self::Absolute => "abs",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Negate => "negate",
        }
    }
}

impl Op {
    /// The layer's name in the language.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { .. } => "conv",
            Self::ConvTranspose { .. } => "conv_transpose",
            Self::Linear { .. } => "linear",
            Self::BatchNorm { .. } => "batchnorm",
            Self::LayerNorm { .. } => "layernorm",
            Self::LayerScale { .. } => "layer_scale",
            Self::Relu => "relu",
            Self::Activation(activation) => activation.name(),
            Self::Softmax => "softmax",
            Self::MaxPool { .. } => "maxpool",
            Self::AvgPool { .. } => "avgpool",
            Self::AdaptiveAvgPool { .. } => "adaptive_avgpool",
            Self::Flatten => "flatten",
            Self::Dropout { .. } => "dropout",
            Self::StochasticDepth { .. } => "stochastic_depth",
            Self::Concat => "concat",
            Self::Slice { .. } => "slice",
            Self::Shuffle { .. } => "shuffle",
            Self::Mask => "mask",
            Self::Gate(_) => "gate",
            Self::Maximum => "maximum",
            Self::Add => "add",
            Self::Multiply => "multiply",
        }
    }

    /// The same operation with other parameters in the place of its own.
    #[must_use]
    pub fn with_parameters(self, of: impl Fn(ParameterId) -> ParameterId) -> Self {
        match self {
            Self::Conv {
                window,
                groups,
                weight,
                bias,
            } => Self::Conv {
                window,
                groups,
                weight: of(weight),
                bias: bias.map(&of),
            },
            Self::ConvTranspose { window, weight, bias } => Self::ConvTranspose {
                window,
                weight: of(weight),
                bias: bias.map(of),
            },
            Self::Linear { weight, bias } => Self::Linear {
                weight: of(weight),
                bias: bias.map(of),
            },
            Self::BatchNorm {
                weight,
                bias,
                mean,
                variance,
                epsilon,
                momentum,
            } => Self::BatchNorm {
                weight: of(weight),
                bias: of(bias),
                mean: of(mean),
                variance: of(variance),
                epsilon,
                momentum,
            },
            Self::LayerNorm { weight, bias, epsilon } => Self::LayerNorm {
                weight: of(weight),
                bias: of(bias),
                epsilon,
            },
            Self::LayerScale { weight } => Self::LayerScale { weight: of(weight) },
            other => other,
        }
    }

    /// The parameters and buffers it owns, in the order of torch's state dict.
    pub fn parameters(&self) -> impl Iterator<Item = ParameterId> + use<> {
        let list = match *self {
            Self::Conv { weight, bias, .. }
            | Self::ConvTranspose { weight, bias, .. }
            | Self::Linear { weight, bias } => [Some(weight), bias, None, None],
            Self::LayerNorm { weight, bias, .. } => [Some(weight), Some(bias), None, None],
            Self::LayerScale { weight } => [Some(weight), None, None, None],
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
    /// Scale or shift of a normalisation, or a factor per channel: trained, does not decay by default.
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
    /// Its shape in weight files, torch's: `[out, in / groups, height, width]`, `[out, in]`, `[n]`.
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
    /// Further outputs, which training alone computes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auxiliary: Vec<Auxiliary>,
}

/// A further output of as many logits, whose loss counts in training as well (Szegedy et al. 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Auxiliary {
    /// The node whose values are its logits.
    pub output: NodeId,
    /// Factor of its loss beside the network's own.
    pub weight: f64,
    /// Scope of its head, which is replaced when the network's is.
    pub head: String,
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

    /// The number of views whose presence it asks for; none where it has one view, or takes all as they are.
    #[must_use]
    pub fn masked_views(&self) -> Option<usize> {
        let mask = self.nodes.iter().find(|node| node.op == Op::Mask)?;
        Some(mask.shape.len())
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

    /// The weights of the convolutions that read the pictures themselves, all of their channels: `[out, channels, ...]`.
    #[must_use]
    pub fn input_weights(&self) -> Vec<ParameterId> {
        let reads_input = |node: &&Node| node.inputs.first().is_some_and(|id| self.node(*id).op == Op::Input);
        let weight = |node: &Node| match node.op {
            Op::Conv { groups: 1, weight, .. } => Some(weight),
            _ => None,
        };
        self.nodes.iter().filter(reads_input).filter_map(weight).collect()
    }

    /// True when the parameter belongs to the head, or to that of an auxiliary output.
    #[must_use]
    pub fn is_head(&self, id: ParameterId) -> bool {
        let mut heads = self.head.iter().chain(self.auxiliary.iter().map(|one| &one.head));
        heads.any(|head| super::select::in_scope(&self.parameter(id).name, head))
    }
}
