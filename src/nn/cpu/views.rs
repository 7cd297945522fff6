//! What the views of a sample decide, and the larger of two values.

use super::elementwise::CHUNK;
use crate::net::Gate;
use rayon::prelude::*;

/// What a gate makes of one sample, whose views are `mask`.
#[derive(Clone, Copy)]
enum Effect {
    /// Values and gradients go through, times a factor.
    Times(f32),
    /// Values become this one, and there is no gradient.
    Becomes(f32),
}

fn effect(gate: Gate, mask: &[f32]) -> Effect {
    match gate {
        Gate::Zero(view) if mask[view] == 0.0 => Effect::Becomes(0.0),
        Gate::Lowest(view) if mask[view] == 0.0 => Effect::Becomes(f32::NEG_INFINITY),
        Gate::Zero(_) | Gate::Lowest(_) => Effect::Times(1.0),
        Gate::Mean => Effect::Times(1.0 / mask.iter().sum::<f32>()),
    }
}

/// Applies a gate to samples of `image` values, whose masks have `views` entries.
pub(crate) fn gate(gate: Gate, (image, views): (usize, usize), x: &[f32], mask: &[f32], y: &mut [f32]) {
    let samples = x.par_chunks(image).zip(mask.par_chunks(views));
    y.par_chunks_mut(image)
        .zip(samples)
        .for_each(|(y, (x, mask))| match effect(gate, mask) {
            Effect::Times(factor) => y.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor),
            Effect::Becomes(value) => y.fill(value),
        });
}

/// `dx (+)= dL/dx`
pub(crate) fn gate_gradient(
    gate: Gate,
    (image, views): (usize, usize),
    dy: &[f32],
    mask: &[f32],
    accumulate: bool,
    dx: &mut [f32],
) {
    let samples = dy.par_chunks(image).zip(mask.par_chunks(views));
    dx.par_chunks_mut(image).zip(samples).for_each(|(dx, (dy, mask))| {
        let factor = match effect(gate, mask) {
            Effect::Times(factor) => factor,
            Effect::Becomes(_) => 0.0,
        };
        for (dx, dy) in dx.iter_mut().zip(dy) {
            let value = dy * factor;
            *dx = if accumulate { *dx + value } else { value };
        }
    });
}

/// True where the second of two values is the larger; what is not a number stays one.
#[inline]
fn second_wins(a: f32, b: f32) -> bool {
    b > a || b.is_nan()
}

/// `y = max(a, b)`
pub(crate) fn maximum(a: &[f32], b: &[f32], y: &mut [f32]) {
    let inputs = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK));
    y.par_chunks_mut(CHUNK).zip(inputs).for_each(|(y, (a, b))| {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = if second_wins(*a, *b) { *b } else { *a };
        }
    });
}

/// `dx (+)= dL/da` where `first`, else `dL/db`.
pub(crate) fn maximum_gradient((a, b): (&[f32], &[f32]), first: bool, dy: &[f32], accumulate: bool, dx: &mut [f32]) {
    let inputs = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK));
    dx.par_chunks_mut(CHUNK).zip(inputs).for_each(|(dx, ((a, b), dy))| {
        for (((dx, a), b), dy) in dx.iter_mut().zip(a).zip(b).zip(dy) {
            let value = if second_wins(*a, *b) == first { 0.0 } else { *dy };
            *dx = if accumulate { *dx + value } else { value };
        }
    });
}
