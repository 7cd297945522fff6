//! The training loop.

use super::loss::mean_cross_entropy;
use super::objective::Objective;
use super::optimizer::{DecayOn, Moments, Optimizer, gradient_norm};
use super::sampler::Sampler;
use super::schedule::Schedule;
use super::state::{EpochReport, Progress, State, StateError};
use crate::nn::{Mode, Network, NetworkError, Stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;

/// After so long inside an epoch, the state is offered for saving. The clock decides nothing else.
const SAVE_EVERY: Duration = Duration::from_secs(180);

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

    fn is_long_ago(&self) -> bool {
        self.0.elapsed() > SAVE_EVERY
    }
}

/// What a source of samples or a hook reports when it fails.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Labelled images.
pub trait Samples: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// The class of a sample.
    fn label(&self, sample: usize) -> usize;

    /// Writes a sample as `[height, width, channels]`: randomly changed as `chance` draws it, without it as it is.
    /// Called from several threads.
    ///
    /// # Errors
    /// When the image cannot be had.
    fn fill(&self, sample: usize, chance: Option<Stream>, image: &mut [f32]) -> Result<(), Failure>;

    /// Writes 1 for each view that a sample has, 0 for each that it lacks; asked for by networks of several views.
    fn mask(&self, _sample: usize, mask: &mut [f32]) {
        mask.fill(1.0);
    }
}

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Steps after which training ends, within the last epoch; none when that one is whole.
    pub stop: Option<usize>,
    /// Base learning rate of every parameter, in the order of the graph; those of frozen ones are not used.
    pub rates: Vec<f64>,
    /// How the rates go through training.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Which parameters decay.
    pub decay_on: DecayOn,
    /// Largest norm of all gradients together; larger ones are scaled down to it.
    pub clip: Option<f64>,
    /// What is learnt.
    pub objective: Objective,
    /// Seed of the order of samples, of their random changes and of dropout.
    pub seed: u64,
    /// Leave out the last batch of an epoch when it is not full. Otherwise it is left out only when it has a single
    /// sample and some layer normalises by its batch. An epoch's only batch always stays.
    pub drop_last: bool,
}

impl Recipe {
    /// Steps of the whole training, of so many in an epoch.
    fn all_steps(&self, steps: usize) -> usize {
        self.stop.unwrap_or(usize::MAX).min(self.epochs * steps)
    }
}

/// What to train on.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// Training samples.
    pub training: &'a dyn Samples,
    /// Samples whose loss is reported after each epoch; they decide nothing.
    pub tuning: Option<&'a dyn Samples>,
}

/// One step of training.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// The step in it, counted from 0.
    pub step: usize,
    /// Steps per epoch.
    pub steps: usize,
    /// Mean loss of the batch.
    pub loss: f64,
    /// Learning rate of the parameter that has the highest.
    pub rate: f64,
    /// Norm of the gradients before clipping; none when nothing is clipped.
    pub gradient_norm: Option<f64>,
    /// Images of the batch.
    pub images: usize,
}

/// What the loop tells its caller.
pub trait Hooks {
    /// After every step.
    fn on_step(&mut self, report: &StepReport);

    /// After every epoch, and every few minutes within one: the run can be continued from here.
    ///
    /// # Errors
    /// When the state cannot be kept; training then stops.
    fn on_state(&mut self, state: &State) -> Result<(), Failure>;
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All epochs are done.
    Finished(State),
    /// The flag was raised; the run can be continued from here.
    Cancelled(State),
}

/// Why training failed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// There are no training samples.
    #[error("there are no samples to train on")]
    NoSamples,
    /// A label that is no class.
    #[error("sample {sample} has class {label}, but the network has {classes} classes")]
    Label {
        /// The sample.
        sample: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Not one learning rate per parameter.
    #[error("{found} learning rates for {expected} parameters")]
    Rates {
        /// Parameters of the graph.
        expected: usize,
        /// Rates given.
        found: usize,
    },
    /// An image cannot be had.
    #[error("sample {sample}: {source}")]
    Sample {
        /// The sample.
        sample: usize,
        /// What its source says.
        source: Failure,
    },
    /// The loss is no longer a number.
    #[error("training diverged: the loss is {loss} in epoch {epoch}, step {step}")]
    Diverged {
        /// The epoch.
        epoch: usize,
        /// The step in it.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// The network refused.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The state to continue from is of another run.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state could not be kept.
    #[error("the state of training cannot be kept: {0}")]
    Hook(Failure),
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
    cancel: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let sampler = sampler(network, data, recipe)?;
    let (mut progress, mut moments) = start(network, &sampler, recipe, from)?;
    let tuning = data.tuning.filter(|tuning| tuning.count() > 0);
    let mut evaluator = match tuning {
        Some(_) => Some(Network::compile(network.graph(), Mode::Evaluate, network.batch())?),
        None => None,
    };
    let steps = sampler.batches();
    let mut saved = LastSaved::now();
    while progress.epoch < recipe.epochs {
        let order = sampler.order(progress.epoch);
        let done = progress.epoch * steps;
        let steps_here = steps.min(recipe.all_steps(steps).saturating_sub(done));
        for batch in order.chunks(sampler.batch).take(steps_here).skip(progress.step) {
            if cancel.load(Ordering::Relaxed) {
                return Ok(Outcome::Cancelled(State::of(network, &moments, &progress)));
            }
            let report = train_step(
                network,
                &mut moments,
                &mut progress,
                recipe,
                (&sampler, data.training),
                batch,
            )?;
            hooks.on_step(&report);
            if saved.is_long_ago() && progress.step < steps_here {
                hooks
                    .on_state(&State::of(network, &moments, &progress))
                    .map_err(TrainError::Hook)?;
                saved = LastSaved::now();
            }
        }
        let mut tuning_loss = None;
        if let (Some(evaluator), Some(tuning)) = (&mut evaluator, tuning) {
            evaluator.copy_values(network);
            let Some(logits) = predict(evaluator, tuning, cancel)? else {
                return Ok(Outcome::Cancelled(State::of(network, &moments, &progress)));
            };
            let labels: Vec<usize> = (0..tuning.count()).map(|sample| tuning.label(sample)).collect();
            let loss = mean_cross_entropy(&logits, &labels, network.graph().classes());
            tuning_loss = Some(finite(loss, progress.epoch, progress.step)?);
        }
        let (last, all) = ((done + steps_here).saturating_sub(1), recipe.all_steps(steps));
        let last = recipe.schedule.factor_of(last, steps, all);
        finish_epoch(&mut progress, highest(network, &recipe.rates) * last, tuning_loss);
        hooks
            .on_state(&State::of(network, &moments, &progress))
            .map_err(TrainError::Hook)?;
        saved = LastSaved::now();
    }
    Ok(Outcome::Finished(State::of(network, &moments, &progress)))
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
    let order: Vec<usize> = (0..samples.count()).collect();
    let mut logits = Vec::with_capacity(order.len() * network.graph().classes());
    for batch in order.chunks(network.batch()) {
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        fill(network, samples, (batch, 1), |_, _| None)?;
        logits.extend_from_slice(network.forward(batch.len(), Stream::new(0))?);
    }
    Ok(Some(logits))
}

/// One step: forward, loss, backward, clipping, optimiser.
fn train_step(
    network: &mut Network,
    moments: &mut Moments,
    progress: &mut Progress,
    recipe: &Recipe,
    (sampler, samples): (&Sampler, &dyn Samples),
    batch: &[usize],
) -> Result<StepReport, TrainError> {
    let (epoch, step, steps) = (progress.epoch, progress.step, sampler.batches());
    let views = recipe.objective.views();
    fill(network, samples, (batch, views), |view, sample| {
        Some(sampler.chance(epoch, view, sample))
    })?;
    let dropout = Stream::new(recipe.seed).named("dropout").numbered(progress.steps);
    let labels: Vec<usize> = batch.iter().map(|&sample| samples.label(sample)).collect();
    let classes = network.graph().classes();
    let outputs = 1 + network.graph().auxiliary.len();
    let images = batch.len() * recipe.objective.views();
    let mut gradient = vec![0.0; images * classes * outputs];
    network.forward(images, dropout)?;
    let loss = recipe.objective.loss(network, &labels, &mut gradient);
    finite(loss, epoch, step)?;
    network.backward(&gradient)?;
    let norm = recipe.clip.map(|_| gradient_norm(network.training_slices().1));
    // As torch's `clip_grad_norm_`, down to the constant.
    let scale = recipe
        .clip
        .zip(norm)
        .map_or(1.0, |(clip, norm)| (clip / (norm + 1e-6)).min(1.0));
    let all = recipe.all_steps(steps);
    let factor = recipe.schedule.factor_of(epoch * steps + step, steps, all);
    let rates: Vec<f64> = recipe.rates.iter().map(|rate| rate * factor).collect();
    recipe.optimizer.step(network, moments, &rates, recipe.decay_on, scale);
    progress.step += 1;
    progress.steps += 1;
    progress.images += images;
    progress.epoch_images += batch.len();
    progress.loss_sum += loss * batch.len() as f64;
    Ok(StepReport {
        epoch,
        step,
        steps,
        loss,
        rate: highest(network, &rates),
        gradient_norm: norm,
        images,
    })
}

/// Writes a batch's images where the network reads them: so many views of each, all first ones before all second ones.
fn fill(
    network: &mut Network,
    samples: &dyn Samples,
    (batch, views): (&[usize], usize),
    chance: impl Fn(usize, usize) -> Option<Stream> + Sync,
) -> Result<(), TrainError> {
    let len = network.graph().input_shape().len();
    let images = network.images_mut(batch.len() * views)?;
    images.par_chunks_mut(len).enumerate().try_for_each(|(place, image)| {
        let (view, sample) = (place / batch.len(), batch[place % batch.len()]);
        samples
            .fill(sample, chance(view, sample), image)
            .map_err(|source| TrainError::Sample { sample, source })
    })?;
    if let Some(mask) = network.mask_mut(batch.len())? {
        let views = mask.len() / batch.len();
        let rows = mask.chunks_exact_mut(views).zip(batch);
        rows.for_each(|(mask, &sample)| samples.mask(sample, mask));
    }
    Ok(())
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
    let sampler = Sampler {
        seed: recipe.seed,
        samples: data.training.count(),
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

fn start(
    network: &mut Network,
    sampler: &Sampler,
    recipe: &Recipe,
    from: Option<&State>,
) -> Result<(Progress, Moments), TrainError> {
    let moments = recipe.optimizer.moments(network.training_slices().1.len());
    let Some(state) = from else {
        return Ok((Progress::new(sampler.samples, sampler.batch), moments));
    };
    let describe = |samples: usize, batch: usize| format!("{samples} samples in batches of {batch}");
    let (expected, found) = (
        describe(sampler.samples, sampler.batch),
        describe(state.progress.samples, state.progress.batch),
    );
    if expected != found {
        return Err(StateError::Other { expected, found }.into());
    }
    Ok((state.progress.clone(), state.restore(network, moments)?))
}

fn finish_epoch(progress: &mut Progress, rate: f64, tuning_loss: Option<f64>) {
    progress.history.push(EpochReport {
        epoch: progress.epoch,
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

fn finite(loss: f64, epoch: usize, step: usize) -> Result<f64, TrainError> {
    if loss.is_finite() {
        Ok(loss)
    } else {
        Err(TrainError::Diverged { epoch, step, loss })
    }
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
