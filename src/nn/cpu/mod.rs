//! Kernels for the CPU: f32, activations `[batch, height, width, channels]`, weights `[out, height, width, in]`.
//!
//! Work is split over rayon's current pool in pieces decided by shapes alone, and partial sums are added in the order of
//! their pieces, so results are the same bits for any number of threads.

pub(crate) mod conv;
pub(crate) mod conv_gradient;
pub(crate) mod elementwise;
pub(crate) mod general;
pub(crate) mod isa;
mod kernel;
pub(crate) mod linear;
pub(crate) mod maps;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod views;

use std::cell::RefCell;
use std::marker::PhantomData;

thread_local! {
    /// Working memory of this thread, kept between calls.
    static SCRATCH: RefCell<(Vec<f32>, Vec<usize>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Lends `values` floats of this thread's working memory, with any content, and an empty list of offsets.
fn with_scratch<R>(values: usize, work: impl FnOnce(&mut [f32], &mut Vec<usize>) -> R) -> R {
    // Taken out for the time of the call: work that rayon steals into this thread then finds its own.
    let (mut floats, mut offsets) = SCRATCH.with(RefCell::take);
    if floats.len() < values {
        floats.resize(values, 0.0);
    }
    offsets.clear();
    let result = work(&mut floats[..values], &mut offsets);
    SCRATCH.with(|scratch| scratch.replace((floats, offsets)));
    result
}

/// A slice whose disjoint parts several tasks write.
#[derive(Clone, Copy)]
struct Shared<'a> {
    data: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: `Shared` only hands out parts through `part`, whose callers promise that they are disjoint.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    fn new(slice: &'a mut [f32]) -> Self {
        Self {
            data: slice.as_mut_ptr(),
            len: slice.len(),
            lifetime: PhantomData,
        }
    }

    /// `len` values from `start`.
    ///
    /// # Safety
    /// No part in use at the same time may overlap this one.
    unsafe fn part(self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(start + len <= self.len, "a part beyond its slice");
        // SAFETY: inside the slice by the assertion; the caller keeps parts disjoint.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), len) }
    }
}

/// Copies `count` of up to 16 values and sets the rest of a packed row to zero.
#[inline(always)]
fn copy_lanes(from: &[f32], count: usize, to: &mut [f32]) {
    // Whole rows, which most are, are moved as vectors and not by a call.
    if let (kernel::COLUMNS, Some(from), Some(to)) = (count, from.first_chunk(), to.first_chunk_mut()) {
        let whole: &mut [f32; kernel::COLUMNS] = to;
        *whole = *from;
        return;
    }
    to[..count].copy_from_slice(&from[..count]);
    to[count..].fill(0.0);
}

/// Rectified linear unit that lets NaN through, so that a diverged network shows it.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
