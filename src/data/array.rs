//! Arrays of ready samples, `[n, channels, height, width]`, in files of NumPy or safetensors.

use super::DataError;
use crate::{
    tables::npy,
    weights::{TensorHeader, WeightFileError, read_tensor_headers},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Seek},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The name of the tensor that is meant where several would do.
const USUAL: &str = "input";

/// The element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F64,
}

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// An array in a file, open for reading: its values stay there until they are asked for.
#[derive(Debug)]
pub struct Array {
    path: PathBuf,
    file: File,
    kind: Kind,
    /// Where its values begin.
    offset: u64,
    shape: [usize; 4],
}

/// What a header says of an array.
struct Found {
    kind: Kind,
    offset: u64,
    shape: Vec<usize>,
    /// The bytes that are there for its values.
    bytes: u64,
}

impl Array {
    /// True for a file that is named as one that holds arrays.
    #[must_use]
    pub fn is_named(path: &Path) -> bool {
        ["npy", "safetensors"]
            .into_iter()
            .any(|ending| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)))
    }

    /// Opens the array of a `.npy` file, or a tensor of a safetensors file: the one called `tensor`, else `input`, else
    /// the only one with four extents. Its elements are F32, or F64, which are rounded.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or holds no such array.
    pub fn open(path: &Path, tensor: Option<&str>) -> Result<Self, DataError> {
        let io = |source| DataError::Io {
            path: path.to_owned(),
            source,
        };
        let bad = |reason| DataError::Array {
            path: path.to_owned(),
            reason,
        };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let is_npy = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        let found = match (is_npy, tensor) {
            (true, Some(_)) => Err("a `.npy` file holds one array, which has no name".to_owned()),
            (true, None) => numpy(&file, len),
            (false, _) => safetensors(&file, len, tensor),
        };
        let Found {
            kind,
            offset,
            shape,
            bytes,
        } = found.map_err(bad)?;
        let [count, channels, height, width] = shape[..] else {
            let message = format!("shape {shape:?}; samples are [n, channels, height, width]");
            return Err(bad(message));
        };
        let extents = [count, channels, height, width];
        if extents.contains(&0) {
            return Err(bad(format!("shape {shape:?}, which holds nothing")));
        }
        let expected = extents
            .iter()
            .try_fold(kind.bytes() as u64, |bytes, &extent| bytes.checked_mul(extent as u64));
        if expected != Some(bytes) {
            let expected = expected.map_or("too many".to_owned(), |bytes| bytes.to_string());
            return Err(bad(format!("{bytes} bytes where shape {shape:?} needs {expected}")));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            kind,
            offset,
            shape: extents,
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there is no sample; never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape[0] == 0
    }

    /// Channels, height and width of every sample.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let [_, channels, height, width] = self.shape;
        [channels, height, width]
    }

    /// Writes sample `row`, `[channels, height, width]`.
    ///
    /// # Errors
    /// The file can no longer be read.
    ///
    /// # Panics
    /// If there is no such sample, or `out` has another length than one.
    pub fn fill(&self, row: usize, out: &mut [f32]) -> Result<(), DataError> {
        assert!(row < self.len(), "sample {row} of {}", self.len());
        assert_eq!(
            out.len(),
            self.shape().iter().product::<usize>(),
            "a sample of another shape"
        );
        let mut bytes = vec![0; out.len() * self.kind.bytes()];
        let at = self.offset + (row * bytes.len()) as u64;
        let read = self.file.read_exact_at(&mut bytes, at);
        read.map_err(|source| DataError::Io {
            path: self.path.clone(),
            source,
        })?;
        match self.kind {
            Kind::F32 => {
                let values = bytes.as_chunks().0.iter();
                out.iter_mut()
                    .zip(values)
                    .for_each(|(to, &from)| *to = f32::from_le_bytes(from));
            }
            Kind::F64 => {
                let values = bytes.as_chunks().0.iter();
                out.iter_mut()
                    .zip(values)
                    .for_each(|(to, &from)| *to = f64::from_le_bytes(from) as f32);
            }
        }
        Ok(())
    }
}

fn numpy(file: &File, len: u64) -> Result<Found, String> {
    let mut reader = BufReader::new(file);
    let header = npy::read_header(&mut reader)?;
    let kind = match header.kind.as_str() {
        "<f4" => Kind::F32,
        "<f8" => Kind::F64,
        other => return Err(refused(other)),
    };
    let offset = reader.stream_position().map_err(|error| error.to_string())?;
    Ok(Found {
        kind,
        offset,
        shape: header.shape,
        bytes: len - offset.min(len),
    })
}

fn safetensors(file: &File, len: u64, wanted: Option<&str>) -> Result<Found, String> {
    let (header, begin) = header(file, len)?;
    let entry = match wanted {
        Some(name) => header.get(name).ok_or_else(|| {
            let names: Vec<_> = header.keys().map(|name| format!("`{name}`")).collect();
            format!("it has no tensor `{name}`; its tensors are {}", names.join(", "))
        })?,
        None => {
            let mut maps = header.iter().filter(|(_, entry)| entry.shape.len() == 4);
            match (header.get(USUAL), maps.next(), maps.next()) {
                (Some(input), ..) => input,
                (None, Some((_, only)), None) => only,
                (None, None, _) => return Err("no tensor is [n, channels, height, width]".to_owned()),
                (None, Some((one, _)), Some((other, _))) => {
                    return Err(format!(
                        "`{one}` and `{other}` both have four extents; say which is meant with `--tensor`"
                    ));
                }
            }
        }
    };
    let kind = match entry.dtype.as_str() {
        "F32" => Kind::F32,
        "F64" => Kind::F64,
        other => return Err(refused(other)),
    };
    let [from, to] = entry.data_offsets;
    if from > to || to > len - begin {
        return Err(format!("a tensor from byte {from} to {to} in {} bytes", len - begin));
    }
    Ok(Found {
        kind,
        offset: begin + from,
        shape: entry.shape.clone(),
        bytes: to - from,
    })
}

/// The entries of a safetensors header, and where the values begin.
fn header(file: &File, len: u64) -> Result<(BTreeMap<String, TensorHeader>, u64), String> {
    let found = read_tensor_headers(&mut BufReader::new(file), len);
    let (headers, begin) = found.map_err(|error| match error {
        WeightFileError::Damaged(what) => format!("no safetensors file: {what}"),
        error => format!("no safetensors file: {error}"),
    })?;
    Ok((headers.tensors.into_iter().collect(), begin))
}

fn refused(kind: &str) -> String {
    format!("elements of type {kind}; ready samples are float32 (or float64) in little-endian order")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    fn tensors(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    #[test]
    fn both_formats_and_both_widths_are_read_row_by_row() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let single: Vec<u8> = (0..12_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let double: Vec<u8> = (0..12_u8).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        let files = [
            ("a.npy", npy("<f4", "3, 1, 2, 2", &single)),
            ("b.npy", npy("<f8", "3, 1, 2, 2", &double)),
            (
                "c.safetensors",
                tensors(
                    r#"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[3,1,2,2],"data_offsets":[0,48]}}"#,
                    &single,
                ),
            ),
        ];
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes)?;
            let array = Array::open(&path, None)?;
            assert_eq!((array.len(), array.shape()), (3, [1, 2, 2]), "{name}");
            let mut out = [0.0; 4];
            array.fill(2, &mut out)?;
            assert_eq!(out, [8.0, 9.0, 10.0, 11.0], "{name}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_array_of_samples_is_refused_in_words() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let entry =
            |shape: &str, offsets: &str| format!(r#"{{"dtype":"F32","shape":[{shape}],"data_offsets":[{offsets}]}}"#);
        let two = format!(r#"{{"a":{0},"b":{0}}}"#, entry("1,1,1,1", "0,4"));
        let files = [
            ("a.npy", npy("|u1", "1, 1, 1, 1", &[0]), "elements of type |u1"),
            ("b.npy", npy("<f4", "1, 1, 2", &[0; 8]), "shape [1, 1, 2]"),
            ("c.npy", npy("<f4", "1, 1, 1, 2", &[0; 7]), "7 bytes where"),
            ("d.npy", npy("<f4", "0, 1, 1, 2", &[]), "which holds nothing"),
            (
                "e.npy",
                npy("<f4", "4294967296, 4294967296, 4294967296, 1", &[]),
                "needs too many",
            ),
            ("f.npy", b"PNG".to_vec(), "damaged array"),
            ("g.safetensors", tensors(&two, &[0; 4]), "`a` and `b` both"),
            (
                "h.safetensors",
                tensors(&format!(r#"{{"a":{}}}"#, entry("1,1,1,1", "4,8")), &[0; 4]),
                "from byte 4 to 8",
            ),
            ("i.safetensors", vec![255; 16], "longer than the file"),
            ("j.safetensors", tensors("{", &[]), "no safetensors file"),
        ];
        for (name, bytes, said) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes)?;
            let message = Array::open(&path, None).expect_err(name).to_string();
            assert!(message.contains(said), "{name}: {message}");
        }
        let path = folder.path().join("g.safetensors");
        assert!(Array::open(&path, Some("b")).is_ok());
        let message = Array::open(&path, Some("c")).expect_err("no c").to_string();
        assert!(message.contains("its tensors are `a`, `b`"), "{message}");
        Ok(())
    }
}
