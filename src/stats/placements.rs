//! Placements: how many cases of the other class each case beats, as exact integers.

use super::error::{MAX_CASES, StatsError, check_finite, check_labels, check_length};

/// Twice the number of pairs each case wins (a tie is half a win, so twice the number is an integer).
pub(super) struct Placements {
    /// For each positive, `2 * (negatives below) + (negatives tied)`, in the order given.
    pub(super) positive: Vec<u64>,
    /// For each negative, `2 * (positives above) + (positives tied)`, in the order given.
    pub(super) negative: Vec<u64>,
    /// Twice the number of won pairs: the sum of either list.
    pub(super) won: u64,
}

impl Placements {
    /// Ranks `positive` against `negative` in O(n log n): one sort, then one sweep over groups of tied scores.
    ///
    /// These are the midrank differences of Sun & Xu 2014 (IEEE Signal Process. Lett. 21:1389, equation 10) times two.
    /// All scores must be finite.
    pub(super) fn new(positive: &[f64], negative: &[f64]) -> Self {
        let positives = positive.len();
        let mut order: Vec<(f64, usize)> = positive.iter().chain(negative).copied().zip(0..).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut wins = vec![0u64; order.len()];
        let (mut positives_below, mut negatives_below, mut won) = (0u64, 0u64, 0u64);
        // `==` joins -0.0 and 0.0, which `total_cmp` leaves next to each other.
        for tied in order.chunk_by(|a, b| a.0 == b.0) {
            let positives_tied = tied.iter().filter(|(_, at)| *at < positives).count() as u64;
            let negatives_tied = tied.len() as u64 - positives_tied;
            let positives_above = positives as u64 - positives_below - positives_tied;
            let of_positive = 2 * negatives_below + negatives_tied;
            let of_negative = 2 * positives_above + positives_tied;
            for &(_, at) in tied {
                wins[at] = if at < positives { of_positive } else { of_negative };
            }
            won += positives_tied * of_positive;
            positives_below += positives_tied;
            negatives_below += negatives_tied;
        }
        let negative = wins.split_off(positives);
        Placements {
            positive: wins,
            negative,
            won,
        }
    }

    /// The area under the ROC curve: won pairs over all pairs, rounded once.
    pub(super) fn auc(&self) -> f64 {
        self.won as f64 / (2 * self.positive.len() as u64 * self.negative.len() as u64) as f64
    }
}

/// The scores of positives (label 1) and negatives (label 0), each in row order.
///
/// # Errors
/// Lengths that differ, a label other than 0 or 1, a score that is not finite, a class without a case, more than
/// [`MAX_CASES`] cases.
pub(super) fn split_by_label(labels: &[u32], scores: &[f64]) -> Result<(Vec<f64>, Vec<f64>), StatsError> {
    check_length("scores", labels.len(), scores.len())?;
    check_labels(labels, 2)?;
    check_finite("score", scores, 1)?;
    if labels.len() > MAX_CASES {
        return Err(StatsError::TooManyCases { found: labels.len() });
    }
    let of_class = |class: u32| -> Result<Vec<f64>, StatsError> {
        let chosen: Vec<f64> = labels
            .iter()
            .zip(scores)
            .filter(|(l, _)| **l == class)
            .map(|(_, s)| *s)
            .collect();
        if chosen.is_empty() {
            Err(StatsError::MissingClass { class })
        } else {
            Ok(chosen)
        }
    };
    Ok((of_class(1)?, of_class(0)?))
}
