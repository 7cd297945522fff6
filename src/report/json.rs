//! `results.json`, schema `mtl.results/1`: fields in the order in which they stand below, floats in the shortest form
//! that reads back as the same number, `null` for what is not defined.

use super::model::{
    CellResult, ClassCurves, Comparison, FoldCounts, Interval, Part, Picked, Runs, Selection, Study, TaskResult,
    TrainingResult,
};
use super::{ReportError, numbers, words};
use crate::{
    plan::stage::{Adjust, Axis, Choice, DataFacts, OtherStudy, WeightFacts},
    store::Looks,
};
use indexmap::IndexMap;
use serde::Serialize;

/// The name and version of the schema.
const SCHEMA: &str = "mtl.results/1";

/// The file's bytes; `paths` are the predictions' files by cell.
pub(super) fn render(study: &Study, paths: &[String]) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(&Results::of(study, paths))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Values by name.
type Named<'a, T> = IndexMap<&'a str, T>;

/// A study of the program with comparisons in the families of this one.
#[derive(Serialize)]
struct Other<'a> {
    name: &'a str,
    comparisons: usize,
    run: bool,
}

impl<'a> Other<'a> {
    fn of(other: &'a OtherStudy) -> Self {
        Self {
            name: &other.name,
            comparisons: other.cohorts.iter().flatten().count(),
            run: other.is_run,
        }
    }
}

#[derive(Serialize)]
struct Results<'a> {
    schema: &'static str,
    name: &'a str,
    program: &'a str,
    about: &'a [String],
    axes: &'a [Axis],
    replicate: Option<&'a Axis>,
    compare: Option<&'a str>,
    baseline: Named<'a, &'a str>,
    adjust: &'static str,
    test: &'static str,
    primary: Option<&'a str>,
    families: Vec<usize>,
    other_studies: Vec<Other<'a>>,
    tasks: Vec<Task<'a>>,
    cells: Vec<Cell<'a>>,
    comparisons: Vec<Difference<'a>>,
    trainings: Vec<Training<'a>>,
    choices: &'a [Choice],
    weights: Vec<Weights<'a>>,
    test_looks: Option<usize>,
    plan_locked: Option<bool>,
    looks: Option<&'a Looks>,
    caveats: Vec<Caveat<'a>>,
    environment: Environment<'a>,
}

#[derive(Serialize)]
struct Task<'a> {
    name: &'a str,
    classes: Named<'a, &'a [String]>,
    column: &'a str,
    group_column: Option<&'a str>,
    split: &'a str,
    folds: u32,
    repeats: u32,
    rows: usize,
    rows_with_class: usize,
    cohort: Counts<'a>,
    fold_counts: Vec<Fold<'a>>,
    trivial_baseline: Option<Trivial>,
    data: &'a DataFacts,
}

#[derive(Serialize)]
struct Trivial {
    features: usize,
    auc: Option<f64>,
    auc_ci: Option<Interval>,
}

#[derive(Serialize)]
struct Counts<'a> {
    n: usize,
    n_groups: usize,
    class_counts: Named<'a, usize>,
    class_groups: Named<'a, usize>,
}

#[derive(Serialize)]
struct Fold<'a> {
    repeat: u32,
    fold: u32,
    training: Counts<'a>,
    tuning: Counts<'a>,
    test: Counts<'a>,
}

#[derive(Serialize)]
struct Cell<'a> {
    coordinate: Named<'a, &'a str>,
    task: &'a str,
    network: &'a str,
    network_parameters: u64,
    chain: &'a [String],
    n: usize,
    n_groups: usize,
    class_counts: Named<'a, usize>,
    estimand: &'a str,
    unit: &'a str,
    auc: Option<f64>,
    auc_ci: Option<Interval>,
    auc_method: &'a str,
    auc_folds: Vec<FoldAuc<'a>>,
    auc_pooled: Option<f64>,
    one_vs_rest: Vec<OneVsRest<'a>>,
    repeats: u32,
    runs: Option<Spread>,
    selections: Vec<Chosen<'a>>,
    budget: Budget,
    predictions: &'a str,
}

/// Runs of one recipe along the axis of replication.
#[derive(Serialize)]
struct Spread {
    aucs: Vec<Option<f64>>,
    mean: Option<f64>,
    sd: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

/// A choice on the tuning part.
#[derive(Serialize)]
struct Chosen<'a> {
    axis: &'a str,
    by: &'a str,
    pool: &'a [String],
    candidates: &'a [String],
    chosen: Vec<Pick<'a>>,
}

#[derive(Serialize)]
struct Pick<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    repeat: u32,
    fold: u32,
    labels: &'a [String],
}

#[derive(Serialize)]
struct FoldAuc<'a> {
    repeat: u32,
    fold: u32,
    auc: Option<f64>,
    trainings: Vec<&'a str>,
}

#[derive(Serialize)]
struct OneVsRest<'a> {
    class: &'a str,
    auc: Option<f64>,
    auc_ci: Option<Interval>,
}

#[derive(Serialize)]
struct Budget {
    models: u64,
    epochs: u64,
    pictures: u64,
    steps: u64,
}

#[derive(Serialize)]
struct Difference<'a> {
    arm: Named<'a, &'a str>,
    baseline: Named<'a, &'a str>,
    delta: Option<f64>,
    delta_ci: Option<Interval>,
    z: Option<f64>,
    p_models: Option<f64>,
    p_strategy: Option<f64>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    test: &'a str,
    exploratory: bool,
    adjust: &'static str,
    family: usize,
    mde: Option<f64>,
    budgets_equal: bool,
}

#[derive(Serialize)]
struct Training<'a> {
    stage: &'a str,
    label: &'a str,
    epochs: u32,
    pictures: u64,
    steps: u64,
    parameters_trained: u64,
    parameters: u64,
    history: Vec<Epoch>,
}

#[derive(Serialize)]
struct Epoch {
    epoch: u32,
    training_loss: Option<f64>,
    tuning_loss: Option<f64>,
}

/// What was made of a weight file.
#[derive(Serialize)]
struct Weights<'a> {
    stage: &'a str,
    file: &'a str,
    format: &'a str,
    taken: usize,
    renamed: usize,
    converted: Named<'a, usize>,
    adapted: usize,
    skipped: usize,
    left: usize,
    counters: usize,
    reinitialised: usize,
}

impl<'a> Weights<'a> {
    fn of((stage, facts): &'a (String, WeightFacts)) -> Self {
        Self {
            stage,
            file: &facts.file,
            format: &facts.format,
            taken: facts.taken,
            renamed: facts.renamed,
            converted: facts
                .converted
                .iter()
                .map(|(dtype, count)| (dtype.as_str(), *count))
                .collect(),
            adapted: facts.adapted,
            skipped: facts.skipped,
            left: facts.left,
            counters: facts.counters,
            reinitialised: facts.reinitialised,
        }
    }
}

#[derive(Serialize)]
struct Caveat<'a> {
    code: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Environment<'a> {
    mtl: &'a str,
    device: &'a str,
    numerics: &'a str,
}

impl<'a> Results<'a> {
    fn of(study: &'a Study, paths: &'a [String]) -> Self {
        Self {
            schema: SCHEMA,
            name: &study.name,
            program: &study.program,
            about: &study.about,
            axes: &study.axes,
            replicate: study.replicate.as_ref(),
            compare: study.compare.as_deref(),
            baseline: study
                .baseline
                .iter()
                .map(|(axis, label)| (axis.as_str(), label.as_str()))
                .collect(),
            adjust: adjust(study.adjust),
            test: study.asked.word(),
            primary: study.primary.as_deref(),
            families: words::families(study),
            other_studies: study.others.iter().map(Other::of).collect(),
            tasks: study.tasks.iter().map(Task::of).collect(),
            cells: study
                .cells
                .iter()
                .zip(paths)
                .map(|(cell, path)| Cell::of(study, cell, path))
                .collect(),
            comparisons: study
                .comparisons
                .iter()
                .map(|comparison| Difference::of(study, comparison))
                .collect(),
            trainings: study.trainings.iter().map(Training::of).collect(),
            choices: &study.choices,
            weights: study.weights.iter().map(Weights::of).collect(),
            test_looks: study.looks.as_ref().map(Looks::most),
            plan_locked: study.looks.as_ref().map(Looks::are_locked),
            looks: study.looks.as_ref(),
            caveats: study
                .caveats
                .iter()
                .map(|caveat| Caveat {
                    code: &caveat.code,
                    text: &caveat.text,
                })
                .collect(),
            environment: Environment {
                mtl: &study.environment.version,
                device: &study.environment.device,
                numerics: &study.environment.numerics,
            },
        }
    }
}

impl<'a> Task<'a> {
    fn of(task: &'a TaskResult) -> Self {
        let labels = task.class_labels.iter().map(Vec::as_slice);
        Self {
            name: &task.name,
            classes: task.classes.iter().map(String::as_str).zip(labels).collect(),
            column: &task.column,
            group_column: task.group_column.as_deref(),
            split: &task.split,
            folds: task.folds,
            repeats: task.repeats,
            rows: task.rows.0,
            rows_with_class: task.rows.1,
            cohort: Counts::of(task, &task.cohort),
            fold_counts: task.fold_counts.iter().map(|fold| Fold::of(task, fold)).collect(),
            trivial_baseline: task.trivial_baseline.as_ref().map(|trivial| Trivial {
                features: trivial.features,
                auc: numbers::finite(Some(trivial.auc)),
                auc_ci: numbers::finite_interval(trivial.auc_ci),
            }),
            data: &task.data,
        }
    }
}

impl<'a> Counts<'a> {
    fn of(task: &'a TaskResult, part: &Part) -> Self {
        Self {
            n: part.samples,
            n_groups: part.groups,
            class_counts: by_class(task, &part.class_samples),
            class_groups: by_class(task, &part.class_groups),
        }
    }
}

impl<'a> Fold<'a> {
    fn of(task: &'a TaskResult, fold: &FoldCounts) -> Self {
        Self {
            repeat: fold.repeat,
            fold: fold.fold,
            training: Counts::of(task, &fold.training),
            tuning: Counts::of(task, &fold.tuning),
            test: Counts::of(task, &fold.test),
        }
    }
}

impl<'a> Cell<'a> {
    fn of(study: &'a Study, cell: &'a CellResult, path: &'a str) -> Self {
        let task = &study.tasks[cell.task];
        // The one curve of a two-class task is the cell's own.
        let several: &[ClassCurves] = if task.classes.len() > 2 { &cell.curves } else { &[] };
        Self {
            coordinate: coordinate(study, cell),
            task: &task.name,
            network: &cell.network,
            network_parameters: cell.network_parameters,
            chain: &cell.chain,
            n: cell.n,
            n_groups: cell.n_groups,
            class_counts: by_class(task, &cell.class_counts),
            estimand: &cell.estimand,
            unit: &cell.unit,
            auc: numbers::finite(cell.auc),
            auc_ci: numbers::finite_interval(cell.auc_ci),
            auc_method: &cell.auc_method,
            auc_folds: fold_aucs(study, cell),
            auc_pooled: numbers::finite(cell.auc_pooled),
            one_vs_rest: several
                .iter()
                .map(|curves| OneVsRest {
                    class: &task.classes[curves.class],
                    auc: numbers::finite(curves.auc),
                    auc_ci: numbers::finite_interval(curves.auc_ci),
                })
                .collect(),
            repeats: cell.repeats,
            runs: cell.runs.as_ref().map(|runs| Spread::of(runs, cell)),
            selections: cell
                .selections
                .iter()
                .map(|selection| Chosen::of(study, selection))
                .collect(),
            budget: Budget {
                models: cell.budget.models,
                epochs: cell.budget.epochs,
                pictures: cell.budget.pictures,
                steps: cell.budget.steps,
            },
            predictions: path,
        }
    }
}

impl Spread {
    fn of(runs: &Runs, cell: &CellResult) -> Self {
        let ends = |pick: fn(f64, f64) -> f64| numbers::finite(runs.aucs.iter().copied().reduce(pick));
        Self {
            aucs: runs.aucs.iter().map(|&auc| numbers::finite(Some(auc))).collect(),
            mean: numbers::finite(cell.auc),
            sd: numbers::finite(runs.sd),
            min: ends(f64::min),
            max: ends(f64::max),
        }
    }
}

impl<'a> Chosen<'a> {
    fn of(study: &'a Study, selection: &'a Selection) -> Self {
        let label = |run: usize| study.replicate.as_ref()?.labels.get(run).map(String::as_str);
        let pick = |picked: &'a Picked| Pick {
            run: label(picked.run),
            repeat: picked.repeat,
            fold: picked.fold,
            labels: &picked.labels,
        };
        Self {
            axis: &selection.axis,
            by: &selection.by,
            pool: &selection.pool,
            candidates: &selection.candidates,
            chosen: selection.chosen.iter().map(pick).collect(),
        }
    }
}

impl<'a> Difference<'a> {
    fn of(study: &'a Study, comparison: &'a Comparison) -> Self {
        Self {
            arm: coordinate(study, &study.cells[comparison.arm]),
            baseline: coordinate(study, &study.cells[comparison.baseline]),
            delta: numbers::finite(comparison.delta),
            delta_ci: numbers::finite_interval(comparison.delta_ci),
            z: numbers::finite(comparison.z),
            p_models: numbers::finite(comparison.p_models),
            p_strategy: numbers::finite(comparison.p_strategy),
            p: numbers::finite(comparison.p),
            p_adjusted: numbers::finite(comparison.p_adjusted),
            test: &comparison.test,
            exploratory: comparison.exploratory,
            adjust: adjust(study.adjust),
            family: comparison.family,
            mde: numbers::finite(comparison.mde),
            budgets_equal: comparison.budgets_equal,
        }
    }
}

impl<'a> Training<'a> {
    fn of(training: &'a TrainingResult) -> Self {
        let epoch = |loss: &super::model::EpochLoss| Epoch {
            epoch: loss.epoch,
            training_loss: numbers::finite(Some(loss.training)),
            tuning_loss: numbers::finite(loss.tuning),
        };
        Self {
            stage: &training.stage,
            label: &training.label,
            epochs: training.epochs,
            pictures: training.pictures,
            steps: training.steps,
            parameters_trained: training.trained.0,
            parameters: training.trained.1,
            history: training.history.iter().map(epoch).collect(),
        }
    }
}

fn fold_aucs<'a>(study: &'a Study, cell: &'a CellResult) -> Vec<FoldAuc<'a>> {
    let stages = |places: &[usize]| {
        places
            .iter()
            .map(|&place| study.trainings[place].stage.as_str())
            .collect()
    };
    cell.members
        .iter()
        .map(|member| FoldAuc {
            repeat: member.repeat,
            fold: member.fold,
            auc: numbers::finite(member.auc),
            trainings: stages(&member.trainings),
        })
        .collect()
}

fn coordinate<'a>(study: &'a Study, cell: &'a CellResult) -> Named<'a, &'a str> {
    let names = study.axes.iter().map(|axis| axis.name.as_str());
    names.zip(cell.coordinate.iter().map(String::as_str)).collect()
}

fn by_class<'a>(task: &'a TaskResult, counts: &[usize]) -> Named<'a, usize> {
    task.classes
        .iter()
        .map(String::as_str)
        .zip(counts.iter().copied())
        .collect()
}

/// The correction's name, as the language writes it.
pub(super) fn adjust(adjust: Adjust) -> &'static str {
    match adjust {
        Adjust::Holm => "holm",
        Adjust::None => "none",
    }
}
