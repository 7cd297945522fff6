//! Stages: pure functions from (kind, parameters, input digests) to output files.
//!
//! What stands in a [`Work`] enters the stage's key through the canonical encoder, so its fields hold what decides the
//! result and nothing else; paths, names and source places are skipped, and the *contents* of files enter as digests.

mod card;
mod extract;
mod pictures;
mod range;
mod scoring;
mod study;

use crate::{
    net::{Graph, Op, ParameterId},
    source::Span,
};
pub use card::{Card, CardTable, CardValue};
pub use extract::{Extract, Part, What};
pub use pictures::{Augmentation, Side, Transform};
pub use range::Range;
pub use scoring::{Candidate, Chosen, Measure, Scoring};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};
pub use study::{
    Adjust, Axis, Cell, Choice, ChoiceBy, Dag, DataFacts, Design, Member, OtherStudy, Primary, Report, SampleFacts,
    TaskFacts, Test, TrainingFacts, UnitFacts, Units, Unmatched,
};

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
            Self::Describe(_) => "describe",
        }
    }

    /// What a reader of a plan is told of it beside its name: whether a training keeps the head that it begins with.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        match self {
            Self::Train(train) => Some(match train.start {
                Start::Random { .. } => "from random weights",
                Start::Model { new_head: Some(_), .. } => "head drawn anew",
                Start::Model { new_head: None, .. } => "head kept",
            }),
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
    /// The p values of another study, by the place in [`Report::others`].
    Comparisons(u32),
}

impl Role {
    /// The name of the output that is taken in this role.
    #[must_use]
    pub fn output(self) -> &'static str {
        match self {
            Self::Pictures | Self::TaskPictures(_) => "pictures",
            Self::Model => "model",
            Self::Scores(_) => "scores",
            Self::History(_) => "history",
            Self::Comparisons(_) => "comparisons",
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

/// Reads a weight file (safetensors). Output `model`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
    /// The network that it must fit.
    pub graph: Arc<Graph>,
    /// How the first layer is made when the file's has other channels; none when it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapt: Option<InputAdapt>,
}

/// How a layer that reads the pictures is made of one for another number of channels.
///
/// With the file's weights `W[f]` of `F` channels, and `N` channels in the network, each of the network's is given below.
/// A network made by `Sum` answers `N` equal channels as the file's answers `F` of them, and so does one made by
/// `Replicate` whenever one of the two numbers divides the other. `Sum` to one channel and `Replicate` from three are
/// timm's `adapt_input_conv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputAdapt {
    /// `sum of W / N`
    Sum,
    /// `sum of W / F`
    Mean,
    /// Channel `n` is `W[n mod F] F / N`.
    Replicate,
}

impl InputAdapt {
    /// The word of the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Replicate => "replicate",
        }
    }
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
}

/// Pictures of most samples; left out of keys, so that those without views keep theirs.
fn one() -> u32 {
    1
}

/// By reference, as serde asks.
fn is_one(views: &u32) -> bool {
    *views == 1
}

/// Where training starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Start {
    /// Random weights; they depend on the network and this seed alone.
    Random {
        /// The seed.
        seed: u64,
    },
    /// The input in the role [`Role::Model`].
    Model {
        /// Seed of a new head; none keeps the model's own.
        new_head: Option<u64>,
        /// The weights of a single network serve each of so many towers with parameters of their own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spread: Option<u32>,
    },
}

/// A parameter schedule over the steps of one training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// The base rate throughout.
    Constant,
    /// Multiplied by `factor` at the beginning of every `every`-th epoch.
    Step {
        /// Epochs between falls.
        every: u32,
        /// The factor.
        factor: f64,
    },
    /// From the base rate to 0 along half a cosine, per step, after a linear rise over the share `warmup` of all steps.
    Cosine {
        /// Share of all steps, `0..1`.
        warmup: f64,
    },
}

/// An optimiser with its constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum as torch has it; decay is added to the gradient.
    Sgd {
        /// Momentum.
        momentum: f64,
        /// L2 decay.
        decay: f64,
    },
    /// AdamW (Loshchilov and Hutter 2019); decay is decoupled.
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// Decoupled decay.
        decay: f64,
    },
}

/// Trains one model. Outputs `model` (weights and statistics) and `history` (JSON, per epoch).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Train {
    /// The network.
    pub graph: Arc<Graph>,
    /// Where it starts.
    pub start: Start,
    /// What it learns from.
    pub training: Arc<Samples>,
    /// The tuning part: watched, never learnt from. May be empty.
    pub tuning: Arc<Samples>,
    /// Normalisation of its pictures.
    pub normalization: Normalization,
    /// Passes over the training samples.
    pub epochs: u32,
    /// Optimiser steps after which training ends, in the last epoch; none when that one is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<u64>,
    /// Samples per step.
    pub batch: u32,
    /// Leaves out an incomplete last batch.
    pub drop_last: bool,
    /// Base rate of each parameter of the graph, in its order; 0 for those that do not train.
    pub rates: Vec<f64>,
    /// Parameters whose weights are fixed, by place in the graph.
    pub frozen_weights: Vec<bool>,
    /// Statistics that are fixed, by place in the graph.
    pub frozen_statistics: Vec<bool>,
    /// How rates change.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// True: decay acts on every trained parameter; false: on weights alone, not on biases and norms.
    pub decay_all: bool,
    /// Largest global norm of the gradient.
    pub clip: Option<f64>,
    /// Random changes of training pictures, in order.
    pub augment: Vec<Augmentation>,
    /// Decides order, augmentation and dropout.
    pub seed: u64,
}

impl Train {
    /// True when some layer normalises by its batch while training.
    #[must_use]
    pub fn has_batch_statistics(&self) -> bool {
        let frozen = |id: ParameterId| self.frozen_statistics.get(id.0).copied().unwrap_or(false);
        self.graph
            .nodes
            .iter()
            .any(|node| matches!(node.op, Op::BatchNorm { mean, .. } if !frozen(mean)))
    }

    /// Optimiser steps of one epoch: the batches that the training loop's sampler makes.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        let (samples, batch) = (self.training.count() as u64, u64::from(self.batch.max(1)));
        let (whole, rest) = (samples / batch, samples % batch);
        // Batch normalisation of one sample has little to measure, so a last batch of one is left out.
        let kept = rest > 0 && !self.drop_last && !(rest == 1 && self.has_batch_statistics());
        whole + u64::from(kept || whole == 0 && rest > 0)
    }

    /// Optimiser steps of the whole training.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.stop.unwrap_or(self.steps_per_epoch() * u64::from(self.epochs))
    }

    /// Samples seen in the whole training, repetitions counted.
    #[must_use]
    pub fn samples_seen(&self) -> u64 {
        let (samples, batch) = (self.training.count() as u64, u64::from(self.batch.max(1)));
        let (steps, per_epoch) = (self.steps(), self.steps_per_epoch().max(1));
        let in_epoch = samples.min(per_epoch * batch);
        steps / per_epoch * in_epoch + in_epoch.min(steps % per_epoch * batch)
    }

    /// Pictures seen in the whole training, repetitions counted: the mean number of a sample for each that is seen.
    #[must_use]
    pub fn pictures_seen(&self) -> u64 {
        let (pictures, samples) = (self.training.pictures() as u64, self.training.count().max(1) as u64);
        self.samples_seen() * pictures / samples
    }
}

/// Trains one model to tell pictures apart (SimCLR: Chen, Kornblith, Norouzi and Hinton 2020, arXiv 2002.05709). Outputs as
/// those of [`Train`]; the model is without the projection, and its heads are as they began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contrast {
    /// How it trains. The graph ends in the projection, [`Graph::with_projection`]; classes of samples say nothing.
    pub training: Train,
    /// By which similarities are divided.
    pub temperature: f64,
    /// Parameters that begin at random whatever model arrives, by place in the graph: the projection's and those of heads.
    pub fresh: Vec<bool>,
}

impl Contrast {
    /// Random views of each picture in a step.
    pub const VIEWS: u64 = 2;
}

/// Scores held-out samples. Output `scores`: safetensors with `test` and `tuning`, logits `[samples, classes]` f32.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Score {
    /// The network.
    pub graph: Arc<Graph>,
    /// Normalisation of its pictures.
    pub normalization: Normalization,
    /// Rows of the prepared file that are tested: for each sample one per view, [`ABSENT`] where it is missing.
    pub test: Arc<Vec<u32>>,
    /// Rows of the tuning part, scored apart.
    pub tuning: Arc<Vec<u32>>,
    /// Changes under which every picture is scored, each certain; the scores are the logarithms of their mean
    /// probabilities. Empty: the picture as it is, and its logits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tta: Vec<Augmentation>,
    /// Pictures of a sample.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub views: u32,
}
