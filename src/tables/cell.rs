//! One cell of a table.

use std::fmt;

/// A value of a column. A column holds one kind beside `Missing`: `Int` when every value is a whole number, else
/// `Float` when every value is a number, else `Text`.
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
