//! Cross-entropy.

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
