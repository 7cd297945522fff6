//! Convolutions that the fast kernels do not do: groups, dilation, windows that differ in their directions.
//!
//! Direct loops over output pixels and taps, which read the channels of a pixel as one run. A weight stands as
//! `[filters, taps, channels / groups]`. The transposed convolution is the same three functions in other roles.

use super::elementwise::BLOCK;
use rayon::prelude::*;
use std::ops::Range;

/// Channels that one task of a depthwise weight gradient sums.
const LANES: usize = 16;

/// Sizes of a general convolution over a batch; heights before widths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GeneralShape {
    /// Input pixels.
    pub(crate) size: [usize; 2],
    /// Channels of the input.
    pub(crate) channels: usize,
    /// Output pixels.
    pub(crate) out: [usize; 2],
    /// Channels of the output.
    pub(crate) filters: usize,
    /// Size of the kernel.
    pub(crate) kernel: [usize; 2],
    /// Step between windows.
    pub(crate) stride: [usize; 2],
    /// Padding before and after.
    pub(crate) pad: [usize; 2],
    /// Distance between taps.
    pub(crate) dilation: [usize; 2],
    /// Groups of channels.
    pub(crate) groups: usize,
}

impl GeneralShape {
    /// Values of an input image.
    fn image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// Values of an output image.
    fn out_image(&self) -> usize {
        self.out[0] * self.out[1] * self.filters
    }

    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Channels of a group.
    fn inputs(&self) -> usize {
        self.channels / self.groups
    }

    /// True when every channel has one filter of its own.
    fn is_depthwise(&self) -> bool {
        self.inputs() == 1 && self.filters == self.channels
    }

    /// Floats of working memory of each function: a depthwise weight with its taps first.
    pub(crate) fn work_len(&self) -> usize {
        if self.is_depthwise() {
            self.taps() * self.channels
        } else {
            0
        }
    }

    /// The taps of the window of an output pixel that lie in the image, each with its input pixel.
    fn each_tap(&self, row: usize, column: usize, mut visit: impl FnMut(usize, usize)) {
        let inside = |at: usize, tap: usize, axis: usize| {
            let place = (at * self.stride[axis] + tap * self.dilation[axis]).checked_sub(self.pad[axis])?;
            (place < self.size[axis]).then_some(place)
        };
        for i in 0..self.kernel[0] {
            let Some(y) = inside(row, i, 0) else { continue };
            for j in 0..self.kernel[1] {
                if let Some(x) = inside(column, j, 1) {
                    visit(i * self.kernel[1] + j, y * self.size[1] + x);
                }
            }
        }
    }

    /// The filters of a group.
    fn filters_of(&self, group: usize) -> Range<usize> {
        let each = self.filters / self.groups;
        group * each..(group + 1) * each
    }
}

/// The sum of products, in eight lanes whose order is fixed.
#[inline]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        lanes
            .iter_mut()
            .zip(a.iter().zip(b))
            .for_each(|(lane, (a, b))| *lane += a * b);
    }
    lanes.iter().sum::<f32>() + rest
}

/// `y += factor x`
#[inline]
fn add_multiple(factor: f32, x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x);
}

/// `y += a b`, value by value.
#[inline]
fn add_product(a: &[f32], b: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y += a * b);
}

/// Brings a depthwise weight `[channels, taps]` to `[taps, channels]`.
fn taps_first(shape: &GeneralShape, weight: &[f32], work: &mut [f32]) {
    for (channel, taps) in weight.chunks_exact(shape.taps()).enumerate() {
        for (tap, value) in taps.iter().enumerate() {
            work[tap * shape.channels + channel] = *value;
        }
    }
}

/// `y` = convolution of `x`, with a bias per filter when there is one.
pub(crate) fn forward(
    shape: &GeneralShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    work: &mut [f32],
    y: &mut [f32],
) {
    if shape.is_depthwise() {
        taps_first(shape, weight, work);
    }
    let (channels, filters, inputs) = (shape.channels, shape.filters, shape.inputs());
    let (depthwise, work) = (shape.is_depthwise(), &*work);
    let lines = y.par_chunks_mut(shape.out[1] * filters).enumerate();
    lines.for_each(|(line, y)| {
        let (image, row) = (line / shape.out[0], line % shape.out[0]);
        let x = &x[image * shape.image()..][..shape.image()];
        for (column, y) in y.chunks_exact_mut(filters).enumerate() {
            match bias {
                Some(bias) => y.copy_from_slice(bias),
                None => y.fill(0.0),
            }
            shape.each_tap(row, column, |tap, pixel| {
                let x = &x[pixel * channels..][..channels];
                if depthwise {
                    return add_product(x, &work[tap * channels..][..channels], y);
                }
                for (group, x) in x.chunks_exact(inputs).enumerate() {
                    for filter in shape.filters_of(group) {
                        y[filter] += dot(x, &weight[(filter * shape.taps() + tap) * inputs..][..inputs]);
                    }
                }
            });
        }
    });
}

/// `dx (+)= dL/dx` from `dL/dy`.
pub(crate) fn input_gradient(
    shape: &GeneralShape,
    dy: &[f32],
    weight: &[f32],
    work: &mut [f32],
    accumulate: bool,
    dx: &mut [f32],
) {
    if shape.is_depthwise() {
        taps_first(shape, weight, work);
    }
    let (channels, inputs, work) = (shape.channels, shape.inputs(), &*work);
    let images = dx.par_chunks_mut(shape.image()).zip(dy.par_chunks(shape.out_image()));
    images.for_each(|(dx, dy)| {
        if !accumulate {
            dx.fill(0.0);
        }
        for (at, dy) in dy.chunks_exact(shape.filters).enumerate() {
            shape.each_tap(at / shape.out[1], at % shape.out[1], |tap, pixel| {
                let dx = &mut dx[pixel * channels..][..channels];
                if shape.is_depthwise() {
                    return add_product(dy, &work[tap * channels..][..channels], dx);
                }
                for (group, dx) in dx.chunks_exact_mut(inputs).enumerate() {
                    for filter in shape.filters_of(group) {
                        let weight = &weight[(filter * shape.taps() + tap) * inputs..][..inputs];
                        add_multiple(dy[filter], weight, dx);
                    }
                }
            });
        }
    });
}

/// `dw = dL/dw`, summed over lines of output in f32 and over lines in f64.
pub(crate) fn weight_gradient(shape: &GeneralShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    if shape.is_depthwise() {
        return depthwise_gradient(shape, x, dy, dw);
    }
    let (inputs, len) = (shape.inputs(), shape.taps() * shape.inputs());
    dw.par_chunks_mut(len).enumerate().for_each(|(filter, dw)| {
        let group = filter / (shape.filters / shape.groups);
        sum_over_lines(
            shape,
            len,
            dw,
            |image, row, sums| {
                for column in 0..shape.out[1] {
                    let place = (image * shape.out[0] + row) * shape.out[1] + column;
                    let factor = dy[place * shape.filters + filter];
                    shape.each_tap(row, column, |tap, pixel| {
                        let x = &x[image * shape.image() + pixel * shape.channels + group * inputs..][..inputs];
                        add_multiple(factor, x, &mut sums[tap * inputs..][..inputs]);
                    });
                }
            },
            dy.len() / shape.out_image(),
        );
    });
}

fn depthwise_gradient(shape: &GeneralShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (channels, taps) = (shape.channels, shape.taps());
    dw.par_chunks_mut(LANES * taps).enumerate().for_each(|(block, dw)| {
        let (first, count) = (block * LANES, dw.len() / taps);
        let mut sums = vec![0.0; dw.len()];
        sum_over_lines(
            shape,
            dw.len(),
            &mut sums,
            |image, row, sums| {
                for column in 0..shape.out[1] {
                    let place = (image * shape.out[0] + row) * shape.out[1] + column;
                    let dy = &dy[place * channels + first..][..count];
                    shape.each_tap(row, column, |tap, pixel| {
                        let x = &x[image * shape.image() + pixel * channels + first..][..count];
                        add_product(x, dy, &mut sums[tap * count..][..count]);
                    });
                }
            },
            dy.len() / shape.out_image(),
        );
        for (channel, dw) in dw.chunks_exact_mut(taps).enumerate() {
            dw.iter_mut()
                .enumerate()
                .for_each(|(tap, dw)| *dw = sums[tap * count + channel]);
        }
    });
}

/// Sets `total` to the sum of what `line` adds for each line of output of `images` images.
fn sum_over_lines(
    shape: &GeneralShape,
    len: usize,
    total: &mut [f32],
    line: impl Fn(usize, usize, &mut [f32]),
    images: usize,
) {
    let (mut sums, mut totals) = (vec![0.0f32; len], vec![0.0f64; len]);
    for image in 0..images {
        for row in 0..shape.out[0] {
            sums.fill(0.0);
            line(image, row, &mut sums);
            totals
                .iter_mut()
                .zip(&sums)
                .for_each(|(total, sum)| *total += f64::from(*sum));
        }
    }
    total.iter_mut().zip(totals).for_each(|(to, total)| *to = total as f32);
}

/// Adds the bias to each pixel.
pub(crate) fn add_bias(bias: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(BLOCK * bias.len()).for_each(|y| {
        y.chunks_exact_mut(bias.len())
            .for_each(|row| row.iter_mut().zip(bias).for_each(|(y, b)| *y += b));
    });
}
