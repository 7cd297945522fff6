//! What a network learns: the classes of pictures, or to tell pictures apart.

use super::{
    contrast::nt_xent,
    loss::{self, Targets},
};
use crate::{nn::Network, plan::stage::Loss};
use serde::{Deserialize, Serialize};

/// What a network learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Objective {
    /// The classes of samples, by this loss of all outputs, auxiliary ones included.
    Classes(Loss),
    /// Which two of a batch's random views are of one picture: NT-Xent. Labels are not looked at.
    Contrast {
        /// By which similarities are divided; the smaller, the more the nearest views count.
        temperature: f64,
    },
}

impl Objective {
    /// Random views of each sample that stand in a batch: all first ones, then all second ones.
    #[must_use]
    pub fn views(&self) -> usize {
        match self {
            Self::Classes(_) => 1,
            Self::Contrast { .. } => 2,
        }
    }

    /// The loss of the last forward pass, and its gradient with respect to all outputs. That of classes is divided by
    /// `divisor`; the mean over a batch's views is divided by the number of batches in a step.
    pub(super) fn loss(&self, network: &Network, targets: Targets<'_>, divisor: f64, gradient: &mut [f32]) -> f64 {
        match self {
            Self::Classes(loss) => loss::of_outputs(loss, network, targets, divisor, gradient),
            Self::Contrast { temperature } => {
                let loss = nt_xent(network.logits(), network.graph().classes(), *temperature, gradient);
                if divisor != 1.0 {
                    gradient.iter_mut().for_each(|slope| *slope /= divisor as f32);
                }
                loss / divisor
            }
        }
    }
}
