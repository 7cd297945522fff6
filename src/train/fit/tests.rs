use super::*;
use crate::net::{Builder, Conv, Graph, NetError, WeightInit, Window};
use crate::nn::{initial_weights, weights_to_bytes};
use crate::plan::stage::{Loss, Optimizer, Schedule};
use crate::train::{DecayOn, Failure};
use std::error::Error;

mod exact;
mod options;
mod stops;

type Outcome_ = Result<(), Box<dyn Error>>;

/// Convolution, batch norm, dropout and a linear head on `[1, 6, 6]`.
fn graph() -> Result<Graph, NetError> {
    let mut b = Builder::new(1, 6, 6);
    let window = Window {
        kernel: 3,
        stride: 1,
        pad: 1,
    };
    b.push_scope("conv");
    let x = b.conv(
        b.input(),
        Conv {
            init: WeightInit::KaimingNormal,
            ..Conv::square(8, window, false)
        },
    )?;
    b.pop_scope();
    b.push_scope("bn");
    let x = b.batchnorm(x, 1e-5, 0.1)?;
    b.pop_scope();
    let x = b.relu(x);
    let x = b.adaptive_avgpool(x, 3)?;
    let x = b.flatten(x);
    let x = b.dropout(x, 0.2)?;
    b.push_scope("fc");
    let x = b.linear(x, 2, true, WeightInit::KaimingUniform)?;
    b.pop_scope();
    b.finish("net", x, vec![], Some(2))
}

/// Noise, brighter on the left for class 0 and at the top for class 1.
struct Halves(usize);

impl Samples for Halves {
    fn count(&self) -> usize {
        self.0
    }

    fn label(&self, sample: usize) -> usize {
        sample % 2
    }

    fn fill(&self, sample: usize, chance: Option<Stream>, image: &mut [f32]) -> Result<(), Failure> {
        let flip = chance.is_some_and(|chance| chance.uniform(0) < 0.5);
        let stream = Stream::new(1).numbered(sample as u64);
        for (i, value) in image.iter_mut().enumerate() {
            let (row, column) = (i / 6, if flip { 5 - i % 6 } else { i % 6 });
            let bright = if sample.is_multiple_of(2) { column < 3 } else { row < 3 };
            *value = stream.normal((row * 6 + column) as u64) as f32 * 0.5 + f32::from(u8::from(bright));
        }
        Ok(())
    }
}

/// Keeps reports and states, and raises the flag after a number of steps.
struct Record<'a> {
    steps: Vec<StepReport>,
    states: Vec<State>,
    stop_after: usize,
    flag: &'a AtomicBool,
}

impl<'a> Record<'a> {
    /// Keeps everything, and never stops.
    fn new(flag: &'a AtomicBool) -> Self {
        Self {
            steps: Vec::new(),
            states: Vec::new(),
            stop_after: usize::MAX,
            flag,
        }
    }
}

impl Hooks for Record<'_> {
    fn on_step(&mut self, report: &StepReport) {
        self.steps.push(report.clone());
        if self.steps.len() == self.stop_after {
            self.flag.store(true, Ordering::Relaxed);
        }
    }

    fn on_state(&mut self, state: &State) -> Result<(), Failure> {
        self.states.push(state.clone());
        Ok(())
    }
}

fn recipe(optimizer: Optimizer) -> Result<Recipe, NetError> {
    Ok(Recipe {
        epochs: 4,
        rates: vec![0.02; graph()?.parameters.len()],
        schedule: Schedule::Cosine { warmup: 0.1, end: 0.0 },
        optimizer,
        decay_on: DecayOn::Weights,
        clip: Some(1.0),
        objective: Objective::Classes(Loss::default()),
        accumulate: 1,
        draws: Vec::new(),
        mix: None,
        ema: None,
        keep: Keep::Last,
        seed: 5,
        stop: None,
        drop_last: false,
    })
}

const ADAMW: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    decay: 0.01,
};

fn sgd() -> Optimizer {
    Optimizer::sgd(0.9, 1e-3)
}

/// Trains until the end, or until the flag is raised after `stop_after` steps.
fn run(
    recipe: &Recipe,
    from: Option<&State>,
    stop_after: usize,
    threads: usize,
) -> Result<(Outcome, Vec<StepReport>), Box<dyn Error>> {
    let graph = graph()?;
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
    network.load(&initial_weights(&graph, 2))?;
    let data = Data {
        training: &Halves(43),
        tuning: Some(&Halves(21)),
    };
    let flag = AtomicBool::new(stop_after == 0);
    let mut record = Record {
        steps: Vec::new(),
        states: Vec::new(),
        stop_after,
        flag: &flag,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let outcome = pool.scope(|_| fit(&mut network, data, recipe, from, &mut record, control(&flag)))?;
    Ok((outcome, record.steps))
}

fn control(cancel: &AtomicBool) -> Control<'_> {
    Control {
        cancel,
        save_every: Duration::from_secs(1000),
    }
}

fn finished(recipe: &Recipe, threads: usize) -> Result<(State, Vec<StepReport>), Box<dyn Error>> {
    match run(recipe, None, usize::MAX, threads)? {
        (Outcome::Finished(state), reports) => Ok((state, reports)),
        (Outcome::Cancelled(_), _) => Err("not finished".into()),
    }
}

#[test]
fn training_learns_and_reports_what_it_did() -> Outcome_ {
    let (state, reports) = finished(&recipe(ADAMW)?, 2)?;
    let history = &state.progress.history;
    assert_eq!(
        history.iter().map(|e| (e.epoch, e.images, e.steps)).collect::<Vec<_>>(),
        [(0, 43, 6), (1, 86, 12), (2, 129, 18), (3, 172, 24)]
    );
    assert!(history[3].loss < 0.6 * history[0].loss, "{history:?}");
    assert!(history[3].tuning_loss < history[0].tuning_loss);
    let mean = |epoch: usize| {
        let of = reports.iter().filter(|r| r.epoch == epoch);
        of.map(|r| r.loss * r.images as f64).sum::<f64>() / 43.0
    };
    assert!((mean(2) - history[2].loss).abs() < 1e-12);
    assert_eq!(reports[0].rate, 0.02 / 2.0, "2 of 24 steps warm up");
    assert_eq!(reports[5].images, 3, "the last batch of an epoch");
    assert!(reports.iter().all(|r| r.gradient_norm > 0.0));
    Ok(())
}

#[test]
fn a_frozen_prefix_stays_and_decay_spares_biases() -> Outcome_ {
    let graph = graph()?;
    let frozen = graph.all_but_head();
    let start = initial_weights(&graph, 2);
    let train = |decay_on| -> Result<State, Box<dyn Error>> {
        let mut network = Network::compile(&graph, Mode::Train { frozen: &frozen }, 8)?;
        network.load(&start)?;
        let flag = AtomicBool::new(false);
        let mut record = Record::new(&flag);
        let recipe = Recipe {
            decay_on,
            ..recipe(ADAMW)?
        };
        let data = Data {
            training: &Halves(16),
            tuning: None,
        };
        match fit(&mut network, data, &recipe, None, &mut record, control(&flag))? {
            Outcome::Finished(state) => Ok(state),
            Outcome::Cancelled(_) => Err("cancelled".into()),
        }
    };
    let (spared, all) = (train(DecayOn::Weights)?, train(DecayOn::All)?);
    let bits = |state: &State, name: &str| -> Result<Vec<u32>, Box<dyn Error>> {
        Ok(state.weights[name]
            .flatten_all()?
            .to_vec1::<f32>()?
            .iter()
            .map(|v| v.to_bits())
            .collect())
    };
    assert_ne!(bits(&spared, "fc.bias")?, bits(&all, "fc.bias")?);
    let mut kept = spared.weights.clone();
    kept.retain(|name, _| !name.starts_with("fc."));
    let mut before = start.clone();
    before.retain(|name, _| !name.starts_with("fc."));
    assert_eq!(weights_to_bytes(&kept)?, weights_to_bytes(&before)?);
    assert_eq!(spared.first.keys().collect::<Vec<_>>(), ["fc.weight", "fc.bias"]);
    Ok(())
}

struct Broken;

impl Samples for Broken {
    fn count(&self) -> usize {
        3
    }

    fn label(&self, sample: usize) -> usize {
        sample
    }

    fn fill(&self, _: usize, _: Option<Stream>, _: &mut [f32]) -> Result<(), Failure> {
        Err("no such picture".into())
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused() -> Outcome_ {
    let graph = graph()?;
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
    network.load(&initial_weights(&graph, 2))?;
    let flag = AtomicBool::new(false);
    let mut attempt = |training: &dyn Samples, recipe: &Recipe, from: Option<&State>| {
        let mut record = Record::new(&flag);
        let data = Data { training, tuning: None };
        fit(&mut network, data, recipe, from, &mut record, control(&flag)).map(|_| ())
    };
    let good = recipe(sgd())?;
    assert!(matches!(attempt(&Halves(0), &good, None), Err(TrainError::NoSamples)));
    assert!(matches!(
        attempt(&Broken, &good, None),
        Err(TrainError::Label {
            sample: 2,
            label: 2,
            classes: 2
        })
    ));
    let short = Recipe {
        rates: vec![0.1],
        ..good.clone()
    };
    assert!(matches!(
        attempt(&Halves(9), &short, None),
        Err(TrainError::Rates { expected: 7, found: 1 })
    ));
    let (Outcome::Cancelled(state), _) = run(&good, None, 2, 1)? else {
        return Err("not cancelled".into());
    };
    assert!(matches!(
        attempt(&Halves(44), &good, Some(&state)),
        Err(TrainError::State(StateError::Other { .. }))
    ));
    let choosing = Recipe {
        keep: Keep::Best,
        ..good.clone()
    };
    assert!(matches!(
        attempt(&Halves(43), &choosing, None),
        Err(TrainError::NoTuning)
    ));
    let other = Recipe {
        optimizer: ADAMW,
        ..good
    };
    assert!(matches!(
        attempt(&Halves(43), &other, Some(&state)),
        Err(TrainError::State(StateError::Weights(_)))
    ));
    Ok(())
}
