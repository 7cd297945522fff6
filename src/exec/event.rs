//! The one stream of events of a run; the progress display and the JSON log are drawn from it.

use crate::plan::{canon::Key, digest::Digest};
use petgraph::graph::NodeIndex;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf, sync::Arc};

/// Something that happened in a run. Serialised, each is one line of `mtl run --format json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan is made.
    Planned {
        /// Schema of these lines.
        schema: &'static str,
        /// Stages in the plan.
        stages: usize,
        /// Names of the outputs.
        outputs: Vec<String>,
    },
    /// A stage begins to run.
    StageStarted {
        /// Its name.
        stage: String,
        /// Its kind.
        kind: &'static str,
        /// Its key.
        key: String,
        /// What else a reader is told of it: what was made of a weight file, whether a training keeps its head.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<Cow<'static, str>>,
    },
    /// A training goes on from a saved state: its own, or one that another training with the same beginning has left. Of the
    /// epochs before it there is no [`Event::EpochFinished`].
    Resumed {
        /// The stage.
        stage: String,
        /// Epochs that were complete.
        epoch: u32,
        /// Steps into the next.
        step: u64,
    },
    /// How far a stage has come.
    Progress(Progress),
    /// An epoch of a training is complete.
    EpochFinished {
        /// The stage.
        stage: String,
        /// Its number, from 1.
        epoch: u32,
        /// Of how many.
        epochs: u32,
        /// Mean training loss.
        training_loss: f64,
        /// Loss on the tuning part, if there is one.
        tuning_loss: Option<f64>,
    },
    /// A stage has run.
    StageFinished {
        /// Its name.
        stage: String,
        /// Its kind.
        kind: &'static str,
        /// Its key.
        key: Key,
        /// How long it ran, in seconds.
        seconds: f64,
        /// Digest of each output.
        outputs: Arc<BTreeMap<String, Digest>>,
        /// The class of the device that computed it.
        device_class: Arc<str>,
        /// Its place in the plan, for listeners that have it.
        #[serde(skip)]
        node: NodeIndex,
    },
    /// A stage's result was known.
    StageReused {
        /// Its name.
        stage: String,
        /// Its kind.
        kind: &'static str,
        /// Its key.
        key: Key,
        /// Digest of each output.
        outputs: Arc<BTreeMap<String, Digest>>,
        /// The class of the device that computed it, which may be another one than this.
        device_class: Arc<str>,
        /// Its place in the plan, for listeners that have it.
        #[serde(skip)]
        node: NodeIndex,
    },
    /// Results that were reused were computed on another class of device, whose last bits may differ.
    OtherDevice {
        /// That class.
        device_class: String,
        /// The class of this device.
        here: &'static str,
        /// How many stages.
        stages: usize,
    },
    /// Another process computes the stage, or an epoch of a training that it shares; this one waits.
    Waiting {
        /// The stage.
        stage: String,
    },
    /// A stored object was damaged or missing; it is put aside and made again.
    Damaged {
        /// The stage that made it.
        stage: String,
    },
    /// The store found something amiss and dealt with it.
    Noticed {
        /// What, and what became of it.
        message: String,
    },
    /// A stage may need more memory than there is.
    Tight {
        /// The stage.
        stage: String,
        /// Bytes that it may need.
        needed: u64,
        /// Bytes that are available.
        there: u64,
    },
    /// A stage that was known, and ran again, gave other bytes: because it was forced to, or its result was damaged.
    Differs {
        /// The stage.
        stage: String,
        /// What it had given before.
        before: BTreeMap<String, Digest>,
    },
    /// A stage could not be carried out.
    StageFailed {
        /// Its name.
        stage: String,
        /// Its kind.
        kind: &'static str,
        /// Why.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// A stage was not tried because one that it needs failed, or because the run was stopped.
    StageSkipped {
        /// Its name.
        stage: String,
    },
    /// The files of an output lie in its folder.
    OutputWritten {
        /// The output.
        output: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// The end.
    RunFinished(Summary),
}

/// How far a stage has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// The stage.
    pub stage: String,
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

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Stages that ran.
    pub ran: usize,
    /// Stages whose results were known.
    pub reused: usize,
    /// Stages that failed.
    pub failed: usize,
    /// Stages that were not tried.
    pub skipped: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// True when the run was stopped from outside.
    pub interrupted: bool,
}

/// Listens to a run. Called from the thread that runs a stage, so it must be quick.
pub trait Listener: Sync {
    /// Takes one event.
    fn event(&self, event: &Event);
}
