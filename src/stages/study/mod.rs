//! From scores to a study: every number of a report, from what the plan knows and what the stages wrote.
//!
//! [`study`] is a pure function. Reading files is the report stage's matter, drawing is [`crate::report`]'s, and the
//! formulas are in [`crate::stats`]; here stands which of them is applied to what.
//!
//! | file | what |
//! | --- | --- |
//! | `input` | what the stages wrote, checked against the plan |
//! | `tasks` | cohorts: groups, parts, folds |
//! | `scoring` | which models speak for a member: the chosen one, or several |
//! | `runs` | several runs of one recipe, taken together |
//! | `cells` | the AUC of a cell with its interval, curves and predictions |
//! | `extract` | tables, predictions and rankings of their own |
//! | `comparisons` | arms against their baseline |
//! | `families` | the correction for the number of comparisons |
//! | `baseline` | the logistic regression on global numbers of the pictures |
//! | `caveats` | what must be said beside the results |

mod baseline;
mod caveats;
mod cells;
mod comparisons;
mod extract;
mod families;
mod input;
mod runs;
mod scoring;
mod tasks;

#[cfg(test)]
mod tests;

use crate::{
    plan::stage,
    report::{
        Study,
        model::{Environment, EpochLoss, TaskResult, TrainingResult},
    },
    stats::StatsError,
    store::Looks,
};
use cells::Judged;
pub(super) use extract::{Extracted, extract, tuned_fold};
pub(super) use families::OtherTests;
pub use input::softmax;
pub(super) use input::{Epoch, GLOBAL_NUMBERS, History, MemberScores};
use tasks::{Cohort, Models};
use thiserror::Error;

/// Confidence level of every interval.
const CONFIDENCE: f64 = 0.95;

/// Why a study cannot be computed.
#[derive(Debug, Error)]
pub(super) enum StudyError {
    /// A list that does not go with the plan's.
    #[error("the plan has {expected} {what}, given are {found}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// How many the plan has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A place in the plan that points at nothing.
    #[error("{what} {place} does not exist, there are {known}")]
    Place {
        /// What kind of thing.
        what: &'static str,
        /// The place.
        place: usize,
        /// How many there are.
        known: usize,
    },
    /// A stage scored more or fewer samples than the plan gave it.
    #[error(
        "`{stage}` wrote {found} logits for its {part}, expected {expected}: {samples} samples of {classes} classes"
    )]
    Logits {
        /// The stage.
        stage: String,
        /// `test samples` or `tuning part`.
        part: &'static str,
        /// Samples that the plan has.
        samples: usize,
        /// Classes of the task.
        classes: usize,
        /// Logits expected.
        expected: usize,
        /// Logits found.
        found: usize,
    },
    /// A logit is NaN or infinite.
    #[error("`{stage}` scores `{sample}` with {value}: the model has diverged")]
    Diverged {
        /// The stage.
        stage: String,
        /// The sample.
        sample: String,
        /// The logit.
        value: f32,
    },
    /// A training wrote a history of another length.
    #[error("`{stage}` has a history of {found} epochs, the plan has {expected}")]
    Epochs {
        /// The training stage.
        stage: String,
        /// Epochs of the plan.
        expected: usize,
        /// Epochs of the history.
        found: usize,
    },
    /// A cell without a model, or a model that tests nothing.
    #[error("cell `{cell}` has no {what}")]
    Empty {
        /// The cell.
        cell: String,
        /// What is missing.
        what: &'static str,
    },
    /// Two models of a cell with the same repeat and fold that test different samples.
    #[error("cell `{cell}` has fold {fold} of repeat {repeat} twice")]
    Twice {
        /// The cell.
        cell: String,
        /// The repeat.
        repeat: u32,
        /// The fold.
        fold: u32,
    },
    /// An arm and its baseline are judged on different tasks.
    #[error("`{arm}` is judged on `{arm_task}`, its baseline `{baseline}` on `{baseline_task}`")]
    Tasks {
        /// The arm.
        arm: String,
        /// Its task.
        arm_task: String,
        /// The baseline.
        baseline: String,
        /// Its task.
        baseline_task: String,
    },
    /// A statistic that is not defined on these data.
    #[error("{of}: {source}")]
    Statistics {
        /// The cell, comparison or task.
        of: String,
        /// Why.
        source: StatsError,
    },
}

impl StudyError {
    /// Says of what a statistic could not be computed.
    fn of(what: impl Into<String>) -> impl FnOnce(StatsError) -> Self {
        let of = what.into();
        |source| Self::Statistics { of, source }
    }
}

/// What stages wrote for a report.
pub(super) struct Written<'a> {
    /// By place in [`stage::Design::scores`].
    pub(super) scores: &'a [MemberScores],
    /// By place in [`stage::Design::trainings`].
    pub(super) histories: &'a [History],
    /// By place in [`stage::Design::tasks`]: none, or [`GLOBAL_NUMBERS`] numbers for each sample of the task.
    pub(super) numbers: &'a [Option<Vec<[f64; GLOBAL_NUMBERS]>>],
    /// By place in [`stage::Report::others`]; none for a study that was not run.
    pub(super) others: &'a [Option<OtherTests>],
    /// What the ledger says of the test data.
    pub(super) looks: Option<&'a Looks>,
}

/// The p values of a study's comparisons, in the order of the plan, before any correction. `scores` go by place in
/// [`stage::Design::scores`].
///
/// # Errors
/// As [`study`].
pub(super) fn tests(design: &stage::Design, scores: &[MemberScores]) -> Result<OtherTests, StudyError> {
    let cohorts = cohorts(design)?;
    let (_, judged) = judged(design, &cohorts, scores)?;
    let comparisons = comparisons::comparisons(design, &judged)?;
    Ok(comparisons.into_iter().map(|comparison| comparison.p).collect())
}

fn cohorts(design: &stage::Design) -> Result<Vec<Cohort<'_>>, StudyError> {
    design.tasks.iter().map(Cohort::new).collect()
}

/// The models of every run of every cell, and the results of the cells.
fn judged<'a>(
    design: &'a stage::Design,
    cohorts: &'a [Cohort<'a>],
    scores: &[MemberScores],
) -> Result<(Vec<Models<'a>>, Vec<Judged>), StudyError> {
    input::check_scores(design, scores)?;
    let models = design.cells.iter().map(|cell| Models::of_runs(design, cell, cohorts));
    let models = models.collect::<Result<Vec<_>, _>>()?;
    let judged = models.iter().map(|runs| cells::judge(design, runs, scores));
    let judged = judged.collect::<Result<Vec<_>, _>>()?;
    Ok((models.into_iter().flatten().collect(), judged))
}

/// Computes a study.
///
/// # Errors
/// Inputs that do not go with the plan, logits that are not finite, cells that cannot be compared, and what the statistics
/// refuse, such as a fold without a case of a class.
pub(super) fn study(
    spec: &stage::Report,
    written: &Written<'_>,
    environment: Environment,
) -> Result<Study, StudyError> {
    let (design, numbers) = (&spec.design, written.numbers);
    input::check_counts(design, written.histories, numbers)?;
    let cohorts = cohorts(design)?;
    let (models, judged) = judged(design, &cohorts, written.scores)?;
    let mut comparisons = comparisons::comparisons(design, &judged)?;
    families::correct(spec, &judged, &mut comparisons, written.others)?;
    let tasks = (0..cohorts.len()).map(|task| task_result(&cohorts[task], task, &models, numbers[task].as_deref()));
    let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
    let caveats = caveats::facts(spec, &judged, &comparisons, &tasks).caveats();
    Ok(Study {
        name: design.name.clone(),
        program: spec.program.clone(),
        about: spec.about.clone(),
        axes: design.axes.clone(),
        replicate: design.replicate.clone(),
        compare: spec.compare.clone(),
        baseline: spec.baseline.clone(),
        adjust: spec.adjust,
        asked: design.test,
        primary: spec.primary.as_ref().map(|primary| primary.label.clone()),
        others: spec.others.clone(),
        tasks,
        cells: judged.into_iter().map(|cell| cell.result).collect(),
        comparisons,
        trainings: trainings(design, written.histories)?,
        choices: [spec.choices.clone(), kept_epochs(design, written.histories)].concat(),
        weights: spec.weights.clone(),
        caveats,
        dag: spec.dag.clone(),
        looks: written.looks.cloned(),
        environment,
    })
}

fn task_result(
    cohort: &Cohort<'_>,
    task: usize,
    models: &[Models<'_>],
    numbers: Option<&[[f64; GLOBAL_NUMBERS]]>,
) -> Result<TaskResult, StudyError> {
    let facts = cohort.facts;
    let split = tasks::split(task, models);
    let trivial_baseline = match (split, numbers) {
        (Some(models), Some(numbers)) => baseline::trivial(cohort, models, numbers)?,
        _ => None,
    };
    Ok(TaskResult {
        name: facts.name.clone(),
        classes: facts.classes.clone(),
        class_labels: facts.class_labels.clone(),
        column: facts.column.clone(),
        group_column: facts.group_column.clone(),
        split: facts.split.clone(),
        folds: facts.folds,
        repeats: facts.repeats,
        rows: facts.rows,
        cohort: cohort.part(0..facts.samples.len()),
        fold_counts: split.map(|models| cohort.fold_counts(models)).unwrap_or_default(),
        trivial_baseline,
        data: facts.data.clone(),
    })
}

fn trainings(design: &stage::Design, histories: &[History]) -> Result<Vec<TrainingResult>, StudyError> {
    let result = |(facts, history): (&stage::TrainingFacts, &History)| {
        let (expected, found) = (facts.epochs as usize, history.epochs.len());
        if expected != found {
            return Err(StudyError::Epochs {
                stage: facts.stage.clone(),
                expected,
                found,
            });
        }
        let loss = |epoch: &Epoch| EpochLoss {
            epoch: epoch.epoch,
            training: epoch.training_loss,
            tuning: epoch.tuning_loss,
        };
        Ok(TrainingResult {
            stage: facts.stage.clone(),
            label: facts.label.clone(),
            epochs: facts.epochs,
            pictures: facts.pictures,
            steps: facts.steps,
            trained: facts.trained,
            history: history.epochs.iter().map(loss).collect(),
        })
    };
    design.trainings.iter().zip(histories).map(result).collect()
}

/// Which epoch's weights were kept, of every training that was to keep the best: a choice that only the run could make.
fn kept_epochs(design: &stage::Design, histories: &[History]) -> Vec<stage::Choice> {
    let kept = design.trainings.iter().zip(histories).filter_map(|(facts, history)| {
        let epoch = history.kept?;
        let loss = history.epochs.iter().find(|one| one.epoch == epoch)?.tuning_loss?;
        Some(stage::Choice {
            scope: facts.stage.clone(),
            name: "epoch kept".to_owned(),
            value: format!("{epoch} of {} (tuning loss {loss:.4})", facts.epochs),
            by: stage::ChoiceBy::Program,
        })
    });
    kept.collect()
}

/// A cell's name in messages: its labels, or the study's name for a study of one cell.
fn cell_name(design: &stage::Design, coordinate: &[String]) -> String {
    if coordinate.is_empty() {
        design.name.clone()
    } else {
        coordinate.join(" · ")
    }
}
