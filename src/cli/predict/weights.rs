//! The weights of a prediction: of any file that `load` takes, under the network's own names.

use super::{Stop, unusable};
use crate::{
    diag::{
        Diagnostic,
        codes::{data, plan as codes},
    },
    net::Graph,
    nn::{Mode, Network, Weights, weights_tensor},
    plan,
    weights::{Entry, WeightFile, WeightFileError, first_names},
};
use std::path::Path;

/// The network with its weights, and the tensors of the file that no layer takes.
pub(super) fn loaded(
    graph: &Graph,
    (path, within): (&Path, Option<&str>),
    batch: usize,
) -> Result<(Network, Vec<String>), Stop> {
    let mut network = Network::compile(graph, Mode::Evaluate, batch).map_err(|error| unusable(&error))?;
    let mut file = WeightFile::open(path, within).map_err(|error| unreadable(path, &error))?;
    let left = file.entries().keys();
    let left = left.filter(|name| graph.find(name).is_none() && !Entry::is_counter(name));
    let left: Vec<String> = left.cloned().collect();
    if let Some(misfit) = misfit(path, graph, &file, &left) {
        return Err(misfit.into());
    }
    let mut weights = Weights::new();
    for parameter in &graph.parameters {
        let values = file.values(&parameter.name).map_err(|error| unreadable(path, &error))?;
        weights.insert(parameter.name.clone(), weights_tensor(values, &parameter.shape));
    }
    let loaded = network.load(&weights);
    loaded.map_err(|error| {
        Diagnostic::error(
            &codes::WEIGHTS_MISFIT,
            format!("{} cannot be used: {error}", path.display()),
        )
    })?;
    Ok((network, left))
}

/// Says that no layer takes these tensors of a file.
pub(super) fn left_over(path: &Path, graph: &Graph, left: &[String]) -> Diagnostic {
    let message = format!(
        "no layer of `{}` takes {} of {}",
        graph.name,
        first_names(left),
        path.display()
    );
    let help = "the file may be for a larger network; what it has more is left out";
    Diagnostic::warning(&codes::WEIGHTS_LEFT, message).help(help)
}

fn unreadable(path: &Path, error: &WeightFileError) -> Diagnostic {
    match error {
        WeightFileError::Io(_) => Diagnostic::error(&data::NO_FILE, format!("{} {error}", path.display())),
        _ => plan::unreadable_weights(&path.display(), error),
    }
}

/// What the file lacks of the network's parameters, or has in another shape.
fn misfit(path: &Path, graph: &Graph, file: &WeightFile, left: &[String]) -> Option<Diagnostic> {
    let shown = path.display();
    let names = graph.parameters.iter().map(|parameter| &parameter.name);
    let missing: Vec<String> = names
        .filter(|name| !file.entries().contains_key(*name))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let message = format!("{shown} has no {}, which `{}` needs", first_names(&missing), graph.name);
        let help = match left {
            [] => "the file has no other names".to_owned(),
            left => format!("no layer takes its {}", first_names(left)),
        };
        return Some(Diagnostic::error(&codes::WEIGHTS_MISFIT, message).help(help));
    }
    graph.parameters.iter().zip(graph.ids()).find_map(|(parameter, id)| {
        let found = &file.entries().get(&parameter.name)?.shape;
        if *found == parameter.shape {
            return None;
        }
        let message = format!(
            "`{}` is {found:?} in {shown}, and {:?} in `{}`",
            parameter.name, parameter.shape, graph.name
        );
        let diagnostic = Diagnostic::error(&codes::WEIGHTS_MISFIT, message);
        Some(match found.first() {
            Some(classes) if graph.is_head(id) => {
                diagnostic.help(format!("the file has {classes} classes: write `classes: {classes}`"))
            }
            _ => diagnostic,
        })
    })
}
