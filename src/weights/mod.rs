//! Weight files: names, shapes and values of tensors in the formats of safetensors and of PyTorch, old and new.
//!
//! A file is hostile until proven otherwise. Nothing in it is executed (`pickle.rs`), every number in a header is checked
//! before it is used, and memory is bounded: a header by fixed limits, values by the size of the file, which holds nothing
//! in compressed form. [`WeightFile::open`] reads the header alone.

mod archive;
mod error;
mod legacy;
mod note;
mod pickle;
mod pickle_bytes;
mod safetensors;
mod torch;
mod zip_directory;

pub use error::{WeightFileError, first_names};
use half::{bf16, f16};
use indexmap::IndexMap;
pub use note::Note;
pub use safetensors::{NOTE, TensorHeader, TensorHeaders, read_tensor_headers};
use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.safetensors`
    Safetensors,
    /// `torch.save` since PyTorch 1.6: a zip archive.
    Zip,
    /// `torch.save` before PyTorch 1.6.
    Legacy,
}

impl Format {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Zip => "PyTorch",
            Self::Legacy => "PyTorch before 1.6",
        }
    }
}

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Something that is no weight, by torch's name.
    Other(&'static str),
}

impl Dtype {
    /// Torch's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Other(name) => name,
        }
    }

    /// True for floating-point numbers, which weights are.
    #[must_use]
    pub fn is_float(self) -> bool {
        !matches!(self, Self::Other(_))
    }

    fn of_torch(name: &'static str) -> Self {
        let known = [Self::F16, Self::Bf16, Self::F32, Self::F64];
        known
            .into_iter()
            .find(|dtype| dtype.name() == name)
            .unwrap_or(Self::Other(name))
    }

    /// The type of a safetensors header, and the bits of a value.
    fn of_safetensors(name: &str) -> Option<(Self, u64)> {
        Some(match name {
            "F16" => (Self::F16, 16),
            "BF16" => (Self::Bf16, 16),
            "F32" => (Self::F32, 32),
            "F64" => (Self::F64, 64),
            "I64" => (Self::Other("int64"), 64),
            "I32" => (Self::Other("int32"), 32),
            "I16" => (Self::Other("int16"), 16),
            "I8" => (Self::Other("int8"), 8),
            "U64" => (Self::Other("uint64"), 64),
            "U32" => (Self::Other("uint32"), 32),
            "U16" => (Self::Other("uint16"), 16),
            "U8" => (Self::Other("uint8"), 8),
            "BOOL" => (Self::Other("bool"), 8),
            "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => (Self::Other("float8"), 8),
            "C64" => (Self::Other("complex64"), 64),
            _ => return None,
        })
    }
}

/// A name of a file: what its header says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// What its values are.
    pub dtype: Dtype,
    /// Where they stand; none for what is no tensor.
    place: Option<Place>,
}

impl Entry {
    /// What stands among tensors and is none.
    fn nothing() -> Self {
        Self {
            shape: Vec::new(),
            dtype: Dtype::Other("no tensor"),
            place: None,
        }
    }

    /// True for the counters that torch keeps beside batch norms, `num_batches_tracked`. They are no weights.
    #[must_use]
    pub fn is_counter(name: &str) -> bool {
        name.rsplit('.').next() == Some("num_batches_tracked")
    }
}

/// Where a tensor's values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Their storage, by number.
    storage: usize,
    /// Elements before the first.
    offset: usize,
    /// Elements from one to the next along each axis.
    strides: Vec<usize>,
}

/// A run of bytes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Storage {
    /// Its first byte.
    at: u64,
    bytes: u64,
    /// The sum that its bytes must have, in archives.
    crc: Option<u32>,
}

/// What a header says.
#[derive(Debug, Default)]
struct Contents {
    entries: IndexMap<String, Entry>,
    storages: Vec<Storage>,
    /// What this program says of a file that it wrote.
    note: Option<String>,
}

/// True for a name that a message may print: of moderate length, without signs that steer a terminal.
fn is_name(name: &str) -> bool {
    const LONGEST: usize = 1024;
    name.len() <= LONGEST && !name.chars().any(char::is_control)
}

/// What a file is read from.
trait Seekable: Read + Seek {}

impl<T: Read + Seek> Seekable for T {}

/// A file, or bytes in its place.
type Input = Box<dyn Seekable>;

/// The bytes that there are.
fn length(input: &mut Input) -> io::Result<u64> {
    let len = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(0))?;
    Ok(len)
}

/// An open weight file.
pub struct WeightFile {
    format: Format,
    contents: Contents,
    input: Input,
    /// The storage that was read last: tensors that share one stand beside each other.
    last: Option<(usize, Vec<u8>)>,
}

impl WeightFile {
    /// Reads the header of a file: names, shapes and types. What a file is, its bytes say, not its name.
    ///
    /// `within` names the entry of a PyTorch file in which the weights stand, where they are not all of it.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, asks for anything but tensors, or has no weights there.
    pub fn open(path: &Path, within: Option<&str>) -> Result<Self, WeightFileError> {
        Self::of(Box::new(File::open(path)?), within)
    }

    /// As [`WeightFile::open`], of the bytes of a file.
    ///
    /// # Errors
    /// As [`WeightFile::open`].
    pub fn from_bytes(bytes: Vec<u8>, within: Option<&str>) -> Result<Self, WeightFileError> {
        Self::of(Box::new(Cursor::new(bytes)), within)
    }

    fn of(mut file: Input, within: Option<&str>) -> Result<Self, WeightFileError> {
        let mut beginning = Vec::new();
        (&mut file).take(16).read_to_end(&mut beginning)?;
        file.seek(SeekFrom::Start(0))?;
        let (format, (contents, input)) = if beginning.starts_with(b"PK\x03\x04") {
            (Format::Zip, archive::open(file, within)?)
        } else if beginning.starts_with(&legacy::BEGINNING) {
            (Format::Legacy, legacy::open(file, within)?)
        } else if beginning.get(8) == Some(&b'{') {
            if let Some(within) = within {
                return Err(WeightFileError::Unsupported(format!(
                    "is a safetensors file, whose tensors do not stand within anything: `within: {within:?}` is for PyTorch's"
                )));
            }
            (Format::Safetensors, safetensors::open(file)?)
        } else {
            return Err(WeightFileError::Unknown);
        };
        Ok(Self {
            format,
            contents,
            input,
            last: None,
        })
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// All names, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &IndexMap<String, Entry> {
        &self.contents.entries
    }

    /// The same without the file.
    #[must_use]
    pub fn into_entries(self) -> IndexMap<String, Entry> {
        self.contents.entries
    }

    /// What this program said of the file when it wrote it.
    #[must_use]
    pub fn note(&self) -> Option<Note> {
        self.contents.note.as_deref().and_then(Note::from_text)
    }

    /// The values of a tensor as 32-bit floats in row order. Halves are exact, doubles are rounded to the nearest.
    ///
    /// # Errors
    /// When there is none of this name, it is of another type, is damaged, or holds what is no finite number.
    pub fn values(&mut self, name: &str) -> Result<Vec<f32>, WeightFileError> {
        let missing = || WeightFileError::Damaged(format!("it has no tensor `{name}`"));
        let entry = self.contents.entries.get(name).cloned().ok_or_else(missing)?;
        let place = entry.place.as_ref().ok_or_else(missing)?;
        let bytes = self.storage(place.storage)?;
        let values = match entry.dtype {
            Dtype::F32 => gather(&entry.shape, place, bytes, f32::from_le_bytes),
            Dtype::F64 => gather(&entry.shape, place, bytes, |b| f64::from_le_bytes(b) as f32),
            Dtype::F16 => gather(&entry.shape, place, bytes, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::Bf16 => gather(&entry.shape, place, bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Dtype::Other(dtype) => {
                return Err(WeightFileError::NotFloat {
                    name: name.to_owned(),
                    dtype: dtype.to_owned(),
                });
            }
        };
        let values = values.ok_or_else(|| WeightFileError::Damaged(format!("`{name}` reaches beyond its storage")))?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(WeightFileError::NotFinite {
                name: name.to_owned(),
                value: value.to_string(),
            }),
            None => Ok(values),
        }
    }

    /// The bytes of a storage.
    fn storage(&mut self, number: usize) -> Result<&[u8], WeightFileError> {
        let known = self.last.as_ref().is_some_and(|(known, _)| *known == number);
        if !known {
            let storage = self.contents.storages[number];
            self.input.seek(SeekFrom::Start(storage.at))?;
            let mut bytes = Vec::with_capacity(usize::try_from(storage.bytes).unwrap_or(0));
            (&mut self.input).take(storage.bytes).read_to_end(&mut bytes)?;
            if bytes.len() as u64 != storage.bytes {
                return Err(WeightFileError::Damaged("it has become shorter".to_owned()));
            }
            if storage.crc.is_some_and(|crc| crc != crc32fast::hash(&bytes)) {
                return Err(WeightFileError::Damaged(
                    "the sum of a storage is not that of its bytes".to_owned(),
                ));
            }
            self.last = Some((number, bytes));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, bytes)| bytes))
    }
}

/// The values of a view in row order; none when it reaches beyond its storage.
fn gather<const N: usize>(
    shape: &[usize],
    place: &Place,
    bytes: &[u8],
    value: impl Fn([u8; N]) -> f32,
) -> Option<Vec<f32>> {
    let (elements, _) = bytes.as_chunks::<N>();
    let size: usize = shape.iter().product();
    let in_row_order = place.strides == safetensors::contiguous(shape);
    if in_row_order {
        let run = elements.get(place.offset..place.offset.checked_add(size)?)?;
        return Some(run.iter().map(|bytes| value(*bytes)).collect());
    }
    let mut values = Vec::with_capacity(size);
    let mut index = vec![0; shape.len()];
    let mut at = place.offset;
    for _ in 0..size {
        values.push(value(*elements.get(at)?));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += place.strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= place.strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests;
