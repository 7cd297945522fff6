//! Random changes of training pictures.
//!
//! Everything that moves pixels is composed to one affine map, so a picture is resampled once, bilinearly, with black
//! beyond its borders; what changes values comes after it, in the order of the list. What is drawn is a function of a
//! [`Stream`] and of the place in the list, so neither threads nor interruptions change it.

use crate::{nn::Stream, plan::stage::Augmentation};

/// Changes one picture, `[height, width, channels]`, in place, by the augmentations in their order.
///
/// Values lie on the scale 0 to 1, where 0 is black, and stay on it; a list of which all
/// [`Augmentation::only_moves_pixels`] takes any other scale as well.
///
/// `chance` must be the picture's own: of the seed, the epoch and the sample. Equal streams draw equal changes.
///
/// # Panics
/// If `image` is not `height * width * channels` long.
pub fn augment(
    image: &mut [f32],
    [channels, height, width]: [usize; 3],
    augmentations: &[Augmentation],
    chance: Stream,
) {
    assert_eq!(image.len(), height * width * channels, "a picture of another shape");
    let chances = augmentations
        .iter()
        .zip(0..)
        .map(|(one, place)| (one, chance.numbered(place)));
    let map = chances.clone().fold(Affine::IDENTITY, |map, (one, chance)| {
        moved(one, chance, height, width).map_or(map, |back| map.after(&back))
    });
    map.apply(image, [channels, height, width]);
    for (one, chance) in chances {
        change_values(image, channels, one, chance);
    }
}

/// Uniform between `-most` and `most`.
fn symmetric(chance: Stream, index: u64, most: f64) -> f64 {
    most * (2.0 * chance.uniform(index) - 1.0)
}

/// The way back of what moves pixels: from where a pixel comes to stand to where it came from.
fn moved(one: &Augmentation, chance: Stream, height: usize, width: usize) -> Option<Affine> {
    Some(match *one {
        Augmentation::Flip { horizontal, vertical } => {
            let sign = |index, probability| if chance.uniform(index) < probability { -1.0 } else { 1.0 };
            Affine::linear([[sign(0, horizontal), 0.0], [0.0, sign(1, vertical)]])
        }
        Augmentation::Rotate { degrees } => {
            let (sin, cos) = symmetric(chance, 0, degrees).to_radians().sin_cos();
            Affine::linear([[cos, sin], [-sin, cos]])
        }
        Augmentation::Shift { share } => {
            let by = |index, side: usize| -symmetric(chance, index, share) * side as f64;
            Affine {
                shift: [by(0, width), by(1, height)],
                ..Affine::IDENTITY
            }
        }
        Augmentation::Scale { low, high } => {
            let back = 1.0 / (low + (high - low) * chance.uniform(0));
            Affine::linear([[back, 0.0], [0.0, back]])
        }
        Augmentation::Identity
        | Augmentation::Contrast { .. }
        | Augmentation::Brightness { .. }
        | Augmentation::Noise { .. } => return None,
    })
}

/// Changes values on the scale 0 to 1, and keeps them on it.
///
/// Contrast and brightness are torchvision's `adjust_contrast` and `adjust_brightness` on floats: the mean is that of
/// the grey picture, `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601).
fn change_values(image: &mut [f32], channels: usize, one: &Augmentation, chance: Stream) {
    match *one {
        Augmentation::Contrast { share } => {
            let (mean, factor) = (mean_grey(image, channels), 1.0 + symmetric(chance, 0, share));
            let offset = (mean * (1.0 - factor)) as f32;
            let factor = factor as f32;
            image
                .iter_mut()
                .for_each(|v| *v = (*v * factor + offset).clamp(0.0, 1.0));
        }
        Augmentation::Brightness { share } => {
            let factor = (1.0 + symmetric(chance, 0, share)) as f32;
            image.iter_mut().for_each(|v| *v = (*v * factor).clamp(0.0, 1.0));
        }
        Augmentation::Noise { deviation } => {
            for (pixel, place) in image.chunks_exact_mut(channels).zip(0..) {
                let noise = (deviation * chance.normal(place)) as f32;
                pixel.iter_mut().for_each(|v| *v = (*v + noise).clamp(0.0, 1.0));
            }
        }
        Augmentation::Identity
        | Augmentation::Flip { .. }
        | Augmentation::Rotate { .. }
        | Augmentation::Shift { .. }
        | Augmentation::Scale { .. } => {}
    }
}

fn mean_grey(image: &[f32], channels: usize) -> f64 {
    let sum: f64 = match channels {
        3 => image
            .as_chunks()
            .0
            .iter()
            .map(|&[r, g, b]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b))
            .sum(),
        _ => image.iter().map(|&value| f64::from(value)).sum::<f64>() / channels as f64,
    };
    sum / (image.len() / channels) as f64
}

/// A map of the plane in pixels, `x` to the right and `y` down, about the picture's centre: where the value of a pixel
/// comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Affine {
    /// `[[xx, xy], [yx, yy]]`
    linear: [[f64; 2]; 2],
    /// `[x, y]`
    shift: [f64; 2],
}

impl Affine {
    const IDENTITY: Self = Self::linear([[1.0, 0.0], [0.0, 1.0]]);

    const fn linear(linear: [[f64; 2]; 2]) -> Self {
        Self {
            linear,
            shift: [0.0, 0.0],
        }
    }

    /// First `first`, then this map.
    fn after(&self, first: &Self) -> Self {
        let ([[a, b], [c, d]], [[e, f], [g, h]]) = (self.linear, first.linear);
        let [x, y] = first.shift;
        Self {
            linear: [[a * e + b * g, a * f + b * h], [c * e + d * g, c * f + d * h]],
            shift: [a * x + b * y + self.shift[0], c * x + d * y + self.shift[1]],
        }
    }

    /// Moves the pixels of a picture.
    fn apply(&self, image: &mut [f32], shape: [usize; 3]) {
        if *self == Self::IDENTITY {
            return;
        }
        let [channels, _, width] = shape;
        match (self.linear, self.shift) {
            // Exchanges alone are exact, and need no copy of the picture.
            ([[xx @ (1.0 | -1.0), 0.0], [0.0, yy @ (1.0 | -1.0)]], [0.0, 0.0]) => {
                if xx < 0.0 {
                    image
                        .chunks_exact_mut(width * channels)
                        .for_each(|row| exchange(row, channels));
                }
                if yy < 0.0 {
                    exchange(image, width * channels);
                }
            }
            _ => self.resample(image, shape),
        }
    }

    /// Bilinear, black beyond the borders.
    fn resample(&self, image: &mut [f32], [channels, height, width]: [usize; 3]) {
        let source = image.to_vec();
        let [[xx, xy], [yx, yy]] = self.linear;
        let (centre_x, centre_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
        for (pixel, place) in image.chunks_exact_mut(channels).zip(0..) {
            let (dx, dy) = ((place % width) as f64 - centre_x, (place / width) as f64 - centre_y);
            let (left, right, share) = between(xx * dx + xy * dy + self.shift[0] + centre_x, width);
            let (top, bottom, lower_share) = between(yx * dx + yy * dy + self.shift[1] + centre_y, height);
            let start = |x: Option<usize>, y: Option<usize>| Some((y? * width + x?) * channels);
            let corners = [
                start(left, top),
                start(right, top),
                start(left, bottom),
                start(right, bottom),
            ];
            for (channel, value) in pixel.iter_mut().enumerate() {
                let corner = corners.map(|at| at.map_or(0.0, |at| source[at + channel]));
                let [upper, lower] = [[corner[0], corner[1]], [corner[2], corner[3]]].map(|pair| mixed(pair, share));
                *value = mixed([upper, lower], lower_share);
            }
        }
    }
}

/// The pixels before and behind a place on an axis, none for those beyond its ends, and the share of the second.
fn between(place: f64, side: usize) -> (Option<usize>, Option<usize>, f32) {
    let before = place.floor();
    let inside = |place: f64| (place >= 0.0 && place < side as f64).then_some(place as usize);
    (inside(before), inside(before + 1.0), (place - before) as f32)
}

/// Two values with the share of the second; a share of 0 gives the first exactly.
fn mixed([a, b]: [f32; 2], share: f32) -> f32 {
    a + (b - a) * share
}

/// Exchanges first and last, second and last but one of the parts of so many values.
fn exchange(values: &mut [f32], part: usize) {
    let count = values.len() / part;
    for first in 0..count / 2 {
        let (head, tail) = values.split_at_mut((count - 1 - first) * part);
        head[first * part..(first + 1) * part].swap_with_slice(&mut tail[..part]);
    }
}

#[cfg(test)]
mod tests;
