//! Why a training failed.

use super::recipe::Failure;
use super::state::StateError;
use crate::nn::NetworkError;
use std::fmt;
use thiserror::Error;

/// Why training failed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// There are no training samples.
    #[error("there are no samples to train on")]
    NoSamples,
    /// The tuning samples decide something, and there are none.
    #[error("there are no tuning samples to choose the epoch or the rate by")]
    NoTuning,
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
    /// A class that is to be drawn and has no sample.
    #[error("samples of class {class} are to be drawn, and there are none")]
    NothingToDraw {
        /// The class.
        class: usize,
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
    /// What is computed are no numbers any more.
    #[error(transparent)]
    Diverged(Box<Diverged>),
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

/// What is no finite number any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lost {
    /// The loss of a step.
    Loss(f64),
    /// The gradient of a step, whose norm this is.
    Gradient(f64),
    /// The loss of the tuning samples after an epoch.
    TuningLoss(f64),
    /// The weights before they were to be kept.
    Weights,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss(value) => write!(f, "the loss is {value}"),
            Self::Gradient(value) => write!(f, "the norm of the gradient is {value}"),
            Self::TuningLoss(value) => write!(f, "the loss on the tuning part is {value}"),
            Self::Weights => f.write_str("a weight is no finite number"),
        }
    }
}

/// Where and how a training diverged.
#[derive(Clone, Debug, PartialEq, Error)]
pub struct Diverged {
    /// What showed it.
    pub lost: Lost,
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// The step in it, counted from 0; after the last one the number of steps.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Learning rate of the parameter that has the highest.
    pub rate: f64,
    /// Losses of the last steps before, the newest last; of this process alone.
    pub losses: Vec<f64>,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epoch, step) = (self.epoch + 1, (self.step + 1).min(self.steps));
        write!(
            f,
            "training diverged: {} in epoch {epoch}, step {step} of {}, at a learning rate of {:e}",
            self.lost, self.steps, self.rate
        )?;
        let losses: Vec<_> = self.losses.iter().map(|loss| short(*loss)).collect();
        match &losses[..] {
            [] => Ok(()),
            [one] => write!(f, "; the loss before was {one}"),
            several => write!(f, "; the losses before were {}", several.join(", ")),
        }
    }
}

/// A loss with four digits.
fn short(loss: f64) -> String {
    if (1e-3..1e5).contains(&loss) {
        format!("{loss:.4}")
    } else {
        format!("{loss:.3e}")
    }
}
