//! The bodies of the stages: one file per kind of stage.
//!
//! A body takes paths of verified inputs and a folder to write to; it knows neither keys nor the store.

mod contrast;
mod describe;
mod export_weights;
mod feed;
mod load;
mod pictures;
mod prepare;
mod report;
mod score;
mod study;
mod train;

use crate::{
    nn::{Mode, network_bytes},
    plan::stage::{Role, Train, Work},
    train::Footprint,
};
pub use report::tuning_auc;
use std::{
    collections::BTreeMap,
    error, io, iter,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
pub use study::softmax;
use thiserror::Error;

/// What a running stage may use.
pub struct Context<'a> {
    /// Its inputs, verified.
    pub inputs: &'a [(Role, PathBuf)],
    /// An empty folder for its outputs.
    pub folder: &'a Path,
    /// Becomes true when the run is to stop.
    pub cancel: &'a AtomicBool,
    /// Hears how far the stage has come.
    pub monitor: &'a dyn Monitor,
    /// Keeps the state of a training between runs.
    pub states: &'a dyn States,
    /// How often a training saves its state inside an epoch.
    pub save_every: Duration,
    /// Goes on from a state that another class of device has left.
    pub allow_device_change: bool,
}

/// Hears how far a stage has come.
pub trait Monitor: Sync {
    /// So many pictures are done.
    fn progress(&self, progress: &Progress);
    /// An epoch is complete.
    fn epoch(&self, epoch: u32, epochs: u32, training_loss: f64, tuning_loss: Option<f64>);
    /// A training goes on from a saved state, which devices of these classes have made.
    fn resumed(&self, epoch: u32, step: u64, devices: &[String]);
}

/// How far a stage has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Pictures done.
    pub done: u64,
    /// Pictures in all.
    pub total: u64,
    /// While training: epoch from 1, and of how many.
    pub epoch: Option<(u32, u32)>,
    /// While training: step in the epoch from 1, and of how many.
    pub step: Option<(u64, u64)>,
    /// While training: loss of the last step.
    pub loss: Option<f64>,
}

/// Files of a state's parts, by their names.
pub type Parts = BTreeMap<String, PathBuf>;

/// A state that a training has saved.
#[derive(Clone, Debug)]
pub enum Saved {
    /// Inside an epoch, in one file.
    Inside(PathBuf),
    /// After an epoch.
    After(Parts),
}

/// What is known beyond the epochs that a training has done.
#[derive(Clone, Debug)]
pub enum Ahead {
    /// Nothing: the next epoch is this training's to do, and nobody else does it meanwhile.
    Train,
    /// The state after more epochs; it may be let go before it is read.
    Known(Parts),
    /// Nothing, and the run is to stop.
    Stop,
}

/// An epoch that is complete.
#[derive(Clone, Copy, Debug)]
pub struct EpochEnd<'a> {
    /// How many are complete.
    pub done: u32,
    /// The one with the smallest tuning loss, counted from 1.
    pub best: Option<u32>,
    /// The classes of the devices that computed, in the order of their first step.
    pub devices: &'a [String],
}

/// Keeps the states of a training between runs: inside an epoch for itself, after an epoch for every training that begins
/// alike.
pub trait States: Sync {
    /// The last state that this training has saved.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn own(&self) -> Result<Option<Saved>, StageError>;

    /// The folder by which [`States::own`] knows: without it the training begins anew.
    fn folder(&self) -> PathBuf;

    /// Saves a state inside an epoch, whole or not at all: `write` fills the file that it is given.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save(&self, write: &mut dyn FnMut(&Path) -> io::Result<()>) -> Result<(), StageError>;

    /// To be called before every epoch with the number of those done. Waits while somebody else trains the same epoch.
    ///
    /// # Errors
    /// When what is stored cannot be read.
    fn before_epoch(&self, done: u32) -> Result<Ahead, StageError>;

    /// Saves the state after an epoch, whole or not at all: `write` fills the folder that it is given with the files of its
    /// parts, and gives their names.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save_epoch(
        &self,
        end: &EpochEnd<'_>,
        write: &mut dyn FnMut(&Path) -> io::Result<Vec<&'static str>>,
    ) -> Result<(), StageError>;

    /// Gives a part of the last state after an epoch a second name among the outputs, when that is the state after `done`
    /// epochs; false when it cannot be done.
    ///
    /// # Errors
    /// When the part cannot be read.
    fn link(&self, done: u32, part: &str, target: &Path) -> Result<bool, StageError>;
}

/// Why a stage did not end.
#[derive(Debug, Error)]
pub enum StageError {
    /// The run was stopped.
    #[error("stopped")]
    Cancelled,
    /// It could not be carried out.
    #[error("{message}")]
    Failed {
        /// Why.
        message: String,
        /// What to do.
        help: Option<String>,
    },
}

impl StageError {
    /// A failure with the words of its cause; for a full disk with what to do.
    pub fn failed(cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        let cause = cause.into();
        let chain = iter::successors(Some(&*cause as &(dyn error::Error + 'static)), |error| error.source());
        let io = chain
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .map(io::Error::kind);
        let is_full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        Self::Failed {
            message: cause.to_string(),
            help: io
                .into_iter()
                .any(is_full)
                .then(|| "make room on that disk; the same command goes on from here".to_owned()),
        }
    }

    /// The same with a word on what to do.
    #[must_use]
    pub fn help(self, words: impl Into<String>) -> Self {
        match self {
            Self::Failed { message, .. } => Self::Failed {
                message,
                help: Some(words.into()),
            },
            Self::Cancelled => Self::Cancelled,
        }
    }
}

/// Files that a stage wrote, by the name of the output.
pub type Outputs = Vec<(String, PathBuf)>;

impl Context<'_> {
    /// The input in a role.
    fn input(&self, role: Role) -> Result<&Path, StageError> {
        let found = self
            .inputs
            .iter()
            .find(|(of, _)| *of == role)
            .map(|(_, path)| path.as_path());
        found.ok_or_else(|| StageError::failed(format!("the plan gives no input in the role {role:?}")))
    }

    /// [`StageError::Cancelled`] when the run is to stop.
    fn check_cancelled(&self) -> Result<(), StageError> {
        if self.cancel.load(Ordering::Relaxed) {
            Err(StageError::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// Carries a stage out.
///
/// # Errors
/// [`StageError::Cancelled`] when it was stopped, else why it failed.
pub fn execute(work: &Work, context: &Context<'_>) -> Result<Outputs, StageError> {
    context.check_cancelled()?;
    match work {
        Work::Prepare(prepare) => prepare::run(prepare, context),
        Work::Load(load) => load::run(load, context),
        Work::Train(train) => train::run(train, context),
        Work::Contrast(contrast) => contrast::run(contrast, context),
        Work::Score(score) => score::run(score, context),
        Work::Compare(design) => report::compare(design, context),
        Work::Report(report) => report::run(report, context),
        Work::Extract(extract) => report::extract(extract, context),
        Work::ExportWeights(export) => export_weights::run(export, context),
        Work::Describe(card) => describe::run(card, context),
    }
}

/// What decides the memory of a stage that trains, known without running it; none for others.
#[must_use]
pub fn footprint(work: &Work) -> Option<Footprint<'_>> {
    let (training, views) = work.training()?;
    Some(footprint_of(training, views))
}

/// What decides the memory of a training in whose batches so many pictures stand for each sample.
#[must_use]
pub fn footprint_of(training: &Train, views: u64) -> Footprint<'_> {
    train::footprint(training, views)
}

/// Bytes of the largest memory that a stage's network and its training need, as [`Footprint::bytes`]; none for other stages,
/// and for those that could not run.
#[must_use]
pub fn peak_bytes(work: &Work) -> Option<u64> {
    match work {
        Work::Score(score) => {
            let network = network_bytes(&score.graph, Mode::Evaluate, score::BATCH);
            network.ok().map(|(bytes, _)| bytes)
        }
        _ => footprint(work)?.bytes().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataError;

    fn help(kind: io::ErrorKind) -> Option<String> {
        let error = DataError::Io {
            path: "pictures".into(),
            source: kind.into(),
        };
        match StageError::failed(error) {
            StageError::Failed { help, .. } => help,
            StageError::Cancelled => None,
        }
    }

    #[test]
    fn a_full_disk_is_recognised_through_the_errors_around_it() {
        assert!(help(io::ErrorKind::StorageFull).is_some_and(|help| help.contains("make room")));
        assert!(help(io::ErrorKind::QuotaExceeded).is_some());
        assert_eq!(help(io::ErrorKind::NotFound), None);
    }
}
