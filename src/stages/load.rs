//! Reads a weight file, every name and shape checked against the network.

use super::{Context, Outputs, StageError};
use crate::{
    net::Graph,
    nn::{Mode, Network, Weights, WeightsError, read_weights, with_channels, write_weights},
    plan::stage::{InputAdapt, Load},
};

pub(super) fn run(load: &Load, context: &Context<'_>) -> Result<Outputs, StageError> {
    let shown = load.path.display();
    let weights = read_weights(&load.path).map_err(|error| StageError::failed(format!("{shown}: {error}")))?;
    let weights = match load.adapt {
        Some(adapt) => adapted(weights, &load.graph, adapt).map_err(StageError::failed)?,
        None => weights,
    };
    let mut network = Network::compile(&load.graph, Mode::Evaluate, 1).map_err(StageError::failed)?;
    network.load(&weights).map_err(|error| {
        StageError::failed(format!("{shown} does not fit `{}`: {error}", load.graph.name))
            .help("parameter names must be those of the net; a renamed or missing layer is never guessed")
    })?;
    let file = context.folder.join("model");
    write_weights(&file, &network.weights()).map_err(StageError::failed)?;
    Ok(vec![("model".to_owned(), file)])
}

/// The weights with the first layers made for the network's channels; whatever else does not fit is left to be refused.
fn adapted(mut weights: Weights, graph: &Graph, adapt: InputAdapt) -> Result<Weights, WeightsError> {
    for id in graph.input_weights() {
        let parameter = graph.parameter(id);
        let [_, to, ..] = parameter.shape[..] else { continue };
        if let Some(tensor) = weights.get_mut(&parameter.name) {
            *tensor = with_channels(&parameter.name, tensor, to, |from| mixing(adapt, from, to))?;
        }
    }
    Ok(weights)
}

/// The factor of each of the file's channels (columns) in each of the network's (rows), as [`InputAdapt`] defines them.
fn mixing(adapt: InputAdapt, from: usize, to: usize) -> Vec<f64> {
    let (file, net) = (from as f64, to as f64);
    let factor = |row: usize, column: usize| match adapt {
        InputAdapt::Sum => 1.0 / net,
        InputAdapt::Mean => 1.0 / file,
        InputAdapt::Replicate if row % from == column => file / net,
        InputAdapt::Replicate => 0.0,
    };
    let rows = 0..to;
    rows.flat_map(|row| (0..from).map(move |column| (row, column)))
        .map(|(row, column)| factor(row, column))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::weights_tensor;

    fn first_layer(adapt: InputAdapt, from: usize, to: usize) -> Vec<f32> {
        // One filter of one tap per channel: 1, 2, 4, ...
        let values = (0..from).map(|channel| (1 << channel) as f32).collect();
        let tensor = weights_tensor(values, &[1, from, 1, 1]);
        let made = with_channels("w", &tensor, to, |from| mixing(adapt, from, to)).expect("the weight is f32");
        assert_eq!(made.dims(), [1, to, 1, 1]);
        made.flatten_all()
            .and_then(|flat| flat.to_vec1())
            .expect("the weight is f32")
    }

    #[test]
    fn first_layers_follow_their_formulas() {
        assert_eq!(first_layer(InputAdapt::Sum, 3, 1), [7.0]);
        assert_eq!(first_layer(InputAdapt::Mean, 3, 1), [7.0 / 3.0]);
        assert_eq!(first_layer(InputAdapt::Replicate, 3, 1), [3.0]);
        assert_eq!(first_layer(InputAdapt::Replicate, 3, 4), [0.75, 1.5, 3.0, 0.75]);
        assert_eq!(first_layer(InputAdapt::Sum, 1, 3), [1.0 / 3.0; 3]);
        assert_eq!(first_layer(InputAdapt::Replicate, 1, 3), [1.0 / 3.0; 3]);
    }
}
