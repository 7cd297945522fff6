//! `report`: which cells are compared with which, and what the stage that computes the statistics takes.

use super::{
    domain::{Scores, Task},
    eval::Evaluator,
    grid::listed,
    level::{Target, unpaired_units},
    stage::{Primary, Report, Role},
    stages::StageId,
    value::{Arguments, Failed, Grid, GridAxis, Opened, Outcome, Slot, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};
use indexmap::{IndexMap, IndexSet};
use std::{rc::Rc, sync::Arc};

/// A label, after the axis that it is on.
pub(super) type AxisLabel = (Rc<str>, Rc<str>);

/// The scores of a grid, and the numbers by which a report names tasks and stages.
pub(super) struct Study {
    /// Of each cell, and of each of its runs.
    pub(super) scores: Vec<Vec<Rc<Scores>>>,
    /// The axis of the runs.
    pub(super) replicate: Option<GridAxis>,
    pub(super) tasks: Vec<Rc<Task>>,
    /// What is judged, as the report numbers it.
    pub(super) targets: Vec<Target>,
    pub(super) scored: IndexSet<StageId>,
    pub(super) trainings: IndexSet<StageId>,
    /// The table of each cohort; comparisons on one are one family.
    pub(super) tables: IndexSet<usize>,
}

impl Study {
    /// The number of a task's cohort.
    pub(super) fn cohort(&self, task: &Task) -> u32 {
        let place = self.tables.get_index_of(&task.cohort.data.table.id);
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
    }
}

/// A report whose stage is made once all studies of the program are known.
pub(super) struct Pending {
    pub(super) report: Report,
    /// What it takes from the stages of its own study.
    pub(super) inputs: Vec<(StageId, Role)>,
    /// The table of each of its cohorts.
    pub(super) tables: IndexSet<usize>,
    pub(super) span: Span,
}

impl<'p> Evaluator<'p, '_> {
    /// Makes the report of a grid of scores.
    pub(super) fn report(&mut self, grid: &Rc<Grid<'p>>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        if matches!(grid.cells.first(), Some(Value::Ranking(_))) {
            return self.report_ranking(grid, arguments, span);
        }
        let compare = arguments
            .slot("compare")
            .and_then(|slot| Some((slot.value.as_text()?, slot.span)));
        let (grid, study) = self.replicated(grid, compare.as_ref(), arguments, span)?;
        let grid = &grid;
        let baseline = self.baseline(grid, compare.as_ref(), arguments, span)?;
        let pairs = match arguments.slot("baseline").filter(|_| !baseline.is_empty()) {
            Some(slot) => self.pairs(grid, &study, &baseline, slot.span)?,
            None => Vec::new(),
        };
        let primary = self.primary(grid, &study, &pairs, arguments)?;
        let report = self.facts(
            grid,
            &study,
            arguments,
            compare.map(|(axis, _)| axis),
            (&baseline, pairs),
            primary,
        );
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
        for (target, place) in study.targets.iter().zip(0..) {
            inputs.push((self.prepare(&target.task.cohort.data)?.0, Role::TaskPictures(place)));
        }
        self.lint_study(&report.design, report.compare.is_some(), span);
        if report.compare.is_some() {
            self.lint_seeds(&study);
        }
        self.reports.push(Pending {
            report,
            inputs,
            tables: study.tables,
            span,
        });
        Ok(Value::Report(Opened::Report(self.reports.len() - 1)))
    }

    /// The grid without the axis of replication, and the scores of all its cells and runs.
    fn replicated(
        &mut self,
        grid: &Rc<Grid<'p>>,
        compare: Option<&(Rc<str>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<(Rc<Grid<'p>>, Study)> {
        let slot = arguments
            .slot("replicate")
            .and_then(|slot| Some((slot.value.as_text()?, slot.span)));
        let Some((name, place)) = slot else {
            return Ok((Rc::clone(grid), self.study(grid, span)?));
        };
        let axis = self.axis(grid, &name, place)?;
        if compare.is_some_and(|(compared, _)| *compared == name) {
            let message = format!("the runs along `{name}` are taken together, so they are not compared");
            let help = "compare along another axis, or leave `replicate` out";
            let diagnostic = Diagnostic::error(&codes::REPLICATE, message).at(place, "");
            return self.fail(diagnostic.help(help));
        }
        if let Value::Record(fixed) = arguments.value("baseline")
            && fixed.contains_key(&*name)
        {
            let message = format!("the runs along `{name}` are taken together, so the baseline fixes none of them");
            let place = arguments.slot("baseline").map_or(place, |slot| slot.span);
            let help = format!("leave `{name}` out of the baseline");
            return self.fail(Diagnostic::error(&codes::REPLICATE, message).at(place, "").help(help));
        }
        let mut study = self.study(grid, span)?;
        let (axes, labels, groups) = self.along_axis(grid, axis, span)?;
        for group in &groups {
            self.alike(group, "runs of one recipe", span)?;
        }
        let cells = groups.iter().filter_map(|group| group.first().cloned());
        let cells = cells.map(Value::Scores).collect();
        study.scores = groups;
        study.replicate = Some(GridAxis { name, labels });
        Ok((Rc::new(Grid { axes, cells }), study))
    }

    /// The label of the primary task, and whether each pair is a comparison on it.
    fn primary(
        &mut self,
        grid: &Grid<'p>,
        study: &Study,
        pairs: &[(usize, usize)],
        arguments: &Arguments<'p>,
    ) -> Outcome<Option<Primary>> {
        let Some(slot) = arguments
            .slot("primary")
            .filter(|slot| !matches!(slot.value, Value::None))
        else {
            return Ok(None);
        };
        let Some(label) = slot.value.label() else {
            return self.unexpected("the label of a task", &slot.value, slot.span);
        };
        let task = |cell: usize| Rc::clone(&study.scores[cell][0].task);
        let has_label = |cell: usize| grid.coordinate(cell).contains(&label);
        // A task is known by its own name, or by its label on an axis along which tasks differ.
        let named = |cell: usize| task(cell).name.as_deref() == Some(&*label);
        let others =
            |cell: usize| (0..grid.cells.len()).any(|other| !has_label(other) && same_task(&task(other), &task(cell)));
        let labelled =
            (0..grid.cells.len()).any(has_label) && !(0..grid.cells.len()).any(|cell| has_label(cell) && others(cell));
        let is_primary = |cell: usize| if labelled { has_label(cell) } else { named(cell) };
        let flags: Vec<bool> = pairs.iter().map(|(arm, _)| is_primary(*arm)).collect();
        if !flags.contains(&true) {
            let mut known: Vec<String> = Vec::new();
            for &(arm, _) in pairs {
                let name = task(arm).name().to_owned();
                if !known.contains(&name) {
                    known.push(name);
                }
            }
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("no comparison is on a task `{label}`");
            let help = if names.is_empty() {
                "a primary task needs comparisons: `compare: .., baseline: ..`".to_owned()
            } else {
                format!("comparisons are on {}", listed(&names))
            };
            let written = self.program.sources.text(slot.span);
            let diagnostic = Diagnostic::error(&codes::NO_SUCH_LABEL, message).at(slot.span, "");
            return self.fail(diagnostic.help(help).suggest_in(slot.span, written, &label, names));
        }
        Ok(Some(Primary {
            label: label.to_string(),
            pairs: flags,
        }))
    }

    /// The scores of all cells.
    pub(super) fn study(&mut self, grid: &Grid<'p>, span: Span) -> Outcome<Study> {
        let mut study = Study {
            scores: Vec::with_capacity(grid.cells.len()),
            replicate: None,
            tasks: Vec::new(),
            targets: Vec::new(),
            scored: IndexSet::new(),
            trainings: IndexSet::new(),
            tables: IndexSet::new(),
        };
        for cell in &grid.cells {
            let Value::Scores(scores) = cell else {
                return self.unexpected("a grid of scores", cell, span);
            };
            if !study.tasks.iter().any(|task| same_task(task, &scores.task)) {
                study.tasks.push(Rc::clone(&scores.task));
                study.tables.insert(scores.task.cohort.data.table.id);
            }
            match study.targets.iter_mut().find(|target| target.is_of(scores)) {
                Some(target) => target.extend(scores),
                None => study.targets.push(Target::new(scores)),
            }
            for member in &scores.members {
                member.source.each_model(&mut |stage, trainings| {
                    study.scored.insert(stage);
                    study.trainings.extend(trainings.iter().copied());
                });
            }
            study.scores.push(vec![Rc::clone(scores)]);
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

    /// Every arm with its baseline, by place in the grid's cells: the arm has the baseline's labels where the baseline
    /// fixes an axis, and its own elsewhere. Both are judged on the same samples, for tests are paired.
    fn pairs(
        &mut self,
        grid: &Grid<'p>,
        study: &Study,
        baseline: &[AxisLabel],
        span: Span,
    ) -> Outcome<Vec<(usize, usize)>> {
        let coordinates: IndexMap<Vec<Rc<str>>, usize> = (0..grid.cells.len())
            .map(|cell| (grid.coordinate(cell), cell))
            .collect();
        let mut pairs = Vec::new();
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
            // The runs of a cell are alike, so the first stands for all.
            let (arm, base) = (Rc::clone(&study.scores[cell][0]), Rc::clone(&study.scores[other][0]));
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
            let compared = baseline
                .first()
                .and_then(|(axis, _)| grid.axes.iter().position(|a| a.name == *axis));
            if compared.is_some_and(|axis| coordinate[axis] != reference[axis]) {
                pairs.push((cell, other));
            }
        }
        Ok(pairs)
    }

    /// What differs between the samples of two arms; none when they are paired.
    fn unpaired(&mut self, arm: &Scores, base: &Scores) -> Option<String> {
        if arm.level.is_some() || base.level.is_some() {
            return unpaired_units(arm, base);
        }
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
                let sample = |&at: &u32| {
                    let class = task.samples.get(at as usize)?.1;
                    Some((parts.pictures_of(at as usize).to_vec(), class))
                };
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
                let pictures = differing
                    .cloned()
                    .flatten()
                    .map(|(pictures, _)| pictures)
                    .unwrap_or_default();
                let picture = pictures.first().copied().unwrap_or_default();
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
}

/// True when two tasks are one in a report.
pub(super) fn same_task(a: &Rc<Task>, b: &Rc<Task>) -> bool {
    Rc::ptr_eq(a, b)
        || a.name == b.name
            && a.classes == b.classes
            && a.labels == b.labels
            && a.cohort.data.table.id == b.cohort.data.table.id
            && a.samples == b.samples
            && a.cohort.assignment == b.cohort.assignment
}
