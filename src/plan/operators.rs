//! Operators, indices and fields.

use super::{
    eval::Evaluator,
    stage::Range,
    value::{Env, Failed, MissingCell, Outcome, Value},
};
use crate::{
    analysis::Meaning,
    diag::{Diagnostic, codes::plan as codes},
    net::Activation,
    source::Span,
    syntax::ast::{Argument, BinaryOp, Expr, ExprKind, Ident, UnaryOp},
    tables::Cell,
};
use std::{cmp::Ordering, rc::Rc};

/// The longest range that is a list.
const MAX_RANGE: i64 = 1_000_000;

impl<'p> Evaluator<'p, '_> {
    pub(super) fn unary(&mut self, operator: UnaryOp, operand: &'p Expr, env: &Env<'p>) -> Outcome<Value<'p>> {
        let value = self.eval(operand, env)?;
        match (operator, &value) {
            (UnaryOp::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
            (UnaryOp::Negate, Value::Float(value)) => Ok(Value::Float(-value)),
            (UnaryOp::Negate, Value::Duration(value)) => Ok(Value::Duration(-value)),
            (UnaryOp::Negate, Value::Int(value)) => match value.checked_neg() {
                Some(value) => Ok(Value::Int(value)),
                None => self.overflow(operand.span),
            },
            (UnaryOp::Negate, Value::Tensor(x)) => {
                self.layer(operand.span, |b| Ok(b.activation(*x, Activation::Negate)))
            }
            _ => self.unexpected("a number or a bool", &value, operand.span),
        }
    }

    pub(super) fn overflow<T>(&mut self, span: Span) -> Outcome<T> {
        self.error(&codes::ARITHMETIC, "the result does not fit in 64 bits", span)
    }

    pub(super) fn binary(
        &mut self,
        operator: BinaryOp,
        left: &'p Expr,
        right: &'p Expr,
        sign: Span,
        env: &Env<'p>,
    ) -> Outcome<Value<'p>> {
        let whole = left.span.to(right.span);
        let first = self.eval(left, env)?;
        // `and` and `or` look at the right side only when it decides.
        match (operator, &first) {
            (BinaryOp::And, Value::Bool(false)) | (BinaryOp::Or, Value::Bool(true)) => return Ok(first),
            _ => {}
        }
        let second = match (operator, &first, range_of(right)) {
            // 1.5 lies in `1..3`, although the list of its whole numbers lacks it.
            (BinaryOp::In | BinaryOp::NotIn, Value::Float(_), Some((ends, low, high))) => {
                self.between(ends, (low, high), env)?
            }
            _ => self.eval(right, env)?,
        };
        match operator {
            BinaryOp::And | BinaryOp::Or => match second {
                Value::Bool(_) if matches!(first, Value::Bool(_)) => Ok(second),
                other => self.unexpected("a bool", &other, right.span),
            },
            BinaryOp::Equal => self.equal(&first, &second, whole).map(Value::Bool),
            BinaryOp::NotEqual => self.equal(&first, &second, whole).map(|equal| Value::Bool(!equal)),
            BinaryOp::Less => self
                .order(&first, &second, whole)
                .map(|o| Value::Bool(o == Some(Ordering::Less))),
            BinaryOp::LessEqual => self
                .order(&first, &second, whole)
                .map(|o| Value::Bool(o.is_some_and(Ordering::is_le))),
            BinaryOp::Greater => self
                .order(&first, &second, whole)
                .map(|o| Value::Bool(o == Some(Ordering::Greater))),
            BinaryOp::GreaterEqual => self
                .order(&first, &second, whole)
                .map(|o| Value::Bool(o.is_some_and(Ordering::is_ge))),
            BinaryOp::In => self.contains(&second, &first, whole).map(Value::Bool),
            BinaryOp::NotIn => self.contains(&second, &first, whole).map(|found| Value::Bool(!found)),
            BinaryOp::Join => self.join(first, second, whole),
            BinaryOp::Range | BinaryOp::RangeInclusive => {
                self.range(&first, &second, operator == BinaryOp::RangeInclusive, whole)
            }
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
                self.arithmetic(operator, first, second, sign, whole)
            }
        }
    }

    fn arithmetic(
        &mut self,
        operator: BinaryOp,
        left: Value<'p>,
        right: Value<'p>,
        sign: Span,
        whole: Span,
    ) -> Outcome<Value<'p>> {
        self.refuse_missing(&[&left, &right], whole)?;
        if let (Value::Tensor(a), Value::Tensor(b)) = (&left, &right)
            && let Some(done) = self.tensor_operator(operator, (*a, *b), sign)
        {
            return done;
        }
        match (&left, &right) {
            (&Value::Int(a), &Value::Int(b)) => self.whole_arithmetic(operator, a, b, whole),
            (&Value::Duration(a), &Value::Duration(b)) if operator == BinaryOp::Add => Ok(Value::Duration(a + b)),
            (&Value::Duration(a), &Value::Duration(b)) if operator == BinaryOp::Subtract => Ok(Value::Duration(a - b)),
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => {
                    let value = match operator {
                        BinaryOp::Add => a + b,
                        BinaryOp::Subtract => a - b,
                        BinaryOp::Multiply => a * b,
                        _ if b == 0.0 => return self.error(&codes::ARITHMETIC, "division by zero", whole),
                        _ => a / b,
                    };
                    if value.is_finite() {
                        Ok(Value::Float(value))
                    } else {
                        self.overflow(whole)
                    }
                }
                (None, _) => self.unexpected("a number", &left, whole),
                (_, None) => self.unexpected("a number", &right, whole),
            },
        }
    }

    fn whole_arithmetic(&mut self, operator: BinaryOp, a: i64, b: i64, whole: Span) -> Outcome<Value<'p>> {
        let value = match operator {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Subtract => a.checked_sub(b),
            BinaryOp::Multiply => a.checked_mul(b),
            _ if b == 0 => return self.error(&codes::ARITHMETIC, "division by zero", whole),
            _ if a.checked_rem(b).is_some_and(|rest| rest != 0) => {
                let diagnostic = Diagnostic::error(&codes::ARITHMETIC, format!("{a} / {b} is no whole number"));
                let help = format!("write `div({a}, {b})` to round down, or make one of them a float: `{a}.0`");
                return self.fail(diagnostic.at(whole, "").help(help));
            }
            _ => a.checked_div(b),
        };
        value.map_or_else(|| self.overflow(whole), |value| Ok(Value::Int(value)))
    }

    fn range(&mut self, from: &Value<'p>, to: &Value<'p>, inclusive: bool, span: Span) -> Outcome<Value<'p>> {
        let (from, to) = match (from, to) {
            (Value::Int(from), Value::Int(to)) => (*from, *to),
            _ => match (from.as_float(), to.as_float()) {
                (Some(low), Some(high)) => return self.range_of_numbers(low, high, inclusive, span),
                (None, _) => return self.unexpected("a number", from, span),
                (_, None) => return self.unexpected("a number", to, span),
            },
        };
        let end = if inclusive { to.saturating_add(1) } else { to };
        if end.saturating_sub(from) > MAX_RANGE {
            return self.error(
                &codes::BAD_VALUE,
                format!("a range of more than {MAX_RANGE} numbers"),
                span,
            );
        }
        Ok(Value::List(Rc::new((from..end).map(Value::Int).collect())))
    }

    /// `a..b` where a range is expected: all numbers between the two ends, whole ends as well.
    pub(super) fn between(
        &mut self,
        operator: BinaryOp,
        (low, high): (&'p Expr, &'p Expr),
        env: &Env<'p>,
    ) -> Outcome<Value<'p>> {
        let mut end = |expr: &'p Expr| {
            let value = self.eval(expr, env)?;
            match value.as_float() {
                Some(number) => Ok(number),
                None => self.unexpected("a number", &value, expr.span),
            }
        };
        let ends = (end(low)?, end(high)?);
        let inclusive = operator == BinaryOp::RangeInclusive;
        self.range_of_numbers(ends.0, ends.1, inclusive, low.span.to(high.span))
    }

    fn range_of_numbers(&mut self, low: f64, high: f64, inclusive: bool, span: Span) -> Outcome<Value<'p>> {
        let Some(range) = Range::new(low, high, inclusive) else {
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, "no number lies in this range").at(span, "");
            return self.fail(diagnostic.help(if low == high {
                "with its upper end it holds that one number: `..=`"
            } else {
                "the lower end comes first: `0.9..1.1`"
            }));
        };
        Ok(Value::Range(range))
    }

    /// A missing cell takes part in no comparison but with `none`.
    fn refuse_missing(&mut self, values: &[&Value<'p>], span: Span) -> Outcome<()> {
        for value in values {
            if let Value::Missing(cell) = value {
                return self.missing(cell, span);
            }
        }
        Ok(())
    }

    pub(super) fn missing<T>(&mut self, cell: &MissingCell, span: Span) -> Outcome<T> {
        let message = format!("`{}` is missing in {}", cell.column, cell.place);
        let help = format!("ask first whether it is there: `r[{:?}] != none and ...`", cell.column);
        self.fail(
            Diagnostic::error(&crate::diag::codes::data::MISSING_VALUE, message)
                .at(span, "")
                .help(help),
        )
    }

    fn equal(&mut self, left: &Value<'p>, right: &Value<'p>, span: Span) -> Outcome<bool> {
        match (left, right) {
            (Value::Missing(_), Value::None) | (Value::None, Value::Missing(_)) => return Ok(true),
            _ => self.refuse_missing(&[left, right], span)?,
        }
        match same(left, right) {
            Some(same) => Ok(same),
            None => self.incomparable(left, right, span),
        }
    }

    fn order(&mut self, left: &Value<'p>, right: &Value<'p>, span: Span) -> Outcome<Option<Ordering>> {
        self.refuse_missing(&[left, right], span)?;
        match (left, right) {
            (Value::Int(a), Value::Int(b)) => Ok(Some(a.cmp(b))),
            (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
            (Value::Date(a), Value::Date(b)) => Ok(Some(a.cmp(b))),
            (Value::Duration(a), Value::Duration(b)) => Ok(a.partial_cmp(b)),
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => Ok(a.partial_cmp(&b)),
                _ => self.incomparable(left, right, span),
            },
        }
    }

    /// Reports values of different types, or of one that has no order; in a function of rows with the row.
    fn incomparable<T>(&mut self, left: &Value<'p>, right: &Value<'p>, span: Span) -> Outcome<T> {
        let words = |value: &Value<'p>| format!("{} ({})", value.display(), value.type_name());
        let place = self.in_row();
        let message = format!("{} and {} cannot be compared{place}", words(left), words(right));
        let diagnostic = Diagnostic::error(&codes::UNEXPECTED_VALUE, message).at(span, "");
        let is = |test: fn(&Value<'p>) -> bool| test(left) || test(right);
        let (text, date) = (
            is(|value| matches!(value, Value::Text(_))),
            is(|value| matches!(value, Value::Date(_))),
        );
        let number = is(|value| matches!(value, Value::Int(_) | Value::Float(_)));
        self.fail(match (text, date, number) {
            (true, true, _) => diagnostic.help("a text becomes a date by `date(\"2020-01-31\")`"),
            (true, _, true) if !place.is_empty() => diagnostic
                .help("a column is of numbers if all its values are: `007` and `n/a` make it one of texts, so compare with texts"),
            _ => diagnostic,
        })
    }

    fn contains(&mut self, container: &Value<'p>, value: &Value<'p>, span: Span) -> Outcome<bool> {
        match (container, value) {
            (Value::List(list), value) => {
                for entry in list.iter() {
                    if self.equal(entry, value, span)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (_, Value::Missing(cell)) => self.missing(cell, span),
            (Value::Range(range), value) => match value.as_float() {
                Some(number) => Ok(range.contains(number)),
                None => self.unexpected("a number", value, span),
            },
            (Value::Record(record), Value::Text(key)) => Ok(record.contains_key(key)),
            (Value::Text(text), Value::Text(part)) => Ok(text.contains(&**part)),
            _ => self.unexpected("a list, a record or a text", container, span),
        }
    }

    fn join(&mut self, left: Value<'p>, right: Value<'p>, span: Span) -> Outcome<Value<'p>> {
        match (left, right) {
            (Value::List(a), Value::List(b)) => Ok(Value::List(Rc::new(a.iter().chain(b.iter()).cloned().collect()))),
            (Value::Text(a), Value::Text(b)) => Ok(Value::text(format!("{a}{b}"))),
            (Value::Record(a), Value::Record(b)) => {
                if let Some(key) = b.keys().find(|key| a.contains_key(*key)) {
                    return self.error(
                        &codes::DUPLICATE_LABEL,
                        format!("both records have an entry `{key}`"),
                        span,
                    );
                }
                let entries = a.iter().chain(b.iter());
                Ok(Value::Record(Rc::new(
                    entries.map(|(key, value)| (Rc::clone(key), value.clone())).collect(),
                )))
            }
            (Value::Grid(a), Value::Grid(b)) => self.join_grids(&a, &b, span),
            (Value::Dataset(a), Value::Dataset(b)) => Ok(Value::Dataset(Rc::new(self.concat_rows(&a, &b, span)?))),
            (Value::Rows(a), Value::Rows(b)) => Ok(Value::Rows(Rc::new(self.concat_rows(&a, &b, span)?))),
            (left, _) => self.unexpected("two lists, records, texts, data sets or grids", &left, span),
        }
    }

    /// `value[...]`
    pub(super) fn index(
        &mut self,
        base: Value<'p>,
        arguments: &'p [Argument],
        env: &Env<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        if let Value::Grid(grid) = &base {
            return self.select(grid, arguments, env, span);
        }
        let [Argument::Positional(expr)] = arguments else {
            return self.error(&codes::UNEXPECTED_VALUE, "one index was expected", span);
        };
        let index = self.eval(expr, env)?;
        match (&base, &index) {
            (Value::List(list), Value::Int(at)) => self.element(list, *at, expr.span),
            (Value::List(list), Value::List(places)) => {
                let places = places.iter().filter_map(Value::as_int);
                let picked: Outcome<Vec<_>> = places.map(|at| self.element(list, at, expr.span)).collect();
                Ok(Value::List(Rc::new(picked?)))
            }
            (_, Value::Text(key)) => self.entry(&base, key, expr.span),
            _ => self.unexpected("a list, a record or a grid", &base, span),
        }
    }

    fn element(&mut self, list: &[Value<'p>], at: i64, span: Span) -> Outcome<Value<'p>> {
        let found = usize::try_from(at).ok().and_then(|at| list.get(at));
        match found {
            Some(value) => Ok(value.clone()),
            None => {
                let message = format!("index {at} of a list of {}", list.len());
                let diagnostic = Diagnostic::error(&codes::NO_SUCH_ENTRY, message).at(span, "");
                self.fail(diagnostic.help("indices begin at 0"))
            }
        }
    }

    /// `value.name`
    pub(super) fn field(&mut self, base: &Value<'p>, field: &'p Ident) -> Outcome<Value<'p>> {
        match base {
            Value::Module(id) => match self.program.module(*id).exported(&field.name) {
                Some(Meaning::Item(item)) => self.item(item, field.span),
                Some(Meaning::Module(id)) => Ok(Value::Module(id)),
                Some(Meaning::Missing) => Err(Failed),
                None => self.error(&codes::NO_SUCH_ENTRY, format!("no `{}` there", field.name), field.span),
            },
            _ => self.entry(base, &field.name, field.span),
        }
    }

    /// An entry of a record, or a column's value of a row.
    fn entry(&mut self, base: &Value<'p>, key: &str, span: Span) -> Outcome<Value<'p>> {
        match base {
            Value::Record(record) => match record.get(key) {
                Some(value) => Ok(value.clone()),
                None => {
                    let keys: Vec<_> = record.keys().map(|key| &**key).collect();
                    self.no_entry(key, &keys, span)
                }
            },
            Value::Row(row) => {
                let table = Rc::clone(&row.table);
                let column = self.column(&table, key, span)?;
                Ok(match column.cells.get(row.row) {
                    Some(Cell::Bool(value)) => Value::Bool(*value),
                    Some(Cell::Date(date)) => Value::Date(*date),
                    Some(Cell::Int(value)) => Value::Int(*value),
                    Some(Cell::Float(value)) => Value::Float(*value),
                    Some(Cell::Text(text)) => Value::text(text.as_str()),
                    Some(Cell::Missing) | None => Value::Missing(Rc::new(MissingCell {
                        column: key.to_owned(),
                        place: table.place(row.row),
                    })),
                })
            }
            _ => self.unexpected("a record", base, span),
        }
    }
}

/// The sign and the ends of a written range.
fn range_of(expr: &Expr) -> Option<(BinaryOp, &Expr, &Expr)> {
    match &expr.kind {
        ExprKind::Binary(operator @ (BinaryOp::Range | BinaryOp::RangeInclusive), low, high, _) => {
            Some((*operator, low, high))
        }
        ExprKind::Paren(inner) if inner.label.is_none() => range_of(&inner.value),
        _ => None,
    }
}

/// Whether two values are equal; none when they cannot be compared.
fn same(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    Some(match (left, right) {
        (Value::None, Value::None) => true,
        (Value::None, _) | (_, Value::None) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Path(a), Value::Path(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Date(a), Value::Date(b)) => a == b,
        (Value::Choice(a), Value::Choice(b)) => a == b,
        (Value::Range(a), Value::Range(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b) == Some(true))
        }
        (Value::Record(a), Value::Record(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b) == Some(true)))
        }
        _ => left.as_float()? == right.as_float()?,
    })
}
