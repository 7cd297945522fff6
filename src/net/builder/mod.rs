//! Building a graph layer by layer, with shape inference and parameter names.

mod error;
mod maps;
mod project;
mod shared;
mod weights;

#[cfg(test)]
mod tests;

use super::{Auxiliary, Graph, Initializer, Node, NodeId, Op, Parameter, ParameterId, ParameterRole, Shape};
pub use error::NetError;
use shared::Sharing;
pub use weights::{Conv, WeightInit};

/// Builds a [`Graph`].
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    scope: Vec<String>,
    sharing: Sharing,
    auxiliary: Vec<Beside>,
}

/// An auxiliary output: beside which node, which node's values, and the factor of its loss.
#[derive(Clone, Copy, Debug)]
struct Beside {
    logits: NodeId,
    output: NodeId,
    weight: f64,
}

impl Builder {
    /// A graph whose input is `[channels, height, width]`.
    #[must_use]
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        let input = Node {
            op: Op::Input,
            inputs: Vec::new(),
            shape: Shape::Map {
                channels,
                height,
                width,
            },
        };
        Self {
            nodes: vec![input],
            parameters: Vec::new(),
            scope: Vec::new(),
            auxiliary: Vec::new(),
            sharing: Sharing::default(),
        }
    }

    /// Goes on with a finished graph, outside of every scope.
    fn of(graph: &Graph) -> Self {
        Self {
            nodes: graph.nodes.clone(),
            parameters: graph.parameters.clone(),
            ..Self::new(1, 1, 1)
        }
    }

    /// The input node.
    #[must_use]
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Opens a scope of parameter names.
    pub fn push_scope(&mut self, label: impl Into<String>) {
        self.scope.push(label.into());
    }

    /// Closes the innermost scope.
    pub fn pop_scope(&mut self) {
        self.scope.pop();
    }

    /// The shape of a node's output.
    #[must_use]
    pub fn shape(&self, node: NodeId) -> Shape {
        self.nodes[node.0].shape
    }

    /// The finished graph. With `classes`, the layer that gives the output must be that wide, and becomes the head.
    ///
    /// # Errors
    /// [`NetError::NoHead`] when it is not.
    pub fn finish(
        self,
        name: &str,
        output: NodeId,
        stages: Vec<String>,
        classes: Option<usize>,
    ) -> Result<Graph, NetError> {
        let mut head = None;
        if let Some(classes) = classes {
            let found = self.shape(output).len();
            head = self.head_scope(output);
            if found != classes || head.is_none() {
                return Err(NetError::NoHead {
                    net: name.to_owned(),
                    found,
                    classes,
                });
            }
        }
        let auxiliary = self.auxiliary_outputs(output, classes)?;
        Ok(Graph {
            name: name.to_owned(),
            nodes: self.nodes,
            parameters: self.parameters,
            output,
            stages,
            head,
            auxiliary,
        })
    }

    /// An output beside `logits` that training alone computes, with the factor of its loss. Gives `logits` again.
    ///
    /// # Errors
    /// [`NetError::Auxiliary`] when it has another number of values or is `logits` itself, and for a factor that is not
    /// above 0.
    pub fn also(&mut self, logits: NodeId, output: NodeId, weight: f64) -> Result<NodeId, NetError> {
        let fits = weight > 0.0 && weight.is_finite();
        in_range("also", "weight", weight, fits, "above 0")?;
        let [own, other] = [logits, output].map(|node| self.shape(node).len());
        if own != other {
            return Err(NetError::Auxiliary {
                reason: format!("the auxiliary output has {other} values, and the network's own {own}"),
            });
        }
        if logits == output {
            return Err(NetError::Auxiliary {
                reason: "an output is not auxiliary to itself".to_owned(),
            });
        }
        self.auxiliary.push(Beside { logits, output, weight });
        Ok(logits)
    }

    fn auxiliary_outputs(&self, output: NodeId, classes: Option<usize>) -> Result<Vec<Auxiliary>, NetError> {
        let refused = |reason: &str| NetError::Auxiliary {
            reason: reason.to_owned(),
        };
        let outputs = self.auxiliary.iter().map(|beside| {
            if beside.logits != output {
                return Err(refused(
                    "`also` stands at the end of a net: what it is piped after is not the output",
                ));
            }
            if classes.is_none() {
                return Err(refused("a net with auxiliary outputs needs a parameter `classes`"));
            }
            let head = self.head_scope(beside.output);
            Ok(Auxiliary {
                output: beside.output,
                weight: beside.weight,
                head: head.ok_or_else(|| refused("no layer with a weight gives the auxiliary output"))?,
            })
        });
        outputs.collect()
    }

    /// The scope of the last layer with a weight on the way to the output.
    fn head_scope(&self, output: NodeId) -> Option<String> {
        let (_, weight) = head_layer(&self.nodes, output)?;
        let name = &self.parameters[weight.0].name;
        let scope = name.rsplit_once('.').map_or("", |(scope, _)| scope);
        Some(scope.to_owned())
    }

    fn node(&mut self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.nodes.push(Node { op, inputs, shape });
        NodeId(self.nodes.len() - 1)
    }

    fn parameter(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        role: ParameterRole,
        initializer: Initializer,
    ) -> Result<ParameterId, NetError> {
        let name = self
            .scope
            .iter()
            .map(String::as_str)
            .chain([name])
            .collect::<Vec<_>>()
            .join(".");
        let parameter = Parameter {
            name,
            shape,
            role,
            initializer,
        };
        let known = self.parameters.iter().position(|p| p.name == parameter.name);
        let id = ParameterId(known.unwrap_or(self.parameters.len()));
        match known.map(|at| &self.parameters[at]) {
            None => self.parameters.push(parameter),
            Some(_) if !self.sharing.may_repeat(id) => return Err(NetError::NameTwice { name: parameter.name }),
            Some(first) if *first != parameter => {
                return Err(NetError::SharedDiffers {
                    first: first.shape.clone(),
                    again: parameter.shape,
                    name: parameter.name,
                });
            }
            Some(_) => {}
        }
        self.sharing.note(id);
        Ok(id)
    }

    fn map(&self, layer: &'static str, x: NodeId) -> Result<(usize, usize, usize), NetError> {
        match self.shape(x) {
            Shape::Map {
                channels,
                height,
                width,
            } => Ok((channels, height, width)),
            found @ Shape::Flat(_) => Err(NetError::NotAMap { layer, found }),
        }
    }
}

/// The last layer with a weight on the way to the output, and its weight.
pub(super) fn head_layer(nodes: &[Node], output: NodeId) -> Option<(NodeId, ParameterId)> {
    let mut at = output;
    loop {
        let node = &nodes[at.0];
        match node.op {
            Op::Linear { weight, .. } | Op::Conv { weight, .. } | Op::ConvTranspose { weight, .. } => {
                return Some((at, weight));
            }
            // SqueezeNet rectifies the maps that become its logits.
            Op::Flatten | Op::Dropout { .. } | Op::AdaptiveAvgPool { .. } | Op::AvgPool { .. } | Op::Relu => {
                at = *node.inputs.first()?;
            }
            _ => return None,
        }
    }
}

fn positive(layer: &'static str, what: &'static str, value: usize) -> Result<(), NetError> {
    in_range(layer, what, value, value > 0, "at least 1")
}

fn in_range(
    layer: &'static str,
    what: &'static str,
    value: impl ToString,
    fits: bool,
    allowed: &'static str,
) -> Result<(), NetError> {
    if fits {
        Ok(())
    } else {
        Err(NetError::Argument {
            layer,
            what,
            allowed,
            found: value.to_string(),
        })
    }
}
