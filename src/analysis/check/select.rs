//! Fields and indices.

use super::{Checker, grids::written_label, messages};
use crate::{
    analysis::{
        domain::{Domain, Plain},
        facts::Target,
        load::private,
        program::Meaning,
    },
    source::Span,
    syntax::ast::{Argument, Expr, ExprKind, Ident, ItemKind},
    types::{Axis, Grid, Named, Type},
};
use indexmap::IndexMap;

impl Checker<'_> {
    /// `value.name`
    pub(super) fn field(&mut self, value: &Expr, field: &Ident) -> Type {
        match self.module_of(value) {
            Some(Ok(module)) => {
                self.note_use(value.span, Target::Module(module));
                let loaded = self.program.module(module);
                return match loaded.exported(&field.name) {
                    Some(Meaning::Item(id)) => self.use_item(id, field.span),
                    Some(Meaning::Module(_)) => {
                        self.report(messages::module_as_value(&field.name, field.span));
                        Type::Unknown
                    }
                    Some(Meaning::Missing) => Type::Unknown,
                    None if loaded.scope.contains_key(&field.name) => {
                        let shown = self.program.sources.file(loaded.tree.file).name();
                        self.report(private(field, shown));
                        Type::Unknown
                    }
                    None => {
                        let names = loaded.exports();
                        let diagnostic =
                            messages::unknown_field(&field.name, (field.span, &field.name), "this module", names);
                        self.report(diagnostic);
                        Type::Unknown
                    }
                };
            }
            Some(Err(())) => return Type::Unknown,
            None => {}
        }
        if let Some(ty) = self.entry_of_item(value, &field.name) {
            return ty;
        }
        let ty = self.infer(value, None);
        self.entry(&ty, &field.name, field.span, value)
    }

    /// The entry of a record that an item names; taken alone, since the whole type of a long record would be copied for
    /// each of its reads. None where the ordinary way has to tell, or to keep, more than that.
    fn entry_of_item(&mut self, value: &Expr, key: &str) -> Option<Type> {
        if self.frame.facts.is_some() || !matches!(value.kind, ExprKind::Name(_)) {
            return None;
        }
        let id = self.item_of(value)?;
        self.settle_item(id);
        let Some(Type::Record(fields)) = self.settled(id) else {
            return None;
        };
        let ty = fields.get(key)?.clone();
        self.needs.entry((self.frame.item, id)).or_insert(value.span);
        Some(self.frame.solver.instantiate(&ty))
    }

    /// The entry of a record by its key.
    fn entry(&mut self, ty: &Type, key: &str, span: Span, value: &Expr) -> Type {
        match self.shallow(ty) {
            Type::Record(fields) => match fields.get(key) {
                Some(ty) => ty.clone(),
                None => {
                    let written = self.program.sources.text(span);
                    self.report(messages::unknown_field(
                        key,
                        (span, written),
                        "this record",
                        fields.keys(),
                    ));
                    Type::Unknown
                }
            },
            Type::Map(of) => *of,
            Type::Unknown => Type::Unknown,
            Type::Named(Named::Row) => self.column_type(value, key, span).unwrap_or(Type::Unknown),
            Type::Variable(_) => {
                self.report(messages::needs_annotation(value));
                Type::Unknown
            }
            other => {
                let shown = self.shown(&other);
                self.report(messages::no_fields(&shown, &other, span));
                Type::Unknown
            }
        }
    }

    /// `value[...]`
    pub(super) fn index(&mut self, value: &Expr, arguments: &[Argument], span: Span) -> Type {
        let ty = self.infer(value, None);
        match self.shallow(&ty) {
            Type::Grid(grid) => self.cells(&grid, arguments, span),
            Type::List(of) => self.element(&of, arguments, span),
            container @ (Type::Record(_) | Type::Map(_) | Type::Named(Named::Row)) => {
                self.entry_by_text(&container, value, arguments, span)
            }
            Type::Unknown => {
                self.arguments_alone(arguments);
                Type::Unknown
            }
            Type::Variable(_) => {
                self.arguments_alone(arguments);
                self.report(messages::needs_annotation(value));
                Type::Unknown
            }
            other => {
                self.arguments_alone(arguments);
                let shown = self.shown(&other);
                self.report(messages::not_indexable(&shown, value.span));
                Type::Unknown
            }
        }
    }

    /// Checks arguments whose places are not known.
    pub(super) fn arguments_alone(&mut self, arguments: &[Argument]) {
        for Argument::Positional(value) | Argument::Named(_, value) | Argument::Spread(value) in arguments {
            self.infer(value, None);
        }
    }

    fn element(&mut self, of: &Type, arguments: &[Argument], span: Span) -> Type {
        let [Argument::Positional(index)] = arguments else {
            self.arguments_alone(arguments);
            self.report(messages::one_index(
                "a list",
                "`list[0]`, or `list[0..2]` for a part",
                span,
            ));
            return Type::Unknown;
        };
        let ty = self.infer(index, None);
        if self.fit(&ty, &Type::INT) {
            return of.clone();
        }
        if self.fit(&ty, &Type::list(Type::INT)) {
            return Type::list(of.clone());
        }
        self.mismatch(index, &ty, &Type::INT);
        of.clone()
    }

    fn entry_by_text(&mut self, container: &Type, value: &Expr, arguments: &[Argument], span: Span) -> Type {
        let [Argument::Positional(key)] = arguments else {
            self.arguments_alone(arguments);
            self.report(messages::one_index("a record", "`record[\"key\"]`", span));
            return Type::Unknown;
        };
        self.expect(key, &Type::TEXT);
        if let ExprKind::Text(text) = &key.kind
            && let Some(text) = text.plain()
        {
            return self.entry(container, &text, key.span, value);
        }
        match container {
            Type::Map(of) => (**of).clone(),
            Type::Record(fields) => {
                self.every_value_is_a_key(key, fields);
                let joined = fields
                    .values()
                    .cloned()
                    .map(Some)
                    .reduce(|a, b| self.frame.solver.join(&a?, &b?));
                joined.flatten().unwrap_or(Type::Unknown)
            }
            _ => Type::Unknown,
        }
    }

    /// Reports the first value of a parameter's domain that a record lacks as a key.
    fn every_value_is_a_key(&mut self, key: &Expr, fields: &IndexMap<String, Type>) {
        let Some(id) = self.item_of(key) else { return };
        let ItemKind::Param(param) = &self.program.item(id).kind else {
            return;
        };
        let Some(Domain::Values(values)) = param.domain.as_ref().and_then(Domain::of) else {
            return;
        };
        let lacking = values.iter().find_map(|value| match value {
            Plain::Text(text) if !fields.contains_key(text) => Some(text),
            _ => None,
        });
        if let Some(text) = lacking {
            self.report(messages::value_is_no_key(
                &param.name.name,
                text,
                key.span,
                fields.keys(),
            ));
        }
    }

    /// `grid[axis: label, ...]`: the value when every axis is selected, otherwise the smaller grid.
    fn cells(&mut self, grid: &Grid, arguments: &[Argument], span: Span) -> Type {
        let mut selected: Vec<&str> = Vec::new();
        let mut complete = true;
        for argument in arguments {
            let Argument::Named(axis, label) = argument else {
                self.arguments_alone(std::slice::from_ref(argument));
                self.report(messages::one_index(
                    "a grid",
                    "each axis by its name: `grid[chain: \"natural\"]`",
                    span,
                ));
                complete = false;
                continue;
            };
            self.expect(label, &Type::Named(Named::Label));
            if selected.contains(&axis.name.as_str()) {
                self.report(messages::axis_twice(axis));
            }
            selected.push(&axis.name);
            if let Some(axes) = &grid.axes {
                complete &= self.selection(axes, axis, label);
            }
        }
        let Some(axes) = &grid.axes else {
            return Type::Unknown;
        };
        let left: Vec<Axis> = axes
            .iter()
            .filter(|axis| !selected.contains(&axis.name.as_str()))
            .cloned()
            .collect();
        match (complete, left.is_empty()) {
            (false, _) => Type::Unknown,
            (true, true) => grid.cell.clone(),
            (true, false) => Type::grid(grid.cell.clone(), Some(left)),
        }
    }

    /// Checks the choice of one label of one axis; false when the axis is not there.
    pub(super) fn selection(&mut self, axes: &[Axis], name: &Ident, label: &Expr) -> bool {
        let Some(axis) = axes.iter().find(|axis| axis.name == name.name) else {
            self.report(messages::unknown_axis(&name.name, name.span, axes));
            return false;
        };
        self.note_axis(name.span, axis);
        self.label_of_axis(axis, label);
        true
    }

    /// Keeps for editors that a text or a name means an axis.
    pub(super) fn note_axis(&mut self, span: Span, axis: &Axis) {
        if let Some(origin) = axis.origin {
            self.note_use(span, Target::Local(origin));
        }
    }

    /// Reports a written label that an axis with known labels lacks.
    pub(super) fn label_of_axis(&mut self, axis: &Axis, label: &Expr) {
        if let (Some(labels), Some(written)) = (&axis.labels, written_label(label))
            && !labels.contains(&written)
        {
            let diagnostic = messages::unknown_label(&written, label, axis);
            self.report(diagnostic);
        }
    }
}
