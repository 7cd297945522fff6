//! How a training goes: schedules, optimisers, losses, and which weights are kept.
//!
//! What was added to a variant later is left out of keys where it has its neutral value, so that trainings which do not use
//! it keep their keys.

use super::Range;
use serde::{Deserialize, Serialize};

/// By reference, as serde asks.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// By reference, as serde asks.
fn is_false(value: &bool) -> bool {
    !*value
}

/// How the learning rate goes through one training, as a factor of each parameter's base rate. `train::factor` has the
/// formulas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// The base rate throughout.
    Constant,
    /// Multiplied by `factor` at the beginning of every `every`-th epoch (torch's `StepLR`).
    Step {
        /// Epochs between falls.
        every: u32,
        /// The factor.
        factor: f64,
    },
    /// Multiplied by `factor` at the beginning of each of these epochs, counted from 0 (torch's `MultiStepLR`).
    MultiStep {
        /// The epochs, rising.
        at: Vec<u32>,
        /// The factor.
        factor: f64,
    },
    /// Multiplied by `factor` at the beginning of every epoch but the first (torch's `ExponentialLR`).
    Exponential {
        /// The factor.
        factor: f64,
    },
    /// From the base rate to the share `end` of it along half a cosine, per step, after a linear rise over the share
    /// `warmup` of all steps: step `t` of `w` has `(t + 1) / w` (Loshchilov and Hutter 2017; torch's
    /// `CosineAnnealingLR`).
    Cosine {
        /// Share of all steps, `0..1`.
        warmup: f64,
        /// Share of the base rate.
        #[serde(default, skip_serializing_if = "is_zero")]
        end: f64,
    },
    /// Half cosines one after the other, each from the base rate to the share `end` of it (Loshchilov and Hutter 2017;
    /// torch's `CosineAnnealingWarmRestarts`).
    Restarts {
        /// Epochs of the first.
        first: u32,
        /// How much longer each is than the one before.
        grow: u32,
        /// Share of the base rate.
        end: f64,
    },
    /// From the base rate to the share `end` of it, per step: the share of steps that are left to the power of `power`
    /// (torch's `PolynomialLR`, whose `end` is 0).
    Polynomial {
        /// 1 for a line.
        power: f64,
        /// Share of the base rate.
        end: f64,
    },
    /// Up and down again, per step.
    OneCycle(OneCycle),
    /// Multiplied by a factor whenever the tuning loss no longer falls.
    Plateau(Plateau),
    /// A linear rise over the share `share` of all steps, then another schedule. One that goes over all steps (cosine,
    /// polynomial) takes those that are left; the others keep their epochs, and their rates are what rises.
    Warmed {
        /// Share of all steps, above 0 and below 1.
        share: f64,
        /// The factor of the first step, from which step `w` after `w` steps reaches 1 (torch's `LinearLR`). None:
        /// step `t` has `(t + 1) / w`.
        from: Option<f64>,
        /// What is warmed up.
        schedule: Box<Schedule>,
    },
}

impl Schedule {
    /// True when the rate rises at the beginning.
    #[must_use]
    pub fn is_warmed(&self) -> bool {
        match self {
            Self::Cosine { warmup, .. } => *warmup > 0.0,
            Self::OneCycle(_) | Self::Warmed { .. } => true,
            _ => false,
        }
    }

    /// The plateau that it waits for, and with it for the tuning loss; warmed up or not.
    #[must_use]
    pub fn plateau(&self) -> Option<&Plateau> {
        match self {
            Self::Plateau(rule) => Some(rule),
            Self::Warmed { schedule, .. } => schedule.plateau(),
            _ => None,
        }
    }
}

/// One cycle of the learning rate, and against it of the momentum (Smith and Topin 2018; torch's `OneCycleLR`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneCycle {
    /// Share of the steps in which the rate rises to the base rate.
    pub rise: f64,
    /// The first step's share of the base rate: the inverse of torch's `div_factor`.
    pub start: f64,
    /// The last step's share of the base rate: the inverse of torch's `div_factor * final_div_factor`.
    pub end: f64,
    /// True: the rate falls to `start` as fast as it rose, and then to `end` (torch's `three_phase`).
    pub three_phase: bool,
    /// How it goes between these.
    pub curve: Curve,
    /// The momentum falls from `high` to `low` while the rate rises, and comes back; none leaves the optimiser's own.
    pub momentum: Option<Range>,
}

/// How a value goes from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// Along half a cosine.
    Cosine,
    /// Along a line.
    Linear,
}

/// A fall of the learning rate when the tuning loss no longer falls (torch's `ReduceLROnPlateau` in its mode `min`, without
/// its `eps`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// What the rate is multiplied by.
    pub factor: f64,
    /// Epochs without a better tuning loss that are borne.
    pub patience: u32,
    /// A loss is better when it is below the best one by more than this.
    pub threshold: f64,
    /// What the threshold is.
    pub fall: Fall,
    /// Epochs after a fall of the rate that are not counted.
    pub cooldown: u32,
    /// Share of the base rate below which it does not fall.
    pub end: f64,
}

/// What the threshold of a plateau is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fall {
    /// A share of the best loss.
    Relative,
    /// A difference.
    Absolute,
}

/// An optimiser with its constants, with torch's meaning of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Stochastic gradient descent (torch's `SGD`); decay is added to the gradient.
    Sgd {
        /// Share of the last step in the next.
        momentum: f64,
        /// L2 decay.
        decay: f64,
        /// Share of a gradient that does not enter the momentum; of the first one all does.
        #[serde(default, skip_serializing_if = "is_zero")]
        dampening: f64,
        /// Looks ahead by the momentum.
        #[serde(default, skip_serializing_if = "is_false")]
        nesterov: bool,
    },
    /// Adam (Kingma and Ba 2015; torch's `Adam`); decay is added to the gradient.
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// L2 decay.
        decay: f64,
        /// Divides by the largest second moment so far (Reddi, Kale and Kumar 2018).
        amsgrad: bool,
    },
    /// AdamW (Loshchilov and Hutter 2019; torch's `AdamW`); decay is decoupled.
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// Decoupled decay.
        decay: f64,
    },
    /// RMSprop (Tieleman and Hinton 2012; torch's `RMSprop`); decay is added to the gradient.
    RmsProp {
        /// Decay of the mean square.
        alpha: f64,
        /// Added to the root of the mean square.
        epsilon: f64,
        /// Share of the last step in the next.
        momentum: f64,
        /// Takes the square of the mean gradient off the mean square.
        centered: bool,
        /// L2 decay.
        decay: f64,
    },
    /// Adagrad (Duchi, Hazan and Singer 2011; torch's `Adagrad`); decay is added to the gradient.
    AdaGrad {
        /// Added to the root of the sum of squares.
        epsilon: f64,
        /// L2 decay.
        decay: f64,
    },
}

impl Optimizer {
    /// Gradient descent with momentum.
    #[must_use]
    pub fn sgd(momentum: f64, decay: f64) -> Self {
        Self::Sgd {
            momentum,
            decay,
            dampening: 0.0,
            nesterov: false,
        }
    }

    /// The same with another decay.
    #[must_use]
    pub fn with_decay(mut self, new: f64) -> Self {
        match &mut self {
            Self::Sgd { decay, .. }
            | Self::Adam { decay, .. }
            | Self::AdamW { decay, .. }
            | Self::RmsProp { decay, .. }
            | Self::AdaGrad { decay, .. } => *decay = new,
        }
        self
    }

    /// True when there is a momentum that a schedule could change.
    #[must_use]
    pub fn has_momentum(&self) -> bool {
        !matches!(self, Self::AdaGrad { .. })
    }

    /// Which arrays of the size of the trained parameters it keeps: momentum or first moment; second moment; the largest
    /// second moment or the mean gradient.
    #[must_use]
    pub fn keeps(&self) -> [bool; 3] {
        match self {
            Self::Sgd { .. } => [true, false, false],
            Self::AdaGrad { .. } => [false, true, false],
            Self::AdamW { .. } => [true, true, false],
            Self::Adam { amsgrad: third, .. } | Self::RmsProp { centered: third, .. } => [true, true, *third],
        }
    }

    /// How many arrays it keeps.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.keeps().into_iter().filter(|kept| *kept).count()
    }
}

/// What a training makes small. `train::loss` has the formulas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// Cross-entropy of the softmax (torch's `CrossEntropyLoss`).
    CrossEntropy {
        /// Share of the target that is spread over all classes.
        smoothing: f64,
        /// Weight of each class; empty when all are alike.
        weights: Vec<f64>,
    },
    /// Focal loss of the softmax (Lin, Goyal, Girshick, He and Dollar 2017).
    Focal {
        /// How much what is easy counts less.
        gamma: f64,
        /// Weight of each class; empty when all are alike.
        weights: Vec<f64>,
    },
    /// Binary cross-entropy of each class against the rest (torch's `BCEWithLogitsLoss`).
    Binary {
        /// Weight of each class's own samples in its loss; empty for 1.
        weights: Vec<f64>,
    },
}

impl Default for Loss {
    fn default() -> Self {
        Self::CrossEntropy {
            smoothing: 0.0,
            weights: Vec::new(),
        }
    }
}

impl Loss {
    /// True for plain cross-entropy, which is left out of keys.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// How the samples of a batch are mixed with each other. `train::mix` has the formulas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mix {
    /// Weighted means of two pictures (Zhang, Cisse, Dauphin and Lopez-Paz 2018).
    Mixup {
        /// The share of the first is of the distribution Beta(alpha, alpha).
        alpha: f64,
        /// Share of the batches that are mixed.
        probability: f64,
    },
    /// A box of one picture in the other (Yun, Han, Oh, Chun, Choe and Yoo 2019).
    CutMix {
        /// The share of the first is of the distribution Beta(alpha, alpha).
        alpha: f64,
        /// Share of the batches that are mixed.
        probability: f64,
    },
}

impl Mix {
    /// Both parameters of the distribution of shares.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        match self {
            Self::Mixup { alpha, .. } | Self::CutMix { alpha, .. } => *alpha,
        }
    }

    /// Share of the batches that are mixed.
    #[must_use]
    pub fn probability(&self) -> f64 {
        match self {
            Self::Mixup { probability, .. } | Self::CutMix { probability, .. } => *probability,
        }
    }
}

/// What a network's logits mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// Their softmax is the probabilities of the classes.
    #[default]
    Softmax,
    /// The logistic function of each is the probability of its class against the rest; divided by their sum they are those
    /// of classes of which one is right, as scikit-learn's `OneVsRestClassifier` has it.
    Sigmoid,
}

impl Link {
    /// True for the softmax, which is left out of keys.
    #[must_use]
    pub fn is_softmax(&self) -> bool {
        *self == Self::Softmax
    }
}

/// Which weights a training gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// Those after the last step.
    #[default]
    Last,
    /// Those after the epoch with the smallest loss on the tuning part; of equal ones the first.
    Best,
}

impl Keep {
    /// True for the last weights, which is left out of keys.
    #[must_use]
    pub fn is_last(&self) -> bool {
        *self == Self::Last
    }
}
