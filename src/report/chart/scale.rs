//! Linear scales and their ticks.

/// A linear map from values to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
}

impl Scale {
    /// Maps `domain` onto `range`; an empty domain maps to the middle.
    pub(in crate::report) fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self { domain, range }
    }

    /// The pixel of a value; values outside the domain are drawn at its end.
    pub(in crate::report) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let share = if high > low {
            ((value - low) / (high - low)).clamp(0.0, 1.0)
        } else {
            0.5
        };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// Round numbers that cover a range: multiples of 1, 2 or 5 times a power of ten, about `count` of them.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Ticks {
    /// The numbers, ascending; the outer two are the domain's ends.
    pub(in crate::report) values: Vec<f64>,
    /// Decimals that tell them apart.
    pub(in crate::report) decimals: usize,
}

impl Ticks {
    /// Ticks around `low..=high`.
    pub(in crate::report) fn around(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() {
            (low, high.max(low))
        } else {
            (0.0, 1.0)
        };
        let span = if high > low {
            high - low
        } else {
            low.abs().max(1.0) * 0.1
        };
        let raw = span / count.max(1) as f64;
        let magnitude = raw.log10().floor();
        let power = 10f64.powf(magnitude);
        let factor = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|factor| factor * power >= raw * 0.999)
            .unwrap_or(10.0);
        let step = factor * power;
        // The slack keeps a bound that is a tick itself, but for rounding, from adding another tick.
        let (start, end) = ((low / step + 1e-6).floor() as i64, (high / step - 1e-6).ceil() as i64);
        let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        Self {
            values: (start..=end.max(start + 1)).map(|place| place as f64 * step).collect(),
            decimals,
        }
    }

    /// The outer two.
    pub(in crate::report) fn domain(&self) -> (f64, f64) {
        (
            self.values.first().copied().unwrap_or(0.0),
            self.values.last().copied().unwrap_or(1.0),
        )
    }

    /// A tick's label.
    pub(in crate::report) fn label(&self, value: f64) -> String {
        let text = format!("{value:.*}", self.decimals);
        if text
            .trim_start_matches('-')
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'.'))
        {
            return text.trim_start_matches('-').to_owned();
        }
        text.replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        let labels = |low, high| {
            let ticks = Ticks::around(low, high, 5);
            ticks.values.iter().map(|&value| ticks.label(value)).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.52, 0.71), ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75"]);
        assert_eq!(
            labels(-0.04, 0.08),
            ["−0.04", "−0.02", "0.00", "0.02", "0.04", "0.06", "0.08"][..]
                .to_vec()
                .iter()
                .map(|s| s.to_string())
                .collect::<Vec<_>>()
        );
        assert_eq!(labels(1.0, 7.0), ["0", "2", "4", "6", "8"]);
    }

    proptest! {
        #[test]
        fn ticks_cover_the_range_in_ascending_order(low in -1e3f64..1e3, span in 1e-6f64..1e3) {
            let ticks = Ticks::around(low, low + span, 5);
            let (start, end) = ticks.domain();
            prop_assert!(start <= low + 1e-5 * span && end >= low + span - 1e-5 * span);
            prop_assert!(ticks.values.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!((2..=13).contains(&ticks.values.len()));
        }
    }
}
