//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

/// How the learning rate goes through training, as a factor of each parameter's base rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// The base rate throughout.
    Constant,
    /// Multiplied by `factor` after every `every` epochs, as torch's `StepLR`.
    Step {
        /// Epochs between changes.
        every: usize,
        /// Factor of each change.
        factor: f64,
    },
    /// Multiplied by `factor` at the beginning of each of these epochs, as torch's `MultiStepLR`.
    Milestones {
        /// Epochs, counted from 0.
        epochs: Vec<usize>,
        /// Factor of each change.
        factor: f64,
    },
    /// Half a cosine to 0 (Loshchilov and Hutter 2017), step by step, after a linear warm-up: with `w` steps of warm-up
    /// out of `n`, step `t` has the factor `(t + 1) / w` while `t < w`, and then `(1 + cos(pi (t - w) / (n - w))) / 2`.
    Cosine {
        /// Share of all steps that warm up, rounded to whole steps.
        warmup: f64,
    },
}

impl Schedule {
    /// The factor for step `step` of `epochs * steps`, where an epoch has `steps` steps.
    #[must_use]
    pub fn factor(&self, step: usize, steps: usize, epochs: usize) -> f64 {
        self.factor_of(step, steps, steps * epochs)
    }

    /// The factor for step `step` of `all`, where an epoch has `steps` steps and the last one may have fewer.
    #[must_use]
    pub fn factor_of(&self, step: usize, steps: usize, all: usize) -> f64 {
        let epoch = step / steps.max(1);
        match self {
            Self::Constant => 1.0,
            Self::Step { every, factor } => factor.powi(power(epoch / (*every).max(1))),
            Self::Milestones { epochs, factor } => {
                factor.powi(power(epochs.iter().filter(|&&milestone| milestone <= epoch).count()))
            }
            Self::Cosine { warmup } => {
                let warm = (warmup.clamp(0.0, 1.0) * all as f64).round() as usize;
                if step < warm {
                    return (step + 1) as f64 / warm as f64;
                }
                let share = (step - warm) as f64 / (all - warm).max(1) as f64;
                (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
            }
        }
    }
}

fn power(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
