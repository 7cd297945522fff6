//! Builtins on grids that make no stage.

use super::{
    eval::Evaluator,
    grid::listed,
    value::{Arguments, Failed, Grid, GridAxis, Outcome, Value},
};
use crate::{
    diag::{
        Diagnostic,
        codes::{plan as codes, types},
    },
    source::Span,
};
use std::rc::Rc;

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin on grids; none for another one.
    pub(super) fn grid_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        if !matches!(
            name,
            "axis" | "transpose" | "select" | "ensemble" | "rank" | "table_of" | "export"
        ) {
            return None;
        }
        let span = self.users_place(span);
        let (grid, at) = match subject {
            Some((Value::Grid(grid), at)) => (Rc::clone(grid), *at),
            Some((other, at)) => return Some(self.unexpected("a grid", other, *at)),
            None => return Some(Err(Failed)),
        };
        Some(match name {
            "axis" => self.more_axes(&grid, arguments, span),
            "select" => self.choose(&grid, at, arguments, span),
            "rank" => self.rank(&grid, at, arguments, span),
            "table_of" => self.table_of(&grid, arguments, span),
            "export" => self.export(&grid, arguments, span),
            "ensemble" => self.ensemble(&grid, at, arguments, span),
            _ => self.transpose(&grid, arguments, span),
        })
    }

    /// `axis(name: label)`: the named axes, each with one label, before those that are there.
    fn more_axes(&mut self, grid: &Grid<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Value::Record(given) = arguments.value("label") else {
            return self.unexpected("an axis and its label", arguments.value("label"), span);
        };
        if given.is_empty() {
            return self.error(&codes::NO_VALUE, "`axis` needs the name of an axis and its label", span);
        }
        let mut axes = Vec::with_capacity(given.len() + grid.axes.len());
        for (name, value) in given.iter() {
            if grid.axes.iter().any(|axis| axis.name == *name) {
                let message = format!("the grid has an axis `{name}` already");
                return self.error(&codes::DUPLICATE_LABEL, message, span);
            }
            let Some(label) = value.label() else {
                return self.unexpected("a label", value, span);
            };
            axes.push(GridAxis {
                name: Rc::clone(name),
                labels: vec![label],
            });
        }
        axes.extend(grid.axes.iter().cloned());
        let cells = grid.cells.clone();
        Ok(Value::Grid(Rc::new(Grid { axes, cells })))
    }

    fn transpose(&mut self, grid: &Grid<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let place = arguments.slot("axes").map_or(span, |slot| slot.span);
        let order = self.axes_named(grid, arguments.value("axes"), place)?;
        if order.len() < grid.axes.len() {
            let names: Vec<_> = grid.axes.iter().map(|axis| &*axis.name).collect();
            let left_out = (0..grid.axes.len()).find(|at| !order.contains(at));
            let axis = left_out.and_then(|at| names.get(at)).copied().unwrap_or_default();
            let message = format!("the axis `{axis}` is left out");
            let help = format!("name each axis once; its axes are {}", listed(&names));
            return self.fail(Diagnostic::error(&types::AXIS_ORDER, message).at(place, "").help(help));
        }
        Ok(Value::Grid(Rc::new(grid.transposed(&order))))
    }

    /// The places of the axes that a list of texts names, each once.
    pub(super) fn axes_named(&mut self, grid: &Grid<'p>, names: &Value<'p>, span: Span) -> Outcome<Vec<usize>> {
        let Value::List(names) = names else {
            return self.unexpected("a list of axes", names, span);
        };
        let mut places = Vec::with_capacity(names.len());
        for name in names.iter() {
            let Some(name) = name.as_text() else {
                return self.unexpected("the name of an axis", name, span);
            };
            let place = self.axis(grid, &name, span)?;
            if places.contains(&place) {
                let message = format!("the axis `{name}` is named twice");
                return self.error(&types::AXIS_ORDER, message, span);
            }
            places.push(place);
        }
        Ok(places)
    }
}

impl<'p> Grid<'p> {
    /// The same cells with the axes in another order: `order` holds every place once.
    pub(super) fn transposed(&self, order: &[usize]) -> Self {
        let axes: Vec<GridAxis> = order.iter().filter_map(|&at| self.axes.get(at).cloned()).collect();
        // How far a step along each axis goes in the old order.
        let stride = |at: usize| {
            self.axes[at + 1..]
                .iter()
                .map(|axis| axis.labels.len())
                .product::<usize>()
        };
        let strides: Vec<usize> = order.iter().map(|&at| stride(at)).collect();
        let place = |mut cell: usize| {
            let mut old = 0;
            for (axis, stride) in axes.iter().zip(&strides).rev() {
                old += cell % axis.labels.len() * stride;
                cell /= axis.labels.len();
            }
            old
        };
        let cells = (0..self.cells.len()).filter_map(|cell| self.cells.get(place(cell)).cloned());
        let cells = cells.collect();
        Self { axes, cells }
    }
}
