//! The network graph: layers, static shapes and parameter names. No tensor library below this line.
//!
//! A `net` of the language is evaluated, with its arguments and the shape of its input, to a [`Graph`] by way of
//! [`Builder`]. Parameter names are the scopes opened by labels and `seq`, joined by dots, so they equal torchvision's.

mod builder;
mod graph;
mod op;
mod select;
mod towers;
mod window;

pub use builder::{Builder, Conv, NetError, WeightInit};
pub use graph::{Auxiliary, Graph, Initializer, Node, NodeId, Parameter, ParameterId, ParameterRole, Shape};
pub use op::{Activation, Gate, Op};
pub use select::{SelectError, name_matches};
pub use towers::{Attention, Fuse, Towers, tower_name};
pub use window::{ConvWindow, Window};
