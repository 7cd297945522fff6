//! What each option does.

use super::exact::plateau;
use super::*;
use crate::nn::network_bytes;
use crate::plan::stage::Mix;
use crate::train::Footprint;

/// Without batch statistics and dropout a step over two batches is one over a batch of twice the size, to rounding; also
/// the last step of an epoch, whose batches are fewer and smaller.
#[test]
fn batches_that_make_one_step_are_one_batch() -> Outcome_ {
    let mut b = Builder::new(1, 6, 6);
    let x = b.flatten(b.input());
    let x = b.linear(x, 2, true, WeightInit::KaimingUniform)?;
    let graph = b.finish("net", x, vec![], Some(2))?;
    let weighted = Loss::CrossEntropy {
        smoothing: 0.1,
        weights: vec![0.5, 3.0],
    };
    let train = |batch, accumulate, loss: &Loss| -> Result<(Vec<StepReport>, Vec<f32>), Box<dyn Error>> {
        let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, batch)?;
        network.load(&initial_weights(&graph, 2))?;
        let recipe = Recipe {
            rates: vec![0.1; graph.parameters.len()],
            accumulate,
            objective: Objective::Classes(loss.clone()),
            ..recipe(sgd())?
        };
        let data = Data {
            training: &Halves(43),
            tuning: None,
        };
        let flag = AtomicBool::new(false);
        let mut record = Record::new(&flag);
        let outcome = fit(&mut network, data, &recipe, None, &mut record, control(&flag))?;
        assert!(matches!(outcome, Outcome::Finished(_)));
        Ok((record.steps, network.values().to_vec()))
    };
    for loss in [Loss::default(), weighted, Loss::Binary { weights: Vec::new() }] {
        let ((steps, values), (whole_steps, whole)) = (train(8, 2, &loss)?, train(16, 1, &loss)?);
        let images: Vec<usize> = steps.iter().map(|step| step.images).collect();
        assert_eq!(images[..3], [16, 16, 11]);
        for (one, other) in steps.iter().zip(&whole_steps) {
            assert!((one.loss - other.loss).abs() < 1e-5, "{one:?}, {other:?}");
            assert_eq!((one.step, one.images, one.rate), (other.step, other.images, other.rate));
        }
        assert!(values.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-5), "{loss:?}");
    }
    Ok(())
}

/// The best epoch's weights are those of a training that ends there, where the rate does not depend on the end.
#[test]
fn the_best_epoch_is_kept() -> Outcome_ {
    let best = Recipe {
        epochs: 8,
        rates: vec![0.1; graph()?.parameters.len()],
        schedule: Schedule::Constant,
        keep: Keep::Best,
        ..recipe(ADAMW)?
    };
    let (state, _) = finished(&best, 1)?;
    let losses: Vec<f64> = state
        .progress
        .history
        .iter()
        .filter_map(|epoch| epoch.tuning_loss)
        .collect();
    let smallest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let kept = state.progress.best.ok_or("no best epoch")?;
    assert_eq!(
        losses.iter().position(|loss| *loss == smallest),
        Some(kept.epoch),
        "{losses:?}"
    );
    assert_eq!(kept.tuning_loss, smallest);
    assert!(
        kept.epoch + 1 < losses.len(),
        "the last epoch proves nothing: {losses:?}"
    );
    let short = Recipe {
        epochs: kept.epoch + 1,
        keep: Keep::Last,
        ..best
    };
    let (until, _) = finished(&short, 1)?;
    assert_eq!(
        weights_to_bytes(&state.into_model())?,
        weights_to_bytes(&until.weights)?
    );
    Ok(())
}

/// The mean of the weights is what is kept and measured; the steps are those of a training without it.
#[test]
fn the_mean_of_the_weights_is_kept() -> Outcome_ {
    let mean = Recipe {
        ema: Some(0.9),
        ..recipe(ADAMW)?
    };
    let ((with, reports), (without, plain)) = (finished(&mean, 1)?, finished(&recipe(ADAMW)?, 1)?);
    assert_eq!(reports, plain);
    assert_eq!(weights_to_bytes(&with.weights)?, weights_to_bytes(&without.weights)?);
    let tuning = |state: &State| state.progress.history.last().and_then(|epoch| epoch.tuning_loss);
    assert_ne!(tuning(&with), tuning(&without));
    let average = with.average.clone();
    assert!(average.contains_key("bn.running_mean"), "statistics are averaged too");
    assert_ne!(weights_to_bytes(&average)?, weights_to_bytes(&with.weights)?);
    assert_eq!(weights_to_bytes(&with.into_model())?, weights_to_bytes(&average)?);
    Ok(())
}

#[test]
fn a_plateau_lets_the_rate_fall() -> Outcome_ {
    let recipe = Recipe {
        schedule: plateau(),
        epochs: 8,
        ..recipe(sgd())?
    };
    let (state, reports) = finished(&recipe, 1)?;
    let rates: Vec<f64> = state.progress.history.iter().map(|epoch| epoch.rate).collect();
    assert!(
        rates.is_sorted_by(|a, b| a >= b) && rates[0] == 0.02 && rates[7] < 0.011,
        "{rates:?}"
    );
    assert_eq!(reports[0].rate, 0.1 * 0.02, "it is warmed up before");
    assert!(
        reports
            .iter()
            .all(|step| step.epoch == 0 || step.rate == rates[step.epoch])
    );
    Ok(())
}

/// What is told beforehand is what is allocated.
#[test]
fn memory_is_known_before_it_is_taken() -> Outcome_ {
    let graph = graph()?;
    for frozen in [Vec::new(), graph.all_but_head()] {
        let mode = Mode::Train { frozen: &frozen };
        let network = Network::compile(&graph, mode, 8)?;
        let (bytes, trained) = network_bytes(&graph, mode, 8)?;
        assert_eq!(bytes, network.bytes());
        let segments = network.segments().iter().map(|segment| segment.gradients.len() as u64);
        assert_eq!(trained, segments.sum::<u64>());
        let evaluator = Network::compile(&graph, Mode::Evaluate, 8)?;
        let memory = ADAMW.memory(trained as usize);
        let moments = [&memory.first, &memory.second, &memory.third]
            .map(Vec::len)
            .iter()
            .sum::<usize>();
        assert_eq!(moments, ADAMW.moments() * trained as usize);
        let all = network.values().len();
        let (mean, best, sum) = (all, all, trained as usize);
        let held = 4 * (moments + mean + best + sum) as u64;
        let state = 4 * (all + moments + mean + best) as u64;
        let footprint = Footprint {
            graph: &graph,
            frozen: frozen.clone(),
            images: 8,
            optimizer: &ADAMW,
            accumulate: 2,
            is_mixed: true,
            has_average: true,
            keep: Keep::Best,
            has_tuning: true,
        };
        let told = footprint.bytes()?;
        let copy = 4 * 8 * graph.input_shape().len() as u64;
        assert_eq!(told, network.bytes() + evaluator.bytes() + held + copy + 3 * state);
    }
    Ok(())
}

/// A rate that no network bears: the training ends with what it was, and no state that was offered holds a number that is
/// none.
#[test]
fn what_diverges_is_told_of_and_never_saved() -> Outcome_ {
    let graph = graph()?;
    for (rate, clip) in [(1e38, None), (1e6, Some(5.0))] {
        let recipe = Recipe {
            epochs: 50,
            rates: vec![rate; graph.parameters.len()],
            clip,
            ..recipe(ADAMW)?
        };
        let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
        network.load(&initial_weights(&graph, 2))?;
        let (training, tuning) = (Halves(43), Halves(21));
        let data = Data {
            training: &training,
            tuning: Some(&tuning),
        };
        let flag = AtomicBool::new(false);
        let mut record = Record::new(&flag);
        let always = Control {
            save_every: Duration::ZERO,
            ..control(&flag)
        };
        let Err(TrainError::Diverged(diverged)) = fit(&mut network, data, &recipe, None, &mut record, always) else {
            return Err("it did not diverge".into());
        };
        assert_eq!(diverged.steps, 6);
        assert!(
            diverged.rate > 0.0 && diverged.losses.len() == record.steps.len().min(5),
            "{diverged}"
        );
        let told = diverged.to_string();
        assert!(
            told.starts_with("training diverged: ") && told.contains("at a learning rate of"),
            "{told}"
        );
        for state in &record.states {
            for tensor in state.weights.values() {
                let values = tensor.flatten_all()?.to_vec1::<f32>()?;
                assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }
    Ok(())
}

/// What is never mixed is what it was; what is mixed is learnt otherwise, and less surely.
#[test]
fn mixing_changes_what_is_learnt() -> Outcome_ {
    let mixed = |mix| -> Result<Vec<f64>, Box<dyn Error>> {
        let recipe = Recipe { mix, ..recipe(ADAMW)? };
        Ok(finished(&recipe, 1)?.1.iter().map(|step| step.loss).collect())
    };
    let plain = mixed(None)?;
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    for mix in [
        |probability| Mix::Mixup {
            alpha: 1.0,
            probability,
        },
        |probability| Mix::CutMix {
            alpha: 1.0,
            probability,
        },
    ] {
        assert_eq!(mixed(Some(mix(0.0)))?, plain);
        let losses = mixed(Some(mix(1.0)))?;
        assert!(mean(&losses) > mean(&plain), "{losses:?} {plain:?}");
    }
    Ok(())
}

/// A class of which twice as many are drawn makes up two thirds of what is seen; a class without samples is not drawn.
#[test]
fn classes_are_drawn_as_the_recipe_says() -> Outcome_ {
    let drawn = Recipe {
        draws: vec![20, 40],
        ..recipe(ADAMW)?
    };
    let (state, reports) = finished(&drawn, 1)?;
    let images: usize = reports.iter().map(|step| step.images).sum();
    assert_eq!(images, 4 * 60, "60 in each of four epochs");
    assert_eq!(state.progress.samples, 60);
    let graph = graph()?;
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
    network.load(&initial_weights(&graph, 2))?;
    let data = Data {
        training: &Halves(1),
        tuning: None,
    };
    let flag = AtomicBool::new(false);
    let mut record = Record::new(&flag);
    let outcome = fit(&mut network, data, &drawn, None, &mut record, control(&flag));
    assert!(matches!(outcome, Err(TrainError::NothingToDraw { class: 1 })));
    Ok(())
}
