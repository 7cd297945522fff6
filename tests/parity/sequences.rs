//! Optimisers, schedules and losses against what torch made of them: `tests/reference/sched`.

use super::{Outcome, floats};
use candle_core::{Device, Tensor};
use mtl::net::{Builder, Graph, NetError, WeightInit};
use mtl::nn::{Mode, Network, Weights};
use mtl::plan::stage::Range;
use mtl::train::{
    Curve, DecayOn, Fall, Fallen, Loss, OneCycle, Optimizer, Place, Plateau, Schedule, Stride, factor, gradient_norm,
    loss_and_gradient, mean_loss, momentum,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;

fn reference(name: &str) -> Result<Value, Box<dyn Error>> {
    let path = format!("{}/tests/reference/sched/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

/// Fails unless the cases are all that the file holds.
fn check_complete<'a>(file: &Value, cases: impl IntoIterator<Item = &'a str>) {
    let there: BTreeSet<&str> = file
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(cases.into_iter().collect::<BTreeSet<_>>(), there);
}

/// Two tensors of two values, whose gradients the test sets itself.
fn two_tensors() -> Result<Graph, NetError> {
    let mut b = Builder::new(1, 1, 1);
    let x = b.flatten(b.input());
    let x = b.linear(x, 2, true, WeightInit::KaimingUniform)?;
    b.finish("two", x, vec![], None)
}

fn optimizers() -> Vec<(&'static str, Optimizer, f64, Option<f64>)> {
    let sgd = |momentum, decay, dampening, nesterov| Optimizer::Sgd {
        momentum,
        decay,
        dampening,
        nesterov,
    };
    let adam = |decay, amsgrad| Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        decay,
        amsgrad,
    };
    let adamw = |[beta1, beta2]: [f64; 2], epsilon, decay| Optimizer::AdamW {
        beta1,
        beta2,
        epsilon,
        decay,
    };
    let rmsprop = |momentum, centered, decay| Optimizer::RmsProp {
        alpha: 0.99,
        epsilon: 1e-8,
        momentum,
        centered,
        decay,
    };
    let adagrad = Optimizer::AdaGrad {
        epsilon: 1e-10,
        decay: 0.0,
    };
    vec![
        ("sgd", sgd(0.0, 0.0, 0.0, false), 0.05, None),
        ("sgd_momentum", sgd(0.9, 0.0, 0.0, false), 0.02, None),
        ("sgd_momentum_wd", sgd(0.9, 0.01, 0.0, false), 0.02, None),
        ("sgd_nesterov_wd", sgd(0.9, 0.01, 0.0, true), 0.02, None),
        ("sgd_dampening", sgd(0.9, 0.0, 0.5, false), 0.02, None),
        ("adam", adam(0.0, false), 0.05, None),
        ("adam_l2", adam(0.1, false), 0.05, None),
        ("adam_amsgrad", adam(0.0, true), 0.05, None),
        ("adamw", adamw([0.9, 0.999], 1e-8, 0.1), 0.05, None),
        ("adamw_betas_eps", adamw([0.8, 0.95], 1e-3, 0.01), 0.03, None),
        ("rmsprop", rmsprop(0.0, false, 0.0), 0.01, None),
        ("rmsprop_momentum_centered", rmsprop(0.9, true, 0.01), 0.005, None),
        ("adagrad", adagrad, 0.1, None),
        ("sgd_clip1", sgd(0.0, 0.0, 0.0, false), 0.05, Some(1.0)),
    ]
}

#[test]
fn optimisers_step_as_torchs() -> Outcome {
    let file = reference("optimisers")?;
    check_complete(&file["optimisers"], optimizers().iter().map(|(name, ..)| *name));
    let tolerance = file["tolerance"]["float32_atol"].as_f64().ok_or("no tolerance")?;
    let problem = |name: &str| numbers(&file["problem"][name]);
    let (a, c, start) = (problem("a"), problem("c"), problem("start"));
    for (name, optimizer, rate, clip) in optimizers() {
        let case = &file["optimisers"][name];
        let mut network = Network::compile(&two_tensors()?, Mode::Train { frozen: &[] }, 1)?;
        network.load(&two_weights(&start)?)?;
        let mut moments = optimizer.memory(4);
        let kept: Vec<f64> = numbers(&case["steps"]);
        for step in 0..50 {
            let (values, gradients) = network.training_slices();
            for (i, gradient) in gradients.iter_mut().enumerate() {
                let w = f64::from(values[i]);
                *gradient = (a[i] * (w - c[i]) + 0.3 * (3.0 * w).cos()) as f32;
            }
            let norm = gradient_norm(gradients);
            let stride = Stride {
                rates: &[rate; 2],
                decay_on: DecayOn::All,
                scale: clip.map_or(1.0, |clip: f64| (clip / (norm + 1e-6)).min(1.0)),
                momentum: None,
            };
            optimizer.step(&mut network, &mut moments, stride);
            let Some(place) = kept.iter().position(|kept| *kept == f64::from(step)) else {
                continue;
            };
            if clip.is_some() {
                let expected = case["norms"][place].as_f64().ok_or("no norm")?;
                assert!(
                    (norm - expected).abs() < tolerance * expected,
                    "{name}, step {step}: norm {norm}"
                );
            }
            let weights = network.weights();
            let found = [floats(&weights, "weight")?, floats(&weights, "bias")?].concat();
            for (f, e) in found.iter().zip(numbers(&case["weights"][place])) {
                assert!(
                    (f64::from(*f) - e).abs() < tolerance,
                    "{name}, step {step}: {found:?} for {e}"
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

/// A schedule of torch's in our words: what it is, how many steps there are, and how many of the values are asserted.
struct Case {
    name: &'static str,
    schedule: Schedule,
    all: usize,
    values: usize,
    /// A value is that of an epoch of so many steps, not of a step.
    per_epoch: usize,
}

fn schedules() -> Vec<Case> {
    let case = |name, schedule, all, per_epoch| Case {
        name,
        schedule,
        all,
        values: 50,
        per_epoch,
    };
    let by_step = |name, schedule| case(name, schedule, 50, 50);
    let by_epoch = |name, schedule| case(name, schedule, 150, 3);
    let cosine = |end| Schedule::Cosine { warmup: 0.0, end };
    let warmed = |from, end| Schedule::Warmed {
        share: 0.1,
        from: Some(from),
        schedule: Box::new(cosine(end)),
    };
    let cycle = |rise, start, end, three_phase, curve| {
        Schedule::OneCycle(OneCycle {
            rise,
            start,
            end,
            three_phase,
            curve,
            momentum: Range::new(0.85, 0.95, false),
        })
    };
    vec![
        by_step("cosine_T50_min0", cosine(0.0)),
        // After `T_max` torch's cosine rises again; ours ends there.
        Case {
            values: 41,
            ..case("cosine_T40_min1e-3", cosine(0.01), 40, 40)
        },
        by_step("warmup5_linear_cosine45", warmed(0.1, 0.0)),
        by_step("warmup5_from0.01_cosine45_min1e-5", warmed(0.01, 1e-4)),
        by_step("lambda_warmup5_cosine50", Schedule::Cosine { warmup: 0.1, end: 0.0 }),
        by_epoch("step10_0.1", Schedule::Step { every: 10, factor: 0.1 }),
        by_epoch("step7_0.5", Schedule::Step { every: 7, factor: 0.5 }),
        by_epoch(
            "multistep_12_30_41_0.2",
            Schedule::MultiStep {
                at: vec![12, 30, 41],
                factor: 0.2,
            },
        ),
        by_epoch("exponential_0.95", Schedule::Exponential { factor: 0.95 }),
        case("onecycle_cos_50", cycle(0.3, 0.04, 4e-6, false, Curve::Cosine), 51, 51),
        case(
            "onecycle_linear_50",
            cycle(0.4, 0.1, 1e-3, false, Curve::Linear),
            51,
            51,
        ),
        case(
            "onecycle_three_phase_50",
            cycle(0.3, 0.04, 4e-6, true, Curve::Cosine),
            51,
            51,
        ),
        by_epoch(
            "plateau_min_f0.5_p3",
            Schedule::Plateau(Plateau {
                factor: 0.5,
                patience: 3,
                threshold: 1e-4,
                fall: Fall::Relative,
                cooldown: 0,
                end: 0.0,
            }),
        ),
        by_epoch(
            "plateau_max_f0.1_p2_cd2_min1e-4",
            Schedule::Plateau(Plateau {
                factor: 0.1,
                patience: 2,
                threshold: 1e-3,
                fall: Fall::Absolute,
                cooldown: 2,
                end: 1e-3,
            }),
        ),
        case(
            "warm_restarts_T10_mult2",
            Schedule::Restarts {
                first: 10,
                grow: 2,
                end: 1e-3,
            },
            50,
            1,
        ),
        by_step("polynomial_50_0.9", Schedule::Polynomial { power: 0.9, end: 0.0 }),
        by_step("linear_50", Schedule::Polynomial { power: 1.0, end: 0.0 }),
    ]
}

#[test]
fn schedules_go_as_torchs() -> Outcome {
    let file = reference("schedules")?;
    check_complete(&file["sequences"], schedules().iter().map(|case| case.name));
    let (rtol, atol) = (
        file["rtol"].as_f64().ok_or("no rtol")?,
        file["atol"].as_f64().ok_or("no atol")?,
    );
    let close = |found: f64, expected: f64| (found - expected).abs() <= atol + rtol * expected.abs();
    for case in schedules() {
        let reference = &file["sequences"][case.name];
        let base = reference["base_lr"].as_f64().ok_or("no rate")?;
        let values = numbers(&reference["values"]);
        assert_eq!(values.len(), 50, "{}", case.name);
        let (momenta, metric) = (numbers(&reference["momentum"]), numbers(&reference["metric"]));
        let mut fallen = Fallen::default();
        let steps = if case.all == 150 { 3 } else { 1 };
        for (i, expected) in values.into_iter().take(case.values).enumerate() {
            for step in i * steps..(i + 1) * steps {
                let place = Place {
                    step,
                    per_epoch: case.per_epoch,
                    all: case.all,
                };
                let rate = base * factor(&case.schedule, place, &fallen);
                assert!(close(rate, expected), "{}, {i}: {rate}, not {expected}", case.name);
                let own = momentum(&case.schedule, place);
                assert_eq!(own.is_some(), !momenta.is_empty(), "{}", case.name);
                let agrees = own.is_none_or(|own| close(own, momenta[i]));
                assert!(agrees, "{}, {i}: {own:?}, not {momenta:?}", case.name);
            }
            if let Schedule::Plateau(rule) = &case.schedule {
                // What is to be large is made small by its sign.
                let sign = if case.name.contains("max") { -1.0 } else { 1.0 };
                fallen.epoch(rule, sign * metric[i]);
            }
        }
    }
    let place = Place {
        step: 7,
        per_epoch: 3,
        all: 12,
    };
    assert_eq!(factor(&Schedule::Constant, place, &Fallen::default()), 1.0);
    Ok(())
}

/// A loss on logits that are rounded to `f32`, brought back to the reference's logits by its gradient, so that the
/// tolerance for f64 holds; and the gradients, which are `f32` themselves.
struct Found {
    loss: f64,
    gradient: Vec<f64>,
}

fn found(loss: &Loss, logits: &[f64], labels: &[usize], classes: usize) -> Found {
    let rounded: Vec<f32> = logits.iter().map(|logit| *logit as f32).collect();
    let mut gradient = vec![0.0; logits.len()];
    let value = loss_and_gradient(loss, &rounded, labels, classes, &mut gradient);
    assert!((value - mean_loss(loss, &rounded, labels, classes)).abs() <= 1e-14 * value.abs());
    let moved = rounded.iter().zip(logits).map(|(to, from)| f64::from(*to) - from);
    let change: f64 = moved
        .zip(&gradient)
        .map(|(moved, slope)| moved * f64::from(*slope))
        .sum();
    Found {
        loss: value - change,
        gradient: gradient.into_iter().map(f64::from).collect(),
    }
}

#[test]
fn losses_are_torchs() -> Outcome {
    let file = reference("losses")?;
    let of = |name: &str| numbers(&file[name]);
    let places = |name: &str| of(name).into_iter().map(|label| label as usize).collect::<Vec<_>>();
    let (three, labels, weights) = (of("logits3"), places("targets3"), of("class_weights"));
    let entropy = |smoothing, weights: &[f64]| Loss::CrossEntropy {
        smoothing,
        weights: weights.to_vec(),
    };
    let mut cases = vec![
        ("cross_entropy", found(&entropy(0.0, &[]), &three, &labels, 3)),
        (
            "cross_entropy_class_weights",
            found(&entropy(0.0, &weights), &three, &labels, 3),
        ),
        (
            "cross_entropy_label_smoothing_0.1",
            found(&entropy(0.1, &[]), &three, &labels, 3),
        ),
        (
            "cross_entropy_weights_smoothing",
            found(&entropy(0.1, &weights), &three, &labels, 3),
        ),
        (
            "cross_entropy_extreme_logits",
            found(&entropy(0.0, &[]), &of("extreme_logits"), &places("extreme_targets"), 3),
        ),
    ];
    let mean = found(&entropy(0.0, &[]), &three, &labels, 3);
    let count = labels.len() as f64;
    let sum = Found {
        loss: mean.loss * count,
        gradient: mean.gradient.iter().map(|slope| slope * count).collect(),
    };
    cases.push(("cross_entropy_sum", sum));
    // A single logit against the rest is that of two classes whose second is 0: class 0 where the target is 1.
    let single = of("logits_bin");
    let pairs: Vec<f64> = single.iter().flat_map(|logit| [*logit, 0.0]).collect();
    let targets: Vec<usize> = places("targets_bin").into_iter().map(|target| 1 - target).collect();
    let of_first = |found: Found, scale: f64, more: f64| Found {
        loss: found.loss * scale - more,
        gradient: found.gradient.iter().step_by(2).map(|slope| slope * scale).collect(),
    };
    for (name, weight) in [("bce_with_logits", 1.0), ("bce_with_logits_pos_weight_2.5", 2.5)] {
        let loss = Loss::Binary {
            weights: vec![weight, 1.0],
        };
        // The second class costs ln 2 whatever the target, and doubles the number of logits.
        let found = found(&loss, &pairs, &targets, 2);
        cases.push((name, of_first(found, 2.0, std::f64::consts::LN_2)));
    }
    let focal = Loss::Focal {
        gamma: 2.0,
        weights: vec![0.25, 0.75],
    };
    let focal = of_first(found(&focal, &pairs, &targets, 2), 1.0, 0.0);
    cases.push(("sigmoid_focal_a0.25_g2", focal));
    check_complete(&file["losses"], cases.iter().map(|(name, _)| *name));
    let rtol = file["rtol"].as_f64().ok_or("no tolerance")?;
    for (name, found) in cases {
        let case = &file["losses"][name];
        let expected = case["loss"].as_f64().ok_or("no loss")?;
        assert!(
            (found.loss - expected).abs() <= rtol * expected,
            "{name}: {} for {expected}",
            found.loss
        );
        for (slope, expected) in found.gradient.iter().zip(numbers(&case["gradient"])) {
            assert!(
                (slope - expected).abs() < 3e-7 * expected.abs().max(0.1),
                "{name}: {slope} for {expected}"
            );
        }
    }
    Ok(())
}
