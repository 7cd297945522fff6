//! Stages: pure functions from (kind, parameters, input digests) to output files.
//!
//! What stands in a [`Work`] enters the stage's key through the canonical encoder, so its fields hold what decides the
//! result and nothing else; paths, names and source places are skipped, and the *contents* of files enter as digests.

mod card;
mod export;
mod extract;
mod load;
mod pictures;
mod range;
mod recipe;
mod scoring;
mod study;
mod training;

use crate::{net::Graph, plan::canon::shared, source::Span};
pub use card::{Card, CardTable, CardValue};
pub use export::ExportWeights;
pub use extract::{Extract, Part, What};
pub use load::{Fresh, InputAdapt, Load, WeightFacts};
pub use pictures::{Augmentation, Side, Transform};
pub use range::Range;
pub use recipe::{Curve, Fall, Keep, Link, Loss, Mix, OneCycle, Optimizer, Plateau, Schedule};
pub use scoring::{Candidate, Chosen, Measure, Scoring};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, path::PathBuf, sync::Arc};
pub use study::{
    Adjust, Axis, Cell, Choice, ChoiceBy, Dag, DataFacts, Design, Member, OtherStudy, Primary, Report, SampleFacts,
    TaskFacts, Test, TrainingFacts, UnitFacts, Units, Unmatched,
};
pub use training::{Contrast, Start, Train};

/// A stage of the plan.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Readable and unique in its plan: `scores[density]/fold2/finetune`.
    pub name: String,
    /// What it does.
    pub work: Work,
    /// The expression that made it.
    pub span: Option<Span>,
}

/// What a stage does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// Decodes pictures once, into one prepared file.
    Prepare(Prepare),
    /// Reads a weight file, checked against a network.
    Load(Load),
    /// Trains.
    Train(Box<Train>),
    /// Trains without labels.
    Contrast(Box<Contrast>),
    /// Scores held-out samples.
    Score(Box<Score>),
    /// Computes the p values of a study's comparisons, for the families of other reports. Output `comparisons`: JSON,
    /// one number or null per comparison.
    Compare(Box<Design>),
    /// Computes the statistics of a study and writes what a person opens.
    Report(Box<Report>),
    /// Writes something of a study's scores alone: a table, the predictions, a ranking.
    Extract(Box<Extract>),
    /// Writes weights as files.
    ExportWeights(Box<ExportWeights>),
    /// Writes what a network or a data set is made of.
    Describe(Box<Card>),
}

impl Work {
    /// The kind's name, as it is shown and as it stands in keys.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Prepare(_) => "prepare",
            Self::Load(_) => "load",
            Self::Train(_) => "train",
            Self::Contrast(_) => "simclr",
            Self::Score(_) => "score",
            Self::Compare(_) => "compare",
            Self::Report(_) => "report",
            Self::Extract(extract) => extract.what.kind(),
            Self::ExportWeights(_) => "export_weights",
            Self::Describe(_) => "describe",
        }
    }

    /// What a reader of a plan is told of it beside its name: whether a training keeps the head that it begins with, what
    /// was made of a weight file.
    #[must_use]
    pub fn note(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Train(train) => Some(Cow::Borrowed(match train.start {
                Start::Random { .. } => "from random weights",
                Start::Model { new_head: Some(_), .. } => "head drawn anew",
                Start::Model { new_head: None, .. } => "head kept",
            })),
            Self::Load(load) => Some(load.facts.to_string().into()),
            _ => None,
        }
    }

    /// What it trains, for stages that train, and how often each picture stands in a step.
    #[must_use]
    pub fn training(&self) -> Option<(&Train, u64)> {
        match self {
            Self::Train(train) => Some((train, 1)),
            Self::Contrast(contrast) => Some((&contrast.training, Contrast::VIEWS)),
            _ => None,
        }
    }

    /// The arithmetic of stages that compute with networks, which is part of their keys; on which class of device it is
    /// carried out is not.
    #[must_use]
    pub fn numerics(&self) -> Option<&'static str> {
        matches!(self, Self::Train(_) | Self::Contrast(_) | Self::Score(_)).then_some("f32")
    }

    /// The version of what the kind means; raised whenever the same parameters and inputs would give other bytes.
    #[must_use]
    pub fn version(&self) -> u32 {
        1
    }

    /// The files that it reads, in order; their digests are inputs.
    #[must_use]
    pub fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Prepare(prepare) => match &prepare.pictures {
                Pictures::Files(paths) => paths.iter().collect(),
                Pictures::Npz { path, .. } => vec![path],
            },
            Self::Load(load) => vec![&load.path],
            Self::Train(_)
            | Self::Contrast(_)
            | Self::Score(_)
            | Self::Compare(_)
            | Self::Report(_)
            | Self::Extract(_)
            | Self::ExportWeights(_)
            | Self::Describe(_) => Vec::new(),
        }
    }
}

/// What one stage takes from another; the edge of the plan's graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// The prepared pictures that a stage trains on or scores.
    Pictures,
    /// The model that training starts from, or that is scored.
    Model,
    /// A cell's scores, by the place in [`Design::scores`].
    Scores(u32),
    /// A training stage's history, by the place in [`Design::trainings`].
    History(u32),
    /// The prepared pictures of a task, by the place in [`Design::tasks`].
    TaskPictures(u32),
    /// A model that is exported, by the place in [`ExportWeights::files`].
    Weights(u32),
    /// The p values of another study, by the place in [`Report::others`].
    Comparisons(u32),
    /// What the ledger says of the test data; of no stage.
    Looks,
}

impl Role {
    /// The name of the output that is taken in this role.
    #[must_use]
    pub fn output(self) -> &'static str {
        match self {
            Self::Pictures | Self::TaskPictures(_) => "pictures",
            Self::Model | Self::Weights(_) => "model",
            Self::Scores(_) => "scores",
            Self::History(_) => "history",
            Self::Comparisons(_) => "comparisons",
            Self::Looks => "looks",
        }
    }
}

/// Where pictures come from, one per row of a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Pictures {
    /// One file per row.
    Files(#[serde(skip)] Vec<PathBuf>),
    /// Rows of arrays in one `.npz` file.
    Npz {
        /// The file.
        #[serde(skip)]
        path: PathBuf,
        /// Array name and row in it, as `("train_images", 7)`.
        rows: Vec<(String, u32)>,
    },
}

/// Decodes and transforms pictures.
///
/// Output `pictures`: the prepared file of `data::prepared`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The pictures, one per row.
    pub pictures: Pictures,
    /// Transforms in order.
    pub transforms: Vec<Transform>,
    /// Channels, height and width that must come out, known from headers and transforms.
    pub shape: [usize; 3],
}

/// `(x / 255 - mean) / deviation` per channel, for 8-bit pictures; the divisor is the type's largest value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Mean per channel, on the scale 0 to 1.
    pub mean: Vec<f64>,
    /// Standard deviation per channel, on the scale 0 to 1.
    pub deviation: Vec<f64>,
}

/// Samples of a prepared file with their classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Rows of the prepared file: for each sample one per view, [`ABSENT`] where it is missing.
    pub rows: Vec<u32>,
    /// Class of each, by its place in the task's list.
    pub classes: Vec<u32>,
    /// Pictures of a sample.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub views: u32,
}

/// Stands for the row of a view that a sample lacks.
pub const ABSENT: u32 = u32::MAX;

impl Default for Samples {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            classes: Vec::new(),
            views: one(),
        }
    }
}

impl Samples {
    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> usize {
        self.classes.len()
    }

    /// Pictures of all samples, missing views left out.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.rows.iter().filter(|row| **row != ABSENT).count()
    }

    /// Pictures of one sample, missing views left out.
    pub(super) fn pictures_of(&self, sample: usize) -> usize {
        let views = self.views as usize;
        let rows = &self.rows[sample * views..(sample + 1) * views];
        rows.iter().filter(|row| **row != ABSENT).count()
    }
}

/// Pictures of most samples; left out of keys, so that those without views keep theirs.
fn one() -> u32 {
    1
}

/// By reference, as serde asks.
fn is_one(views: &u32) -> bool {
    *views == 1
}

/// Scores held-out samples. Output `scores`: safetensors with `test` and `tuning`, logits `[samples, classes]` f32.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Score {
    /// The network.
    #[serde(serialize_with = "shared")]
    pub graph: Arc<Graph>,
    /// Normalisation of its pictures.
    pub normalization: Normalization,
    /// Rows of the prepared file that are tested: for each sample one per view, [`ABSENT`] where it is missing.
    #[serde(serialize_with = "shared")]
    pub test: Arc<Vec<u32>>,
    /// Rows of the tuning part, scored apart.
    #[serde(serialize_with = "shared")]
    pub tuning: Arc<Vec<u32>>,
    /// Changes under which every picture is scored, each certain; the scores are the logarithms of their mean
    /// probabilities. Empty: the picture as it is, and its logits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tta: Vec<Augmentation>,
    /// What the logits mean. Other than of a softmax, the scores are the logarithms of the probabilities.
    #[serde(default, skip_serializing_if = "Link::is_softmax")]
    pub link: Link,
    /// Pictures of a sample.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub views: u32,
}
