//! One cell of a table, and the kind that a column's values have in common.

use std::fmt;

/// A value of a column. A column holds one kind beside `Missing`: `Int` when every value is a whole number, else
/// `Float` when every value is a number, else `Text`.
///
/// A number is one only if its text says no more than its value: `007`, `+5`, `nan` and whole numbers that a float
/// would round stay text, so that identifiers keep their identity.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing stands there.
    Missing,
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
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl Cell {
    /// The cells of a column, in the narrowest kind that all its values have. Empty text is a missing value.
    #[must_use]
    pub fn infer(values: Vec<String>) -> Vec<Self> {
        let stated = || values.iter().filter(|value| !value.is_empty());
        if stated().all(|value| whole_number(value).is_some()) {
            convert(values, |value| whole_number(value).map(Self::Int))
        } else if stated().all(|value| number(value).is_some()) {
            convert(values, |value| number(value).map(Self::Float))
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
    use super::Cell;

    fn infer(values: &[&str]) -> Vec<Cell> {
        Cell::infer(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_column_has_one_kind() {
        assert_eq!(infer(&["1", "", "-3"]), [Cell::Int(1), Cell::Missing, Cell::Int(-3)]);
        assert_eq!(infer(&["1", "2.5", "1e-3"]), [1.0, 2.5, 1e-3].map(Cell::Float));
        assert_eq!(infer(&["1", "x"]), ["1", "x"].map(|text| Cell::Text(text.to_owned())));
        assert_eq!(infer(&["", ""]), [Cell::Missing, Cell::Missing]);
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
        ] {
            let text: Vec<_> = ids.iter().map(|id| Cell::Text((*id).to_owned())).collect();
            assert_eq!(infer(ids), text);
        }
    }
}
