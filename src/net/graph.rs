//! The graph itself: nodes in the order of evaluation, and the parameters that they own.

use super::Op;
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
