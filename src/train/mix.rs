//! Samples of a batch mixed with each other.
//!
//! As in the authors' code, and in torchvision's `MixUp` and `CutMix`, all samples of a batch have one share and one box. The
//! partners are a permutation of the batch, so the classes of a batch are what they were, and with them what its loss is
//! divided by. Some samples may be their own partners.

use crate::nn::Stream;
use crate::plan::stage::Mix;
use rayon::prelude::*;
use std::ops::Range;

/// How the samples of one batch are mixed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixing {
    /// For each sample of the batch the place of its partner.
    pub(super) partners: Vec<usize>,
    /// The sample's own share of its target; its partner's is the rest.
    pub(super) share: f64,
    /// Rows and columns that are the partner's; none when all values are weighted means.
    patch: Option<[Range<usize>; 2]>,
}

impl Mixing {
    /// What chance decides for a batch of so many pictures of `[height, width]`; none when they stay as they are.
    pub(super) fn draw(mix: &Mix, chance: Stream, count: usize, [height, width]: [usize; 2]) -> Option<Self> {
        if chance.named("whether").uniform(0) >= mix.probability() {
            return None;
        }
        let partner = chance.named("partner");
        let mut partners: Vec<usize> = (0..count).collect();
        partners.sort_by_cached_key(|&sample| partner.bits(sample as u64));
        let share = beta(chance.named("share"), mix.alpha());
        Some(match mix {
            Mix::Mixup { .. } => Self {
                partners,
                share,
                patch: None,
            },
            Mix::CutMix { .. } => {
                let place = chance.named("place");
                let side = |axis, side| around(place.uniform(axis), (1.0 - share).sqrt(), side);
                let patch = [side(0, height), side(1, width)];
                let taken: usize = patch.iter().map(Range::len).product();
                Self {
                    partners,
                    // As much as is left of the picture, since the box may end at its border.
                    share: 1.0 - taken as f64 / (height * width) as f64,
                    patch: Some(patch),
                }
            }
        })
    }

    /// Mixes the pictures of a batch, each `[height, width, channels]`.
    pub(super) fn apply(&self, images: &mut [f32], [height, width]: [usize; 2]) {
        let source = images.to_vec();
        let len = images.len() / self.partners.len();
        let (own, rest) = (self.share as f32, (1.0 - self.share) as f32);
        let (row, channels) = (len / height, len / (height * width));
        let pairs = images.par_chunks_exact_mut(len).zip(&self.partners);
        pairs.for_each(|(image, &partner)| {
            let partner = &source[partner * len..(partner + 1) * len];
            match &self.patch {
                None => {
                    let values = image.iter_mut().zip(partner);
                    values.for_each(|(value, other)| *value = own * *value + rest * other);
                }
                Some([rows, columns]) => {
                    for y in rows.clone() {
                        let line = y * row + columns.start * channels..y * row + columns.end * channels;
                        image[line.clone()].copy_from_slice(&partner[line]);
                    }
                }
            }
        });
    }
}

/// Part of a side: the share `share` of it around a pixel, as far as it lies within; torchvision's `CutMix`.
fn around(place: f64, share: f64, side: usize) -> Range<usize> {
    let centre = (place * side as f64) as usize;
    let half = (0.5 * share * side as f64) as usize;
    centre.saturating_sub(half)..(centre + half).min(side)
}

/// A number of the distribution Beta(alpha, alpha): of two of Gamma(alpha) the first one's share of their sum. Their
/// logarithms are taken, because those of a small alpha are too small for a float.
fn beta(chance: Stream, alpha: f64) -> f64 {
    let [first, second] = ["first", "second"].map(|name| log_gamma(chance.named(name), alpha));
    1.0 / (1.0 + (second - first).exp())
}

/// The logarithm of a number of the distribution Gamma(alpha), by Marsaglia and Tsang (2000): a number of Gamma(alpha + 1)
/// times a uniform one to the power of 1 / alpha. The first of the candidates that fits is taken; 19 of 20 do.
fn log_gamma(chance: Stream, alpha: f64) -> f64 {
    let d = alpha + 2.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let (candidates, tests) = (chance.named("candidate"), chance.named("test"));
    let fitting = (0..u64::MAX).find_map(|index| {
        let x = candidates.normal(index);
        let v = (1.0 + c * x).powi(3);
        let accepted = v > 0.0 && (1.0 - tests.uniform(index)).ln() < 0.5 * x * x + d - d * v + d * v.ln();
        accepted.then(|| (d * v).ln())
    });
    // None of 2^64 candidates fitting has no probability worth a case of its own.
    fitting.unwrap_or_default() + (1.0 - chance.named("power").uniform(0)).ln() / alpha
}

#[cfg(test)]
mod tests;
