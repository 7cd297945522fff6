//! Batch normalisation (Ioffe and Szegedy 2015) over rows of channels, with its rectifier and a residual sum.

use super::elementwise::{BLOCK, mask_chunk, total};
use super::relu;
use rayon::prelude::*;

/// Floats of working memory that [`statistics`] and the backward pass need.
pub(crate) fn work_len(values: usize, channels: usize) -> usize {
    (values / channels).div_ceil(BLOCK) * 2 * channels
}

/// Mean and biased variance of each channel over all rows of `x`, handed to `take` as `(channel, mean, variance)`.
///
/// Sums are taken about the first row, so a mean far from zero costs no digits; in f32 within blocks of rows, in f64
/// over the blocks.
pub(crate) fn statistics(x: &[f32], channels: usize, work: &mut [f32], mut take: impl FnMut(usize, f64, f64)) {
    let work = &mut work[..work_len(x.len(), channels)];
    let origin = &x[..channels];
    let blocks = work.par_chunks_mut(2 * channels).zip(x.par_chunks(BLOCK * channels));
    blocks.for_each(|(sums, rows)| {
        sums.fill(0.0);
        let (sums, squares) = sums.split_at_mut(channels);
        for row in rows.chunks_exact(channels) {
            for (((sum, square), x), origin) in sums.iter_mut().zip(&mut *squares).zip(row).zip(origin) {
                let d = x - origin;
                *sum += d;
                *square += d * d;
            }
        }
    });
    let rows = (x.len() / channels) as f64;
    let mut means = vec![0.0; channels];
    total(work, 2 * channels, |j, sum| {
        if let Some(mean) = means.get_mut(j) {
            *mean = sum / rows;
        } else {
            let j = j - channels;
            let variance = (sum / rows - means[j] * means[j]).max(0.0);
            take(j, f64::from(origin[j]) + means[j], variance);
        }
    });
}

/// `y = x * scale + shift + residual`, rectified when `rectify`; `scale` and `shift` are per channel.
pub(crate) fn apply(
    x: &[f32],
    (scale, shift): (&[f32], &[f32]),
    residual: Option<&[f32]>,
    rectify: bool,
    y: &mut [f32],
) {
    let channels = scale.len();
    let chunk = BLOCK * channels;
    y.par_chunks_mut(chunk)
        .zip(x.par_chunks(chunk))
        .enumerate()
        .for_each(|(block, (y, x))| {
            for (i, (y, x)) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
                let affine = y.iter_mut().zip(x).zip(scale.iter().zip(shift));
                if let Some(residual) = residual {
                    let residual = &residual[(block * BLOCK + i) * channels..][..channels];
                    for (((y, x), (scale, shift)), residual) in affine.zip(residual) {
                        let value = x * scale + shift + residual;
                        *y = if rectify { relu(value) } else { value };
                    }
                } else {
                    for ((y, x), (scale, shift)) in affine {
                        let value = x * scale + shift;
                        *y = if rectify { relu(value) } else { value };
                    }
                }
            }
        });
}

/// Masks `dy` in place where the rectified output `y` is not positive, and hands `take` for each channel the sums of
/// `dy` and of `dy * (x - mean)`.
pub(crate) fn gradient_sums(
    (x, mean): (&[f32], &[f32]),
    y: Option<&[f32]>,
    dy: &mut [f32],
    work: &mut [f32],
    mut take: impl FnMut(usize, f64, f64),
) {
    let channels = mean.len();
    let work = &mut work[..work_len(x.len(), channels)];
    let chunk = BLOCK * channels;
    let blocks = work
        .par_chunks_mut(2 * channels)
        .zip(dy.par_chunks_mut(chunk))
        .zip(x.par_chunks(chunk));
    blocks.enumerate().for_each(|(block, ((sums, dy), x))| {
        sums.fill(0.0);
        let (sums, products) = sums.split_at_mut(channels);
        for (i, (dy, x)) in dy.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
            if let Some(y) = y {
                mask_chunk(&y[(block * BLOCK + i) * channels..][..channels], dy);
            }
            let terms = dy.iter().zip(x).zip(mean);
            for ((sum, product), ((dy, x), mean)) in sums.iter_mut().zip(&mut *products).zip(terms) {
                *sum += dy;
                *product += dy * (x - mean);
            }
        }
    });
    let mut first = vec![0.0; channels];
    total(work, 2 * channels, |j, sum| {
        if let Some(first) = first.get_mut(j) {
            *first = sum;
        } else {
            take(j - channels, first[j - channels], sum);
        }
    });
}

/// Where an input gradient goes.
pub(crate) enum Target<'a> {
    /// In place of the output gradient.
    Same,
    /// Replaces what is there.
    Set(&'a mut [f32]),
    /// Adds to what is there.
    Add(&'a mut [f32]),
}

/// `dx = dy * scale + (x - mean) * slope + shift` per channel: the input gradient of batch normalisation.
pub(crate) fn input_gradient(
    (x, mean): (&[f32], &[f32]),
    [scale, slope, shift]: [&[f32]; 3],
    dy: &mut [f32],
    target: Target<'_>,
) {
    let channels = scale.len();
    let chunk = BLOCK * channels;
    let row_of = |dx: &mut [f32], dy: &[f32], x: &[f32], accumulate: bool| {
        let factors = scale.iter().zip(slope).zip(shift.iter().zip(mean));
        for (((dx, dy), x), ((scale, slope), (shift, mean))) in dx.iter_mut().zip(dy).zip(x).zip(factors) {
            let value = dy * scale + ((x - mean) * slope + shift);
            *dx = if accumulate { *dx + value } else { value };
        }
    };
    let (dx, accumulate) = match target {
        Target::Same => {
            dy.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(dy, x)| {
                for (dy, x) in dy.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    let factors = scale.iter().zip(slope).zip(shift.iter().zip(mean));
                    for ((dy, x), ((scale, slope), (shift, mean))) in dy.iter_mut().zip(x).zip(factors) {
                        *dy = *dy * scale + ((x - mean) * slope + shift);
                    }
                }
            });
            return;
        }
        Target::Set(dx) => (dx, false),
        Target::Add(dx) => (dx, true),
    };
    dx.par_chunks_mut(chunk)
        .zip(dy.par_chunks(chunk).zip(x.par_chunks(chunk)))
        .for_each(|(dx, (dy, x))| {
            let rows = dy.chunks_exact(channels).zip(x.chunks_exact(channels));
            dx.chunks_exact_mut(channels)
                .zip(rows)
                .for_each(|(dx, (dy, x))| row_of(dx, dy, x, accumulate));
        });
}
