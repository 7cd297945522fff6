//! Functions of a row's values: `bin`, `recode`, `match`, `trim`, `lower`, `years`, `date`.

use super::{
    eval::Evaluator,
    value::{Arguments, Failed, Outcome, Slot, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
    tables::{Date, day},
};
use indexmap::IndexMap;
use regex::Regex;
use std::rc::Rc;

/// Patterns that were used, each compiled once.
pub(super) type Patterns = IndexMap<Text, Outcome<Rc<Regex>>>;

impl<'p> Evaluator<'p, '_> {
    /// Carries out a function of values; none for another one. A missing value is an error that names the row.
    pub(super) fn cell_builtin(
        &mut self,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        Some(match name {
            "bin" => self.bin(arguments),
            "recode" => self.recode(arguments),
            "match" => self.match_text(arguments),
            "trim" => self.text_of(arguments, "text").map(|text| Value::text(text.trim())),
            "lower" => self
                .text_of(arguments, "text")
                .map(|text| Value::text(text.to_lowercase())),
            "years" => self.years(arguments),
            "date" => self.date(arguments, span),
            _ => return None,
        })
    }

    /// An argument in which something stands.
    fn present<'a>(&mut self, arguments: &'a Arguments<'p>, name: &str) -> Outcome<&'a Slot<'p>> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        match &slot.value {
            Value::Missing(cell) => self.missing(cell, slot.span),
            _ => Ok(slot),
        }
    }

    fn text_of(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<Text> {
        let slot = self.present(arguments, name)?;
        match &slot.value {
            Value::Text(text) => Ok(Rc::clone(text)),
            other => self.wrong_kind("a text", other, slot.span),
        }
    }

    fn date_of(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<Date> {
        let slot = self.present(arguments, name)?;
        match &slot.value {
            Value::Date(date) => Ok(*date),
            other => self.wrong_kind("a date", other, slot.span),
        }
    }

    /// Reports a value of another type than a function takes, with the row that has it.
    fn wrong_kind<T>(&mut self, wanted: &str, found: &Value<'p>, span: Span) -> Outcome<T> {
        let (shown, ty) = (found.display(), found.type_name());
        let message = format!("expected {wanted}, found {shown} ({ty}){}", self.in_row());
        let diagnostic = Diagnostic::error(&codes::UNEXPECTED_VALUE, message).at(span, "");
        self.fail(match (wanted, found) {
            ("a date", Value::Text(_)) => {
                diagnostic.help("a column is of dates if all its values are written `2020-01-31`")
            }
            ("a text", _) => diagnostic.help("\"{value}\" makes a text of any value"),
            _ => diagnostic,
        })
    }

    /// The interval between ascending edges in which a number lies, its lower edge included.
    fn bin(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let slot = self.present(arguments, "value")?;
        let Some(value) = slot.value.as_float() else {
            return self.wrong_kind("a number", &slot.value, slot.span);
        };
        let Some(edges_slot) = arguments.slot("edges") else {
            return Err(Failed);
        };
        let edges: Option<Vec<f64>> = match &edges_slot.value {
            Value::List(list) => list.iter().map(Value::as_float).collect(),
            _ => None,
        };
        let Some(edges) = edges.filter(|edges| !edges.is_empty() && edges.windows(2).all(|pair| pair[0] < pair[1]))
        else {
            let message = format!(
                "{} are no edges: numbers that ascend, at least one",
                edges_slot.value.display()
            );
            return self.error(&codes::BAD_VALUE, message, edges_slot.span);
        };
        let place = edges.partition_point(|edge| *edge <= value);
        let labels = arguments
            .slot("labels")
            .filter(|slot| !matches!(slot.value, Value::None));
        let Some(labels) = labels else {
            return Ok(Value::text(match (place.checked_sub(1), edges.get(place)) {
                (None, Some(to)) => format!("<{to}"),
                (Some(from), Some(to)) => format!("[{}, {to})", edges[from]),
                (_, None) => format!(">={}", edges[edges.len() - 1]),
            }));
        };
        match &labels.value {
            Value::List(list) if list.len() == edges.len() + 1 => Ok(list[place].clone()),
            _ => {
                let message = format!(
                    "{} edges make {} intervals, each with a label",
                    edges.len(),
                    edges.len() + 1
                );
                self.error(&codes::BAD_VALUE, message, labels.span)
            }
        }
    }

    /// The value that a record has for a value's printed form; otherwise `otherwise`, or the value itself.
    fn recode(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let slot = self.present(arguments, "value")?;
        let (Some(label), Value::Record(to)) = (slot.value.label(), arguments.value("to")) else {
            return self.wrong_kind("a value with a printed form", &slot.value, slot.span);
        };
        Ok(match (to.get(&label), arguments.slot("otherwise")) {
            (Some(found), _) => found.clone(),
            (None, Some(otherwise)) if otherwise.given => otherwise.value.clone(),
            _ => slot.value.clone(),
        })
    }

    /// The first group of a pattern in a text, or the whole match of one without groups; `none` where it does not match.
    fn match_text(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let text = self.text_of(arguments, "text")?;
        let slot = self.present(arguments, "pattern")?;
        let Value::Text(pattern) = &slot.value else {
            return self.unexpected("a pattern", &slot.value, slot.span);
        };
        let regex = self.pattern(pattern, slot.span)?;
        let found = regex.captures(&text).map(|captures| {
            let group = captures.get(1);
            match group {
                None if regex.captures_len() > 1 => Value::None,
                None => captures.get(0).map_or(Value::None, |whole| Value::text(whole.as_str())),
                Some(group) => Value::text(group.as_str()),
            }
        });
        Ok(found.unwrap_or(Value::None))
    }

    fn pattern(&mut self, pattern: &Text, span: Span) -> Outcome<Rc<Regex>> {
        if let Some(known) = self.patterns.get(pattern) {
            return known.clone();
        }
        let made = match Regex::new(pattern) {
            Ok(regex) => Ok(Rc::new(regex)),
            Err(error) => {
                let shown = error.to_string();
                // The last line says what is wrong; those before draw the pattern.
                let reason = shown.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message = format!("`{pattern}` is no regular expression: {reason}");
                let help = "patterns stand in raw texts, where a backslash is one: r\"P(\\d+)\"";
                self.fail(Diagnostic::error(&codes::BAD_PATTERN, message).at(span, "").help(help))
            }
        };
        self.patterns.insert(Rc::clone(pattern), made.clone());
        made
    }

    fn years(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let (from, to) = (self.date_of(arguments, "from")?, self.date_of(arguments, "to")?);
        Ok(Value::Int(whole_years(from, to)))
    }

    fn date(&mut self, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let text = self.text_of(arguments, "text")?;
        match day(&text) {
            Some(date) => Ok(Value::Date(date)),
            None => {
                let message = format!("{text:?} is no day{}", self.in_row());
                let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(span, "");
                self.fail(diagnostic.help("a day is written as ISO 8601 has it: `2020-01-31`"))
            }
        }
    }
}

/// Whole years from one day to another, as ages are counted: a year is over on the same day of the next one, for the
/// 29th of February on the 1st of March where there is none. Negative when `to` is before `from`.
fn whole_years(from: Date, to: Date) -> i64 {
    if to < from {
        return -whole_years(to, from);
    }
    let complete = (to.month(), to.day()) >= (from.month(), from.day());
    i64::from(to.year()) - i64::from(from.year()) - i64::from(!complete)
}

#[cfg(test)]
mod tests {
    use super::whole_years;
    use crate::tables::day;

    #[test]
    fn years_are_counted_as_ages_are() {
        let years = |from: &str, to: &str| whole_years(day(from).unwrap(), day(to).unwrap());
        assert_eq!(years("1960-05-10", "2020-05-09"), 59);
        assert_eq!(years("1960-05-10", "2020-05-10"), 60);
        assert_eq!(years("2000-02-29", "2021-02-28"), 20);
        assert_eq!(years("2000-02-29", "2021-03-01"), 21);
        assert_eq!(years("2020-05-10", "1960-05-10"), -60);
        assert_eq!(years("2020-05-10", "2020-05-10"), 0);
    }
}
