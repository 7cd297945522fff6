//! Interruptions and threads change no bit, whatever a state must hold.

use super::*;
use crate::plan::stage::{Curve, Fall, Mix, OneCycle, Plateau, Range};

pub(super) fn plateau() -> Schedule {
    let rule = Plateau {
        factor: 0.5,
        patience: 0,
        threshold: 0.5,
        fall: Fall::Relative,
        cooldown: 1,
        end: 0.1,
    };
    Schedule::Warmed {
        share: 0.1,
        from: Some(0.1),
        schedule: Box::new(Schedule::Plateau(rule)),
    }
}

/// Every optimiser, and with them all that a state must hold.
fn recipes() -> Result<Vec<Recipe>, NetError> {
    let cycle = Schedule::OneCycle(OneCycle {
        rise: 0.3,
        start: 0.04,
        end: 4e-6,
        three_phase: false,
        curve: Curve::Cosine,
        momentum: Range::new(0.85, 0.95, false),
    });
    let rmsprop = |momentum, centered| Optimizer::RmsProp {
        alpha: 0.99,
        epsilon: 1e-8,
        momentum,
        centered,
        decay: 1e-3,
    };
    let adam = |amsgrad| Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        decay: 1e-3,
        amsgrad,
    };
    let nesterov = Optimizer::Sgd {
        momentum: 0.9,
        decay: 1e-3,
        dampening: 0.0,
        nesterov: true,
    };
    let adagrad = Optimizer::AdaGrad {
        epsilon: 1e-10,
        decay: 1e-3,
    };
    let weighted = Loss::CrossEntropy {
        smoothing: 0.1,
        weights: vec![0.7, 1.6],
    };
    Ok(vec![
        recipe(ADAMW)?,
        recipe(sgd())?,
        Recipe {
            schedule: cycle,
            accumulate: 2,
            mix: Some(Mix::CutMix {
                alpha: 1.0,
                probability: 0.7,
            }),
            ..recipe(nesterov)?
        },
        Recipe {
            ema: Some(0.9),
            keep: Keep::Best,
            draws: vec![12, 31],
            mix: Some(Mix::Mixup {
                alpha: 0.2,
                probability: 1.0,
            }),
            ..recipe(adam(true))?
        },
        Recipe {
            schedule: plateau(),
            ema: Some(0.99),
            accumulate: 4,
            keep: Keep::Best,
            objective: Objective::Classes(weighted),
            ..recipe(rmsprop(0.5, true))?
        },
        Recipe {
            keep: Keep::Best,
            objective: Objective::Classes(Loss::Binary { weights: Vec::new() }),
            ..recipe(rmsprop(0.0, false))?
        },
        Recipe {
            schedule: plateau(),
            objective: Objective::Classes(Loss::Focal {
                gamma: 2.0,
                weights: Vec::new(),
            }),
            ..recipe(adam(false))?
        },
        Recipe {
            stop: Some(20),
            ..recipe(adagrad)?
        },
    ])
}

#[test]
fn an_interrupted_run_ends_in_the_same_bits() -> Outcome_ {
    for (number, recipe) in recipes()?.into_iter().enumerate() {
        let (whole, reports) = finished(&recipe, 1)?;
        // 43 samples in batches of 8 are 6 batches: 24 in all, 12 or 8 steps where several make one. After the last step
        // of an epoch the flag is seen before the tuning samples.
        let last = reports.len();
        for stop in [0, 1, 2, 3, 5, 6, 7, last - 1] {
            let (Outcome::Cancelled(state), first) = run(&recipe, None, stop, 2)? else {
                return Err(format!("{number}: step {stop} was not the last").into());
            };
            let state = State::from_bytes(&state.to_bytes()?)?;
            let (Outcome::Finished(resumed), second) = run(&recipe, Some(&state), usize::MAX, 1 + stop % 2)? else {
                return Err("not finished".into());
            };
            assert_eq!(
                [first, second].concat(),
                reports,
                "{number}: steps after a stop at {stop}"
            );
            assert_eq!(resumed.to_bytes()?, whole.to_bytes()?, "{number}: stopped at {stop}");
        }
    }
    Ok(())
}

#[test]
fn the_number_of_threads_changes_no_bit() -> Outcome_ {
    for recipe in recipes()? {
        let one = finished(&recipe, 1)?.0.to_bytes()?;
        for threads in [2, 4] {
            assert!(
                finished(&recipe, threads)?.0.to_bytes()? == one,
                "{threads} threads: {recipe:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn states_inside_an_epoch_are_offered_and_can_be_continued() -> Outcome_ {
    let graph = graph()?;
    let recipe = recipe(ADAMW)?;
    let (whole, _) = finished(&recipe, 1)?;
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
    fit(&mut network, data, &recipe, None, &mut record, always)?;
    let places: Vec<_> = record
        .states
        .iter()
        .map(|state| (state.progress.epoch, state.progress.step))
        .collect();
    assert_eq!(places[..7], [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0), (1, 1)]);
    assert_eq!(places.len(), 24);
    for state in [&record.states[3], &record.states[16]] {
        let state = State::from_bytes(&state.to_bytes()?)?;
        let (Outcome::Finished(resumed), _) = run(&recipe, Some(&state), usize::MAX, 2)? else {
            return Err("not finished".into());
        };
        assert_eq!(resumed.to_bytes()?, whole.to_bytes()?);
    }
    Ok(())
}
