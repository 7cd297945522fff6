//! What the training loop is given, and what it tells.

use super::objective::Objective;
use super::optimizer::DecayOn;
use super::state::State;
use crate::nn::Stream;
use crate::plan::stage::{Keep, Mix, Optimizer, Schedule};
use serde::{Deserialize, Serialize};
use std::error::Error;

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
    /// Batches whose gradients make one step, at least 1. The last step of an epoch has those that are left. A step is
    /// that of all its samples as one batch, but for what is normalised by batch.
    pub accumulate: usize,
    /// How often samples of each class are drawn in an epoch; empty when every sample is drawn once.
    pub draws: Vec<usize>,
    /// How the samples of a batch are mixed.
    pub mix: Option<Mix>,
    /// Decay of the mean over steps of all values; none for no mean.
    pub ema: Option<f64>,
    /// Which weights are kept.
    pub keep: Keep,
    /// Seed of the order of samples, of their random changes and of dropout.
    pub seed: u64,
    /// Leave out the last batch of an epoch when it is not full. Otherwise it is left out only when it has a single
    /// sample and some layer normalises by its batch. An epoch's only batch always stays.
    pub drop_last: bool,
}

impl Recipe {
    /// Steps of the whole training, of so many in an epoch.
    pub(super) fn all_steps(&self, steps: usize) -> usize {
        self.stop.unwrap_or(usize::MAX).min(self.epochs * steps)
    }
}

/// What to train on.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// Training samples.
    pub training: &'a dyn Samples,
    /// Samples whose loss is measured after each epoch. They decide nothing, but for a schedule that waits for a plateau
    /// and for the epoch that is kept.
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
    /// Mean loss of its images.
    pub loss: f64,
    /// Learning rate of the parameter that has the highest.
    pub rate: f64,
    /// Norm of the gradients before clipping.
    pub gradient_norm: f64,
    /// Images of the step.
    pub images: usize,
}

/// What comes next in a training.
#[derive(Clone, Debug)]
pub enum Next {
    /// An epoch is trained.
    Train,
    /// The training goes on from this state of its own way, which somebody else has come to.
    Jump(Box<State>),
    /// The run is to stop.
    Stop,
}

/// What the loop tells its caller.
pub trait Hooks {
    /// Before an epoch, or the rest of one, when `done` epochs are complete.
    ///
    /// # Errors
    /// When it cannot be known what comes next; training then stops.
    fn before_epoch(&mut self, done: usize) -> Result<Next, Failure> {
        let _ = done;
        Ok(Next::Train)
    }

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
