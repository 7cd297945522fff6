//! A range of numbers.

use serde::{Deserialize, Serialize};

/// The numbers from `low` to `high`: `0.9..1.1`, and with `high` itself `0.9..=1.1`. It holds at least one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least number of it.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// True when `high` belongs to it.
    pub inclusive: bool,
}

impl Range {
    /// The range between two finite numbers; none when it would hold no number.
    #[must_use]
    pub fn new(low: f64, high: f64, inclusive: bool) -> Option<Self> {
        let some = low < high || (inclusive && low == high);
        (some && low.is_finite() && high.is_finite()).then_some(Self { low, high, inclusive })
    }

    /// True when a number lies in it.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        self.low <= number && (number < self.high || (self.inclusive && number == self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_belong_to_a_range_as_its_sign_says() {
        let open = Range::new(0.9, 1.1, false).expect("it holds numbers");
        assert!(open.contains(0.9) && open.contains(1.0) && !open.contains(1.1) && !open.contains(0.89));
        let closed = Range::new(0.9, 1.1, true).expect("it holds numbers");
        assert!(closed.contains(1.1) && !closed.contains(f64::NAN));
        assert!(Range::new(1.0, 1.0, true).is_some() && Range::new(1.0, 1.0, false).is_none());
        assert!(Range::new(1.1, 0.9, true).is_none() && Range::new(0.0, f64::INFINITY, true).is_none());
    }
}
