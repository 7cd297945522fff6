//! Samples of several pictures: rows of a table grouped by columns, one picture for each view.

use super::{
    data::setting,
    domain::{Cohort, Dataset, Task},
    eval::Evaluator,
    grid::listed,
    sample_classes::Classes,
    stage::ChoiceBy,
    value::{Arguments, Failed, Outcome, Slot, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as codes, codes::plan as plan_codes},
    source::Span,
    tables::Cell,
};
use std::{collections::BTreeMap, rc::Rc};

/// What becomes of a sample that lacks a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The network is told which views are there.
    Mask,
    /// The first view that is there stands in its place.
    Copy,
    /// The sample is left out.
    Drop,
}

/// The class of a sample whose pictures have different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitLabel {
    /// There is none: it is a mistake.
    Agree,
    /// The one that stands first in the task's list.
    MostSevere,
}

/// How rows are grouped to samples, and which pictures each has.
#[derive(Clone)]
pub(super) struct Views {
    pub(super) by: Vec<Text>,
    pub(super) order: Vec<Text>,
    pub(super) missing: Missing,
    pub(super) label: UnitLabel,
    /// For each sample, by the first of its rows, the row of each view.
    pub(super) samples: Rc<BTreeMap<u32, Vec<Option<u32>>>>,
    /// The call of `views`.
    pub(super) span: Span,
}

impl Views {
    /// The pictures that a sample has.
    pub(super) fn pictures(&self, sample: u32) -> impl Iterator<Item = u32> + '_ {
        self.samples.get(&sample).into_iter().flatten().filter_map(|row| *row)
    }

    /// The row of each view as a network is given it: a missing one is filled when it is to be.
    pub(super) fn slots(&self, sample: u32) -> Vec<Option<u32>> {
        let mut slots = self.samples.get(&sample).cloned().unwrap_or_default();
        if self.missing == Missing::Copy {
            let first = slots.iter().find_map(|row| *row);
            slots.iter_mut().for_each(|row| *row = row.or(first));
        }
        slots
    }

    /// The samples with those of their pictures for which `keep` is true; without one, or incomplete where it must be
    /// complete, a sample is left out.
    pub(super) fn retain(&self, keep: impl Fn(u32) -> bool) -> Self {
        let mut samples = BTreeMap::new();
        for (&sample, slots) in self.samples.iter() {
            let slots: Vec<_> = slots.iter().map(|row| row.filter(|&row| keep(row))).collect();
            if self.is_sample(&slots) {
                samples.insert(sample, slots);
            }
        }
        Self {
            samples: Rc::new(samples),
            ..self.clone()
        }
    }

    fn is_sample(&self, slots: &[Option<u32>]) -> bool {
        match self.missing {
            Missing::Drop => slots.iter().all(Option::is_some),
            Missing::Mask | Missing::Copy => slots.iter().any(Option::is_some),
        }
    }

    /// How many samples lack a view.
    fn incomplete(&self) -> usize {
        let lacks = |slots: &&Vec<Option<u32>>| slots.iter().any(Option::is_none);
        self.samples.values().filter(lacks).count()
    }
}

impl Dataset {
    /// Pictures of a sample: 1 without `views`.
    pub(super) fn view_count(&self) -> usize {
        self.views.as_ref().map_or(1, |views| views.order.len())
    }

    /// The rows whose pictures its samples have, ascending.
    pub(super) fn picture_rows(&self) -> Rc<Vec<u32>> {
        let Some(views) = &self.views else {
            return Rc::clone(&self.rows);
        };
        let mut rows: Vec<_> = views.samples.values().flatten().filter_map(|row| *row).collect();
        rows.sort_unstable();
        Rc::new(rows)
    }

    /// The pictures of a sample.
    pub(super) fn pictures_of(&self, sample: u32) -> Vec<u32> {
        match &self.views {
            Some(views) => views.pictures(sample).collect(),
            None => vec![sample],
        }
    }

    /// The row of each view of a sample.
    pub(super) fn slots_of(&self, sample: u32) -> Vec<Option<u32>> {
        match &self.views {
            Some(views) => views.slots(sample),
            None => vec![Some(sample)],
        }
    }

    /// A sample's name: its picture's, or the values that make it one, `P_00001/LEFT`.
    pub(super) fn sample_name(&self, sample: u32) -> String {
        match &self.views {
            Some(views) => self.unit_name(&views.by, sample),
            None => self.table.table.sample_name(sample as usize),
        }
    }

    /// The values of some columns of a row.
    pub(super) fn unit_name(&self, columns: &[Text], row: u32) -> String {
        let value = |column: &Text| {
            let column = self.table.column(column).ok();
            let cell = column.and_then(|column| column.cells.get(row as usize));
            cell.map(ToString::to_string).unwrap_or_default()
        };
        columns.iter().map(value).collect::<Vec<_>>().join("/")
    }

    /// The data set with these samples of several views.
    pub(super) fn with_views(&self, views: Views) -> Self {
        Self {
            rows: Rc::new(views.samples.keys().copied().collect()),
            views: Some(Rc::new(views)),
            ..self.clone()
        }
    }
}

impl<'p> Evaluator<'p, '_> {
    /// Groups rows to samples of several views.
    pub(super) fn views(
        &mut self,
        value: &Value<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        match value {
            Value::Dataset(data) => {
                let views = self.grouped(data, &data.rows, arguments, span)?;
                Ok(Value::Dataset(Rc::new(self.viewed(data, views, arguments))))
            }
            Value::Cohort(cohort) => {
                let cohort = self.viewed_cohort(cohort, &cohort.data.rows, arguments, span)?;
                Ok(Value::Cohort(Rc::new(cohort)))
            }
            Value::Task(task) => {
                let rows: Vec<_> = task.samples.iter().map(|(row, _)| *row).collect();
                let cohort = self.viewed_cohort(&task.cohort, &rows, arguments, span)?;
                let mut task = self.relabelled(task, cohort)?;
                // Other samples than those of the task that they come from: they are called what holds them.
                task.name = None;
                Ok(Value::Task(Rc::new(task)))
            }
            other => self.unexpected("a data set, a cohort or a task", other, at),
        }
    }

    fn viewed_cohort(
        &mut self,
        cohort: &Cohort,
        rows: &[u32],
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Cohort> {
        let views = self.grouped(&cohort.data, rows, arguments, span)?;
        self.check_refines(cohort, &views, span)?;
        Ok(Cohort {
            data: self.viewed(&cohort.data, views, arguments),
            ..cohort.clone()
        })
    }

    fn viewed(&self, data: &Dataset, views: Views, arguments: &Arguments<'p>) -> Dataset {
        let (all, incomplete) = (views.samples.len(), views.incomplete());
        let mut data = data.with_views(views);
        let shown = ["by", "view", "order", "missing", "label"].map(|name| {
            let slot = arguments.slot(name);
            slot.map(|slot| setting(&format!("views {name}"), slot.value.display(), slot.by))
        });
        data.settings.extend(shown.into_iter().flatten());
        let complete = format!("{} of {all} samples", all - incomplete);
        data.settings
            .push(setting("views complete", complete, ChoiceBy::Program));
        data
    }

    /// A task on other rows or views of its cohort.
    pub(super) fn relabelled(&mut self, task: &Task, cohort: Cohort) -> Outcome<Task> {
        let cells = self.column(&cohort.data.table, &task.column, task.span)?.cells.clone();
        let classes = Classes::new(&task.classes, &task.labels, &cells, task.ordered);
        let permuted = task.settings.iter().any(|setting| setting.name == "permute_labels");
        let (data, samples) = match &task.cohort.data.views {
            // Permuted classes are not those of labels: samples keep them.
            Some(_) if permuted => {
                let kept = task
                    .samples
                    .iter()
                    .filter(|(row, _)| cohort.data.rows.binary_search(row).is_ok());
                (cohort.data.clone(), Rc::new(kept.copied().collect()))
            }
            Some(_) => self.classed(&cohort.data, &classes)?,
            None => self.classed(&cohort.data, &classes.with_own(&task.samples))?,
        };
        let changed = task.changed(|task| {
            task.cohort = Cohort { data, ..cohort };
            task.samples = samples;
        });
        self.check_classes(&changed)?;
        Ok(changed)
    }

    /// Every sample lies in one group of the split.
    pub(super) fn check_refines(&mut self, cohort: &Cohort, views: &Views, span: Span) -> Outcome<()> {
        let group = |row: u32| {
            let place = cohort.split_rows.binary_search(&row).ok()?;
            cohort.groups.get(place).copied()
        };
        let torn = views.samples.iter().find_map(|(&sample, slots)| {
            let mut rows = slots.iter().filter_map(|row| *row);
            let first = rows.next()?;
            let other = rows.find(|&row| group(row) != group(first))?;
            Some((sample, first, other))
        });
        match torn {
            None => Ok(()),
            Some((sample, one, other)) => {
                let name = cohort.data.unit_name(&views.by, sample);
                self.across_groups(cohort, (&views.by, &name), [one, other], span)
            }
        }
    }

    /// Says that what columns name lies in two groups of a split.
    pub(super) fn across_groups<T>(
        &mut self,
        cohort: &Cohort,
        (columns, name): (&[Text], &str),
        [one, other]: [u32; 2],
        span: Span,
    ) -> Outcome<T> {
        let table = &cohort.data.table;
        let places = [one, other].map(|row| table.place(row as usize));
        let message = match &cohort.group_column {
            Some(column) => {
                let [a, b] = [one, other].map(|row| cohort.data.unit_name(std::slice::from_ref(column), row));
                format!(
                    "`{name}` lies in two groups of the split, {column} `{a}` ({}) and `{b}` ({})",
                    places[0], places[1]
                )
            }
            None => format!(
                "`{name}` lies in two groups of the split, which knows no patients: {} and {}",
                places[0], places[1]
            ),
        };
        let help = match &cohort.group_column {
            Some(column) if !columns.contains(column) => {
                let mut all = vec![&**column];
                all.extend(columns.iter().map(|column| &**column));
                let all: Vec<_> = all.iter().map(|column| format!("{column:?}")).collect();
                format!("name the group too: `[{}]`", all.join(", "))
            }
            Some(_) => "give these rows one group, or leave some out with `where`".to_owned(),
            None => "split by the column that names patients: `split(..., by: \"patient\")`".to_owned(),
        };
        let diagnostic = Diagnostic::error(&codes::UNIT_ACROSS_GROUPS, message).at(span, "");
        self.fail(diagnostic.at(cohort.span, "split here").help(help))
    }

    /// The samples that the arguments of `views` make of rows.
    fn grouped(&mut self, data: &Dataset, rows: &[u32], arguments: &Arguments<'p>, span: Span) -> Outcome<Views> {
        if let Some(before) = &data.views {
            let diagnostic = Diagnostic::error(&plan_codes::VIEWS_TWICE, "these samples have several views already");
            let help = "group the rows of the table once";
            return self.fail(diagnostic.at(span, "").at(before.span, "grouped here").help(help));
        }
        let by = self.columns_of(data, arguments, "by")?;
        let order = self.texts_of(arguments, "order")?;
        let (Some(order_slot), Some(view_slot)) = (arguments.slot("order"), arguments.slot("view")) else {
            return Err(Failed);
        };
        let twice = (1..order.len()).find(|&at| order[..at].contains(&order[at]));
        if order.len() < 2 || twice.is_some() {
            let message = "`order` names two views or more, each once";
            return self.error(&plan_codes::BAD_VALUE, message, order_slot.span);
        }
        let view = view_slot.value.as_text().unwrap_or_default();
        let cells = self.column(&data.table, &view, view_slot.span)?.cells.clone();
        self.check_views(&view, (&order, order_slot), &cells, rows)?;
        let names = self.names_present(data, &by, rows, arguments)?;
        let mut first_of: BTreeMap<&str, u32> = BTreeMap::new();
        let mut samples: BTreeMap<u32, Vec<Option<u32>>> = BTreeMap::new();
        for (&row, name) in rows.iter().zip(&names) {
            let label = cells.get(row as usize).map(ToString::to_string).unwrap_or_default();
            let Some(place) = order.iter().position(|view| **view == *label) else {
                continue;
            };
            let sample = *first_of.entry(name).or_insert(row);
            let slots = samples.entry(sample).or_insert_with(|| vec![None; order.len()]);
            if let Some(other) = slots[place].replace(row) {
                let places = [other, row].map(|row| data.table.place(row as usize));
                let message = format!(
                    "`{name}` has two pictures of view `{label}`: {} and {}",
                    places[0], places[1]
                );
                let help = "leave one out with `where`, or name what tells them apart in `by`";
                let diagnostic = Diagnostic::error(&codes::VIEW_TWICE, message).at(span, "");
                return self.fail(diagnostic.help(help));
            }
        }
        let views = Views {
            by,
            order,
            missing: match arguments.value("missing") {
                Value::Choice("copy") => Missing::Copy,
                Value::Choice("drop") => Missing::Drop,
                _ => Missing::Mask,
            },
            label: match arguments.value("label") {
                Value::Choice("most_severe") => UnitLabel::MostSevere,
                _ => UnitLabel::Agree,
            },
            samples: Rc::new(samples),
            span,
        };
        let (count, incomplete) = (views.samples.len(), views.incomplete());
        let views = views.retain(|_| true);
        if views.samples.is_empty() {
            let message = format!("none of {count} samples has all views: {incomplete} lack one");
            return self.error(&codes::NO_ROWS, message, span);
        }
        Ok(views)
    }

    /// Every view of the order is one that some row has.
    fn check_views(
        &mut self,
        view: &str,
        (order, slot): (&[Text], &Slot<'p>),
        cells: &[Cell],
        rows: &[u32],
    ) -> Outcome<()> {
        let labels = rows.iter().filter_map(|&row| cells.get(row as usize));
        let labels: std::collections::BTreeSet<_> = labels.map(ToString::to_string).collect();
        for label in order {
            if !labels.contains(&**label) {
                let names: Vec<_> = labels
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !name.is_empty())
                    .collect();
                let near = crate::diag::nearest(label, names.iter().copied());
                let shown = listed(&names[..names.len().min(20)]);
                let message = format!("no row has the view `{label}` in column `{view}`");
                let help = match near {
                    Some(near) => format!("did you mean `{near}`? The views are {shown}"),
                    None => format!("the views are {shown}"),
                };
                let written = self.program.sources.text(slot.span);
                let diagnostic = Diagnostic::error(&codes::NO_LABEL, message).at(slot.span, "");
                return self.fail(diagnostic.suggest_in(slot.span, written, label, names).help(help));
            }
        }
        Ok(())
    }

    /// A list of texts.
    pub(super) fn texts_of(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<Vec<Text>> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        let Value::List(list) = &slot.value else {
            return self.unexpected("a list of texts", &slot.value, slot.span);
        };
        let texts: Option<Vec<_>> = list.iter().map(Value::as_text).collect();
        match texts {
            Some(texts) => Ok(texts),
            None => self.unexpected("a list of texts", &slot.value, slot.span),
        }
    }

    /// Names of columns that the table has; at least one.
    pub(super) fn columns_of(&mut self, data: &Dataset, arguments: &Arguments<'p>, name: &str) -> Outcome<Vec<Text>> {
        let columns = self.texts_of(arguments, name)?;
        let span = arguments.slot(name).map_or(data.span, |slot| slot.span);
        if columns.is_empty() {
            let message = format!("`{name}` needs the name of a column at least");
            return self.error(&plan_codes::BAD_VALUE, message, span);
        }
        for column in &columns {
            self.column(&data.table, column, span)?;
        }
        Ok(columns)
    }

    /// What the columns of `by` name each row; no value may be missing.
    fn names_present(
        &mut self,
        data: &Dataset,
        columns: &[Text],
        rows: &[u32],
        arguments: &Arguments<'p>,
    ) -> Outcome<Vec<String>> {
        let span = arguments.slot("by").map_or(data.span, |slot| slot.span);
        for column in columns {
            let cells = &self.column(&data.table, column, span)?.cells;
            let missing = rows
                .iter()
                .find(|&&row| cells.get(row as usize) == Some(&Cell::Missing));
            if let Some(&row) = missing {
                let message = format!("`{column}` is missing in {}", data.table.place(row as usize));
                let help = format!("leave such rows out: `where((r) => r[{column:?}] != none)`");
                let diagnostic = Diagnostic::error(&codes::MISSING_VALUE, message).at(span, "");
                return self.fail(diagnostic.help(help));
            }
        }
        Ok(rows.iter().map(|&row| data.unit_name(columns, row)).collect())
    }
}
