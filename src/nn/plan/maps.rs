//! Lowering of layers that no kernel fuses with others.

use super::super::cpu::maps::MeanShape;
use super::lower::Lowering;
use super::{Call, Extent, TensorId};
use crate::net::{NodeId, Op};

impl Lowering<'_> {
    /// The tensor of a layer; none when it has another number of inputs than it takes.
    pub(super) fn map_layer(&mut self, id: NodeId, op: Op, inputs: &[TensorId], extent: Extent) -> Option<TensorId> {
        if let Op::Concat = op {
            return self.concat(inputs);
        }
        let &x = inputs.first()?;
        let from = self.lowered.tensors[x.0];
        let channels = from.channels;
        let call = match (op, inputs) {
            (Op::LayerNorm { weight, bias, epsilon }, [_]) => Call::LayerNorm {
                weight,
                bias,
                channels,
                epsilon,
            },
            (Op::LayerScale { weight }, [_]) => Call::Scale { weight, channels },
            (Op::Activation(activation), [_]) => return Some(self.push(Call::Activation(activation), x, None, from)),
            (Op::Softmax, [_]) => Call::Softmax { channels },
            (Op::AvgPool { window, .. }, [_]) => Call::WindowMeans(MeanShape {
                size: [from.height, from.width],
                out: [extent.height, extent.width],
                channels,
                window,
            }),
            (Op::StochasticDepth { rate }, [_]) => {
                let (node, image) = (id.0, from.len());
                return Some(self.push(Call::StochasticDepth { rate, node, image }, x, None, from));
            }
            (Op::Slice { from, to }, [_]) => Call::Slice { channels, from, to },
            (Op::Shuffle { groups }, [_]) => Call::Shuffle { channels, groups },
            (Op::Multiply, &[_, other]) => return Some(self.multiply(x, other)),
            _ => return None,
        };
        // Layers on channels see a flattened map as what it is: a vector in torch's order.
        let x = if extent.pixels() == 1 && from.pixels() > 1 && !matches!(op, Op::AvgPool { .. }) {
            self.channels_first(x)
        } else {
            x
        };
        Some(self.push(self.with_channels(call, x), x, None, extent))
    }

    /// The call with the channels of the tensor that it acts on.
    fn with_channels(&self, call: Call, x: TensorId) -> Call {
        let channels = self.lowered.tensors[x.0].channels;
        match call {
            Call::LayerNorm {
                weight, bias, epsilon, ..
            } => Call::LayerNorm {
                weight,
                bias,
                channels,
                epsilon,
            },
            Call::Scale { weight, .. } => Call::Scale { weight, channels },
            Call::Softmax { .. } => Call::Softmax { channels },
            Call::Slice { from, to, .. } => Call::Slice { channels, from, to },
            Call::Shuffle { groups, .. } => Call::Shuffle { channels, groups },
            other => other,
        }
    }

    /// Two at a time.
    fn concat(&mut self, inputs: &[TensorId]) -> Option<TensorId> {
        let mut parts = inputs.to_vec();
        if parts.iter().any(|part| {
            let (one, first) = (self.lowered.tensors[part.0], self.lowered.tensors[inputs[0].0]);
            (one.height, one.width) != (first.height, first.width)
        }) {
            // Vectors, of which some are flattened maps.
            parts = parts.into_iter().map(|part| self.channels_first(part)).collect();
        }
        let (&first, rest) = parts.split_first()?;
        Some(rest.iter().fold(first, |joined, &part| {
            let [one, other] = [joined, part].map(|tensor| self.lowered.tensors[tensor.0]);
            let extent = Extent {
                channels: one.channels + other.channels,
                ..one
            };
            let channels = [one.channels, other.channels];
            self.push(Call::Concat { channels }, joined, Some(part), extent)
        }))
    }

    fn multiply(&mut self, a: TensorId, b: TensorId) -> TensorId {
        let (mut a, mut b) = (a, b);
        let [one, other] = [a, b].map(|tensor| self.lowered.tensors[tensor.0]);
        let broadcast = one != other && other.pixels() == 1 && one.channels == other.channels;
        if one != other && !broadcast {
            (a, b) = (self.channels_first(a), self.channels_first(b));
        }
        let extent = self.lowered.tensors[a.0];
        let call = Call::Multiply {
            broadcast,
            image: extent.len(),
            channels: extent.channels,
        };
        self.push(call, a, Some(b), extent)
    }
}
