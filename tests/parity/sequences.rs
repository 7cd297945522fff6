//! Optimisers, schedules and the loss against sequences that torch made: `tests/reference/nn/sequences.json`.

use super::{Outcome, floats};
use candle_core::{Device, Tensor};
use mtl::net::{Builder, Graph, NetError, WeightInit};
use mtl::nn::{Mode, Network, Weights};
use mtl::train::{DecayOn, Optimizer, Schedule, cross_entropy, gradient_norm, mean_cross_entropy};
use serde_json::Value;
use std::error::Error;

fn sequences() -> Result<Value, Box<dyn Error>> {
    let path = format!("{}/tests/reference/nn/sequences.json", env!("CARGO_MANIFEST_DIR"));
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

/// Two tensors of two values, whose gradients the test sets itself.
fn two_tensors() -> Result<Graph, NetError> {
    let mut b = Builder::new(1, 1, 1);
    let x = b.flatten(b.input());
    let x = b.linear(x, 2, true, WeightInit::KaimingUniform)?;
    b.finish("two", x, vec![], None)
}

#[test]
fn optimisers_step_as_torchs() -> Outcome {
    let sequences = sequences()?;
    let sgd = |momentum, decay| Optimizer::Sgd { momentum, decay };
    let adamw = |betas, epsilon, decay| Optimizer::AdamW { betas, epsilon, decay };
    let cases = [
        ("sgd", sgd(0.0, 0.0), 0.05, None),
        ("sgd_momentum", sgd(0.9, 0.0), 0.02, None),
        ("sgd_momentum_wd", sgd(0.9, 0.01), 0.02, None),
        ("adamw", adamw([0.9, 0.999], 1e-8, 0.1), 0.05, None),
        ("adamw_betas_eps", adamw([0.8, 0.95], 1e-3, 0.01), 0.03, None),
        ("sgd_clip1", sgd(0.0, 0.0), 0.05, Some(1.0)),
    ];
    let problem = &sequences["problem"];
    let (a, c, start) = (
        numbers(&problem["a"]),
        numbers(&problem["c"]),
        numbers(&problem["start"]),
    );
    for (name, optimizer, rate, clip) in cases {
        let case = &sequences["optimisers"][name];
        let mut network = Network::compile(&two_tensors()?, Mode::Train { frozen: &[] }, 1)?;
        network.load(&two_weights(&start)?)?;
        let mut moments = optimizer.moments(4);
        for (step, expected) in case["weights_after_step"]
            .as_array()
            .ok_or("no steps")?
            .iter()
            .enumerate()
        {
            let (values, gradients) = network.training_slices();
            for (i, gradient) in gradients.iter_mut().enumerate() {
                let w = f64::from(values[i]);
                *gradient = (a[i] * (w - c[i]) + 0.3 * (3.0 * w).cos()) as f32;
            }
            let norm = gradient_norm(gradients);
            if clip.is_some() {
                let expected = case["grad_norm_before_clip"][step].as_f64().ok_or("no norm")?;
                assert!(
                    (norm - expected).abs() < 1e-4 * expected,
                    "{name}, step {step}: norm {norm}, not {expected}"
                );
            }
            let scale = clip.map_or(1.0, |clip: f64| (clip / (norm + 1e-6)).min(1.0));
            optimizer.step(&mut network, &mut moments, &[rate; 2], DecayOn::All, scale);
            let weights = network.weights();
            let found = [floats(&weights, "weight")?, floats(&weights, "bias")?].concat();
            for (f, e) in found.iter().zip(numbers(expected)) {
                assert!(
                    (f64::from(*f) - e).abs() < 2e-5,
                    "{name}, step {step}: {found:?} instead of {expected}"
                );
            }
        }
    }
    Ok(())
}

fn two_weights(values: &[f64]) -> Result<Weights, Box<dyn Error>> {
    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    let (weight, bias) = values.split_at(2);
    Ok([
        ("weight".to_owned(), Tensor::from_slice(weight, (2, 1), &Device::Cpu)?),
        ("bias".to_owned(), Tensor::from_slice(bias, 2, &Device::Cpu)?),
    ]
    .into())
}

#[test]
fn schedules_go_as_torchs() -> Outcome {
    let sequences = sequences()?;
    let step = |every, factor| Schedule::Step { every, factor };
    let cosine = |warmup| Schedule::Cosine { warmup };
    let milestones = Schedule::Milestones {
        epochs: vec![12, 30, 41],
        factor: 0.2,
    };
    // The cosines go step by step, 50 steps in one epoch; the others epoch by epoch, here of 3 steps.
    let cases = [
        ("cosine_T50_min0", cosine(0.0), 50, 1),
        ("lambda_warmup5_cosine50", cosine(0.1), 50, 1),
        ("step10_0.1", step(10, 0.1), 3, 50),
        ("step7_0.5", step(7, 0.5), 3, 50),
        ("multistep_12_30_41_0.2", milestones, 3, 50),
    ];
    for (name, schedule, steps, epochs) in cases {
        let case = &sequences["schedules"][name];
        let base = case["base_lr"].as_f64().ok_or("no rate")?;
        let every = steps * epochs / 50;
        for (i, expected) in numbers(&case["values"]).into_iter().enumerate() {
            for within in 0..every {
                let rate = base * schedule.factor(i * every + within, steps, epochs);
                assert!(
                    (rate - expected).abs() <= 1e-12 + 1e-9 * expected,
                    "{name}, {i}: {rate}, not {expected}"
                );
            }
        }
    }
    assert_eq!(Schedule::Constant.factor(7, 3, 4), 1.0);
    Ok(())
}

#[test]
fn cross_entropy_is_torchs() -> Outcome {
    let losses = &sequences()?["losses"];
    for (logits, targets, result) in [
        ("logits", "targets", "cross_entropy"),
        ("extreme_logits", "extreme_targets", "extreme"),
    ] {
        let logits: Vec<f32> = numbers(&losses[logits]).into_iter().map(|l| l as f32).collect();
        let labels: Vec<usize> = numbers(&losses[targets]).into_iter().map(|l| l as usize).collect();
        let mut gradient = vec![0.0; logits.len()];
        let loss = cross_entropy(&logits, &labels, 3, &mut gradient);
        let expected = losses[result]["loss"].as_f64().ok_or("no loss")?;
        assert!((loss - expected).abs() <= 1e-7 * expected, "{loss}, not {expected}");
        assert_eq!(loss, mean_cross_entropy(&logits, &labels, 3));
        for (g, e) in gradient.iter().zip(numbers(&losses[result]["gradient"])) {
            assert!((f64::from(*g) - e).abs() < 1e-7, "{g}, not {e}");
        }
    }
    Ok(())
}
