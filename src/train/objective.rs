//! What a network learns: the classes of pictures, or to tell pictures apart.

use super::{contrast::nt_xent, loss};
use crate::nn::Network;
use serde::{Deserialize, Serialize};

/// What a network learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Objective {
    /// The classes of samples: cross-entropy, that of auxiliary outputs included.
    Classes,
    /// Which two of a batch's random views are of one picture: NT-Xent. Labels are not looked at.
    Contrast {
        /// By which similarities are divided; the smaller, the more the nearest views count.
        temperature: f64,
    },
}

impl Objective {
    /// Random views of each sample that stand in a batch: all first ones, then all second ones.
    #[must_use]
    pub fn views(self) -> usize {
        match self {
            Self::Classes => 1,
            Self::Contrast { .. } => 2,
        }
    }

    /// Mean loss of the last forward pass, and its gradient with respect to all outputs.
    pub(super) fn loss(self, network: &Network, labels: &[usize], gradient: &mut [f32]) -> f64 {
        match self {
            Self::Classes => loss::of_outputs(network, labels, gradient),
            Self::Contrast { temperature } => {
                nt_xent(network.logits(), network.graph().classes(), temperature, gradient)
            }
        }
    }
}
