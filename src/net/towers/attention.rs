//! Views fused by attention: a mean whose weights the features decide.

use super::{FUSION, Making};
use crate::net::{Activation, Gate, Initializer, NodeId, Op, Parameter, ParameterId, ParameterRole, Shape, WeightInit};
use serde::{Deserialize, Serialize};

/// Attention over instances (Ilse, Tomczak and Welling 2018, Attention-based deep multiple instance learning, equations 8
/// and 9): the score of a view with features `h` is `w . tanh(V h + b)`, gated `w . (tanh(V h + b) sigmoid(U h + c))`, and
/// its weight is its share in the softmax over the views that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// Width of the layer between features and score.
    pub hidden: usize,
    /// Whether the second factor is there.
    pub gated: bool,
}

/// A linear layer's parameters.
#[derive(Clone, Copy)]
struct Linear {
    weight: ParameterId,
    bias: Option<ParameterId>,
    width: usize,
}

impl Making<'_> {
    /// The features of the views, each times its weight, added up. A missing view has no weight, and no say in the others'.
    pub(super) fn attend(&mut self, attention: Attention, parts: &[NodeId]) -> NodeId {
        let features = self.nodes[parts[0].0].shape.channels();
        let hidden = attention.hidden;
        let content = self.linear("tanh", [hidden, features], true);
        let gate = attention
            .gated
            .then(|| self.linear("sigmoid", [hidden, features], true));
        // A bias would be the same for all views, and the softmax takes what is the same away.
        let score = self.linear("score", [1, hidden], false);
        let mask = NodeId(1);
        let scores = parts.iter().enumerate().map(|(view, &part)| {
            let vector = self.vector(part);
            let mut inner = self.through(content, Some(Activation::Tanh), vector);
            if let Some(gate) = gate {
                let gate = self.through(gate, Some(Activation::Sigmoid), vector);
                inner = self.push(Op::Multiply, vec![inner, gate], Shape::Flat(hidden));
            }
            let scored = self.through(score, None, inner);
            self.push(Op::Gate(Gate::Lowest(view)), vec![scored, mask], Shape::Flat(1))
        });
        let scores: Vec<_> = scores.collect();
        let views = Shape::Flat(parts.len());
        let scores = self.push(Op::Concat, scores, views);
        let weights = self.push(Op::Softmax, vec![scores], views);
        let weighted = parts.iter().enumerate().map(|(view, &part)| {
            let own = Op::Slice {
                from: view,
                to: view + 1,
            };
            let weight = self.push(own, vec![weights], Shape::Flat(1));
            let shape = self.nodes[part.0].shape;
            self.push(Op::Multiply, vec![part, weight], shape)
        });
        let weighted: Vec<_> = weighted.collect();
        self.together(Op::Add, &weighted)
    }

    /// Features as a vector: of a map the means of its channels.
    fn vector(&mut self, part: NodeId) -> NodeId {
        let shape = self.nodes[part.0].shape;
        let Shape::Map { channels, .. } = shape else {
            return part;
        };
        let cell = Shape::Map {
            channels,
            height: 1,
            width: 1,
        };
        let cell = self.push(Op::AdaptiveAvgPool { size: 1 }, vec![part], cell);
        self.push(Op::Flatten, vec![cell], Shape::Flat(channels))
    }

    fn through(&mut self, layer: Linear, activation: Option<Activation>, input: NodeId) -> NodeId {
        let shape = Shape::Flat(layer.width);
        let Linear { weight, bias, .. } = layer;
        let made = self.push(Op::Linear { weight, bias }, vec![input], shape);
        match activation {
            Some(activation) => self.push(Op::Activation(activation), vec![made], shape),
            None => made,
        }
    }

    /// The parameters of a linear layer, begun as torch's.
    fn linear(&mut self, name: &str, [width, inputs]: [usize; 2], biased: bool) -> Linear {
        let initializer = WeightInit::KaimingUniform.initializer([inputs, width]);
        let weight = self.own_parameter(name, "weight", vec![width, inputs], ParameterRole::Weight, initializer);
        let bias = biased.then(|| self.own_parameter(name, "bias", vec![width], ParameterRole::Bias, initializer));
        Linear { weight, bias, width }
    }

    fn own_parameter(
        &mut self,
        layer: &str,
        kind: &str,
        shape: Vec<usize>,
        role: ParameterRole,
        initializer: Initializer,
    ) -> ParameterId {
        self.parameters.push(Parameter {
            name: format!("{FUSION}.{layer}.{kind}"),
            shape,
            role,
            initializer,
        });
        ParameterId(self.parameters.len() - 1)
    }
}
