//! What the loop hears and tells, and where the program comes from.

use super::{matrix::Place, view::View};
use crate::{
    exec::{self, Event, Summary, history},
    plan::Plan,
    store::Store,
};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

/// A program as it stands.
pub struct Loaded {
    /// What is to be done; none when the program has an error.
    pub go: Option<Go>,
    /// What is wrong, or worth a warning, in words.
    pub messages: String,
    /// Files that were asked for, whether they are there or not.
    pub files: BTreeSet<PathBuf>,
    /// Folders of class folders.
    pub trees: BTreeSet<PathBuf>,
}

/// What is to be done.
pub struct Go {
    /// The plan.
    pub plan: Arc<Plan>,
    /// How it is to be run.
    pub options: exec::Options,
    /// What a run of it is called in the history.
    pub setup: history::Setup,
}

/// Where the program comes from.
pub trait Source {
    /// Loads, checks and plans it.
    fn load(&self) -> Loaded;
}

/// What the loop hears.
#[derive(Debug)]
pub enum Message {
    /// Signs of change, and when they came.
    Touched(Vec<PathBuf>, Instant),
    /// Somebody is about to ask for results on test data, or is no longer.
    Asks(bool),
    /// Results on test data are to be shown, once all has run.
    Reveal,
    /// Decide anew, though nothing has changed.
    Again,
    /// Something happened in a run.
    Event(u64, Event),
    /// A run has ended.
    Ended(u64, Summary),
    /// The AUC of a model on its tuning part, in the plan of this number.
    Valued(u64, Place, Option<f64>),
}

/// What is told as it happens, a line each. Serialised, each is one line of `mtl watch --format json`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Told<'a> {
    /// A change was decided on.
    Decided {
        /// `mtl.watch_events/1`.
        schema: &'static str,
        /// How many decisions there were.
        decision: u64,
        /// Milliseconds since the first sign of the change.
        ms: f64,
        /// Stages of the plan.
        stages: usize,
        /// Those whose results are known.
        known: usize,
        /// Stages of earlier plans that run and are wanted no more.
        dropped: usize,
        /// Whether the plan is another one than before.
        is_new: bool,
    },
    /// The program has an error, or cannot be looked up.
    Trouble {
        /// In words.
        text: &'a str,
    },
    /// A run has ended.
    Settled {
        /// The run, by number.
        run: u64,
        /// Its counts.
        #[serde(flatten)]
        summary: Summary,
    },
    /// Something happened in a run.
    #[serde(untagged)]
    Run {
        /// The run, by number.
        run: u64,
        /// What.
        #[serde(flatten)]
        what: &'a Event,
    },
}

/// What a person sees.
pub trait Screen {
    /// Shows the view as it is now.
    fn show(&mut self, view: &View);
    /// Nothing has happened for a while.
    fn idle(&mut self, _: &View) {}
    /// Something happened.
    fn told(&mut self, told: &Told<'_>);
}

/// What is watched, and how.
pub struct Watching<'a> {
    /// The program.
    pub source: &'a dyn Source,
    /// Its name, as it is shown.
    pub program: String,
    /// Where results are.
    pub store: &'a Store,
    /// Folders that runs write to; what happens there is no change.
    pub own: Vec<PathBuf>,
    /// Raised when it is to end.
    pub end: Arc<AtomicBool>,
    /// Whether results on test data are shown, and recorded as looks, whenever they are there.
    pub is_unsealed: bool,
}

/// The stage that an event is about.
pub(super) fn stage_of(event: &Event) -> Option<&str> {
    match event {
        Event::StageStarted { stage, .. }
        | Event::Resumed { stage, .. }
        | Event::EpochFinished { stage, .. }
        | Event::StageFinished { stage, .. }
        | Event::StageReused { stage, .. }
        | Event::StageFailed { stage, .. }
        | Event::StageSkipped { stage, .. } => Some(stage),
        Event::Progress(progress) => Some(&progress.stage),
        _ => None,
    }
}

/// What of an event is worth a line.
pub(super) fn story(event: &Event) -> Option<String> {
    match event {
        Event::Resumed { stage, epoch, step } => {
            Some(format!("{stage}: going on after {epoch} epochs and {step} steps"))
        }
        Event::StageFinished { stage, seconds, .. } => Some(format!("{stage}: done in {seconds:.1} s")),
        Event::StageFailed { stage, message, .. } => Some(format!("{stage}: {message}")),
        _ => None,
    }
}
