//! Gradients of a convolution with respect to its input and its weight.

use super::conv::{ConvShape, Epilogue, band, forward, pack_flipped};
use super::kernel::{self, COLUMNS, Left, ROWS, Walk};
use super::{copy_lanes, with_scratch};
use rayon::prelude::*;
use std::ops::Range;

/// Output pixels that one pass of the weight gradient sums.
const PIXELS: usize = 384;
/// Tasks that suffice to keep a machine busy.
const TASKS: usize = 16;
/// Floats that the partial sums of a weight gradient may take together.
const PARTIAL: usize = 1 << 20;
/// Filters whose sums are gathered at a time.
const FILTERS: usize = 16;
/// Floats of unfolded gradient in work at a time.
const UNFOLDED: usize = 1 << 16;

impl ConvShape {
    /// Floats of working memory that [`input_gradient`] needs.
    pub(crate) fn input_gradient_len(&self) -> usize {
        match self.transposed() {
            Some(transposed) => transposed.packed_len(),
            None => self.depth().next_multiple_of(COLUMNS) * self.filters,
        }
    }

    /// Floats of working memory that [`weight_gradient`] needs for this batch or a smaller one.
    pub(crate) fn weight_gradient_len(&self) -> usize {
        let splits = (1..=Split::new(self).parts).map(|parts| Split::of_parts(self, parts));
        splits
            .map(|split| split.parts * split.groups * split.task_len(self))
            .max()
            .unwrap_or(0)
    }
}

/// `dx (+)= dL/dx` from `dy = dL/dy`; `work` has [`ConvShape::input_gradient_len`] floats.
pub(crate) fn input_gradient(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    work: &mut [f32],
    accumulate: bool,
    dx: &mut [f32],
) {
    if let Some(transposed) = shape.transposed() {
        pack_flipped(shape, weight, work);
        let epilogue = Epilogue {
            accumulate,
            ..Epilogue::default()
        };
        return forward(&transposed, dy, work, &epilogue, dx);
    }
    if !accumulate {
        dx.par_chunks_mut(1 << 14).for_each(|dx| dx.fill(0.0));
    }
    pack_depth(shape, weight, work);
    let image = shape.height * shape.width * shape.channels;
    let packed = &*work;
    dx.par_chunks_mut(image)
        .enumerate()
        .for_each(|(n, dx)| fold_image(shape, dy, packed, n, dx));
}

/// Packs a weight `[filters][depth]` in panels `[filters][16 of depth]`.
fn pack_depth(shape: &ConvShape, weight: &[f32], packed: &mut [f32]) {
    let depth = shape.depth();
    packed
        .par_chunks_mut(shape.filters * COLUMNS)
        .enumerate()
        .for_each(|(panel, packed)| {
            let first = panel * COLUMNS;
            let columns = COLUMNS.min(depth - first);
            for (row, weight) in packed.chunks_exact_mut(COLUMNS).zip(weight.chunks_exact(depth)) {
                copy_lanes(&weight[first..], columns, row);
            }
        });
}

/// Adds one image's unfolded gradient `dy W` where its windows lie.
fn fold_image(shape: &ConvShape, dy: &[f32], packed: &[f32], image: usize, dx: &mut [f32]) {
    let pixels = shape.out_height * shape.out_width;
    let row = shape.depth().next_multiple_of(COLUMNS);
    let rows = (UNFOLDED / row / ROWS).max(1) * ROWS;
    with_scratch(rows * row, |unfolded, _| {
        for start in (0..pixels).step_by(rows) {
            let count = rows.min(pixels - start);
            for strip in (0..count).step_by(ROWS) {
                let offsets: [usize; ROWS] =
                    std::array::from_fn(|i| (image * pixels + start + (strip + i).min(count - 1)) * shape.filters);
                let left = Left::Rows {
                    values: dy,
                    offsets: &offsets,
                    walk: Walk::line(shape.filters),
                };
                for (panel, packed) in packed.chunks_exact(shape.filters * COLUMNS).enumerate() {
                    let out = &mut unfolded[strip * row + panel * COLUMNS..];
                    kernel::tile(left, packed, out, row, false);
                }
            }
            for (i, unfolded) in unfolded.chunks_exact(row).take(count).enumerate() {
                fold_pixel(shape, unfolded, start + i, dx);
            }
        }
    });
}

/// Adds the window of one output pixel.
fn fold_pixel(shape: &ConvShape, unfolded: &[f32], pixel: usize, dx: &mut [f32]) {
    let (top, left) = (
        pixel / shape.out_width * shape.stride,
        pixel % shape.out_width * shape.stride,
    );
    let channels = shape.channels;
    let first = shape.pad.saturating_sub(left);
    let end = shape.kernel.min((shape.width + shape.pad).saturating_sub(left));
    if first >= end {
        return;
    }
    for ky in 0..shape.kernel {
        let Some(y) = (top + ky).checked_sub(shape.pad).filter(|&y| y < shape.height) else {
            continue;
        };
        let at = (y * shape.width + left + first - shape.pad) * channels;
        let from = &unfolded[ky * shape.run() + first * channels..ky * shape.run() + end * channels];
        dx[at..at + from.len()].iter_mut().zip(from).for_each(|(x, g)| *x += g);
    }
}

/// How a weight gradient is split: over lines of output, each part with its own sums, and over panels of depth.
struct Split {
    parts: usize,
    groups: usize,
    panels: usize,
}

impl Split {
    fn new(shape: &ConvShape) -> Self {
        let panels = shape.depth().div_ceil(COLUMNS);
        let whole = panels * COLUMNS * shape.filters.next_multiple_of(ROWS);
        let pixels = shape.lines() * shape.out_width;
        let parts = (PARTIAL / whole)
            .min(pixels / PIXELS)
            .min(shape.lines())
            .clamp(1, TASKS);
        Self::of_parts(shape, parts)
    }

    fn of_parts(shape: &ConvShape, parts: usize) -> Self {
        let panels = shape.depth().div_ceil(COLUMNS);
        let groups = TASKS.div_ceil(parts).min(panels);
        let panels = panels.div_ceil(groups);
        Self {
            parts,
            groups: shape.depth().div_ceil(COLUMNS).div_ceil(panels),
            panels,
        }
    }

    fn task_len(&self, shape: &ConvShape) -> usize {
        self.panels * shape.filters.next_multiple_of(ROWS) * COLUMNS
    }
}

/// `dw = dL/dw` `[filters, kernel, kernel, channels]`; `work` has [`ConvShape::weight_gradient_len`] floats.
pub(crate) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], work: &mut [f32], dw: &mut [f32]) {
    let split = Split::new(shape);
    let task_len = split.task_len(shape);
    let work = &mut work[..split.parts * split.groups * task_len];
    work.par_chunks_mut(task_len).enumerate().for_each(|(task, sums)| {
        let (part, group) = (task / split.groups, task % split.groups);
        let lines = shape.lines() * part / split.parts..shape.lines() * (part + 1) / split.parts;
        let first = group * split.panels * COLUMNS;
        weight_gradient_part(shape, x, dy, lines, first, sums);
    });
    let work = &*work;
    let rows = dw.par_chunks_mut(FILTERS * shape.depth()).enumerate();
    rows.for_each(|(block, dw)| gather_sums(shape, &split, work, block * FILTERS, dw));
}

/// Adds the parts' sums of some filters, in the order of the parts.
fn gather_sums(shape: &ConvShape, split: &Split, work: &[f32], first: usize, dw: &mut [f32]) {
    let (depth, filters) = (shape.depth(), shape.filters.next_multiple_of(ROWS));
    let part_len = split.groups * split.task_len(shape);
    for panel in 0..depth.div_ceil(COLUMNS) {
        let start = panel / split.panels * split.task_len(shape);
        let start = start + (panel % split.panels * filters + first) * COLUMNS;
        let end = depth.min((panel + 1) * COLUMNS);
        for (i, dw) in dw.chunks_exact_mut(depth).enumerate() {
            let (at, dw) = (start + i * COLUMNS, &mut dw[panel * COLUMNS..end]);
            copy_lanes(&work[at..], dw.len(), dw);
            for part in 1..split.parts {
                dw.iter_mut()
                    .zip(&work[part * part_len + at..])
                    .for_each(|(w, s)| *w += s);
            }
        }
    }
}

/// Sums some lines for the panels of depth from `first`; `sums` is `[panels][filters, padded to 6][16]`.
fn weight_gradient_part(shape: &ConvShape, x: &[f32], dy: &[f32], lines: Range<usize>, first: usize, sums: &mut [f32]) {
    let filters = shape.filters.next_multiple_of(ROWS);
    let step = (PIXELS / shape.out_width).max(1);
    let pixels = step * shape.out_width;
    let band_len = shape.band_len(step);
    with_scratch(band_len + pixels * (filters + COLUMNS), |floats, offsets| {
        let (copy, rest) = floats.split_at_mut(band_len);
        let (strips, columns) = rest.split_at_mut(pixels * filters);
        for start in lines.clone().step_by(step) {
            let block = start..(start + step).min(lines.end);
            let pixels = block.len() * shape.out_width;
            let strips = &mut strips[..pixels * filters];
            pack_strips(
                &dy[start * shape.out_width * shape.filters..],
                shape.filters,
                pixels,
                strips,
            );
            let source = band(shape, x, block, copy, offsets);
            let depths = (first..shape.depth()).step_by(COLUMNS);
            for (depth, sums) in depths.zip(sums.chunks_exact_mut(filters * COLUMNS)) {
                gather(shape, source, offsets, depth, columns);
                let strips = strips.chunks_exact(pixels * ROWS);
                for (strip, sums) in strips.zip(sums.chunks_exact_mut(ROWS * COLUMNS)) {
                    kernel::tile(Left::Strip(strip), columns, sums, COLUMNS, start > lines.start);
                }
            }
        }
    });
}

/// Packs rows of `columns` values in strips `[rows][6 columns]`, missing columns as zeros.
fn pack_strips(matrix: &[f32], columns: usize, rows: usize, strips: &mut [f32]) {
    for (strip, out) in strips.chunks_exact_mut(rows * ROWS).enumerate() {
        let first = strip * ROWS;
        let count = ROWS.min(columns - first);
        for (out, row) in out.chunks_exact_mut(ROWS).zip(matrix.chunks_exact(columns)) {
            if count == ROWS {
                out.copy_from_slice(&row[first..first + ROWS]);
            } else {
                out[..count].copy_from_slice(&row[first..]);
                out[count..].fill(0.0);
            }
        }
    }
}

/// Sixteen values of depth, from `first`, of each pixel's window: `[pixels][16]`.
fn gather(shape: &ConvShape, source: &[f32], offsets: &[usize], first: usize, columns: &mut [f32]) {
    let run = shape.run();
    let place = |d: usize| d / run * shape.row_stride() + d % run;
    let count = COLUMNS.min(shape.depth() - first);
    let start = place(first);
    let contiguous = count == COLUMNS && place(first + COLUMNS - 1) == start + COLUMNS - 1;
    if contiguous {
        for (out, offset) in columns.chunks_exact_mut(COLUMNS).zip(offsets) {
            out.copy_from_slice(&source[offset + start..][..COLUMNS]);
        }
        return;
    }
    let places: [usize; COLUMNS] = std::array::from_fn(|j| place((first + j).min(shape.depth() - 1)));
    for (out, offset) in columns.chunks_exact_mut(COLUMNS).zip(offsets) {
        for (j, out) in out.iter_mut().enumerate() {
            *out = if j < count { source[offset + places[j]] } else { 0.0 };
        }
    }
}
