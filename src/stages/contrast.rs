//! Trains one model without labels, as [`super::train`] trains one with them.

use super::{Context, Outputs, StageError, train};
use crate::{
    net::ParameterId,
    nn::{Weights, initial_weights, initial_weights_of, read_weights},
    plan::stage::{Contrast, Role, Start},
    train::{Objective, State},
};

pub(super) fn run(contrast: &Contrast, context: &Context<'_>) -> Result<Outputs, StageError> {
    let objective = Objective::Contrast {
        temperature: contrast.temperature,
    };
    let state = train::trained(&contrast.training, &start(contrast, context)?, objective, context)?;
    let graph = &contrast.training.graph;
    let of_projection = |name: &str| graph.find(name).is_some_and(|id| graph.is_head(id));
    let weights = state.weights.into_iter().filter(|(name, _)| !of_projection(name));
    let state = State {
        weights: weights.collect(),
        ..state
    };
    train::write(state, context.folder, &|_, _, _| Ok(false))
}

/// The weights before the first step: those of the model that arrives, with heads and projection drawn anew. Towers come
/// after it, so nothing is spread over them.
fn start(contrast: &Contrast, context: &Context<'_>) -> Result<Weights, StageError> {
    let train = &contrast.training;
    let seed = match train.start {
        Start::Random { seed } => return Ok(initial_weights(&train.graph, seed)),
        Start::Model { new_head, .. } => new_head.unwrap_or(train.seed),
    };
    let mut model = read_weights(context.input(Role::Model)?).map_err(StageError::failed)?;
    let fresh = |id: ParameterId| contrast.fresh.get(id.0).copied().unwrap_or(false);
    model.extend(initial_weights_of(&train.graph, seed, fresh));
    Ok(model)
}
