//! The training loop, optimisers, schedules and the loss.
//!
//! [`fit()`] trains a compiled network. All chance is drawn by counter from the recipe's seed, and a [`State`] holds all
//! else that the next step needs, so a run that was interrupted anywhere ends in the same bits as one that was not.

mod augment;
mod contrast;
mod fit;
mod loss;
mod objective;
mod optimizer;
mod sampler;
mod schedule;
mod state;

pub use augment::augment;
pub use contrast::nt_xent;
pub use fit::{Data, Failure, Hooks, Outcome, Recipe, Samples, StepReport, TrainError, fit, predict};
pub use loss::{cross_entropy, mean_cross_entropy};
pub use objective::Objective;
pub use optimizer::{DecayOn, Moments, Optimizer, gradient_norm};
pub use sampler::Sampler;
pub use schedule::Schedule;
pub use state::{EpochReport, Progress, State, StateError};
