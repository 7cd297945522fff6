//! Cross-entropy, and what all outputs of a network cost together.

use crate::nn::Network;

/// Mean cross-entropy of a network's logits after a forward pass of training, plus that of each auxiliary output times
/// its weight. `gradient` gets the gradient with respect to all outputs, as [`Network::backward`] takes it.
///
/// # Panics
/// When the slices do not belong together or a label is not below the number of classes.
pub(super) fn of_outputs(network: &Network, labels: &[usize], gradient: &mut [f32]) -> f64 {
    let classes = network.graph().classes();
    let (own, others) = gradient.split_at_mut(labels.len() * classes);
    let mut loss = cross_entropy(network.logits(), labels, classes, own);
    let others = others.chunks_exact_mut((labels.len() * classes).max(1));
    for ((place, auxiliary), gradient) in network.graph().auxiliary.iter().enumerate().zip(others) {
        loss += auxiliary.weight * cross_entropy(network.auxiliary_logits(place), labels, classes, gradient);
        gradient.iter_mut().for_each(|g| *g *= auxiliary.weight as f32);
    }
    loss
}

/// Mean cross-entropy of `logits` `[samples, classes]` against class indices, and its gradient with respect to the
/// logits, which is written to `gradient`. Computed in f64, with the largest logit taken off first.
///
/// # Panics
/// When the slices do not belong together or a label is not below `classes`.
pub fn cross_entropy(logits: &[f32], labels: &[usize], classes: usize, gradient: &mut [f32]) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of logits per label");
    let mut sum = 0.0;
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((logits, gradient), &label) in rows.zip(labels) {
        let log_total = log_sum_exp(logits);
        sum += log_total - f64::from(logits[label]);
        for (i, (g, l)) in gradient.iter_mut().zip(logits).enumerate() {
            let target = if i == label { 1.0 } else { 0.0 };
            *g = (((f64::from(*l) - log_total).exp() - target) / labels.len() as f64) as f32;
        }
    }
    sum / labels.len() as f64
}

/// Mean cross-entropy of `logits` `[samples, classes]` against class indices.
///
/// # Panics
/// When there are not as many rows as labels or a label is not below `classes`.
#[must_use]
pub fn mean_cross_entropy(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of logits per label");
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| log_sum_exp(row) - f64::from(row[label]))
        .sum::<f64>()
        / labels.len() as f64
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    largest + logits.iter().map(|l| (f64::from(*l) - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::{Builder, NetError, WeightInit},
        nn::{Mode, Stream, initial_weights},
    };

    #[test]
    fn auxiliary_losses_count_by_their_weights() -> Result<(), Box<dyn std::error::Error>> {
        let mut b = Builder::new(2, 1, 1);
        let x = b.flatten(b.input());
        let mut linear = |name: &str| -> Result<_, NetError> {
            b.push_scope(name);
            let node = b.linear(x, 3, true, WeightInit::KaimingUniform)?;
            b.pop_scope();
            Ok(node)
        };
        let (own, other) = (linear("own")?, linear("other")?);
        b.also(own, other, 0.25)?;
        let graph = b.finish("net", own, vec![], Some(3))?;
        let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 2)?;
        network.load(&initial_weights(&graph, 1))?;
        network.images_mut(2)?.copy_from_slice(&[0.5, -1.0, 2.0, 0.25]);
        network.forward(2, Stream::new(0))?;
        let labels = [2, 0];
        let mut gradient = [0.0; 12];
        let loss = of_outputs(&network, &labels, &mut gradient);
        let (mut first, mut second) = ([0.0; 6], [0.0; 6]);
        let own = cross_entropy(network.logits(), &labels, 3, &mut first);
        let other = cross_entropy(network.auxiliary_logits(0), &labels, 3, &mut second);
        assert!((loss - (own + 0.25 * other)).abs() < 1e-12);
        assert_eq!(gradient[..6], first);
        assert_eq!(gradient[6..], second.map(|g| g * 0.25));
        Ok(())
    }
}
