//! The breast of a mammogram: the largest connected part that is brighter than the background.

use super::{Picture, Samples};
use crate::plan::stage::Side;
use std::{cmp::Ordering, ops::Range};

/// The breast is what lies above this share of the way from the dark to the bright end of a picture's values.
///
/// On the 1,592 films of CBIS-DDSM it marks a tenth more than the threshold of Otsu (1979), which cuts the dim skin line
/// off; a fixed grey level does not serve films and 12-bit detectors alike.
const THRESHOLD: f64 = 0.05;
/// The ends, as percentiles of all pixels, so that a few stray ones do not move the threshold.
const ENDS: [f64; 2] = [0.01, 0.99];

/// The grey value of every pixel, as Pillow makes it: `(19595 R + 38470 G + 7471 B + 32768) / 65536` of colours.
pub(super) fn grey(picture: &Picture) -> Vec<u16> {
    fn of<T: Copy + Into<u64>>(values: &[T], channels: usize) -> Vec<u16> {
        let luminance = |pixel: &[T]| -> u64 {
            match *pixel {
                [r, g, b] => {
                    let [r, g, b]: [u64; 3] = [r, g, b].map(Into::into);
                    (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
                }
                _ => pixel[0].into(),
            }
        };
        // A weighted mean of 16-bit numbers is one.
        values
            .chunks_exact(channels)
            .map(|pixel| luminance(pixel) as u16)
            .collect()
    }
    match &picture.samples {
        Samples::U8(values) => of(values, picture.channels),
        Samples::U16(values) => of(values, picture.channels),
    }
}

/// How often each value occurs, for percentiles.
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(super) fn of(values: impl Iterator<Item = u16>) -> Self {
        let mut counts = vec![0; 1 << 16];
        let mut total = 0;
        for value in values {
            counts[usize::from(value)] += 1;
            total += 1;
        }
        Self { counts, total }
    }

    /// A percentile, linear between order statistics (type 7 of Hyndman and Fan 1996, numpy's default); `share` from 0
    /// to 1. 0 of no values.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let place = share * self.total.saturating_sub(1) as f64;
        let (low, high) = (self.ranked(place.floor() as u64), self.ranked(place.ceil() as u64));
        low + (high - low) * place.fract()
    }

    /// The value of a rank, counted from 0.
    fn ranked(&self, rank: u64) -> f64 {
        let mut below = 0;
        for (value, count) in self.counts.iter().enumerate() {
            below += count;
            if below > rank {
                return value as f64;
            }
        }
        0.0
    }
}

/// The breast of a picture.
pub(super) struct Breast {
    /// Which pixels belong to it, row by row.
    pub(super) mask: Vec<bool>,
    width: usize,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Breast {
    /// The largest part of connected pixels (neighbours in any of eight directions) above the threshold; of equally
    /// large ones the first from above. Of a picture of one value it is the whole picture.
    pub(super) fn of(grey: &[u16], height: usize, width: usize) -> Self {
        let histogram = Histogram::of(grey.iter().copied());
        let [dark, bright] = ENDS.map(|share| histogram.percentile(share));
        let threshold = dark + THRESHOLD * (bright - dark);
        let mut open: Vec<bool> = grey.iter().map(|&value| f64::from(value) > threshold).collect();
        let mut largest = Vec::new();
        for start in 0..open.len() {
            if open[start] {
                let part = connected(start, &mut open, height, width);
                if part.len() > largest.len() {
                    largest = part;
                }
            }
        }
        if largest.is_empty() {
            largest = (0..grey.len()).collect();
        }
        let mut breast = Self {
            mask: vec![false; grey.len()],
            width,
            rows: height..0,
            columns: width..0,
        };
        for place in largest {
            let (y, x) = (place / width, place % width);
            breast.mask[place] = true;
            breast.rows = breast.rows.start.min(y)..breast.rows.end.max(y + 1);
            breast.columns = breast.columns.start.min(x)..breast.columns.end.max(x + 1);
        }
        breast
    }

    /// Its values among those of its picture.
    pub(super) fn values<'a>(&'a self, grey: &'a [u16]) -> impl Iterator<Item = u16> + 'a {
        let inside = grey.iter().zip(&self.mask).filter(|(_, inside)| **inside);
        inside.map(|(value, _)| *value)
    }

    /// The side of the chest wall, where the breast is broadest: the half of its bounding box that holds more of it; none
    /// when both hold as much.
    pub(super) fn chest_wall(&self) -> Option<Side> {
        let box_width = self.columns.len();
        let (mut left, mut right) = (0_usize, 0_usize);
        for row in self.rows.clone() {
            let inside = &self.mask[row * self.width..][self.columns.clone()];
            left += inside[..box_width / 2].iter().filter(|inside| **inside).count();
            right += inside[box_width.div_ceil(2)..].iter().filter(|inside| **inside).count();
        }
        match left.cmp(&right) {
            Ordering::Less => Some(Side::Right),
            Ordering::Equal => None,
            Ordering::Greater => Some(Side::Left),
        }
    }
}

/// The pixels connected with `start`, which are closed.
fn connected(start: usize, open: &mut [bool], height: usize, width: usize) -> Vec<usize> {
    let mut part = vec![start];
    open[start] = false;
    let mut next = 0;
    while let Some(&place) = part.get(next) {
        next += 1;
        let (y, x) = (place / width, place % width);
        for y in y.saturating_sub(1)..(y + 2).min(height) {
            for x in x.saturating_sub(1)..(x + 2).min(width) {
                let place = y * width + x;
                if std::mem::replace(&mut open[place], false) {
                    part.push(place);
                }
            }
        }
    }
    part
}
