//! The network graph: layers, static shapes and parameter names. No tensor library below this line.
