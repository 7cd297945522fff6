//! Weights outside the network: named tensors in torch's layouts, and their safetensors files.

use crate::net::{Graph, Parameter};
use crate::weights::Entry;
use candle_core::{DType, Device, Tensor};
use indexmap::IndexMap;
use safetensors::tensor::Dtype;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Named tensors in torch's layouts: `[out, in, kernel, kernel]`, `[out, in]`, `[n]`.
pub type Weights = IndexMap<String, Tensor>;

/// A tensor whose shape is not the parameter's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The parameter's full name.
    pub name: String,
    /// Its shape in the network.
    pub expected: Vec<usize>,
    /// The tensor's shape.
    pub found: Vec<usize>,
}

/// Why weights cannot be read or do not fit a network.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error("cannot access {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The bytes are no safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A tensor is not of 32-bit floats.
    #[error("tensor `{name}` holds {found}, not F32")]
    NotFloat {
        /// The tensor's name.
        name: String,
        /// The type that it holds.
        found: String,
    },
    /// Names or shapes differ from the network's.
    #[error("the weights do not fit: missing {missing:?}, unexpected {unexpected:?}, other shapes {mismatched:?}")]
    Unfit {
        /// Parameters of the network without a tensor.
        missing: Vec<String>,
        /// Tensors without a parameter.
        unexpected: Vec<String>,
        /// Tensors of another shape.
        mismatched: Vec<Mismatch>,
    },
    /// The tensor library refused.
    #[error("tensor: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Reads a safetensors file. Counters of batches are left out; every other tensor must be F32.
///
/// # Errors
/// When the file cannot be read, is damaged, or holds another type.
pub fn read_weights(path: &Path) -> Result<Weights, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::File {
        path: path.to_owned(),
        source,
    })?;
    weights_from_bytes(&bytes)
}

/// Reads the bytes of a safetensors file as [`read_weights`] does.
///
/// # Errors
/// When the bytes are damaged or hold another type.
pub fn weights_from_bytes(bytes: &[u8]) -> Result<Weights, WeightsError> {
    let file = safetensors::SafeTensors::deserialize(bytes)?;
    let mut names = file.names();
    names.sort_unstable();
    let mut weights = Weights::new();
    for name in names {
        let view = file.tensor(name)?;
        // Torch's counters are read and ignored, never written.
        if Entry::is_counter(name) {
            continue;
        }
        if view.dtype() != Dtype::F32 {
            return Err(WeightsError::NotFloat {
                name: name.to_owned(),
                found: view.dtype().to_string(),
            });
        }
        let (values, _) = view.data().as_chunks::<4>();
        let values = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        weights.insert(name.to_owned(), Tensor::from_vec(values, view.shape(), &Device::Cpu)?);
    }
    Ok(weights)
}

/// The bytes of a safetensors file: the same for the same tensors, whatever their order; without metadata.
///
/// # Errors
/// When a tensor is not F32.
pub fn weights_to_bytes(weights: &Weights) -> Result<Vec<u8>, WeightsError> {
    bytes_with_note(weights, None)
}

/// As [`weights_to_bytes`], with one entry of metadata: more than one would have no fixed order.
pub(crate) fn bytes_with_note(weights: &Weights, note: Option<(&str, String)>) -> Result<Vec<u8>, WeightsError> {
    let mut views = Vec::with_capacity(weights.len());
    for (name, tensor) in weights {
        views.push((name.as_str(), FloatView::new(name, tensor)?));
    }
    views.sort_unstable_by_key(|(name, _)| *name);
    let metadata = note.map(|(key, value)| [(key.to_owned(), value)].into());
    Ok(safetensors::serialize(views, metadata)?)
}

/// The entry of metadata under a key.
pub(crate) fn note_of(bytes: &[u8], key: &str) -> Result<Option<String>, WeightsError> {
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes)?;
    Ok(header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(key).cloned()))
}

/// Writes a safetensors file with the bytes of [`weights_to_bytes`].
///
/// # Errors
/// When a tensor is not F32 or the file cannot be written.
pub fn write_weights(path: &Path, weights: &Weights) -> Result<(), WeightsError> {
    std::fs::write(path, weights_to_bytes(weights)?).map_err(|source| WeightsError::File {
        path: path.to_owned(),
        source,
    })
}

/// A tensor's values as a safetensors file holds them.
struct FloatView {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl FloatView {
    fn new(name: &str, tensor: &Tensor) -> Result<Self, WeightsError> {
        Ok(Self {
            shape: tensor.dims().to_vec(),
            bytes: floats(name, tensor)?.iter().flat_map(|v| v.to_le_bytes()).collect(),
        })
    }
}

impl safetensors::View for FloatView {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A tensor's values in order.
fn floats(name: &str, tensor: &Tensor) -> Result<Vec<f32>, WeightsError> {
    if tensor.dtype() != DType::F32 {
        return Err(WeightsError::NotFloat {
            name: name.to_owned(),
            found: format!("{:?}", tensor.dtype()),
        });
    }
    Ok(tensor.flatten_all()?.to_vec1()?)
}

/// A matrix `[rows, columns]` of values in row order.
///
/// # Errors
/// When there are not `rows * columns` values.
pub fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> Result<Tensor, WeightsError> {
    Ok(Tensor::from_vec(values, (rows, columns), &Device::Cpu)?)
}

/// A weight `[out, from, ...]` for `to` input channels: channel `n` is the sum over the old ones of their factors in row
/// `n` of `mixing(from)`, a matrix `[to, from]`. Sums are made in f64.
///
/// # Errors
/// When the tensor is not F32.
pub fn with_channels(
    name: &str,
    weight: &Tensor,
    to: usize,
    mixing: impl FnOnce(usize) -> Vec<f64>,
) -> Result<Tensor, WeightsError> {
    let mut shape = weight.dims().to_vec();
    let &[out, from, ..] = &shape[..] else {
        return Ok(weight.clone());
    };
    if from == to || from == 0 {
        return Ok(weight.clone());
    }
    let (values, factors) = (floats(name, weight)?, mixing(from));
    let taps: usize = shape[2..].iter().product();
    let mut made = Vec::with_capacity(out * to * taps);
    for filter in values.chunks_exact((from * taps).max(1)) {
        for row in factors.chunks_exact(from) {
            made.extend((0..taps).map(|tap| {
                let terms = row.iter().enumerate();
                terms
                    .map(|(channel, factor)| factor * f64::from(filter[channel * taps + tap]))
                    .sum::<f64>() as f32
            }));
        }
    }
    shape[1] = to;
    Ok(tensor(made, &shape))
}

/// A tensor of values made for its shape.
pub(crate) fn tensor(values: Vec<f32>, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values, shape, &Device::Cpu).expect("as many values as the shape says")
}

/// Where a parameter's values stand inside the network, and in which order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placement {
    /// Where they stand.
    pub(super) at: usize,
    /// Torch's `[rows, a, b]` stands as `[rows, b, a]`: channels last.
    pub(super) exchange: Option<[usize; 2]>,
}

impl Placement {
    /// Copies values from torch's layout to the network's.
    pub(super) fn import(&self, from: &[f32], to: &mut [f32]) {
        let to = &mut to[self.at..self.at + from.len()];
        match self.exchange {
            None => to.copy_from_slice(from),
            Some([a, b]) => super::cpu::elementwise::exchange(a, b, from, false, to),
        }
    }

    /// Copies values from the network's layout to torch's.
    pub(super) fn export(&self, from: &[f32], len: usize) -> Vec<f32> {
        let from = &from[self.at..self.at + len];
        match self.exchange {
            None => from.to_vec(),
            Some([a, b]) => {
                let mut to = vec![0.0; len];
                super::cpu::elementwise::exchange(b, a, from, false, &mut to);
                to
            }
        }
    }
}

/// Checks that `weights` has exactly the parameters of `graph` that `wanted` chooses, and hands each one's values to `take`.
pub(super) fn each_parameter(
    graph: &Graph,
    weights: &Weights,
    wanted: impl Fn(usize) -> bool,
    mut take: impl FnMut(usize, &[f32]),
) -> Result<(), WeightsError> {
    let chosen: Vec<(usize, &Parameter)> = graph
        .parameters
        .iter()
        .enumerate()
        .filter(|(i, _)| wanted(*i))
        .collect();
    let (mut missing, mut mismatched, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for (i, parameter) in chosen {
        match weights.get(&parameter.name) {
            None => missing.push(parameter.name.clone()),
            Some(tensor) if tensor.dims() != parameter.shape => mismatched.push(Mismatch {
                name: parameter.name.clone(),
                expected: parameter.shape.clone(),
                found: tensor.dims().to_vec(),
            }),
            Some(tensor) => found.push((i, &parameter.name, tensor)),
        }
    }
    let expected = |name: &str| graph.find(name).is_some_and(|id| wanted(id.0));
    let unexpected: Vec<_> = weights
        .keys()
        .filter(|n| !expected(n) && !Entry::is_counter(n))
        .cloned()
        .collect();
    if !(missing.is_empty() && unexpected.is_empty() && mismatched.is_empty()) {
        return Err(WeightsError::Unfit {
            missing,
            unexpected,
            mismatched,
        });
    }
    for (i, name, tensor) in found {
        take(i, &floats(name, tensor)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    #[test]
    fn bytes_depend_on_the_tensors_alone() -> Result<(), WeightsError> {
        let mut weights = Weights::new();
        for (i, name) in ["b", "a.weight", "c", "a.bias", "d"].into_iter().enumerate() {
            weights.insert(
                name.to_owned(),
                tensor((0..6).map(|j| (i * 6 + j) as f32).collect(), &[2, 3]),
            );
        }
        let bytes = weights_to_bytes(&weights)?;
        weights.reverse();
        assert_eq!(weights_to_bytes(&weights)?, bytes);
        let back = weights_from_bytes(&bytes)?;
        assert_eq!(weights_to_bytes(&back)?, bytes);
        assert_eq!(back["c"].to_vec2::<f32>()?, weights["c"].to_vec2::<f32>()?);
        Ok(())
    }

    #[test]
    fn counters_are_ignored_and_other_types_are_refused() -> Result<(), WeightsError> {
        let counter = TensorView::new(Dtype::I64, vec![], &[7, 0, 0, 0, 0, 0, 0, 0])?;
        let bytes = safetensors::serialize([("bn.num_batches_tracked", &counter)], None)?;
        assert!(weights_from_bytes(&bytes)?.is_empty());
        let bytes = safetensors::serialize([("bn.weight", &counter)], None)?;
        assert!(matches!(weights_from_bytes(&bytes), Err(WeightsError::NotFloat { name, .. }) if name == "bn.weight"));
        assert!(matches!(weights_from_bytes(&bytes[..9]), Err(WeightsError::Format(_))));
        Ok(())
    }
}
