//! `join` and `anti_join`: rows of two tables that belong together by the values of some columns.
//!
//! A row is never multiplied: at most one row of the other table may belong to it.

use super::{
    data::setting,
    domain::Dataset,
    eval::Evaluator,
    rows::{SEPARATOR, key_of},
    stage::ChoiceBy,
    value::{Arguments, Failed, Outcome, Slot, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as codes},
    source::Span,
    tables::{Cell, Column},
};
use indexmap::IndexMap;
use std::rc::Rc;

/// Keys among which the nearest one is looked for when one is not found.
const COMPARED: usize = 10_000;

/// The rows of a table by their keys: the first of each key, and another one where there is one.
type Index = IndexMap<String, (u32, Option<u32>)>;

/// The two sides of a join.
struct Sides<'d> {
    data: &'d Dataset,
    other: &'d Dataset,
    own_keys: Vec<&'d Column>,
    index: Index,
    names: Vec<Text>,
    /// Where the key is written.
    on: Span,
}

impl<'p> Evaluator<'p, '_> {
    /// Takes over columns of the row of another table that has the same key.
    pub(super) fn join_rows(
        &mut self,
        (value, at): (&Value<'p>, Span),
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let (data, other) = self.both(value, at, arguments)?;
        let sides = self.sides_of(&data, &other, arguments)?;
        let taken = self.taken(&sides, arguments, span)?;
        let Some(unmatched) = arguments.slot("unmatched") else {
            return Err(Failed);
        };
        let mut found: Vec<(u32, u32)> = Vec::new();
        let mut alone: Vec<u32> = Vec::new();
        for &row in data.picture_rows().iter() {
            let key = self.key(&data, &sides.own_keys, row, sides.on)?;
            match sides.index.get(&key) {
                Some((first, Some(second))) => return self.key_twice(&sides, &key, row, (*first, *second)),
                Some((first, None)) => found.push((row, *first)),
                None => alone.push(row),
            }
        }
        if let Some(&first) = alone.first()
            && (found.is_empty() || matches!(unmatched.value, Value::Choice("error")))
        {
            return self.refuse_unmatched(&sides, first, alone.len());
        }
        let mut source = (*data.table).clone();
        for column in taken {
            let mut cells = vec![Cell::Missing; data.table.table.rows];
            for &(row, from) in &found {
                if let (Some(place), Some(cell)) = (cells.get_mut(row as usize), column.cells.get(from as usize)) {
                    cell.clone_into(place);
                }
            }
            source = source.with(Column {
                name: column.name.clone(),
                cells,
            });
        }
        let source = Rc::new(source);
        let joined = self.with_data(value, at, |data| data.table = source)?;
        let shown = format!(
            "{} on {}, unmatched: {}",
            other.table.shown,
            arguments.value("on").display(),
            unmatched.value.display()
        );
        let setting = setting("join", shown, ChoiceBy::Program);
        if matches!(unmatched.value, Value::Choice("drop")) && !alone.is_empty() {
            let kept = found.into_iter().map(|(row, _)| row).collect();
            return self.keep_rows((&joined, at), kept, setting, ("`join` leaves", span));
        }
        self.with_data(&joined, at, |data| data.settings.push(setting))
    }

    /// The rows whose key no row of another table has.
    pub(super) fn anti_join(
        &mut self,
        (value, at): (&Value<'p>, Span),
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let (data, other) = self.both(value, at, arguments)?;
        let sides = self.sides_of(&data, &other, arguments)?;
        let mut kept = Vec::new();
        for &row in data.picture_rows().iter() {
            let key = self.key(&data, &sides.own_keys, row, sides.on)?;
            if !sides.index.contains_key(&key) {
                kept.push(row);
            }
        }
        let shown = format!("{} on {}", other.table.shown, arguments.value("on").display());
        let setting = setting("anti_join", shown, ChoiceBy::Program);
        self.keep_rows((value, at), kept, setting, ("`anti_join` leaves", span))
    }

    fn both(&mut self, value: &Value<'p>, at: Span, arguments: &Arguments<'p>) -> Outcome<(Dataset, Dataset)> {
        let Some(other) = arguments.slot("other") else {
            return Err(Failed);
        };
        Ok((self.data_of(value, at)?, self.data_of(&other.value, other.span)?))
    }

    fn sides_of<'d>(&mut self, data: &'d Dataset, other: &'d Dataset, arguments: &Arguments<'p>) -> Outcome<Sides<'d>> {
        let own_keys = self.columns(data, arguments, "on")?;
        let other_keys = self.columns(other, arguments, "on")?;
        let mut index = Index::with_capacity(other.picture_rows().len());
        for &row in other.picture_rows().iter() {
            // A row without a key belongs to none.
            let Ok(key) = key_of(&other_keys, row) else { continue };
            index
                .entry(key)
                .and_modify(|(_, second)| *second = second.or(Some(row)))
                .or_insert((row, None));
        }
        Ok(Sides {
            data,
            other,
            names: own_keys.iter().map(|column| column.name.as_str().into()).collect(),
            own_keys,
            index,
            on: arguments.slot("on").map_or(data.span, |slot| slot.span),
        })
    }

    /// The columns of the other table that are taken over; none of them may be there already.
    fn taken<'d>(&mut self, sides: &Sides<'d>, arguments: &Arguments<'p>, span: Span) -> Outcome<Vec<&'d Column>> {
        let chosen = arguments
            .slot("columns")
            .filter(|slot| !matches!(slot.value, Value::None));
        let is_key = |column: &Column| sides.names.iter().any(|name| **name == column.name);
        let taken: Vec<&Column> = match chosen {
            None => sides.other.table.columns().filter(|column| !is_key(column)).collect(),
            // No column at all: rows are only looked up.
            Some(Slot {
                value: Value::List(list),
                ..
            }) if list.is_empty() => Vec::new(),
            Some(_) => self.columns(sides.other, arguments, "columns")?,
        };
        let there = |column: &&Column| sides.data.table.column(&column.name).is_ok();
        let twice = taken.iter().copied().filter(there);
        let twice: Vec<&'d str> = twice.map(|column: &'d Column| column.name.as_str()).collect();
        let Some(first) = twice.first() else { return Ok(taken) };
        let message = format!("both tables have a column `{first}`");
        let others: Vec<_> = taken
            .iter()
            .map(|column| format!("{:?}", column.name))
            .filter(|name| !twice.iter().any(|twice| *name == format!("{twice:?}")))
            .collect();
        let help = format!(
            "say which columns are taken over: `columns: [{}]`; `derive` gives a column another name",
            others.join(", ")
        );
        let place = chosen.map_or(span, |slot| self.place_in(first, slot.span));
        let diagnostic = Diagnostic::error(&codes::COLUMN_TWICE, message).at(place, "");
        self.fail(diagnostic.help(help))
    }

    fn key_twice<T>(&mut self, sides: &Sides<'_>, key: &str, row: u32, both: (u32, u32)) -> Outcome<T> {
        let place = |row: u32| sides.other.table.place(row as usize);
        let message = format!(
            "{} belongs to {} and to {}: both have {}",
            sides.data.table.place(row as usize),
            place(both.0),
            place(both.1),
            sides.spoken(key)
        );
        let names: Vec<_> = sides.names.iter().map(|name| format!("{name:?}")).collect();
        let by = match &names[..] {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let help = format!(
            "a row takes over values of one row: `latest(by: {by}, date: ..)` or `where` leaves one for each key, or `on:` names more columns"
        );
        let diagnostic = Diagnostic::error(&codes::KEY_TWICE, message).at(sides.on, "");
        self.fail(diagnostic.help(help))
    }

    fn refuse_unmatched<T>(&mut self, sides: &Sides<'_>, row: u32, count: usize) -> Outcome<T> {
        let key = key_of(&sides.own_keys, row).unwrap_or_default();
        let all = sides.data.picture_rows().len();
        let message = format!(
            "no row of {} has {}, as {} has; {count} of {all} rows have none there",
            sides.other.table.shown,
            sides.spoken(&key),
            sides.data.table.place(row as usize)
        );
        let near = match &sides.names[..] {
            [_] => crate::diag::nearest(&key, sides.index.keys().take(COMPARED).map(String::as_str)),
            _ => None,
        };
        let near = near.map_or_else(String::new, |near| format!("; the nearest there is `{near}`"));
        let help = if count == all {
            format!("values are compared as they are written{near}")
        } else {
            format!("`unmatched: drop` leaves such rows out, `unmatched: keep` keeps them without values{near}")
        };
        let diagnostic = Diagnostic::error(&codes::UNMATCHED, message).at(sides.on, "");
        self.fail(diagnostic.help(help))
    }
}

impl Sides<'_> {
    /// `patient` `P07` and `side` `L`
    fn spoken(&self, key: &str) -> String {
        let pairs = self.names.iter().zip(key.split(SEPARATOR));
        let words: Vec<_> = pairs.map(|(name, value)| format!("`{name}` `{value}`")).collect();
        words.join(" and ")
    }
}
