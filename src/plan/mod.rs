//! Evaluation of a program to the graph of stages, and the keys under which their results are stored.

pub mod canon;
pub mod digest;
pub mod stage;
