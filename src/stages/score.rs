//! Scores held-out samples: logits of the test part and, apart, of the tuning part.

use super::{Context, Outputs, Progress, StageError, pictures::Pictures, prepare};
use crate::{
    data::Prepared,
    nn::{Mode, Network, Stream, Weights, matrix, read_weights, write_weights},
    plan::stage::{Role, Score},
};
use rayon::prelude::*;

/// Samples of one forward pass. A sample's logits do not depend on it.
pub(super) const BATCH: usize = 64;

pub(super) fn run(score: &Score, context: &Context<'_>) -> Result<Outputs, StageError> {
    let pictures = Prepared::open(context.input(Role::Pictures)?).map_err(prepare::failed)?;
    let weights = read_weights(context.input(Role::Model)?).map_err(StageError::failed)?;
    let mut network = Network::compile(&score.graph, Mode::Evaluate, BATCH).map_err(StageError::failed)?;
    network.load(&weights).map_err(StageError::failed)?;

    let views = score.views.max(1) as usize;
    let total = ((score.test.len() + score.tuning.len()) / views) as u64;
    let mut done = 0;
    let mut logits = |rows: &[u32]| {
        let samples = rows.len() / views;
        let mut all = Vec::with_capacity(samples * score.graph.classes());
        for batch in rows.chunks(BATCH * views) {
            context.check_cancelled()?;
            let pictures = Pictures {
                prepared: &pictures,
                rows: batch,
                views,
                normalization: &score.normalization,
                masked: score.graph.masked_views().is_some(),
            };
            all.extend_from_slice(forward(&mut network, pictures)?);
            done += pictures.count() as u64;
            context.monitor.progress(&Progress {
                done,
                total,
                ..Progress::default()
            });
        }
        matrix(all, samples, score.graph.classes()).map_err(StageError::failed)
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
fn forward<'a>(network: &'a mut Network, pictures: Pictures<'_>) -> Result<&'a [f32], StageError> {
    let (count, len) = (pictures.count(), network.graph().input_shape().len());
    let images = network.images_mut(count).map_err(StageError::failed)?;
    images
        .par_chunks_mut(len)
        .enumerate()
        .try_for_each(|(sample, image)| pictures.fill(sample, false, image))
        .map_err(prepare::failed)?;
    if let Some(mask) = network.mask_mut(count).map_err(StageError::failed)? {
        let views = mask.chunks_exact_mut(pictures.views).enumerate();
        views.for_each(|(sample, mask)| pictures.mask(sample, mask));
    }
    network.forward(count, Stream::new(0)).map_err(StageError::failed)
}
