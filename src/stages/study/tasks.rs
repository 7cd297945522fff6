//! Cohorts: which sample is whose, and which models are tested where.

use super::{
    StudyError, cell_name,
    input::{check_cell, check_place},
};
use crate::{
    plan::stage::{Cell, Design, Member, TaskFacts},
    report::model::{FoldCounts, Part},
    stats::crossval::Case,
};
use indexmap::IndexSet;
use std::collections::BTreeSet;

/// The samples of a task with their groups numbered.
pub(super) struct Cohort<'a> {
    /// What the plan knows of it.
    pub(super) facts: &'a TaskFacts,
    /// Number of the group of each sample.
    groups: Vec<u32>,
}

impl<'a> Cohort<'a> {
    /// Fails when a sample has a class that the task does not have.
    pub(super) fn new(facts: &'a TaskFacts) -> Result<Self, StudyError> {
        let mut known = IndexSet::new();
        let mut groups = Vec::with_capacity(facts.samples.len());
        for (place, sample) in facts.samples.iter().enumerate() {
            check_place("class", sample.class as usize, facts.classes.len())?;
            // Without a column of groups every sample is its own, whatever its name.
            let number = match facts.group_column {
                Some(_) => known.insert_full(sample.group.as_str()).0,
                None => place,
            };
            groups.push(number as u32);
        }
        Ok(Self { facts, groups })
    }

    /// Whether the task has two classes, of which the first is the positive one.
    pub(super) fn is_binary(&self) -> bool {
        self.facts.classes.len() == 2
    }

    /// What the statistics must know of a sample that the model at `place` tests. The label of two classes is 1 for the
    /// positive one, that of several is the class.
    pub(super) fn case(&self, models: &Models<'_>, place: usize, sample: u32) -> Case {
        let (repeat, fold) = models.place(place);
        let class = self.facts.samples[sample as usize].class;
        let label = if self.is_binary() { u32::from(class == 0) } else { class };
        Case {
            repeat,
            fold,
            sample,
            cluster: self.groups[sample as usize],
            label,
        }
    }

    /// Counts the samples at these places.
    pub(super) fn part(&self, samples: impl IntoIterator<Item = usize>) -> Part {
        let classes = self.facts.classes.len();
        let mut class_samples = vec![0; classes];
        let mut class_groups = vec![BTreeSet::new(); classes];
        for sample in samples {
            let class = self.facts.samples[sample].class as usize;
            class_samples[class] += 1;
            class_groups[class].insert(self.groups[sample]);
        }
        Part {
            groups: class_groups.iter().flatten().collect::<BTreeSet<_>>().len(),
            samples: class_samples.iter().sum(),
            class_groups: class_groups.iter().map(BTreeSet::len).collect(),
            class_samples,
        }
    }

    /// How many groups have several of these samples.
    pub(super) fn repeated_groups(&self, samples: &[usize]) -> usize {
        let mut count = vec![0_u32; self.groups.len()];
        for &sample in samples {
            count[self.groups[sample] as usize] += 1;
        }
        count.iter().filter(|&&samples| samples > 1).count()
    }

    /// The partitions of each model.
    pub(super) fn fold_counts(&self, models: &Models<'_>) -> Vec<FoldCounts> {
        let counts = |member: &&Member| FoldCounts {
            repeat: member.repeat,
            fold: member.fold,
            training: self.part(self.training(member)),
            tuning: self.part(member.tuning.iter().map(|&sample| sample as usize)),
            test: self.part(member.test.iter().map(|&sample| sample as usize)),
        };
        models.members.iter().map(counts).collect()
    }

    /// The samples that a model neither tests nor tunes on, in order.
    pub(super) fn training(&self, member: &Member) -> Vec<usize> {
        let mut training = vec![true; self.facts.samples.len()];
        member
            .test
            .iter()
            .chain(member.tuning.iter())
            .for_each(|&sample| training[sample as usize] = false);
        (0..training.len()).filter(|&sample| training[sample]).collect()
    }
}

/// The models of one run of a cell.
pub(super) struct Models<'a> {
    /// The cell.
    pub(super) cell: &'a Cell,
    /// Its task.
    pub(super) cohort: &'a Cohort<'a>,
    /// By repeat and fold.
    pub(super) members: Vec<&'a Member>,
    /// All score the same samples, as on an external cohort.
    pub(super) shared: bool,
}

impl<'a> Models<'a> {
    /// The models of every run of a cell. Fails when the cell points at something that does not exist.
    pub(super) fn of_runs(design: &Design, cell: &'a Cell, cohorts: &'a [Cohort<'a>]) -> Result<Vec<Self>, StudyError> {
        check_cell(design, cell)?;
        let runs = design.replicate.as_ref().map_or(1, |axis| axis.labels.len());
        (0..runs).map(|run| Self::new(design, cell, run, cohorts)).collect()
    }

    fn new(design: &Design, cell: &'a Cell, run: usize, cohorts: &'a [Cohort<'a>]) -> Result<Self, StudyError> {
        let mut members: Vec<&Member> = cell.members.iter().filter(|member| member.run == run).collect();
        if members.is_empty() {
            return Err(StudyError::Empty {
                cell: cell_name(design, &cell.coordinate),
                what: "model in one of its runs",
            });
        }
        members.sort_by_key(|member| (member.repeat, member.fold));
        let tested = |member: &Member| member.test.iter().copied().collect::<BTreeSet<_>>();
        let first = tested(members[0]);
        let shared = members.len() > 1 && members.iter().all(|member| tested(member) == first);
        let twice = members
            .array_windows()
            .find(|[a, b]| (a.repeat, a.fold) == (b.repeat, b.fold));
        if let Some([Member { repeat, fold, .. }, _]) = twice.filter(|_| !shared) {
            return Err(StudyError::Twice {
                cell: cell_name(design, &cell.coordinate),
                repeat: *repeat,
                fold: *fold,
            });
        }
        Ok(Self {
            cell,
            cohort: &cohorts[cell.task],
            members,
            shared,
        })
    }

    /// Repeat and fold of a model for the statistics: models that share their samples are repeats of one fold, since a
    /// repeat tests a sample once.
    pub(super) fn place(&self, place: usize) -> (u32, u32) {
        let member = self.members[place];
        if self.shared {
            (place as u32, 0)
        } else {
            (member.repeat, member.fold)
        }
    }

    /// Repeats of the cross-validation that made the models.
    pub(super) fn repeats(&self) -> u32 {
        self.members.chunk_by(|a, b| a.repeat == b.repeat).count() as u32
    }

    /// Folds in a repeat.
    pub(super) fn folds(&self) -> u32 {
        self.members
            .chunk_by(|a, b| a.repeat == b.repeat)
            .map(<[&Member]>::len)
            .max()
            .unwrap_or(0) as u32
    }

    /// The tested samples, each once, in order.
    pub(super) fn tested(&self) -> Vec<usize> {
        let tested: BTreeSet<u32> = self
            .members
            .iter()
            .flat_map(|member| member.test.iter().copied())
            .collect();
        tested.into_iter().map(|sample| sample as usize).collect()
    }
}

/// The models whose folds are those of the task: of its cells one whose models test a part each, else any.
pub(super) fn split<'m, 'a>(task: usize, models: &'m [Models<'a>]) -> Option<&'m Models<'a>> {
    let mut chosen: Option<&Models<'a>> = None;
    let rank = |models: &Models<'_>| (!models.shared, models.members.len());
    for models in models.iter().filter(|models| models.cell.task == task) {
        if chosen.is_none_or(|chosen| rank(models) > rank(chosen)) {
            chosen = Some(models);
        }
    }
    chosen
}
