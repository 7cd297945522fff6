//! Grids: values labelled by axes, made by `for`, selected by `[axis: label]`, joined by `++`.

use super::{
    eval::Evaluator,
    value::{Env, Failed, Grid, GridAxis, Outcome, Value, argument_expr},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
    syntax::ast::{Argument, Binding, Block},
};
use std::rc::Rc;

/// What a loop variable runs over: the axes it gives the grid, and one value per coordinate of them.
struct Loop<'p> {
    binding: &'p Binding,
    axes: Vec<GridAxis>,
    values: Vec<Value<'p>>,
}

impl Grid<'_> {
    /// The labels of a cell, one per axis.
    pub(super) fn coordinate(&self, cell: usize) -> Vec<Rc<str>> {
        coordinate(&self.axes, cell)
    }
}

fn coordinate(axes: &[GridAxis], mut cell: usize) -> Vec<Rc<str>> {
    let mut labels: Vec<_> = axes
        .iter()
        .rev()
        .filter_map(|axis| {
            let at = cell % axis.labels.len();
            cell /= axis.labels.len();
            axis.labels.get(at).cloned()
        })
        .collect();
    labels.reverse();
    labels
}

impl<'p> Evaluator<'p, '_> {
    /// `for a in xs, b in ys { body }`: a grid; inside a `net` a list.
    pub(super) fn comprehension(
        &mut self,
        bindings: &'p [Binding],
        body: &'p Block,
        env: &Env<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let loops: Vec<_> = bindings.iter().map(|binding| self.loop_over(binding, env)).collect();
        let loops: Vec<_> = loops.into_iter().collect::<Outcome<_>>()?;
        let count = loops.iter().map(|l| l.values.len()).product();
        let (mut cells, mut failed) = (Vec::with_capacity(count), false);
        for cell in 0..count {
            let (mut rest, mut picks) = (cell, Vec::with_capacity(loops.len()));
            for l in loops.iter().rev() {
                picks.push(rest % l.values.len());
                rest /= l.values.len();
            }
            picks.reverse();
            let (mut inner, mut labels) = (env.clone(), Vec::new());
            for (l, &pick) in loops.iter().zip(&picks) {
                let Some(value) = l.values.get(pick) else { continue };
                inner = inner.with(&l.binding.name.name, self.own(value.clone(), l.binding.values.span));
                labels.extend(coordinate(&l.axes, pick));
            }
            match self.within(&labels, |e| e.block(body, &inner, None)) {
                Ok(value) => cells.push(value),
                Err(Failed) => failed = true,
            }
        }
        if failed {
            return Err(Failed);
        }
        if env.in_net {
            return Ok(Value::List(Rc::new(cells)));
        }
        let axes = loops.into_iter().flat_map(|l| l.axes).collect();
        self.nested(axes, cells, span)
    }

    fn loop_over(&mut self, binding: &'p Binding, env: &Env<'p>) -> Outcome<Loop<'p>> {
        let span = binding.values.span;
        let axis = |labels| GridAxis {
            name: binding.name.name.as_str().into(),
            labels,
        };
        let (axes, values) = match self.eval(&binding.values, env)? {
            Value::Grid(grid) => (grid.axes.clone(), grid.cells.clone()),
            Value::Record(record) => (
                vec![axis(record.keys().cloned().collect())],
                record.values().cloned().collect(),
            ),
            Value::List(list) if env.in_net => (Vec::new(), list.to_vec()),
            Value::List(list) => {
                let Some(labels) = list.iter().map(Value::label).collect::<Option<Vec<_>>>() else {
                    let message = "these values have no printed form to label an axis with";
                    let help = "give them names in a record: `{ first: ..., second: ... }`";
                    return self.fail(
                        Diagnostic::error(&codes::UNEXPECTED_VALUE, message)
                            .at(span, "")
                            .help(help),
                    );
                };
                (vec![axis(labels)], list.to_vec())
            }
            other => return self.unexpected("a list, a record or a grid", &other, span),
        };
        for axis in &axes {
            self.unique(axis, span)?;
        }
        Ok(Loop { binding, axes, values })
    }

    fn unique(&mut self, axis: &GridAxis, span: Span) -> Outcome<()> {
        let twice = axis
            .labels
            .iter()
            .enumerate()
            .find(|(at, label)| axis.labels[..*at].contains(label));
        match twice {
            Some((_, label)) => {
                let message = format!("axis `{}` has the label `{label}` twice", axis.name);
                self.error(&codes::DUPLICATE_LABEL, message, span)
            }
            None => Ok(()),
        }
    }

    /// A grid whose cells are grids of the same axes is one grid of all axes.
    fn nested(&mut self, mut axes: Vec<GridAxis>, cells: Vec<Value<'p>>, span: Span) -> Outcome<Value<'p>> {
        let inner: Option<Vec<_>> = cells
            .iter()
            .map(|cell| match cell {
                Value::Grid(grid) => Some(Rc::clone(grid)),
                _ => None,
            })
            .collect();
        let cells = match inner {
            Some(grids) if !grids.is_empty() => {
                let first = Rc::clone(&grids[0]);
                if grids.iter().any(|grid| grid.axes != first.axes) {
                    return self.error(
                        &codes::UNEXPECTED_VALUE,
                        "the grids in the cells have different axes",
                        span,
                    );
                }
                axes.extend(first.axes.iter().cloned());
                grids.iter().flat_map(|grid| grid.cells.iter().cloned()).collect()
            }
            _ => cells,
        };
        let twice = axes
            .iter()
            .enumerate()
            .find(|(at, axis)| axes[..*at].iter().any(|a| a.name == axis.name));
        if let Some((_, axis)) = twice {
            return self.error(
                &codes::DUPLICATE_LABEL,
                format!("two axes are named `{}`", axis.name),
                span,
            );
        }
        Ok(Value::Grid(Rc::new(Grid { axes, cells })))
    }

    /// `grid[axis: label]`: the value when every axis is given, else the smaller grid.
    pub(super) fn select(
        &mut self,
        grid: &Rc<Grid<'p>>,
        arguments: &'p [Argument],
        env: &Env<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let mut wanted: Vec<(usize, Rc<str>)> = Vec::new();
        for argument in arguments {
            let Argument::Named(axis, expr) = argument else {
                let place = argument_expr(argument).span;
                return self.error(
                    &codes::UNEXPECTED_VALUE,
                    "a grid is indexed by the name of an axis",
                    place,
                );
            };
            let at = self.axis(grid, &axis.name, axis.span)?;
            let value = self.eval(expr, env)?;
            let Some(label) = value.label() else {
                return self.unexpected("a label", &value, expr.span);
            };
            self.label_of(grid, at, &label, expr.span)?;
            wanted.push((at, label));
        }
        let kept: Vec<_> = (0..grid.cells.len())
            .filter(|&cell| {
                let labels = grid.coordinate(cell);
                wanted.iter().all(|(at, label)| labels.get(*at) == Some(label))
            })
            .filter_map(|cell| grid.cells.get(cell).cloned())
            .collect();
        let axes = grid.axes.iter().enumerate();
        let axes: Vec<_> = axes
            .filter(|(at, _)| wanted.iter().all(|(w, _)| w != at))
            .map(|(_, axis)| axis.clone())
            .collect();
        match (axes.is_empty(), kept.into_iter()) {
            (true, mut cells) => match cells.next() {
                Some(cell) => Ok(cell),
                None => self.error(&codes::NO_SUCH_ENTRY, "the grid has no such cell", span),
            },
            (false, cells) => Ok(Value::Grid(Rc::new(Grid {
                axes,
                cells: cells.collect(),
            }))),
        }
    }

    /// The place of an axis.
    pub(super) fn axis(&mut self, grid: &Grid<'p>, name: &str, span: Span) -> Outcome<usize> {
        match grid.axes.iter().position(|axis| &*axis.name == name) {
            Some(at) => Ok(at),
            None => {
                let names: Vec<_> = grid.axes.iter().map(|axis| &*axis.name).collect();
                let help = format!("its axes are {}", listed(&names));
                let written = self.program.sources.text(span);
                let diagnostic = Diagnostic::error(&codes::NO_SUCH_AXIS, format!("the grid has no axis `{name}`"));
                self.fail(
                    diagnostic
                        .at(span, "")
                        .help(help)
                        .suggest_in(span, written, name, names),
                )
            }
        }
    }

    /// Checks that an axis has a label.
    pub(super) fn label_of(&mut self, grid: &Grid<'p>, axis: usize, label: &str, span: Span) -> Outcome<()> {
        let Some(axis) = grid.axes.get(axis) else {
            return Err(Failed);
        };
        if axis.labels.iter().any(|l| &**l == label) {
            return Ok(());
        }
        let labels: Vec<_> = axis.labels.iter().map(|l| &**l).collect();
        let message = format!("axis `{}` has no label `{label}`", axis.name);
        let help = format!("its labels are {}", listed(&labels));
        let diagnostic = Diagnostic::error(&codes::NO_SUCH_LABEL, message)
            .at(span, "")
            .help(help);
        let written = self.program.sources.text(span);
        self.fail(diagnostic.suggest_in(span, written, label, labels))
    }

    /// `a ++ b`: the same axes, labels disjoint along exactly one.
    pub(super) fn join_grids(&mut self, a: &Grid<'p>, b: &Grid<'p>, span: Span) -> Outcome<Value<'p>> {
        let names = |grid: &Grid<'p>| grid.axes.iter().map(|axis| Rc::clone(&axis.name)).collect::<Vec<_>>();
        if names(a) != names(b) {
            return self.error(
                &codes::UNEXPECTED_VALUE,
                "grids with different axes cannot be joined",
                span,
            );
        }
        let differing: Vec<_> = (0..a.axes.len())
            .filter(|&at| a.axes[at].labels != b.axes[at].labels)
            .collect();
        let [along] = differing[..] else {
            let message = "joined grids must differ in the labels of exactly one axis";
            return self.error(&codes::DUPLICATE_LABEL, message, span);
        };
        let mut axes = a.axes.clone();
        axes[along].labels.extend(b.axes[along].labels.iter().cloned());
        self.unique(&axes[along], span)?;
        let inner: usize = a.axes[along + 1..].iter().map(|axis| axis.labels.len()).product();
        let (left, right) = (a.axes[along].labels.len() * inner, b.axes[along].labels.len() * inner);
        let outer: usize = a.axes[..along].iter().map(|axis| axis.labels.len()).product();
        let cells = (0..outer).flat_map(|row| {
            let first = a.cells.iter().skip(row * left).take(left);
            first.chain(b.cells.iter().skip(row * right).take(right)).cloned()
        });
        let cells = cells.collect();
        Ok(Value::Grid(Rc::new(Grid { axes, cells })))
    }
}

/// `a`, `b` and `c`
pub(super) fn listed(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
