//! A network graph compiled to a plan of layer calls with explicit forward and backward, and its kernels.
//!
//! [`Network::compile`] lowers a graph for a batch size: it fuses layers that one kernel computes (`plan`), finds which
//! gradients are needed and where they go (`flow`), gives every buffer its place in one arena (`memory`), and then runs
//! forward and backward passes without allocating tensors. Weights cross the border as named tensors in torch's layouts.
//!
//! Results are the same bits for any number of threads, and the same logits for a sample in whatever batch it stands.

mod backward;
mod cpu;
mod flow;
mod forward;
mod init;
mod maps;
mod memory;
mod network;
mod plan;
mod random;
mod values;
mod weights;

pub use cpu::isa::{check_device, device_class};
pub use init::{fresh_head, initial_weights, initial_weights_of};
pub use network::{Mode, Network, NetworkError, Segment, channels_last, network_bytes};
pub use random::Stream;
pub(crate) use weights::tensor as weights_tensor;
pub use weights::{
    Mismatch, Weights, WeightsError, matrix, read_weights, weights_from_bytes, weights_to_bytes, with_channels,
    write_weights,
};
pub(crate) use weights::{bytes_with_note, note_of};

#[cfg(test)]
mod tests;
