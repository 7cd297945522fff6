//! The training loop, optimisers, schedules and losses.
//!
//! [`fit()`] trains a compiled network. All chance is drawn by counter from the recipe's seed, and a [`State`] holds all
//! else that the next step needs, so a run that was interrupted anywhere ends in the same bits as one that was not. What
//! decides the result is described by the plan's own types ([`crate::plan::stage`]); their formulas stand here.

mod augment;
mod average;
mod contrast;
mod error;
mod fit;
mod loss;
mod memory;
mod mix;
mod objective;
mod optimizer;
mod recipe;
mod sampler;
mod schedule;
mod state;
mod step;
mod trail;

pub use crate::plan::stage::{Curve, Fall, Keep, Loss, Mix, OneCycle, Optimizer, Plateau, Schedule};
pub use augment::augment;
pub use contrast::nt_xent;
pub use error::{Diverged, Lost, TrainError};
pub use fit::{Control, fit, predict};
pub use loss::{cross_entropy, loss_and_gradient, mean_cross_entropy, mean_loss};
pub use memory::Footprint;
pub use objective::Objective;
pub use optimizer::{DecayOn, Moments, Stride, gradient_norm};
pub use recipe::{Data, Failure, Hooks, Next, Outcome, Recipe, Samples, StepReport};
pub use sampler::{ClassDraws, Draw, Sampler};
pub use schedule::{Fallen, Place, factor, momentum};
pub use state::{Best, EpochReport, Part, Progress, State, StateError};
pub use trail::{Course, Trail, state_key};
