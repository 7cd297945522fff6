//! Scores held-out samples: logits of the test part and, apart, of the tuning part.

use super::{Context, Outputs, Progress, StageError, prepare};
use crate::{
    data::Prepared,
    nn::{Mode, Network, Stream, Weights, matrix, read_weights, write_weights},
    plan::stage::{Normalization, Role, Score},
};
use rayon::prelude::*;

/// Samples of one forward pass. A sample's logits do not depend on it.
pub(super) const BATCH: usize = 64;

pub(super) fn run(score: &Score, context: &Context<'_>) -> Result<Outputs, StageError> {
    let pictures = Prepared::open(context.input(Role::Pictures)?).map_err(prepare::failed)?;
    let weights = read_weights(context.input(Role::Model)?).map_err(StageError::failed)?;
    let mut network = Network::compile(&score.graph, Mode::Evaluate, BATCH).map_err(StageError::failed)?;
    network.load(&weights).map_err(StageError::failed)?;

    let total = (score.test.len() + score.tuning.len()) as u64;
    let mut done = 0;
    let mut logits = |rows: &[u32]| {
        let mut all = Vec::with_capacity(rows.len() * score.graph.classes());
        for batch in rows.chunks(BATCH) {
            context.check_cancelled()?;
            all.extend_from_slice(forward(&mut network, &pictures, &score.normalization, batch)?);
            done += batch.len() as u64;
            context.monitor.progress(&Progress {
                done,
                total,
                ..Progress::default()
            });
        }
        matrix(all, rows.len(), score.graph.classes()).map_err(StageError::failed)
    };
    let scores = Weights::from_iter([
        ("test".to_owned(), logits(&score.test)?),
        ("tuning".to_owned(), logits(&score.tuning)?),
    ]);
    let file = context.folder.join("scores");
    write_weights(&file, &scores).map_err(StageError::failed)?;
    Ok(vec![("scores".to_owned(), file)])
}

/// Logits of some rows, `[rows, classes]`.
fn forward<'a>(
    network: &'a mut Network,
    pictures: &Prepared,
    normalization: &Normalization,
    rows: &[u32],
) -> Result<&'a [f32], StageError> {
    let sample = network.graph().input_shape().len();
    let images = network.images_mut(rows.len()).map_err(StageError::failed)?;
    images
        .par_chunks_mut(sample)
        .zip(rows)
        .try_for_each(|(image, &row)| pictures.fill(row as usize, normalization, false, image))
        .map_err(prepare::failed)?;
    network.forward(rows.len(), Stream::new(0)).map_err(StageError::failed)
}
