//! Random changes of training pictures.
//!
//! Everything that moves pixels is composed to one way from the result back to the picture, so a picture is resampled once,
//! bilinearly, with black beyond its borders; what changes values comes after it, in the order of the list. What is drawn
//! is a function of a [`Stream`] and of the place in the list, so neither threads nor interruptions change it.

mod smooth;
mod way;

use crate::{nn::Stream, plan::stage::Augmentation};
use smooth::{blur, field};
use way::{Affine, Part, Way};

/// Draws of a crop before the largest of the allowed proportions is taken, as torchvision's.
const TRIES: u64 = 10;

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
    let drawn = augmentations
        .iter()
        .zip(0..)
        .filter_map(|(one, place)| carried_out(one, chance.numbered(place)));
    let mut way = Way::default();
    for (one, chance) in drawn.clone() {
        if let Some(back) = moved(one, chance, height, width) {
            way.extend(back);
        }
    }
    way.apply(image, [channels, height, width]);
    for (one, chance) in drawn {
        change_values(image, [channels, height, width], one, chance);
    }
}

/// What stands within the probabilities of a change, and its own chance; none where it is left out.
fn carried_out(mut one: &Augmentation, mut chance: Stream) -> Option<(&Augmentation, Stream)> {
    while let Augmentation::Sometimes { probability, change } = one {
        if chance.named("sometimes").uniform(0) >= *probability {
            return None;
        }
        (one, chance) = (change, chance.named("change"));
    }
    Some((one, chance))
}

/// Uniform between `-most` and `most`.
fn symmetric(chance: Stream, index: u64, most: f64) -> f64 {
    most * (2.0 * chance.uniform(index) - 1.0)
}

/// Uniform between two numbers.
fn uniform(chance: Stream, index: u64, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * chance.uniform(index)
}

/// The way back of what moves pixels: from where a pixel comes to stand to where it came from.
fn moved(one: &Augmentation, chance: Stream, height: usize, width: usize) -> Option<Part> {
    Some(Part::Map(match *one {
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
            let back = 1.0 / uniform(chance, 0, [low, high]);
            Affine::linear([[back, 0.0], [0.0, back]])
        }
        Augmentation::RandomCrop { area, ratio } => cropped(area, ratio, chance, height, width),
        Augmentation::Elastic { alpha, sigma } if alpha > 0.0 => {
            let direction = |number: u64| -> Vec<f32> {
                let places = 0..(height * width) as u64;
                places
                    .map(|place| symmetric(chance, 2 * place + number, 1.0) as f32)
                    .collect()
            };
            return Some(Part::Field(field(
                [direction(0), direction(1)],
                [height, width],
                alpha,
                sigma,
            )));
        }
        _ => return None,
    }))
}

/// A part of the picture at a random place, as torchvision's `RandomResizedCrop` draws its sides: an area, and the
/// logarithm of a ratio, until both sides lie within the picture. Places are numbers, not whole pixels, and no pixel
/// of the result comes from beyond the picture.
fn cropped(area: [f64; 2], ratio: [f64; 2], chance: Stream, height: usize, width: usize) -> Affine {
    let sides = (0..TRIES).find_map(|attempt| {
        let area = uniform(chance, 4 * attempt, area);
        let ratio = uniform(chance, 4 * attempt + 1, ratio.map(f64::ln)).exp();
        let [wide, high] = [(area * ratio).sqrt(), (area / ratio).sqrt()];
        (wide <= 1.0 && high <= 1.0).then_some(([wide, high], 4 * attempt + 2))
    });
    // The largest part of an allowed ratio, in the middle.
    let ([wide, high], place) = match sides {
        Some((sides, index)) => (sides, [0, 1].map(|axis| symmetric(chance, index + axis, 1.0))),
        None => ([ratio[1].min(1.0), ratio[0].max(1.0).recip()], [0.0; 2]),
    };
    let free = |share: f64, side: usize| (1.0 - share) * (side as f64 - 1.0) / 2.0;
    Affine {
        linear: [[wide, 0.0], [0.0, high]],
        shift: [place[0] * free(wide, width), place[1] * free(high, height)],
    }
}

/// Changes values on the scale 0 to 1, and keeps them on it.
///
/// Contrast, brightness and gamma are torchvision's `adjust_contrast`, `adjust_brightness` and `adjust_gamma` on floats: the
/// mean is that of the grey picture, `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601).
fn change_values(image: &mut [f32], shape: [usize; 3], one: &Augmentation, chance: Stream) {
    let channels = shape[0];
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
        Augmentation::Gamma { low, high } => {
            let exponent = uniform(chance, 0, [low, high]) as f32;
            if exponent != 1.0 {
                image.iter_mut().for_each(|v| *v = v.powf(exponent).clamp(0.0, 1.0));
            }
        }
        Augmentation::Blur { low, high } => {
            blur(image, shape, uniform(chance, 0, [low, high]));
            image.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
        }
        Augmentation::Identity
        | Augmentation::Flip { .. }
        | Augmentation::Rotate { .. }
        | Augmentation::Shift { .. }
        | Augmentation::Scale { .. }
        | Augmentation::Elastic { .. }
        | Augmentation::RandomCrop { .. }
        // Chance has decided on it already.
        | Augmentation::Sometimes { .. } => {}
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

#[cfg(test)]
mod tests;
