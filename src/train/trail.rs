//! The trail of a training: a key for the state after each of its epochs, made of all that has entered it so far.
//!
//! The root ([`crate::plan::trail`]) is made of what acts on every epoch. Key `n` is made of key `n - 1` and of what epoch
//! `n` uses beside that: for each of its steps the factor of the rates and the momentum, by their bits. So trainings that
//! begin alike have the same keys until they part, however they were written: 30 epochs at a constant rate go on from 20,
//! and a cosine over another length shares nothing.

use super::sampler::Sampler;
use super::schedule::{Fallen, Place, factor, momentum};
use crate::plan::canon::{Key, canonical};
use crate::plan::digest::Digest;
use crate::plan::stage::{Schedule, Train, Work};
use crate::plan::trail::FORMAT;
use serde::{Deserialize, Serialize};

/// What a training may have of its own after some epochs that it shares: how long it is, and how its rates go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Epochs in all.
    pub epochs: u32,
    /// Steps after which it ends within the last epoch; none when that one is whole.
    pub stop: Option<u64>,
    /// How its rates go.
    pub schedule: Schedule,
}

impl Course {
    /// That of a training.
    #[must_use]
    pub fn of(train: &Train) -> Self {
        Self {
            epochs: train.epochs,
            stop: train.stop,
            schedule: train.schedule.clone(),
        }
    }

    /// True when a step's rate depends on how many steps there are in all, so that no epoch is like that of another length.
    #[must_use]
    pub fn goes_by_length(&self) -> bool {
        match &self.schedule {
            Schedule::Cosine { .. } | Schedule::Polynomial { .. } | Schedule::OneCycle(_) | Schedule::Warmed { .. } => {
                true
            }
            Schedule::Constant
            | Schedule::Step { .. }
            | Schedule::MultiStep { .. }
            | Schedule::Exponential { .. }
            | Schedule::Restarts { .. }
            | Schedule::Plateau(_) => false,
        }
    }
}

/// The keys of a training's states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// The same for all trainings that differ in their [`Course`] alone.
    pub root: Key,
    /// After each epoch, the first one first.
    pub epochs: Vec<Key>,
}

impl Trail {
    /// The trail of a stage that trains, from its root; none for other stages.
    #[must_use]
    pub fn of(work: &Work, root: Key) -> Option<Self> {
        let (train, views) = work.training()?;
        Some(Self {
            root,
            epochs: epochs(root, train, views, &Course::of(train)),
        })
    }

    /// The keys of a training with the same root and another course.
    #[must_use]
    pub fn along(&self, work: &Work, course: &Course) -> Vec<Key> {
        let training = work.training();
        training.map_or_else(Vec::new, |(train, views)| epochs(self.root, train, views, course))
    }

    /// How many epochs two trainings share.
    #[must_use]
    pub fn shared(&self, other: &[Key]) -> usize {
        let pairs = self.epochs.iter().zip(other);
        pairs.take_while(|(own, other)| own == other).count()
    }
}

/// The key under which a state is stored: the last bits depend on the devices that computed it, so classes of devices do not
/// share. `devices` are in the order of their first step.
#[must_use]
pub fn state_key(epoch: Key, devices: &[String]) -> Key {
    Key(Digest::of(&canonical(&(FORMAT, "state", epoch, devices))))
}

fn epochs(root: Key, train: &Train, views: u64, course: &Course) -> Vec<Key> {
    let per_epoch = steps_per_epoch(train, views);
    let most = per_epoch * course.epochs as usize;
    let stop = course
        .stop
        .map_or(usize::MAX, |stop| usize::try_from(stop).unwrap_or(usize::MAX));
    let all = most.min(stop);
    let fresh = Fallen::default();
    let used = |step| {
        let place = Place { step, per_epoch, all };
        (
            factor(&course.schedule, place, &fresh),
            momentum(&course.schedule, place),
        )
    };
    let mut keys = Vec::with_capacity(course.epochs as usize);
    let mut before = root;
    for epoch in 0..course.epochs as usize {
        let begin = (epoch * per_epoch).min(all);
        let end = (begin + per_epoch).min(all);
        let steps: Vec<_> = (begin..end).map(used).collect();
        before = Key(Digest::of(&canonical(&(FORMAT, before, epoch, steps))));
        keys.push(before);
    }
    keys
}

/// As the training loop makes them.
fn steps_per_epoch(train: &Train, views: u64) -> usize {
    let sampler = Sampler {
        seed: train.seed,
        samples: match &train.draws[..] {
            [] => train.training.count(),
            draws => draws.iter().map(|draws| *draws as usize).sum(),
        },
        batch: train.batch.max(1) as usize,
        drop_last: train.drop_last,
        drop_single: train.has_batch_statistics() || views > 1,
        classes: Vec::new(),
    };
    sampler.batches().div_ceil(train.accumulate.max(1) as usize)
}

#[cfg(test)]
mod tests;
