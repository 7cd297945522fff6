//! Safetensors: the length of a header, a JSON header, the values. Format: <https://huggingface.co/docs/safetensors>.

use super::{Contents, Dtype, Entry, Input, Place, Storage, WeightFileError, error::damaged, is_name, length};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use std::{fmt, io::Read};

/// The longest header that is read; the format's reference implementation has the same limit.
pub(super) const LONGEST_HEADER: u64 = 100_000_000;
/// The key of what is no tensor.
const METADATA: &str = "__metadata__";
/// The entry of the metadata in which this program says what a file is.
pub const NOTE: &str = "mtl";

/// An entry of a header, as it stands there.
#[derive(Deserialize)]
pub struct TensorHeader {
    /// The type of its values, as `F32`.
    pub dtype: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its first byte and one past its last, counted from the end of the header.
    pub data_offsets: [u64; 2],
}

/// A header with its names in order, equal ones kept.
#[derive(Default)]
pub struct TensorHeaders {
    /// The tensors.
    pub tensors: Vec<(String, TensorHeader)>,
    note: Option<String>,
}

impl<'de> Deserialize<'de> for TensorHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = TensorHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TensorHeaders, A::Error> {
                let mut headers = TensorHeaders::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        let metadata: std::collections::BTreeMap<String, String> = map.next_value()?;
                        headers.note = metadata.get(NOTE).cloned();
                    } else {
                        headers.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(headers)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Reads the header of a file whose first eight bytes say how long it is.
pub(super) fn open(mut file: Input) -> Result<(Contents, Input), WeightFileError> {
    let len = length(&mut file)?;
    let (headers, begin) = read_tensor_headers(&mut file, len)?;
    let contents = contents(headers, begin, len - begin)?;
    Ok((contents, file))
}

/// The header of a safetensors file of so many bytes, and where the values begin. Nothing in it is checked yet.
///
/// # Errors
/// When it cannot be read, is longer than the file or than any that is read, or is no header.
pub fn read_tensor_headers(file: &mut impl Read, len: u64) -> Result<(TensorHeaders, u64), WeightFileError> {
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_| damaged("it ends within its first bytes"))?;
    let length = u64::from_le_bytes(length);
    if length > len.saturating_sub(8) {
        return Err(damaged("its header is longer than the file"));
    }
    if length > LONGEST_HEADER {
        return Err(WeightFileError::TooLarge(format!(
            "its header takes more than {LONGEST_HEADER} bytes"
        )));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    let headers = serde_json::from_slice(&text).map_err(|error| damaged(format!("its header: {error}")))?;
    Ok((headers, 8 + length))
}

/// The tensors, which fill the rest of the file without gaps and overlaps.
fn contents(headers: TensorHeaders, begin: u64, len: u64) -> Result<Contents, WeightFileError> {
    let mut contents = Contents {
        note: headers.note,
        ..Contents::default()
    };
    for (name, header) in headers.tensors {
        if !is_name(&name) {
            return Err(damaged("it has a name that is no plain text"));
        }
        let [start, end] = header.data_offsets;
        let (dtype, bits) = Dtype::of_safetensors(&header.dtype)
            .ok_or_else(|| damaged(format!("`{name}` is of an unknown type, `{}`", header.dtype)))?;
        let size = header
            .shape
            .iter()
            .try_fold(1_u64, |size, extent| size.checked_mul(*extent as u64));
        let bits = size.and_then(|size| size.checked_mul(bits));
        let taken = end
            .checked_sub(start)
            .filter(|_| end <= len)
            .and_then(|taken| taken.checked_mul(8));
        let (Some(bits), Some(taken)) = (bits, taken) else {
            return Err(damaged(format!("`{name}` reaches beyond the file")));
        };
        if bits != taken {
            return Err(damaged(format!(
                "`{name}` of shape {:?} does not fill the {} bytes that it has",
                header.shape,
                end - start
            )));
        }
        let place = Place {
            storage: contents.storages.len(),
            offset: 0,
            strides: contiguous(&header.shape),
        };
        contents.storages.push(Storage {
            at: begin + start,
            bytes: end - start,
            crc: None,
        });
        let entry = Entry {
            shape: header.shape,
            dtype,
            place: Some(place),
        };
        if contents.entries.insert(name.clone(), entry).is_some() {
            return Err(damaged(format!("the name `{name}` stands in it twice")));
        }
    }
    let mut ranges: Vec<_> = contents
        .storages
        .iter()
        .map(|storage| (storage.at, storage.at + storage.bytes))
        .collect();
    ranges.sort_unstable();
    let mut at = begin;
    for (start, end) in ranges {
        if start != at {
            return Err(damaged(if start < at {
                "two of its tensors overlap"
            } else {
                "it has bytes of no tensor"
            }));
        }
        at = end;
    }
    if at != begin + len {
        return Err(damaged("it has bytes of no tensor"));
    }
    Ok(contents)
}

/// Strides of values in row order.
pub(super) fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}
