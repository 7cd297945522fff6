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
        match (op, inputs) {
            // On values, whatever their order.
            (Op::Activation(activation), [_]) => Some(self.push(Call::Activation(activation), x, None, from)),
            (Op::StochasticDepth { rate }, [_]) => {
                let (node, image) = (id.0, from.len());
                Some(self.push(Call::StochasticDepth { rate, node, image }, x, None, from))
            }
            (Op::Multiply, &[_, other]) => Some(self.multiply(x, other)),
            (Op::Gate(gate), &[_, mask]) => {
                let (image, views) = (from.len(), self.lowered.tensors[mask.0].len());
                Some(self.push(Call::Gate { gate, image, views }, x, Some(mask), from))
            }
            (Op::Maximum, &[_, other]) => Some(self.push(Call::Maximum, x, Some(other), from)),
            (Op::AvgPool { window, .. }, [_]) => {
                let shape = MeanShape {
                    size: [from.height, from.width],
                    out: [extent.height, extent.width],
                    channels: from.channels,
                    window,
                };
                Some(self.push(Call::WindowMeans(shape), x, None, extent))
            }
            (_, [_]) => self.on_channels(op, x, extent),
            _ => None,
        }
    }

    /// A layer on the channels of each pixel, to which a flattened map is what it is: a vector in torch's order.
    fn on_channels(&mut self, op: Op, x: TensorId, extent: Extent) -> Option<TensorId> {
        let x = if extent.pixels() == 1 {
            self.channels_first(x)
        } else {
            x
        };
        let channels = self.lowered.tensors[x.0].channels;
        let call = match op {
            Op::LayerNorm { weight, bias, epsilon } => Call::LayerNorm {
                weight,
                bias,
                channels,
                epsilon,
            },
            Op::LayerScale { weight } => Call::Scale { weight, channels },
            Op::Softmax => Call::Softmax { channels },
            Op::Slice { from, to } => Call::Slice { channels, from, to },
            Op::Shuffle { groups } => Call::Shuffle { channels, groups },
            _ => return None,
        };
        Some(self.push(call, x, None, extent))
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
        let single = one != other && other.len() == 1;
        let broadcast = single || one != other && other.pixels() == 1 && one.channels == other.channels;
        if one != other && !broadcast {
            (a, b) = (self.channels_first(a), self.channels_first(b));
        }
        let extent = self.lowered.tensors[a.0];
        let call = Call::Multiply {
            broadcast,
            image: extent.len(),
            // One factor for all is a factor for the only channel of as many pixels.
            channels: if single { 1 } else { extent.channels },
        };
        self.push(call, a, Some(b), extent)
    }
}
