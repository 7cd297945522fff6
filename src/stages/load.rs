//! Reads a weight file, every name and shape checked against the network.

use super::{Context, Outputs, StageError};
use crate::{
    nn::{Mode, Network, read_weights, write_weights},
    plan::stage::Load,
};

pub(super) fn run(load: &Load, context: &Context<'_>) -> Result<Outputs, StageError> {
    let shown = load.path.display();
    let weights = read_weights(&load.path).map_err(|error| StageError::failed(format!("{shown}: {error}")))?;
    let mut network = Network::compile(&load.graph, Mode::Evaluate, 1).map_err(StageError::failed)?;
    network.load(&weights).map_err(|error| {
        StageError::failed(format!("{shown} does not fit `{}`: {error}", load.graph.name))
            .help("parameter names must be those of the net; a renamed or missing layer is never guessed")
    })?;
    let file = context.folder.join("model");
    write_weights(&file, &network.weights()).map_err(StageError::failed)?;
    Ok(vec![("model".to_owned(), file)])
}
