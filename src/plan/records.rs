//! Records: one entry of a written one, and the record of a grid.

use super::{
    eval::Evaluator,
    grid::listed,
    value::{Arguments, Env, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
    syntax::ast::{Entry, Expr},
};
use std::{rc::Rc, slice};

impl<'p> Evaluator<'p, '_> {
    /// `{ quick: a, full: b }[mode]`: the wanted entry alone is evaluated, for the others may be what does not exist yet or
    /// takes long.
    pub(super) fn written_entry(&mut self, entries: &'p [Entry], key: &'p Expr, env: &Env<'p>) -> Outcome<Value<'p>> {
        let wanted = match self.eval(key, env)? {
            Value::Text(text) => text,
            other => return self.unexpected("a text", &other, key.span),
        };
        let mut known = Vec::new();
        // What stands later replaces what a spread gave before.
        for entry in entries.iter().rev() {
            match entry {
                Entry::Value { key: label, value, .. } => {
                    let name = self.label(label, env)?;
                    if name == wanted {
                        let value = self.within(slice::from_ref(&name), |e| e.eval(value, env))?;
                        return Ok(super::naming::named(value, &name));
                    }
                    known.push(name);
                }
                Entry::Spread(expr) => match self.eval(expr, env)? {
                    Value::Record(more) => match more.get(&wanted) {
                        Some(value) => return Ok(value.clone()),
                        None => known.extend(more.keys().rev().cloned()),
                    },
                    other => return self.unexpected("a record", &other, expr.span),
                },
            }
        }
        let known: Vec<_> = known.iter().rev().map(|name| &**name).collect();
        self.no_entry(&wanted, &known, key.span)
    }

    /// A key that a record lacks.
    pub(super) fn no_entry<T>(&mut self, key: &str, known: &[&str], span: Span) -> Outcome<T> {
        let help = match known {
            [] => "the record is empty".to_owned(),
            _ => format!("it has {}", listed(known)),
        };
        let diagnostic = Diagnostic::error(&codes::NO_SUCH_ENTRY, format!("no entry `{key}`")).at(span, "");
        let written = self.program.sources.text(span);
        self.fail(
            diagnostic
                .help(help)
                .suggest_in(span, written, key, known.iter().copied()),
        )
    }

    /// Carries out `record`; none for another builtin.
    pub(super) fn record_builtin(
        &mut self,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        if name != "record" {
            return None;
        }
        let Value::Grid(grid) = arguments.value("grid") else {
            return Some(self.unexpected("a grid", arguments.value("grid"), span));
        };
        let [axis] = grid.axes.as_slice() else {
            let names: Vec<_> = grid.axes.iter().map(|axis| &*axis.name).collect();
            let message = match names.len() {
                0 => "a record has a key for every entry, and a grid without axes has no labels".to_owned(),
                _ => format!(
                    "a record has one key for every entry, and this grid has the axes {}",
                    listed(&names)
                ),
            };
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(self.users_place(span), "");
            return Some(self.fail(match names.last() {
                Some(last) => diagnostic.help(format!("select along all axes but one: `grid[{last}: ..]`")),
                None => diagnostic.help("`for name in values { .. }` makes an axis"),
            }));
        };
        let entries = axis.labels.iter().cloned().zip(grid.cells.iter().cloned());
        Some(Ok(Value::Record(Rc::new(entries.collect()))))
    }
}
