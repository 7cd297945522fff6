//! The prepared file: a header and the samples of all pictures, one after the other.
//!
//! Header, 64 bytes, little-endian: magic `MTLPICS`, version (u8), pictures (u64), then as u32 the channels that
//! readers see, the channels stored, height, width and bits; zeros. Samples: `[picture, height, width, stored
//! channels]`, u8 or u16, little-endian.

use super::{DataError, Picture, Samples};
use crate::plan::stage::Normalization;
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"MTLPICS\x01";
const HEADER: usize = 64;
/// Bytes that are read at once when a sample is filled; a multiple of every pixel's size, and small enough for the
/// stack and the first-level cache.
const BLOCK: usize = 12 * 1024;

/// What a prepared file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Pictures.
    pub(super) count: usize,
    /// Channels that readers see.
    pub(super) channels: usize,
    /// Channels stored: as many, or 1 that is repeated.
    pub(super) stored: usize,
    /// Rows of a picture.
    pub(super) height: usize,
    /// Columns of a picture.
    pub(super) width: usize,
    /// 8 or 16.
    pub(super) bits: u32,
}

impl Layout {
    /// The header's bytes.
    pub(super) fn header(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&(self.count as u64).to_le_bytes());
        let fields = [self.channels, self.stored, self.height, self.width, self.bits as usize];
        for (place, field) in bytes[16..].chunks_exact_mut(4).zip(fields) {
            // The language bounds sizes of pictures far below; a picture of 2^32 pixels a side does not exist.
            place.copy_from_slice(&u32::try_from(field).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8; HEADER]) -> Result<Self, String> {
        if bytes[..7] != MAGIC[..7] {
            return Err("it does not begin as one".to_owned());
        }
        if bytes[7] != MAGIC[7] {
            return Err(format!("version {} where {} is read", bytes[7], MAGIC[7]));
        }
        let mut count = [0; 8];
        count.copy_from_slice(&bytes[8..16]);
        let mut fields = [0; 5];
        for (field, word) in fields.iter_mut().zip(bytes[16..].chunks_exact(4)) {
            *field = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        }
        let [channels, stored, height, width, bits] = fields.map(|field| field as usize);
        let sound =
            matches!((channels, stored), (1, 1) | (3, 1) | (3, 3)) && matches!(bits, 8 | 16) && height * width > 0;
        if !sound {
            return Err(format!(
                "{height} x {width} pixels, {stored} of {channels} channels, {bits} bits"
            ));
        }
        let count = usize::try_from(u64::from_le_bytes(count)).map_err(|error| error.to_string())?;
        Ok(Self {
            count,
            channels,
            stored,
            height,
            width,
            bits: bits as u32,
        })
    }

    fn value_bytes(&self) -> usize {
        self.bits as usize / 8
    }

    /// The largest value that a stored number of these bits has.
    fn largest(&self) -> f64 {
        match self.bits {
            8 => f64::from(u8::MAX),
            _ => f64::from(u16::MAX),
        }
    }

    fn pixel_bytes(&self) -> usize {
        self.stored * self.value_bytes()
    }

    /// Bytes of one picture.
    fn picture_bytes(&self) -> usize {
        self.height * self.width * self.pixel_bytes()
    }

    /// Bytes of the whole file; none if they cannot be counted.
    fn file_bytes(&self) -> Option<u64> {
        let picture = (self.height as u64)
            .checked_mul(self.width as u64)?
            .checked_mul(self.pixel_bytes() as u64)?;
        picture.checked_mul(self.count as u64)?.checked_add(HEADER as u64)
    }
}

/// A prepared file, open for reading by any number of threads at once.
#[derive(Debug)]
pub struct Prepared {
    path: PathBuf,
    file: File,
    layout: Layout,
}

impl Prepared {
    /// Opens a prepared file; its samples stay on disk (and in the system's cache) until they are asked for.
    ///
    /// # Errors
    /// A file that cannot be read, is none, or is not whole.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let damaged = |reason| DataError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it ends in its header".to_owned()),
            _ => DataError::Io {
                path: path.to_owned(),
                source,
            },
        };
        let file = File::open(path).map_err(io)?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(io)?;
        let layout = Layout::parse(&header).map_err(damaged)?;
        let found = file.metadata().map_err(io)?.len();
        if layout.file_bytes() != Some(found) {
            return Err(damaged(format!("{found} bytes do not hold {layout:?}")));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            layout,
        })
    }

    /// Number of pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.count
    }

    /// Whether there is no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layout.count == 0
    }

    /// Channels, height and width of every picture, as [`Self::fill`] gives them.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.layout.channels, self.layout.height, self.layout.width]
    }

    /// The picture of a row as it is stored: grey as one channel, even where [`Self::fill`] gives three.
    ///
    /// # Errors
    /// The file can no longer be read.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn sample(&self, row: usize) -> Result<Picture, DataError> {
        let Layout {
            height,
            width,
            stored,
            bits,
            ..
        } = self.layout;
        let mut bytes = vec![0; self.layout.picture_bytes()];
        self.read(row, 0, &mut bytes)?;
        let samples = match bits {
            8 => Samples::U8(bytes),
            _ => Samples::U16(
                bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                    .collect(),
            ),
        };
        Ok(Picture {
            height,
            width,
            channels: stored,
            samples,
        })
    }

    /// Writes the picture of a row as `(x / largest - mean) / deviation`, `[height, width, channels]`; without a
    /// normalisation as `x / largest`. Allocates nothing.
    ///
    /// # Errors
    /// A normalisation that has neither one number nor one per channel; the file can no longer be read.
    ///
    /// # Panics
    /// If there is no such row, or `out` is not `height * width * channels` long.
    pub fn fill(&self, row: usize, normalization: Option<&Normalization>, out: &mut [f32]) -> Result<(), DataError> {
        let layout = &self.layout;
        assert_eq!(
            out.len(),
            layout.height * layout.width * layout.channels,
            "a sample of another shape"
        );
        let affine = Affine::new(normalization, layout.channels, layout.largest())?;
        let mut block = [0; BLOCK];
        let pixels = BLOCK / layout.pixel_bytes();
        let mut offset = 0;
        for target in out.chunks_mut(pixels * layout.channels) {
            let bytes = &mut block[..target.len() / layout.channels * layout.pixel_bytes()];
            self.read(row, offset, bytes)?;
            offset += bytes.len();
            affine.write(bytes, layout, target);
        }
        Ok(())
    }

    /// Reads the bytes of a row from `offset` on.
    fn read(&self, row: usize, offset: usize, bytes: &mut [u8]) -> Result<(), DataError> {
        assert!(row < self.layout.count, "row {row} of {}", self.layout.count);
        let at = HEADER as u64 + row as u64 * self.layout.picture_bytes() as u64 + offset as u64;
        self.file.read_exact_at(bytes, at).map_err(|source| DataError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

/// Normalises a picture that [`Prepared::fill`] has written without: `(v - mean) / deviation` of every value.
///
/// # Errors
/// A normalisation that has neither one number nor one per channel.
pub fn normalize(normalization: &Normalization, channels: usize, picture: &mut [f32]) -> Result<(), DataError> {
    let Affine { scale, shift } = Affine::new(Some(normalization), channels, 1.0)?;
    for pixel in picture.chunks_exact_mut(channels) {
        for ((value, scale), shift) in pixel.iter_mut().zip(scale).zip(shift) {
            *value = *value * scale + shift;
        }
    }
    Ok(())
}

/// A normalisation as one multiplication and one addition per value.
struct Affine {
    scale: [f32; 3],
    shift: [f32; 3],
}

impl Affine {
    /// Of values from 0 to `largest`.
    fn new(normalization: Option<&Normalization>, channels: usize, largest: f64) -> Result<Self, DataError> {
        let Some(Normalization { mean, deviation }) = normalization else {
            return Ok(Self {
                scale: [(1.0 / largest) as f32; 3],
                shift: [0.0; 3],
            });
        };
        for found in [mean.len(), deviation.len()] {
            if found != 1 && found != channels {
                return Err(DataError::Normalization {
                    expected: channels,
                    found,
                });
            }
        }
        let of = |values: &[f64], channel: usize| if values.len() == 1 { values[0] } else { values[channel] };
        let mut affine = Self {
            scale: [0.0; 3],
            shift: [0.0; 3],
        };
        for channel in 0..channels {
            let (mean, deviation) = (of(mean, channel), of(deviation, channel));
            affine.scale[channel] = (1.0 / (largest * deviation)) as f32;
            affine.shift[channel] = (-mean / deviation) as f32;
        }
        Ok(affine)
    }

    /// Writes a run of pixels.
    fn write(&self, bytes: &[u8], layout: &Layout, out: &mut [f32]) {
        let wide = |pair: [u8; 2]| f32::from(u16::from_le_bytes(pair));
        let pairs = bytes.as_chunks().0.iter().map(|&pair| wide(pair));
        match (layout.stored, layout.channels, layout.bits) {
            (1, 1, 8) => self.write_grey(bytes.iter().map(|&value| f32::from(value)), out),
            (1, 1, _) => self.write_grey(pairs, out),
            (1, _, 8) => self.write_pixels(bytes.iter().map(|&value| [f32::from(value); 3]), out),
            (1, _, _) => self.write_pixels(pairs.map(|value| [value; 3]), out),
            (_, _, 8) => self.write_pixels(bytes.as_chunks().0.iter().map(|rgb| rgb.map(f32::from)), out),
            (_, _, _) => {
                let pixels = bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&[a, b, c, d, e, f]| [[a, b], [c, d], [e, f]].map(wide));
                self.write_pixels(pixels, out);
            }
        }
    }

    fn write_grey(&self, values: impl Iterator<Item = f32>, out: &mut [f32]) {
        let (scale, shift) = (self.scale[0], self.shift[0]);
        for (out, value) in out.iter_mut().zip(values) {
            *out = value * scale + shift;
        }
    }

    fn write_pixels(&self, pixels: impl Iterator<Item = [f32; 3]>, out: &mut [f32]) {
        let ([r, g, b], [shift_r, shift_g, shift_b]) = (self.scale, self.shift);
        for (out, pixel) in out.as_chunks_mut().0.iter_mut().zip(pixels) {
            *out = [pixel[0] * r + shift_r, pixel[1] * g + shift_g, pixel[2] * b + shift_b];
        }
    }
}
