//! What `report` says of its grid: the axis it compares along, and the baseline.

use super::{Checker, axes::argument};
use crate::{
    syntax::ast::{Argument, Entry, Expr, ExprKind, Ident},
    types::Axis,
};

impl Checker<'_> {
    /// Checks axes and labels that a call of `report` names.
    pub(super) fn check_report(&mut self, axes: &[Axis], arguments: &[Argument]) {
        let compared = argument(arguments, "compare", 0).and_then(|value| self.named_axis(axes, value));
        if let Some(replicate) = argument(arguments, "replicate", 5) {
            self.named_axis(axes, replicate);
        }
        if let Some(baseline) = argument(arguments, "baseline", 1) {
            self.baseline(axes, compared.as_ref(), baseline);
        }
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
