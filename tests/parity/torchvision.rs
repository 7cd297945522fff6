//! AlexNet and ResNet-18 with weights that torch drew. The references are large and not part of the repository, so this
//! runs only when asked: `MTL_PARITY=DIR cargo test --test parity -- --ignored`.
//!
//! `DIR/<net>` holds `weights.safetensors` and `eval.safetensors` (`input`, `logits64`) with `eval.json`
//! (`tolerance_max_abs`); `DIR/<net>_train` holds the start `weights.safetensors`, `batch.safetensors` (`x`, `y`) and
//! `train.json` (losses and rates). The weights after three steps are left there as `sgd.safetensors` and
//! `adamw.safetensors`.

use super::{Outcome, graph, set_images, three_steps};
use candle_core::{DType, Device};
use mtl::nn::{Mode, Network, Stream, read_weights, write_weights};
use mtl::train::Optimizer;
use serde_json::Value;
use std::path::PathBuf;

fn number(value: &Value, path: &str) -> Result<f64, String> {
    value
        .pointer(path)
        .and_then(Value::as_f64)
        .ok_or_else(|| format!("no number {path}"))
}

#[test]
#[ignore = "needs the references in MTL_PARITY=DIR"]
fn nets_with_torchs_own_weights() -> Outcome {
    let root = PathBuf::from(std::env::var("MTL_PARITY")?);
    for name in ["alexnet", "resnet18"] {
        let dir = root.join(name);
        let eval = candle_core::safetensors::load(dir.join("eval.safetensors"), &Device::Cpu)?;
        let json: Value = serde_json::from_slice(&std::fs::read(dir.join("eval.json"))?)?;
        let graph = graph(name, 224, 1000)?;
        let mut network = Network::compile(&graph, Mode::Evaluate, 2)?;
        network.load(&read_weights(&dir.join("weights.safetensors"))?)?;
        set_images(&mut network, &eval["input"].flatten_all()?.to_vec1::<f32>()?, 2)?;
        let expected = eval["logits64"].flatten_all()?.to_vec1::<f64>()?;
        let logits = network.forward(2, Stream::new(0))?;
        let error = logits
            .iter()
            .zip(&expected)
            .map(|(l, e)| (f64::from(*l) - e).abs())
            .fold(0.0, f64::max);
        let tolerance = number(&json, "/tolerance_max_abs")?;
        println!("{name}: largest error of a logit {error:.2e}, tolerance {tolerance:.2e}");
        assert!(error <= tolerance, "{name}: {error} > {tolerance}");
        trains(&root, name)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "as above")]
fn trains(root: &std::path::Path, name: &str) -> Outcome {
    let dir = root.join(format!("{name}_train"));
    let json: Value = serde_json::from_slice(&std::fs::read(dir.join("train.json"))?)?;
    let batch = candle_core::safetensors::load(dir.join("batch.safetensors"), &Device::Cpu)?;
    let images = batch["x"].flatten_all()?.to_vec1::<f32>()?;
    let labels = batch["y"].to_dtype(DType::U32)?.to_vec1::<u32>()?;
    let labels: Vec<usize> = labels.into_iter().map(|l| l as usize).collect();
    let mut network = Network::compile(&super::graph(name, 96, 3)?, Mode::Train { frozen: &[] }, labels.len())?;
    let sgd = Optimizer::sgd(0.9, 0.02);
    let adamw = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        decay: 1.0,
    };
    for (kind, optimizer) in [("sgd", sgd), ("adamw", adamw)] {
        network.load(&read_weights(&dir.join("weights.safetensors"))?)?;
        let rate = number(&json, &format!("/{kind}/lr"))?;
        let found = three_steps(&mut network, (&images, &labels), optimizer, rate)?;
        for (i, loss) in found.losses.iter().enumerate() {
            let expected = number(&json, &format!("/{kind}/losses/{i}"))?;
            println!("{name} {kind}: loss {i} {loss:.7}, torch {expected:.7}");
            assert!(
                (loss - expected).abs() <= 1e-3 * expected,
                "{name} {kind}, loss {i}: {loss}, not {expected}"
            );
        }
        write_weights(&dir.join(format!("{kind}.safetensors")), &found.after)?;
    }
    Ok(())
}
