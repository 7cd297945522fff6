//! What a training takes of memory, known before it runs.

use crate::net::{Graph, ParameterId};
use crate::nn::{Mode, NetworkError, network_bytes};
use crate::plan::stage::{Keep, Optimizer};
use serde::Serialize;

/// What decides a training's memory. Written out, footprints in one graph are equal when they need the same.
#[derive(Clone, Debug, Serialize)]
pub struct Footprint<'a> {
    /// The network.
    #[serde(skip)]
    pub graph: &'a Graph,
    /// Parameters and statistics that stay as they are.
    pub frozen: Vec<ParameterId>,
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

impl Footprint<'_> {
    /// Bytes of the largest memory that a training needs: its arrays, and the copies that are made when its state is saved
    /// (the tensors of the state, their bytes, the file). Pictures, which are read from a mapped file, and the working memory
    /// of each thread are not in it.
    ///
    /// # Errors
    /// When the network cannot be compiled.
    pub fn bytes(&self) -> Result<u64, NetworkError> {
        let mode = Mode::Train { frozen: &self.frozen };
        let (mut bytes, trained) = network_bytes(self.graph, mode, self.images)?;
        if self.has_tuning {
            bytes += network_bytes(self.graph, Mode::Evaluate, self.images)?.0;
        }
        let float = size_of::<f32>() as u64;
        let all: u64 = self.graph.parameters.iter().map(|p| p.len() as u64).sum();
        let copies = u64::from(self.has_average) + u64::from(self.keep == Keep::Best);
        let remembered = float * (trained * self.optimizer.moments() as u64 + all * copies);
        let sum = if self.accumulate > 1 { float * trained } else { 0 };
        let values = (self.images * self.graph.input_shape().len()) as u64;
        let copy = if self.is_mixed { float * values } else { 0 };
        let state = float * all + remembered;
        Ok(bytes + remembered + sum + copy + 3 * state)
    }
}
