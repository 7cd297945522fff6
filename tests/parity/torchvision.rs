//! Networks with weights that torch drew, against torchvision in float64. The references are large and not part of the
//! repository, so this runs only when asked: `MTL_PARITY=DIR cargo test --release --locked --test parity -- --ignored`.
//! `tests/parity/references.py` makes them; `just parity` does all of it, one network at a time.
//!
//! `DIR/<net>` holds `weights.safetensors` and `eval.safetensors` (`input`, `logits64`) with `eval.json`
//! (`tolerance_max_abs`); `DIR/<net>_train` holds the start `weights.safetensors`, `batch.safetensors` (`x`, `y`) and
//! `train.json`: losses, rates, norms of the first step's gradients, and after three steps sampled values of every tensor
//! with torch's own float32 error. The weights after three steps are left there as `sgd.safetensors` and
//! `adamw.safetensors`. A net whose name ends in `_aux` has its auxiliary heads.
#![expect(clippy::print_stdout, reason = "the measured errors are what it is run for")]

use super::{Outcome, Training, floats, library_graph, set_images, three_steps};
use candle_core::{DType, Device};
use mtl::nn::{Mode, Network, Stream, Weights, read_weights, write_weights};
use mtl::train::Optimizer;
use serde_json::Value;
use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// Share of the tensors that may lie beyond their tolerance after three steps: Adam makes of a rounding a whole step.
const BEYOND: f64 = 0.05;

fn number(value: &Value, path: &str) -> Result<f64, String> {
    value
        .pointer(path)
        .and_then(Value::as_f64)
        .ok_or_else(|| format!("no number {path}"))
}

fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    let list = value.as_array().ok_or("no list of numbers")?;
    let all: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
    all.ok_or_else(|| "no list of numbers".to_owned())
}

fn json(path: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// The network that a folder's references are of, without dropout where training is compared.
fn expression(name: &str, training: bool) -> String {
    let (single, auxiliary) = match name.strip_suffix("_aux") {
        Some(single) => (single, true),
        None => (name, false),
    };
    let mut arguments = Vec::new();
    if auxiliary {
        arguments.push("auxiliary: true");
    }
    if training && ["alexnet", "googlenet"].contains(&single) {
        arguments.push("drop: 0%");
    }
    if training && auxiliary {
        arguments.push("auxiliary_drop: 0%");
    }
    format!("{single}({})", arguments.join(", "))
}

/// Every folder of references, evaluation and training.
#[test]
#[ignore = "needs the references in MTL_PARITY=DIR"]
fn networks_with_torchs_own_weights() -> Outcome {
    let root = PathBuf::from(std::env::var("MTL_PARITY")?);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.sort();
    let (mut compared, mut failed) = (0, Vec::new());
    for folder in folders {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let outcome = if folder.join("eval.json").is_file() {
            evaluates(&folder, name)
        } else if folder.join("train.json").is_file() {
            trains(&folder, name.trim_end_matches("_train"))
        } else {
            continue;
        };
        compared += 1;
        failed.extend(outcome.err().map(|error| format!("{name}: {error}")));
    }
    assert!(compared > 0, "no references in {}", root.display());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

fn evaluates(folder: &Path, name: &str) -> Outcome {
    let eval = candle_core::safetensors::load(folder.join("eval.safetensors"), &Device::Cpu)?;
    let facts = json(&folder.join("eval.json"))?;
    let [count, _, size, _] = eval["input"].dims()[..] else {
        return Err("the input is not [n, channels, height, width]".into());
    };
    let classes = eval["logits64"].dim(1)?;
    let graph = library_graph(&expression(name, false), size, classes)?;
    let mut network = Network::compile(&graph, Mode::Evaluate, count)?;
    network.load(&read_weights(&folder.join("weights.safetensors"))?)?;
    set_images(&mut network, &eval["input"].flatten_all()?.to_vec1::<f32>()?, count)?;
    let expected = eval["logits64"].flatten_all()?.to_vec1::<f64>()?;
    let logits = network.forward(count, Stream::new(0))?;
    let error = logits
        .iter()
        .zip(&expected)
        .map(|(l, e)| (f64::from(*l) - e).abs())
        .fold(0.0, f64::max);
    let tolerance = number(&facts, "/tolerance_max_abs")?;
    println!("{name}: largest error of a logit {error:.2e}, tolerance {tolerance:.2e}");
    if error <= tolerance {
        Ok(())
    } else {
        Err(format!("largest error of a logit {error:.2e} > {tolerance:.2e}").into())
    }
}

fn trains(folder: &Path, name: &str) -> Outcome {
    let facts = json(&folder.join("train.json"))?;
    let batch = candle_core::safetensors::load(folder.join("batch.safetensors"), &Device::Cpu)?;
    let images = batch["x"].flatten_all()?.to_vec1::<f32>()?;
    let labels = batch["y"].to_dtype(DType::U32)?.to_vec1::<u32>()?;
    let labels: Vec<usize> = labels.into_iter().map(|l| l as usize).collect();
    let graph = library_graph(&expression(name, true), batch["x"].dim(2)?, 3)?;
    let start = read_weights(&folder.join("weights.safetensors"))?;
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, labels.len())?;
    for kind in ["sgd", "adamw"] {
        network.load(&start)?;
        let optimizer = if kind == "sgd" {
            Optimizer::sgd(0.9, number(&facts, "/sgd/weight_decay")?)
        } else {
            Optimizer::AdamW {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: number(&facts, "/adamw/eps")?,
                decay: number(&facts, "/adamw/weight_decay")?,
            }
        };
        let rate = number(&facts, &format!("/{kind}/lr"))?;
        let found = three_steps(&mut network, (&images, &labels), optimizer, rate)?;
        write_weights(&folder.join(format!("{kind}.safetensors")), &found.after)?;
        losses_and_gradients(name, kind, &facts, &found)?;
        weights_after(name, kind, &facts[kind]["after3"], &start, &found.after)?;
    }
    Ok(())
}

/// Every loss within 0.1 %, 0.2 % for GoogLeNet. The norm of every gradient within 20 times torch's own float32 error, at
/// least 0.1 %, or within the largest error that torch itself makes in the network; for GoogLeNet within 1 %, because a
/// rounding that changes the place of a maximum moves many norms: torch's own, from one memory format or order of the batch
/// to another, by up to 0.7 % in 9 to 33 of 187 parameters (docs/parity.md).
fn losses_and_gradients(name: &str, kind: &str, facts: &Value, found: &Training) -> Outcome {
    let (allowed, least) = if name.starts_with("googlenet") {
        (2e-3, 1e-2)
    } else {
        (1e-3, 0.0)
    };
    let expected = numbers(&facts[kind]["losses"])?;
    let errors = found.losses.iter().zip(&expected).map(|(f, e)| (f - e).abs() / e);
    let worst = errors.fold(0.0, f64::max);
    println!("{name} {kind}: largest relative error of a loss {worst:.1e}, tolerance {allowed:.0e}");
    if worst > allowed {
        return Err(format!("{kind}: losses {:?}, not {expected:?}", found.losses).into());
    }
    let gradients = facts["gradients"].as_object().ok_or("no gradients")?;
    let tolerances: Result<Vec<f64>, _> = gradients.values().map(|norm| number(norm, "/rtol")).collect();
    let torchs = tolerances?.into_iter().fold(0.0, f64::max) / 20.0;
    let (mut worst, mut beyond) = (0.0_f64, 0);
    for (parameter, norm) in gradients {
        let values = floats(&found.gradients, parameter)?;
        let l2 = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let (expected, allowed) = (number(norm, "/l2")?, number(norm, "/rtol")?);
        let error = (l2 - expected).abs() / expected;
        worst = worst.max(error);
        beyond += usize::from(error > allowed);
        if error > allowed.max(torchs).max(least) {
            return Err(format!("{kind}: the gradient of {parameter} has norm {l2}, not {expected}").into());
        }
    }
    println!(
        "{name} {kind}: largest relative error of a gradient's norm {worst:.1e}, torch's own {torchs:.1e}; {beyond} of {} \
         beyond 20 times torch's own for the parameter",
        gradients.len()
    );
    Ok(())
}

/// Per tensor, over the sampled values but for the three worst of 32: the root mean square error is at most ten times
/// torch's own float32 error, or 2 % of the update, or 2e-7 of the value; so for all tensors but 5 %.
fn weights_after(name: &str, kind: &str, expected: &Value, start: &Weights, after: &Weights) -> Outcome {
    let (mut all, mut beyond) = (0, Vec::new());
    for (tensor, expected) in expected.as_object().ok_or("no tensors")? {
        if tensor.ends_with("num_batches_tracked") {
            continue;
        }
        all += 1;
        let places: Vec<usize> = numbers(&expected["idx"])?.into_iter().map(|at| at as usize).collect();
        let at_places = |weights: &Weights| -> Result<Vec<f64>, Box<dyn Error>> {
            let values = floats(weights, tensor)?;
            Ok(places.iter().map(|&at| f64::from(values[at])).collect())
        };
        let (values, noise) = (numbers(&expected["values"])?, numbers(&expected["f32_noise"])?);
        let update: Vec<f64> = values.iter().zip(at_places(start)?).map(|(v, s)| v - s).collect();
        let errors: Vec<f64> = values.iter().zip(at_places(after)?).map(|(v, a)| a - v).collect();
        let tolerance = (10.0 * trimmed(&noise))
            .max(0.02 * root_mean_square(&update))
            .max(2e-7 * root_mean_square(&values) + 1e-9);
        let error = trimmed(&errors);
        // Written so that a NaN counts as beyond.
        if !matches!(
            error.partial_cmp(&tolerance),
            Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)
        ) {
            beyond.push(format!("{tensor}: {error:.2e} > {tolerance:.2e}"));
        }
    }
    println!(
        "{name} {kind}: {} of {all} tensors within their tolerance",
        all - beyond.len()
    );
    if beyond.len() as f64 <= BEYOND * all as f64 {
        Ok(())
    } else {
        Err(format!("{kind}: more than 5 % of tensors: {beyond:?}").into())
    }
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// As [`root_mean_square`], without the three worst of 32 values, as many in proportion of fewer, one at least.
fn trimmed(values: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = values.iter().map(|v| v.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let left_out = ((sizes.len() * 3) as f64 / 32.0).round_ties_even().max(1.0) as usize;
    sizes.truncate(sizes.len().saturating_sub(left_out).max(1));
    root_mean_square(&sizes)
}
