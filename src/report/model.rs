//! What a report is drawn from: facts and finished numbers, nothing that still has to be computed.
//!
//! Probabilities, AUCs and p values are fractions. A number that is not defined is `None`; a number that is not finite
//! is treated as `None` by every output. Repeats and folds count from 0, as in the names of stages.

use super::ReportError;
use crate::{
    plan::stage::{Adjust, Axis, Choice, Dag, DataFacts, OtherStudy, Test, WeightFacts},
    store::Looks,
};

/// Lower and upper end of an interval.
pub type Interval = [f64; 2];

/// A study with its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Name of the `out`.
    pub name: String,
    /// The program's file name.
    pub program: String,
    /// The program's `//!` text, one entry per line.
    pub about: Vec<String>,
    /// Axes of the grid; none for a study of one cell.
    pub axes: Vec<Axis>,
    /// The axis whose labels are runs of one recipe, none of `axes`.
    pub replicate: Option<Axis>,
    /// The axis along which arms are compared.
    pub compare: Option<String>,
    /// The baseline's label on every axis that it fixes.
    pub baseline: Vec<(String, String)>,
    /// The correction for multiplicity.
    pub adjust: Adjust,
    /// The test that the program asks for.
    pub asked: Test,
    /// The task's label whose comparisons are the confirmatory ones; without it all are.
    pub primary: Option<String>,
    /// The program's other studies whose comparisons are corrected together with these.
    pub others: Vec<OtherStudy>,
    /// Tasks, by [`CellResult::task`].
    pub tasks: Vec<TaskResult>,
    /// One cell per coordinate, in row order of the axes.
    pub cells: Vec<CellResult>,
    /// Differences from the baseline.
    pub comparisons: Vec<Comparison>,
    /// Training stages with their learning curves, by [`MemberResult::trainings`].
    pub trainings: Vec<TrainingResult>,
    /// Every setting and who set it.
    pub choices: Vec<Choice>,
    /// What was made of each weight file, by the stage that reads it.
    pub weights: Vec<(String, WeightFacts)>,
    /// The caveats that apply, in the order of printing.
    pub caveats: Vec<Caveat>,
    /// The stages behind the results.
    pub dag: Dag,
    /// What the ledger says of the test data; none when looks are not recorded.
    pub looks: Option<Looks>,
    /// What it was computed with.
    pub environment: Environment,
}

/// What a study was computed with. The number of threads is absent because it changes no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Version of MTL.
    pub version: String,
    /// Device class, as `cpu-avx2`.
    pub device: String,
    /// Arithmetic of training, as `f32`.
    pub numerics: String,
}

/// A statement that a reader of the results must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caveat {
    /// `C3`, ...; `card` for what a data set's card says.
    pub code: String,
    /// The statement.
    pub text: String,
}

/// A task: its cohort, its classes, its split.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskResult {
    /// Its name.
    pub name: String,
    /// Classes in order; of two the one at 0 is the positive one.
    pub classes: Vec<String>,
    /// The labels of each class, as the table writes them.
    pub class_labels: Vec<Vec<String>>,
    /// The column of the labels.
    pub column: String,
    /// The column of the groups; none when samples are their own groups.
    pub group_column: Option<String>,
    /// The split in words.
    pub split: String,
    /// Folds in a repeat.
    pub folds: u32,
    /// Repeats.
    pub repeats: u32,
    /// Rows of the table, and those of them that have a class.
    pub rows: (usize, usize),
    /// The whole cohort of the task.
    pub cohort: Part,
    /// Its partitions, one entry per (repeat, fold).
    pub fold_counts: Vec<FoldCounts>,
    /// AUC of a model that knows global numbers of the pictures alone.
    pub trivial_baseline: Option<TrivialBaseline>,
    /// The data set's card.
    pub data: DataFacts,
}

/// How many groups and samples a part of a cohort holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Groups (patients).
    pub groups: usize,
    /// Samples.
    pub samples: usize,
    /// Groups with a sample of the class, per class; a group may count in several.
    pub class_groups: Vec<usize>,
    /// Samples per class.
    pub class_samples: Vec<usize>,
}

/// The partitions of one fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldCounts {
    /// Repeat.
    pub repeat: u32,
    /// Fold.
    pub fold: u32,
    /// What models learn from.
    pub training: Part,
    /// The tuning part: watched, never learnt from.
    pub tuning: Part,
    /// What models are tested on.
    pub test: Part,
}

/// A logistic regression on global numbers of each picture, on the same folds.
#[derive(Clone, Debug, PartialEq)]
pub struct TrivialBaseline {
    /// How many numbers it knows of a picture.
    pub features: usize,
    /// Its AUC.
    pub auc: f64,
    /// Its 95 % interval.
    pub auc_ci: Option<Interval>,
}

/// A cell of the grid: one chain of training judged on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct CellResult {
    /// A label per axis.
    pub coordinate: Vec<String>,
    /// Its task, by place in [`Study::tasks`].
    pub task: usize,
    /// The network's name.
    pub network: String,
    /// Trained values of the network.
    pub network_parameters: u64,
    /// The model's history in words, oldest step at 0.
    pub chain: Vec<String>,
    /// Tested samples; a sample tested in several repeats counts once.
    pub n: usize,
    /// Tested groups.
    pub n_groups: usize,
    /// Tested samples per class.
    pub class_counts: Vec<usize>,
    /// What the AUC is an estimate of, in a sentence; see [`super::words::estimand`].
    pub estimand: String,
    /// What is scored, in the singular: `image`.
    pub unit: String,
    /// The cell's AUC: two classes, that of the positive one; more, Hand and Till's M.
    pub auc: Option<f64>,
    /// Its 95 % interval.
    pub auc_ci: Option<Interval>,
    /// How AUC and interval were computed, in words.
    pub auc_method: String,
    /// AUC over the scores of all folds ranked together.
    pub auc_pooled: Option<f64>,
    /// Curves per class: for two classes one, of the positive class; for more, each class against the rest.
    pub curves: Vec<ClassCurves>,
    /// Repeats of the cross-validation.
    pub repeats: u32,
    /// Its runs, where several are taken together.
    pub runs: Option<Runs>,
    /// What was chosen on the tuning part, the last choice first.
    pub selections: Vec<Selection>,
    /// What its models were trained with.
    pub budget: Budget,
    /// Its models, one per (repeat, fold).
    pub members: Vec<MemberResult>,
    /// One row per tested sample and repeat.
    pub predictions: Vec<Prediction>,
}

/// Several runs of a cell's recipe, which differ in their seeds alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    /// The AUC of each, by place in the labels of [`Study::replicate`].
    pub aucs: Vec<f64>,
    /// Standard deviation between them; none of one run.
    pub sd: Option<f64>,
}

/// A choice that was made on the tuning part of every fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The axis whose labels were the candidates.
    pub axis: String,
    /// By what: `loss`, `AUC`.
    pub by: String,
    /// The settings in which the candidates' trainings differ.
    pub tunes: Vec<String>,
    /// The axes over which the measure was averaged before.
    pub pool: Vec<String>,
    /// The candidates.
    pub candidates: Vec<String>,
    /// What was chosen.
    pub chosen: Vec<Picked>,
}

/// What was chosen in one fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Run, by place in the labels of [`Study::replicate`]; 0 without that axis.
    pub run: usize,
    /// Repeat.
    pub repeat: u32,
    /// Fold.
    pub fold: u32,
    /// The candidate; of the members of an ensemble, each that was chosen.
    pub labels: Vec<String>,
}

/// The ROC curves of one class against the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassCurves {
    /// The class, by place in the task's list.
    pub class: usize,
    /// Its AUC against the rest.
    pub auc: Option<f64>,
    /// The 95 % interval.
    pub auc_ci: Option<Interval>,
    /// A curve per fold: points (false positive rate, true positive rate), both `0..=1`, ascending.
    pub folds: Vec<Vec<[f64; 2]>>,
    /// The vertical average of the folds' curves, likewise.
    pub average: Vec<[f64; 2]>,
}

/// The training budget of a cell's chain, over all its training stages and all its models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Models of the cell.
    pub models: u64,
    /// Epochs of one model's chain.
    pub epochs: u64,
    /// Pictures seen, repetitions counted, summed over the models.
    pub pictures: u64,
    /// Optimiser steps, summed over the models.
    pub steps: u64,
}

impl Budget {
    /// Pictures that one model saw, the mean over the models rounded to a whole number.
    #[must_use]
    pub fn pictures_per_model(&self) -> u64 {
        mean_per_model(self.pictures, self.models)
    }

    /// Optimiser steps of one model, likewise.
    #[must_use]
    pub fn steps_per_model(&self) -> u64 {
        mean_per_model(self.steps, self.models)
    }
}

fn mean_per_model(total: u64, models: u64) -> u64 {
    let models = models.max(1);
    (total + models / 2) / models
}

/// One model of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberResult {
    /// Repeat.
    pub repeat: u32,
    /// Fold.
    pub fold: u32,
    /// AUC on its own test samples.
    pub auc: Option<f64>,
    /// Its training stages, oldest at 0, by place in [`Study::trainings`].
    pub trainings: Vec<usize>,
}

/// What a model says of a test sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Run, by place in the labels of [`Study::replicate`]; 0 without that axis.
    pub run: usize,
    /// The sample's name.
    pub sample: String,
    /// Its group.
    pub group: String,
    /// Repeat.
    pub repeat: u32,
    /// Fold.
    pub fold: u32,
    /// Its class, by place in the task's list.
    pub class: usize,
    /// A probability per class.
    pub probabilities: Vec<f64>,
}

/// A training stage with its learning curve.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingResult {
    /// The stage's name.
    pub stage: String,
    /// In words: `finetune on malignancy`.
    pub label: String,
    /// Epochs.
    pub epochs: u32,
    /// Pictures seen, repetitions counted.
    pub pictures: u64,
    /// Optimiser steps.
    pub steps: u64,
    /// Values that train, and all trained values of the network.
    pub trained: (u64, u64),
    /// One entry per epoch.
    pub history: Vec<EpochLoss>,
}

/// Mean loss of one epoch: cross-entropy, in nats, where the program names no other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochLoss {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Over the training samples, as they were seen.
    pub training: f64,
    /// Over the tuning part after the epoch.
    pub tuning: Option<f64>,
}

/// The difference of an arm from its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The arm, by place in [`Study::cells`].
    pub arm: usize,
    /// The baseline, likewise.
    pub baseline: usize,
    /// AUC of the arm minus AUC of the baseline.
    pub delta: Option<f64>,
    /// Its 95 % interval.
    pub delta_ci: Option<Interval>,
    /// Statistic of the clustered paired test.
    pub z: Option<f64>,
    /// Two-sided p of the clustered paired test: do these trained models differ on new patients?
    pub p_models: Option<f64>,
    /// Two-sided p of the corrected resampled t test: would the strategies differ with other training patients and
    /// seeds? None without enough repeats.
    pub p_strategy: Option<f64>,
    /// That of the test that decides, before correction: one of the two, or DeLong's.
    pub p: Option<f64>,
    /// Number of comparisons of the program that are corrected together with this one, itself included.
    pub family: usize,
    /// The deciding p after correction over the family.
    pub p_adjusted: Option<f64>,
    /// Name of the deciding test.
    pub test: String,
    /// Whether the deciding test is about strategies and not about the trained models.
    pub about_strategies: bool,
    /// Whether it is none of the comparisons that the study is about.
    pub exploratory: bool,
    /// The smallest difference that was likely to be shown.
    pub mde: Option<f64>,
    /// Whether both arms were trained with the same number of pictures and steps.
    pub budgets_equal: bool,
}

impl Comparison {
    /// The p value by which a difference is called shown: the corrected one where there is a correction.
    #[must_use]
    pub fn deciding_p(&self, adjust: Adjust) -> Option<f64> {
        match adjust {
            Adjust::Holm => self.p_adjusted,
            Adjust::None => self.p,
        }
    }
}

impl Study {
    /// Checks that places point at something and that lists have equal lengths.
    ///
    /// # Errors
    /// The [`ReportError`] that names what does not fit.
    pub fn check(&self) -> Result<(), ReportError> {
        for (place, cell) in self.cells.iter().enumerate() {
            self.check_cell(place, cell)?;
        }
        for comparison in &self.comparisons {
            for cell in [comparison.arm, comparison.baseline] {
                if cell >= self.cells.len() {
                    return Err(ReportError::Place {
                        what: "cell",
                        place: cell,
                        known: self.cells.len(),
                    });
                }
            }
        }
        for task in &self.tasks {
            task.check()?;
        }
        let nodes = self.dag.nodes.len();
        match self
            .dag
            .edges
            .iter()
            .flat_map(|&(from, to)| [from, to])
            .find(|&node| node as usize >= nodes)
        {
            Some(node) => Err(ReportError::Place {
                what: "node of the plan",
                place: node as usize,
                known: nodes,
            }),
            None => Ok(()),
        }
    }

    fn check_cell(&self, place: usize, cell: &CellResult) -> Result<(), ReportError> {
        let unequal = |what, found, expected| ReportError::Length {
            what,
            cell: place,
            found,
            expected,
        };
        if cell.coordinate.len() != self.axes.len() {
            return Err(unequal(
                "labels of its coordinate",
                cell.coordinate.len(),
                self.axes.len(),
            ));
        }
        let Some(task) = self.tasks.get(cell.task) else {
            return Err(ReportError::Place {
                what: "task",
                place: cell.task,
                known: self.tasks.len(),
            });
        };
        let classes = task.classes.len();
        if cell.class_counts.len() != classes {
            return Err(unequal("class counts", cell.class_counts.len(), classes));
        }
        let runs = self.replicate.as_ref().map_or(1, |axis| axis.labels.len());
        let picked = cell.selections.iter().flat_map(|selection| &selection.chosen);
        let mut of_run = picked
            .map(|pick| pick.run)
            .chain(cell.predictions.iter().map(|row| row.run));
        if let Some(place) = of_run.find(|&run| run >= runs) {
            return Err(ReportError::Place {
                what: "run",
                place,
                known: runs,
            });
        }
        if let Some(found) = cell
            .runs
            .as_ref()
            .map(|known| known.aucs.len())
            .filter(|&found| found != runs)
        {
            return Err(unequal("runs", found, runs));
        }
        let used = cell
            .curves
            .iter()
            .map(|curves| curves.class)
            .chain(cell.predictions.iter().map(|row| row.class));
        if let Some(class) = used.into_iter().find(|&class| class >= classes) {
            return Err(ReportError::Place {
                what: "class",
                place: class,
                known: classes,
            });
        }
        if let Some(row) = cell.predictions.iter().find(|row| row.probabilities.len() != classes) {
            return Err(unequal("probabilities of a sample", row.probabilities.len(), classes));
        }
        let known = self.trainings.len();
        match cell
            .members
            .iter()
            .flat_map(|member| &member.trainings)
            .find(|&&training| training >= known)
        {
            Some(&training) => Err(ReportError::Place {
                what: "training",
                place: training,
                known,
            }),
            None => Ok(()),
        }
    }
}

impl TaskResult {
    fn check(&self) -> Result<(), ReportError> {
        let classes = self.classes.len();
        let parts = self
            .fold_counts
            .iter()
            .flat_map(|fold| [&fold.training, &fold.tuning, &fold.test]);
        let lists = parts
            .chain([&self.cohort])
            .flat_map(|part| [part.class_groups.len(), part.class_samples.len()]);
        match lists.chain([self.class_labels.len()]).find(|&length| length != classes) {
            Some(found) => Err(ReportError::Classes {
                task: self.name.clone(),
                found,
                expected: classes,
            }),
            None => Ok(()),
        }
    }
}
