//! Units of judgement: scores of several samples as one, as of a breast or a patient.

use super::{
    domain::{Dataset, Scores, Task, TaskParts},
    eval::Evaluator,
    grid::listed,
    report::same_task,
    stage::{SampleFacts, UnitFacts, Units},
    value::{Arguments, Outcome, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as codes, codes::plan as plan_codes},
    source::Span,
};
use indexmap::IndexMap;
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// What a unit is, and which samples belong to which.
#[derive(PartialEq)]
pub(super) struct Level {
    columns: Vec<Text>,
    /// Columns that divide a unit into parts, of which the one with the largest score counts.
    worst_of: Vec<Text>,
    /// By name, in the order of their first samples.
    units: IndexMap<String, Unit>,
    /// For each sample of the task its unit, and the part of the unit that it is in.
    places: Vec<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Unit {
    group: u32,
    class: u32,
    /// Rows of the table whose pictures it has.
    rows: Vec<u32>,
}

impl Level {
    /// The class of the unit that a sample of the task belongs to.
    pub(super) fn class_of(&self, sample: u32) -> Option<u32> {
        let (unit, _) = self.places.get(sample as usize)?;
        self.units.get_index(*unit as usize).map(|(_, unit)| unit.class)
    }

    /// What is judged, in the plural: `patient-side units`.
    pub(super) fn words(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| &**column).collect();
        format!("{} units", columns.join("-"))
    }
}

/// What a report calls a task: a task, or the units of one or more of its cohort.
pub(super) struct Target {
    pub(super) task: Rc<Task>,
    level: Option<Rc<Level>>,
    /// The units of all arms.
    units: IndexMap<String, Unit>,
}

impl Target {
    /// The target of a cell of its own.
    pub(super) fn new(scores: &Scores) -> Self {
        Self {
            task: Rc::clone(&scores.task),
            units: scores
                .level
                .as_ref()
                .map(|level| level.units.clone())
                .unwrap_or_default(),
            level: scores.level.clone(),
        }
    }

    /// True when scores are of this target: of one task, or of units of one cohort that are named alike, and that have
    /// one class each.
    pub(super) fn is_of(&self, scores: &Scores) -> bool {
        let (Some(ours), Some(theirs)) = (&self.level, &scores.level) else {
            return self.level.is_none() && scores.level.is_none() && same_task(&self.task, &scores.task);
        };
        let (a, b) = (&self.task, &scores.task);
        let (one, other) = (&a.cohort, &b.cohort);
        let known = |(name, unit): (&String, &Unit)| match self.units.get(name) {
            Some(own) => (own.group, own.class) == (unit.group, unit.class),
            None => true,
        };
        (&ours.columns, &ours.worst_of) == (&theirs.columns, &theirs.worst_of)
            && (&a.column, &a.classes, &a.labels) == (&b.column, &b.classes, &b.labels)
            && one.data.table.id == other.data.table.id
            && one.data.base_digest == other.data.base_digest
            && one.split_rows == other.split_rows
            && one.assignment == other.assignment
            && theirs.units.iter().all(known)
    }

    /// Takes the units of further scores in.
    pub(super) fn extend(&mut self, scores: &Scores) {
        for (name, unit) in scores.level.iter().flat_map(|level| &level.units) {
            let own = self.units.entry(name.clone()).or_insert_with(|| unit.clone());
            own.rows.extend_from_slice(&unit.rows);
            own.rows.sort_unstable();
            own.rows.dedup();
        }
    }

    /// What its samples are called; none for single pictures.
    pub(super) fn unit(&self) -> Option<UnitFacts> {
        let views = self.task.cohort.data.view_count();
        let Some(level) = &self.level else {
            return (views > 1).then(|| UnitFacts {
                noun: format!("{views}-view sample"),
                score: None,
            });
        };
        let joined = |columns: &[Text], by: &str| columns.iter().map(|c| &**c).collect::<Vec<_>>().join(by);
        let score = if level.worst_of.is_empty() {
            "the score of a unit is the mean probability over its samples".to_owned()
        } else {
            format!(
                "the score of a unit is the largest, over its parts by {}, of the mean probability over a part's samples",
                joined(&level.worst_of, " and ")
            )
        };
        Some(UnitFacts {
            noun: format!("{} unit", joined(&level.columns, "-")),
            score: Some(score),
        })
    }

    /// Its units as a report names them; none where it has samples.
    pub(super) fn unit_facts(&self, group_name: impl Fn(u32) -> String) -> Option<Vec<SampleFacts>> {
        self.level.as_ref()?;
        let base = &self.task.cohort.data.base;
        let facts = |(name, unit): (&String, &Unit)| {
            let rows = unit.rows.iter();
            let mut rows = rows.filter_map(|row| u32::try_from(base.binary_search(row).ok()?).ok());
            SampleFacts {
                name: name.clone(),
                group: group_name(unit.group),
                class: unit.class,
                row: rows.next().unwrap_or(u32::MAX),
                others: rows.collect(),
            }
        };
        Some(self.units.iter().map(facts).collect())
    }

    /// Scored samples as units: their places in the target, and the samples in each.
    fn grouped(&self, level: &Level, samples: &[u32]) -> (Vec<u32>, Vec<Vec<Vec<u32>>>) {
        let mut units: BTreeMap<usize, BTreeMap<u32, Vec<u32>>> = BTreeMap::new();
        for (at, &sample) in (0..).zip(samples) {
            let Some(&(unit, part)) = level.places.get(sample as usize) else {
                continue;
            };
            let name = level.units.get_index(unit as usize).map(|(name, _)| name);
            let Some(place) = name.and_then(|name| self.units.get_index_of(name)) else {
                continue;
            };
            units.entry(place).or_default().entry(part).or_default().push(at);
        }
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        units
            .into_iter()
            .map(|(place, parts)| (number(place), parts.into_values().collect::<Vec<_>>()))
            .unzip()
    }

    /// What a member tests and tunes on, as places among the target's samples.
    pub(super) fn places(
        &self,
        scores: &Scores,
        [test, tuning]: [&Arc<Vec<u32>>; 2],
    ) -> (Arc<Vec<u32>>, Arc<Vec<u32>>, Option<Units>) {
        let Some(level) = &scores.level else {
            return (Arc::clone(test), Arc::clone(tuning), None);
        };
        let ((test, tested), (tuning, watched)) = (self.grouped(level, test), self.grouped(level, tuning));
        let units = Units {
            test: tested,
            tuning: watched,
        };
        (Arc::new(test), Arc::new(tuning), Some(units))
    }
}

/// Why two arms that score units cannot be compared pairwise; none when they can.
pub(super) fn unpaired_units(arm: &Scores, base: &Scores) -> Option<String> {
    let (Some(ours), Some(theirs)) = (&arm.level, &base.level) else {
        return Some("units against samples".to_owned());
    };
    if (&ours.columns, &ours.worst_of) != (&theirs.columns, &theirs.worst_of) {
        return Some("units of other columns".to_owned());
    }
    let torn = theirs.units.iter().find_map(|(name, unit)| {
        let own = ours.units.get(name)?;
        (own.class != unit.class).then_some(name)
    });
    if let Some(name) = torn {
        return Some(format!("`{name}` has another class in one of them"));
    }
    if !Target::new(arm).is_of(base) {
        return Some("units of another cohort, other folds or other classes".to_owned());
    }
    let members = |scores: &Scores| scores.members.iter().map(|m| (m.repeat, m.fold)).collect::<Vec<_>>();
    if members(arm) != members(base) {
        let [a, b] = [arm, base].map(|scores| scores.members.len());
        return Some(format!("{a} models against {b}"));
    }
    let common = ours.units.keys().any(|name| theirs.units.contains_key(name));
    (!common).then(|| "no unit is scored by both".to_owned())
}

impl<'p> Evaluator<'p, '_> {
    /// The units at which scores are judged; none for the samples themselves.
    pub(super) fn level(
        &mut self,
        task: &Task,
        parts: &TaskParts,
        arguments: &Arguments<'p>,
    ) -> Outcome<Option<Rc<Level>>> {
        let given = |name: &str| arguments.slot(name).filter(|slot| !matches!(slot.value, Value::None));
        let (level, worst) = (given("level"), given("worst_of"));
        let Some(slot) = level else {
            return match worst {
                None => Ok(None),
                Some(slot) => {
                    let message = "`worst_of` divides units, and `level` names none";
                    self.error(&plan_codes::BAD_VALUE, message, slot.span)
                }
            };
        };
        let span = slot.span;
        let columns = self.columns_of(&task.cohort.data, arguments, "level")?;
        let worst_of = match worst {
            Some(slot) if task.classes.len() > 2 => {
                let message = "the largest score of several parts is that of the positive of two classes";
                return self.error(&plan_codes::BAD_VALUE, message, slot.span);
            }
            Some(_) => self.columns_of(&task.cohort.data, arguments, "worst_of")?,
            None => Vec::new(),
        };
        let names = self.names_of(&task.cohort.data, task, &columns, span)?;
        let inner = self.names_of(&task.cohort.data, task, &worst_of, span)?;
        self.units(task, parts, (columns, worst_of), (&names, &inner), span)
            .map(|level| Some(Rc::new(level)))
    }

    /// What columns name each sample: the same for all of its pictures.
    fn names_of(&mut self, data: &Dataset, task: &Task, columns: &[Text], span: Span) -> Outcome<Vec<String>> {
        let mut names = Vec::with_capacity(task.samples.len());
        for &(sample, _) in task.samples.iter() {
            let pictures = data.pictures_of(sample);
            let name = pictures
                .first()
                .map_or_else(String::new, |&row| data.unit_name(columns, row));
            let missing = columns
                .iter()
                .find(|column| data.unit_name(std::slice::from_ref(column), sample).is_empty());
            if let Some(column) = missing {
                let message = format!("`{column}` is missing in {}", data.table.place(sample as usize));
                return self.error(&codes::MISSING_VALUE, message, span);
            }
            if let Some(other) = pictures
                .iter()
                .map(|&row| data.unit_name(columns, row))
                .find(|other| *other != name)
            {
                let message = format!(
                    "the sample `{}` lies in two units, `{name}` and `{other}`",
                    data.sample_name(sample)
                );
                let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(span, "");
                return self.fail(diagnostic.help("a unit holds whole samples: name fewer columns"));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn units(
        &mut self,
        task: &Task,
        parts: &TaskParts,
        (columns, worst_of): (Vec<Text>, Vec<Text>),
        (names, inner): (&[String], &[String]),
        span: Span,
    ) -> Outcome<Level> {
        let (cohort, data) = (&task.cohort, &task.cohort.data);
        let mut units: IndexMap<String, Unit> = IndexMap::new();
        let mut inside: Vec<Vec<&String>> = Vec::new();
        let mut places = Vec::with_capacity(task.samples.len());
        for (at, &(row, class)) in task.samples.iter().enumerate() {
            let group = parts.groups.get(at).copied().unwrap_or(u32::MAX);
            let entry = units.entry(names[at].clone());
            let place = entry.index();
            let unit = entry.or_insert_with(|| Unit {
                group,
                class,
                rows: Vec::new(),
            });
            let first = unit.rows.first().copied().unwrap_or(row);
            if unit.group != group {
                return self.across_groups(cohort, (&columns, &names[at]), [first, row], span);
            }
            if unit.class != class && !task.ordered {
                let classes: Vec<_> = task.classes.iter().map(|class| &**class).collect();
                let message = format!(
                    "`{}` has samples of two classes, and which of {} is the most severe?",
                    names[at],
                    listed(&classes)
                );
                let help = "write the classes as a record, the most severe one first";
                return self.fail(Diagnostic::error(&codes::NO_SEVERITY, message).at(span, "").help(help));
            }
            unit.class = unit.class.min(class);
            unit.rows.extend(data.pictures_of(row));
            if inside.len() <= place {
                inside.push(Vec::new());
            }
            let known = inside[place].iter().position(|name| **name == inner[at]);
            let part = known.unwrap_or_else(|| {
                inside[place].push(&inner[at]);
                inside[place].len() - 1
            });
            let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            places.push((number(place), number(part)));
        }
        Ok(Level {
            columns,
            worst_of,
            units,
            places,
        })
    }
}
