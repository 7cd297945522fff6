//! What the builtins on grids do to the axes: which ones they name, and which ones are left.

use super::{Checker, messages, pipes::spoken_name};
use crate::{
    syntax::ast::{Argument, Expr, ExprKind, ListPart},
    types::{Axis, Named, Type},
};

/// The axes of a grid after a step; none where they are those that the step's signature says.
pub(super) type Regrid = Option<Vec<Axis>>;

impl Checker<'_> {
    /// Checks the axes that a call of a builtin on grids names, and says which ones its result has, where the grid that
    /// arrives shows its own.
    pub(super) fn check_axes(&mut self, arriving: &Type, step: &Expr) -> Regrid {
        let ExprKind::Call(callee, arguments) = &step.kind else {
            return None;
        };
        let is_builtin = self.item_of(callee).is_some_and(|id| self.program.is_builtin(id));
        let name = spoken_name(callee).filter(|_| is_builtin)?;
        let axes = match self.shallow(arriving) {
            Type::Grid(grid) => grid.axes?,
            Type::Named(Named::Scores | Named::Ranking) => Vec::new(),
            _ => return None,
        };
        match name {
            "axis" => self.more_axes(axes, callee, arguments),
            "transpose" => self.ordered_axes(axes, arguments),
            "select" => {
                let left = self.axes_without(axes, arguments)?;
                if let Some(pool) = argument(arguments, "pool", 2) {
                    self.axes_listed(&left, pool);
                }
                Some(left)
            }
            "ensemble" | "rank" => self.axes_without(axes, arguments),
            "table_of" => {
                for (place, name) in ["rows", "columns"].into_iter().enumerate() {
                    if let Some(axis) = argument(arguments, name, place) {
                        self.named_axis(&axes, axis);
                    }
                }
                None
            }
            "report" => {
                self.check_report(&axes, arguments);
                None
            }
            _ => None,
        }
    }

    /// The type of what a step made, with the axes that it has; a grid without axes is its one cell.
    pub(super) fn regridded(&self, made: Type, axes: Regrid) -> Type {
        match (self.shallow(&made), axes) {
            (Type::Grid(grid), Some(axes)) if axes.is_empty() => grid.cell,
            (Type::Grid(grid), Some(axes)) => Type::grid(grid.cell, Some(axes)),
            _ => made,
        }
    }

    /// `axis(name: label)`: the named axes, each with one label, before those that are there.
    fn more_axes(&mut self, axes: Vec<Axis>, callee: &Expr, arguments: &[Argument]) -> Regrid {
        if arguments.is_empty() {
            self.report(messages::no_axis_named(callee));
            return None;
        }
        let mut made: Vec<Axis> = Vec::new();
        for argument in arguments {
            let Argument::Named(name, label) = argument else {
                return None;
            };
            if axes.iter().any(|axis| axis.name == name.name) {
                self.report(messages::axis_there(name));
                return None;
            }
            made.push(Axis {
                name: name.name.clone(),
                labels: super::grids::written_label(label).map(|label| vec![label]),
                origin: Some(name.span),
            });
        }
        made.extend(axes);
        Some(made)
    }

    /// The axes without the one that `along` names.
    fn axes_without(&mut self, axes: Vec<Axis>, arguments: &[Argument]) -> Regrid {
        let along = self.named_axis(&axes, argument(arguments, "along", 0)?)?;
        Some(axes.into_iter().filter(|axis| *axis != along).collect())
    }

    /// Checks the axes that a written list names.
    fn axes_listed(&mut self, axes: &[Axis], list: &Expr) {
        if let ExprKind::List(parts) = &list.kind {
            for part in parts {
                if let ListPart::Value(name) = part {
                    self.named_axis(axes, name);
                }
            }
        }
    }

    /// `transpose([..])`: all axes in another order.
    fn ordered_axes(&mut self, axes: Vec<Axis>, arguments: &[Argument]) -> Regrid {
        let value = argument(arguments, "axes", 0)?;
        let ExprKind::List(parts) = &value.kind else {
            return None;
        };
        let mut ordered: Vec<Axis> = Vec::new();
        for part in parts {
            let ListPart::Value(name) = part else {
                return None;
            };
            let axis = self.named_axis(&axes, name)?;
            if ordered.contains(&axis) {
                self.report(messages::axis_order(&axis.name, true, name.span, &axes));
                return None;
            }
            ordered.push(axis);
        }
        if let Some(missing) = axes.iter().find(|axis| !ordered.contains(axis)) {
            self.report(messages::axis_order(&missing.name, false, value.span, &axes));
            return None;
        }
        Some(ordered)
    }

    /// The axis that a written text names; one that is not there is reported.
    pub(super) fn named_axis(&mut self, axes: &[Axis], value: &Expr) -> Option<Axis> {
        let ExprKind::Text(text) = &value.kind else {
            return None;
        };
        let name = text.plain()?;
        let found = axes.iter().find(|axis| axis.name == name);
        match found {
            Some(axis) => self.note_axis(value.span, axis),
            None => self.report(messages::unknown_axis_text(&name, value.span, axes)),
        }
        found.cloned()
    }
}

/// The argument of a parameter, by name or by place.
pub(super) fn argument<'a>(arguments: &'a [Argument], name: &str, place: usize) -> Option<&'a Expr> {
    arguments
        .iter()
        .enumerate()
        .find_map(|(index, argument)| match argument {
            Argument::Named(given, value) if given.name == name => Some(value),
            Argument::Positional(value) if index == place => Some(value),
            _ => None,
        })
}
