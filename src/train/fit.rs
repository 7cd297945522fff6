//! The training loop.

use super::average;
use super::error::{Diverged, Lost, TrainError};
use super::loss::mean_loss;
use super::objective::Objective;
use super::optimizer::Stride;
use super::recipe::{Data, Hooks, Next, Outcome, Recipe, Samples, StepReport};
use super::sampler::{ClassDraws, Draw, Sampler};
use super::schedule::{Place, factor, momentum};
use super::state::{Best, EpochReport, Memory, Progress, State, StateError};
use super::step::{Passes, clipped, fill};
use crate::nn::{Mode, Network, NetworkError, Stream, device_class};
use crate::plan::stage::Keep;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Losses that a divergence tells of.
const TOLD_LOSSES: usize = 5;

/// What stops a run, and how often it is saved. Nothing of it reaches a result.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// Raised when the run is to stop.
    pub cancel: &'a AtomicBool,
    /// After so long inside an epoch, the state is offered for saving.
    pub save_every: Duration,
}

/// When the state was last offered for saving.
struct LastSaved(Instant);

impl LastSaved {
    #[expect(
        clippy::disallowed_methods,
        reason = "decides when a state is saved, never what is in it"
    )]
    fn now() -> Self {
        Self(Instant::now())
    }
}

/// Trains a network whose weights are loaded, or continues from a state.
///
/// # Errors
/// See [`TrainError`].
pub fn fit(
    network: &mut Network,
    data: Data<'_>,
    recipe: &Recipe,
    from: Option<&State>,
    hooks: &mut dyn Hooks,
    control: Control<'_>,
) -> Result<Outcome, TrainError> {
    Run::start(network, data, recipe, from, control)?.finish(hooks)
}

/// The logits `[samples, classes]` of all samples in order; none when cancelled.
///
/// # Errors
/// When an image cannot be had.
pub fn predict(
    network: &mut Network,
    samples: &dyn Samples,
    cancel: &AtomicBool,
) -> Result<Option<Vec<f32>>, TrainError> {
    let order: Vec<Draw> = (0..samples.count()).map(|sample| Draw { sample, again: 0 }).collect();
    let mut logits = Vec::with_capacity(order.len() * network.graph().classes());
    for batch in order.chunks(network.batch()) {
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        fill(network, samples, (batch, 1), |_, _| None)?;
        match network.forward_until(cancel, batch.len(), Stream::new(0)) {
            Err(NetworkError::Stopped) => return Ok(None),
            of_batch => logits.extend_from_slice(of_batch?),
        }
    }
    Ok(Some(logits))
}

/// A training under way.
struct Run<'a> {
    network: &'a mut Network,
    data: Data<'a>,
    recipe: &'a Recipe,
    control: Control<'a>,
    sampler: Sampler,
    /// Steps of a whole epoch.
    steps: usize,
    progress: Progress,
    memory: Memory,
    /// The network for the tuning samples, where there are any.
    evaluator: Option<Network>,
    /// Gradients of the batches of a step.
    sum: Vec<f32>,
    /// Losses of the last steps.
    losses: VecDeque<f64>,
    saved: LastSaved,
}

impl<'a> Run<'a> {
    fn start(
        network: &'a mut Network,
        data: Data<'a>,
        recipe: &'a Recipe,
        from: Option<&State>,
        control: Control<'a>,
    ) -> Result<Self, TrainError> {
        let sampler = sampler(network, data, recipe)?;
        let (progress, memory) = restored(network, &sampler, recipe, from)?;
        let data = Data {
            tuning: data.tuning.filter(|tuning| tuning.count() > 0),
            ..data
        };
        if data.tuning.is_none() && (recipe.keep == Keep::Best || recipe.schedule.plateau().is_some()) {
            return Err(TrainError::NoTuning);
        }
        let evaluator = match data.tuning {
            Some(_) => Some(Network::compile(network.graph(), Mode::Evaluate, network.batch())?),
            None => None,
        };
        Ok(Self {
            steps: sampler.batches().div_ceil(recipe.accumulate.max(1)),
            network,
            data,
            recipe,
            control,
            sampler,
            progress,
            memory,
            evaluator,
            sum: Vec::new(),
            losses: VecDeque::new(),
            saved: LastSaved::now(),
        })
    }

    /// Every epoch that is left.
    fn finish(mut self, hooks: &mut dyn Hooks) -> Result<Outcome, TrainError> {
        while self.progress.epoch < self.recipe.epochs {
            match hooks.before_epoch(self.progress.epoch).map_err(TrainError::Hook)? {
                Next::Train => {}
                Next::Jump(state) => {
                    self.jump(&state)?;
                    continue;
                }
                Next::Stop => return Ok(Outcome::Cancelled(self.state()?)),
            }
            if !self.epoch(hooks)? {
                return Ok(Outcome::Cancelled(self.state()?));
            }
            hooks.on_state(&self.state()?).map_err(TrainError::Hook)?;
            self.saved = LastSaved::now();
        }
        Ok(Outcome::Finished(self.state()?))
    }

    /// Goes on from another state of the same training.
    fn jump(&mut self, state: &State) -> Result<(), TrainError> {
        (self.progress, self.memory) = restored(self.network, &self.sampler, self.recipe, Some(state))?;
        self.losses.clear();
        self.saved = LastSaved::now();
        Ok(())
    }

    /// The steps of an epoch that are left, and what is measured after them; false when cancelled.
    fn epoch(&mut self, hooks: &mut dyn Hooks) -> Result<bool, TrainError> {
        let order = self.sampler.order(self.progress.epoch);
        let batches: Vec<&[Draw]> = order.chunks(self.sampler.batch).take(self.sampler.batches()).collect();
        let done = self.progress.epoch * self.steps;
        let steps_here = self.steps.min(self.recipe.all_steps(self.steps).saturating_sub(done));
        let groups = batches.chunks(self.recipe.accumulate.max(1)).take(steps_here);
        for batches in groups.skip(self.progress.step) {
            if self.control.cancel.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let Some(report) = self.step(batches)? else {
                return Ok(false);
            };
            hooks.on_step(&report);
            if self.saved.0.elapsed() >= self.control.save_every && self.progress.step < steps_here {
                hooks.on_state(&self.state()?).map_err(TrainError::Hook)?;
                self.saved = LastSaved::now();
            }
        }
        let Some(tuning_loss) = self.tuning_loss()? else {
            return Ok(false);
        };
        self.finish_epoch(tuning_loss, (done + steps_here).saturating_sub(1));
        Ok(true)
    }

    /// One step over some batches. None when it was given up between two layers; then nothing has moved.
    fn step(&mut self, batches: &[&[Draw]]) -> Result<Option<StepReport>, TrainError> {
        let (epoch, step) = (self.progress.epoch, self.progress.step);
        let place = self.place(epoch * self.steps + step);
        let factor = factor(&self.recipe.schedule, place, &self.progress.fallen);
        let rates: Vec<f64> = self.recipe.rates.iter().map(|rate| rate * factor).collect();
        let rate = highest(self.network, &rates);
        let passes = Passes {
            samples: self.data.training,
            sampler: &self.sampler,
            objective: &self.recipe.objective,
            mix: self.recipe.mix.as_ref(),
            epoch,
            batches_before: step * self.recipe.accumulate.max(1),
            dropout: Stream::new(self.recipe.seed)
                .named("dropout")
                .numbered(self.progress.steps),
            stop: self.control.cancel,
        };
        let statistics = self.network.statistics();
        let loss = match passes.run(self.network, batches, &mut self.sum) {
            Err(TrainError::Network(NetworkError::Stopped)) => {
                self.network.set_statistics(&statistics);
                return Ok(None);
            }
            loss => loss?,
        };
        if !loss.is_finite() {
            return Err(self.diverged(Lost::Loss(loss), rate));
        }
        let (norm, scale) = clipped(self.network, self.recipe.clip);
        if !norm.is_finite() {
            return Err(self.diverged(Lost::Gradient(norm), rate));
        }
        let stride = Stride {
            rates: &rates,
            decay_on: self.recipe.decay_on,
            scale,
            momentum: momentum(&self.recipe.schedule, place),
        };
        self.recipe
            .optimizer
            .step(self.network, &mut self.memory.moments, stride);
        self.progress.steps += 1;
        if let (Some(decay), Some(mean)) = (self.recipe.ema, &mut self.memory.average) {
            average::follow(mean, self.network.values(), decay, self.progress.steps);
        }
        let samples: usize = batches.iter().map(|batch| batch.len()).sum();
        let images = samples * self.recipe.objective.views();
        self.progress.step += 1;
        self.progress.images += images;
        self.progress.epoch_images += samples;
        self.progress.loss_sum += loss * samples as f64;
        if self.losses.len() == TOLD_LOSSES {
            self.losses.pop_front();
        }
        self.losses.push_back(loss);
        Ok(Some(StepReport {
            epoch,
            step,
            steps: self.steps,
            loss,
            rate,
            gradient_norm: norm,
            images,
        }))
    }

    fn place(&self, step: usize) -> Place {
        Place {
            step,
            per_epoch: self.steps,
            all: self.recipe.all_steps(self.steps),
        }
    }

    /// The loss of the tuning samples by the weights that would be kept now: `Some(None)` when there are none, `None` when
    /// cancelled.
    fn tuning_loss(&mut self) -> Result<Option<Option<f64>>, TrainError> {
        let (Some(tuning), Objective::Classes(loss)) = (self.data.tuning, &self.recipe.objective) else {
            return Ok(Some(None));
        };
        let Some(mut evaluator) = self.evaluator.take() else {
            return Ok(Some(None));
        };
        self.with_kept(|network| evaluator.copy_values(network));
        let logits = predict(&mut evaluator, tuning, self.control.cancel);
        self.evaluator = Some(evaluator);
        let Some(logits) = logits? else {
            return Ok(None);
        };
        let labels: Vec<usize> = (0..tuning.count()).map(|sample| tuning.label(sample)).collect();
        let value = mean_loss(loss, &logits, &labels, self.network.graph().classes());
        if value.is_finite() {
            Ok(Some(Some(value)))
        } else {
            Err(self.diverged(
                Lost::TuningLoss(value),
                self.rate_of(self.progress.epoch, self.progress.step),
            ))
        }
    }

    /// Lets `act` see the network with the mean of its values, where there is one.
    fn with_kept<R>(&mut self, act: impl FnOnce(&Network) -> R) -> R {
        let Some(mean) = &mut self.memory.average else {
            return act(self.network);
        };
        self.network.exchange_values(mean);
        let result = act(self.network);
        self.network.exchange_values(mean);
        result
    }

    fn finish_epoch(&mut self, tuning_loss: Option<f64>, last: usize) {
        let factor = factor(&self.recipe.schedule, self.place(last), &self.progress.fallen);
        let epoch = self.progress.epoch;
        if let Some(loss) = tuning_loss {
            if let Some(rule) = self.recipe.schedule.plateau() {
                self.progress.fallen.epoch(rule, loss);
            }
            let is_best = self.progress.best.is_none_or(|best| loss < best.tuning_loss);
            if self.recipe.keep == Keep::Best && is_best {
                self.progress.best = Some(Best {
                    epoch,
                    tuning_loss: loss,
                });
                self.memory.best = Some(self.with_kept(|network| network.values().to_vec()));
            }
        }
        let rate = highest(self.network, &self.recipe.rates) * factor;
        let progress = &mut self.progress;
        progress.history.push(EpochReport {
            epoch,
            loss: progress.loss_sum / progress.epoch_images as f64,
            tuning_loss,
            images: progress.images,
            steps: progress.steps,
            rate,
        });
        progress.epoch += 1;
        progress.step = 0;
        progress.epoch_images = 0;
        progress.loss_sum = 0.0;
    }

    /// The state now. What is no number is never saved: the last state stays a good one.
    fn state(&self) -> Result<State, TrainError> {
        if !self.network.is_finite() {
            return Err(self.diverged(Lost::Weights, self.rate_of(self.progress.epoch, self.progress.step)));
        }
        Ok(State::of(self.network, &self.memory, &self.progress))
    }

    /// The highest learning rate of the last step before this one.
    fn rate_of(&self, epoch: usize, step: usize) -> f64 {
        let place = self.place((epoch * self.steps + step).saturating_sub(1));
        highest(self.network, &self.recipe.rates) * factor(&self.recipe.schedule, place, &self.progress.fallen)
    }

    fn diverged(&self, lost: Lost, rate: f64) -> TrainError {
        let (epoch, step) = match (self.progress.epoch, self.progress.step) {
            // Found when an epoch was over.
            (epoch, 0) if lost == Lost::Weights && epoch > 0 => (epoch - 1, self.steps),
            place => place,
        };
        TrainError::Diverged(Box::new(Diverged {
            lost,
            epoch,
            step,
            steps: self.steps,
            rate,
            losses: self.losses.iter().copied().collect(),
        }))
    }
}

/// Checks that data, recipe and network belong together, and plans the batches.
fn sampler(network: &Network, data: Data<'_>, recipe: &Recipe) -> Result<Sampler, TrainError> {
    let (classes, parameters) = (network.graph().classes(), network.graph().parameters.len());
    if recipe.rates.len() != parameters {
        return Err(TrainError::Rates {
            expected: parameters,
            found: recipe.rates.len(),
        });
    }
    for samples in [Some(data.training), data.tuning].into_iter().flatten() {
        let labels = (0..samples.count()).map(|sample| (sample, samples.label(sample)));
        if let Some((sample, label)) = labels.into_iter().find(|(_, label)| *label >= classes) {
            return Err(TrainError::Label { sample, label, classes });
        }
    }
    let classes = class_draws(data.training, &recipe.draws)?;
    let sampler = Sampler {
        seed: recipe.seed,
        samples: match &classes[..] {
            [] => data.training.count(),
            classes => classes.iter().map(|class| class.draws).sum(),
        },
        classes,
        batch: network.batch() / recipe.objective.views(),
        drop_last: recipe.drop_last,
        // A single picture has no batch to be normalised by, and no other to be told from.
        drop_single: network.has_batch_statistics() || recipe.objective.views() > 1,
    };
    match sampler.batches() {
        0 => Err(TrainError::NoSamples),
        _ => Ok(sampler),
    }
}

/// The samples of each class and how often they are drawn.
fn class_draws(samples: &dyn Samples, draws: &[usize]) -> Result<Vec<ClassDraws>, TrainError> {
    let of_class = |class: usize| {
        let all = 0..samples.count();
        all.filter(|&sample| samples.label(sample) == class).collect::<Vec<_>>()
    };
    let classes = draws.iter().enumerate().map(|(class, &draws)| {
        let samples = of_class(class);
        match samples.is_empty() && draws > 0 {
            true => Err(TrainError::NothingToDraw { class }),
            false => Ok(ClassDraws { samples, draws }),
        }
    });
    classes.collect()
}

/// How far a run has come and what it remembers: nothing yet, or as a state says.
fn restored(
    network: &mut Network,
    sampler: &Sampler,
    recipe: &Recipe,
    from: Option<&State>,
) -> Result<(Progress, Memory), TrainError> {
    let memory = Memory {
        moments: recipe.optimizer.memory(network.training_slices().1.len()),
        average: recipe.ema.map(|_| network.values().to_vec()),
        best: None,
    };
    let device = device_class().to_owned();
    let Some(state) = from else {
        let mut progress = Progress::new(sampler.samples, sampler.batch);
        progress.devices.push(device);
        return Ok((progress, memory));
    };
    let describe = |samples: usize, batch: usize| format!("{samples} samples in batches of {batch}");
    let (expected, found) = (
        describe(sampler.samples, sampler.batch),
        describe(state.progress.samples, state.progress.batch),
    );
    if expected != found {
        return Err(StateError::Other { expected, found }.into());
    }
    let mut progress = state.progress.clone();
    if !progress.devices.contains(&device) {
        progress.devices.push(device);
    }
    Ok((progress, state.restore(network, memory)?))
}

/// The highest rate of a trained parameter.
fn highest(network: &Network, rates: &[f64]) -> f64 {
    network
        .segments()
        .iter()
        .map(|segment| rates[segment.parameter.0])
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
