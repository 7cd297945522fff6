//! Layers without parameters.

use super::{Builder, NetError, in_range, positive};
use crate::net::{Activation, NodeId, Op, Shape, Window};

impl Builder {
    /// `max(x, 0)`
    pub fn relu(&mut self, x: NodeId) -> NodeId {
        self.same(Op::Relu, x)
    }

    /// A function of each value.
    pub fn activation(&mut self, x: NodeId, activation: Activation) -> NodeId {
        self.same(Op::Activation(activation), x)
    }

    /// Shares of the channels of each pixel.
    pub fn softmax(&mut self, x: NodeId) -> NodeId {
        self.same(Op::Softmax, x)
    }

    /// Maximum over windows; torch demands that the padding is at most half the kernel.
    ///
    /// # Errors
    /// When the input is no map, the window does not fit or the padding is too large.
    pub fn maxpool(&mut self, x: NodeId, window: Window, ceil: bool) -> Result<NodeId, NetError> {
        let shape = self.pooled("maxpool", x, window, ceil)?;
        Ok(self.node(Op::MaxPool { window, ceil }, vec![x], shape))
    }

    /// Mean over windows; torch demands that the padding is at most half the kernel.
    ///
    /// # Errors
    /// When the input is no map, the window does not fit or the padding is too large.
    pub fn avgpool(&mut self, x: NodeId, window: Window, ceil: bool) -> Result<NodeId, NetError> {
        let shape = self.pooled("avgpool", x, window, ceil)?;
        Ok(self.node(Op::AvgPool { window, ceil }, vec![x], shape))
    }

    fn pooled(&self, layer: &'static str, x: NodeId, window: Window, ceil: bool) -> Result<Shape, NetError> {
        positive(layer, "kernel", window.kernel)?;
        positive(layer, "stride", window.stride)?;
        let (channels, height, width) = self.map(layer, x)?;
        let fits = window.pad <= window.kernel / 2;
        in_range(layer, "pad", window.pad, fits, "at most half the kernel")?;
        match (window.output(height, ceil), window.output(width, ceil)) {
            (Some(height), Some(width)) => Ok(Shape::Map {
                channels,
                height,
                width,
            }),
            _ => Err(NetError::KernelTooLarge {
                layer,
                kernel: [window.kernel; 2],
                pad: [window.pad; 2],
                height,
                width,
            }),
        }
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
        check_rate("dropout", rate)?;
        Ok(self.same(Op::Dropout { rate }, x))
    }

    /// Zeroes whole samples with probability `rate`.
    ///
    /// # Errors
    /// When the rate is outside `0..1`.
    pub fn stochastic_depth(&mut self, x: NodeId, rate: f64) -> Result<NodeId, NetError> {
        check_rate("stochastic_depth", rate)?;
        Ok(self.same(Op::StochasticDepth { rate }, x))
    }

    /// The channels of all parts, one after the other; one part is itself.
    ///
    /// # Errors
    /// When there is no part, or heights or widths differ.
    pub fn concat(&mut self, parts: &[NodeId]) -> Result<NodeId, NetError> {
        let (first, rest) = match parts {
            [] => {
                let (layer, what, allowed) = ("concat", "the number of its parts", "at least 1");
                let found = "0".to_owned();
                return Err(NetError::Argument {
                    layer,
                    what,
                    allowed,
                    found,
                });
            }
            [only] => return Ok(*only),
            [first, rest @ ..] => (*first, rest),
        };
        let mut shape = self.shape(first);
        for &part in rest {
            let right = self.shape(part);
            shape = joined(shape, right).ok_or(NetError::ShapesDiffer {
                done: "joined",
                left: self.shape(first),
                right,
            })?;
        }
        Ok(self.node(Op::Concat, parts.to_vec(), shape))
    }

    /// Tensors of one shape, their channels one after the other: what [`Builder::part`] takes apart.
    ///
    /// # Errors
    /// When there is no part, or their shapes differ.
    pub fn stack(&mut self, parts: &[NodeId]) -> Result<NodeId, NetError> {
        if let Some((&first, rest)) = parts.split_first() {
            let left = self.shape(first);
            if let Some(right) = rest.iter().map(|&part| self.shape(part)).find(|shape| *shape != left) {
                return Err(NetError::ShapesDiffer {
                    done: "stacked",
                    left,
                    right,
                });
            }
        }
        self.concat(parts)
    }

    /// Part `at` of `count` equal parts of the channels.
    ///
    /// # Errors
    /// When the channels do not divide into so many, or there is no such part.
    pub fn part(&mut self, x: NodeId, at: usize, count: usize) -> Result<NodeId, NetError> {
        let (layer, channels) = ("view", self.shape(x).channels());
        if count == 0 || channels % count != 0 {
            return Err(NetError::Groups {
                layer,
                groups: count,
                channels,
            });
        }
        in_range(layer, "its number", at, at < count, "below the number of views")?;
        let each = channels / count;
        if each == channels {
            return Ok(x);
        }
        self.slice(x, at * each, (at + 1) * each)
    }

    /// The channels `from..to`.
    ///
    /// # Errors
    /// When the tensor does not have them, or there are none.
    pub fn slice(&mut self, x: NodeId, from: usize, to: usize) -> Result<NodeId, NetError> {
        let shape = self.shape(x);
        let channels = shape.channels();
        if from >= to || to > channels {
            let layer = "slice";
            return Err(NetError::Channels {
                layer,
                from,
                to,
                channels,
            });
        }
        let shape = with_channels(shape, to - from);
        Ok(self.node(Op::Slice { from, to }, vec![x], shape))
    }

    /// Channels as a matrix `[groups, channels / groups]`, transposed.
    ///
    /// # Errors
    /// When groups do not divide the channels.
    pub fn shuffle(&mut self, x: NodeId, groups: usize) -> Result<NodeId, NetError> {
        let (layer, channels) = ("shuffle", self.shape(x).channels());
        positive(layer, "groups", groups)?;
        if channels % groups != 0 {
            return Err(NetError::Groups {
                layer,
                groups,
                channels,
            });
        }
        Ok(self.same(Op::Shuffle { groups }, x))
    }

    /// The sum of two tensors.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn add(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, NetError> {
        let (a, b) = (self.shape(left), self.shape(right));
        if a != b {
            return Err(NetError::ShapesDiffer {
                done: "added",
                left: a,
                right: b,
            });
        }
        Ok(self.node(Op::Add, vec![left, right], a))
    }

    /// What is left of a tensor without another: the sum of the one and the negative of the other, which is the same to
    /// the bit.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn subtract(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, NetError> {
        let (a, b) = (self.shape(left), self.shape(right));
        if a != b {
            return Err(NetError::ShapesDiffer {
                done: "subtracted",
                left: a,
                right: b,
            });
        }
        let negative = self.activation(right, Activation::Negate);
        self.add(left, negative)
    }

    /// The product of two tensors of one shape, of a map and a factor per channel, or of anything and one factor, in
    /// either order.
    ///
    /// # Errors
    /// When their shapes do not go together.
    pub fn multiply(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, NetError> {
        let (a, b) = (self.shape(left), self.shape(right));
        if a == b || is_factor(a, b) {
            return Ok(self.node(Op::Multiply, vec![left, right], a));
        }
        if is_factor(b, a) {
            return Ok(self.node(Op::Multiply, vec![right, left], b));
        }
        Err(NetError::ShapesDiffer {
            done: "multiplied",
            left: a,
            right: b,
        })
    }

    /// A layer that keeps the shape.
    fn same(&mut self, op: Op, x: NodeId) -> NodeId {
        let shape = self.shape(x);
        self.node(op, vec![x], shape)
    }
}

fn check_rate(layer: &'static str, rate: f64) -> Result<(), NetError> {
    let fits = (0.0..1.0).contains(&rate);
    in_range(layer, "rate", rate, fits, "at least 0 and below 1")
}

fn with_channels(shape: Shape, channels: usize) -> Shape {
    match shape {
        Shape::Map { height, width, .. } => Shape::Map {
            channels,
            height,
            width,
        },
        Shape::Flat(_) => Shape::Flat(channels),
    }
}

fn joined(left: Shape, right: Shape) -> Option<Shape> {
    let fits = with_channels(left, 1) == with_channels(right, 1);
    fits.then(|| with_channels(left, left.channels() + right.channels()))
}

/// True when `factor` is one value for each channel of `map`, or one for all.
fn is_factor(map: Shape, factor: Shape) -> bool {
    if factor == Shape::Flat(1) {
        return true;
    }
    let one = Shape::Map {
        channels: map.channels(),
        height: 1,
        width: 1,
    };
    matches!(map, Shape::Map { .. }) && factor == one
}
