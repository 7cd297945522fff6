//! NT-Xent, the loss of SimCLR (Chen, Kornblith, Norouzi and Hinton 2020, arXiv 2002.05709, equation 1).

use rayon::prelude::*;

/// Below this length an output counts as this long, as in torch's `normalize`.
const SHORTEST: f64 = 1e-12;

/// Mean NT-Xent loss of `outputs` `[2 n, width]`, in which rows `i` and `n + i` are two views of one picture, and its
/// gradient with respect to the outputs, which is written to `gradient`.
///
/// With unit vectors `u`, each view has the loss `-log(exp(u p / t) / sum exp(u v / t))`, where `p` is the other view of
/// its picture and `v` runs over all views but itself. Computed in f64; every sum has a fixed order.
///
/// # Panics
/// When the slices do not belong together or there is an odd number of rows.
pub fn nt_xent(outputs: &[f32], width: usize, temperature: f64, gradient: &mut [f32]) -> f64 {
    let rows = outputs.len() / width;
    assert_eq!(outputs.len(), gradient.len(), "a gradient per output");
    assert_eq!(
        (rows * width, rows % 2),
        (outputs.len(), 0),
        "two views of every picture"
    );
    let lengths: Vec<f64> = outputs.chunks_exact(width).map(length).collect();
    let pairs = outputs.chunks_exact(width).zip(&lengths);
    let units: Vec<f64> = pairs
        .flat_map(|(row, length)| row.iter().map(move |value| f64::from(*value) / length))
        .collect();
    let unit = |row: usize| &units[row * width..(row + 1) * width];

    // Of each view the loss, and the loss's derivative with respect to each of its similarities.
    let mut slopes = vec![0.0; rows * rows];
    let losses: Vec<f64> = slopes
        .par_chunks_mut(rows.max(1))
        .enumerate()
        .map(|(row, slopes)| of_view(row, temperature, slopes, |other| dot(unit(row), unit(other))))
        .collect();
    let slope = |row: usize, other: usize| (slopes[row * rows + other] + slopes[other * rows + row]) / rows as f64;

    gradient.par_chunks_mut(width).enumerate().for_each(|(row, gradient)| {
        let mut direction = vec![0.0; width];
        for other in (0..rows).filter(|other| *other != row) {
            let factor = slope(row, other);
            let values = direction.iter_mut().zip(unit(other));
            values.for_each(|(sum, value)| *sum += factor * value);
        }
        // A longer vector points the same way, so what lies along it changes nothing.
        let along = dot(&direction, unit(row));
        for ((gradient, direction), own) in gradient.iter_mut().zip(&direction).zip(unit(row)) {
            *gradient = ((direction - along * own) / lengths[row]) as f32;
        }
    });
    losses.iter().sum::<f64>() / rows.max(1) as f64
}

/// The loss of one view among as many as there are `slopes`, which get its derivatives.
fn of_view(row: usize, temperature: f64, slopes: &mut [f64], similarity: impl Fn(usize) -> f64) -> f64 {
    let rows = slopes.len();
    let partner = (row + rows / 2) % rows;
    let others = || (0..rows).filter(move |other| *other != row);
    for other in others() {
        slopes[other] = similarity(other) / temperature;
    }
    let own = slopes[partner];
    let largest = others().map(|other| slopes[other]).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = others().map(|other| (slopes[other] - largest).exp()).sum();
    for other in others() {
        let share = (slopes[other] - largest).exp() / total;
        slopes[other] = (share - if other == partner { 1.0 } else { 0.0 }) / temperature;
    }
    largest + total.ln() - own
}

fn length(row: &[f32]) -> f64 {
    let square: f64 = row.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    square.sqrt().max(SHORTEST)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn loss(outputs: &[f32], width: usize, temperature: f64) -> f64 {
        nt_xent(outputs, width, temperature, &mut vec![0.0; outputs.len()])
    }

    /// By hand: two pictures whose views agree and are at right angles to the other's. Every view has its partner at
    /// similarity 1 and two others at 0, so the loss is `ln(1 + 2 exp(-1 / t))`.
    #[test]
    fn pictures_at_right_angles() {
        let outputs = [3.0, 0.0, 0.0, 0.5, 1.0, 0.0, 0.0, 2.0];
        for temperature in [0.1, 0.5, 1.0] {
            let expected = (1.0 + 2.0 * (-1.0_f64 / temperature).exp()).ln();
            assert!((loss(&outputs, 2, temperature) - expected).abs() < 1e-12);
        }
        // With nothing to tell them apart by, each view guesses among three.
        assert!((loss(&[1.0; 8], 2, 0.5) - 3.0_f64.ln()).abs() < 1e-12);
    }

    /// One picture alone: there is nothing that its views could be taken for.
    #[test]
    fn a_single_picture_teaches_nothing() {
        let mut gradient = [1.0; 4];
        assert!(nt_xent(&[1.0, 2.0, -0.5, 0.25], 2, 0.5, &mut gradient).abs() < 1e-12);
        assert!(gradient.iter().all(|g| g.abs() < 1e-7));
    }

    proptest! {
        #[test]
        fn gradients_are_central_differences(
            pictures in 1usize..5,
            width in 2usize..6,
            temperature in 0.1..2.0,
            seed in any::<u64>(),
        ) {
            let stream = crate::nn::Stream::new(seed);
            // No vector is so short that a step turns it far.
            let value = |i: u64| (stream.normal(i) + if i.is_multiple_of(width as u64) { 2.0 } else { 0.0 }) as f32;
            let outputs: Vec<f32> = (0..(2 * pictures * width) as u64).map(value).collect();
            let mut gradient = vec![0.0; outputs.len()];
            nt_xent(&outputs, width, temperature, &mut gradient);
            let scale = gradient.iter().fold(1e-3_f64, |most, g| most.max(f64::from(g.abs())));
            for at in 0..outputs.len() {
                let moved = |by: f32| {
                    let mut outputs = outputs.clone();
                    outputs[at] += by;
                    (loss(&outputs, width, temperature), f64::from(outputs[at]))
                };
                let ((up, above), (down, below)) = (moved(1e-3), moved(-1e-3));
                let expected = (up - down) / (above - below);
                prop_assert!((f64::from(gradient[at]) - expected).abs() < 1e-2 * scale, "{} {}", gradient[at], expected);
            }
        }

        #[test]
        fn the_order_of_pictures_and_the_lengths_of_outputs_do_not_matter(seed in any::<u64>(), length in 0.1f32..10.0) {
            let stream = crate::nn::Stream::new(seed);
            let row = |place: u64| (0..3).map(move |i| stream.normal(3 * place + i) as f32);
            let of = |order: [u64; 6], length: f32| -> Vec<f32> {
                order.into_iter().flat_map(row).map(|value| value * length).collect()
            };
            let one = loss(&of([0, 1, 2, 3, 4, 5], 1.0), 3, 0.5);
            let other = loss(&of([2, 0, 1, 5, 3, 4], length), 3, 0.5);
            prop_assert!((one - other).abs() < 1e-5);
        }
    }
}
