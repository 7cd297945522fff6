//! Optimisers: one pass over values, gradients and moments.

use crate::net::ParameterRole;
use crate::nn::Network;
use crate::plan::stage::Optimizer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Values per task.
const CHUNK: usize = 1 << 15;

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecayOn {
    /// Weights of convolutions and linear layers; neither biases nor the scales and shifts of normalisations.
    Weights,
    /// Every parameter.
    All,
}

/// An optimiser's memory, laid out as the network's gradients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Momentum, or first moment; empty for an optimiser that has none.
    pub first: Vec<f32>,
    /// Second moment; empty for one that has none.
    pub second: Vec<f32>,
    /// Largest second moment, or mean gradient; empty for one that has none.
    pub third: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

/// What one step is taken with, beside gradients.
#[derive(Clone, Copy, Debug)]
pub struct Stride<'a> {
    /// The learning rate of every parameter of the graph, frozen ones too.
    pub rates: &'a [f64],
    /// Which of them decay.
    pub decay_on: DecayOn,
    /// What every gradient is multiplied by first.
    pub scale: f64,
    /// A momentum, or decay of the first moment, instead of the optimiser's own.
    pub momentum: Option<f64>,
}

/// The factors of one step for one parameter.
#[derive(Clone, Copy)]
enum Rule {
    Sgd {
        rate: f32,
        momentum: f32,
        decay: f32,
        /// Of the gradient in the momentum.
        share: f32,
        nesterov: bool,
    },
    /// With `decay` Adam, with `keep` below 1 AdamW.
    Adam {
        keep: f32,
        decay: f32,
        betas: [f32; 2],
        rate: f32,
        root: f32,
        epsilon: f32,
        amsgrad: bool,
    },
    RmsProp {
        rate: f32,
        decay: f32,
        alpha: f32,
        epsilon: f32,
        momentum: f32,
        centered: bool,
    },
    AdaGrad {
        rate: f32,
        decay: f32,
        epsilon: f32,
    },
}

/// One parameter's parts of all arrays; moments that an optimiser lacks are empty.
struct Parts<'a> {
    values: &'a mut [f32],
    gradients: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    third: &'a mut [f32],
}

impl Optimizer {
    /// Moments for so many gradients, before the first step.
    #[must_use]
    pub fn memory(&self, len: usize) -> Moments {
        let [first, second, third] = self.keeps().map(|kept| if kept { vec![0.0; len] } else { Vec::new() });
        Moments {
            first,
            second,
            third,
            steps: 0,
        }
    }

    /// Takes one step with the gradients of the last backward pass.
    ///
    /// # Panics
    /// When `moments` or rates belong to another network.
    pub fn step(&self, network: &mut Network, moments: &mut Moments, stride: Stride<'_>) {
        let rates = stride.rates;
        assert_eq!(rates.len(), network.graph().parameters.len(), "one rate per parameter");
        moments.steps += 1;
        let rules: Vec<Rule> = network
            .segments()
            .iter()
            .map(|segment| {
                let role = network.graph().parameter(segment.parameter).role;
                let decays = stride.decay_on == DecayOn::All || role == ParameterRole::Weight;
                self.rule(rates[segment.parameter.0], decays, stride.momentum, moments.steps)
            })
            .collect();
        let segments = network.segments().to_vec();
        let (values, gradients) = network.training_slices();
        for (segment, rule) in segments.into_iter().zip(rules) {
            let place = segment.gradients;
            let parts = Parts {
                values: &mut values[segment.values],
                gradients: &gradients[place.clone()],
                first: part(&mut moments.first, &place),
                second: part(&mut moments.second, &place),
                third: part(&mut moments.third, &place),
            };
            rule.apply(stride.scale as f32, parts);
        }
    }

    fn rule(&self, rate: f64, decays: bool, other: Option<f64>, steps: u64) -> Rule {
        let decayed = |decay: f64| if decays { decay } else { 0.0 };
        let adam = |beta1: f64, beta2: f64, epsilon: f64, [l2, decoupled]: [f64; 2], amsgrad| {
            let betas = [other.unwrap_or(beta1), beta2];
            let power = i32::try_from(steps).unwrap_or(i32::MAX);
            let [first, second] = betas.map(|beta| 1.0 - beta.powi(power));
            Rule::Adam {
                keep: (1.0 - rate * decayed(decoupled)) as f32,
                decay: decayed(l2) as f32,
                betas: betas.map(|beta| (1.0 - beta) as f32),
                rate: (rate / first) as f32,
                root: (1.0 / second.sqrt()) as f32,
                epsilon: epsilon as f32,
                amsgrad,
            }
        };
        match *self {
            Self::Sgd {
                momentum,
                decay,
                dampening,
                nesterov,
            } => Rule::Sgd {
                rate: rate as f32,
                momentum: other.unwrap_or(momentum) as f32,
                decay: decayed(decay) as f32,
                share: if steps == 1 { 1.0 } else { (1.0 - dampening) as f32 },
                nesterov,
            },
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                decay,
                amsgrad,
            } => adam(beta1, beta2, epsilon, [decay, 0.0], amsgrad),
            Self::AdamW {
                beta1,
                beta2,
                epsilon,
                decay,
            } => adam(beta1, beta2, epsilon, [0.0, decay], false),
            Self::RmsProp {
                alpha,
                epsilon,
                momentum,
                centered,
                decay,
            } => Rule::RmsProp {
                rate: rate as f32,
                decay: decayed(decay) as f32,
                alpha: alpha as f32,
                epsilon: epsilon as f32,
                momentum: other.unwrap_or(momentum) as f32,
                centered,
            },
            Self::AdaGrad { epsilon, decay } => Rule::AdaGrad {
                rate: rate as f32,
                decay: decayed(decay) as f32,
                epsilon: epsilon as f32,
            },
        }
    }
}

/// A parameter's part of an array, nothing of an empty one.
fn part<'a>(all: &'a mut [f32], place: &std::ops::Range<usize>) -> &'a mut [f32] {
    if all.is_empty() {
        &mut []
    } else {
        &mut all[place.clone()]
    }
}

impl Rule {
    /// Every value for itself, so the order does not matter.
    fn apply(self, scale: f32, parts: Parts<'_>) {
        let Parts {
            values,
            gradients,
            first,
            second,
            third,
        } = parts;
        match self {
            Self::Sgd {
                rate,
                momentum,
                decay,
                share,
                nesterov,
            } => with_one(values, gradients, first, |w, g, m| {
                let g = g * scale + decay * *w;
                *m = momentum * *m + share * g;
                *w -= rate * if nesterov { g + momentum * *m } else { *m };
            }),
            Self::Adam {
                keep,
                decay,
                betas: [new_first, new_second],
                rate,
                root,
                epsilon,
                amsgrad,
            } => {
                let moved = |w: &f32, g: f32, m: &mut f32, v: &mut f32| {
                    let g = g * scale + decay * *w;
                    *m += (g - *m) * new_first;
                    *v += (g * g - *v) * new_second;
                };
                if amsgrad {
                    with_three(values, gradients, [first, second, third], |w, g, m, v, most| {
                        moved(w, g, m, v);
                        *most = most.max(*v);
                        *w = *w * keep - rate * *m / (most.sqrt() * root + epsilon);
                    });
                } else {
                    with_two(values, gradients, [first, second], |w, g, m, v| {
                        moved(w, g, m, v);
                        *w = *w * keep - rate * *m / (v.sqrt() * root + epsilon);
                    });
                }
            }
            Self::RmsProp {
                rate,
                decay,
                alpha,
                epsilon,
                momentum,
                centered,
            } => {
                let moved = |w: &mut f32, g: f32, m: &mut f32, root: f32| {
                    *m = momentum * *m + g / (root + epsilon);
                    *w -= rate * *m;
                };
                let square = |g: f32, v: f32| alpha * v + (1.0 - alpha) * (g * g);
                if centered {
                    with_three(values, gradients, [first, second, third], |w, g, m, v, mean| {
                        let g = g * scale + decay * *w;
                        *v = square(g, *v);
                        *mean += (g - *mean) * (1.0 - alpha);
                        // Where all gradients are alike, rounding could bring it below 0.
                        moved(w, g, m, (*v - *mean * *mean).max(0.0).sqrt());
                    });
                } else {
                    with_two(values, gradients, [first, second], |w, g, m, v| {
                        let g = g * scale + decay * *w;
                        *v = square(g, *v);
                        moved(w, g, m, v.sqrt());
                    });
                }
            }
            Self::AdaGrad { rate, decay, epsilon } => with_one(values, gradients, second, |w, g, sum| {
                let g = g * scale + decay * *w;
                *sum += g * g;
                *w -= rate * g / (sum.sqrt() + epsilon);
            }),
        }
    }
}

/// Runs over a parameter's values with their gradients and one moment, in pieces.
fn with_one(values: &mut [f32], gradients: &[f32], a: &mut [f32], rule: impl Fn(&mut f32, f32, &mut f32) + Sync) {
    let chunks = values.par_chunks_mut(CHUNK).zip(gradients.par_chunks(CHUNK));
    chunks
        .zip(a.par_chunks_mut(CHUNK))
        .for_each(|((values, gradients), a)| {
            for ((w, g), a) in values.iter_mut().zip(gradients).zip(a) {
                rule(w, *g, a);
            }
        });
}

/// As [`with_one`], with two moments.
fn with_two(
    values: &mut [f32],
    gradients: &[f32],
    [a, b]: [&mut [f32]; 2],
    rule: impl Fn(&mut f32, f32, &mut f32, &mut f32) + Sync,
) {
    let chunks = values.par_chunks_mut(CHUNK).zip(gradients.par_chunks(CHUNK));
    let chunks = chunks.zip(a.par_chunks_mut(CHUNK)).zip(b.par_chunks_mut(CHUNK));
    chunks.for_each(|(((values, gradients), a), b)| {
        for (((w, g), a), b) in values.iter_mut().zip(gradients).zip(a).zip(b) {
            rule(w, *g, a, b);
        }
    });
}

/// As [`with_one`], with three moments.
fn with_three(
    values: &mut [f32],
    gradients: &[f32],
    [a, b, c]: [&mut [f32]; 3],
    rule: impl Fn(&mut f32, f32, &mut f32, &mut f32, &mut f32) + Sync,
) {
    let chunks = values.par_chunks_mut(CHUNK).zip(gradients.par_chunks(CHUNK));
    let chunks = chunks.zip(a.par_chunks_mut(CHUNK)).zip(b.par_chunks_mut(CHUNK));
    let chunks = chunks.zip(c.par_chunks_mut(CHUNK));
    chunks.for_each(|((((values, gradients), a), b), c)| {
        for ((((w, g), a), b), c) in values.iter_mut().zip(gradients).zip(a).zip(b).zip(c) {
            rule(w, *g, a, b, c);
        }
    });
}

/// The Euclidean norm of all gradients together, the same bits for any number of threads.
#[must_use]
pub fn gradient_norm(gradients: &[f32]) -> f64 {
    let squares = |chunk: &[f32]| -> f64 { chunk.iter().map(|g| f64::from(*g) * f64::from(*g)).sum() };
    let sums: Vec<f64> = gradients.par_chunks(CHUNK).map(squares).collect();
    sums.iter().sum::<f64>().sqrt()
}
