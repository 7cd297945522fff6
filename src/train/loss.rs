//! Losses of logits and classes, and what all outputs of a network cost together.
//!
//! All are computed in f64 with torch's formulas, per sample and then divided: by the number of samples; of weighted
//! cross-entropy by the sum of the weights of their classes; of binary cross-entropy by the number of logits.

use crate::nn::Network;
use crate::plan::stage::Loss;

/// What the samples of a batch should be told to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Targets<'a> {
    /// The class of each sample.
    pub(super) labels: &'a [usize],
    /// Where samples are mixed: the class of each one's partner, and the share of the sample itself. The loss is the mean of
    /// those for both classes, weighted so (Zhang et al. 2018); of cross-entropy, smoothed or not, and of binary
    /// cross-entropy it is that of the mixed target.
    pub(super) mixed: Option<(&'a [usize], f64)>,
}

impl<'a> Targets<'a> {
    /// Samples that are not mixed.
    pub(super) fn of(labels: &'a [usize]) -> Self {
        Self { labels, mixed: None }
    }

    /// The undivided loss of one sample; `slopes` gets its derivatives, `others` is overwritten.
    fn of_row(&self, loss: &Loss, logits: &[f32], row: usize, [slopes, others]: [&mut [f64]; 2]) -> f64 {
        let own = of_row(loss, logits, self.labels[row], slopes);
        let Some((partners, share)) = self.mixed else {
            return own;
        };
        let other = of_row(loss, logits, partners[row], others);
        let mean = |own: f64, other: f64| share * own + (1.0 - share) * other;
        for (slope, other) in slopes.iter_mut().zip(others) {
            *slope = mean(*slope, *other);
        }
        mean(own, other)
    }
}

/// What the loss of samples of these classes is divided by; partners are of the same classes.
pub(super) fn divisor(loss: &Loss, labels: &[usize], classes: usize) -> f64 {
    match loss {
        Loss::CrossEntropy { weights, .. } if !weights.is_empty() => labels.iter().map(|&label| weights[label]).sum(),
        Loss::CrossEntropy { .. } | Loss::Focal { .. } => labels.len() as f64,
        Loss::Binary { .. } => (labels.len() * classes) as f64,
    }
}

/// The loss of a network's logits after a forward pass of training, plus that of each auxiliary output times its weight,
/// divided by `divisor`. `gradient` gets the gradient with respect to all outputs, as [`Network::backward`] takes it.
///
/// # Panics
/// When the slices do not belong together or a label is not below the number of classes.
pub(super) fn of_outputs(
    loss: &Loss,
    network: &Network,
    targets: Targets<'_>,
    divisor: f64,
    gradient: &mut [f32],
) -> f64 {
    let classes = network.graph().classes();
    let values = targets.labels.len() * classes;
    let (own, others) = gradient.split_at_mut(values);
    let of =
        |logits: &[f32], gradient: &mut [f32]| summed(loss, logits, (targets, classes), divisor, gradient) / divisor;
    let mut total = of(network.logits(), own);
    let others = others.chunks_exact_mut(values.max(1));
    for ((place, auxiliary), gradient) in network.graph().auxiliary.iter().enumerate().zip(others) {
        total += auxiliary.weight * of(network.auxiliary_logits(place), gradient);
        gradient.iter_mut().for_each(|g| *g *= auxiliary.weight as f32);
    }
    total
}

/// The loss of `logits` `[samples, classes]` against class indices, and its gradient with respect to the logits, which is
/// written to `gradient`.
///
/// # Panics
/// When the slices do not belong together or a label is not below `classes`.
pub fn loss_and_gradient(loss: &Loss, logits: &[f32], labels: &[usize], classes: usize, gradient: &mut [f32]) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of logits per label");
    let divisor = divisor(loss, labels, classes);
    summed(loss, logits, (Targets::of(labels), classes), divisor, gradient) / divisor
}

/// The loss of `logits` `[samples, classes]` against class indices.
///
/// # Panics
/// When there are not as many rows as labels or a label is not below `classes`.
#[must_use]
pub fn mean_loss(loss: &Loss, logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of logits per label");
    let rows = logits.chunks_exact(classes).zip(labels);
    let mut slopes = vec![0.0; classes];
    let sum: f64 = rows.map(|(row, &label)| of_row(loss, row, label, &mut slopes)).sum();
    sum / divisor(loss, labels, classes)
}

/// Mean cross-entropy and its gradient, as [`loss_and_gradient`] has them for any loss.
///
/// # Panics
/// As there.
pub fn cross_entropy(logits: &[f32], labels: &[usize], classes: usize, gradient: &mut [f32]) -> f64 {
    loss_and_gradient(&Loss::default(), logits, labels, classes, gradient)
}

/// Mean cross-entropy.
///
/// # Panics
/// As [`mean_loss`].
#[must_use]
pub fn mean_cross_entropy(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    mean_loss(&Loss::default(), logits, labels, classes)
}

/// The sum over samples, undivided, and the gradient of the divided one.
fn summed(
    loss: &Loss,
    logits: &[f32],
    (targets, classes): (Targets<'_>, usize),
    divisor: f64,
    gradient: &mut [f32],
) -> f64 {
    let (mut slopes, mut others) = (vec![0.0; classes], vec![0.0; classes]);
    let mut sum = 0.0;
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for (row, (logits, gradient)) in rows.enumerate() {
        sum += targets.of_row(loss, logits, row, [&mut slopes, &mut others]);
        for (gradient, slope) in gradient.iter_mut().zip(&slopes) {
            *gradient = (slope / divisor) as f32;
        }
    }
    sum
}

/// The undivided loss of one sample; `slopes` gets its derivatives.
fn of_row(loss: &Loss, logits: &[f32], label: usize, slopes: &mut [f64]) -> f64 {
    let weight = |weights: &[f64], class: usize| weights.get(class).copied().unwrap_or(1.0);
    match loss {
        Loss::CrossEntropy { smoothing, weights } => {
            let total = log_sum_exp(logits);
            // Of smoothed targets each class has a share; those of the label's weights add up to `all`.
            let spread = |class: usize| smoothing / logits.len() as f64 * weight(weights, class);
            let own = (1.0 - smoothing) * weight(weights, label);
            let mut sum = own * (total - f64::from(logits[label]));
            let mut all = own;
            if *smoothing > 0.0 {
                for (class, logit) in logits.iter().enumerate() {
                    sum += spread(class) * (total - f64::from(*logit));
                    all += spread(class);
                }
            }
            for (class, (slope, logit)) in slopes.iter_mut().zip(logits).enumerate() {
                let target = if class == label { own } else { 0.0 } + spread(class);
                *slope = all * (f64::from(*logit) - total).exp() - target;
            }
            sum
        }
        Loss::Focal { gamma, weights } => {
            let total = log_sum_exp(logits);
            let log = f64::from(logits[label]) - total;
            // The share of the other classes, of which no digit is lost when it is small.
            let missed = -log.exp_m1();
            let weight = weight(weights, label);
            let easy = missed.powf(*gamma);
            // The derivative by the logarithm of the label's share.
            let bend = if missed > 0.0 {
                gamma * missed.powf(gamma - 1.0) * log.exp() * log
            } else {
                0.0
            };
            let by_log = weight * (bend - easy);
            for (class, (slope, logit)) in slopes.iter_mut().zip(logits).enumerate() {
                let target = if class == label { 1.0 } else { 0.0 };
                *slope = by_log * (target - (f64::from(*logit) - total).exp());
            }
            -weight * easy * log
        }
        Loss::Binary { weights } => {
            let mut sum = 0.0;
            for (class, (slope, logit)) in slopes.iter_mut().zip(logits).enumerate() {
                let z = f64::from(*logit);
                let small = (-z.abs()).exp();
                // The logarithm of 1 + exp(-z), and 1 / (1 + exp(-z)).
                let cost = small.ln_1p() + (-z).max(0.0);
                let share = if z >= 0.0 { 1.0 } else { small } / (1.0 + small);
                if class == label {
                    sum += weight(weights, class) * cost;
                    *slope = weight(weights, class) * (share - 1.0);
                } else {
                    sum += z + cost;
                    *slope = share;
                }
            }
            sum
        }
    }
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    largest + logits.iter().map(|l| (f64::from(*l) - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests;
