//! Rows: which are kept, and the columns that are computed for them. Tables are read when planning, so all of this is
//! evaluated there; stages know only the rows and labels that come out.

#[cfg(test)]
mod tests;

use super::{
    data::setting,
    domain::{Dataset, Row},
    eval::Evaluator,
    sources::rows_digest,
    stage::ChoiceBy,
    stages::Setting,
    value::{Arguments, Failed, Function, Outcome, Slot, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as codes, codes::plan as plan_codes},
    source::Span,
    tables::{Cell, CellKind, Column},
};
use indexmap::IndexMap;
use std::rc::Rc;

/// Stands between the values of several columns that are one key; no table has it.
pub(super) const SEPARATOR: char = '\u{1f}';

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin of rows; none for another one.
    pub(super) fn rows_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        if !matches!(
            name,
            "where" | "derive" | "drop_missing" | "latest" | "join" | "anti_join"
        ) {
            return None;
        }
        let (value, at) = subject.as_ref()?;
        Some(match name {
            "where" => self.select_rows((value, *at), arguments, span),
            "derive" => self.derive((value, *at), arguments),
            "drop_missing" => self.drop_missing((value, *at), arguments, span),
            "latest" => self.latest((value, *at), arguments, span),
            "join" => self.join_rows((value, *at), arguments, span),
            _ => self.anti_join((value, *at), arguments, span),
        })
    }

    /// Keeps some rows, ascending, of rows of any kind. Before a split that also says which pictures are prepared;
    /// afterwards folds and prepared pictures stay.
    ///
    /// `why` ends the message when none is kept: `the condition leaves`.
    pub(super) fn keep_rows(
        &mut self,
        (value, at): (&Value<'p>, Span),
        kept: Vec<u32>,
        setting: Setting,
        (why, span): (&str, Span),
    ) -> Outcome<Value<'p>> {
        let count = self.data_of(value, at)?.picture_rows().len();
        if kept.is_empty() {
            return self.error(&codes::NO_ROWS, format!("{why} none of {count} rows"), span);
        }
        let kept = Rc::new(kept);
        let (rows, whole) = (Rc::clone(&kept), matches!(value, Value::Dataset(_) | Value::Rows(_)));
        let value = self.with_data(value, at, |data| {
            if whole {
                data.base_digest = rows_digest(&rows);
                data.base = Rc::clone(&rows);
            }
            match data.views.clone() {
                Some(views) => *data = data.with_views(views.retain(|row| kept.binary_search(&row).is_ok())),
                None => data.rows = rows,
            }
            data.settings.push(setting);
        })?;
        if self.data_of(&value, at)?.rows.is_empty() {
            return self.error(&codes::NO_ROWS, "no sample of several views is left", span);
        }
        let Value::Task(task) = value else { return Ok(value) };
        if task.cohort.data.views.is_some() {
            let cohort = task.cohort.clone();
            return Ok(Value::Task(Rc::new(self.relabelled(&task, cohort)?)));
        }
        let task = task.changed(|task| {
            let samples = task.samples.iter().filter(|(row, _)| kept.binary_search(row).is_ok());
            task.samples = Rc::new(samples.copied().collect());
        });
        self.check_classes(&task)?;
        Ok(Value::Task(Rc::new(task)))
    }

    fn select_rows(
        &mut self,
        (value, at): (&Value<'p>, Span),
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let Some(keep) = arguments.slot("keep").cloned() else {
            return Err(Failed);
        };
        let data = self.data_of(value, at)?;
        let mut kept = Vec::new();
        self.each_row(&data, &keep, |evaluator, row, value| match value {
            Value::Bool(true) => {
                kept.push(row);
                Ok(())
            }
            Value::Bool(false) => Ok(()),
            // A column of truth values in which nothing stands.
            Value::Missing(cell) => evaluator.missing(&cell, keep.span),
            other => evaluator.unexpected("a bool", &other, keep.span),
        })?;
        let condition = setting("where", self.written(keep.span), ChoiceBy::Program);
        self.keep_rows((value, at), kept, condition, ("the condition leaves", span))
    }

    /// What stands in the program at a place.
    fn written(&self, span: Span) -> String {
        self.program.sources.text(span).to_owned()
    }

    /// Applies a function to every row, in order.
    fn each_row(
        &mut self,
        data: &Dataset,
        function: &Slot<'p>,
        mut see: impl FnMut(&mut Self, u32, Value<'p>) -> Outcome<()>,
    ) -> Outcome<()> {
        let outer = self.row.take();
        let mut result = Ok(());
        for &row in data.picture_rows().iter() {
            let subject = Row {
                table: Rc::clone(&data.table),
                row: row as usize,
            };
            self.row = Some(subject.clone());
            let made = self.apply(&function.value, Value::Row(subject), function.span, function.span);
            result = made.and_then(|value| see(self, row, value));
            if result.is_err() {
                break;
            }
        }
        self.row = outer;
        result
    }

    /// ` in line 7 of data/manifest.csv` within a function of rows, else nothing.
    pub(super) fn in_row(&self) -> String {
        let place = self.row.as_ref().map(|row| row.table.place(row.row));
        place.map_or_else(String::new, |place| format!(" in {place}"))
    }

    fn derive(&mut self, (value, at): (&Value<'p>, Span), arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let (Some(columns), Some(function)) = (arguments.slot("columns"), arguments.slot("value")) else {
            return Err(Failed);
        };
        let functions: Vec<(Text, Slot<'p>)> = match (&columns.value, &function.value) {
            (Value::Text(_), Value::None) => {
                let message = "a new column needs a function that computes it";
                let help = "`derive(\"old\", (r) => r.age >= 60)`";
                let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(columns.span, "");
                return self.fail(diagnostic.help(help));
            }
            (Value::Text(name), _) => vec![(Rc::clone(name), function.clone())],
            (Value::Record(_), value) if !matches!(value, Value::None) => {
                let message = "a record names each new column with its function, so there is nothing else to give";
                return self.error(&plan_codes::BAD_VALUE, message, function.span);
            }
            (Value::Record(record), _) => {
                let entries = record.iter();
                let slot = |value: &Value<'p>| Slot {
                    value: value.clone(),
                    ..columns.clone()
                };
                entries.map(|(name, value)| (Rc::clone(name), slot(value))).collect()
            }
            (other, _) => return self.unexpected("a name or a record", other, columns.span),
        };
        if let Some((name, _)) = functions.iter().find(|(name, _)| name.trim().is_empty()) {
            return self.error(
                &plan_codes::BAD_VALUE,
                format!("{name:?} is no name of a column"),
                columns.span,
            );
        }
        let data = self.data_of(value, at)?;
        self.check_derived(value, &functions, columns.span)?;
        let mut source = (*data.table).clone();
        let mut settings = Vec::new();
        for (name, function) in &functions {
            // Each function sees the columns as they were before.
            let cells = self.computed(&data, name, function)?;
            source = source.with(Column {
                name: name.to_string(),
                cells,
            });
            settings.push(setting(
                "derive",
                format!("{name}: {}", self.written(body(function))),
                ChoiceBy::Program,
            ));
        }
        self.with_data(value, at, |data| {
            data.table = Rc::new(source);
            data.settings.extend(settings);
        })
    }

    /// The classes of samples of several views are those of their pictures, so the column that they come from stays.
    fn check_derived(&mut self, value: &Value<'p>, functions: &[(Text, Slot<'p>)], span: Span) -> Outcome<()> {
        let Value::Task(task) = value else { return Ok(()) };
        if task.cohort.data.views.is_none() || !functions.iter().any(|(name, _)| *name == task.column) {
            return Ok(());
        }
        let message = format!("the classes of these samples come from `{}`", task.column);
        let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(span, "");
        let help = "derive the column before `classify`, or give it another name";
        self.fail(diagnostic.at(task.span, "classified here").help(help))
    }

    /// The cells that a function gives for the rows of a data set; rows that are not selected have none.
    fn computed(&mut self, data: &Dataset, name: &str, function: &Slot<'p>) -> Outcome<Vec<Cell>> {
        let mut cells = vec![Cell::Missing; data.table.table.rows];
        let mut first: Option<(CellKind, u32)> = None;
        let mut has_floats = false;
        self.each_row(data, function, |evaluator, row, value| {
            let Some(cell) = cell_of(&value) else {
                return evaluator.unexpected("a value that a column can hold", &value, body(function));
            };
            if let Some(kind) = cell.kind() {
                has_floats |= kind == CellKind::Float;
                let (before, place) = *first.get_or_insert((kind, row));
                let number = |kind| matches!(kind, CellKind::Int | CellKind::Float);
                if kind != before && !(number(kind) && number(before)) {
                    let (here, there) = (data.table.place(row as usize), data.table.place(place as usize));
                    let message = format!("`{name}` is {kind} in {here} and {before} in {there}");
                    let help = "all values of a column are of one type: \"{value}\" makes a text of any value";
                    let diagnostic = Diagnostic::error(&codes::MIXED_COLUMN, message).at(body(function), "");
                    return evaluator.fail(diagnostic.help(help));
                }
            }
            if let Some(place) = cells.get_mut(row as usize) {
                *place = cell;
            }
            Ok(())
        })?;
        if has_floats {
            cells.iter_mut().for_each(widen);
        }
        Ok(cells)
    }

    fn drop_missing(
        &mut self,
        (value, at): (&Value<'p>, Span),
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let data = self.data_of(value, at)?;
        let columns = self.columns(&data, arguments, "columns")?;
        let there = |row: &u32| {
            let cell = |column: &&Column| {
                column
                    .cells
                    .get(*row as usize)
                    .is_some_and(|cell| *cell != Cell::Missing)
            };
            columns.iter().all(cell)
        };
        let kept = data.picture_rows().iter().copied().filter(there).collect();
        let by = self.setting_of("drop_missing", "columns", arguments);
        self.keep_rows((value, at), kept, by, ("`drop_missing` leaves", span))
    }

    /// The rows of the newest date of each group; rows of one date stay together.
    fn latest(&mut self, (value, at): (&Value<'p>, Span), arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let data = self.data_of(value, at)?;
        let by = self.columns(&data, arguments, "by")?;
        let Some(slot) = arguments.slot("date") else {
            return Err(Failed);
        };
        let name = slot.value.as_text().unwrap_or_default();
        let dates = &self.column(&data.table, &name, slot.span)?.cells;
        let date = |row: u32| dates.get(row as usize).unwrap_or(&Cell::Missing);
        let mut newest: IndexMap<String, u32> = IndexMap::new();
        let rows = data.picture_rows();
        let mut keys = Vec::with_capacity(rows.len());
        for &row in rows.iter() {
            match date(row) {
                Cell::Date(_) | Cell::Int(_) => {}
                Cell::Missing => return self.no_value(&data, &name, row, slot.span),
                other => {
                    let place = data.table.place(row as usize);
                    let message = format!("`{name}` is no column of dates: {place} has `{other}`");
                    let help = "dates are written `2020-01-31`, in every row; whole numbers will do as well";
                    let diagnostic = Diagnostic::error(&codes::NOT_A_DATE, message).at(slot.span, "");
                    return self.fail(diagnostic.help(help));
                }
            }
            let key = self.key(&data, &by, row, slot.span)?;
            let best = newest.entry(key.clone()).or_insert(row);
            if is_later(date(row), date(*best)) {
                *best = row;
            }
            keys.push(key);
        }
        let rows = rows.iter().zip(keys);
        let kept = rows.filter(|(row, key)| newest.get(key).is_some_and(|best| date(**row) == date(*best)));
        let kept = kept.map(|(row, _)| *row).collect();
        let shown = format!("{} by {name}", arguments.value("by").display());
        let chosen = setting("latest", shown, ChoiceBy::Program);
        self.keep_rows((value, at), kept, chosen, ("`latest` leaves", span))
    }

    /// The names that an argument of columns gives, each once, at least one.
    pub(super) fn column_names(&mut self, slot: &Slot<'p>) -> Outcome<Vec<Text>> {
        let names = match &slot.value {
            Value::List(list) => list.iter().map(Value::as_text).collect::<Option<Vec<_>>>(),
            one => one.as_text().map(|name| vec![name]),
        };
        let Some(names) = names else {
            return self.unexpected("a column's name or a list of them", &slot.value, slot.span);
        };
        let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        match (names.is_empty(), twice) {
            (true, _) => self.error(&plan_codes::BAD_VALUE, "at least one column is needed here", slot.span),
            (_, Some((_, name))) => self.error(&plan_codes::BAD_VALUE, format!("`{name}` is named twice"), slot.span),
            _ => Ok(names),
        }
    }

    /// The columns that an argument names.
    pub(super) fn columns<'t>(
        &mut self,
        data: &'t Dataset,
        arguments: &Arguments<'p>,
        name: &str,
    ) -> Outcome<Vec<&'t Column>> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        let names = self.column_names(slot)?;
        names
            .iter()
            .map(|name| {
                let place = self.place_in(name, slot.span);
                self.column(&data.table, name, place)
            })
            .collect()
    }

    /// Where a name is written in the argument at `span`.
    pub(super) fn place_in(&self, name: &str, span: Span) -> Span {
        let (text, quoted) = (self.program.sources.text(span), format!("{name:?}"));
        let start = span.start as usize;
        text.find(&quoted)
            .map_or(span, |at| Span::new(span.file, start + at, start + at + quoted.len()))
    }

    /// The values of a row that are one key; a missing one is reported.
    pub(super) fn key(&mut self, data: &Dataset, columns: &[&Column], row: u32, span: Span) -> Outcome<String> {
        match key_of(columns, row) {
            Ok(key) => Ok(key),
            Err(column) => self.no_value(data, &column.name, row, span),
        }
    }

    /// Reports a row without a value where one is needed.
    pub(super) fn no_value<T>(&mut self, data: &Dataset, column: &str, row: u32, span: Span) -> Outcome<T> {
        let message = format!("`{column}` is missing in {}", data.table.place(row as usize));
        let help = format!("leave such rows out before: `drop_missing({column:?})`");
        self.fail(
            Diagnostic::error(&codes::MISSING_VALUE, message)
                .at(span, "")
                .help(help),
        )
    }

    /// A setting with the value of an argument.
    pub(super) fn setting_of(&self, name: &str, argument: &str, arguments: &Arguments<'p>) -> Setting {
        setting(name, arguments.value(argument).display(), ChoiceBy::Program)
    }
}

/// Where what a function computes is written: a lambda's body, of another function its name.
fn body(function: &Slot<'_>) -> Span {
    match &function.value {
        Value::Function(Function::Lambda(_, body, _)) => body.span,
        _ => function.span,
    }
}

/// The printed values of a row's columns as one text; the column in which nothing stands, if there is one.
pub(super) fn key_of<'c>(columns: &[&'c Column], row: u32) -> Result<String, &'c Column> {
    let mut key = String::new();
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            key.push(SEPARATOR);
        }
        match column.cells.get(row as usize) {
            None | Some(Cell::Missing) => return Err(column),
            Some(Cell::Text(text)) => key.push_str(text),
            Some(cell) => key.push_str(&cell.to_string()),
        }
    }
    Ok(key)
}

/// True when one day, or whole number, is after another.
fn is_later(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Date(a), Cell::Date(b)) => a > b,
        (Cell::Int(a), Cell::Int(b)) => a > b,
        _ => false,
    }
}

/// A whole number as a float.
pub(super) fn widen(cell: &mut Cell) {
    if let Cell::Int(value) = cell {
        *cell = Cell::Float(*value as f64);
    }
}

/// A value as a column holds it; none for a value that is no cell's. An empty text is a missing value, as in a table.
fn cell_of(value: &Value<'_>) -> Option<Cell> {
    Some(match value {
        Value::None | Value::Missing(_) => Cell::Missing,
        Value::Bool(value) => Cell::Bool(*value),
        Value::Int(value) => Cell::Int(*value),
        Value::Float(value) => Cell::Float(*value),
        Value::Date(date) => Cell::Date(*date),
        Value::Text(text) if text.is_empty() => Cell::Missing,
        Value::Text(text) => Cell::Text(text.to_string()),
        _ => return None,
    })
}
