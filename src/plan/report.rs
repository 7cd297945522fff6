//! `report`: the stage that computes a study's statistics, with every fact that it may have to tell.

use super::{
    dag,
    domain::{Scores, Task},
    eval::Evaluator,
    grid::listed,
    stage::{
        Adjust, Axis, Cell, Choice, ChoiceBy, DataFacts, Member, Report, Role, SampleFacts, TaskFacts, TrainingFacts,
        Work,
    },
    stages::{Setting, StageId, Title},
    value::{Arguments, Failed, Grid, Outcome, Slot, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};
use indexmap::{IndexMap, IndexSet};
use std::{rc::Rc, sync::Arc};

/// A label, after the axis that it is on.
type AxisLabel = (Rc<str>, Rc<str>);

/// The scores of a grid, and the numbers by which a report names tasks and stages.
struct Study {
    scores: Vec<Rc<Scores>>,
    tasks: Vec<Rc<Task>>,
    scored: IndexSet<StageId>,
    trainings: IndexSet<StageId>,
}

impl<'p> Evaluator<'p, '_> {
    /// Makes the report of a grid of scores.
    pub(super) fn report(&mut self, grid: &Rc<Grid<'p>>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let study = self.study(grid, span)?;
        let compare = arguments
            .slot("compare")
            .and_then(|slot| Some((slot.value.as_text()?, slot.span)));
        let baseline = self.baseline(grid, compare.as_ref(), arguments, span)?;
        if let Some(slot) = arguments.slot("baseline").filter(|_| !baseline.is_empty()) {
            self.check_pairs(grid, &study, &baseline, slot.span)?;
        }
        let report = self.facts(grid, &study, arguments, compare.map(|(axis, _)| axis), &baseline);
        let scored = study
            .scored
            .iter()
            .zip(0..)
            .map(|(id, place)| (*id, Role::Scores(place)));
        let histories = study
            .trainings
            .iter()
            .zip(0..)
            .map(|(id, place)| (*id, Role::History(place)));
        let mut inputs: Vec<_> = scored.chain(histories).collect();
        for (task, place) in study.tasks.iter().zip(0..) {
            inputs.push((self.prepare(&task.cohort.data)?.0, Role::TaskPictures(place)));
        }
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("report {}", report.name),
        };
        let key = format!(
            "{} {:?} {:?} {:?}",
            report.name, report.compare, report.baseline, report.adjust
        );
        let work = Work::Report(Box::new(report));
        let stage = self.stages.make(&title, work, &key, inputs, span, Rc::default());
        Ok(Value::Report(stage))
    }

    /// All that the report may have to tell.
    fn facts(
        &mut self,
        grid: &Grid<'p>,
        study: &Study,
        arguments: &Arguments<'p>,
        compare: Option<Rc<str>>,
        baseline: &[AxisLabel],
    ) -> Report {
        let axes = grid.axes.iter().map(|axis| Axis {
            name: axis.name.to_string(),
            labels: axis.labels.iter().map(ToString::to_string).collect(),
        });
        let roots: Vec<_> = study.scored.iter().copied().collect();
        let needed = self.stages.needed(&roots);
        let main = &self.program.module(self.program.main).tree;
        let file = self.program.sources.file(main.file).name();
        let place = self.places.last();
        let name = place.map(|place| place.binding.to_string()).unwrap_or_default();
        let fixed = baseline
            .iter()
            .map(|(axis, label)| (axis.to_string(), label.to_string()));
        let stage_name = |id: &StageId| self.stages.get(*id).stage.name.clone();
        Report {
            program: file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned(),
            about: main.docs.clone(),
            axes: axes.collect(),
            cells: cells(grid, study),
            compare: compare.map(|axis| axis.to_string()),
            baseline: fixed.collect(),
            adjust: match arguments.value("adjust") {
                Value::Choice("none") => Adjust::None,
                _ => Adjust::Holm,
            },
            scores: study.scored.iter().map(stage_name).collect(),
            trainings: study
                .trainings
                .iter()
                .filter_map(|id| self.training_facts(*id))
                .collect(),
            choices: self.choices(study, &needed, arguments, &name),
            dag: dag::summary(&self.stages, &needed, Some(&name)),
            tasks: study.tasks.iter().map(|task| self.task_facts(task)).collect(),
            name,
        }
    }

    /// The scores of all cells.
    fn study(&mut self, grid: &Grid<'p>, span: Span) -> Outcome<Study> {
        let mut study = Study {
            scores: Vec::with_capacity(grid.cells.len()),
            tasks: Vec::new(),
            scored: IndexSet::new(),
            trainings: IndexSet::new(),
        };
        for cell in &grid.cells {
            let Value::Scores(scores) = cell else {
                return self.unexpected("a grid of scores", cell, span);
            };
            if !study.tasks.iter().any(|task| same_task(task, &scores.task)) {
                study.tasks.push(Rc::clone(&scores.task));
            }
            for member in &scores.members {
                study.scored.insert(member.stage);
                study.trainings.extend(member.trainings.iter().copied());
            }
            study.scores.push(Rc::clone(scores));
        }
        if study.scores.is_empty() {
            return self.error(
                &codes::BAD_VALUE,
                "the grid has no cell, so there is nothing to report",
                span,
            );
        }
        Ok(study)
    }

    /// The baseline's label on every axis that it fixes, the compared axis first.
    fn baseline(
        &mut self,
        grid: &Grid<'p>,
        compare: Option<&(Rc<str>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Vec<AxisLabel>> {
        let slot = arguments
            .slot("baseline")
            .filter(|slot| !matches!(slot.value, Value::None));
        let (axis, axis_span, slot) = match (compare, slot) {
            (None, None) => return Ok(Vec::new()),
            (Some((axis, span)), Some(slot)) => (axis, *span, slot),
            (Some((axis, span)), None) => {
                self.axis(grid, axis, *span)?;
                let labels = grid
                    .axes
                    .iter()
                    .find(|a| a.name == *axis)
                    .map(|a| a.labels.clone())
                    .unwrap_or_default();
                let first = labels.first().map_or("...", |label| label);
                let message = format!("arms are compared along `{axis}`, but with which?");
                let diagnostic = Diagnostic::error(&codes::NO_BASELINE, message).at(*span, "");
                return self.fail(diagnostic.help(format!("name the baseline: `baseline: {first:?}`")));
            }
            (None, Some(slot)) => {
                let names: Vec<_> = grid.axes.iter().map(|axis| &*axis.name).collect();
                let diagnostic = Diagnostic::error(&codes::NO_BASELINE, "a baseline without an axis to compare along");
                let help = format!("add `compare:` with one of the axes {}", listed(&names));
                return self.fail(diagnostic.at(slot.span, "").help(help));
            }
        };
        let compared = self.axis(grid, axis, axis_span)?;
        let mut fixed: Vec<AxisLabel> = Vec::new();
        match &slot.value {
            Value::Record(record) => {
                for (name, value) in record.iter() {
                    let at = self.axis(grid, name, slot.span)?;
                    fixed.push((Rc::clone(name), self.baseline_label(grid, at, value, slot)?));
                }
                let Some(place) = fixed.iter().position(|(name, _)| name == axis) else {
                    let message = format!("the baseline has no label on the compared axis `{axis}`");
                    return self.error(&codes::NO_BASELINE, message, slot.span);
                };
                let first = fixed.remove(place);
                fixed.insert(0, first);
            }
            one => fixed.push((Rc::clone(axis), self.baseline_label(grid, compared, one, slot)?)),
        }
        if grid.axes.get(compared).is_some_and(|axis| axis.labels.len() < 2) {
            let message = format!("axis `{axis}` has one label, so there is nothing to compare with the baseline");
            return self.error(&codes::NO_BASELINE, message, span);
        }
        Ok(fixed)
    }

    fn baseline_label(&mut self, grid: &Grid<'p>, axis: usize, value: &Value<'p>, slot: &Slot<'p>) -> Outcome<Rc<str>> {
        let Some(label) = value.label() else {
            return self.unexpected("a label", value, slot.span);
        };
        self.label_of(grid, axis, &label, slot.span)?;
        Ok(label)
    }

    /// Every arm is judged on the samples of its baseline: tests are paired.
    fn check_pairs(&mut self, grid: &Grid<'p>, study: &Study, baseline: &[AxisLabel], span: Span) -> Outcome<()> {
        let coordinates: IndexMap<Vec<Rc<str>>, usize> = (0..grid.cells.len())
            .map(|cell| (grid.coordinate(cell), cell))
            .collect();
        for (coordinate, &cell) in &coordinates {
            let mut reference = coordinate.clone();
            for (axis, label) in baseline {
                if let Some(at) = grid.axes.iter().position(|a| a.name == *axis) {
                    reference[at] = Rc::clone(label);
                }
            }
            let Some(&other) = coordinates.get(&reference) else {
                return Err(Failed);
            };
            let (arm, base) = (Rc::clone(&study.scores[cell]), Rc::clone(&study.scores[other]));
            if let Some(difference) = self.unpaired(&arm, &base) {
                let name = |labels: &[Rc<str>]| labels.join(", ");
                let message = format!(
                    "`{}` and its baseline `{}` are not judged on the same samples: {difference}",
                    name(coordinate),
                    name(&reference)
                );
                let help = "compare arms on one task: leave other tasks to an axis of their own, which the baseline does not fix";
                let diagnostic = Diagnostic::error(&codes::NOT_PAIRED, message).at(span, "");
                let diagnostic = diagnostic.at(arm.span, "").help(help);
                return self.fail(diagnostic);
            }
        }
        Ok(())
    }

    /// What differs between the samples of two arms; none when they are paired.
    fn unpaired(&mut self, arm: &Scores, base: &Scores) -> Option<String> {
        if same_task(&arm.task, &base.task) && arm.members.len() == base.members.len() {
            let mut pairs = arm.members.iter().zip(&base.members);
            if pairs.all(|(a, b)| (a.repeat, a.fold) == (b.repeat, b.fold) && Arc::ptr_eq(&a.test, &b.test)) {
                return None;
            }
        }
        if arm.task.classes != base.task.classes {
            let quoted = |task: &Task| listed(&task.classes.iter().map(|c| &**c).collect::<Vec<_>>());
            return Some(format!("classes {} against {}", quoted(&arm.task), quoted(&base.task)));
        }
        if arm.members.len() != base.members.len() {
            return Some(format!("{} models against {}", arm.members.len(), base.members.len()));
        }
        let (ours, theirs) = (self.parts(&arm.task), self.parts(&base.task));
        for (a, b) in arm.members.iter().zip(&base.members) {
            let pictures = |places: &[u32], parts: &super::domain::TaskParts, task: &Task| {
                let sample = |&at: &u32| Some((*parts.pictures.get(at as usize)?, task.samples.get(at as usize)?.1));
                places.iter().map(sample).collect::<Vec<_>>()
            };
            let (mut x, mut y) = (
                pictures(&a.test, &ours, &arm.task),
                pictures(&b.test, &theirs, &base.task),
            );
            x.sort_unstable();
            y.sort_unstable();
            if x != y {
                let differing = x
                    .iter()
                    .find(|s| !y.contains(s))
                    .or_else(|| y.iter().find(|s| !x.contains(s)));
                let picture = differing.copied().flatten().map_or(0, |(picture, _)| picture);
                let name = self.identities.picture_name(picture);
                return Some(format!(
                    "{} samples against {}, `{name}` in one of them alone",
                    x.len(),
                    y.len()
                ));
            }
        }
        None
    }

    fn task_facts(&mut self, task: &Task) -> TaskFacts {
        let parts = self.parts(task);
        let (cohort, table) = (&task.cohort, &task.cohort.data.table);
        let base = &cohort.data.base;
        let samples = task.samples.iter().zip(&parts.groups).map(|(&(row, class), &group)| {
            let name = table.table.sample_name(row as usize);
            let group = match &cohort.group_column {
                Some(_) => self.identities.group_name(group),
                None => name.clone(),
            };
            let row = base
                .binary_search(&row)
                .map_or(u32::MAX, |at| u32::try_from(at).unwrap_or(u32::MAX));
            SampleFacts {
                name,
                group,
                class,
                row,
            }
        });
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
            split: cohort.words.clone(),
            folds: cohort.assignment.folds,
            repeats: cohort.assignment.repeats,
            samples: samples.collect(),
            rows: (cohort.data.rows.len(), task.samples.len()),
            data: DataFacts {
                source: table.shown.clone(),
                title: about.title.clone(),
                license: about.license.clone(),
                citation: about.citation.clone(),
                caveats: about.caveats.clone(),
            },
        }
    }

    fn training_facts(&self, id: StageId) -> Option<TrainingFacts> {
        let made = self.stages.get(id);
        let Work::Train(train) = &made.stage.work else {
            return None;
        };
        let moving = train
            .graph
            .parameters
            .iter()
            .zip(&train.rates)
            .filter(|(_, rate)| **rate > 0.0);
        let task = self.trained_on.get(&id).map_or("task", |task| task.name());
        let way = made.label.strip_suffix(task).map_or(&*made.label, str::trim_end);
        Some(TrainingFacts {
            stage: made.stage.name.clone(),
            label: format!("{way} on {task}"),
            pictures: train.pictures_seen(),
            steps: train.steps(),
            epochs: train.epochs,
            trained: (
                moving.map(|(p, _)| p.len() as u64).sum(),
                train.graph.trained_values() as u64,
            ),
        })
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
            if matches!(made.stage.work, Work::Train(_) | Work::Score(_)) {
                add(&made.scope, &made.settings);
            }
        }
        let own: Vec<_> = ["compare", "baseline", "adjust"]
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

fn cells(grid: &Grid<'_>, study: &Study) -> Vec<Cell> {
    let place = |set: &IndexSet<StageId>, id: StageId| set.get_index_of(&id).unwrap_or(0);
    let cells = study.scores.iter().enumerate();
    cells
        .map(|(at, scores)| Cell {
            coordinate: grid.coordinate(at).iter().map(ToString::to_string).collect(),
            task: study
                .tasks
                .iter()
                .position(|task| same_task(task, &scores.task))
                .unwrap_or(0),
            network: scores.network.clone(),
            network_parameters: scores.network_parameters,
            chain: scores.chain.clone(),
            members: scores
                .members
                .iter()
                .map(|member| Member {
                    repeat: member.repeat,
                    fold: member.fold,
                    scores: place(&study.scored, member.stage),
                    test: Arc::clone(&member.test),
                    tuning: Arc::clone(&member.tuning),
                    trainings: member.trainings.iter().map(|id| place(&study.trainings, *id)).collect(),
                })
                .collect(),
        })
        .collect()
}

/// True when two tasks are one in a report.
fn same_task(a: &Rc<Task>, b: &Rc<Task>) -> bool {
    Rc::ptr_eq(a, b)
        || a.name == b.name
            && a.classes == b.classes
            && a.labels == b.labels
            && a.cohort.data.table.id == b.cohort.data.table.id
            && a.samples == b.samples
            && a.cohort.assignment == b.cohort.assignment
}
