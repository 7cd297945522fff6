//! Every fact that a report may have to tell, as plain data.

use super::{
    dag,
    domain::ScoreSource,
    eval::Evaluator,
    level::Target,
    report::{AxisLabel, Study},
    stage::{
        Adjust, Axis, Candidate, Cell, Choice, ChoiceBy, Chosen, DataFacts, Design, Member, Primary, Report,
        SampleFacts, Scoring, TaskFacts, Test, TrainingFacts, Unmatched, WeightFacts, Work,
    },
    stages::{Setting, StageId},
    value::{Arguments, Grid, Value},
};
use indexmap::IndexSet;
use std::{collections::BTreeSet, rc::Rc};

impl<'p> Evaluator<'p, '_> {
    /// All that the report may have to tell.
    pub(super) fn facts(
        &mut self,
        grid: &Grid<'p>,
        study: &Study,
        arguments: &Arguments<'p>,
        compare: Option<Rc<str>>,
        (baseline, pairs): (&[AxisLabel], Vec<(usize, usize)>),
        primary: Option<Primary>,
    ) -> Report {
        let roots: Vec<_> = study.scored.iter().copied().collect();
        let needed = self.stages.needed(&roots);
        let main = &self.program.module(self.program.main).tree;
        let file = self.program.sources.file(main.file).name();
        let fixed = baseline
            .iter()
            .map(|(axis, label)| (axis.to_string(), label.to_string()));
        let unmatched = self.unmatched(study);
        let test = match arguments.value("test") {
            Value::Choice("delong") => Test::DeLong,
            Value::Choice("clustered") => Test::Clustered,
            _ => Test::Auto,
        };
        let design = self.design(grid, study, pairs, test);
        let name = design.name.clone();
        Report {
            design,
            program: file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned(),
            about: main.docs.clone(),
            compare: compare.map(|axis| axis.to_string()),
            baseline: fixed.collect(),
            adjust: match arguments.value("adjust") {
                Value::Choice("none") => Adjust::None,
                _ => Adjust::Holm,
            },
            primary,
            others: Vec::new(),
            unmatched,
            choices: self.choices(study, &needed, arguments, &name),
            weights: self.weight_facts(&needed),
            dag: dag::summary(&self.stages, &needed, Some(&name)),
        }
    }

    /// What is judged, by what, under the name of the output that is evaluated.
    pub(super) fn design(&mut self, grid: &Grid<'p>, study: &Study, pairs: Vec<(usize, usize)>, test: Test) -> Design {
        let axes = grid.axes.iter().map(|axis| Axis {
            name: axis.name.to_string(),
            labels: axis.labels.iter().map(ToString::to_string).collect(),
        });
        let place = self.places.last();
        let name = place.map(|place| place.binding.to_string()).unwrap_or_default();
        let tasks = study
            .targets
            .iter()
            .map(|target| self.task_facts(study, target))
            .collect();
        let stage_name = |id: &StageId| self.stages.get(*id).stage.name.clone();
        Design {
            axes: axes.collect(),
            cells: cells(grid, study),
            pairs,
            tasks,
            scores: study.scored.iter().map(stage_name).collect(),
            trainings: study
                .trainings
                .iter()
                .filter_map(|id| self.training_facts(*id))
                .collect(),
            name,
            replicate: study.replicate.as_ref().map(|axis| Axis {
                name: axis.name.to_string(),
                labels: axis.labels.iter().map(ToString::to_string).collect(),
            }),
            test,
        }
    }

    fn task_facts(&mut self, study: &Study, target: &Target) -> TaskFacts {
        let task = &*target.task;
        let parts = self.parts(task);
        let (cohort, table) = (&task.cohort, &task.cohort.data.table);
        let base = &cohort.data.base;
        let samples = task.samples.iter().zip(&parts.groups).map(|(&(row, class), &group)| {
            let name = cohort.data.sample_name(row);
            let group = match &cohort.group_column {
                Some(_) => self.identities.group_name(group),
                None => name.clone(),
            };
            let rows = cohort.data.pictures_of(row).into_iter();
            let mut rows = rows.filter_map(|row| u32::try_from(base.binary_search(&row).ok()?).ok());
            SampleFacts {
                name,
                group,
                class,
                row: rows.next().unwrap_or(u32::MAX),
                others: rows.collect(),
            }
        });
        let samples: Vec<_> = samples.collect();
        let samples = target
            .unit_facts(|group| self.identities.group_name(group))
            .unwrap_or(samples);
        let about = &table.table.about;
        TaskFacts {
            name: task.name().to_owned(),
            classes: task.classes.iter().map(ToString::to_string).collect(),
            class_labels: task
                .labels
                .iter()
                .map(|labels| labels.iter().map(ToString::to_string).collect())
                .collect(),
            column: task.column.to_string(),
            group_column: cohort.group_column.as_deref().map(str::to_owned),
            space: cohort.ids.as_deref().map(str::to_owned),
            split: cohort.words.clone(),
            folds: cohort.assignment.folds,
            repeats: cohort.assignment.repeats,
            cohort: study.cohort(task),
            samples,
            unit: target.unit(),
            rows: (cohort.data.picture_rows().len(), task.samples.len()),
            data: DataFacts {
                source: table.shown.clone(),
                title: about.title.clone(),
                license: about.license.clone(),
                citation: about.citation.clone(),
                caveats: about.caveats.clone(),
            },
        }
    }

    /// What was learnt from that has no name space of groups in common with what is tested.
    fn unmatched(&mut self, study: &Study) -> Vec<Unmatched> {
        let learnt = study.trainings.iter().filter_map(|id| self.trained_on.get(id).cloned());
        let learnt: Vec<_> = learnt.collect();
        let mut found = IndexSet::new();
        for tested in &study.tasks {
            for learnt in &learnt {
                let (one, other) = (&learnt.cohort, &tested.cohort);
                let has_groups = one.group_column.is_some() && other.group_column.is_some();
                let comparable = has_groups && one.ids == other.ids && one.is_composite == other.is_composite;
                if one.data.table.id == other.data.table.id || comparable {
                    continue;
                }
                let theirs: BTreeSet<u32> = self.parts(learnt).pictures.iter().copied().collect();
                let shared = self
                    .parts(tested)
                    .pictures
                    .iter()
                    .filter(|picture| theirs.contains(picture))
                    .count();
                found.insert(Unmatched {
                    learnt: one.data.name().to_owned(),
                    tested: other.data.name().to_owned(),
                    shared_pictures: shared,
                });
            }
        }
        found.into_iter().collect()
    }

    fn training_facts(&self, id: StageId) -> Option<TrainingFacts> {
        let made = self.stages.get(id);
        let (train, views) = made.stage.work.training()?;
        let moving = train
            .graph
            .parameters
            .iter()
            .zip(train.rates.iter())
            .filter(|(_, rate)| **rate > 0.0);
        let task = self.trained_on.get(&id).map_or("task", |task| task.name());
        let way = made.label.strip_suffix(task).map_or(&*made.label, str::trim_end);
        Some(TrainingFacts {
            stage: made.stage.name.clone(),
            label: format!("{way} on {task}"),
            pictures: train.pictures_seen() * views,
            steps: train.steps(),
            epochs: train.epochs,
            trained: (
                moving.map(|(p, _)| p.len() as u64).sum(),
                train.graph.trained_values() as u64,
            ),
        })
    }

    /// What was made of each weight file.
    fn weight_facts(&self, needed: &[StageId]) -> Vec<(String, WeightFacts)> {
        let facts = needed.iter().filter_map(|id| {
            let made = self.stages.get(*id);
            match &made.stage.work {
                Work::Load(load) => Some((made.stage.name.clone(), load.facts.clone())),
                _ => None,
            }
        });
        facts.collect()
    }

    /// Every setting that acts on the report, once each, in the order of the work.
    fn choices(&self, study: &Study, needed: &[StageId], arguments: &Arguments<'p>, name: &str) -> Vec<Choice> {
        let mut choices: IndexSet<Choice> = IndexSet::new();
        let mut add = |scope: &str, settings: &[Setting]| {
            choices.extend(settings.iter().map(|setting| Choice {
                scope: scope.to_owned(),
                name: setting.name.clone(),
                value: setting.value.clone(),
                by: setting.by,
            }));
        };
        let (seed, by) = self.seed;
        add("study", &[super::data::setting("seed", seed.to_string(), by)]);
        for (param, value) in self.params() {
            add("param", &[super::data::setting(param, value, ChoiceBy::Program)]);
        }
        let trained = needed.iter().filter_map(|id| self.trained_on.get(id));
        for task in trained.chain(&study.tasks) {
            add(task.cohort.data.name(), &task.cohort.data.settings);
            add(task.cohort.name(), &task.cohort.settings);
            add(task.name(), &task.settings);
        }
        for id in needed {
            let made = self.stages.get(*id);
            if matches!(
                made.stage.work,
                Work::Load(_) | Work::Train(_) | Work::Contrast(_) | Work::Score(_)
            ) {
                add(&made.scope, &made.settings);
            }
        }
        for scores in study.scores.iter().flatten() {
            add("scores", &scores.settings);
        }
        let own: Vec<_> = ["compare", "baseline", "adjust", "test", "primary", "replicate"]
            .into_iter()
            .filter_map(|key| {
                arguments
                    .slot(key)
                    .map(|slot| super::data::setting(key, slot.value.display(), slot.by))
            })
            .collect();
        add(name, &own);
        choices.into_iter().collect()
    }
}

/// The models behind predictions, by their numbers in the report.
fn scoring(study: &Study, source: &ScoreSource) -> Scoring {
    let place = |set: &IndexSet<StageId>, id: StageId| set.get_index_of(&id).unwrap_or(0);
    match source {
        ScoreSource::Model { stage, trainings } => Scoring::Model {
            scores: place(&study.scored, *stage),
            trainings: trainings.iter().map(|id| place(&study.trainings, *id)).collect(),
        },
        ScoreSource::Chosen {
            axis,
            by,
            tunes,
            pool,
            candidates,
        } => Scoring::Chosen(Box::new(Chosen {
            axis: axis.to_string(),
            by: *by,
            tunes: tunes.clone(),
            pool: pool.clone(),
            candidates: candidates
                .iter()
                .map(|(label, own, pool)| Candidate {
                    label: label.to_string(),
                    scoring: scoring(study, own),
                    pool: pool.iter().map(|other| scoring(study, other)).collect(),
                })
                .collect(),
        })),
        ScoreSource::Mean(all) => Scoring::Mean(all.iter().map(|one| scoring(study, one)).collect()),
    }
}

fn cells(grid: &Grid<'_>, study: &Study) -> Vec<Cell> {
    let cells = study.scores.iter().enumerate();
    cells
        .filter_map(|(at, runs)| {
            let first = runs.first()?;
            let task = study.targets.iter().position(|target| target.is_of(first)).unwrap_or(0);
            let target = study.targets.get(task)?;
            let members = runs.iter().enumerate().flat_map(|(run, scores)| {
                scores.members.iter().map(move |member| {
                    let (test, tuning, units) = target.places(scores, [&member.test, &member.tuning]);
                    Member {
                        run,
                        repeat: member.repeat,
                        fold: member.fold,
                        scoring: scoring(study, &member.source),
                        test,
                        tuning,
                        units,
                    }
                })
            });
            Some(Cell {
                coordinate: grid.coordinate(at).iter().map(ToString::to_string).collect(),
                task,
                network: first.network.clone(),
                network_parameters: first.network_parameters,
                chain: first.chain.clone(),
                members: members.collect(),
            })
        })
        .collect()
}
