//! Layers on the values, channels and pixels of a map: activations, products, joined and chosen channels, normalisation
//! over channels, means over windows.

use super::elementwise::{BLOCK, CHUNK, total};
use crate::{
    net::{Activation, Window},
    nn::random::Stream,
};
use rayon::prelude::*;
use std::ops::Range;

/// `to = value`, or `to += value`.
#[inline]
fn put(to: &mut f32, value: f32, accumulate: bool) {
    *to = if accumulate { *to + value } else { value };
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `erf(x)` by its series and continued fraction, in double precision (Abramowitz and Stegun 1964, 7.1.5 and 7.1.14).
fn erf(x: f64) -> f64 {
    let square = x * x;
    if x.abs() < 3.0 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while f64::abs(term) > 1e-17 * f64::abs(sum) {
            n += 1.0;
            term *= -square / n;
            sum += term / (2.0 * n + 1.0);
            if n > 200.0 {
                break;
            }
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let size = x.abs();
    let fraction = (1..=60).rev().fold(0.0, |below, k| f64::from(k) / 2.0 / (size + below));
    let complement = (-square).exp() / (size + fraction) / std::f64::consts::PI.sqrt();
    (1.0 - complement).copysign(x)
}

/// Probability of a standard normal value below `x`.
fn normal(x: f32) -> f32 {
    (0.5 * (1.0 + erf(f64::from(x) * std::f64::consts::FRAC_1_SQRT_2))) as f32
}

fn value(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x * sigmoid(x),
        Activation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Gelu => x * normal(x),
        Activation::Absolute => x.abs(),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                x * slope as f32
            }
        }
        Activation::Negate => -x,
    }
}

/// The derivative; at a kink torch's: 0 at the ends of `relu6`, `hard_sigmoid` and within `abs`, of `hard_swish` its inner
/// one, of `leaky_relu` the lower one.
fn slope(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Relu6 => f32::from(x > 0.0 && x < 6.0),
        Activation::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
        Activation::Tanh => 1.0 - x.tanh() * x.tanh(),
        Activation::Silu => sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
        Activation::HardSigmoid => f32::from(x > -3.0 && x < 3.0) / 6.0,
        Activation::HardSwish if x <= -3.0 => 0.0,
        Activation::HardSwish if x >= 3.0 => 1.0,
        Activation::HardSwish => x / 3.0 + 0.5,
        Activation::Gelu => {
            let density = (-0.5 * x * x).exp() / (2.0 * std::f32::consts::PI).sqrt();
            normal(x) + x * density
        }
        Activation::Absolute if x == 0.0 => 0.0,
        Activation::Absolute => x.signum(),
        Activation::LeakyRelu { .. } if x > 0.0 => 1.0,
        Activation::LeakyRelu { slope } => slope as f32,
        Activation::Negate => -1.0,
    }
}

/// `y = f(x)`
pub(crate) fn activate(activation: Activation, x: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = value(activation, *x));
    });
}

/// `dx (+)= dy f'(x)`
pub(crate) fn activation_gradient(activation: Activation, x: &[f32], dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let inputs = x.par_chunks(CHUNK).zip(dy.par_chunks(CHUNK));
    dx.par_chunks_mut(CHUNK).zip(inputs).for_each(|(dx, (x, dy))| {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            put(dx, dy * slope(activation, *x), accumulate);
        }
    });
}

/// Shares of each row of `columns` values.
pub(crate) fn softmax(columns: usize, x: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(columns).zip(x.par_chunks(columns)).for_each(|(y, x)| {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - largest).exp());
        let sum: f32 = y.iter().sum();
        y.iter_mut().for_each(|y| *y /= sum);
    });
}

/// `dx (+)= y (dy - sum(y dy))` for each row.
pub(crate) fn softmax_gradient(columns: usize, y: &[f32], dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let rows = y.par_chunks(columns).zip(dy.par_chunks(columns));
    dx.par_chunks_mut(columns).zip(rows).for_each(|(dx, (y, dy))| {
        let mean: f32 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
        for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
            put(dx, y * (dy - mean), accumulate);
        }
    });
}

/// Copies the columns `from` of every row of `columns` values to the columns that begin at `at` of rows of `width`.
pub(crate) fn copy_columns(
    (columns, from): (usize, Range<usize>),
    x: &[f32],
    (width, at): (usize, usize),
    accumulate: bool,
    y: &mut [f32],
) {
    let rows = y.par_chunks_mut(width).zip(x.par_chunks(columns));
    rows.with_min_len(BLOCK).for_each(|(y, x)| {
        let y = &mut y[at..at + from.len()];
        if accumulate {
            y.iter_mut().zip(&x[from.clone()]).for_each(|(y, x)| *y += x);
        } else {
            y.copy_from_slice(&x[from.clone()]);
        }
    });
}

/// `y (+)= a b`, value by value.
pub(crate) fn product(a: &[f32], b: &[f32], accumulate: bool, y: &mut [f32]) {
    let inputs = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK));
    y.par_chunks_mut(CHUNK).zip(inputs).for_each(|(y, (a, b))| {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            put(y, a * b, accumulate);
        }
    });
}

/// `y (+)= x factor`, where `factors` holds one value per channel for each image of `image` values, or for all.
pub(crate) fn scale(image: usize, channels: usize, x: &[f32], factors: &[f32], accumulate: bool, y: &mut [f32]) {
    let images = y.par_chunks_mut(image).zip(x.par_chunks(image)).enumerate();
    images.for_each(|(at, (y, x))| {
        let factors = if factors.len() == channels {
            factors
        } else {
            &factors[at * channels..][..channels]
        };
        for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for ((y, x), factor) in y.iter_mut().zip(x).zip(factors) {
                put(y, x * factor, accumulate);
            }
        }
    });
}

/// For each image the sums over its pixels of `a b`, per channel: `sums (+)=`.
pub(crate) fn pixel_sums(image: usize, channels: usize, a: &[f32], b: &[f32], accumulate: bool, sums: &mut [f32]) {
    let images = a.par_chunks(image).zip(b.par_chunks(image));
    sums.par_chunks_mut(channels).zip(images).for_each(|(sums, (a, b))| {
        let mut totals = vec![0.0f64; channels];
        for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            totals
                .iter_mut()
                .zip(products)
                .for_each(|(total, product)| *total += product);
        }
        sums.iter_mut()
            .zip(totals)
            .for_each(|(sum, total)| put(sum, total as f32, accumulate));
    });
}

/// Floats of working memory that [`row_sums`] needs for so many rows.
pub(crate) fn row_sums_len(rows: usize, columns: usize) -> usize {
    rows.div_ceil(BLOCK) * columns
}

/// Hands `take` for each of `columns` the sum over rows of what `add` adds for a row, in f32 within blocks of rows.
pub(crate) fn row_sums(
    rows: usize,
    columns: usize,
    work: &mut [f32],
    add: impl Fn(usize, &mut [f32]) + Sync,
    take: impl FnMut(usize, f64),
) {
    let work = &mut work[..row_sums_len(rows, columns)];
    work.par_chunks_mut(columns).enumerate().for_each(|(block, sums)| {
        sums.fill(0.0);
        (block * BLOCK..rows.min((block + 1) * BLOCK)).for_each(|row| add(row, sums));
    });
    total(work, columns, take);
}

/// Mean and `1 / sqrt(variance + epsilon)` of a row.
fn moments(row: &[f32], epsilon: f64) -> (f32, f32) {
    let count = row.len() as f64;
    let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    (mean as f32, (1.0 / (variance + epsilon).sqrt()) as f32)
}

/// Normalises each row of `weight.len()` values.
pub(crate) fn layer_norm(epsilon: f64, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let columns = weight.len();
    let rows = y.par_chunks_mut(columns).zip(x.par_chunks(columns));
    rows.with_min_len(BLOCK / 8).for_each(|(y, x)| {
        let (mean, inverse) = moments(x, epsilon);
        for ((y, x), (w, b)) in y.iter_mut().zip(x).zip(weight.iter().zip(bias)) {
            *y = (x - mean) * inverse * w + b;
        }
    });
}

/// The gradients of scale and shift, `[weight, bias]` in one: `take(i, sum)` for `i` below twice the columns.
pub(crate) fn layer_norm_sums(
    epsilon: f64,
    columns: usize,
    x: &[f32],
    dy: &[f32],
    work: &mut [f32],
    take: impl FnMut(usize, f64),
) {
    let add = |row: usize, sums: &mut [f32]| {
        let (x, dy) = (&x[row * columns..][..columns], &dy[row * columns..][..columns]);
        let (mean, inverse) = moments(x, epsilon);
        let (weight, bias) = sums.split_at_mut(columns);
        for ((weight, bias), (x, dy)) in weight.iter_mut().zip(bias).zip(x.iter().zip(dy)) {
            *weight += dy * (x - mean) * inverse;
            *bias += dy;
        }
    };
    row_sums(x.len() / columns, 2 * columns, work, add, take);
}

/// `dx (+)=` the gradient through the normalisation of each row.
pub(crate) fn layer_norm_gradient(
    epsilon: f64,
    x: &[f32],
    weight: &[f32],
    dy: &[f32],
    accumulate: bool,
    dx: &mut [f32],
) {
    let columns = weight.len();
    let rows = x.par_chunks(columns).zip(dy.par_chunks(columns));
    dx.par_chunks_mut(columns).zip(rows).for_each(|(dx, (x, dy))| {
        let (mean, inverse) = moments(x, epsilon);
        let normal = |x: &f32| f64::from((x - mean) * inverse);
        let (mut sum, mut product) = (0.0f64, 0.0f64);
        for ((x, dy), w) in x.iter().zip(dy).zip(weight) {
            let flow = f64::from(dy * w);
            sum += flow;
            product += flow * normal(x);
        }
        let (sum, product) = (sum / columns as f64, product / columns as f64);
        for ((dx, x), (dy, w)) in dx.iter_mut().zip(x).zip(dy.iter().zip(weight)) {
            let flow = f64::from(dy * w) - sum - normal(x) * product;
            put(dx, (flow * f64::from(inverse)) as f32, accumulate);
        }
    });
}

/// Whole images of `image` values stay, scaled by `1 / (1 - rate)`, when their draw of the stream is at least `rate`. Its
/// gradient is the same operation with the same stream.
pub(crate) fn stochastic_depth(
    rate: f64,
    stream: Stream,
    image: usize,
    from: &[f32],
    accumulate: bool,
    to: &mut [f32],
) {
    let scale = (1.0 / (1.0 - rate)) as f32;
    let images = to.par_chunks_mut(image).zip(from.par_chunks(image)).enumerate();
    images.for_each(|(at, (to, from))| {
        let factor = if stream.uniform(at as u64) >= rate { scale } else { 0.0 };
        to.iter_mut()
            .zip(from)
            .for_each(|(to, from)| put(to, from * factor, accumulate));
    });
}

/// Sizes of a mean over windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MeanShape {
    pub(crate) size: [usize; 2],
    pub(crate) out: [usize; 2],
    pub(crate) channels: usize,
    pub(crate) window: Window,
}

impl MeanShape {
    /// Along one direction: the pixels of window `at` that lie in the image, and how many it counts with the padding.
    fn span(&self, at: usize, size: usize) -> (Range<usize>, usize) {
        let Window { kernel, stride, pad } = self.window;
        let (start, end) = (at * stride, (at * stride + kernel).min(size + 2 * pad));
        let inside = start.saturating_sub(pad).min(size)..end.saturating_sub(pad).min(size);
        (inside, end - start)
    }

    /// Calls `visit` with each output pixel, each input pixel of its window, and the share of one pixel.
    fn each(&self, mut visit: impl FnMut(usize, usize, f32)) {
        for row in 0..self.out[0] {
            let (rows, down) = self.span(row, self.size[0]);
            for column in 0..self.out[1] {
                let (columns, across) = self.span(column, self.size[1]);
                let share = 1.0 / (down * across) as f32;
                for y in rows.clone() {
                    let pixels = columns.clone().map(|x| y * self.size[1] + x);
                    pixels.for_each(|pixel| visit(row * self.out[1] + column, pixel, share));
                }
            }
        }
    }

    fn images(&self) -> (usize, usize) {
        let values = |size: [usize; 2]| size[0] * size[1] * self.channels;
        (values(self.size), values(self.out))
    }
}

/// `y` = mean of each window.
pub(crate) fn window_means(shape: &MeanShape, x: &[f32], y: &mut [f32]) {
    let (image, out) = shape.images();
    y.par_chunks_mut(out).zip(x.par_chunks(image)).for_each(|(y, x)| {
        y.fill(0.0);
        shape.each(|to, from, share| {
            let y = &mut y[to * shape.channels..][..shape.channels];
            y.iter_mut()
                .zip(&x[from * shape.channels..])
                .for_each(|(y, x)| *y += x * share);
        });
    });
}

/// Spreads each window's gradient over its pixels: `dx (+)= dL/dx`.
pub(crate) fn window_means_gradient(shape: &MeanShape, dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let (image, out) = shape.images();
    dx.par_chunks_mut(image).zip(dy.par_chunks(out)).for_each(|(dx, dy)| {
        if !accumulate {
            dx.fill(0.0);
        }
        shape.each(|from, to, share| {
            let dx = &mut dx[to * shape.channels..][..shape.channels];
            dx.iter_mut()
                .zip(&dy[from * shape.channels..])
                .for_each(|(dx, dy)| *dx += dy * share);
        });
    });
}
