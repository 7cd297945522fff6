//! Comprehensions and the axes of grids.

use super::{Checker, Local, LocalKind, messages};
use crate::{
    analysis::walk,
    source::Span,
    syntax::ast::{Binding, Block, Expr, ExprKind, ListPart},
    types::{Axis, Type},
};

/// What a loop runs over.
pub(super) struct Values {
    /// The type of each value.
    pub(super) each: Type,
    /// The axes that the values bring; none for a list or record, which give one named after the variable.
    grid: Option<Option<Vec<Axis>>>,
    /// The labels, where the program shows them.
    labels: Option<Vec<String>>,
    /// True when the labels are keys, so that the values need none.
    keyed: bool,
}

impl Checker<'_> {
    /// `for a in xs, b in ys { body }`: a grid; inside a net, a list.
    pub(super) fn comprehension(&mut self, bindings: &[Binding], body: &Block) -> Type {
        let depth = self.frame.locals.len();
        let mut axes = Some(Vec::new());
        for binding in bindings {
            self.refuse_x(&binding.name);
            let values = self.values_of(&binding.values);
            if !self.frame.in_net {
                self.add_axes(&mut axes, binding, values.as_ref());
            }
            let each = values.map_or(Type::Unknown, |values| values.each);
            self.add_local(&binding.name.name, binding.name.span, each, LocalKind::Loop);
        }
        let cell = self.block(body, |checker, value| checker.labelled(value, None));
        if !self.frame.in_net && !walk::has_bad(body) {
            self.report_unused(bindings, depth);
        }
        self.frame.locals.truncate(depth);
        if self.frame.in_net {
            Type::list(cell)
        } else {
            match (self.shallow(&cell), axes) {
                // A grid of grids is one grid of all their axes.
                (Type::Grid(inner), axes) => {
                    let axes = axes.zip(inner.axes).map(|(outer, inner)| [outer, inner].concat());
                    Type::grid(inner.cell, axes)
                }
                (_, axes) => Type::grid(cell, axes),
            }
        }
    }

    fn report_unused(&mut self, bindings: &[Binding], depth: usize) {
        let unused = bindings.iter().zip(self.frame.locals.iter().skip(depth));
        let unused: Vec<_> = unused
            .filter(|(_, local)| !local.used)
            .map(|(binding, _)| binding.name.clone())
            .collect();
        for name in unused {
            self.report(messages::unused_variable(&name));
        }
    }

    /// Adds the axes of one loop variable, and reports an axis that is there already.
    fn add_axes(&mut self, axes: &mut Option<Vec<Axis>>, binding: &Binding, values: Option<&Values>) {
        let name = &binding.name;
        let around = self
            .frame
            .locals
            .iter()
            .any(|local| local.kind == LocalKind::Loop && local.name == name.name);
        let beside = axes.iter().flatten().any(|axis| axis.name == name.name);
        if around || beside {
            // That one of the two reaches nothing is the same mistake.
            let same = |local: &&mut Local| local.kind == LocalKind::Loop && local.name == name.name;
            self.frame
                .locals
                .iter_mut()
                .filter(same)
                .for_each(|local| local.used = true);
            self.report(messages::shadowed_axis(&name.name, name.span));
        }
        let Some(values) = values else {
            *axes = None;
            return;
        };
        let new = match &values.grid {
            Some(inner) => inner.clone(),
            None => {
                if !values.keyed {
                    self.refuse_unlabelled(&values.each, &binding.values);
                }
                Some(vec![Axis {
                    name: name.name.clone(),
                    labels: values.labels.clone(),
                    origin: Some(name.span),
                }])
            }
        };
        *axes = match (axes.take(), new) {
            (Some(mut known), Some(new)) => {
                for axis in &new {
                    if values.grid.is_some() && known.contains(axis) {
                        self.report(messages::shadowed_axis(&axis.name, binding.values.span));
                    }
                }
                known.extend(new);
                Some(known)
            }
            _ => None,
        };
    }

    fn refuse_unlabelled(&mut self, each: &Type, values: &Expr) {
        let each = self.seen(each);
        if !each.is_label() {
            self.report(messages::no_labels(&each, values));
        }
    }

    /// What a loop over an expression runs over; none when that is no list, record or grid, which is reported.
    pub(super) fn values_of(&mut self, values: &Expr) -> Option<Values> {
        let ty = self.infer(values, None);
        let plain = |each| Values {
            each,
            grid: None,
            labels: None,
            keyed: false,
        };
        match self.shallow(&ty) {
            Type::List(of) => Some(Values {
                labels: written_labels(values),
                ..plain(*of)
            }),
            Type::Map(of) => Some(Values {
                keyed: true,
                ..plain(*of)
            }),
            Type::Record(fields) => {
                let labels = Some(fields.keys().cloned().collect());
                let each = self.join_all(fields.values(), values.span);
                Some(Values {
                    each,
                    grid: None,
                    labels,
                    keyed: true,
                })
            }
            Type::Grid(grid) => Some(Values {
                grid: Some(grid.axes),
                ..plain(grid.cell)
            }),
            Type::Unknown => None,
            Type::Variable(_) => {
                let each = self.fresh();
                self.fit(&Type::list(each.clone()), &ty);
                Some(plain(each))
            }
            other => {
                let shown = self.shown(&other);
                self.report(messages::not_iterable(&shown, &other, values));
                None
            }
        }
    }

    /// The one type of a record's entries; reported when they have none.
    fn join_all<'t>(&mut self, mut types: impl Iterator<Item = &'t Type>, span: Span) -> Type {
        let Some(first) = types.next() else {
            return self.fresh();
        };
        let mut joined = first.clone();
        for ty in types {
            match self.frame.solver.join(&joined, ty) {
                Some(more) => joined = more,
                None => {
                    let (first, second) = (self.seen(&joined), self.seen(ty));
                    let sources = &self.program.sources;
                    self.report(messages::entries_differ((&first, span), (&second, span), sources));
                    return Type::Unknown;
                }
            }
        }
        joined
    }
}

/// The labels of a written list of texts and whole numbers.
fn written_labels(values: &Expr) -> Option<Vec<String>> {
    match &values.kind {
        ExprKind::List(parts) => parts
            .iter()
            .map(|part| match part {
                ListPart::Value(value) => written_label(value),
                ListPart::Spread(_) => None,
            })
            .collect(),
        _ => None,
    }
}

/// The label that a literal selects: a text or a whole number.
pub(super) fn written_label(value: &Expr) -> Option<String> {
    match &value.kind {
        ExprKind::Text(text) => text.plain(),
        ExprKind::Int(number) => Some(number.to_string()),
        ExprKind::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
