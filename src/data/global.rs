//! Global numbers of a picture: what can be known of it without looking at any place in it.
//!
//! A classifier on them is the trivial baseline of a study: a network that does not beat it gives no evidence of
//! having used the lesion.

use super::{DataError, Picture, Prepared, Samples};
use rayon::prelude::*;

/// Names of the global numbers, in order.
///
/// All are taken of the grey picture on the scale 0 to 1, `v = x / largest`; of colours, `v = 0.299 R + 0.587 G +
/// 0.114 B` (ITU-R BT.601).
///
/// - `mean`, `deviation`: of all pixels, the deviation with the divisor n.
/// - `foreground`: share of pixels with `v > 5 / 255`.
/// - `p5`, `p25`, `p50`, `p75`, `p95`: percentiles, linear between order statistics (type 7 of Hyndman and Fan 1996).
/// - `rows_used`, `columns_used`: share of rows and columns with at least one foreground pixel.
/// - `gradient`: mean over all pixels but the last row and column of `sqrt(dx^2 + dy^2)`, with the differences to the
///   right and lower neighbour; 0 for pictures of one row or column.
/// - `centre_x`: `sum(v (column + 0.5)) / (width sum(v))`, from 0 (left) to 1; 0.5 for a black picture.
pub const GLOBAL_NUMBERS: [&str; 12] = [
    "mean",
    "deviation",
    "foreground",
    "p5",
    "p25",
    "p50",
    "p75",
    "p95",
    "rows_used",
    "columns_used",
    "gradient",
    "centre_x",
];

/// Above this a pixel is foreground.
const FOREGROUND: f64 = 5.0 / 255.0;

/// The [`GLOBAL_NUMBERS`] of the pictures of these rows, in their order.
///
/// # Errors
/// The file can no longer be read.
///
/// # Panics
/// If there is no such row.
pub fn global_numbers(pictures: &Prepared, rows: &[u32]) -> Result<Vec<[f64; 12]>, DataError> {
    rows.par_iter()
        .map(|&row| Ok(of_picture(&pictures.sample(row as usize)?)))
        .collect()
}

fn of_picture(picture: &Picture) -> [f64; 12] {
    let Picture { height, width, .. } = *picture;
    let values = grey(picture);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt();
    let is_foreground = |value: &&f64| **value > FOREGROUND;
    let foreground = values.iter().filter(is_foreground).count() as f64 / n;
    let rows = values
        .chunks_exact(width)
        .filter(|row| row.iter().any(|value| *value > FOREGROUND))
        .count();
    let column_used = |x: &usize| values[*x..].iter().step_by(width).any(|value| *value > FOREGROUND);
    let columns = (0..width).filter(column_used).count();
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let [p5, p25, p50, p75, p95] = [0.05, 0.25, 0.5, 0.75, 0.95].map(|share| percentile(&sorted, share));
    [
        mean,
        deviation,
        foreground,
        p5,
        p25,
        p50,
        p75,
        p95,
        rows as f64 / height as f64,
        columns as f64 / width as f64,
        gradient(&values, height, width),
        centre_x(&values, width),
    ]
}

fn grey(picture: &Picture) -> Vec<f64> {
    let values: Vec<f64> = match &picture.samples {
        Samples::U8(values) => values.iter().map(|&value| f64::from(value) / 255.0).collect(),
        Samples::U16(values) => values.iter().map(|&value| f64::from(value) / 65535.0).collect(),
    };
    match picture.channels {
        1 => values,
        _ => values
            .chunks_exact(3)
            .map(|rgb| 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])
            .collect(),
    }
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

fn gradient(values: &[f64], height: usize, width: usize) -> f64 {
    if height < 2 || width < 2 {
        return 0.0;
    }
    let mut sum = 0.0;
    for y in 0..height - 1 {
        for x in 0..width - 1 {
            let at = y * width + x;
            let (dx, dy) = (values[at + 1] - values[at], values[at + width] - values[at]);
            sum += (dx * dx + dy * dy).sqrt();
        }
    }
    sum / ((height - 1) * (width - 1)) as f64
}

fn centre_x(values: &[f64], width: usize) -> f64 {
    let total: f64 = values.iter().sum();
    if total == 0.0 {
        return 0.5;
    }
    let moment: f64 = values
        .iter()
        .enumerate()
        .map(|(at, value)| value * ((at % width) as f64 + 0.5))
        .sum();
    moment / (total * width as f64)
}
