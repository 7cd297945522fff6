//! An exponential moving average of a network's values.

use rayon::prelude::*;

/// Values per task.
const CHUNK: usize = 1 << 15;

/// The decay after so many steps: TensorFlow's `ExponentialMovingAverage` with `num_updates`. Without it the random start
/// would outweigh a short training: after 150 steps it still had 86 % of a mean that decays by 0.999.
fn decay_after(decay: f64, steps: u64) -> f64 {
    let steps = steps as f64;
    decay.min((1.0 + steps) / (10.0 + steps))
}

/// Moves `average` towards the values after step number `steps`, counted from 1: parameters and batch statistics alike, as
/// timm's `ModelEma` does. What does not change stays as it is, to the bit.
pub(super) fn follow(average: &mut [f32], values: &[f32], decay: f64, steps: u64) {
    let share = (1.0 - decay_after(decay, steps)) as f32;
    let chunks = average.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
    chunks.for_each(|(average, values)| {
        for (mean, value) in average.iter_mut().zip(values) {
            *mean += (value - *mean) * share;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the sum written out: `mean = d mean + (1 - d) value`, where `d` grows to its limit.
    #[test]
    fn an_average_follows_its_values() {
        let (mut average, decay) = (vec![1.0f32, -2.0, 5.0], 0.5);
        let mut expected = [1.0f64, -2.0, 5.0];
        for step in 1..=20u64 {
            let values = [(step as f32).sin(), step as f32, 5.0];
            follow(&mut average, &values, decay, step);
            let d = decay.min((1.0 + step as f64) / (10.0 + step as f64));
            for (mean, value) in expected.iter_mut().zip(values) {
                *mean = d * *mean + (1.0 - d) * f64::from(value);
            }
        }
        for (found, expected) in average.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{average:?}");
        }
        assert_eq!(average[2], 5.0);
    }
}
