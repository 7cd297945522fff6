//! The networks of `tests/programs/networks`, written in the language, against torchvision, timm, MONAI and torch:
//! `tests/reference/nets/make_networks.py` made the references and says what they hold.

use super::{
    Outcome, floats,
    models::{Eval, Norm, images, weights},
};
use mtl::{
    analysis::{Main, load},
    diag::Diagnostics,
    net::Graph,
    nn::{Mode, Network, Stream},
    syntax::ast::ItemKind,
    train::cross_entropy,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
    sync::Arc,
};

#[derive(Deserialize)]
struct References {
    networks: BTreeMap<String, Reference>,
}

#[derive(Deserialize)]
struct Reference {
    program: String,
    size: usize,
    views: usize,
    parameters: usize,
    tensors: usize,
    blake3: String,
    maps: Vec<(String, [usize; 3])>,
    small: Small,
}

#[derive(Deserialize)]
struct Small {
    size: usize,
    variances: BTreeMap<String, f64>,
    eval: Option<Eval>,
    train: Train,
}

#[derive(Deserialize)]
struct Train {
    loss: f64,
    tolerance: f64,
    gradients: BTreeMap<String, Norm>,
}

fn references() -> Result<BTreeMap<String, Reference>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/nets/networks.json");
    let references: References = serde_json::from_slice(&std::fs::read(path)?)?;
    assert_eq!(references.networks.len(), 15);
    Ok(references.networks)
}

impl Reference {
    /// The graph of a network of the program for pictures of a side.
    fn graph(&self, expression: &str, size: usize, classes: Option<usize>) -> Result<Arc<Graph>, Box<dyn Error>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/networks");
        let text = std::fs::read_to_string(folder.join(format!("{}.mtl", self.program)))?;
        let text = format!("{text}\nlet made = {expression}\n");
        let mut diagnostics = Diagnostics::new();
        let main = Main::Text {
            name: "main.mtl",
            folder: &folder,
            text: &text,
        };
        let program = load(main, &mut diagnostics);
        let Some((_, item)) = program.items(program.main).last() else {
            return Err("the program has items".into());
        };
        let ItemKind::Let(made) = &item.kind else {
            return Err("the last item is a `let`".into());
        };
        let input = ([3, size, size], self.views);
        let graph = mtl::plan::network_of_views(&program, &made.value, input, classes, &mut diagnostics);
        graph.ok_or_else(|| diagnostics.iter().map(|d| d.message.clone()).collect::<String>().into())
    }
}

#[test]
fn names_and_shapes_of_parameters_are_the_references() -> Outcome {
    for (name, expected) in &references()? {
        let graph = expected.graph(&format!("{name}()"), expected.size, None)?;
        assert_eq!(graph.trained_values(), expected.parameters, "{name}");
        assert_eq!(graph.parameters.len(), expected.tensors, "{name}");
        let lines = graph.parameters.iter().map(|p| format!("{} {:?}\n", p.name, p.shape));
        let listing: String = lines.collect::<BTreeSet<_>>().into_iter().collect();
        let digest = blake3::hash(listing.as_bytes()).to_hex();
        assert_eq!(
            digest.as_str(),
            expected.blake3,
            "{name}: compare with `state_dict()`:\n{listing}"
        );
    }
    Ok(())
}

/// After the last layer with parameters of a module, and before the first of the next one, stands a map of its shape. A
/// module without parameters is looked for after the one before it.
#[test]
fn maps_are_as_large_as_the_references() -> Outcome {
    for (name, expected) in &references()? {
        let graph = expected.graph(&format!("{name}()"), expected.size, None)?;
        let within = |module: &str, node: usize| {
            let mut parameters = graph.nodes[node].op.parameters();
            parameters.any(|id| graph.parameter(id).name.starts_with(&format!("{module}.")))
        };
        let (mut from, last) = (0, graph.nodes.len());
        for (at, (module, shape)) in expected.maps.iter().enumerate() {
            from = (from..last).filter(|node| within(module, *node)).max().unwrap_or(from);
            let next = expected.maps.get(at + 1);
            let end = next.and_then(|(next, _)| (from + 1..last).find(|node| within(next, *node)));
            let wanted = format!("{shape:?}");
            let shapes: Vec<_> = graph.nodes[from..end.unwrap_or(last)]
                .iter()
                .map(|node| node.shape.to_string())
                .collect();
            let place = shapes.iter().position(|shape| *shape == wanted);
            from += place.unwrap_or_else(|| panic!("{name}, {module}: {wanted} is none of {shapes:?}"));
        }
    }
    Ok(())
}

/// Without what is drawn at random in training.
fn without_chance(name: &str) -> String {
    match name {
        "mnasnet1_0" | "ghostnet_100" => format!("{name}(drop: 0%)"),
        "efficientnet_v2_s" => format!("{name}(drop: 0%, depth_drop: 0%)"),
        _ => format!("{name}()"),
    }
}

/// Sets the pictures of `count` samples.
fn set(network: &mut Network, name: &str, (count, views, size): (usize, usize, usize)) -> Outcome {
    let pictures = images(name, count * views, size);
    mtl::nn::channels_last(3 * views, size * size, &pictures, network.images_mut(count)?);
    Ok(())
}

fn evaluates(graph: &Graph, small: &Small, views: usize, eval: &Eval) -> Result<Option<String>, Box<dyn Error>> {
    let mut network = Network::compile(graph, Mode::Evaluate, 2)?;
    network.load(&weights(graph, &small.variances)?)?;
    set(&mut network, "eval", (2, views, small.size))?;
    let logits = network.forward(2, Stream::new(0))?;
    let expected = eval.logits.concat();
    assert_eq!(logits.len(), expected.len());
    let errors = logits.iter().zip(&expected).map(|(l, e)| (f64::from(*l) - e).abs());
    let error = errors.fold(0.0, f64::max);
    Ok((error > eval.tolerance).then(|| format!("logits: {error:.2e} > {:.2e}", eval.tolerance)))
}

fn trains(graph: &Graph, small: &Small, views: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let mut network = Network::compile(graph, Mode::Train { frozen: &[] }, 8)?;
    network.load(&weights(graph, &small.variances)?)?;
    set(&mut network, "train", (8, views, small.size))?;
    let mut gradient = vec![0.0; 8 * 3];
    let logits = network.forward(8, Stream::new(0))?;
    let loss = cross_entropy(logits, &[0, 1, 2, 0, 1, 2, 1, 0], 3, &mut gradient);
    network.backward(&gradient)?;
    let slices = network.training_slices().1.to_vec();
    let found = network.export_trained(&slices);
    let expected = &small.train;
    let mut failed = Vec::new();
    if (loss - expected.loss).abs() > expected.tolerance {
        failed.push(format!("loss: {loss}, not {}", expected.loss));
    }
    assert!(!expected.gradients.is_empty());
    for (parameter, norm) in &expected.gradients {
        let squares = floats(&found, parameter)?.into_iter().map(|g| f64::from(g).powi(2));
        let l2 = squares.sum::<f64>().sqrt();
        if (l2 - norm.l2).abs() > norm.tolerance * norm.l2 {
            failed.push(format!("gradient of {parameter}: {l2}, not {}", norm.l2));
        }
    }
    Ok(failed)
}

/// Logits, the loss in training and its gradients, of every network at a small size.
#[test]
fn values_and_gradients_are_the_references() -> Outcome {
    let mut failed = Vec::new();
    for (name, expected) in &references()? {
        let (small, views) = (&expected.small, expected.views);
        let graph = expected.graph(&without_chance(name), small.size, Some(3))?;
        let mut found = trains(&graph, small, views)?;
        if let Some(eval) = &small.eval {
            found.extend(evaluates(&graph, small, views, eval)?);
        }
        failed.extend(found.into_iter().map(|line| format!("{name}: {line}")));
    }
    assert!(failed.is_empty(), "{failed:#?}");
    Ok(())
}
