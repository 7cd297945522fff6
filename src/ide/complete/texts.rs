//! What a text may say: axes, labels, columns and their values, patterns over parameters.

use super::{Item, ProposalKind, at_cursor};
use crate::{
    analysis::Target,
    ide::{
        analysis::Analysis,
        columns::{self, argument},
        visit::{Node, name_of},
    },
    syntax::ast::{Argument, Entry, Expr, ExprKind},
    types::{Axis, Named, Type},
};

impl Analysis {
    /// What the text at the cursor may say.
    pub(super) fn in_text(&self, around: &[Node<'_>]) -> Vec<Item> {
        // From the inside out, the first node that says what the text is for.
        for (place, node) in around.iter().enumerate().rev() {
            let found = match node {
                Node::Expr(expr) => self.in_expr(expr, around),
                Node::Argument(given) => self.in_argument(given, &around[..place], around),
                Node::Entry(Entry::Value { key, .. }) => self.in_baseline(key.text.plain().as_deref(), around),
                _ => Vec::new(),
            };
            if !found.is_empty() {
                return found;
            }
        }
        match self.facts.cursor.as_ref().and_then(|cursor| cursor.ty.as_ref()) {
            Some(Type::Named(Named::Freeze)) => self.pattern_items(around),
            _ => Vec::new(),
        }
    }

    /// Values beside `row.column ==`, keys of `record["..."]`.
    fn in_expr(&self, expr: &Expr, around: &[Node<'_>]) -> Vec<Item> {
        match &expr.kind {
            ExprKind::Binary(_, left, right, _) => {
                let column = [left, right].into_iter().find_map(|side| match &side.kind {
                    ExprKind::Field(row, field) if self.is_row(row) => Some(field.name.as_str()),
                    _ => None,
                });
                column.map_or_else(Vec::new, |column| self.values_of(column, around))
            }
            ExprKind::Index(value, arguments) => match (self.facts.type_at(value.span), arguments.as_slice()) {
                (Some(Type::Named(Named::Row)), _) => self.columns(around),
                (Some(Type::Record(fields)), [Argument::Positional(key)]) if at_cursor(key) => fields
                    .iter()
                    .map(|(name, ty)| Item::new(name, ProposalKind::Field, 0).detail(ty.to_string()))
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn is_row(&self, row: &Expr) -> bool {
        matches!(self.facts.type_at(row.span), Some(Type::Named(Named::Row)))
    }

    /// What the argument of a call or an index may say.
    fn in_argument(&self, given: &Argument, outside: &[Node<'_>], around: &[Node<'_>]) -> Vec<Item> {
        let Some(Node::Expr(outer)) = outside.last() else {
            return Vec::new();
        };
        match &outer.kind {
            ExprKind::Index(value, _) => match (self.facts.type_at(value.span), given) {
                (Some(Type::Grid(grid)), Argument::Named(name, _)) => {
                    let axes = grid.axes.iter().flatten();
                    labels(axes.filter(|axis| axis.name == name.name))
                }
                _ => Vec::new(),
            },
            ExprKind::Call(callee, arguments) => self.in_call(callee, arguments, given, around),
            _ => Vec::new(),
        }
    }

    fn in_call(&self, callee: &Expr, arguments: &[Argument], given: &Argument, around: &[Node<'_>]) -> Vec<Item> {
        let Some(Type::Function(function)) = self.facts.type_at(callee.span) else {
            return Vec::new();
        };
        let place = arguments.iter().position(|argument| std::ptr::eq(argument, given));
        let parameter = match given {
            Argument::Named(name, _) => Some(name.name.as_str()),
            _ => place
                .and_then(|at| function.positional().nth(at))
                .map(|p| p.name.as_str()),
        };
        let Some(parameter) = parameter else { return Vec::new() };
        // A parameter that is handed on means what it means to the builtin that takes it at last.
        let builtin = name_of(callee).and_then(|at| match self.facts.target(at) {
            Some(Target::Item(id)) => self.parameter_named(id, parameter),
            _ => None,
        });
        let in_prelude = builtin.is_some_and(|p| {
            let prelude = self.program.module(self.program.prelude).tree.file;
            let std = self
                .module(p.span.file)
                .is_some_and(|(_, module)| module.origin.is_std());
            p.span.file == prelude || std
        });
        if !in_prelude {
            return Vec::new();
        }
        match (
            name_of(callee).map_or("", |at| self.program.sources.text(at)),
            parameter,
        ) {
            ("split" | "latest", "by")
            | ("split", "stratify")
            | ("classify" | "by_column" | "leave_one_out", "column")
            | ("table", "image")
            | ("latest", "date")
            | ("drop_missing" | "derive", "columns")
            | ("join" | "anti_join", "on")
            | ("views", "by" | "view")
            | ("evaluate", "level" | "worst_of") => self.columns(around),
            ("views", "order") => {
                let column = argument(arguments, "view", 1).and_then(|value| match &value.kind {
                    ExprKind::Text(text) => text.plain(),
                    _ => None,
                });
                column.map_or_else(Vec::new, |column| self.values_of(&column, around))
            }
            ("classify", "classes" | "positive") => {
                let column = argument(arguments, "column", 0);
                let column = column.and_then(|value| match &value.kind {
                    ExprKind::Text(text) => text.plain(),
                    _ => None,
                });
                column.map_or_else(Vec::new, |column| self.values_of(&column, around))
            }
            ("report", "compare" | "replicate")
            | ("select" | "ensemble" | "rank", "along")
            | ("table_of", "rows" | "columns") => {
                let axes = self.arriving_axes(around);
                let axes = axes.iter();
                axes.map(|axis| Item::new(&axis.name, ProposalKind::Axis, 0)).collect()
            }
            ("report", "baseline") => {
                let compared = argument(arguments, "compare", 0).and_then(|value| match &value.kind {
                    ExprKind::Text(text) => text.plain(),
                    _ => None,
                });
                let axes = self.arriving_axes(around);
                labels(axes.iter().filter(|axis| Some(&axis.name) == compared.as_ref()))
            }
            (_, "freeze" | "freeze_weights" | "lr") => self.pattern_items(around),
            _ => Vec::new(),
        }
    }

    /// The labels of the axis that an entry of a baseline chooses from.
    fn in_baseline(&self, key: Option<&str>, around: &[Node<'_>]) -> Vec<Item> {
        let axes = self.arriving_axes(around);
        labels(axes.iter().filter(|axis| Some(axis.name.as_str()) == key))
    }

    /// The axes of the grid that arrives at the step around a place.
    pub(super) fn arriving_axes(&self, around: &[Node<'_>]) -> Vec<Axis> {
        let arriving = around.iter().rev().find_map(|node| match node {
            Node::Step(step) => self.facts.arriving(step.step.span),
            _ => None,
        });
        match arriving {
            Some(Type::Grid(grid)) => grid.axes.clone().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn values_of(&self, column: &str, around: &[Node<'_>]) -> Vec<Item> {
        let tables = self.tables(around);
        let values = tables.iter().flat_map(|table| columns::values(table, column));
        values
            .map(|(value, count)| Item::new(value, ProposalKind::Value, 0).detail(format!("{count} rows")))
            .collect()
    }

    fn pattern_items(&self, around: &[Node<'_>]) -> Vec<Item> {
        let patterns = self.patterns(around).into_iter();
        patterns
            .map(|pattern| Item::new(pattern, ProposalKind::Pattern, 0))
            .collect()
    }
}

fn labels<'a>(axes: impl Iterator<Item = &'a Axis>) -> Vec<Item> {
    let labels = axes.flat_map(|axis| axis.labels.iter().flatten());
    labels.map(|label| Item::new(label, ProposalKind::Value, 0)).collect()
}
