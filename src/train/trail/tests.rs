use super::*;
use crate::net::{Builder, WeightInit};
use crate::plan::stage::{
    Curve, Fall, Keep, Loss, Normalization, OneCycle, Optimizer, Plateau, Range, Role, Samples, Start,
};
use crate::plan::trail::root;
use crate::train::sampler::Sampler;
use proptest::prelude::*;
use std::sync::Arc;

fn training(epochs: u32, schedule: Schedule) -> Train {
    let mut b = Builder::new(1, 4, 4);
    let x = b.flatten(b.input());
    let x = b.linear(x, 2, true, WeightInit::KaimingUniform).expect("it is flat");
    let graph = b.finish("net", x, vec![], Some(2)).expect("it has two logits");
    let parameters = graph.parameters.len();
    let samples = Samples {
        rows: (0..20).collect(),
        classes: (0..20).map(|row| row % 2).collect(),
        ..Samples::default()
    };
    Train {
        graph: Arc::new(graph),
        start: Start::Random { seed: 1 },
        training: Arc::new(samples),
        tuning: Arc::default(),
        normalization: Normalization {
            mean: vec![0.5],
            deviation: vec![0.5],
        },
        epochs,
        stop: None,
        batch: 6,
        drop_last: false,
        rates: vec![1e-3; parameters].into(),
        frozen_weights: vec![false; parameters].into(),
        frozen_statistics: vec![false; parameters].into(),
        schedule,
        optimizer: Optimizer::sgd(0.9, 0.0),
        decay_all: false,
        clip: None,
        loss: Loss::default(),
        draws: Vec::new(),
        mix: None,
        accumulate: 1,
        ema: None,
        keep: Keep::Last,
        augment: Vec::new(),
        seed: 1,
    }
}

fn trail(train: Train) -> Trail {
    let pictures = (Role::Pictures, "pictures", Digest::of(b"pictures"));
    of(train, pictures)
}

fn of(train: Train, pictures: (Role, &'static str, Digest)) -> Trail {
    let work = Work::Train(Box::new(train));
    let root = root(&work, &[pictures]).expect("it trains");
    Trail::of(&work, root).expect("it trains")
}

fn shared(a: Train, b: Train) -> usize {
    trail(a).shared(&trail(b).epochs)
}

fn every(every: u32) -> Schedule {
    Schedule::Step { every, factor: 0.1 }
}

fn cosine() -> Schedule {
    Schedule::Cosine { warmup: 0.0, end: 0.0 }
}

#[test]
fn trainings_share_what_they_have_in_common() {
    let constant = |epochs| training(epochs, Schedule::Constant);
    assert_eq!(shared(constant(20), constant(30)), 20);
    assert_eq!(shared(training(30, every(8)), training(30, every(11))), 8);
    assert_eq!(shared(training(30, every(8)), constant(12)), 8, "however it is written");
    assert_eq!(shared(training(20, cosine()), training(30, cosine())), 0);
    assert_eq!(shared(training(20, cosine()), training(20, cosine())), 20);
    // A training of so many steps ends inside an epoch.
    let stopped = Train {
        stop: Some(4 * 7 + 2),
        ..constant(8)
    };
    assert_eq!(trail(stopped.clone()).epochs.len(), 8);
    assert_eq!(shared(stopped.clone(), constant(20)), 7);
    let whole = Train {
        stop: Some(4 * 8),
        ..stopped
    };
    assert_eq!(shared(whole, constant(20)), 8);
}

#[test]
fn whatever_else_differs_parts_them_from_the_first_epoch_on() {
    let own = training(8, Schedule::Constant);
    let rates = Arc::new(own.rates.iter().map(|rate| rate * 2.0).collect());
    let others = [
        Train { rates, ..own.clone() },
        Train { seed: 2, ..own.clone() },
        Train {
            batch: 5,
            ..own.clone()
        },
        Train {
            accumulate: 2,
            ..own.clone()
        },
        Train {
            ema: Some(0.9),
            ..own.clone()
        },
        Train {
            keep: Keep::Best,
            ..own.clone()
        },
        Train {
            clip: Some(1.0),
            ..own.clone()
        },
        Train {
            start: Start::Random { seed: 2 },
            ..own.clone()
        },
        Train {
            tuning: Arc::clone(&own.training),
            ..own.clone()
        },
        Train {
            optimizer: Optimizer::sgd(0.8, 0.0),
            ..own.clone()
        },
    ];
    for other in others {
        assert_eq!(shared(own.clone(), other.clone()), 0, "{other:?}");
    }
    let pictures = (Role::Pictures, "pictures", Digest::of(b"others"));
    let other = of(own.clone(), pictures);
    assert_eq!(trail(own).shared(&other.epochs), 0);
}

#[test]
fn plateaus_share_by_their_rule_and_momentum_counts() {
    let plateau = |patience| {
        Schedule::Plateau(Plateau {
            factor: 0.1,
            patience,
            threshold: 0.0,
            fall: Fall::Relative,
            cooldown: 0,
            end: 0.0,
        })
    };
    assert_eq!(shared(training(5, plateau(2)), training(9, plateau(2))), 5);
    assert_eq!(shared(training(5, plateau(2)), training(9, plateau(3))), 0);
    assert_eq!(shared(training(5, plateau(2)), training(9, Schedule::Constant)), 0);
    let cycle = |high| {
        Schedule::OneCycle(OneCycle {
            rise: 0.3,
            start: 0.04,
            end: 1e-4,
            three_phase: false,
            curve: Curve::Cosine,
            momentum: Some(Range {
                low: 0.85,
                high,
                inclusive: false,
            }),
        })
    };
    assert_eq!(shared(training(5, cycle(0.95)), training(5, cycle(0.95))), 5);
    assert_eq!(shared(training(5, cycle(0.95)), training(5, cycle(0.9))), 0);
}

#[test]
fn devices_and_works_that_train_nothing() {
    let [avx2, sse2] = ["cpu-avx2", "cpu-sse2"].map(str::to_owned);
    let epoch = trail(training(1, Schedule::Constant)).epochs[0];
    let keys = [
        state_key(epoch, std::slice::from_ref(&avx2)),
        state_key(epoch, std::slice::from_ref(&sse2)),
        state_key(epoch, &[avx2.clone(), sse2.clone()]),
        state_key(epoch, &[sse2, avx2]),
        epoch,
    ];
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(once.len(), keys.len());
}

proptest! {
    /// A key stands for the factors of all steps before it: equal ones have equal keys, others have not.
    #[test]
    fn trainings_part_where_their_rates_do(a in 1..12_u32, b in 1..12_u32, first in 1..6_u32, second in 1..6_u32, batch in 1..25_u32) {
        let train = |epochs, every_| Train { batch, ..training(epochs, every(every_)) };
        let factors = |epochs: u32, every: u32| (0..epochs).map(move |epoch| 0.1_f64.powi((epoch / every) as i32));
        let pairs = factors(a, first).zip(factors(b, second));
        let expected = pairs.take_while(|(a, b)| a.to_bits() == b.to_bits()).count();
        prop_assert_eq!(shared(train(a, first), train(b, second)), expected);
    }

    /// The loop's own count of steps, for both kinds of training.
    #[test]
    fn steps_are_those_of_the_loop(samples in 1..40_u32, batch in 1..12_u32, accumulate in 1..4_u32, drop_last: bool, views in 1..3_u64) {
        let samples = Samples { rows: (0..samples).collect(), classes: vec![0; samples as usize], ..Samples::default() };
        let train = Train { batch, accumulate, drop_last, training: Arc::new(samples), ..training(1, Schedule::Constant) };
        let sampler = Sampler {
            seed: 0,
            samples: train.training.count(),
            batch: batch as usize,
            drop_last,
            drop_single: views > 1,
            classes: Vec::new(),
        };
        let order = sampler.order(0);
        let batches = order.chunks(batch as usize).take(sampler.batches()).count();
        prop_assert_eq!(steps_per_epoch(&train, views), batches.div_ceil(accumulate as usize));
    }
}
