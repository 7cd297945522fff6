//! Element-wise operations, sums over rows, and the change between channels first and channels last.

use super::relu;
use crate::nn::random::Stream;
use rayon::prelude::*;

/// Values per task.
pub(super) const CHUNK: usize = 1 << 14;
/// Rows whose sum is kept in f32; further sums are in f64.
pub(super) const BLOCK: usize = 128;

/// `y = max(x, 0)`
pub(crate) fn rectify(x: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = relu(*x));
    });
}

/// Zeroes the gradient where the rectified output is not positive, in place.
pub(crate) fn mask(y: &[f32], dy: &mut [f32]) {
    dy.par_chunks_mut(CHUNK)
        .zip(y.par_chunks(CHUNK))
        .for_each(|(dy, y)| mask_chunk(y, dy));
}

pub(super) fn mask_chunk(y: &[f32], dy: &mut [f32]) {
    dy.iter_mut()
        .zip(y)
        .for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
}

/// Multiplies each row of `scale.len()` values by `scale`, in place.
pub(crate) fn scale_rows(scale: &[f32], dy: &mut [f32]) {
    dy.par_chunks_mut(BLOCK * scale.len()).for_each(|dy| {
        for row in dy.chunks_exact_mut(scale.len()) {
            row.iter_mut().zip(scale).for_each(|(g, s)| *g *= s);
        }
    });
}

/// `y = a + b`, rectified when `rectify`.
pub(crate) fn add(a: &[f32], b: &[f32], rectify: bool, y: &mut [f32]) {
    let inputs = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK));
    y.par_chunks_mut(CHUNK).zip(inputs).for_each(|(y, (a, b))| {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = if rectify { relu(a + b) } else { a + b };
        }
    });
}

/// `to = from`, or `to += from` when `accumulate`.
pub(crate) fn transfer(from: &[f32], accumulate: bool, to: &mut [f32]) {
    to.par_chunks_mut(CHUNK)
        .zip(from.par_chunks(CHUNK))
        .for_each(|(to, from)| {
            if accumulate {
                to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
            } else {
                to.copy_from_slice(from);
            }
        });
}

/// Dropout: value `i` stays, scaled by `1 / (1 - rate)`, when draw `i` of the stream is at least `rate`.
/// Its gradient is the same operation with the same stream.
pub(crate) fn dropout(rate: f64, stream: Stream, from: &[f32], accumulate: bool, to: &mut [f32]) {
    let scale = (1.0 / (1.0 - rate)) as f32;
    let outputs = to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK));
    outputs.enumerate().for_each(|(chunk, (to, from))| {
        for (i, (to, from)) in to.iter_mut().zip(from).enumerate() {
            let kept = stream.uniform((chunk * CHUNK + i) as u64) >= rate;
            let value = if kept { from * scale } else { 0.0 };
            *to = if accumulate { *to + value } else { value };
        }
    });
}

/// Floats of working memory that [`column_sums`] needs for so many values in rows of `columns`.
pub(crate) fn column_sums_len(values: usize, columns: usize) -> usize {
    (values / columns).div_ceil(BLOCK) * columns
}

/// `sums[j]` = sum over rows of `matrix[row][j]`, in f32 within blocks of rows and in f64 over the blocks.
pub(crate) fn column_sums(matrix: &[f32], work: &mut [f32], sums: &mut [f32]) {
    let columns = sums.len();
    let work = &mut work[..column_sums_len(matrix.len(), columns)];
    let blocks = work.par_chunks_mut(columns).zip(matrix.par_chunks(BLOCK * columns));
    blocks.for_each(|(sums, rows)| {
        sums.fill(0.0);
        for row in rows.chunks_exact(columns) {
            sums.iter_mut().zip(row).for_each(|(s, v)| *s += v);
        }
    });
    total(work, columns, |j, sum| sums[j] = sum as f32);
}

/// Adds the rows of `partial` in order, in f64, and hands each column's sum to `take`.
pub(super) fn total(partial: &[f32], columns: usize, mut take: impl FnMut(usize, f64)) {
    const WIDE: usize = 64;
    for first in (0..columns).step_by(WIDE) {
        let count = WIDE.min(columns - first);
        let mut sums = [0.0f64; WIDE];
        for row in partial.chunks_exact(columns) {
            sums.iter_mut()
                .zip(&row[first..first + count])
                .for_each(|(s, v)| *s += f64::from(*v));
        }
        sums.iter()
            .take(count)
            .enumerate()
            .for_each(|(j, sum)| take(first + j, *sum));
    }
}

/// Exchanges the last two of `[images, rows, columns]`.
pub(crate) fn exchange(rows: usize, columns: usize, from: &[f32], accumulate: bool, to: &mut [f32]) {
    let len = rows * columns;
    to.par_chunks_mut(len).zip(from.par_chunks(len)).for_each(|(to, from)| {
        for (i, to) in to.iter_mut().enumerate() {
            let value = from[i % rows * columns + i / rows];
            *to = if accumulate { *to + value } else { value };
        }
    });
}
