//! The order of samples and what chance does to them, as pure functions of seed, epoch and sample.

use crate::nn::Stream;

/// Which samples stand in which batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Seed of the order and of random changes.
    pub seed: u64,
    /// Samples that are drawn in an epoch.
    pub samples: usize,
    /// Samples per batch.
    pub batch: usize,
    /// Leave out a last batch that is not full.
    pub drop_last: bool,
    /// Leave out a last batch of a single sample, of which batch normalisation could not tell anything.
    pub drop_single: bool,
    /// How often samples of each class are drawn, together as often as `samples` says; empty when every sample is drawn once.
    pub classes: Vec<ClassDraws>,
}

/// A class whose samples are drawn so many times in every epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassDraws {
    /// Its samples.
    pub samples: Vec<usize>,
    /// Draws in an epoch; 0 when there are no samples.
    pub draws: usize,
}

/// A sample in the order of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draw {
    /// The sample.
    pub sample: usize,
    /// How often it was drawn in this epoch before.
    pub again: usize,
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
    pub fn order(&self, epoch: usize) -> Vec<Draw> {
        let stream = Stream::new(self.seed).named("order").numbered(epoch as u64);
        let draws: Vec<Draw> = match &self.classes[..] {
            [] => (0..self.samples).map(|sample| Draw { sample, again: 0 }).collect(),
            classes => self.of_classes(classes, epoch),
        };
        let mut order: Vec<usize> = (0..draws.len()).collect();
        order.sort_by_cached_key(|&place| stream.bits(place as u64));
        order.into_iter().map(|place| draws[place]).collect()
    }

    /// What is drawn of each class. The samples of a class come in passes, each in a random order of its own, one after the
    /// other through all epochs: so no sample of a class is drawn more often than another by more than one, and an epoch
    /// goes on where the one before ended without knowing it.
    fn of_classes(&self, classes: &[ClassDraws], epoch: usize) -> Vec<Draw> {
        let stream = Stream::new(self.seed).named("class");
        let mut all = Vec::with_capacity(self.samples);
        for (class, stream) in classes.iter().zip((0..).map(|class| stream.numbered(class))) {
            let count = class.samples.len();
            let (mut at, end) = (epoch * class.draws, (epoch + 1) * class.draws);
            let mut times = vec![0; count];
            while at < end && count > 0 {
                let (pass, first) = (at / count, at % count);
                let stream = stream.numbered(pass as u64);
                let mut order: Vec<usize> = (0..count).collect();
                order.sort_by_cached_key(|&place| stream.bits(place as u64));
                let taken = (count - first).min(end - at);
                for &place in &order[first..first + taken] {
                    all.push(Draw {
                        sample: class.samples[place],
                        again: times[place],
                    });
                    times[place] += 1;
                }
                at += taken;
            }
        }
        all
    }

    /// What chance decides of a view of a sample in an epoch; trainings with labels have the first view alone.
    #[must_use]
    pub fn chance(&self, epoch: usize, view: usize, draw: Draw) -> Stream {
        let stream = Stream::new(self.seed).named("augment").numbered(epoch as u64);
        let stream = match view {
            0 => stream,
            view => stream.named("view").numbered(view as u64),
        };
        let stream = stream.numbered(draw.sample as u64);
        match draw.again {
            0 => stream,
            again => stream.named("again").numbered(again as u64),
        }
    }

    /// What chance decides of a batch as a whole in an epoch: how its samples are mixed.
    #[must_use]
    pub fn batch_chance(&self, epoch: usize, batch: usize) -> Stream {
        let stream = Stream::new(self.seed).named("mix").numbered(epoch as u64);
        stream.numbered(batch as u64)
    }
}

#[cfg(test)]
mod tests;
