//! The values that a `param` may have: `in 1..=200`, `in ["quick", "full"]`.
//!
//! A domain is written out in literals, so that a default and a value from outside are judged without evaluating
//! anything.

use crate::{
    diag::{Diagnostic, codes::types::OUTSIDE},
    source::{SourceMap, Span},
    syntax::ast::{BinaryOp, Expr, ExprKind, ListPart, Param, UnaryOp},
};

/// A plain value: numbers and durations, which are seconds, compare as numbers, texts and paths as texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// A number, or a duration in seconds.
    Number(f64),
    /// A text, or a path as it is written.
    Text(String),
    /// A truth value.
    Bool(bool),
}

impl Plain {
    /// The value of a literal; none for `none` and for what is computed.
    #[must_use]
    pub fn of(expr: &Expr) -> Option<Self> {
        match &expr.kind {
            ExprKind::Int(value) => Some(Self::Number(*value as f64)),
            ExprKind::Float(value) | ExprKind::Duration(value) => Some(Self::Number(*value)),
            ExprKind::Bool(value) => Some(Self::Bool(*value)),
            ExprKind::Text(text) => text.plain().map(Self::Text),
            ExprKind::Unary(UnaryOp::Negate, value) => match Self::of(value)? {
                Self::Number(value) => Some(Self::Number(-value)),
                Self::Text(_) | Self::Bool(_) => None,
            },
            ExprKind::Paren(inner) if inner.label.is_none() => Self::of(&inner.value),
            _ => None,
        }
    }
}

/// The values that a parameter may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// The numbers between two, the upper one included or not.
    Between(f64, f64, bool),
    /// These.
    Values(Vec<Plain>),
}

impl Domain {
    /// The domain that is written after `in`; none when it is no list and no range, or is not written out.
    #[must_use]
    pub fn of(expr: &Expr) -> Option<Self> {
        match &expr.kind {
            ExprKind::Paren(inner) if inner.label.is_none() => Self::of(&inner.value),
            ExprKind::Binary(operator @ (BinaryOp::Range | BinaryOp::RangeInclusive), low, high, _) => {
                match (Plain::of(low)?, Plain::of(high)?) {
                    (Plain::Number(low), Plain::Number(high)) => {
                        Some(Self::Between(low, high, *operator == BinaryOp::RangeInclusive))
                    }
                    _ => None,
                }
            }
            ExprKind::List(parts) => {
                let values = parts.iter().map(|part| match part {
                    ListPart::Value(value) => Plain::of(value),
                    ListPart::Spread(_) => None,
                });
                values.collect::<Option<_>>().map(Self::Values)
            }
            _ => None,
        }
    }

    /// True when no value lies in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Between(low, high, inclusive) => high < low || (!inclusive && low == high),
            Self::Values(values) => values.is_empty(),
        }
    }

    /// True when a value lies in it.
    #[must_use]
    pub fn holds(&self, value: &Plain) -> bool {
        match (self, value) {
            (Self::Between(low, high, inclusive), Plain::Number(number)) => {
                low <= number && (number < high || (*inclusive && number == high))
            }
            (Self::Between(..), _) => false,
            (Self::Values(values), value) => values.contains(value),
        }
    }

    /// Its texts.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let values = match self {
            Self::Values(values) => values.as_slice(),
            Self::Between(..) => &[],
        };
        values.iter().filter_map(|value| match value {
            Plain::Text(text) => Some(text.as_str()),
            Plain::Number(_) | Plain::Bool(_) => None,
        })
    }
}

/// What is wrong with a value of a parameter, written at `span`; none when its domain holds the value, and when there is
/// no domain or one that is itself mistaken.
#[must_use]
pub fn outside(param: &Param, value: &Plain, span: Span, sources: &SourceMap) -> Option<Diagnostic> {
    let written = param.domain.as_ref()?;
    let domain = Domain::of(written).filter(|domain| !domain.is_empty() && !domain.holds(value))?;
    let shown = sources
        .text(written.span)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let given = sources.text(span);
    let message = format!("the param `{}` cannot be `{given}`", param.name.name);
    let diagnostic = Diagnostic::error(&OUTSIDE, message).at(span, format!("not in `{shown}`"));
    let (Plain::Text(text), true) = (value, domain.texts().next().is_some()) else {
        return Some(diagnostic.help(format!("its values lie in `{shown}`")));
    };
    let diagnostic = diagnostic.help(format!("its values are `{shown}`"));
    Some(diagnostic.suggest_in(span, given, text, domain.texts()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diag::Diagnostics, syntax, syntax::ast::ItemKind};

    fn domain(text: &str) -> Option<Domain> {
        let text = format!("let v = {text}\n");
        let file = SourceMap::new().add("", None, text.as_str());
        let module = syntax::parse(file, &text, &mut Diagnostics::new());
        match module.items.first().map(|item| &item.kind) {
            Some(ItemKind::Let(binding)) => Domain::of(&binding.value),
            _ => None,
        }
    }

    #[test]
    fn a_domain_holds_what_lies_in_it() {
        let number = |value| Plain::Number(value);
        let lr = domain("1e-5..=1e-1").expect("a range");
        assert!(lr.holds(&number(1e-1)) && lr.holds(&number(1e-5)) && !lr.holds(&number(0.2)));
        let steps = domain("(-1)..3").expect("a range");
        assert!(steps.holds(&number(-1.0)) && !steps.holds(&number(3.0)));
        let mode = domain("[\"quick\", \"full\"]").expect("a list");
        assert!(mode.holds(&Plain::Text("full".into())) && !mode.holds(&Plain::Text("ful".into())));
        let time = domain("10min..=2h").expect("a range");
        assert!(time.holds(&number(7200.0)) && !time.holds(&number(60.0)));
        assert!(!lr.holds(&Plain::Bool(true)));
    }

    #[test]
    fn empty_ones_and_what_is_computed_are_told_apart() {
        assert!(domain("3..3").is_some_and(|d| d.is_empty()) && domain("[]").is_some_and(|d| d.is_empty()));
        assert!(domain("3..=3").is_some_and(|d| !d.is_empty()));
        for computed in ["1..n", "[a]", "[...b]", "\"a\"..\"b\"", "3"] {
            assert_eq!(domain(computed), None, "{computed}");
        }
    }
}
