//! Building a graph layer by layer, with shape inference and parameter names.

use super::{Graph, Initializer, Node, NodeId, Op, Parameter, ParameterId, ParameterRole, Shape, Window};
use thiserror::Error;

/// Why a layer cannot stand where it stands.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NetError {
    /// The window does not fit.
    #[error("a {kernel}x{kernel} {layer} does not fit its input of {height}x{width} with padding {pad}")]
    KernelTooLarge {
        /// The layer's name.
        layer: &'static str,
        /// Side of the kernel.
        kernel: usize,
        /// Padding.
        pad: usize,
        /// Height of the input.
        height: usize,
        /// Width of the input.
        width: usize,
    },
    /// A width, kernel or stride of zero, or a rate outside `0..1`.
    #[error("{layer}: {what} must be {allowed}, not {found}")]
    Argument {
        /// The layer's name.
        layer: &'static str,
        /// Which argument.
        what: &'static str,
        /// What is allowed, in words.
        allowed: &'static str,
        /// What was given.
        found: String,
    },
    /// A layer for maps after `flatten`.
    #[error("{layer} works on a map [channels, height, width], but {found} arrives")]
    NotAMap {
        /// The layer's name.
        layer: &'static str,
        /// The shape that arrives.
        found: Shape,
    },
    /// A layer for vectors on a map.
    #[error("{layer} works on a vector, but a map {found} arrives")]
    NotFlat {
        /// The layer's name.
        layer: &'static str,
        /// The shape that arrives.
        found: Shape,
    },
    /// Addition of unlike shapes.
    #[error("{left} and {right} cannot be added")]
    ShapesDiffer {
        /// Shape of the left tensor.
        left: Shape,
        /// Shape of the right one.
        right: Shape,
    },
    /// A full name made twice.
    #[error("`{name}` is made twice")]
    NameTwice {
        /// The full parameter name.
        name: String,
    },
    /// The net does not end in a layer as wide as `classes`.
    #[error("`{net}` ends in {found} values, but its `classes` is {classes}")]
    NoHead {
        /// The net's name.
        net: String,
        /// The width it ends in.
        found: usize,
        /// The argument `classes`.
        classes: usize,
    },
}

/// Builds a [`Graph`].
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    scope: Vec<String>,
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

    /// A convolution with `width` output channels. Without `normal` it begins as torch's `Conv2d` does
    /// (uniform, bound `1/sqrt(fan_in)`, He et al. 2015 with `a = sqrt(5)`); with it as torchvision's ResNet
    /// (normal, deviation `sqrt(2/fan_out)`).
    ///
    /// # Errors
    /// When the input is no map, the window does not fit, an argument is zero or the name exists.
    pub fn conv(
        &mut self,
        x: NodeId,
        width: usize,
        window: Window,
        bias: bool,
        normal: bool,
    ) -> Result<NodeId, NetError> {
        let layer = "conv";
        positive(layer, "width", width)?;
        let (channels, height, out_width) = self.window(layer, x, window)?;
        let area = window.kernel * window.kernel;
        let bound = 1.0 / ((channels * area) as f64).sqrt();
        let initializer = if normal {
            Initializer::Normal {
                deviation: (2.0 / (width * area) as f64).sqrt(),
            }
        } else {
            Initializer::Uniform { bound }
        };
        let shape = vec![width, channels, window.kernel, window.kernel];
        let weight = self.parameter("weight", shape, ParameterRole::Weight, initializer)?;
        let bias = self.bias(bias, width, bound)?;
        let shape = Shape::Map {
            channels: width,
            height,
            width: out_width,
        };
        Ok(self.node(Op::Conv { window, weight, bias }, vec![x], shape))
    }

    /// A linear layer with `width` outputs, begun as torch's `Linear` (uniform, bound `1/sqrt(fan_in)`).
    ///
    /// # Errors
    /// When the input is a map, the width is zero or the name exists.
    pub fn linear(&mut self, x: NodeId, width: usize, bias: bool) -> Result<NodeId, NetError> {
        positive("linear", "width", width)?;
        let Shape::Flat(features) = self.shape(x) else {
            return Err(NetError::NotFlat {
                layer: "linear",
                found: self.shape(x),
            });
        };
        let bound = 1.0 / (features as f64).sqrt();
        let weight = self.parameter(
            "weight",
            vec![width, features],
            ParameterRole::Weight,
            Initializer::Uniform { bound },
        )?;
        let bias = self.bias(bias, width, bound)?;
        Ok(self.node(Op::Linear { weight, bias }, vec![x], Shape::Flat(width)))
    }

    /// Batch normalisation of a map; torch's defaults are `epsilon` 1e-5 and `momentum` 0.1.
    ///
    /// # Errors
    /// When the input is no map, an argument is out of range or the name exists.
    pub fn batchnorm(&mut self, x: NodeId, epsilon: f64, momentum: f64) -> Result<NodeId, NetError> {
        let layer = "batchnorm";
        let (channels, ..) = self.map(layer, x)?;
        in_range(layer, "eps", epsilon, epsilon > 0.0 && epsilon.is_finite(), "above 0")?;
        in_range(
            layer,
            "momentum",
            momentum,
            (0.0..=1.0).contains(&momentum),
            "between 0 and 1",
        )?;
        let mut make = |name, role, start| self.parameter(name, vec![channels], role, Initializer::Constant(start));
        let weight = make("weight", ParameterRole::Affine, 1.0)?;
        let bias = make("bias", ParameterRole::Affine, 0.0)?;
        let mean = make("running_mean", ParameterRole::Statistic, 0.0)?;
        let variance = make("running_var", ParameterRole::Statistic, 1.0)?;
        let shape = self.shape(x);
        Ok(self.node(
            Op::BatchNorm {
                weight,
                bias,
                mean,
                variance,
                epsilon,
                momentum,
            },
            vec![x],
            shape,
        ))
    }

    /// `max(x, 0)`
    pub fn relu(&mut self, x: NodeId) -> NodeId {
        let shape = self.shape(x);
        self.node(Op::Relu, vec![x], shape)
    }

    /// Maximum over windows; torch demands that the padding is at most half the kernel.
    ///
    /// # Errors
    /// When the input is no map, the window does not fit or the padding is too large.
    pub fn maxpool(&mut self, x: NodeId, window: Window) -> Result<NodeId, NetError> {
        let layer = "maxpool";
        let (channels, height, width) = self.window(layer, x, window)?;
        if window.pad > window.kernel / 2 {
            let found = window.pad.to_string();
            return Err(NetError::Argument {
                layer,
                what: "pad",
                allowed: "at most half the kernel",
                found,
            });
        }
        Ok(self.node(
            Op::MaxPool(window),
            vec![x],
            Shape::Map {
                channels,
                height,
                width,
            },
        ))
    }

    /// Mean over `size x size` cells.
    ///
    /// # Errors
    /// When the input is no map or the size is zero.
    pub fn adaptive_avgpool(&mut self, x: NodeId, size: usize) -> Result<NodeId, NetError> {
        positive("adaptive_avgpool", "size", size)?;
        let (channels, ..) = self.map("adaptive_avgpool", x)?;
        let shape = Shape::Map {
            channels,
            height: size,
            width: size,
        };
        Ok(self.node(Op::AdaptiveAvgPool { size }, vec![x], shape))
    }

    /// A map to a vector; a vector stays as it is.
    pub fn flatten(&mut self, x: NodeId) -> NodeId {
        match self.shape(x) {
            Shape::Flat(_) => x,
            shape => self.node(Op::Flatten, vec![x], Shape::Flat(shape.len())),
        }
    }

    /// Dropout with probability `rate` of zero.
    ///
    /// # Errors
    /// When the rate is outside `0..1`.
    pub fn dropout(&mut self, x: NodeId, rate: f64) -> Result<NodeId, NetError> {
        in_range(
            "dropout",
            "rate",
            rate,
            (0.0..1.0).contains(&rate),
            "at least 0 and below 1",
        )?;
        let shape = self.shape(x);
        Ok(self.node(Op::Dropout { rate }, vec![x], shape))
    }

    /// The sum of two tensors.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn add(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, NetError> {
        let (a, b) = (self.shape(left), self.shape(right));
        if a != b {
            return Err(NetError::ShapesDiffer { left: a, right: b });
        }
        Ok(self.node(Op::Add, vec![left, right], a))
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
        Ok(Graph {
            name: name.to_owned(),
            nodes: self.nodes,
            parameters: self.parameters,
            output,
            stages,
            head,
        })
    }

    /// The scope of the last layer with a weight on the way to the output.
    fn head_scope(&self, output: NodeId) -> Option<String> {
        let mut at = output;
        loop {
            let node = &self.nodes[at.0];
            if let Op::Linear { weight, .. } | Op::Conv { weight, .. } = node.op {
                let name = &self.parameters[weight.0].name;
                return Some(
                    name.rsplit_once('.')
                        .map_or(String::new(), |(scope, _)| scope.to_owned()),
                );
            }
            match node.op {
                Op::Flatten | Op::Dropout { .. } | Op::AdaptiveAvgPool { .. } => at = *node.inputs.first()?,
                _ => return None,
            }
        }
    }

    fn node(&mut self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.nodes.push(Node { op, inputs, shape });
        NodeId(self.nodes.len() - 1)
    }

    fn bias(&mut self, wanted: bool, width: usize, bound: f64) -> Result<Option<ParameterId>, NetError> {
        wanted
            .then(|| self.parameter("bias", vec![width], ParameterRole::Bias, Initializer::Uniform { bound }))
            .transpose()
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
        if self.parameters.iter().any(|p| p.name == name) {
            return Err(NetError::NameTwice { name });
        }
        self.parameters.push(Parameter {
            name,
            shape,
            role,
            initializer,
        });
        Ok(ParameterId(self.parameters.len() - 1))
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

    /// Channels in, and height and width out.
    fn window(&self, layer: &'static str, x: NodeId, window: Window) -> Result<(usize, usize, usize), NetError> {
        positive(layer, "kernel", window.kernel)?;
        positive(layer, "stride", window.stride)?;
        let (channels, height, width) = self.map(layer, x)?;
        match (window.output(height), window.output(width)) {
            (Some(h), Some(w)) => Ok((channels, h, w)),
            _ => Err(NetError::KernelTooLarge {
                layer,
                kernel: window.kernel,
                pad: window.pad,
                height,
                width,
            }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::SelectError;

    /// `conv1 bn1 relu maxpool fc`, all labelled, with two stages.
    fn small() -> Result<Graph, NetError> {
        let mut b = Builder::new(3, 9, 8);
        b.push_scope("conv1");
        let x = b.conv(
            b.input(),
            4,
            Window {
                kernel: 3,
                stride: 2,
                pad: 1,
            },
            false,
            true,
        )?;
        b.pop_scope();
        b.push_scope("bn1");
        let x = b.batchnorm(x, 1e-5, 0.1)?;
        b.pop_scope();
        let x = b.relu(x);
        let x = b.maxpool(
            x,
            Window {
                kernel: 2,
                stride: 2,
                pad: 0,
            },
        )?;
        let x = b.flatten(x);
        b.push_scope("fc");
        let x = b.linear(x, 5, true)?;
        b.finish("small", x, vec!["conv1".into(), "fc".into()], Some(5))
    }

    #[test]
    fn shapes_names_and_head_are_torchs() -> Result<(), NetError> {
        let graph = small()?;
        let names: Vec<_> = graph.parameters.iter().map(|p| p.name.as_str()).collect();
        let bn = ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"];
        assert_eq!(names, [&["conv1.weight"], &bn[..], &["fc.weight", "fc.bias"]].concat());
        assert_eq!(
            graph.nodes[1].shape,
            Shape::Map {
                channels: 4,
                height: 5,
                width: 4
            }
        );
        assert_eq!(graph.node(graph.output).shape, Shape::Flat(5));
        assert_eq!(graph.head.as_deref(), Some("fc"));
        assert_eq!(graph.trained_values(), 4 * 3 * 9 + 8 + 5 * 16 + 5);
        Ok(())
    }

    #[test]
    fn stages_and_patterns_choose_parameters_or_say_why_not() -> Result<(), NetError> {
        let graph = small()?;
        assert_eq!(graph.first_stages(0), Ok(vec![]));
        assert_eq!(
            graph.first_stages(1).map(|ids| ids.len()),
            Ok(5),
            "the convolution and its batch norm"
        );
        assert_eq!(graph.first_stages(2), Ok(graph.all_but_head()));
        assert!(matches!(
            graph.first_stages(3),
            Err(SelectError::TooManyStages { count: 2, asked: 3, .. })
        ));
        assert_eq!(graph.matching("bn1").map(|ids| ids.len()), Ok(4));
        assert_eq!(graph.matching("*.bias").map(|ids| ids.len()), Ok(2));
        assert!(
            matches!(graph.matching("bn"), Err(SelectError::NoMatch { .. })),
            "a part of a word is no match"
        );
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut b = Builder::new(3, 4, 4);
        let seven = Window {
            kernel: 7,
            stride: 1,
            pad: 1,
        };
        assert!(matches!(
            b.conv(b.input(), 8, seven, true, false),
            Err(NetError::KernelTooLarge { kernel: 7, .. })
        ));
        assert!(matches!(b.linear(b.input(), 8, true), Err(NetError::NotFlat { .. })));
        let flat = b.flatten(b.input());
        assert!(matches!(
            b.maxpool(
                flat,
                Window {
                    kernel: 2,
                    stride: 2,
                    pad: 0
                }
            ),
            Err(NetError::NotAMap { .. })
        ));
        assert!(matches!(b.add(flat, b.input()), Err(NetError::ShapesDiffer { .. })));
        assert!(b.linear(flat, 2, true).is_ok());
        assert!(matches!(b.linear(flat, 2, true), Err(NetError::NameTwice { name }) if name == "weight"));
        assert!(matches!(
            b.dropout(flat, 1.0),
            Err(NetError::Argument { what: "rate", .. })
        ));
    }
}
