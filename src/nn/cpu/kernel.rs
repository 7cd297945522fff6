//! The inner loop of every convolution and linear layer: a tile of 6 x 16 sums kept in registers.
//!
//! The right factor is packed in panels of 16 columns; the left factor is read in place, one value at a time, through
//! six offsets. So a convolution needs no copy of its unfolded input (implicit GEMM, Chetlur et al. 2014,
//! "cuDNN: Efficient Primitives for Deep Learning"), only a panel of its weight. The register tile is the one of the
//! BLIS Haswell kernel (Van Zee and van de Geijn 2015): twelve accumulators of eight lanes, two loads and one broadcast.
//!
//! Every sum runs over its terms in order of depth, one fused multiply-add each, so a result depends neither on the
//! number of threads nor on where a tile begins. Machines without AVX2 and FMA round products too: other bits.

/// Rows of a tile.
pub(super) const ROWS: usize = 6;
/// Columns of a tile, and of a packed panel.
pub(super) const COLUMNS: usize = 16;

/// The way through the left factor: `runs` stretches of `len` values, `stride` values between their beginnings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) runs: usize,
    pub(super) stride: usize,
    pub(super) len: usize,
}

impl Walk {
    /// One stretch.
    pub(super) fn line(len: usize) -> Self {
        Self {
            runs: 1,
            stride: 0,
            len,
        }
    }

    fn depth(self) -> usize {
        self.runs * self.len
    }
}

/// `c[i][j] (+)= sum over d of a_i[d] * b[d][j]` for 6 rows and 16 columns.
///
/// Row `i` of the left factor begins at `a[offsets[i]]`; successive values of a stretch lie `STEP` apart. `b` is a
/// packed panel `[depth][16]`; row `i` of `c` begins at `c[i * c_stride]`.
///
/// # Panics
/// When a slice is too short for what the walk reads or writes: that would be a wrong plan.
pub(super) fn tile<const STEP: usize>(
    a: &[f32],
    offsets: &[usize; ROWS],
    walk: Walk,
    b: &[f32],
    c: &mut [f32],
    c_stride: usize,
    accumulate: bool,
) {
    let reach = (walk.runs - 1) * walk.stride + (walk.len - 1) * STEP;
    assert!(
        offsets.iter().all(|&o| o + reach < a.len()),
        "the left factor is too short"
    );
    assert!(walk.depth() * COLUMNS <= b.len(), "the panel is too short");
    assert!((ROWS - 1) * c_stride + COLUMNS <= c.len(), "the result is too short");
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the features are there, and the assertions above bound every access.
        unsafe {
            tile_avx2::<STEP>(
                a.as_ptr(),
                offsets,
                walk,
                b.as_ptr(),
                c.as_mut_ptr(),
                c_stride,
                accumulate,
            )
        };
        return;
    }
    tile_portable::<STEP>(a, offsets, walk, b, c, c_stride, accumulate);
}

/// [`tile`] for a corner of the result: only `rows` x `columns` values are written.
#[expect(clippy::too_many_arguments, reason = "a kernel's operands")]
pub(super) fn corner<const STEP: usize>(
    rows: usize,
    columns: usize,
    a: &[f32],
    offsets: &[usize; ROWS],
    walk: Walk,
    b: &[f32],
    c: &mut [f32],
    c_stride: usize,
) {
    if rows >= ROWS && columns >= COLUMNS {
        return tile::<STEP>(a, offsets, walk, b, c, c_stride, false);
    }
    let mut local = [0.0; ROWS * COLUMNS];
    tile::<STEP>(a, offsets, walk, b, &mut local, COLUMNS, false);
    for (i, row) in local.chunks_exact(COLUMNS).take(rows).enumerate() {
        let columns = columns.min(COLUMNS);
        c[i * c_stride..][..columns].copy_from_slice(&row[..columns]);
    }
}

/// # Safety
/// The CPU must have AVX2 and FMA; all that `tile` asserts must hold.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_avx2<const STEP: usize>(
    a: *const f32,
    offsets: &[usize; ROWS],
    walk: Walk,
    mut b: *const f32,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
) {
    use std::arch::x86_64::{
        __m256, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };
    // SAFETY: the caller vouches for the extent of `a`, `b` and `c`; see `tile`.
    unsafe {
        let mut sums: [[__m256; 2]; ROWS] = [[_mm256_setzero_ps(); 2]; ROWS];
        if accumulate {
            for (i, sum) in sums.iter_mut().enumerate() {
                let row = c.add(i * c_stride);
                *sum = [_mm256_loadu_ps(row), _mm256_loadu_ps(row.add(8))];
            }
        }
        for run in 0..walk.runs {
            let mut rows = offsets.map(|o| a.add(o + run * walk.stride));
            for _ in 0..walk.len {
                let (b0, b1) = (_mm256_loadu_ps(b), _mm256_loadu_ps(b.add(8)));
                for i in 0..ROWS {
                    let x = _mm256_broadcast_ss(&*rows[i]);
                    sums[i][0] = _mm256_fmadd_ps(x, b0, sums[i][0]);
                    sums[i][1] = _mm256_fmadd_ps(x, b1, sums[i][1]);
                    rows[i] = rows[i].wrapping_add(STEP);
                }
                b = b.wrapping_add(COLUMNS);
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            let row = c.add(i * c_stride);
            _mm256_storeu_ps(row, sum[0]);
            _mm256_storeu_ps(row.add(8), sum[1]);
        }
    }
}

fn tile_portable<const STEP: usize>(
    a: &[f32],
    offsets: &[usize; ROWS],
    walk: Walk,
    b: &[f32],
    c: &mut [f32],
    c_stride: usize,
    accumulate: bool,
) {
    let mut sums = [[0.0f32; COLUMNS]; ROWS];
    if accumulate {
        for (i, sum) in sums.iter_mut().enumerate() {
            sum.copy_from_slice(&c[i * c_stride..][..COLUMNS]);
        }
    }
    let mut panel = b.chunks_exact(COLUMNS);
    for run in 0..walk.runs {
        for (d, b) in panel.by_ref().take(walk.len).enumerate() {
            for (sum, offset) in sums.iter_mut().zip(offsets) {
                let x = a[offset + run * walk.stride + d * STEP];
                for (s, b) in sum.iter_mut().zip(b) {
                    *s += x * b;
                }
            }
        }
    }
    for (i, sum) in sums.iter().enumerate() {
        c[i * c_stride..][..COLUMNS].copy_from_slice(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against sums in f64, for both steps, with several runs and with a corner.
    #[test]
    fn a_tile_is_a_product_of_matrices() {
        let a: Vec<f32> = (0..400).map(|i| ((i * 37 % 101) as f32 - 50.0) / 16.0).collect();
        let b: Vec<f32> = (0..20 * COLUMNS)
            .map(|i| ((i * 53 % 97) as f32 - 48.0) / 32.0)
            .collect();
        let walk = Walk {
            runs: 4,
            stride: 31,
            len: 5,
        };
        let offsets = [0, 7, 100, 3, 200, 9];
        let expect = |i: usize, j: usize, step: usize| -> f64 {
            let terms = (0..20).map(|d| {
                let x = a[offsets[i] + d / 5 * 31 + d % 5 * step];
                f64::from(x) * f64::from(b[d * COLUMNS + j])
            });
            terms.sum()
        };
        let mut c = vec![1.0f32; 5 * 20 + 16];
        tile::<1>(&a, &offsets, walk, &b, &mut c, 20, true);
        let mut portable = vec![1.0f32; 5 * 20 + 16];
        tile_portable::<1>(&a, &offsets, walk, &b, &mut portable, 20, true);
        let mut edge = vec![9.0f32; 5 * 20 + 16];
        corner::<6>(4, 7, &a, &offsets, walk, &b, &mut edge, 20);
        for i in 0..ROWS {
            for j in 0..COLUMNS {
                assert!((f64::from(c[i * 20 + j]) - 1.0 - expect(i, j, 1)).abs() < 1e-4);
                assert!((f64::from(portable[i * 20 + j]) - 1.0 - expect(i, j, 1)).abs() < 1e-4);
                let written = if i < 4 && j < 7 { expect(i, j, 6) } else { 9.0 };
                assert!(
                    (f64::from(edge[i * 20 + j]) - written).abs() < 1e-4,
                    "row {i}, column {j}"
                );
            }
        }
    }
}
