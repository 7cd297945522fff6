//! A network ready to compute: its plan, its parameters and its memory.

use super::cpu::elementwise;
use super::flow;
use super::memory::{Arena, BufferId};
use super::plan::{self, Extent, Step, TensorId};
use super::random::Stream;
use super::weights::{Placement, Weights, WeightsError, each_parameter, tensor};
use crate::net::{Graph, ParameterId};
use std::ops::Range;
use thiserror::Error;

/// Why a graph cannot be compiled, or a compiled network not run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// A batch of no sample.
    #[error("a batch must have at least one sample")]
    EmptyBatch,
    /// More samples than the network was compiled for.
    #[error("{count} samples do not fit a batch of {batch}")]
    BatchTooLarge {
        /// Samples asked for.
        count: usize,
        /// Samples that fit.
        batch: usize,
    },
    /// A max-pool whose window is too large for its record of maxima.
    #[error("a max-pool of {kernel}x{kernel} is larger than the largest supported, 16x16")]
    PoolTooLarge {
        /// Side of the kernel.
        kernel: usize,
    },
    /// A node with another number of inputs than its layer takes.
    #[error("{layer} has the wrong number of inputs")]
    Inputs {
        /// The layer's name.
        layer: &'static str,
    },
    /// A frozen parameter that the graph does not have.
    #[error("the graph has no parameter {index}")]
    NoSuchParameter {
        /// Its index.
        index: usize,
    },
    /// Running mean and variance of one layer, of which only one is frozen.
    #[error("`{mean}` and `{variance}` can only be frozen together")]
    StatisticsSplit {
        /// Full name of the running mean.
        mean: String,
        /// Full name of the running variance.
        variance: String,
    },
    /// Every parameter is frozen.
    #[error("no parameter that the output depends on is trained")]
    NothingTrained,
    /// Batch statistics of a single value: its variance says nothing.
    #[error("`{layer}` gets one value per channel; batch normalisation in training needs at least two")]
    OneValue {
        /// Full name of the layer's weight.
        layer: String,
    },
    /// The system has no room for what was planned.
    #[error("the system gives no {bytes} bytes of memory")]
    Memory {
        /// Bytes of the array that did not fit.
        bytes: u64,
    },
    /// The caller wanted no more, between two layers.
    #[error("the pass was stopped")]
    Stopped,
    /// Gradients for another number of samples or outputs than the last forward pass had.
    #[error("the gradient has {found} values, the outputs {expected}")]
    GradientLength {
        /// Values of all outputs.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

/// What a network is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode<'a> {
    /// Running statistics, no dropout, no gradients.
    Evaluate,
    /// Training of all but the frozen parameters. A frozen running mean and variance do not move, and their layer
    /// normalises by them; frozen weights have no gradient, and nothing below the lowest trained one has.
    Train {
        /// Parameters and running statistics that stay as they are.
        frozen: &'a [ParameterId],
    },
}

/// A trained parameter's place among all values and among the gradients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The parameter.
    pub parameter: ParameterId,
    /// Its values in [`Network::training_slices`].
    pub values: Range<usize>,
    /// Its gradients there.
    pub gradients: Range<usize>,
}

/// A graph compiled for batches of up to a fixed size.
///
/// Memory is allocated once. Inside, activations are `[batch, height, width, channels]` and weights
/// `[out, height, width, in]`, in f32.
#[derive(Clone, Debug)]
pub struct Network {
    pub(super) graph: Graph,
    pub(super) batch: usize,
    pub(super) steps: Vec<Step>,
    pub(super) tensors: Vec<Slot>,
    pub(super) output: TensorId,
    /// The auxiliary outputs; none in evaluation.
    pub(super) auxiliary: Vec<TensorId>,
    pub(super) buffers: Arena,
    pub(super) placements: Vec<Placement>,
    segments: Vec<Segment>,
    /// All parameters and buffers, in the order of the graph.
    pub(super) values: Vec<f32>,
    /// Gradients of the trained parameters, in the order of the graph.
    pub(super) gradients: Vec<f32>,
    /// Gradients of shared parameters while another application adds its own.
    pub(super) aside: Vec<f32>,
    pub(super) arena: Vec<f32>,
    /// Places of maxima.
    pub(super) places: Vec<u8>,
    /// Samples of the last forward pass.
    pub(super) count: usize,
    /// Dropout of the last forward pass.
    pub(super) dropout: Stream,
}

/// A tensor's extent and buffers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) extent: Extent,
    pub(super) value: BufferId,
    pub(super) gradient: Option<BufferId>,
}

impl Network {
    /// Compiles a graph for batches of up to `batch` samples. All values are zero until [`Network::load`].
    ///
    /// # Errors
    /// When the batch is empty, a layer is not supported, what is frozen makes no sense, or memory is short.
    pub fn compile(graph: &Graph, mode: Mode<'_>, batch: usize) -> Result<Self, NetworkError> {
        let (trained, lowered, buffers) = planned(graph, mode, batch)?;
        let tensors = lowered.tensors.iter().zip(&buffers.values).zip(&buffers.gradients);
        let tensors = tensors.map(|((&extent, &value), &gradient)| Slot {
            extent,
            value,
            gradient,
        });
        let mut at = 0;
        let placements = graph.parameters.iter().zip(&lowered.exchanged).map(|(p, &exchange)| {
            at += p.len();
            Placement {
                at: at - p.len(),
                exchange,
            }
        });
        let placements: Vec<_> = placements.collect();
        let segments = segments(graph, &placements, trained.as_deref());
        Ok(Self {
            graph: graph.clone(),
            batch,
            output: lowered.output,
            auxiliary: lowered.auxiliary,
            tensors: tensors.collect(),
            steps: lowered.steps,
            placements,
            values: zeros(at)?,
            gradients: zeros(segments.last().map_or(0, |s| s.gradients.end))?,
            segments,
            aside: Vec::new(),
            arena: zeros(buffers.arena.len)?,
            places: zeros(buffers.places * batch)?,
            buffers: buffers.arena,
            count: 0,
            dropout: Stream::new(0),
        })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The largest number of samples in a batch.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// True when some layer normalises by its batch, so that a batch of one sample says little.
    #[must_use]
    pub fn has_batch_statistics(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.call, plan::Call::BatchNorm { momentum: Some(_), .. }))
    }

    /// Bytes of the arrays that it has allocated: what [`network_bytes`] says beforehand.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let floats = self.values.len() + self.gradients.len() + self.arena.len();
        (floats * size_of::<f32>() + self.places.len()) as u64
    }

    /// Floats of memory for activations, gradients of activations and working memory.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.arena.len()
    }

    /// Takes over every value of a network compiled from the same graph, for another mode or batch.
    ///
    /// # Panics
    /// When the graphs have not the same parameters.
    pub fn copy_values(&mut self, from: &Self) {
        let (own, other) = (&self.graph.parameters, &from.graph.parameters);
        assert_eq!(own.len(), other.len(), "networks of one graph");
        for ((parameter, to), at) in own.iter().zip(&self.placements).zip(&from.placements) {
            let range = to.at..to.at + parameter.len();
            if to == at {
                self.values[range.clone()].copy_from_slice(&from.values[range]);
            } else {
                // What only training computes, such as an auxiliary output, stands in torch's order in evaluation.
                to.import(&at.export(&from.values, parameter.len()), &mut self.values);
            }
        }
    }

    /// The trained parameters.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// All values, and the gradients of the last [`Network::backward`]; [`Network::segments`] says where each parameter's are.
    pub fn training_slices(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.values, &mut self.gradients)
    }

    /// The running statistics, in the order of the graph: what of the values a forward pass of training moves.
    #[must_use]
    pub fn statistics(&self) -> Vec<f32> {
        let mut all = Vec::new();
        self.statistic_places()
            .for_each(|range| all.extend_from_slice(&self.values[range]));
        all
    }

    /// Puts running statistics back that [`Network::statistics`] gave.
    ///
    /// # Panics
    /// When they are those of another graph.
    pub fn set_statistics(&mut self, statistics: &[f32]) {
        let places: Vec<_> = self.statistic_places().collect();
        let mut rest = statistics;
        for range in places {
            let (own, more) = rest.split_at(range.len());
            self.values[range].copy_from_slice(own);
            rest = more;
        }
        assert!(rest.is_empty(), "statistics of one graph");
    }

    fn statistic_places(&self) -> impl Iterator<Item = Range<usize>> {
        let is_statistic = |id: &ParameterId| !self.graph.parameter(*id).role.is_trained();
        self.graph.ids().filter(is_statistic).map(|id| self.parameter(id))
    }

    /// Values that stand beside the gradients, such as an optimiser's moments, as named tensors in torch's layouts.
    ///
    /// # Panics
    /// When there are not as many values as gradients.
    #[must_use]
    pub fn export_trained(&self, values: &[f32]) -> Weights {
        assert_eq!(values.len(), self.gradients.len(), "one value per gradient");
        let named = self.segments.iter().map(|segment| {
            let parameter = self.graph.parameter(segment.parameter);
            let place = Placement {
                at: segment.gradients.start,
                ..self.placements[segment.parameter.0].clone()
            };
            let values = place.export(values, parameter.len());
            (parameter.name.clone(), tensor(values, &parameter.shape))
        });
        named.collect()
    }

    /// The reverse of [`Network::export_trained`].
    ///
    /// # Errors
    /// [`WeightsError::Unfit`] when the names or shapes are not those of the trained parameters.
    pub fn import_trained(&self, weights: &Weights) -> Result<Vec<f32>, WeightsError> {
        let mut starts = vec![None; self.placements.len()];
        self.segments
            .iter()
            .for_each(|s| starts[s.parameter.0] = Some(s.gradients.start));
        let mut values = vec![0.0; self.gradients.len()];
        let wanted = |i: usize| starts[i].is_some();
        each_parameter(&self.graph, weights, wanted, |i, from| {
            if let Some(at) = starts[i] {
                let exchange = self.placements[i].exchange;
                Placement { at, exchange }.import(from, &mut values);
            }
        })?;
        Ok(values)
    }

    /// The input of the next forward pass, to be filled: `[count, height, width, channels]`. Its old content is lost.
    ///
    /// # Errors
    /// When `count` is zero or above the batch.
    pub fn images_mut(&mut self, count: usize) -> Result<&mut [f32], NetworkError> {
        self.fits(count)?;
        let range = self.value(plan::INPUT, count);
        Ok(&mut self.arena[range])
    }

    /// The views that the samples of the next forward pass have, to be filled with 1 or 0: `[count, views]`. None for a
    /// network that does not ask for them.
    ///
    /// # Errors
    /// When `count` is zero or above the batch.
    pub fn mask_mut(&mut self, count: usize) -> Result<Option<&mut [f32]>, NetworkError> {
        self.fits(count)?;
        if self.graph.masked_views().is_none() {
            return Ok(None);
        }
        let range = self.value(plan::MASK, count);
        Ok(Some(&mut self.arena[range]))
    }

    /// The logits of the last forward pass, `[count, classes]`.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.arena[self.value(self.output, self.count)]
    }

    /// The logits of an auxiliary output after a forward pass of training, `[count, classes]`, in the order of
    /// [`Graph::auxiliary`].
    ///
    /// # Panics
    /// When there is no such output, or the network was compiled for evaluation.
    #[must_use]
    pub fn auxiliary_logits(&self, place: usize) -> &[f32] {
        &self.arena[self.value(self.auxiliary[place], self.count)]
    }

    pub(super) fn fits(&self, count: usize) -> Result<(), NetworkError> {
        match count {
            0 => Err(NetworkError::EmptyBatch),
            count if count > self.batch => Err(NetworkError::BatchTooLarge {
                count,
                batch: self.batch,
            }),
            _ => Ok(()),
        }
    }

    /// Where a parameter's values stand.
    pub(super) fn parameter(&self, id: ParameterId) -> Range<usize> {
        let start = self.placements[id.0].at;
        start..start + self.graph.parameter(id).len()
    }

    /// Where a parameter's gradients stand, when it is trained.
    pub(super) fn gradient_of(&self, id: ParameterId) -> Option<Range<usize>> {
        let segment = self
            .segments
            .binary_search_by_key(&id, |segment| segment.parameter)
            .ok()?;
        Some(self.segments[segment].gradients.clone())
    }

    /// Where a tensor's values stand for `count` samples.
    pub(super) fn value(&self, tensor: TensorId, count: usize) -> Range<usize> {
        let slot = &self.tensors[tensor.0];
        self.buffers.range(slot.value, slot.extent.len() * count)
    }
}

/// An array of zeros, or an error where the process would end otherwise.
fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>, NetworkError> {
    let mut all = Vec::new();
    let no_room = |_| NetworkError::Memory {
        bytes: (len * size_of::<T>()) as u64,
    };
    all.try_reserve_exact(len).map_err(no_room)?;
    all.resize(len, T::default());
    Ok(all)
}

/// A graph as it is compiled, before anything is allocated.
fn planned(
    graph: &Graph,
    mode: Mode<'_>,
    batch: usize,
) -> Result<(Option<Vec<bool>>, plan::Lowered, flow::Buffers), NetworkError> {
    if batch == 0 {
        return Err(NetworkError::EmptyBatch);
    }
    let trained = trained(graph, mode)?;
    let mut lowered = plan::lower(graph, trained.as_deref(), batch)?;
    let buffers = flow::assign(&mut lowered, trained.as_deref(), batch)?;
    Ok((trained, lowered, buffers))
}

/// Bytes of the arrays that a network of a graph allocates when it is compiled, and how many parameters it trains. Nothing
/// is allocated.
///
/// # Errors
/// As [`Network::compile`].
pub fn network_bytes(graph: &Graph, mode: Mode<'_>, batch: usize) -> Result<(u64, u64), NetworkError> {
    let (trained, _, buffers) = planned(graph, mode, batch)?;
    let all: usize = graph.parameters.iter().map(crate::net::Parameter::len).sum();
    let changes = |id: &ParameterId| trained.as_ref().is_some_and(|trained| trained[id.0]);
    let gradients = graph
        .ids()
        .filter(|id| changes(id) && graph.parameter(*id).role.is_trained());
    let gradients: usize = gradients.map(|id| graph.parameter(id).len()).sum();
    let floats = all + gradients + buffers.arena.len;
    Ok((
        (floats * size_of::<f32>() + buffers.places * batch) as u64,
        gradients as u64,
    ))
}

/// For each parameter whether training changes it; none for evaluation.
fn trained(graph: &Graph, mode: Mode<'_>) -> Result<Option<Vec<bool>>, NetworkError> {
    let Mode::Train { frozen } = mode else {
        return Ok(None);
    };
    let mut trained = vec![true; graph.parameters.len()];
    for id in frozen {
        let flag = trained
            .get_mut(id.0)
            .ok_or(NetworkError::NoSuchParameter { index: id.0 })?;
        *flag = false;
    }
    Ok(Some(trained))
}

fn segments(graph: &Graph, placements: &[Placement], trained: Option<&[bool]>) -> Vec<Segment> {
    let mut at = 0;
    let trained = graph
        .ids()
        .filter(|id| trained.is_some_and(|t| t[id.0]) && graph.parameter(*id).role.is_trained());
    let segments = trained.map(|parameter| {
        let (start, len) = (placements[parameter.0].at, graph.parameter(parameter).len());
        at += len;
        Segment {
            parameter,
            values: start..start + len,
            gradients: at - len..at,
        }
    });
    segments.collect()
}

/// Images `[count, channels, height, width]`, as arrays in files often are, to `[count, height, width, channels]`.
///
/// # Panics
/// When the slices have not `count * channels * height * width` values.
pub fn channels_last(channels: usize, pixels: usize, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many values out as in");
    elementwise::exchange(channels, pixels, from, false, to);
}
