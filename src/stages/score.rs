//! Scores held-out samples: logits of the test part and, apart, of the tuning part.

use super::{Context, Outputs, Progress, StageError, feed::Feed, pictures::Pictures, prepare};
use crate::{
    data::Prepared,
    nn::{Mode, Network, NetworkError, Stream, Weights, matrix, read_weights, write_weights},
    plan::stage::{Augmentation, Link, Role, Score},
};
use rayon::prelude::*;

/// Samples of one forward pass. A sample's logits do not depend on it.
pub(super) const BATCH: usize = 64;

pub(super) fn run(score: &Score, context: &Context<'_>) -> Result<Outputs, StageError> {
    let pictures = Prepared::open(context.input(Role::Pictures)?).map_err(prepare::failed)?;
    let weights = read_weights(context.input(Role::Model)?).map_err(StageError::failed)?;
    let mut network = Network::compile(&score.graph, Mode::Evaluate, BATCH).map_err(StageError::failed)?;
    network.load(&weights).map_err(StageError::failed)?;

    // Without changes the picture is scored as it is, once.
    let changes: Vec<&[Augmentation]> = match &score.tta[..] {
        [] => vec![&[][..]],
        tta => tta.iter().map(std::slice::from_ref).collect(),
    };
    let classes = score.graph.classes();
    let views = score.views.max(1) as usize;
    let total = ((score.test.len() + score.tuning.len()) / views) as u64;
    let mut done = 0;
    let mut logits = |rows: &[u32]| {
        let samples = rows.len() / views;
        let mut all = Vec::with_capacity(samples * classes);
        for batch in rows.chunks(BATCH * views) {
            let mut passes = Vec::with_capacity(changes.len());
            for &augmentations in &changes {
                context.check_cancelled()?;
                let batch = Pictures {
                    feed: Feed {
                        pictures: &pictures,
                        normalization: &score.normalization,
                        augmentations,
                    },
                    rows: batch,
                    views,
                    masked: score.graph.masked_views().is_some(),
                };
                passes.push(forward(&mut network, batch, context)?.to_vec());
            }
            all.extend(combined(passes, classes, score.link));
            done += (batch.len() / views) as u64;
            context.monitor.progress(&Progress {
                done,
                total,
                ..Progress::default()
            });
        }
        matrix(all, samples, classes).map_err(StageError::failed)
    };
    let scores = Weights::from_iter([
        ("test".to_owned(), logits(&score.test)?),
        ("tuning".to_owned(), logits(&score.tuning)?),
    ]);
    let file = context.folder.join("scores");
    write_weights(&file, &scores).map_err(StageError::failed)?;
    Ok(vec![("scores".to_owned(), file)])
}

/// Logits of some samples, `[samples, classes]`.
fn forward<'a>(
    network: &'a mut Network,
    pictures: Pictures<'_>,
    context: &Context<'_>,
) -> Result<&'a [f32], StageError> {
    let (count, len) = (pictures.count(), network.graph().input_shape().len());
    let images = network.images_mut(count).map_err(StageError::failed)?;
    // The changes are certain, so any chance draws the same.
    let chance = Stream::new(0);
    images
        .par_chunks_mut(len)
        .enumerate()
        .try_for_each(|(sample, image)| pictures.fill(sample, Some(chance), image))
        .map_err(prepare::failed)?;
    if let Some(mask) = network.mask_mut(count).map_err(StageError::failed)? {
        let views = mask.chunks_exact_mut(pictures.views).enumerate();
        views.for_each(|(sample, mask)| pictures.mask(sample, mask));
    }
    match network.forward_until(context.cancel, count, Stream::new(0)) {
        Err(NetworkError::Stopped) => Err(StageError::Cancelled),
        logits => logits.map_err(StageError::failed),
    }
}

/// One pass's logits as they are, if their softmax is the probabilities; else the logarithms of the mean probabilities of
/// all passes, which a softmax turns into those probabilities again.
fn combined(mut passes: Vec<Vec<f32>>, classes: usize, link: Link) -> Vec<f32> {
    if passes.len() == 1 && link.is_softmax() {
        return passes.remove(0);
    }
    let logs: Vec<Vec<f64>> = passes
        .iter()
        .map(|logits| {
            let samples = logits.chunks_exact(classes).map(|sample| {
                let sample: Vec<f64> = match link {
                    Link::Softmax => sample.iter().map(|&value| f64::from(value)).collect(),
                    Link::Sigmoid => sample.iter().map(|&value| log_sigmoid(value.into())).collect(),
                };
                let sum = log_sum(&sample);
                sample.into_iter().map(move |value| value - sum)
            });
            samples.flatten().collect()
        })
        .collect();
    let count = (passes.len() as f64).ln();
    (0..passes[0].len())
        .map(|place| {
            let values: Vec<f64> = logs.iter().map(|pass| pass[place]).collect();
            (log_sum(&values) - count) as f32
        })
        .collect()
}

/// The logarithm of the sum of exponentials.
fn log_sum(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// The logarithm of `1 / (1 + exp(-x))`.
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn softmax(logits: &[f32]) -> Vec<f64> {
        let powers: Vec<f64> = logits.iter().map(|&value| f64::from(value).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    }

    #[test]
    fn several_passes_give_their_mean_probabilities() {
        let passes = [
            vec![1.0, -2.0, 0.5, 3.0, 3.0, -1.0],
            vec![0.0, 4.0, 0.5, -3.0, 2.0, 2.5],
        ];
        let found = combined(passes.to_vec(), 3, Link::Softmax);
        for sample in 0..2 {
            let at = sample * 3..sample * 3 + 3;
            let [one, other] = [0, 1].map(|pass: usize| softmax(&passes[pass][at.clone()]));
            for (class, probability) in softmax(&found[at]).into_iter().enumerate() {
                assert!((probability - (one[class] + other[class]) / 2.0).abs() < 1e-6);
            }
        }
        assert_eq!(
            combined(vec![passes[0].clone()], 3, Link::Softmax),
            passes[0],
            "one pass stays as it is"
        );
    }

    /// Of a network that learnt each class against the rest the probabilities are those of the classes, divided by their
    /// sum; no logit is too large.
    #[test]
    fn one_against_the_rest_gives_shares_of_their_sum() {
        let found = softmax(&combined(vec![vec![2.0, -1.0, 0.5]], 3, Link::Sigmoid));
        let each = [2.0, -1.0, 0.5].map(|z: f64| 1.0 / (1.0 + (-z).exp()));
        let sum: f64 = each.iter().sum();
        for (found, each) in found.iter().zip(each) {
            assert!((found - each / sum).abs() < 1e-6, "{found}");
        }
        let far = combined(vec![vec![-1e30, 1e30, -900.0]], 3, Link::Sigmoid);
        assert!(far.iter().all(|value| value.is_finite()), "{far:?}");
    }

    #[test]
    fn probabilities_too_small_for_a_number_stay_finite() {
        let found = combined(vec![vec![900.0, -900.0], vec![800.0, -800.0]], 2, Link::Softmax);
        assert!(found.iter().all(|value| value.is_finite()), "{found:?}");
        assert!((found[1] + 1600.0 + 2_f32.ln()).abs() < 1e-3, "{found:?}");
    }
}
