//! Optimisers: one pass over values, gradients and moments.

use crate::net::ParameterRole;
use crate::nn::Network;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Values per task.
const CHUNK: usize = 1 << 15;

/// The rule by which gradients change values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum, not Nesterov's, without dampening; the decay is added to the gradient
    /// (torch's `SGD`).
    Sgd {
        /// Share of the last step in the next.
        momentum: f64,
        /// Factor of the values in the gradient.
        decay: f64,
    },
    /// Adam with decoupled decay (Loshchilov and Hutter 2019; torch's `AdamW`).
    AdamW {
        /// Decay rates of the first and second moment.
        betas: [f64; 2],
        /// Added to the root of the second moment.
        epsilon: f64,
        /// Share of the values, times the rate, that each step takes off.
        decay: f64,
    },
}

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecayOn {
    /// Weights of convolutions and linear layers; neither biases nor the scales and shifts of normalisations.
    Weights,
    /// Every parameter.
    All,
}

/// An optimiser's memory, laid out as the network's gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Momentum, or first moment.
    pub first: Vec<f32>,
    /// Second moment; empty for SGD.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

/// The factors of one step for one parameter.
#[derive(Clone, Copy)]
enum Rule {
    Sgd {
        rate: f32,
        momentum: f32,
        decay: f32,
    },
    AdamW {
        keep: f32,
        betas: [f32; 2],
        rate: f32,
        root: f32,
        epsilon: f32,
    },
}

impl Optimizer {
    /// Moments for so many gradients, before the first step.
    #[must_use]
    pub fn moments(&self, len: usize) -> Moments {
        Moments {
            first: vec![0.0; len],
            second: match self {
                Self::Sgd { .. } => Vec::new(),
                Self::AdamW { .. } => vec![0.0; len],
            },
            steps: 0,
        }
    }

    /// Takes one step with the gradients of the last backward pass, each multiplied by `scale` first. `rates` has the
    /// learning rate of every parameter of the graph, frozen ones too.
    ///
    /// # Panics
    /// When `moments` or `rates` belong to another network.
    pub fn step(&self, network: &mut Network, moments: &mut Moments, rates: &[f64], decay_on: DecayOn, scale: f64) {
        assert_eq!(rates.len(), network.graph().parameters.len(), "one rate per parameter");
        moments.steps += 1;
        let rules: Vec<Rule> = network
            .segments()
            .iter()
            .map(|segment| {
                let role = network.graph().parameter(segment.parameter).role;
                let decays = decay_on == DecayOn::All || role == ParameterRole::Weight;
                self.rule(rates[segment.parameter.0], decays, moments.steps)
            })
            .collect();
        let segments = network.segments().to_vec();
        let (values, gradients) = network.training_slices();
        for (segment, rule) in segments.into_iter().zip(rules) {
            let place = segment.gradients;
            let second = if moments.second.is_empty() {
                &mut [][..]
            } else {
                &mut moments.second[place.clone()]
            };
            let (values, first) = (&mut values[segment.values], &mut moments.first[place.clone()]);
            rule.apply(scale as f32, values, &gradients[place], first, second);
        }
    }

    fn rule(&self, rate: f64, decays: bool, steps: u64) -> Rule {
        let decay = |decay: f64| if decays { decay } else { 0.0 };
        match *self {
            Self::Sgd { momentum, decay: d } => Rule::Sgd {
                rate: rate as f32,
                momentum: momentum as f32,
                decay: decay(d) as f32,
            },
            Self::AdamW {
                betas,
                epsilon,
                decay: d,
            } => {
                let power = i32::try_from(steps).unwrap_or(i32::MAX);
                let [first, second] = betas.map(|beta| 1.0 - beta.powi(power));
                Rule::AdamW {
                    keep: (1.0 - rate * decay(d)) as f32,
                    betas: betas.map(|beta| (1.0 - beta) as f32),
                    rate: (rate / first) as f32,
                    root: (1.0 / second.sqrt()) as f32,
                    epsilon: epsilon as f32,
                }
            }
        }
    }
}

impl Rule {
    fn apply(self, scale: f32, values: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32]) {
        let chunks = values
            .par_chunks_mut(CHUNK)
            .zip(gradients.par_chunks(CHUNK))
            .zip(first.par_chunks_mut(CHUNK));
        match self {
            Self::Sgd { rate, momentum, decay } => chunks.for_each(|((values, gradients), first)| {
                for ((w, g), m) in values.iter_mut().zip(gradients).zip(first) {
                    *m = momentum * *m + (g * scale + decay * *w);
                    *w -= rate * *m;
                }
            }),
            Self::AdamW {
                keep,
                betas: [new_first, new_second],
                rate,
                root,
                epsilon,
            } => chunks
                .zip(second.par_chunks_mut(CHUNK))
                .for_each(|(((values, gradients), first), second)| {
                    for (((w, g), m), v) in values.iter_mut().zip(gradients).zip(first).zip(second) {
                        let g = g * scale;
                        *m += (g - *m) * new_first;
                        *v += (g * g - *v) * new_second;
                        *w = *w * keep - rate * *m / (v.sqrt() * root + epsilon);
                    }
                }),
        }
    }
}

/// The Euclidean norm of all gradients together, the same bits for any number of threads.
#[must_use]
pub fn gradient_norm(gradients: &[f32]) -> f64 {
    let squares = |chunk: &[f32]| -> f64 { chunk.iter().map(|g| f64::from(*g) * f64::from(*g)).sum() };
    let sums: Vec<f64> = gradients.par_chunks(CHUNK).map(squares).collect();
    sums.iter().sum::<f64>().sqrt()
}
