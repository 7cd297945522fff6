//! The card of data: columns, sizes of pictures, and who is in which part of which fold.

use super::{
    domain::{Cohort, Dataset, Task, member_name, part_of},
    eval::Evaluator,
    stage::{Card, CardTable, CardValue},
    value::{Outcome, Value},
};
use crate::{source::Span, tables::Cell, tables::split::Part};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Values of a column that are named with their counts.
const NAMED: usize = 8;

impl<'p> Evaluator<'p, '_> {
    /// What a data set, a cohort or a task is made of.
    pub(super) fn data_card(&mut self, value: &Value<'p>, span: Span) -> Outcome<Card> {
        let (kind, data, cohort, task) = match value {
            Value::Task(task) => ("Task", &task.cohort.data, Some(&task.cohort), Some(&**task)),
            Value::Cohort(cohort) => ("Cohort", &cohort.data, Some(&**cohort), None),
            Value::Dataset(data) => ("Data set", &**data, None, None),
            other => return self.unexpected("data", other, span),
        };
        let name = match (task, cohort) {
            (Some(task), _) => task.name(),
            (_, Some(cohort)) => cohort.name(),
            _ => data.name(),
        };
        let about = &data.table.table.about;
        let mut sentences: Vec<String> = about.title.iter().cloned().collect();
        sentences.push(format!("{} rows of {}.", data.picture_rows().len(), data.table.shown));
        sentences.extend(cohort.map(|cohort| format!("{}.", cohort.words)));
        for (what, text) in [("Licence", &about.license), ("Citation", &about.citation)] {
            sentences.extend(text.as_ref().map(|text| format!("{what}: {text}")));
        }
        sentences.extend(about.caveats.iter().cloned());
        let mut facts = vec![(CardValue::count(data.picture_rows().len()), "rows".to_owned())];
        let groups = cohort.filter(|cohort| cohort.group_column.is_some());
        facts.extend(groups.map(|cohort| (CardValue::count(groups_of(cohort).len()), "groups".to_owned())));
        facts.extend(task.map(|task| (CardValue::count(task.samples.len()), "rows with a class".to_owned())));
        facts.extend(task.map(|task| (CardValue::count(task.classes.len()), "classes".to_owned())));
        facts.push((CardValue::count(data.table.table.columns.len()), "columns".to_owned()));
        let mut tables = Vec::new();
        tables.extend(task.map(class_table));
        tables.extend(cohort.map(|cohort| part_table(cohort, task)));
        tables.push(column_table(data));
        tables.push(self.size_table(data)?);
        tables.push(setting_table(data, cohort, task));
        Ok(Card {
            kind: kind.to_owned(),
            name: name.to_owned(),
            program: self.program_name(),
            about: sentences,
            facts,
            tables,
        })
    }

    /// How many pictures have which size, as their headers say.
    fn size_table(&mut self, data: &Dataset) -> Outcome<CardTable> {
        let places: Vec<_> = data.picture_rows().iter().map(|&row| row as usize).collect();
        let headers = match data.table.table.headers(&places) {
            Ok(headers) => headers,
            Err(error) => return self.table_error(&error, data.span),
        };
        let mut sizes: BTreeMap<[u32; 4], usize> = BTreeMap::new();
        for header in headers {
            *sizes
                .entry([header.channels, header.height, header.width, header.bits])
                .or_default() += 1;
        }
        let mut sizes: Vec<_> = sizes.into_iter().collect();
        sizes.sort_by_key(|(size, count)| (Reverse(*count), *size));
        let rows = sizes.into_iter().map(|(size, count)| {
            let mut row: Vec<_> = size.iter().map(|side| CardValue::Count(u64::from(*side))).collect();
            row.push(CardValue::count(count));
            row
        });
        Ok(CardTable {
            name: "pictures".to_owned(),
            note: "Sizes in the files, before anything is done to the pictures.".to_owned(),
            columns: ["channels", "height", "width", "bits", "pictures"]
                .map(str::to_owned)
                .to_vec(),
            rows: rows.collect(),
        })
    }
}

/// The groups of a cohort's selected rows.
fn groups_of(cohort: &Cohort) -> BTreeSet<u32> {
    cohort
        .data
        .rows
        .iter()
        .filter_map(|&row| group_of(cohort, row))
        .collect()
}

fn group_of(cohort: &Cohort, row: u32) -> Option<u32> {
    let place = cohort.split_rows.binary_search(&row).ok()?;
    cohort.groups.get(place).copied()
}

fn class_table(task: &Task) -> CardTable {
    let rows = task
        .classes
        .iter()
        .zip(&task.labels)
        .zip(0..)
        .map(|((name, labels), class)| {
            let of_class = || {
                task.samples
                    .iter()
                    .filter(move |(_, own)| *own == class)
                    .map(|(row, _)| *row)
            };
            let groups: BTreeSet<_> = of_class().filter_map(|row| group_of(&task.cohort, row)).collect();
            vec![
                CardValue::text(&**name),
                CardValue::text(labels.join(", ")),
                CardValue::count(of_class().count()),
                CardValue::count(groups.len()),
            ]
        });
    CardTable {
        name: "classes".to_owned(),
        note:
            "A group with rows of several classes counts in each of them. Of two classes the first is the positive one."
                .to_owned(),
        columns: ["class", "labels", "rows", "groups"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Rows and groups in every part of every fold; of a task the rows of each class, and only rows with one.
fn part_table(cohort: &Cohort, task: Option<&Task>) -> CardTable {
    let classes = task.map_or(&[][..], |task| task.classes.as_slice());
    let class_of = |row: u32| {
        let samples = &task?.samples;
        let place = samples.binary_search_by_key(&row, |(own, _)| *own).ok()?;
        samples.get(place).map(|(_, class)| *class)
    };
    let assignment = &cohort.assignment;
    let mut rows = Vec::new();
    for (place, member) in assignment.members.iter().enumerate() {
        let name = member_name(assignment.repeats, assignment.members.len(), member.repeat, member.fold);
        for part in [Part::Training, Part::Tuning, Part::Test] {
            let (mut count, mut groups, mut by_class) = (0, BTreeSet::new(), vec![0; classes.len()]);
            let of_part = cohort
                .data
                .rows
                .iter()
                .filter(|&&row| part_of(cohort, place, row) == Some(part));
            for &row in of_part {
                match (class_of(row), task) {
                    (None, Some(_)) => continue,
                    (Some(class), _) => by_class[class as usize] += 1,
                    (None, None) => {}
                }
                count += 1;
                groups.extend(group_of(cohort, row));
            }
            let mut row = vec![
                if name.is_empty() {
                    CardValue::None
                } else {
                    CardValue::text(&name)
                },
                CardValue::text(part.to_string()),
                CardValue::count(count),
                CardValue::count(groups.len()),
            ];
            row.extend(by_class.into_iter().map(CardValue::count));
            rows.push(row);
        }
    }
    let mut columns = ["fold", "part", "rows", "groups"].map(str::to_owned).to_vec();
    columns.extend(classes.iter().map(|class| format!("class {class}")));
    CardTable {
        name: "parts".to_owned(),
        note: "The tuning part is watched, never learnt from.".to_owned(),
        columns,
        rows,
    }
}

fn column_table(data: &Dataset) -> CardTable {
    let rows = data.table.table.columns.iter().map(|column| {
        let cells: Vec<&Cell> = data
            .picture_rows()
            .iter()
            .map(|&row| &column.cells[row as usize])
            .collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| !matches!(cell, Cell::Missing)) {
            *counts.entry(cell.to_string()).or_default() += 1;
        }
        let stated: usize = counts.values().sum();
        let distinct = counts.len();
        let mut frequent: Vec<_> = counts.into_iter().collect();
        frequent.sort_by_key(|(_, count)| Reverse(*count));
        // A column of names has no frequent value worth naming.
        let named = frequent.iter().filter(|(_, count)| *count > 1).take(NAMED);
        let mut words: Vec<_> = named.map(|(value, count)| format!("{value} ({count})")).collect();
        if distinct > words.len() && !words.is_empty() {
            words.push(format!("{} more", distinct - words.len()));
        }
        let numbers = || {
            cells.iter().filter_map(|cell| match cell {
                Cell::Int(value) => Some(*value as f64),
                Cell::Float(value) => Some(*value),
                _ => None,
            })
        };
        let bound = |value: Option<f64>| value.map_or(CardValue::None, CardValue::Number);
        vec![
            CardValue::text(&column.name),
            CardValue::count(cells.len() - stated),
            CardValue::count(distinct),
            bound(numbers().min_by(f64::total_cmp)),
            bound(numbers().max_by(f64::total_cmp)),
            CardValue::text(words.join(", ")),
        ]
    });
    CardTable {
        name: "columns".to_owned(),
        note: String::new(),
        columns: ["column", "missing", "distinct", "least", "largest", "most frequent"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

/// What is done to the pictures and rows, and how they are split and classified.
fn setting_table(data: &Dataset, cohort: Option<&Cohort>, task: Option<&Task>) -> CardTable {
    let of_cohort = cohort.map_or(&[][..], |cohort| cohort.settings.as_slice());
    let of_task = task.map_or(&[][..], |task| task.settings.as_slice());
    let rows = data.settings.iter().chain(of_cohort).chain(of_task);
    CardTable {
        name: "settings".to_owned(),
        note: String::new(),
        columns: ["setting", "value"].map(str::to_owned).to_vec(),
        rows: rows
            .map(|setting| vec![CardValue::text(&setting.name), CardValue::text(&setting.value)])
            .collect(),
    }
}
