//! Gaussian convolution, and the smooth fields of displacements that are made with it.

use super::way::Field;

/// Convolves a picture, `[height, width, channels]`, with a Gaussian of this deviation in pixels, in place.
///
/// As scipy's `gaussian_filter` with its `truncate=4` and `mode="mirror"`, and as torchvision's `gaussian_blur` with a
/// kernel of `2 r + 1` pixels: the kernel ends at `r`, four deviations rounded, its weights add up to 1, and beyond its
/// borders the picture is mirrored about the middle of its outermost pixels.
pub(super) fn blur(image: &mut [f32], [channels, height, width]: [usize; 3], sigma: f64) {
    let kernel = kernel(sigma);
    if kernel.len() < 2 {
        return;
    }
    let row = width * channels;
    let mut line = vec![0.0; row + 2 * (kernel.len() / 2) * channels];
    for values in image.chunks_exact_mut(row) {
        convolve(values, &mut line, &kernel, channels);
    }
    // Columns, all of a row together.
    let source = image.to_vec();
    let radius = (kernel.len() / 2) as isize;
    for (values, y) in image.chunks_exact_mut(row).zip(0_isize..) {
        values.fill(0.0);
        for (weight, step) in kernel.iter().zip(-radius..) {
            let from = mirrored(y + step, height) * row;
            let taken = values.iter_mut().zip(&source[from..from + row]);
            taken.for_each(|(sum, value)| *sum += weight * value);
        }
    }
}

/// Displacements in pixels, `[x, y]` apart, from numbers between -1 and 1: convolved with a Gaussian, times `alpha`.
pub(super) fn field(mut numbers: [Vec<f32>; 2], [height, width]: [usize; 2], alpha: f64, sigma: f64) -> Field {
    for direction in &mut numbers {
        blur(direction, [1, height, width], sigma);
        direction.iter_mut().for_each(|number| *number *= alpha as f32);
    }
    let [x, y] = numbers;
    Field { x, y, height, width }
}

/// Weights of a Gaussian, an odd number of them.
fn kernel(sigma: f64) -> Vec<f32> {
    let radius = (4.0 * sigma + 0.5) as i32;
    let weights: Vec<f64> = (-radius..=radius)
        .map(|step| match radius {
            0 => 1.0,
            _ => (-0.5 * (f64::from(step) / sigma).powi(2)).exp(),
        })
        .collect();
    let all: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / all) as f32).collect()
}

/// Convolves a row of pixels, by means of a line that is longer by the kernel's radius at both ends.
fn convolve(values: &mut [f32], line: &mut [f32], kernel: &[f32], channels: usize) {
    let (width, radius) = (values.len() / channels, (kernel.len() / 2) as isize);
    for (pixel, place) in line.chunks_exact_mut(channels).zip(-radius..) {
        let from = mirrored(place, width) * channels;
        pixel.copy_from_slice(&values[from..from + channels]);
    }
    values.fill(0.0);
    for (step, weight) in kernel.iter().enumerate() {
        let taken = values.iter_mut().zip(&line[step * channels..]);
        taken.for_each(|(sum, value)| *sum += weight * value);
    }
}

/// The place within a side that stands where `place` is when the side is mirrored about its outermost pixels.
fn mirrored(place: isize, side: usize) -> usize {
    let period = 2 * (side as isize - 1).max(1);
    let place = place.rem_euclid(period);
    (if place < side as isize { place } else { period - place }).min(side as isize - 1) as usize
}
