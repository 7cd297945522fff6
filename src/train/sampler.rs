//! The order of samples and what chance does to them, as pure functions of seed, epoch and sample.

use crate::nn::Stream;

/// Which samples stand in which batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Seed of the order and of the flips.
    pub seed: u64,
    /// Number of samples.
    pub samples: usize,
    /// Samples per batch.
    pub batch: usize,
    /// Leave out a last batch that is not full.
    pub drop_last: bool,
    /// Leave out a last batch of a single sample, of which batch normalisation could not tell anything.
    pub drop_single: bool,
}

impl Sampler {
    /// Batches per epoch. Whatever is to be dropped, a lone batch stays.
    #[must_use]
    pub fn batches(&self) -> usize {
        let (full, rest) = (self.samples / self.batch, self.samples % self.batch);
        let kept = rest > 0 && !self.drop_last && !(rest == 1 && self.drop_single);
        full + usize::from(kept || (full == 0 && rest > 0))
    }

    /// The samples of an epoch in their order: sorted by a random key of each.
    #[must_use]
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let stream = Stream::new(self.seed).named("order").numbered(epoch as u64);
        let mut order: Vec<usize> = (0..self.samples).collect();
        order.sort_by_cached_key(|&sample| stream.bits(sample as u64));
        order
    }

    /// True when a view of a sample is flipped in an epoch, which happens with probability `rate`.
    #[must_use]
    pub fn flips(&self, epoch: usize, view: usize, sample: usize, rate: f64) -> bool {
        let stream = Stream::new(self.seed).named("flip").numbered(epoch as u64);
        // The first view is the one that trainings with labels have.
        let stream = if view == 0 {
            stream
        } else {
            stream.named("view").numbered(view as u64)
        };
        stream.uniform(sample as u64) < rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sampler(samples: usize, batch: usize, drop_last: bool, drop_single: bool) -> Sampler {
        Sampler {
            seed: 4,
            samples,
            batch,
            drop_last,
            drop_single,
        }
    }

    proptest! {
        #[test]
        fn an_order_is_a_permutation_and_differs_by_epoch(samples in 20usize..300, epoch in 0usize..50) {
            let sampler = sampler(samples, 8, false, false);
            let order = sampler.order(epoch);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..samples).collect::<Vec<_>>());
            prop_assert_ne!(&order, &sampler.order(epoch + 1));
            prop_assert_eq!(&order, &sampler.order(epoch));
        }
    }

    #[test]
    fn last_batches_are_kept_or_dropped() {
        let batches = |samples, drop_last, drop_single| sampler(samples, 4, drop_last, drop_single).batches();
        assert_eq!(
            [
                batches(8, false, true),
                batches(9, false, true),
                batches(10, false, true)
            ],
            [2, 2, 3]
        );
        assert_eq!(
            [
                batches(9, false, false),
                batches(9, true, false),
                batches(3, true, false)
            ],
            [3, 2, 1]
        );
        assert_eq!([batches(1, false, true), batches(0, false, true)], [1, 0]);
    }

    #[test]
    fn flips_have_their_rate() {
        let sampler = sampler(10_000, 4, false, false);
        let flips = |rate| (0..10_000).filter(|&sample| sampler.flips(3, 0, sample, rate)).count();
        assert_eq!([flips(0.0), flips(1.0)], [0, 10_000]);
        assert!((flips(0.3) as f64 / 3_000.0 - 1.0).abs() < 0.05);
    }
}
