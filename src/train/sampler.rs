//! The order of samples and what chance does to them, as pure functions of seed, epoch and sample.

use crate::nn::Stream;

/// Which samples stand in which batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Seed of the order and of random changes.
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

    /// What chance decides of a view of a sample in an epoch; trainings with labels have the first view alone.
    #[must_use]
    pub fn chance(&self, epoch: usize, view: usize, sample: usize) -> Stream {
        let stream = Stream::new(self.seed).named("augment").numbered(epoch as u64);
        let stream = if view == 0 {
            stream
        } else {
            stream.named("view").numbered(view as u64)
        };
        stream.numbered(sample as u64)
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
    fn every_sample_has_chances_of_its_own_in_every_epoch() {
        let sampler = sampler(50, 4, false, false);
        let of = |epoch, sample| sampler.chance(epoch, 0, sample).bits(0);
        let mut drawn: Vec<_> = (0..2500).map(|place| of(place / 50, place % 50)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 2500);
        assert_eq!(of(3, 7), of(3, 7));
        assert_ne!(of(3, 7), sampler.chance(3, 1, 7).bits(0), "another view has others");
    }
}
