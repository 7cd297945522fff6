//! Why a layer cannot stand where it stands.

use crate::net::Shape;
use thiserror::Error;

/// Why a layer cannot stand where it stands.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NetError {
    /// The window does not fit.
    #[error(
        "a {}x{} {layer} does not fit its input of {height}x{width} with padding {}",
        kernel[0], kernel[1], sides(pad)
    )]
    KernelTooLarge {
        /// The layer's name.
        layer: &'static str,
        /// Height and width of the kernel, dilation counted.
        kernel: [usize; 2],
        /// Padding above and below, left and right.
        pad: [usize; 2],
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
    /// Groups that do not divide the channels.
    #[error("{layer}: {groups} groups do not divide {channels} channels")]
    Groups {
        /// The layer's name.
        layer: &'static str,
        /// Groups.
        groups: usize,
        /// Channels that come in or go out.
        channels: usize,
    },
    /// Channels that the tensor does not have.
    #[error("{layer}: channels {from} to {to} of a tensor that has {channels}")]
    Channels {
        /// The layer's name.
        layer: &'static str,
        /// The first.
        from: usize,
        /// One past the last.
        to: usize,
        /// What there is.
        channels: usize,
    },
    /// Tensors of shapes that do not go together.
    #[error("{left} and {right} cannot be {done}")]
    ShapesDiffer {
        /// What was to be done: `added`, `multiplied`, `joined`.
        done: &'static str,
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
    /// An auxiliary output that does not fit the network's own.
    #[error("{reason}")]
    Auxiliary {
        /// Why.
        reason: String,
    },
    /// A shared piece is applied to tensors for which its parameters would have different shapes.
    #[error("`{name}` is shared, but would be {again:?} here and is {first:?} where it was first applied")]
    SharedDiffers {
        /// The full parameter name.
        name: String,
        /// Its shape at the first application.
        first: Vec<usize>,
        /// The shape that this application wants.
        again: Vec<usize>,
    },
    /// Towers of a network without a head, or of fewer than two views.
    #[error("`{net}` gives no towers for {views} views")]
    NoTowers {
        /// The net's name.
        net: String,
        /// Views of a sample.
        views: usize,
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

/// One padding for both directions, or both.
fn sides(pad: &[usize; 2]) -> String {
    match pad {
        [one, other] if one == other => one.to_string(),
        [one, other] => format!("{one} and {other}"),
    }
}
