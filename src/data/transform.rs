//! The deterministic transforms of pictures.

use super::{
    DataError, Picture, Samples,
    breast::{Breast, Histogram, grey},
};
use crate::plan::stage::Transform;
use std::ops::Range;

impl Picture {
    /// Applies transforms in order. Grey stays one stored channel; the number of channels that readers shall see comes
    /// beside the picture.
    pub(super) fn transform(mut self, transforms: &[Transform], name: &str) -> Result<(Self, usize), DataError> {
        let mut logical = self.channels;
        for transform in transforms {
            match *transform {
                Transform::Resize { height, width } => self = self.resize(height, width, name)?,
                Transform::Rgb => logical = 3,
                Transform::Fit { height, width } => self = self.fit(height, width, name)?,
                Transform::Crop { height, width } => {
                    let (rows, columns) = (
                        centred(self.height, height as usize),
                        centred(self.width, width as usize),
                    );
                    self = self.crop(rows, columns);
                }
                Transform::Pad { height, width } => self = self.pad(height as usize, width as usize),
                Transform::WindowPercentiles { low, high } => {
                    let grey = grey(&self);
                    let breast = Breast::of(&grey, self.height, self.width);
                    let histogram = Histogram::of(breast.values(&grey));
                    self.window(histogram.percentile(low), histogram.percentile(high));
                }
                Transform::WindowRange { low, high } => self.window(low, high),
                Transform::CropBreast => {
                    let breast = Breast::of(&grey(&self), self.height, self.width);
                    self = self.crop(breast.rows, breast.columns);
                }
                Transform::Face(side) => {
                    let breast = Breast::of(&grey(&self), self.height, self.width);
                    if breast.chest_wall().is_some_and(|wall| wall != side) {
                        self.exchange_sides();
                    }
                }
            }
        }
        Ok((self, logical))
    }

    /// As large as fits into `height x width` in its own proportions, in the middle of black.
    fn fit(self, height: u32, width: u32, name: &str) -> Result<Self, DataError> {
        let [inner_height, inner_width] = fitted([self.height, self.width], [height, width]);
        let resized = self.resize(inner_height, inner_width, name)?;
        Ok(resized.pad(height as usize, width as usize))
    }

    /// The given rows and columns; what lies beyond the picture is left out.
    fn crop(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let (rows, columns) = (
            rows.start..rows.end.min(self.height),
            columns.start..columns.end.min(self.width),
        );
        let piece = columns.start * self.channels..columns.end * self.channels;
        let stride = self.width * self.channels;
        let samples = match &self.samples {
            Samples::U8(values) => Samples::U8(cut(values, stride, &rows, &piece)),
            Samples::U16(values) => Samples::U16(cut(values, stride, &rows, &piece)),
        };
        Self {
            height: rows.len(),
            width: columns.len(),
            channels: self.channels,
            samples,
        }
    }

    /// In the middle of black of at least this size; an odd row or column of it is below or on the right, as
    /// torchvision's `CenterCrop` pads.
    fn pad(self, height: usize, width: usize) -> Self {
        fn inside<T: Copy + Default>(values: &[T], stride: usize, to: [usize; 2], first: [usize; 2]) -> Vec<T> {
            let mut out = vec![T::default(); to[0] * to[1]];
            for (row, values) in values.chunks_exact(stride).enumerate() {
                out[(first[0] + row) * to[1] + first[1]..][..stride].copy_from_slice(values);
            }
            out
        }
        let (height, width) = (height.max(self.height), width.max(self.width));
        let (channels, stride) = (self.channels, self.width * self.channels);
        let first = [(height - self.height) / 2, (width - self.width) / 2 * channels];
        let to = [height, width * channels];
        let samples = match &self.samples {
            Samples::U8(values) => Samples::U8(inside(values, stride, to, first)),
            Samples::U16(values) => Samples::U16(inside(values, stride, to, first)),
        };
        Self {
            height,
            width,
            channels,
            samples,
        }
    }

    /// Maps the values from `low` to `high` to all values that the picture's bits have, and what lies beyond them to the
    /// nearest. A window without extent leaves the picture as it is.
    fn window(&mut self, low: f64, high: f64) {
        if high <= low {
            return;
        }
        let mapped = |largest: f64| {
            (0..=largest as u16)
                .map(|value| ((f64::from(value) - low) / (high - low)).clamp(0.0, 1.0))
                .map(|share| (share * largest).round() as u16)
                .collect::<Vec<u16>>()
        };
        match &mut self.samples {
            Samples::U8(values) => {
                let table = mapped(f64::from(u8::MAX));
                values.iter_mut().for_each(|v| *v = table[usize::from(*v)] as u8);
            }
            Samples::U16(values) => {
                let table = mapped(f64::from(u16::MAX));
                values.iter_mut().for_each(|v| *v = table[usize::from(*v)]);
            }
        }
    }

    fn exchange_sides(&mut self) {
        fn exchange<T: Copy>(values: &mut [T], width: usize, channels: usize) {
            for row in values.chunks_exact_mut(width * channels) {
                for x in 0..width / 2 {
                    for channel in 0..channels {
                        row.swap(x * channels + channel, (width - 1 - x) * channels + channel);
                    }
                }
            }
        }
        match &mut self.samples {
            Samples::U8(values) => exchange(values, self.width, self.channels),
            Samples::U16(values) => exchange(values, self.width, self.channels),
        }
    }
}

fn cut<T: Copy>(values: &[T], stride: usize, rows: &Range<usize>, piece: &Range<usize>) -> Vec<T> {
    rows.clone()
        .flat_map(|row| &values[row * stride..][piece.clone()])
        .copied()
        .collect()
}

/// The middle `part` of `whole`; a half is rounded to the even number, as torchvision's `CenterCrop` does.
fn centred(whole: usize, part: usize) -> Range<usize> {
    let first = ((whole.saturating_sub(part)) as f64 / 2.0).round_ties_even() as usize;
    first..first + part
}

/// The largest size in the proportions of `from` that fits into `into`: one side is that of `into`, the other rounded to
/// the nearest pixel, at least one.
fn fitted(from: [usize; 2], into: [u32; 2]) -> [u32; 2] {
    let ([height, width], [most_height, most_width]) = (from.map(|side| side as f64), into.map(f64::from));
    let scaled = |side: f64, by: f64, most: u32| ((side * by).round() as u32).clamp(1, most);
    if most_height * width <= most_width * height {
        [into[0], scaled(width, most_height / height, into[1])]
    } else {
        [scaled(height, most_width / width, into[0]), into[1]]
    }
}

#[cfg(test)]
mod tests;
