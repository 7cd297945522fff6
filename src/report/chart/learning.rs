//! Learning curves of like training stages: one thin line per model, their mean thick.

use super::scale::{Scale, Ticks};
use super::svg::{Anchor, Svg};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// The losses of like stages.
#[derive(Debug)]
pub(in crate::report) struct Panel<'a> {
    /// Unique on the page.
    pub(in crate::report) id: &'a str,
    /// What it shows.
    pub(in crate::report) title: &'a str,
    /// Losses per model over the training samples: (epoch, loss).
    pub(in crate::report) training: Vec<Vec<(f64, f64)>>,
    /// Likewise over the tuning part.
    pub(in crate::report) tuning: Vec<Vec<(f64, f64)>>,
    /// Lowest and highest loss of the axis; panels that are to be compared share it.
    pub(in crate::report) losses: (f64, f64),
}

impl Panel<'_> {
    /// The chart.
    pub(in crate::report) fn draw(&self) -> String {
        let last = self.training.iter().flatten().map(|point| point.0).fold(1.0, f64::max);
        let x = Scale::new((1.0, last), (LEFT + 8.0, WIDTH - RIGHT - 8.0));
        let ticks = Ticks::around(self.losses.0, self.losses.1, 4);
        let y = Scale::new(ticks.domain(), (HEIGHT - BOTTOM, TOP));
        let mut svg = Svg::new(WIDTH, HEIGHT, self.id, self.title, "Mean loss per epoch");
        for &tick in &ticks.values {
            svg.line("grid", (LEFT, y.at(tick)), (WIDTH - RIGHT, y.at(tick)));
            svg.text("tick", (LEFT - 7.0, y.at(tick) + 4.0), Anchor::End, &ticks.label(tick));
        }
        for epoch in epochs(last) {
            svg.text(
                "tick",
                (x.at(epoch), HEIGHT - BOTTOM + 16.0),
                Anchor::Middle,
                &format!("{epoch}"),
            );
        }
        svg.text(
            "measure",
            ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6.0),
            Anchor::Middle,
            "epoch",
        );
        svg.upward_text("measure", (12.0, (TOP + HEIGHT - BOTTOM) / 2.0), "loss");
        let place = |curve: &[(f64, f64)]| curve.iter().map(|&(e, loss)| (x.at(e), y.at(loss))).collect::<Vec<_>>();
        for (style, curves) in ["c0", "c1"].into_iter().zip([&self.training, &self.tuning]) {
            for curve in curves {
                draw(&mut svg, &format!("thin {style}"), &place(curve));
            }
            draw(&mut svg, &format!("thick {style}"), &place(&mean(curves)));
        }
        svg.finish()
    }
}

/// A line, or a dot for a training of one epoch.
fn draw(svg: &mut Svg, class: &str, points: &[(f64, f64)]) {
    match points {
        [point] => svg.disc(&format!("dot {class}"), *point, 3.0),
        points => svg.polyline(class, points),
    }
}

/// The mean over the curves at the epochs that all of them have.
fn mean(curves: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let Some(shortest) = curves.iter().min_by_key(|curve| curve.len()) else {
        return Vec::new();
    };
    let at = |place: usize| {
        curves
            .iter()
            .filter_map(|curve| curve.get(place))
            .map(|point| point.1)
            .sum::<f64>()
    };
    shortest
        .iter()
        .enumerate()
        .map(|(place, point)| (point.0, at(place) / curves.len() as f64))
        .collect()
}

/// A few whole epochs: all, every other one, or 1 and multiples of 5, 10, 20, ...
fn epochs(last: f64) -> Vec<f64> {
    let last = last as u32;
    let all = |step: usize| (1..=last).step_by(step).collect::<Vec<u32>>();
    let epochs = match last {
        0..=7 => all(1),
        8..=14 => all(2),
        _ => {
            let step = (0..8)
                .flat_map(|power| [5, 10].map(|step| step * 2u32.pow(power)))
                .find(|step| last / step <= 7);
            let step = step.unwrap_or(last);
            [1].into_iter().chain((step..=last).step_by(step as usize)).collect()
        }
    };
    epochs.into_iter().map(f64::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_ends_with_the_shortest_curve() {
        let curves = [vec![(1.0, 0.5), (2.0, 0.3)], vec![(1.0, 0.7)]];
        assert_eq!(mean(&curves), [(1.0, 0.6)]);
        assert_eq!(mean(&[]), []);
    }

    #[test]
    fn epochs_are_few_and_whole() {
        assert_eq!(epochs(1.0), [1.0]);
        assert_eq!(epochs(4.0), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(epochs(11.0), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        assert_eq!(epochs(100.0), [1.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(epochs(30.0), [1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
    }
}
