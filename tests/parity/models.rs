//! AlexNet and ResNet-18 against torchvision in float64, on values that both sides compute from a hash:
//! `tests/reference/nn/parity_values.py` says how, and `make_parity.py` beside it made the references with torch 2.12.1 and
//! torchvision 0.27.1.

use super::{Outcome, floats, graph, library_graph, set_images, three_steps};
use candle_core::{Device, Tensor};
use mtl::net::{Graph, Parameter, ParameterRole};
use mtl::nn::{Mode, Network, Stream, Weights};
use mtl::train::Optimizer;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;

#[derive(Deserialize)]
struct Reference {
    variances: BTreeMap<String, f64>,
    eval: Eval,
    gradients: BTreeMap<String, Norm>,
    sgd: Steps,
    adamw: Steps,
}

#[derive(Deserialize)]
pub(super) struct Eval {
    pub(super) logits: Vec<Vec<f64>>,
    pub(super) tolerance: f64,
}

#[derive(Deserialize)]
pub(super) struct Norm {
    pub(super) l2: f64,
    pub(super) tolerance: f64,
}

#[derive(Deserialize)]
struct Steps {
    rate: f64,
    losses: Vec<f64>,
    after: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<f64>,
    tolerance: f64,
}

fn reference(name: &str) -> Result<Reference, Box<dyn Error>> {
    let path = format!("{}/tests/reference/nn/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// Draw `index` of SplitMix64 begun at the FNV-1a hash of `name`.
fn bits(name: &str, index: u64) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    let z = hash.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn between(name: &str, count: usize, low: f64, high: f64) -> Vec<f32> {
    let uniform = |i: u64| (bits(name, i) >> 11) as f64 * 2f64.powi(-53);
    (0..count as u64)
        .map(|i| (low + (high - low) * uniform(i)) as f32)
        .collect()
}

/// `[count, 3, size, size]`
pub(super) fn images(name: &str, count: usize, size: usize) -> Vec<f32> {
    let patches = between(&format!("{name}.patches"), count * 48, -1.5, 1.5);
    let noise = between(&format!("{name}.noise"), count * 3 * size * size, -0.5, 0.5);
    let patch = |i: usize| {
        let (map, row, column) = (i / (size * size), i / size % size, i % size);
        patches[map * 16 + row * 4 / size * 4 + column * 4 / size]
    };
    noise.iter().enumerate().map(|(i, noise)| patch(i) + noise).collect()
}

fn values(parameter: &Parameter, variances: &BTreeMap<String, f64>, last: bool) -> Vec<f32> {
    let (scope, kind) = parameter.name.rsplit_once('.').unwrap_or(("", &parameter.name));
    let (low, high) = match (variances.get(scope), kind) {
        (Some(_), "weight") => (0.6, 1.4),
        (Some(_), "bias") => (-0.2, 0.2),
        (Some(variance), "running_mean") => (-0.2 * variance.sqrt(), 0.2 * variance.sqrt()),
        (Some(variance), _) => (0.7 * variance, 1.4 * variance),
        (None, "bias") => (-0.1, 0.1),
        (None, _) => {
            let fan = parameter.len() / parameter.shape[0];
            let bound = (3.0 * (if last { 1.0 } else { 2.0 }) / fan as f64).sqrt();
            (-bound, bound)
        }
    };
    between(&parameter.name, parameter.len(), low, high)
}

pub(super) fn weights(graph: &Graph, variances: &BTreeMap<String, f64>) -> Result<Weights, Box<dyn Error>> {
    let ids = graph.ids().map(|id| -> Result<(String, Tensor), Box<dyn Error>> {
        let p = graph.parameter(id);
        let values = values(p, variances, graph.is_head(id));
        Ok((
            p.name.clone(),
            Tensor::from_vec(values, p.shape.as_slice(), &Device::Cpu)?,
        ))
    });
    ids.collect()
}

fn evaluates_alike(name: &str) -> Outcome {
    let reference = reference(name)?;
    evaluates(&graph(name, 224, 20)?, 224, &reference.variances, &reference.eval)
}

/// Holds the logits of two pictures against torchvision's.
fn evaluates(graph: &Graph, size: usize, variances: &BTreeMap<String, f64>, reference: &Eval) -> Outcome {
    let mut network = Network::compile(graph, Mode::Evaluate, 2)?;
    network.load(&weights(graph, variances)?)?;
    set_images(&mut network, &images("eval", 2, size), 2)?;
    let logits = network.forward(2, Stream::new(0))?;
    let expected = reference.logits.concat();
    assert_eq!(logits.len(), expected.len());
    let error = logits
        .iter()
        .zip(&expected)
        .map(|(l, e)| (f64::from(*l) - e).abs())
        .fold(0.0, f64::max);
    let tolerance = reference.tolerance;
    if error <= tolerance {
        Ok(())
    } else {
        Err(format!("{}: largest error {error} > {tolerance}", graph.name).into())
    }
}

#[derive(Deserialize)]
struct Evaluated {
    variances: BTreeMap<String, f64>,
    eval: Eval,
}

/// One network of every family of the standard library.
#[test]
fn the_librarys_networks_evaluate_as_torchvisions() -> Outcome {
    let path = format!("{}/tests/reference/nn/networks.json", env!("CARGO_MANIFEST_DIR"));
    let references: BTreeMap<String, Evaluated> = serde_json::from_slice(&std::fs::read(path)?)?;
    assert_eq!(references.len(), 11);
    let failed: Vec<String> = references
        .iter()
        .filter_map(|(name, reference)| {
            let graph = library_graph(&format!("{name}()"), 96, 5);
            let outcome = graph.and_then(|graph| evaluates(&graph, 96, &reference.variances, &reference.eval));
            outcome.err().map(|error| error.to_string())
        })
        .collect();
    assert_eq!(failed, [""; 0]);
    Ok(())
}

fn trains_alike(name: &str) -> Outcome {
    let reference = reference(name)?;
    let graph = graph(name, 96, 3)?;
    let (images, labels) = (images("train", 8, 96), [0, 1, 2, 0, 1, 2, 1, 0]);
    let start = weights(&graph, &reference.variances)?;
    let sgd = Optimizer::sgd(0.9, 0.02);
    let adamw = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        decay: 1.0,
    };
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
    for (optimizer, expected) in [(sgd, &reference.sgd), (adamw, &reference.adamw)] {
        network.load(&start)?;
        let found = three_steps(&mut network, (&images, &labels), optimizer, expected.rate)?;
        for (f, e) in found.losses.iter().zip(&expected.losses) {
            assert!(
                (f - e).abs() <= 1e-3 * e,
                "losses {:?} instead of {:?}",
                found.losses,
                expected.losses
            );
        }
        for (parameter, norm) in &reference.gradients {
            let gradient = floats(&found.gradients, parameter)?;
            let l2 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            assert!(
                (l2 - norm.l2).abs() <= norm.tolerance * norm.l2,
                "gradient of {parameter}: {l2}, not {}",
                norm.l2
            );
        }
        assert_eq!(expected.after.len(), graph.parameters.len());
        let mut beyond = Vec::new();
        for (parameter, expected) in &expected.after {
            let error = sampled_error(parameter, &floats(&found.after, parameter)?, &expected.values);
            if error > expected.tolerance {
                beyond.push(format!("{parameter}: {error:.2e} > {:.2e}", expected.tolerance));
            }
        }
        assert!(
            beyond.len() * 20 <= expected.after.len(),
            "more than 5 % of tensors: {beyond:?}"
        );
        let statistics = graph.parameters.iter().filter(|p| p.role == ParameterRole::Statistic);
        for p in statistics {
            assert!(
                beyond.iter().all(|b| !b.starts_with(&p.name)),
                "running statistics do not depend on chance"
            );
        }
    }
    Ok(())
}

/// Root mean square error of the sampled values, without the worst.
fn sampled_error(name: &str, found: &[f32], expected: &[f64]) -> f64 {
    let place = |i: usize| (bits(&format!("{name}.samples"), i as u64) % found.len() as u64) as usize;
    let mut errors: Vec<f64> = expected
        .iter()
        .enumerate()
        .map(|(i, e)| (f64::from(found[place(i)]) - e).abs())
        .collect();
    errors.sort_by(f64::total_cmp);
    errors.pop();
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

#[test]
fn alexnet_evaluates_as_torchvisions() -> Outcome {
    evaluates_alike("alexnet")
}

#[test]
fn resnet18_evaluates_as_torchvisions() -> Outcome {
    evaluates_alike("resnet18")
}

#[test]
fn alexnet_trains_as_torchvisions() -> Outcome {
    trains_alike("alexnet")
}

#[test]
fn resnet18_trains_as_torchvisions() -> Outcome {
    trains_alike("resnet18")
}
