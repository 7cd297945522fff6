//! A network for several views from one for a single view: the trunk on each view, the features fused, a head for them.

mod attention;

use super::{
    Gate, Graph, Initializer, NetError, Node, NodeId, Op, Parameter, ParameterId, Shape, builder::head_layer,
    select::in_scope,
};
pub use attention::Attention;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the features of the views become those of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fuse {
    /// One after the other; those of a missing view are zeros.
    Concat,
    /// The mean over the views that are there.
    Mean,
    /// The largest over the views that are there.
    Max,
    /// The mean over the views that are there, with weights that the features themselves decide.
    Attention(Attention),
}

/// The scope of the parameters that fuse views.
const FUSION: &str = "towers.fusion";

/// As the language writes it.
impl fmt::Display for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concat => f.write_str("concat"),
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Attention(Attention { hidden, gated }) => {
                let plain = if *gated { "" } else { ", gated: false" };
                write!(f, "attention(hidden: {hidden}{plain})")
            }
        }
    }
}

/// How the towers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Towers {
    /// Views of a sample.
    pub views: usize,
    /// How features are fused.
    pub fuse: Fuse,
    /// Whether one set of parameters serves all views.
    pub shared: bool,
}

/// The name in the single network of a parameter of a tower that has parameters of its own.
#[must_use]
pub fn tower_name(name: &str) -> Option<&str> {
    let (number, name) = name.strip_prefix("towers.")?.split_once('.')?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
}

impl Graph {
    /// Whether a parameter is one of those that fuse views: neither the trunk's nor the head's.
    #[must_use]
    pub fn is_fusion(&self, id: ParameterId) -> bool {
        in_scope(&self.parameter(id).name, FUSION)
    }

    /// The network whose input holds the channels of one view after those of another. What stands before the head is
    /// applied to each view; the head gets the fused features.
    ///
    /// With shared parameters names and order are the network's own, and batch statistics move once for each view, in
    /// order. Without, those of view `i` are named within `towers.i`. Attention has parameters of its own, within
    /// `towers.fusion`, which stand last. Only with [`Fuse::Concat`] has the weight of the
    /// head another shape.
    ///
    /// # Errors
    /// [`NetError::NoTowers`] when it has no head, or fewer than two views are asked for; [`NetError::NameTwice`] when it
    /// has parameters within `towers.fusion` already.
    pub fn towers(&self, towers: Towers) -> Result<Self, NetError> {
        let head = self.head.as_ref().and_then(|_| head_layer(&self.nodes, self.output));
        let Some((head, weight)) = head.filter(|_| towers.views >= 2) else {
            return Err(NetError::NoTowers {
                net: self.name.clone(),
                views: towers.views,
            });
        };
        let features = self.node(head).inputs[0];
        if let Some(taken) = self.ids().find(|&id| self.is_fusion(id)) {
            let name = self.parameter(taken).name.clone();
            return Err(NetError::NameTwice { name });
        }
        let mut making = Making::new(self, towers, features);
        let parts: Vec<_> = (0..towers.views).map(|view| making.tower(view, features)).collect();
        let fused = making.fuse(&parts);
        let output = making.tail(head, fused);
        let Making {
            nodes, mut parameters, ..
        } = making;
        let scope_of_view = |scope: &String| {
            let there = parameters.iter().any(|p: &Parameter| in_scope(&p.name, scope));
            if there {
                scope.clone()
            } else {
                format!("towers.0.{scope}")
            }
        };
        let stages = self.stages.iter().map(scope_of_view).collect();
        if towers.fuse == Fuse::Concat {
            let name = &self.parameter(weight).name;
            let bias = self
                .node(head)
                .op
                .parameters()
                .nth(1)
                .map(|id| self.parameter(id).name.clone());
            let inputs = usize::from(!matches!(self.node(head).op, Op::ConvTranspose { .. }));
            for parameter in &mut parameters {
                let is_weight = parameter.name == *name;
                if is_weight || Some(&parameter.name) == bias.as_ref() {
                    parameter.initializer = widened(parameter.initializer, self.fan_in(weight, inputs), towers.views);
                }
                if is_weight {
                    parameter.shape[inputs] *= towers.views;
                }
            }
        }
        Ok(Self {
            name: self.name.clone(),
            nodes,
            parameters,
            output,
            stages,
            head: self.head.clone(),
            auxiliary: Vec::new(),
        })
    }

    /// Values that one output of the layer sums up.
    fn fan_in(&self, weight: ParameterId, inputs: usize) -> usize {
        let shape = &self.parameter(weight).shape;
        shape[inputs] * shape[2.min(shape.len())..].iter().product::<usize>()
    }
}

/// The distribution of a layer whose inputs are `times` as many, where it depends on their number.
fn widened(initializer: Initializer, fan_in: usize, times: usize) -> Initializer {
    let by_inputs = |value: f64| {
        let of = |numerator: f64, inputs: usize| match numerator {
            1.0 => 1.0 / (inputs as f64).sqrt(),
            numerator => (numerator / inputs as f64).sqrt(),
        };
        // The numerators of the distributions by fan in: torch's own, and He's for rectifiers.
        let known = [1.0, 2.0, 6.0]
            .into_iter()
            .find(|&numerator| of(numerator, fan_in) == value);
        known.map_or(value, |numerator| of(numerator, fan_in * times))
    };
    match initializer {
        Initializer::Uniform { bound } => Initializer::Uniform {
            bound: by_inputs(bound),
        },
        Initializer::Normal { deviation } => Initializer::Normal {
            deviation: by_inputs(deviation),
        },
        constant @ Initializer::Constant(_) => constant,
    }
}

/// The new network in the making.
struct Making<'a> {
    from: &'a Graph,
    towers: Towers,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    /// Where the parameter of each view stands, by its place in the single network.
    places: Vec<Vec<ParameterId>>,
    /// Which nodes stand before the head.
    trunk: Vec<bool>,
}

impl<'a> Making<'a> {
    fn new(from: &'a Graph, towers: Towers, features: NodeId) -> Self {
        let mut trunk = vec![false; from.nodes.len()];
        trunk[features.0] = true;
        for at in (0..=features.0).rev() {
            if trunk[at] {
                from.nodes[at].inputs.iter().for_each(|input| trunk[input.0] = true);
            }
        }
        let mut in_trunk = vec![false; from.parameters.len()];
        // Auxiliary outputs are left out, and what they alone have.
        let mut needed = vec![false; from.nodes.len()];
        needed[from.output.0] = true;
        for at in (0..=from.output.0).rev() {
            if needed[at] {
                from.nodes[at].inputs.iter().for_each(|input| needed[input.0] = true);
            }
        }
        let mut used = vec![false; from.parameters.len()];
        let nodes = from.nodes.iter().zip(&needed).filter(|(_, needed)| **needed);
        nodes
            .flat_map(|(node, _)| node.op.parameters())
            .for_each(|id| used[id.0] = true);
        let nodes = from.nodes.iter().zip(&trunk).filter(|(_, trunk)| **trunk);
        nodes
            .flat_map(|(node, _)| node.op.parameters())
            .for_each(|id| in_trunk[id.0] = true);
        let (mut parameters, mut places) = (Vec::new(), Vec::new());
        for ((parameter, in_trunk), used) in from.parameters.iter().zip(in_trunk).zip(used) {
            let copies = match (used, in_trunk && !towers.shared) {
                (false, _) => 0,
                (true, true) => towers.views,
                (true, false) => 1,
            };
            let first = parameters.len();
            parameters.extend((0..copies).map(|view| Parameter {
                name: match copies {
                    1 => parameter.name.clone(),
                    _ => format!("towers.{view}.{}", parameter.name),
                },
                ..parameter.clone()
            }));
            places.push((first..parameters.len()).map(ParameterId).collect());
        }
        let input = Node {
            op: Op::Input,
            inputs: Vec::new(),
            shape: times(from.input_shape(), towers.views),
        };
        let mask = Node {
            op: Op::Mask,
            inputs: Vec::new(),
            shape: Shape::Flat(towers.views),
        };
        Self {
            from,
            towers,
            nodes: vec![input, mask],
            parameters,
            places,
            trunk,
        }
    }

    fn push(&mut self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.nodes.push(Node { op, inputs, shape });
        NodeId(self.nodes.len() - 1)
    }

    /// The trunk on one view: the node of its features.
    fn tower(&mut self, view: usize, features: NodeId) -> NodeId {
        let shape = self.from.input_shape();
        let channels = shape.channels();
        let slice = Op::Slice {
            from: view * channels,
            to: (view + 1) * channels,
        };
        let mut copies = vec![NodeId(0); self.from.nodes.len()];
        copies[0] = self.push(slice, vec![NodeId(0)], shape);
        for at in 1..=features.0 {
            if self.trunk[at] {
                let node = &self.from.nodes[at];
                let inputs = node.inputs.iter().map(|input| copies[input.0]).collect();
                copies[at] = self.push(self.of_view(node.op, view), inputs, node.shape);
            }
        }
        copies[features.0]
    }

    /// An operation with the parameters of a view.
    fn of_view(&self, op: Op, view: usize) -> Op {
        op.with_parameters(|id| {
            let places = &self.places[id.0];
            places[view.min(places.len() - 1)]
        })
    }

    fn fuse(&mut self, parts: &[NodeId]) -> NodeId {
        let shape = self.nodes[parts[0].0].shape;
        let mask = NodeId(1);
        if let Fuse::Attention(attention) = self.towers.fuse {
            return self.attend(attention, parts);
        }
        let gated: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(view, &part)| {
                let gate = match self.towers.fuse {
                    Fuse::Concat | Fuse::Mean => Gate::Zero(view),
                    Fuse::Max | Fuse::Attention(_) => Gate::Lowest(view),
                };
                self.push(Op::Gate(gate), vec![part, mask], shape)
            })
            .collect();
        match self.towers.fuse {
            Fuse::Concat => self.push(Op::Concat, gated, times(shape, self.towers.views)),
            Fuse::Max => self.together(Op::Maximum, &gated),
            Fuse::Mean | Fuse::Attention(_) => {
                let sum = self.together(Op::Add, &gated);
                self.push(Op::Gate(Gate::Mean), vec![sum, mask], shape)
            }
        }
    }

    /// Several tensors of one shape by an operation on two.
    fn together(&mut self, op: Op, parts: &[NodeId]) -> NodeId {
        let shape = self.nodes[parts[0].0].shape;
        let (first, rest) = (parts[0], &parts[1..]);
        rest.iter()
            .fold(first, |all, &part| self.push(op, vec![all, part], shape))
    }

    /// The head and what follows it.
    fn tail(&mut self, head: NodeId, fused: NodeId) -> NodeId {
        let mut after = vec![self.from.output];
        while let Some(&at) = after.last().filter(|&&at| at != head) {
            after.push(self.from.node(at).inputs[0]);
        }
        after.into_iter().rev().fold(fused, |input, at| {
            let node = self.from.node(at);
            self.push(self.of_view(node.op, 0), vec![input], node.shape)
        })
    }
}

/// The shape with so many times the channels.
fn times(shape: Shape, count: usize) -> Shape {
    match shape {
        Shape::Map {
            channels,
            height,
            width,
        } => Shape::Map {
            channels: channels * count,
            height,
            width,
        },
        Shape::Flat(features) => Shape::Flat(features * count),
    }
}

#[cfg(test)]
mod tests;
