//! Linear layers: `y = x W^T + b` and its gradients.

use super::kernel::{self, COLUMNS, Left, ROWS, Walk};
use super::{Shared, copy_lanes, relu, with_scratch};
use rayon::prelude::*;
use std::ops::Range;

/// Largest depth of one pass of the kernel.
const DEPTH: usize = 512;
/// Outputs per task: rows of the weight, which are read in place.
const OUTPUTS: usize = 16 * ROWS;
/// Inputs per task of the input gradient: columns of the weight, which are packed.
const INPUTS: usize = 8 * COLUMNS;
/// Panels of inputs in work at a time in the weight gradient.
const PANELS: usize = 64;

/// Sizes of a linear layer over a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LinearShape {
    /// Samples.
    pub(crate) batch: usize,
    /// Values in.
    pub(crate) inputs: usize,
    /// Values out.
    pub(crate) outputs: usize,
}

impl LinearShape {
    /// The same layer for another number of samples.
    pub(crate) fn with_batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Floats of working memory that [`forward`] and [`weight_gradient`] need: the input, packed.
    pub(crate) fn packed_len(&self) -> usize {
        self.inputs.next_multiple_of(COLUMNS) * self.batch.next_multiple_of(COLUMNS)
    }
}

/// Copies part of `rows` (at most 16) rows of a matrix as a panel `[columns of the part][16]`, missing rows as zeros.
pub(super) fn transpose_panel(matrix: &[f32], stride: usize, part: Range<usize>, rows: usize, panel: &mut [f32]) {
    for (block, panel) in panel.chunks_mut(COLUMNS * COLUMNS).enumerate() {
        let start = part.start + block * COLUMNS;
        let count = panel.len() / COLUMNS;
        if rows < COLUMNS {
            panel.fill(0.0);
        }
        for i in 0..rows {
            let row = &matrix[i * stride + start..][..count];
            for (j, value) in row.iter().enumerate() {
                panel[j * COLUMNS + i] = *value;
            }
        }
    }
}

/// `y = x W^T + bias`, rectified when `rectify`; `x` is `[batch, inputs]`, `weight` `[outputs, inputs]`.
pub(crate) fn forward(
    shape: &LinearShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    rectify: bool,
    work: &mut [f32],
    y: &mut [f32],
) {
    let LinearShape { batch, inputs, outputs } = *shape;
    let work = &mut work[..inputs * batch.next_multiple_of(COLUMNS)];
    work.par_chunks_mut(inputs * COLUMNS)
        .enumerate()
        .for_each(|(panel, work)| {
            let first = panel * COLUMNS;
            transpose_panel(
                &x[first * inputs..],
                inputs,
                0..inputs,
                COLUMNS.min(batch - first),
                work,
            );
        });
    let packed = &*work;
    let y = Shared::new(y);
    (0..outputs.div_ceil(OUTPUTS)).into_par_iter().for_each(|task| {
        let rows = task * OUTPUTS..((task + 1) * OUTPUTS).min(outputs);
        let samples = batch.next_multiple_of(COLUMNS);
        with_scratch(OUTPUTS * samples, |sums, _| {
            forward_rows(shape, weight, packed, rows.clone(), sums);
            for sample in 0..batch {
                // SAFETY: tasks differ in outputs.
                let out = unsafe { y.part(sample * outputs + rows.start, rows.len()) };
                let at = sample / COLUMNS * OUTPUTS * COLUMNS + sample % COLUMNS;
                for (i, out) in out.iter_mut().enumerate() {
                    let sum = sums[at + i * COLUMNS] + bias.map_or(0.0, |b| b[rows.start + i]);
                    *out = if rectify { relu(sum) } else { sum };
                }
            }
        });
    });
}

/// The sums of some outputs, `[panels of samples][outputs][16]`.
fn forward_rows(shape: &LinearShape, weight: &[f32], packed: &[f32], rows: Range<usize>, sums: &mut [f32]) {
    let inputs = shape.inputs;
    for start in (0..inputs).step_by(DEPTH) {
        let depth = DEPTH.min(inputs - start);
        for (panel, sums) in packed
            .chunks_exact(inputs * COLUMNS)
            .zip(sums.chunks_exact_mut(OUTPUTS * COLUMNS))
        {
            let panel = &panel[start * COLUMNS..];
            for (strip, sums) in rows.clone().step_by(ROWS).zip(sums.chunks_exact_mut(ROWS * COLUMNS)) {
                let offsets = std::array::from_fn(|i| (strip + i).min(rows.end - 1) * inputs + start);
                let left = Left::Rows {
                    values: weight,
                    offsets: &offsets,
                    walk: Walk::line(depth),
                };
                kernel::tile(left, panel, sums, COLUMNS, start > 0);
            }
        }
    }
}

/// `dx (+)= dy W`
pub(crate) fn input_gradient(shape: &LinearShape, dy: &[f32], weight: &[f32], accumulate: bool, dx: &mut [f32]) {
    let LinearShape { batch, inputs, outputs } = *shape;
    let rows = batch.next_multiple_of(ROWS);
    let dx = Shared::new(dx);
    (0..inputs.div_ceil(INPUTS)).into_par_iter().for_each(|task| {
        let columns = task * INPUTS..((task + 1) * INPUTS).min(inputs);
        with_scratch((rows + DEPTH) * INPUTS, |floats, _| {
            let (sums, panels) = floats.split_at_mut(rows * INPUTS);
            for start in (0..outputs).step_by(DEPTH) {
                let depth = DEPTH.min(outputs - start);
                pack_columns(&weight[start * inputs..], inputs, columns.clone(), depth, panels);
                for (i, panel) in panels
                    .chunks_exact(depth * COLUMNS)
                    .take(columns.len().div_ceil(COLUMNS))
                    .enumerate()
                {
                    for strip in (0..rows).step_by(ROWS) {
                        let offsets = std::array::from_fn(|i| (strip + i).min(batch - 1) * outputs + start);
                        let sums = &mut sums[strip * INPUTS + i * COLUMNS..];
                        let left = Left::Rows {
                            values: dy,
                            offsets: &offsets,
                            walk: Walk::line(depth),
                        };
                        kernel::tile(left, panel, sums, INPUTS, start > 0);
                    }
                }
            }
            for (sample, sums) in sums.chunks_exact(INPUTS).take(batch).enumerate() {
                // SAFETY: tasks differ in inputs.
                let out = unsafe { dx.part(sample * inputs + columns.start, columns.len()) };
                if accumulate {
                    out.iter_mut().zip(sums).for_each(|(o, s)| *o += s);
                } else {
                    out.copy_from_slice(&sums[..columns.len()]);
                }
            }
        });
    });
}

/// Packs columns of a matrix of `rows` rows in panels `[rows][16]`, missing columns as zeros.
fn pack_columns(matrix: &[f32], stride: usize, columns: Range<usize>, rows: usize, panels: &mut [f32]) {
    for (row, matrix) in matrix.chunks(stride).take(rows).enumerate() {
        for (panel, values) in matrix[columns.clone()].chunks(COLUMNS).enumerate() {
            let out = &mut panels[(panel * rows + row) * COLUMNS..][..COLUMNS];
            copy_lanes(values, values.len(), out);
        }
    }
}

/// `dw = dy^T x`, `[outputs, inputs]`
pub(crate) fn weight_gradient(shape: &LinearShape, x: &[f32], dy: &[f32], work: &mut [f32], dw: &mut [f32]) {
    let LinearShape { batch, inputs, outputs } = *shape;
    let work = &mut work[..inputs.next_multiple_of(COLUMNS) * batch];
    work.par_chunks_mut(batch * COLUMNS)
        .enumerate()
        .for_each(|(panel, work)| {
            let first = panel * COLUMNS;
            pack_columns(x, inputs, first..(first + COLUMNS).min(inputs), batch, work);
        });
    let packed = &*work;
    dw.par_chunks_mut(OUTPUTS * inputs).enumerate().for_each(|(task, dw)| {
        let first = task * OUTPUTS;
        let rows = dw.len() / inputs;
        with_scratch(batch * OUTPUTS, |strips, _| {
            let strips = &mut strips[..batch * rows.next_multiple_of(ROWS)];
            for (row, values) in dy.chunks_exact(outputs).enumerate() {
                let values = &values[first..first + rows];
                for (strip, values) in values.chunks(ROWS).enumerate() {
                    let out = &mut strips[(strip * batch + row) * ROWS..][..ROWS];
                    out[..values.len()].copy_from_slice(values);
                    out[values.len()..].fill(0.0);
                }
            }
            for block in (0..inputs).step_by(PANELS * COLUMNS) {
                for (strip, a) in strips.chunks_exact(batch * ROWS).enumerate() {
                    for column in (block..(block + PANELS * COLUMNS).min(inputs)).step_by(COLUMNS) {
                        let out = &mut dw[strip * ROWS * inputs + column..];
                        let size = (rows - strip * ROWS, inputs - column);
                        kernel::corner(size, Left::Strip(a), &packed[column * batch..], out, inputs);
                    }
                }
            }
        });
    });
}
