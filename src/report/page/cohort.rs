//! Who was studied: classes, partitions and data sets.

use super::super::model::{Part, Study, TaskResult};
use super::super::{numbers, words};
use crate::plan::stage::DataFacts;

/// A task's tables.
pub(super) struct Task<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    pub(super) column: &'a str,
    pub(super) split: &'a str,
    pub(super) rows: String,
    pub(super) with_class: String,
    /// The plural noun of the groups; none when samples are their own groups.
    pub(super) groups: Option<&'static str>,
    pub(super) class_names: &'a [String],
    pub(super) classes: Vec<Class<'a>>,
    pub(super) total: Counts,
    pub(super) folds: Vec<Fold>,
    pub(super) repeated: bool,
    pub(super) has_tuning: bool,
}

/// A class.
pub(super) struct Class<'a> {
    pub(super) name: &'a str,
    pub(super) labels: String,
    pub(super) positive: bool,
    pub(super) counts: Counts,
    pub(super) share: String,
}

/// Groups and samples.
pub(super) struct Counts {
    pub(super) groups: String,
    pub(super) samples: String,
}

/// A fold's partitions.
pub(super) struct Fold {
    pub(super) repeat: u32,
    pub(super) fold: u32,
    pub(super) training: Counts,
    pub(super) tuning: Counts,
    pub(super) test: Counts,
    pub(super) test_classes: Vec<Counts>,
}

/// A data set.
pub(super) struct Source<'a> {
    pub(super) title: &'a str,
    pub(super) file: &'a str,
    pub(super) license: Option<&'a str>,
    pub(super) citation: Option<&'a str>,
    pub(super) tasks: String,
}

impl<'a> Task<'a> {
    pub(super) fn of(place: usize, task: &'a TaskResult) -> Self {
        let classes = task.classes.iter().zip(&task.class_labels).enumerate();
        Self {
            id: format!("task-{place}"),
            name: &task.name,
            column: &task.column,
            split: &task.split,
            rows: numbers::count(task.rows.0 as u64),
            with_class: numbers::count(task.rows.1 as u64),
            groups: task.group_column.as_deref().map(|column| words::groups(Some(column))),
            class_names: &task.classes,
            classes: classes
                .map(|(class, (name, labels))| Class {
                    name,
                    labels: labels.join(", "),
                    positive: task.classes.len() == 2 && class == 0,
                    counts: class_counts(&task.cohort, class),
                    share: numbers::percent(task.cohort.class_samples[class], task.cohort.samples),
                })
                .collect(),
            total: counts(task.cohort.groups, task.cohort.samples),
            folds: task
                .fold_counts
                .iter()
                .map(|fold| Fold {
                    repeat: fold.repeat,
                    fold: fold.fold,
                    training: counts(fold.training.groups, fold.training.samples),
                    tuning: counts(fold.tuning.groups, fold.tuning.samples),
                    test: counts(fold.test.groups, fold.test.samples),
                    test_classes: (0..task.classes.len())
                        .map(|class| class_counts(&fold.test, class))
                        .collect(),
                })
                .collect(),
            repeated: task.repeats > 1,
            has_tuning: task.fold_counts.iter().any(|fold| fold.tuning.samples > 0),
        }
    }
}

fn class_counts(part: &Part, class: usize) -> Counts {
    counts(part.class_groups[class], part.class_samples[class])
}

fn counts(groups: usize, samples: usize) -> Counts {
    Counts {
        groups: numbers::count(groups as u64),
        samples: numbers::count(samples as u64),
    }
}

/// Every data set once, with the tasks that rest on it.
pub(super) fn sources(study: &Study) -> Vec<Source<'_>> {
    let mut sources: Vec<(&DataFacts, Vec<String>)> = Vec::new();
    for task in &study.tasks {
        match sources.iter_mut().find(|(data, _)| **data == task.data) {
            Some((_, tasks)) => tasks.push(task.name.clone()),
            None => sources.push((&task.data, vec![task.name.clone()])),
        }
    }
    sources
        .into_iter()
        .map(|(data, tasks)| Source {
            title: data.title.as_deref().unwrap_or(&data.source),
            file: &data.source,
            license: data.license.as_deref(),
            citation: data.citation.as_deref(),
            tasks: words::list(&tasks),
        })
        .collect()
}
