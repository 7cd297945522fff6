//! Pictures in memory: decoding, resizing and encoding.

use super::DataError;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::{DynamicImage, ImageReader};
use std::path::Path;

/// The values of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits.
    U8(Vec<u8>),
    /// 16 bits.
    U16(Vec<u16>),
}

/// A picture, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (grey) or 3 (colour).
    pub channels: usize,
    /// Values, row by row, channels innermost.
    pub samples: Samples,
}

/// Decodes a PNG or JPEG file; which of the two is told by its first bytes.
///
/// As torchvision reads it through Pillow: alpha is dropped, palettes are expanded to colours, fewer than 8 bits to 8,
/// orientation tags are not applied. Unlike there, 16 bits stay 16 in colour as well.
pub(super) fn decode(path: &Path) -> Result<Picture, DataError> {
    let io = |source| DataError::Io {
        path: path.to_owned(),
        source,
    };
    let reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    let image = reader.decode().map_err(|error| DataError::Decode {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let (height, width) = (image.height() as usize, image.width() as usize);
    let (channels, samples) = match image {
        DynamicImage::ImageLuma8(image) => (1, Samples::U8(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (1, Samples::U8(without_alpha(&image.into_raw(), 1))),
        DynamicImage::ImageRgb8(image) => (3, Samples::U8(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (3, Samples::U8(without_alpha(&image.into_raw(), 3))),
        DynamicImage::ImageLuma16(image) => (1, Samples::U16(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (1, Samples::U16(without_alpha(&image.into_raw(), 1))),
        DynamicImage::ImageRgb16(image) => (3, Samples::U16(image.into_raw())),
        DynamicImage::ImageRgba16(image) => (3, Samples::U16(without_alpha(&image.into_raw(), 3))),
        other => {
            return Err(DataError::Decode {
                path: path.to_owned(),
                reason: format!("pixels of the kind {:?}", other.color()),
            });
        }
    };
    Ok(Picture {
        height,
        width,
        channels,
        samples,
    })
}

/// The first `channels` of every `channels + 1` values.
fn without_alpha<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
    values
        .chunks_exact(channels + 1)
        .flat_map(|pixel| &pixel[..channels])
        .copied()
        .collect()
}

impl Picture {
    /// To exactly `height x width` by convolution with a triangle that widens with the reduction, horizontally and then
    /// vertically, rounded after each pass: Pillow's `resize(..., BILINEAR)`, which torchvision's `Resize` calls.
    pub(super) fn resize(self, height: u32, width: u32, name: &str) -> Result<Self, DataError> {
        if (self.height, self.width) == (height as usize, width as usize) {
            return Ok(self);
        }
        let refused = |reason: String| DataError::Resize {
            picture: name.to_owned(),
            reason,
        };
        let Self {
            height: from_height,
            width: from_width,
            channels,
            samples,
        } = self;
        let size = |extent: usize| u32::try_from(extent).map_err(|error| refused(error.to_string()));
        let (from_width, from_height) = (size(from_width)?, size(from_height)?);
        let (kind, source, is_wide) = match samples {
            Samples::U8(values) => {
                let kind = if channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
                let source = Image::from_vec_u8(from_width, from_height, values, kind);
                (kind, source.map_err(|error| refused(error.to_string()))?, false)
            }
            Samples::U16(values) => {
                let kind = if channels == 1 {
                    PixelType::U16
                } else {
                    PixelType::U16x3
                };
                let mut source = Image::new(from_width, from_height, kind);
                for (pair, value) in source.buffer_mut().chunks_exact_mut(2).zip(values) {
                    pair.copy_from_slice(&value.to_ne_bytes());
                }
                (kind, source, true)
            }
        };
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false);
        let mut resizer = Resizer::new();
        let mut pass = |source: &Image<'_>, height, width| {
            let mut target = Image::new(width, height, kind);
            let done = resizer.resize(source, &mut target, &options);
            done.map(|()| target).map_err(|error| refused(error.to_string()))
        };
        // One direction at a time, because the library would begin with the other one.
        let narrowed = pass(&source, from_height, width)?;
        let target = pass(&narrowed, height, width)?;
        let bytes = target.into_vec();
        let samples = if is_wide {
            Samples::U16(
                bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_ne_bytes([pair[0], pair[1]]))
                    .collect(),
            )
        } else {
            Samples::U8(bytes)
        };
        Ok(Self {
            height: height as usize,
            width: width as usize,
            channels,
            samples,
        })
    }

    /// Little-endian bytes with `channels` stored channels and `bits` per value. Grey is repeated into colours, and
    /// 8 bits become 16 by `257 x`, which keeps the share of the largest value exactly.
    pub(super) fn encode(self, channels: usize, bits: u32) -> Vec<u8> {
        let repeat = channels / self.channels;
        match self.samples {
            Samples::U8(values) if repeat == 1 && bits == 8 => values,
            Samples::U8(values) if bits == 8 => values
                .into_iter()
                .flat_map(|value| std::iter::repeat_n(value, repeat))
                .collect(),
            Samples::U8(values) => wide(values.into_iter().map(|value| u16::from(value) * 257), repeat),
            Samples::U16(values) => wide(values.into_iter(), repeat),
        }
    }
}

fn wide(values: impl Iterator<Item = u16>, repeat: usize) -> Vec<u8> {
    values
        .flat_map(|value| std::iter::repeat_n(value.to_le_bytes(), repeat).flatten())
        .collect()
}
