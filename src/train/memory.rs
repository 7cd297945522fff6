//! What a training takes of memory, known before it runs.

use crate::net::{Graph, ParameterId};
use crate::nn::{Mode, NetworkError, network_bytes};
use crate::plan::stage::{Keep, Optimizer};

/// What decides a training's memory.
#[derive(Clone, Copy, Debug)]
pub struct Footprint<'a> {
    /// The network.
    pub graph: &'a Graph,
    /// Parameters and statistics that stay as they are.
    pub frozen: &'a [ParameterId],
    /// Images of a batch.
    pub images: usize,
    /// The optimiser.
    pub optimizer: &'a Optimizer,
    /// Batches of a step.
    pub accumulate: usize,
    /// Whether samples are mixed, for which a batch's pictures are copied.
    pub is_mixed: bool,
    /// Whether there is a mean of the weights.
    pub has_average: bool,
    /// Which weights are kept.
    pub keep: Keep,
    /// Whether there are tuning samples, for which a second network stands ready.
    pub has_tuning: bool,
}

/// Bytes of the largest memory that a training needs: its arrays, and the copies that are made when its state is saved
/// (the tensors of the state, their bytes, the file). Pictures, which are read from a mapped file, and the working memory
/// of each thread are not in it.
///
/// # Errors
/// When the network cannot be compiled.
pub fn footprint(training: &Footprint<'_>) -> Result<u64, NetworkError> {
    let mode = Mode::Train {
        frozen: training.frozen,
    };
    let (mut bytes, trained) = network_bytes(training.graph, mode, training.images)?;
    if training.has_tuning {
        bytes += network_bytes(training.graph, Mode::Evaluate, training.images)?.0;
    }
    let float = size_of::<f32>() as u64;
    let all: u64 = training.graph.parameters.iter().map(|p| p.len() as u64).sum();
    let copies = u64::from(training.has_average) + u64::from(training.keep == Keep::Best);
    let remembered = float * (trained * training.optimizer.moments() as u64 + all * copies);
    let sum = if training.accumulate > 1 { float * trained } else { 0 };
    let values = (training.images * training.graph.input_shape().len()) as u64;
    let copy = if training.is_mixed { float * values } else { 0 };
    let state = float * all + remembered;
    Ok(bytes + remembered + sum + copy + 3 * state)
}
