//! The layers of the prelude, carried out on the network that is being built.

use super::{
    eval::Evaluator,
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{
    net::{Activation, Conv, ConvWindow, NodeId, WeightInit, Window},
    source::Span,
    syntax::ast::BinaryOp,
};

/// The layers that take a tensor as their subject, beside the activations.
const LAYERS: [&str; 22] = [
    "also",
    "conv",
    "conv_transpose",
    "linear",
    "pixel_linear",
    "batchnorm",
    "layernorm",
    "layer_scale",
    "leaky_relu",
    "relu",
    "softmax",
    "maxpool",
    "avgpool",
    "adaptive_avgpool",
    "global_avgpool",
    "flatten",
    "dropout",
    "stochastic_depth",
    "view",
    "slice",
    "shuffle",
    "seq",
];

/// How the weight begins that a layer is to have.
fn weight_init(arguments: &Arguments<'_>) -> Outcome<WeightInit> {
    Ok(match arguments.value("init") {
        Value::Choice("kaiming_uniform") => WeightInit::KaimingUniform,
        Value::Choice("kaiming_uniform_relu") => WeightInit::KaimingUniformRelu,
        Value::Choice("kaiming_normal") => WeightInit::KaimingNormal,
        Value::Choice("kaiming_normal_in") => WeightInit::KaimingNormalIn,
        Value::Choice("uniform_out") => WeightInit::UniformOut,
        Value::WeightInit(init) => *init,
        _ => return Err(Failed),
    })
}

impl<'p> Evaluator<'p, '_> {
    /// Carries out a layer of the prelude; none for another builtin.
    pub(super) fn net_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        match name {
            "channels" => return Some(self.channels(arguments)),
            "concat" | "stack" => return Some(self.joined(name == "stack", arguments, span)),
            "count_views" => {
                let views = self.views_of_input().unwrap_or(1);
                return Some(Ok(Value::Int(i64::try_from(views).unwrap_or(i64::MAX))));
            }
            "shared" => return Some(self.shared(arguments)),
            _ => {}
        }
        let activation = Activation::LAYERS.into_iter().find(|layer| layer.name() == name);
        if activation.is_none() && !LAYERS.contains(&name) {
            return None;
        }
        let (value, at) = subject.as_ref()?;
        Some(match (value, activation) {
            (Value::Tensor(x), Some(activation)) => self.layer(span, |b| Ok(b.activation(*x, activation))),
            (Value::Tensor(x), None) => self.net_layer(name, *x, arguments, span),
            (other, _) => self.unexpected("a tensor", other, *at),
        })
    }

    fn channels(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let Value::Tensor(x) = arguments.value("x") else {
            return Err(Failed);
        };
        let channels = self.channels_of(*x).ok_or(Failed)?;
        Ok(Value::Int(i64::try_from(channels).unwrap_or(i64::MAX)))
    }

    /// `concat` and `stack`.
    fn joined(&mut self, stacked: bool, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Value::List(parts) = arguments.value("parts").clone() else {
            return Err(Failed);
        };
        let nodes = self.tensors(&parts, span)?;
        self.layer(span, |b| if stacked { b.stack(&nodes) } else { b.concat(&nodes) })
    }

    /// The sum of tensors of one shape.
    pub(super) fn sum_of_tensors(&mut self, parts: &[Value<'p>], span: Span) -> Outcome<Value<'p>> {
        let nodes = self.tensors(parts, span)?;
        self.layer(span, |b| {
            let (first, rest) = nodes
                .split_first()
                .map_or((b.input(), &[][..]), |(first, rest)| (*first, rest));
            rest.iter().try_fold(first, |sum, &part| b.add(sum, part))
        })
    }

    fn tensors(&mut self, parts: &[Value<'p>], span: Span) -> Outcome<Vec<NodeId>> {
        let mut nodes = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Value::Tensor(node) => nodes.push(*node),
                other => return self.unexpected("a tensor", other, span),
            }
        }
        Ok(nodes)
    }

    /// An operator between two tensors; none for those that tensors do not have.
    pub(super) fn tensor_operator(
        &mut self,
        operator: BinaryOp,
        (a, b): (NodeId, NodeId),
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        match operator {
            BinaryOp::Add => Some(self.layer(span, |builder| builder.add(a, b))),
            BinaryOp::Subtract => Some(self.layer(span, |builder| builder.subtract(a, b))),
            BinaryOp::Multiply => Some(self.layer(span, |builder| builder.multiply(a, b))),
            _ => None,
        }
    }

    fn net_layer(&mut self, name: &str, x: NodeId, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let flag = |name: &str| matches!(arguments.value(name), Value::Bool(true));
        let float = |name: &str| arguments.value(name).as_float().unwrap_or_default();
        match name {
            "conv" => {
                let conv = Conv {
                    width: self.size(arguments, "width")?,
                    window: self.conv_window(arguments)?,
                    groups: self.size(arguments, "groups")?,
                    bias: flag("bias"),
                    init: weight_init(arguments)?,
                };
                self.layer(span, |b| b.conv(x, conv))
            }
            "conv_transpose" => {
                let width = self.size(arguments, "width")?;
                let window = ConvWindow {
                    kernel: self.sides(arguments, "kernel")?,
                    stride: self.sides(arguments, "stride")?,
                    pad: self.sides(arguments, "pad")?,
                    pad_end: None,
                    dilation: [1; 2],
                };
                self.layer(span, |b| b.conv_transpose(x, width, window, flag("bias")))
            }
            "linear" => {
                let (width, init) = (self.size(arguments, "width")?, weight_init(arguments)?);
                self.layer(span, |b| b.linear(x, width, flag("bias"), init))
            }
            "pixel_linear" => {
                let (width, init) = (self.size(arguments, "width")?, weight_init(arguments)?);
                self.layer(span, |b| b.pixel_linear(x, width, flag("bias"), init))
            }
            "batchnorm" => self.layer(span, |b| b.batchnorm(x, float("eps"), float("momentum"))),
            "layernorm" => self.layer(span, |b| b.layernorm(x, float("eps"))),
            "layer_scale" => {
                let label = arguments.value("name").as_text().ok_or(Failed)?;
                self.layer(span, |b| b.layer_scale(x, &label, float("start")))
            }
            "also" => match arguments.value("logits") {
                Value::Tensor(other) => self.layer(span, |b| b.also(x, *other, float("weight"))),
                other => self.unexpected("a tensor", other, span),
            },
            "seq" => self.sequence(x, arguments, span),
            _ => self.map_layer(name, x, arguments, span),
        }
    }

    /// Layers without parameters.
    fn map_layer(&mut self, name: &str, x: NodeId, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let flag = |name: &str| matches!(arguments.value(name), Value::Bool(true));
        let rate = arguments.slot("rate").and_then(|slot| slot.value.as_float());
        let rate = rate.unwrap_or_default();
        match name {
            "leaky_relu" => {
                let slope = arguments.value("slope").as_float().ok_or(Failed)?;
                self.layer(span, |b| Ok(b.activation(x, Activation::LeakyRelu { slope })))
            }
            "relu" => self.layer(span, |b| Ok(b.relu(x))),
            "softmax" => self.layer(span, |b| Ok(b.softmax(x))),
            "maxpool" | "avgpool" => {
                let (window, ceil) = (self.window(arguments)?, flag("ceil"));
                self.layer(span, |b| {
                    if name == "maxpool" {
                        b.maxpool(x, window, ceil)
                    } else {
                        b.avgpool(x, window, ceil)
                    }
                })
            }
            "adaptive_avgpool" => {
                let size = self.size(arguments, "size")?;
                self.layer(span, |b| b.adaptive_avgpool(x, size))
            }
            "global_avgpool" => self.layer(span, |b| {
                let cell = b.adaptive_avgpool(x, 1)?;
                Ok(if flag("keep") { cell } else { b.flatten(cell) })
            }),
            "flatten" => self.layer(span, |b| Ok(b.flatten(x))),
            "dropout" => self.layer(span, |b| b.dropout(x, rate)),
            "stochastic_depth" => self.layer(span, |b| b.stochastic_depth(x, rate)),
            "view" => {
                let (number, views) = (self.size(arguments, "number")?, self.views_of_input().unwrap_or(1));
                self.layer(span, |b| b.part(x, number, views))
            }
            "slice" => {
                let (from, to) = (self.size(arguments, "from")?, self.size(arguments, "to")?);
                self.layer(span, |b| b.slice(x, from, to))
            }
            "shuffle" => {
                let groups = self.size(arguments, "groups")?;
                self.layer(span, |b| b.shuffle(x, groups))
            }
            _ => Err(Failed),
        }
    }

    /// `seq`: its parts one after the other, the scope of each its number.
    fn sequence(&mut self, x: NodeId, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Value::List(parts) = arguments.value("parts").clone() else {
            return Err(Failed);
        };
        let mut value = Value::Tensor(x);
        for (number, part) in parts.iter().enumerate() {
            value = self.scoped(&number.to_string(), |e| e.apply(part, value, span, span))?;
        }
        Ok(value)
    }

    /// The window of a pooling layer; its stride is the kernel's side, if absent.
    fn window(&mut self, arguments: &Arguments<'p>) -> Outcome<Window> {
        let kernel = self.size(arguments, "kernel")?;
        let stride = match arguments.value("stride") {
            Value::None => kernel,
            _ => self.size(arguments, "stride")?,
        };
        let pad = self.size(arguments, "pad")?;
        Ok(Window { kernel, stride, pad })
    }

    fn conv_window(&mut self, arguments: &Arguments<'p>) -> Outcome<ConvWindow> {
        let pad = self.sides(arguments, "pad")?;
        let end = match arguments.value("pad_end") {
            Value::None => None,
            _ => Some(self.sides(arguments, "pad_end")?),
        };
        Ok(ConvWindow {
            kernel: self.sides(arguments, "kernel")?,
            stride: self.sides(arguments, "stride")?,
            pad,
            pad_end: end.filter(|end| *end != pad),
            dilation: self.sides(arguments, "dilation")?,
        })
    }
}
