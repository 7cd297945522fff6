//! Reads a weight file, every name and shape checked against the network.

use super::{Context, Outputs, StageError};
use crate::{
    net::Graph,
    nn::{Mode, Network, Weights, WeightsError, initial_weights_of, weights_tensor, with_channels, write_weights},
    plan::{
        digest::Digest,
        stage::{InputAdapt, Load},
    },
    weights::{WeightFile, WeightFileError},
};
use std::collections::BTreeMap;

pub(super) fn run(load: &Load, context: &Context<'_>) -> Result<Outputs, StageError> {
    let shown = load.path.display();
    if let Some(wanted) = load.digest {
        let found = Digest::of_file(&load.path).map_err(StageError::failed)?;
        if found != wanted {
            let failed = StageError::failed(format!("{shown} is another file than the program means"));
            return Err(failed.help(format!(
                "its digest is {found}, not {wanted}; fetch it again, or say that this one is meant"
            )));
        }
    }
    let weights = read(load).map_err(|error| {
        let failed = StageError::failed(format!("{shown} {error}"));
        match error.help() {
            Some(help) => failed.help(help),
            None => failed,
        }
    })?;
    let weights = match load.adapt {
        Some(adapt) => adapted(weights, &load.graph, adapt).map_err(StageError::failed)?,
        None => weights,
    };
    let mut network = Network::compile(&load.graph, Mode::Evaluate, 1).map_err(StageError::failed)?;
    network.load(&weights).map_err(|error| {
        StageError::failed(format!("{shown} does not fit `{}`: {error}", load.graph.name))
            .help("the file has changed since the program was checked")
    })?;
    let file = context.folder.join("model");
    write_weights(&file, &network.weights()).map_err(StageError::failed)?;
    Ok(vec![("model".to_owned(), file)])
}

/// The weights under the network's names: those of the file, and the random ones that take the place of others.
fn read(load: &Load) -> Result<Weights, WeightFileError> {
    let mut file = WeightFile::open(&load.path, load.within.as_deref())?;
    let renamed: BTreeMap<&str, &str> = load.renamed.iter().map(|(name, file)| (&**name, &**file)).collect();
    let mut weights = match &load.fresh {
        None => Weights::new(),
        Some(fresh) => initial_weights_of(&load.graph, fresh.seed, |id| {
            fresh.names.contains(&load.graph.parameter(id).name)
        }),
    };
    for parameter in &load.graph.parameters {
        if weights.contains_key(&parameter.name) {
            continue;
        }
        let source = renamed.get(&*parameter.name).copied().unwrap_or(&parameter.name);
        // Shapes are compared before values are read, so that a file that has changed takes no more memory than the network.
        let entry = file.entries().get(source);
        let shape = entry.map(|entry| entry.shape.clone()).unwrap_or_default();
        let adapts = load.adapt.is_some() && differ_in_channels(&shape, &parameter.shape);
        if shape != parameter.shape && !adapts {
            return Err(WeightFileError::Damaged(format!(
                "`{source}` is {shape:?} now, and {:?} in `{}`",
                parameter.shape, load.graph.name
            )));
        }
        let values = file.values(source)?;
        weights.insert(parameter.name.clone(), weights_tensor(values, &shape));
    }
    Ok(weights)
}

/// True for weights of convolutions that differ in their input channels alone.
fn differ_in_channels(one: &[usize], other: &[usize]) -> bool {
    match (one, other) {
        ([a, _, rest @ ..], [b, _, others @ ..]) => a == b && rest == others && !rest.is_empty(),
        _ => false,
    }
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

    /// The arithmetic of torch 2.15.0 on the first layer of a file: `tests/reference/weights/make.py`.
    #[test]
    fn first_layers_of_files_are_those_that_torch_makes() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/weights");
        let mut file = WeightFile::open(&folder.join("tiny.pth"), None).expect("it is sound");
        let tensor = weights_tensor(file.values("conv1.weight").expect("it holds floats"), &[4, 3, 3, 3]);
        let text = std::fs::read(folder.join("adapted.json")).expect("the reference is there");
        let expected: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        let cases = expected["first"].as_array().expect("it has cases");
        assert_eq!(cases.len(), 6);
        for case in cases {
            let all = [InputAdapt::Sum, InputAdapt::Mean, InputAdapt::Replicate];
            let adapt = all
                .into_iter()
                .find(|adapt| case["how"] == adapt.word())
                .expect("a known word");
            let to = case["channels"]
                .as_u64()
                .and_then(|to| usize::try_from(to).ok())
                .expect("a number");
            let made = with_channels("w", &tensor, to, |from| mixing(adapt, from, to)).expect("the weight is f32");
            let values: Vec<f32> = made
                .flatten_all()
                .and_then(|flat| flat.to_vec1())
                .expect("the weight is f32");
            let bits: Vec<i32> = values.iter().map(|value| value.to_bits().cast_signed()).collect();
            assert_eq!(
                serde_json::json!(bits),
                case["float32_bits"],
                "{} to {to}",
                adapt.word()
            );
        }
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
