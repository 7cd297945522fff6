//! Pooling: maximum over windows, and mean over adaptive cells.

use super::conv::ConvShape;
use rayon::prelude::*;
use std::ops::Range;

/// Largest kernel of a max-pool: the place of a maximum within its window is kept in one byte.
pub(crate) const LARGEST_KERNEL: usize = 16;

/// The input rows (or columns) that a window covers, with the first one's place in the window.
fn covered(at: usize, shape: &ConvShape, size: usize) -> (Range<usize>, usize) {
    let start = at * shape.stride;
    let first = shape.pad.saturating_sub(start);
    let from = start + first - shape.pad;
    (from..(start + shape.kernel).saturating_sub(shape.pad).min(size), first)
}

/// `y` = maximum of each window, `places` = its place in the window, row by row. The first of equal values wins, NaN
/// beats all, padding never wins.
pub(crate) fn max_forward(shape: &ConvShape, x: &[f32], y: &mut [f32], places: &mut [u8]) {
    let channels = shape.channels;
    let line = shape.out_width * channels;
    let lines = y.par_chunks_mut(line).zip(places.par_chunks_mut(line)).enumerate();
    lines.for_each(|(at, (y, places))| {
        let (image, top) = (at / shape.out_height, at % shape.out_height);
        let (rows, first_row) = covered(top, shape, shape.height);
        let pixels = y.chunks_exact_mut(channels).zip(places.chunks_exact_mut(channels));
        for (left, (y, places)) in pixels.enumerate() {
            let (columns, first_column) = covered(left, shape, shape.width);
            y.fill(f32::NEG_INFINITY);
            places.fill((first_row * shape.kernel + first_column) as u8);
            for (i, row) in rows.clone().enumerate() {
                for (j, column) in columns.clone().enumerate() {
                    let place = ((first_row + i) * shape.kernel + first_column + j) as u8;
                    let x = &x[((image * shape.height + row) * shape.width + column) * channels..][..channels];
                    compare(x, place, y, places);
                }
            }
        }
    });
}

/// Takes over what is larger. By masks and not by choices, which the compiler would turn into branches.
fn compare(x: &[f32], place: u8, best: &mut [f32], winner: &mut [u8]) {
    for ((best, winner), x) in best.iter_mut().zip(winner).zip(x) {
        let wins = (*x > *best) | x.is_nan();
        let mask = u32::from(wins).wrapping_neg();
        *best = f32::from_bits((x.to_bits() & mask) | (best.to_bits() & !mask));
        *winner = (place & mask as u8) | (*winner & !mask as u8);
    }
}

/// Adds each output gradient where its maximum was: `dx (+)= dL/dx`.
pub(crate) fn max_backward(shape: &ConvShape, dy: &[f32], places: &[u8], accumulate: bool, dx: &mut [f32]) {
    let channels = shape.channels;
    let (image, out) = (
        shape.height * shape.width * channels,
        shape.out_height * shape.out_width * channels,
    );
    // From the first value of a window, padding included, to the one at each place.
    let offsets: Vec<usize> = (0..shape.kernel * shape.kernel)
        .map(|place| (place / shape.kernel * shape.width + place % shape.kernel) * channels)
        .collect();
    let padding = (shape.pad * shape.width + shape.pad) * channels;
    let outputs = dy.par_chunks(out).zip(places.par_chunks(out));
    dx.par_chunks_mut(image).zip(outputs).for_each(|(dx, (dy, places))| {
        if !accumulate {
            dx.fill(0.0);
        }
        let pixels = dy.chunks_exact(channels).zip(places.chunks_exact(channels));
        for (pixel, (dy, places)) in pixels.enumerate() {
            let (top, left) = (pixel / shape.out_width, pixel % shape.out_width);
            let start = (top * shape.width + left) * shape.stride * channels;
            for (channel, (dy, place)) in dy.iter().zip(places).enumerate() {
                dx[start + offsets[usize::from(*place)] + channel - padding] += dy;
            }
        }
    });
}

/// Sizes of an adaptive average pool: `batch` images of `height x width x channels` to `size x size` cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AverageShape {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) size: usize,
}

/// Cell `at` of `cells` over `size` values: torch's borders, `floor(at * size / cells)` to `ceil((at + 1) * size / cells)`.
fn cell(at: usize, cells: usize, size: usize) -> Range<usize> {
    at * size / cells..((at + 1) * size).div_ceil(cells)
}

impl AverageShape {
    /// Calls `visit` with each output pixel, each input pixel of its cell, and `1 / cell area`.
    fn each(&self, mut visit: impl FnMut(usize, usize, f32)) {
        for out in 0..self.size * self.size {
            let rows = cell(out / self.size, self.size, self.height);
            let columns = cell(out % self.size, self.size, self.width);
            let share = 1.0 / (rows.len() * columns.len()) as f32;
            for row in rows {
                columns
                    .clone()
                    .for_each(|column| visit(out, row * self.width + column, share));
            }
        }
    }
}

/// `y` = mean of each cell.
pub(crate) fn average_forward(shape: &AverageShape, x: &[f32], y: &mut [f32]) {
    let channels = shape.channels;
    let (image, out) = (
        shape.height * shape.width * channels,
        shape.size * shape.size * channels,
    );
    y.par_chunks_mut(out).zip(x.par_chunks(image)).for_each(|(y, x)| {
        y.fill(0.0);
        shape.each(|to, from, share| {
            let y = &mut y[to * channels..][..channels];
            y.iter_mut()
                .zip(&x[from * channels..])
                .for_each(|(y, x)| *y += x * share);
        });
    });
}

/// Spreads each cell's gradient over its pixels: `dx (+)= dL/dx`.
pub(crate) fn average_backward(shape: &AverageShape, dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let channels = shape.channels;
    let (image, out) = (
        shape.height * shape.width * channels,
        shape.size * shape.size * channels,
    );
    dx.par_chunks_mut(image).zip(dy.par_chunks(out)).for_each(|(dx, dy)| {
        if !accumulate {
            dx.fill(0.0);
        }
        shape.each(|from, to, share| {
            let dx = &mut dx[to * channels..][..channels];
            dx.iter_mut()
                .zip(&dy[from * channels..])
                .for_each(|(dx, dy)| *dx += dy * share);
        });
    });
}
