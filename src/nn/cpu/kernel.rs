//! The inner loop of every convolution and linear layer: a tile of 6 x 16 sums kept in registers.
//!
//! The right factor is packed in panels of 16 columns; the left factor is read in place, one value at a time, through
//! six offsets. So a convolution needs no copy of its unfolded input (implicit GEMM, Chetlur et al. 2014,
//! "cuDNN: Efficient Primitives for Deep Learning"), only a panel of its weight. The register tile is the one of the
//! BLIS Haswell kernel (Van Zee and van de Geijn 2015): twelve accumulators of eight lanes, two loads and one broadcast.
//!
//! Every sum runs over its terms in order of depth, one fused multiply-add each, so a result depends neither on the
//! number of threads nor on where a tile begins. Machines without AVX2 and FMA round products too: other bits.

#[cfg(target_arch = "x86_64")]
use super::isa::Isa;

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
}

/// The left factor of a tile, six rows of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left<'a> {
    /// Row `i` begins at `values[offsets[i]]` and goes on as the walk says.
    Rows {
        values: &'a [f32],
        offsets: &'a [usize; ROWS],
        walk: Walk,
    },
    /// Packed: the six values of each depth stand together.
    Strip(&'a [f32]),
}

impl<'a> Left<'a> {
    fn depth(self) -> usize {
        match self {
            Self::Rows { walk, .. } => walk.runs * walk.len,
            Self::Strip(values) => values.len() / ROWS,
        }
    }

    /// Stretches of the six rows, all of one length. A strip has none.
    #[inline(always)]
    fn stretches(self) -> impl Iterator<Item = [&'a [f32]; ROWS]> {
        let (values, [a, b, c, d, e, f], walk): (&[f32], _, _) = match self {
            Self::Rows { values, offsets, walk } => (values, *offsets, walk),
            Self::Strip(_) => (
                &[],
                [0; ROWS],
                Walk {
                    runs: 0,
                    stride: 0,
                    len: 0,
                },
            ),
        };
        (0..walk.runs).map(move |run| {
            let row = |offset: usize| &values[offset + run * walk.stride..][..walk.len];
            [row(a), row(b), row(c), row(d), row(e), row(f)]
        })
    }
}

/// `c[i][j] (+)= sum over d of left[i][d] * panel[d][j]` for 6 rows and 16 columns; row `i` of `c` begins at
/// `c[i * stride]`.
///
/// # Panics
/// When a slice is too short for what is read or written: that would be a wrong plan.
pub(super) fn tile(left: Left<'_>, panel: &[f32], c: &mut [f32], stride: usize, accumulate: bool) {
    let panel = &panel.as_chunks().0[..left.depth()];
    #[cfg(target_arch = "x86_64")]
    match Isa::current() {
        // SAFETY: the feature is there; nothing else is asked.
        Isa::Avx512 => return unsafe { tile_avx512(left, panel, c, stride, accumulate) },
        // SAFETY: the features are there; nothing else is asked.
        Isa::Avx2 => return unsafe { tile_avx2(left, panel, c, stride, accumulate) },
        Isa::Portable => {}
    }
    tile_portable(left, panel, c, stride, accumulate);
}

/// [`tile`] for a corner of the result: only `rows` x `columns` values are written.
pub(super) fn corner(size: (usize, usize), left: Left<'_>, panel: &[f32], c: &mut [f32], stride: usize) {
    let (rows, columns) = (size.0.min(ROWS), size.1.min(COLUMNS));
    if (rows, columns) == (ROWS, COLUMNS) {
        return tile(left, panel, c, stride, false);
    }
    let mut local = [0.0; ROWS * COLUMNS];
    tile(left, panel, &mut local, COLUMNS, false);
    for (i, row) in local.chunks_exact(COLUMNS).take(rows).enumerate() {
        c[i * stride..][..columns].copy_from_slice(&row[..columns]);
    }
}

// Vectors are made from and stored as arrays: unlike raw loads, these carry no run-time checks where debug assertions
// are on, and need no `unsafe`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn tile_avx2(left: Left<'_>, panel: &[[f32; COLUMNS]], c: &mut [f32], stride: usize, accumulate: bool) {
    use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_set1_ps, _mm256_setzero_ps};

    fn split(values: [f32; COLUMNS]) -> [__m256; 2] {
        // SAFETY: both sides are sixteen floats.
        unsafe { std::mem::transmute(values) }
    }

    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    if accumulate {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = split(*row_of(c, i * stride));
        }
    }
    let mut rest = panel;
    for rows in left.stretches() {
        let (now, later) = rest.split_at(rows[0].len());
        rest = later;
        let rows = trim(rows, now.len());
        for (d, b) in now.iter().enumerate() {
            let b = split(*b);
            for (sum, row) in sums.iter_mut().zip(rows) {
                let x = _mm256_set1_ps(row[d]);
                sum[0] = _mm256_fmadd_ps(x, b[0], sum[0]);
                sum[1] = _mm256_fmadd_ps(x, b[1], sum[1]);
            }
        }
    }
    if let Left::Strip(values) = left {
        for (values, b) in values.as_chunks::<ROWS>().0.iter().zip(panel) {
            let b = split(*b);
            for (sum, x) in sums.iter_mut().zip(values) {
                let x = _mm256_set1_ps(*x);
                sum[0] = _mm256_fmadd_ps(x, b[0], sum[0]);
                sum[1] = _mm256_fmadd_ps(x, b[1], sum[1]);
            }
        }
    }
    for (i, sum) in sums.into_iter().enumerate() {
        // SAFETY: both sides are sixteen floats.
        *row_of(c, i * stride) = unsafe { std::mem::transmute::<[__m256; 2], [f32; COLUMNS]>(sum) };
    }
}

/// As [`tile_avx2`], with the same bits: a row of sums is one vector instead of two.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn tile_avx512(left: Left<'_>, panel: &[[f32; COLUMNS]], c: &mut [f32], stride: usize, accumulate: bool) {
    use std::arch::x86_64::{__m512, _mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps};

    fn whole(values: [f32; COLUMNS]) -> __m512 {
        // SAFETY: both sides are sixteen floats.
        unsafe { std::mem::transmute(values) }
    }

    let mut sums = [_mm512_setzero_ps(); ROWS];
    if accumulate {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = whole(*row_of(c, i * stride));
        }
    }
    let mut rest = panel;
    for rows in left.stretches() {
        let (now, later) = rest.split_at(rows[0].len());
        rest = later;
        let rows = trim(rows, now.len());
        for (d, b) in now.iter().enumerate() {
            let b = whole(*b);
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = _mm512_fmadd_ps(_mm512_set1_ps(row[d]), b, *sum);
            }
        }
    }
    if let Left::Strip(values) = left {
        for (values, b) in values.as_chunks::<ROWS>().0.iter().zip(panel) {
            let b = whole(*b);
            for (sum, x) in sums.iter_mut().zip(values) {
                *sum = _mm512_fmadd_ps(_mm512_set1_ps(*x), b, *sum);
            }
        }
    }
    for (i, sum) in sums.into_iter().enumerate() {
        // SAFETY: both sides are sixteen floats.
        *row_of(c, i * stride) = unsafe { std::mem::transmute::<__m512, [f32; COLUMNS]>(sum) };
    }
}

fn tile_portable(left: Left<'_>, panel: &[[f32; COLUMNS]], c: &mut [f32], stride: usize, accumulate: bool) {
    let mut sums = [[0.0f32; COLUMNS]; ROWS];
    if accumulate {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = *row_of(c, i * stride);
        }
    }
    let add = |sum: &mut [f32; COLUMNS], x: f32, b: &[f32; COLUMNS]| {
        sum.iter_mut().zip(b).for_each(|(s, b)| *s += x * b);
    };
    let mut panel = panel.iter();
    for rows in left.stretches() {
        for (d, b) in panel.by_ref().take(rows[0].len()).enumerate() {
            sums.iter_mut().zip(rows).for_each(|(sum, row)| add(sum, row[d], b));
        }
    }
    if let Left::Strip(values) = left {
        for (values, b) in values.as_chunks::<ROWS>().0.iter().zip(panel) {
            sums.iter_mut().zip(values).for_each(|(sum, x)| add(sum, *x, b));
        }
    }
    for (i, sum) in sums.into_iter().enumerate() {
        *row_of(c, i * stride) = sum;
    }
}

/// Rows of a length that the compiler knows to be the loop's, so that it checks no index.
#[inline(always)]
fn trim([a, b, c, d, e, f]: [&[f32]; ROWS], len: usize) -> [&[f32]; ROWS] {
    [&a[..len], &b[..len], &c[..len], &d[..len], &e[..len], &f[..len]]
}

fn row_of(c: &mut [f32], at: usize) -> &mut [f32; COLUMNS] {
    c[at..].first_chunk_mut().expect("a row of the result has 16 values")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against sums in f64: several runs, a strip, a corner, and without the machine's vectors.
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
        let rows = Left::Rows {
            values: &a,
            offsets: &offsets,
            walk,
        };
        let strip = Left::Strip(&a[..20 * ROWS]);
        let expect = |i: usize, j: usize, packed: bool| -> f64 {
            let at = |d: usize| {
                if packed {
                    d * ROWS + i
                } else {
                    offsets[i] + d / 5 * 31 + d % 5
                }
            };
            (0..20)
                .map(|d| f64::from(a[at(d)]) * f64::from(b[d * COLUMNS + j]))
                .sum()
        };
        for (left, packed) in [(rows, false), (strip, true)] {
            let mut c = vec![1.0f32; 5 * 20 + 16];
            tile(left, &b, &mut c, 20, true);
            let mut portable = vec![1.0f32; 5 * 20 + 16];
            tile_portable(left, b.as_chunks().0, &mut portable, 20, true);
            let mut edge = vec![9.0f32; 5 * 20 + 16];
            corner((4, 7), left, &b, &mut edge, 20);
            for (i, j) in (0..ROWS).flat_map(|i| (0..COLUMNS).map(move |j| (i, j))) {
                let (at, sum) = (i * 20 + j, expect(i, j, packed));
                assert!((f64::from(c[at]) - 1.0 - sum).abs() < 1e-4);
                assert!((f64::from(portable[at]) - 1.0 - sum).abs() < 1e-4);
                let written = if i < 4 && j < 7 { sum } else { 9.0 };
                assert!((f64::from(edge[at]) - written).abs() < 1e-4, "row {i}, column {j}");
            }
            #[cfg(target_arch = "x86_64")]
            vectors_agree(left, &b, &c);
        }
    }

    /// Every form that the machine has gives the bits of the one in use, unless that is the portable one.
    #[cfg(target_arch = "x86_64")]
    fn vectors_agree(left: Left<'_>, panel: &[f32], expected: &[f32]) {
        if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") || Isa::current() == Isa::Portable {
            return;
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let mut found = vec![1.0f32; expected.len()];
        // SAFETY: the features are there.
        unsafe { tile_avx2(left, panel.as_chunks().0, &mut found, 20, true) };
        assert_eq!(bits(&found), bits(expected), "AVX2");
        if is_x86_feature_detected!("avx512f") {
            let mut found = vec![1.0f32; expected.len()];
            // SAFETY: the feature is there.
            unsafe { tile_avx512(left, panel.as_chunks().0, &mut found, 20, true) };
            assert_eq!(bits(&found), bits(expected), "AVX-512");
        }
    }
}
