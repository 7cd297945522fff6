//! Convolution forward, and the input gradient of stride 1, which is the same operation with the flipped kernel.

use super::kernel::{self, COLUMNS, Left, ROWS, Walk};
use super::{Shared, copy_lanes, relu, with_scratch};
use rayon::prelude::*;
use std::ops::Range;

/// Largest depth of one pass of the kernel: a panel of `192 x 16` values leaves room in a first-level cache of 32 KiB.
const DEPTH: usize = 192;
/// Output pixels per task: so many that the copied margins are a small part, so few that their sums for one panel stay
/// close to the processor.
const PIXELS: usize = 448;
/// Tasks that suffice to keep a machine busy.
const TASKS: usize = 8;

/// Sizes of a convolution over a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConvShape {
    /// Images.
    pub(crate) batch: usize,
    /// Height of the input.
    pub(crate) height: usize,
    /// Width of the input.
    pub(crate) width: usize,
    /// Channels of the input.
    pub(crate) channels: usize,
    /// Channels of the output.
    pub(crate) filters: usize,
    /// Side of the kernel.
    pub(crate) kernel: usize,
    /// Step between windows.
    pub(crate) stride: usize,
    /// Padding on every side.
    pub(crate) pad: usize,
    /// Height of the output.
    pub(crate) out_height: usize,
    /// Width of the output.
    pub(crate) out_width: usize,
}

impl ConvShape {
    /// The same layer for another number of images.
    pub(crate) fn with_batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Values that one output value sums.
    pub(super) fn depth(&self) -> usize {
        self.kernel * self.run()
    }

    /// Values of one row of the kernel.
    pub(super) fn run(&self) -> usize {
        self.kernel * self.channels
    }

    /// Lines of output pixels over all images.
    pub(super) fn lines(&self) -> usize {
        self.batch * self.out_height
    }

    /// Values between two rows of an image as the kernel reads it: with padding when there is some.
    pub(super) fn row_stride(&self) -> usize {
        (self.width + 2 * self.pad) * self.channels
    }

    /// Floats of a weight packed by [`pack_filters`].
    pub(crate) fn packed_len(&self) -> usize {
        self.filters.next_multiple_of(COLUMNS) * self.depth()
    }

    /// The convolution that turns an output gradient into the input gradient; none for other strides.
    pub(super) fn transposed(&self) -> Option<Self> {
        (self.stride == 1 && self.pad < self.kernel).then(|| Self {
            batch: self.batch,
            height: self.out_height,
            width: self.out_width,
            channels: self.filters,
            filters: self.channels,
            kernel: self.kernel,
            stride: 1,
            pad: self.kernel - 1 - self.pad,
            out_height: self.height,
            out_width: self.width,
        })
    }

    /// Largest number of floats that [`band`] copies for `lines` lines of output.
    pub(super) fn band_len(&self, lines: usize) -> usize {
        if self.pad == 0 {
            return 0;
        }
        let images = lines.div_ceil(self.out_height) + 1;
        (lines * self.stride + images * self.kernel) * self.row_stride()
    }

    fn passes(&self) -> usize {
        if self.run() > DEPTH {
            self.kernel * self.run().div_ceil(DEPTH)
        } else {
            self.kernel.div_ceil(DEPTH / self.run())
        }
    }

    /// Pass `i` of the kernel over the depth: where it begins in the input and in a panel, and its walk.
    fn pass(&self, i: usize) -> (usize, usize, Walk) {
        let run = self.run();
        if run > DEPTH {
            let pieces = run.div_ceil(DEPTH);
            let (row, piece) = (i / pieces, i % pieces);
            let (start, end) = (run * piece / pieces, run * (piece + 1) / pieces);
            let at = row * self.row_stride() + start;
            (at, row * run + start, Walk::line(end - start))
        } else {
            let rows = DEPTH / run;
            let walk = Walk {
                runs: rows.min(self.kernel - i * rows),
                stride: self.row_stride(),
                len: run,
            };
            (i * rows * self.row_stride(), i * rows * run, walk)
        }
    }
}

/// What happens to a sum before it is stored: `relu(scale * sum + shift + residual)`, each part only if given.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// Factor per filter.
    pub(crate) scale: Option<&'a [f32]>,
    /// Summand per filter.
    pub(crate) shift: Option<&'a [f32]>,
    /// Summand of the output's shape.
    pub(crate) residual: Option<&'a [f32]>,
    /// Rectify at last.
    pub(crate) relu: bool,
    /// Add to the output's old values instead of replacing them.
    pub(crate) accumulate: bool,
}

impl Epilogue<'_> {
    /// Stores one pixel's sums of the filters from `first` at `out`, which lies at `at` in the output.
    fn store(&self, sums: &[f32; COLUMNS], first: usize, at: usize, out: &mut [f32]) {
        let mut row = *sums;
        match out.first_chunk_mut::<COLUMNS>() {
            // The same code, compiled for a length that is known.
            Some(out) => self.finish(&mut row, first, at, out),
            None => self.finish(&mut row[..out.len()], first, at, out),
        }
    }

    #[inline(always)]
    fn finish(&self, row: &mut [f32], first: usize, at: usize, out: &mut [f32]) {
        let count = row.len();
        if let Some(scale) = self.scale {
            row.iter_mut()
                .zip(&scale[first..first + count])
                .for_each(|(v, s)| *v *= s);
        }
        if let Some(shift) = self.shift {
            row.iter_mut()
                .zip(&shift[first..first + count])
                .for_each(|(v, s)| *v += s);
        }
        if let Some(residual) = self.residual {
            row.iter_mut().zip(&residual[at..at + count]).for_each(|(v, s)| *v += s);
        }
        if self.relu {
            row.iter_mut().for_each(|v| *v = relu(*v));
        }
        if self.accumulate {
            out.iter_mut().zip(row).for_each(|(o, v)| *o += *v);
        } else {
            out.iter_mut().zip(row).for_each(|(o, v)| *o = *v);
        }
    }
}

/// Packs a weight `[filters, kernel, kernel, channels]` in panels `[depth][16 filters]`.
pub(crate) fn pack_filters(shape: &ConvShape, weight: &[f32], packed: &mut [f32]) {
    let depth = shape.depth();
    packed
        .par_chunks_mut(depth * COLUMNS)
        .enumerate()
        .for_each(|(panel, packed)| {
            let first = panel * COLUMNS;
            let rows = COLUMNS.min(shape.filters - first);
            super::linear::transpose_panel(&weight[first * depth..], depth, 0..depth, rows, packed);
        });
}

/// Packs a weight flipped and with channels and filters exchanged, for [`ConvShape::transposed`].
pub(super) fn pack_flipped(shape: &ConvShape, weight: &[f32], packed: &mut [f32]) {
    let taps = shape.kernel * shape.kernel;
    let depth = taps * shape.filters;
    packed
        .par_chunks_mut(depth * COLUMNS)
        .enumerate()
        .for_each(|(panel, packed)| {
            let first = panel * COLUMNS;
            let columns = COLUMNS.min(shape.channels - first);
            for (d, row) in packed.chunks_exact_mut(COLUMNS).enumerate() {
                let (tap, filter) = (d / shape.filters, d % shape.filters);
                let at = (filter * taps + taps - 1 - tap) * shape.channels + first;
                copy_lanes(&weight[at..], columns, row);
            }
        });
}

/// The input as the kernel reads it for some lines of output, with the offset of each output pixel's window.
///
/// Without padding that is the input itself; otherwise the rows needed are copied with their margins to `copy`.
pub(super) fn band<'a>(
    shape: &ConvShape,
    x: &'a [f32],
    lines: Range<usize>,
    copy: &'a mut [f32],
    offsets: &mut Vec<usize>,
) -> &'a [f32] {
    let (stride, channels) = (shape.stride, shape.channels);
    offsets.clear();
    if shape.pad == 0 {
        for line in lines {
            let (image, y) = (line / shape.out_height, line % shape.out_height);
            let start = (image * shape.height + y * stride) * shape.row_stride();
            offsets.extend((0..shape.out_width).map(|x| start + x * stride * channels));
        }
        return x;
    }
    let mut rows = copy.chunks_exact_mut(shape.row_stride());
    let (mut used, mut line) = (0, lines.start);
    while line < lines.end {
        let (image, top) = (line / shape.out_height, line % shape.out_height);
        let count = (shape.out_height - top).min(lines.end - line);
        for y in 0..count {
            let start = (used + y * stride) * shape.row_stride();
            offsets.extend((0..shape.out_width).map(|x| start + x * stride * channels));
        }
        let height = (count - 1) * stride + shape.kernel;
        for (y, row) in rows.by_ref().take(height).enumerate() {
            copy_padded(shape, x, image, top * stride + y, row);
        }
        used += height;
        line += count;
    }
    copy
}

/// Row `y` of a padded image, counted from the top margin.
fn copy_padded(shape: &ConvShape, x: &[f32], image: usize, y: usize, row: &mut [f32]) {
    if y < shape.pad || y >= shape.height + shape.pad {
        row.fill(0.0);
        return;
    }
    let (margin, len) = (shape.pad * shape.channels, shape.width * shape.channels);
    let start = (image * shape.height + y - shape.pad) * len;
    row[..margin].fill(0.0);
    row[margin..margin + len].copy_from_slice(&x[start..start + len]);
    row[margin + len..].fill(0.0);
}

/// How the output is split in tasks: lines per task, and panels of filters per task.
fn split(shape: &ConvShape) -> (usize, usize) {
    let most = (PIXELS / shape.out_width).max(1);
    let tiles = shape.lines().div_ceil(most).next_multiple_of(TASKS / 2);
    let lines = shape.lines().div_ceil(tiles);
    let tiles = shape.lines().div_ceil(lines);
    let panels = shape.filters.div_ceil(COLUMNS);
    let groups = TASKS.div_ceil(tiles).min(panels);
    (lines, panels.div_ceil(groups))
}

/// `y = epilogue(conv(x, weight))`, with a weight packed by [`pack_filters`].
///
/// `x` is `[batch, height, width, channels]`, `y` is `[batch, out_height, out_width, filters]`.
pub(crate) fn forward(shape: &ConvShape, x: &[f32], packed: &[f32], epilogue: &Epilogue<'_>, y: &mut [f32]) {
    let (lines, panels) = split(shape);
    let tiles = shape.lines().div_ceil(lines);
    let groups = shape.filters.div_ceil(COLUMNS).div_ceil(panels);
    let sums_len = (lines * shape.out_width).next_multiple_of(ROWS) * COLUMNS;
    let y = Shared::new(y);
    (0..tiles * groups).into_par_iter().for_each(|task| {
        let (tile, group) = (task / groups, task % groups);
        let lines = tile * lines..((tile + 1) * lines).min(shape.lines());
        let filters = group * panels * COLUMNS..((group + 1) * panels * COLUMNS).min(shape.filters);
        with_scratch(shape.band_len(lines.len()) + sums_len, |floats, offsets| {
            let (copy, sums) = floats.split_at_mut(shape.band_len(lines.len()));
            let first = lines.start * shape.out_width;
            let source = band(shape, x, lines, copy, offsets);
            forward_tile(shape, source, packed, epilogue, (first, filters), (offsets, sums), y);
        });
    });
}

/// Some pixels, from pixel `first`, of some filters.
fn forward_tile(
    shape: &ConvShape,
    source: &[f32],
    packed: &[f32],
    epilogue: &Epilogue<'_>,
    (first, filters): (usize, Range<usize>),
    (offsets, sums): (&mut Vec<usize>, &mut [f32]),
    y: Shared<'_>,
) {
    let pixels = offsets.len();
    let last = offsets[pixels - 1];
    offsets.resize(pixels.next_multiple_of(ROWS), last);
    let (strips, _) = offsets.as_chunks::<ROWS>();
    for filter in filters.clone().step_by(COLUMNS) {
        let panel = &packed[filter * shape.depth()..];
        for i in 0..shape.passes() {
            let (at, depth, walk) = shape.pass(i);
            let panel = &panel[depth * COLUMNS..];
            for (strip, sums) in strips.iter().zip(sums.chunks_exact_mut(ROWS * COLUMNS)) {
                let left = Left::Rows {
                    values: source,
                    offsets: &strip.map(|o| o + at),
                    walk,
                };
                kernel::tile(left, panel, sums, COLUMNS, i > 0);
            }
        }
        let columns = COLUMNS.min(filters.end - filter);
        for (pixel, sums) in sums.as_chunks().0.iter().take(pixels).enumerate() {
            let at = (first + pixel) * shape.filters + filter;
            // SAFETY: tasks differ in pixels or in filters, so no two write the same value.
            let out = unsafe { y.part(at, columns) };
            epilogue.store(sums, filter, at, out);
        }
    }
}
