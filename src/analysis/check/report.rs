//! What `report` says of its grid: the axis it compares along, and the baseline.

use super::{Checker, messages, pipes::spoken_name};
use crate::{
    syntax::ast::{Argument, Entry, Expr, ExprKind, Ident},
    types::{Axis, Named, Type},
};

impl Checker<'_> {
    /// Checks axis and labels that a call of the builtin `report` names, where the grid that arrives shows its axes.
    pub(super) fn check_report(&mut self, arriving: &Type, step: &Expr) {
        let ExprKind::Call(callee, arguments) = &step.kind else {
            return;
        };
        let is_report = self
            .item_of(callee)
            .is_some_and(|id| self.program.is_builtin(id) && spoken_name(callee) == Some("report"));
        if !is_report {
            return;
        }
        let axes = match self.shallow(arriving) {
            Type::Grid(grid) => match grid.axes {
                Some(axes) => axes,
                None => return,
            },
            Type::Named(Named::Scores) => Vec::new(),
            _ => return,
        };
        let compared = argument(arguments, "compare", 0).and_then(|value| self.compared(&axes, value));
        if let Some(baseline) = argument(arguments, "baseline", 1) {
            self.baseline(&axes, compared.as_ref(), baseline);
        }
    }

    /// The axis along which arms are compared.
    fn compared(&mut self, axes: &[Axis], value: &Expr) -> Option<Axis> {
        let ExprKind::Text(text) = &value.kind else {
            return None;
        };
        let name = text.plain()?;
        let found = axes.iter().find(|axis| axis.name == name);
        if found.is_none() {
            self.report(messages::unknown_axis_text(&name, value.span, axes));
        }
        if let Some(axis) = found {
            self.note_axis(value.span, axis);
        }
        found.cloned()
    }

    fn baseline(&mut self, axes: &[Axis], compared: Option<&Axis>, value: &Expr) {
        if let ExprKind::Record(entries) = &value.kind {
            for entry in entries {
                if let Entry::Value { key, value, .. } = entry
                    && let Some(name) = key.text.plain()
                {
                    self.selection(axes, &Ident { name, span: key.span }, value);
                }
            }
        } else if let Some(axis) = compared {
            self.label_of_axis(axis, value);
        }
    }
}

fn argument<'a>(arguments: &'a [Argument], name: &str, place: usize) -> Option<&'a Expr> {
    arguments
        .iter()
        .enumerate()
        .find_map(|(index, argument)| match argument {
            Argument::Named(given, value) if given.name == name => Some(value),
            Argument::Positional(value) if index == place => Some(value),
            _ => None,
        })
}
