use super::*;
use crate::{
    net::{Builder, NetError, WeightInit},
    nn::{Mode, Stream, initial_weights},
};
use proptest::prelude::*;

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
    let loss = of_outputs(&Loss::default(), &network, Targets::of(&labels), 2.0, &mut gradient);
    let (mut first, mut second) = ([0.0; 6], [0.0; 6]);
    let own = cross_entropy(network.logits(), &labels, 3, &mut first);
    let other = cross_entropy(network.auxiliary_logits(0), &labels, 3, &mut second);
    assert!((loss - (own + 0.25 * other)).abs() < 1e-12);
    assert_eq!(gradient[..6], first);
    assert_eq!(gradient[6..], second.map(|g| g * 0.25));

    // Mixed, each output has the mean of both losses.
    let (partners, mut mixed) = ([0, 2], [0.0; 12]);
    let targets = Targets {
        labels: &labels,
        mixed: Some((&partners, 0.75)),
    };
    let loss_of_both = of_outputs(&Loss::default(), &network, targets, 2.0, &mut mixed);
    let loss_of_others = of_outputs(
        &Loss::default(),
        &network,
        Targets::of(&partners),
        2.0,
        &mut gradient.clone(),
    );
    assert!((loss_of_both - (0.75 * loss + 0.25 * loss_of_others)).abs() < 1e-12);
    let mut others = [0.0; 12];
    of_outputs(&Loss::default(), &network, Targets::of(&partners), 2.0, &mut others);
    for ((mixed, own), other) in mixed.iter().zip(gradient).zip(others) {
        assert!((mixed - (0.75 * own + 0.25 * other)).abs() < 1e-6);
    }
    Ok(())
}

/// By hand: of cross-entropy with mixed targets the loss is `log sum exp - sum of target times logit`, also with smoothed
/// ones, and the gradient the softmax without the target.
#[test]
fn mixed_targets_are_shares_of_both_classes() {
    let (logits, labels, partners, share) = ([1.0_f32, -0.5, 2.0, 0.3, 0.2, -1.0], [0, 1], [1, 0], 0.7);
    let targets = Targets {
        labels: &labels,
        mixed: Some((&partners, share)),
    };
    for smoothing in [0.0, 0.1] {
        let loss = Loss::CrossEntropy {
            smoothing,
            weights: Vec::new(),
        };
        let mut gradient = [0.0; 6];
        let found = summed(&loss, &logits, (targets, 3), 2.0, &mut gradient) / 2.0;
        let mut expected = 0.0;
        for (row, target) in [[0.7, 0.3, 0.0], [0.3, 0.7, 0.0]].into_iter().enumerate() {
            let logits: Vec<f64> = logits[row * 3..][..3].iter().map(|z| f64::from(*z)).collect();
            let total = logits.iter().map(|z| z.exp()).sum::<f64>();
            for (class, z) in logits.iter().enumerate() {
                let target = (1.0 - smoothing) * target[class] + smoothing / 3.0;
                expected += target * (total.ln() - z) / 2.0;
                let slope = (z.exp() / total - target) / 2.0;
                assert!((f64::from(gradient[row * 3 + class]) - slope).abs() < 1e-7);
            }
        }
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

/// Every kind with every option.
fn losses(weights: &[f64]) -> [Loss; 7] {
    let (weights, none) = (weights.to_vec(), Vec::new());
    let entropy = |smoothing, weights| Loss::CrossEntropy { smoothing, weights };
    let focal = |gamma, weights| Loss::Focal { gamma, weights };
    [
        entropy(0.0, weights.clone()),
        entropy(0.2, none.clone()),
        entropy(0.1, weights.clone()),
        focal(2.0, none.clone()),
        focal(0.5, weights.clone()),
        Loss::Binary { weights: none },
        Loss::Binary { weights },
    ]
}

proptest! {
    #[test]
    fn gradients_are_central_differences(
        logits in prop::collection::vec(-4.0f32..4.0, 12),
        labels in prop::collection::vec(0usize..3, 4),
        weights in prop::collection::vec(0.2f64..4.0, 3),
    ) {
        for loss in losses(&weights) {
            let mut gradient = vec![0.0; logits.len()];
            let value = loss_and_gradient(&loss, &logits, &labels, 3, &mut gradient);
            prop_assert!((value - mean_loss(&loss, &logits, &labels, 3)).abs() < 1e-12);
            for at in 0..logits.len() {
                let moved = |by: f32| {
                    let mut logits = logits.clone();
                    logits[at] += by;
                    (mean_loss(&loss, &logits, &labels, 3), f64::from(logits[at]))
                };
                let ((up, above), (down, below)) = (moved(1e-3), moved(-1e-3));
                let expected = (up - down) / (above - below);
                prop_assert!((expected - f64::from(gradient[at])).abs() < 1e-5, "{loss:?}: {} for {expected}", gradient[at]);
            }
        }
    }

    /// Focal loss without its exponent is weighted cross-entropy, undivided by the weights.
    #[test]
    fn focal_loss_without_focus_is_cross_entropy(
        logits in prop::collection::vec(-30.0f32..30.0, 9),
        labels in prop::collection::vec(0usize..3, 3),
    ) {
        let focal = mean_loss(&Loss::Focal { gamma: 0.0, weights: Vec::new() }, &logits, &labels, 3);
        let entropy = mean_cross_entropy(&logits, &labels, 3);
        prop_assert!((focal - entropy).abs() <= 1e-12 * entropy.max(1.0), "{focal} and {entropy}");
    }

    /// What is certain and right costs nothing, and nothing is ever no number.
    #[test]
    fn extreme_logits_have_finite_losses(large in 100.0f32..1e30, label in 0usize..3) {
        let mut logits = [0.0, -large, large / 2.0];
        logits.swap(label, 2);
        for loss in losses(&[0.5, 1.0, 3.0]) {
            let mut gradient = [0.0; 3];
            let value = loss_and_gradient(&loss, &logits, &[label], 3, &mut gradient);
            prop_assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{loss:?}: {value}, {gradient:?}");
        }
    }
}
