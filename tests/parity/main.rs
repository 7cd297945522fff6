//! Networks, optimisers, schedules and the loss against torch.

#[path = "../common/nets.rs"]
mod nets;

mod lite0;
mod models;
mod networks;
mod sequences;
mod torchvision;

use mtl::analysis::{Main, load};
use mtl::diag::Diagnostics;
use mtl::net::Graph;
use mtl::nn::{Network, NetworkError, Stream, Weights};
use mtl::syntax::ast::{Item, ItemKind};
use mtl::train::{DecayOn, Moments, Optimizer, Stride, cross_entropy};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

type Outcome = Result<(), Box<dyn Error>>;

/// Losses before each of three steps and after the last, the first step's gradients, and the weights after three steps.
struct Training {
    losses: Vec<f64>,
    gradients: Weights,
    after: Weights,
}

/// Three steps on one batch, as torch's reference does them: one rate for all, every parameter decays.
fn three_steps(
    network: &mut Network,
    (images, labels): (&[f32], &[usize]),
    optimizer: Optimizer,
    rate: f64,
) -> Result<Training, Box<dyn Error>> {
    let rates = vec![rate; network.graph().parameters.len()];
    let mut moments: Moments = optimizer.memory(network.training_slices().1.len());
    let (mut losses, mut gradients) = (Vec::new(), Weights::new());
    for step in 0..3 {
        losses.push(loss(network, images, labels)?);
        if step == 0 {
            let slices = network.training_slices().1.to_vec();
            gradients = network.export_trained(&slices);
        }
        let stride = Stride {
            rates: &rates,
            decay_on: DecayOn::All,
            scale: 1.0,
            momentum: None,
        };
        optimizer.step(network, &mut moments, stride);
    }
    let after = network.weights();
    losses.push(loss(network, images, labels)?);
    Ok(Training {
        losses,
        gradients,
        after,
    })
}

/// The loss of a batch `[batch, channels, height, width]`, those of auxiliary outputs with their factors included; the
/// network keeps its gradients.
fn loss(network: &mut Network, images: &[f32], labels: &[usize]) -> Result<f64, NetworkError> {
    set_images(network, images, labels.len())?;
    let (classes, factors) = (
        network.graph().classes(),
        network
            .graph()
            .auxiliary
            .iter()
            .map(|one| one.weight)
            .collect::<Vec<_>>(),
    );
    let len = labels.len() * classes;
    let mut gradient = vec![0.0; len * (1 + factors.len())];
    network.forward(labels.len(), Stream::new(0))?;
    let mut loss = cross_entropy(network.logits(), labels, classes, &mut gradient[..len]);
    for (place, factor) in factors.into_iter().enumerate() {
        let part = &mut gradient[(1 + place) * len..][..len];
        loss += factor * cross_entropy(network.auxiliary_logits(place), labels, classes, part);
        part.iter_mut().for_each(|value| *value *= factor as f32);
    }
    network.backward(&gradient)?;
    Ok(loss)
}

fn set_images(network: &mut Network, images: &[f32], count: usize) -> Result<(), NetworkError> {
    let shape = network.graph().input_shape();
    mtl::nn::channels_last(3, shape.len() / 3, images, network.images_mut(count)?);
    Ok(())
}

/// A graph of tests/common by torchvision's name, without dropout.
fn graph(name: &str, size: usize, classes: usize) -> Result<Graph, Box<dyn Error>> {
    Ok(match name {
        "alexnet" => nets::alexnet(size, classes, 0.0)?,
        "resnet18" => nets::resnet18(size, classes)?,
        other => return Err(format!("no net {other}").into()),
    })
}

/// A graph of the standard library, from an expression that begins with its name: `googlenet(auxiliary: true)`.
fn library_graph(expression: &str, size: usize, classes: usize) -> Result<Arc<Graph>, Box<dyn Error>> {
    let name = expression.split('(').next().unwrap_or(expression);
    let text = format!("import std.models {{ {name} }}\nlet made = {expression}\n");
    let mut diagnostics = Diagnostics::new();
    let main = Main::Text {
        name: "main.mtl",
        folder: Path::new(""),
        text: &text,
    };
    let program = load(main, &mut diagnostics);
    let Some((
        _,
        Item {
            kind: ItemKind::Let(made),
            ..
        },
    )) = program.items(program.main).last()
    else {
        return Err("the program ends in a `let`".into());
    };
    let shape = [3, size, size];
    let graph = mtl::plan::network(&program, &made.value, shape, Some(classes), &mut diagnostics);
    graph.ok_or_else(|| diagnostics.iter().map(|d| d.message.clone()).collect::<String>().into())
}

fn floats(weights: &Weights, name: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let tensor = weights.get(name).ok_or_else(|| format!("no tensor {name}"))?;
    Ok(tensor.flatten_all()?.to_vec1()?)
}
