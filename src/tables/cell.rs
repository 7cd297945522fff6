//! One cell of a table, and the kind that a column's values have in common.

pub use jiff::civil::Date;
use std::fmt;

/// A value of a column. A column holds one kind beside `Missing`: `Int` when every value is a whole number, else
/// `Float` when every value is a number, `Bool` when every value is `true` or `false`, `Date` when every value is a day
/// as ISO 8601 writes it, `2020-01-31`, else `Text`.
///
/// A value is of a kind only if its text says no more than its value: `007`, `+5`, `nan`, `True` and whole numbers that
/// a float would round stay text, so that identifiers keep their identity and labels their spelling.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing stands there.
    Missing,
    /// `true` or `false`.
    Bool(bool),
    /// A day.
    Date(Date),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text as written.
    Text(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Bool(value) => value.fmt(f),
            Self::Date(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Truth values.
    Bool,
    /// Days.
    Date,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Texts.
    Text,
}

impl fmt::Display for CellKind {
    /// The name of the type that such values have in a program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
        })
    }
}

impl Cell {
    /// The kind of its value; none for a missing one.
    #[must_use]
    pub fn kind(&self) -> Option<CellKind> {
        Some(match self {
            Self::Missing => return None,
            Self::Bool(_) => CellKind::Bool,
            Self::Date(_) => CellKind::Date,
            Self::Int(_) => CellKind::Int,
            Self::Float(_) => CellKind::Float,
            Self::Text(_) => CellKind::Text,
        })
    }

    /// The cells of a column, in the narrowest kind that all its values have. Empty text is a missing value.
    #[must_use]
    pub fn infer(values: Vec<String>) -> Vec<Self> {
        let stated = || values.iter().filter(|value| !value.is_empty());
        if stated().all(|value| whole_number(value).is_some()) {
            convert(values, |value| whole_number(value).map(Self::Int))
        } else if stated().all(|value| number(value).is_some()) {
            convert(values, |value| number(value).map(Self::Float))
        } else if stated().all(|value| matches!(&**value, "true" | "false")) {
            convert(values, |value| Some(Self::Bool(value == "true")))
        } else if stated().all(|value| day(value).is_some()) {
            convert(values, |value| day(value).map(Self::Date))
        } else {
            convert(values, |_| None)
        }
    }
}

fn convert(values: Vec<String>, kind: impl Fn(&str) -> Option<Cell>) -> Vec<Cell> {
    values
        .into_iter()
        .map(|value| match kind(&value) {
            _ if value.is_empty() => Cell::Missing,
            Some(cell) => cell,
            None => Cell::Text(value),
        })
        .collect()
}

/// A day of the calendar in the form `2020-01-31`.
#[must_use]
pub fn day(text: &str) -> Option<Date> {
    let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else {
        return None;
    };
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A whole number in its one canonical form.
fn whole_number(text: &str) -> Option<i64> {
    let value: i64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

/// A finite decimal number without a leading zero or plus sign; whole ones only as far as a float holds them exactly.
fn number(text: &str) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    if let Some(value) = whole_number(text) {
        return (-EXACT..=EXACT).contains(&value).then_some(value as f64);
    }
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let digits = magnitude.find(|c: char| !c.is_ascii_digit())?;
    let (whole, rest) = magnitude.split_at(digits);
    if whole.is_empty() || whole.len() > 1 && whole.starts_with('0') || !rest.starts_with(['.', 'e', 'E']) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{Cell, day};

    fn infer(values: &[&str]) -> Vec<Cell> {
        Cell::infer(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_column_has_one_kind() {
        assert_eq!(infer(&["1", "", "-3"]), [Cell::Int(1), Cell::Missing, Cell::Int(-3)]);
        assert_eq!(infer(&["1", "2.5", "1e-3"]), [1.0, 2.5, 1e-3].map(Cell::Float));
        assert_eq!(infer(&["1", "x"]), ["1", "x"].map(|text| Cell::Text(text.to_owned())));
        assert_eq!(infer(&["", ""]), [Cell::Missing, Cell::Missing]);
        assert_eq!(
            infer(&["true", "", "false"]),
            [Cell::Bool(true), Cell::Missing, Cell::Bool(false)]
        );
        let date = |text| Cell::Date(day(text).unwrap());
        assert_eq!(
            infer(&["2020-02-29", "0001-01-01"]),
            ["2020-02-29", "0001-01-01"].map(date)
        );
    }

    #[test]
    fn identifiers_keep_their_identity() {
        for ids in [
            &["007", "7"][..],
            &["+5", "5"],
            &["1.2.840.1", "1.2"],
            &["00.5"],
            &["nan"],
            &["inf"],
            &["1e999"],
            &[".5"],
            &["12345678901234567890", "12345678901234567891"],
            &["9007199254740993", "0.5"],
            &[" 5"],
            &["-0"],
            &["True", "False"],
            &["true", "1"],
            &["2021-02-29", "2021-02-28"],
            &["2021-2-28"],
            &["02021-02-28"],
            &["20210228x"],
        ] {
            let text: Vec<_> = ids.iter().map(|id| Cell::Text((*id).to_owned())).collect();
            assert_eq!(infer(ids), text);
        }
    }

    #[test]
    fn a_value_is_shown_as_it_was_written() {
        for text in ["true", "-3", "2.5", "1999-12-31", "0042-01-01", "x y"] {
            assert_eq!(infer(&[text])[0].to_string(), text);
        }
    }
}
