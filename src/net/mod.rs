//! The network graph: layers, static shapes and parameter names. No tensor library below this line.
//!
//! A `net` of the language is evaluated, with its arguments and the shape of its input, to a [`Graph`] by way of
//! [`Builder`]. Parameter names are the scopes opened by labels and `seq`, joined by dots, so they equal torchvision's.

mod builder;
mod graph;
mod select;
mod towers;
mod window;

pub use builder::{Builder, Conv, NetError, WeightInit};
pub use graph::{
    Activation, Auxiliary, Gate, Graph, Initializer, Node, NodeId, Op, Parameter, ParameterId, ParameterRole, Shape,
};
pub use select::SelectError;
pub use towers::{Attention, Fuse, Towers, tower_name};
pub use window::{ConvWindow, Window};
