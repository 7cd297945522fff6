//! The columns of rows, where the program shows which table they come from: a written path, followed through names and
//! pipes. What is not certain is not known, and then nothing is said.

use std::rc::Rc;

use indexmap::IndexMap;

use super::{Checker, messages};
use crate::{
    analysis::program::{ItemId, Meaning, ModuleId},
    source::{Span, absolute},
    syntax::ast::{Argument, BinaryOp, Expr, ExprKind, Item, ItemKind, PipeStep, Text, TextPart},
    tables::{Cell, CellKind, Kind},
    types::{Named, Type},
};

/// Steps of following names; programs are shallow, circles end here.
const DEPTH: usize = 32;

/// The columns of some rows, all of them, with the types of their values.
pub(super) type Columns = Rc<IndexMap<String, Type>>;

/// Columns of tables and items that were looked up before.
#[derive(Default)]
pub(super) struct Known {
    items: IndexMap<ItemId, Option<Columns>>,
}

/// Builtins of rows that leave columns as they are.
const KEEPING: [&str; 10] = [
    "where",
    "drop_missing",
    "latest",
    "anti_join",
    "resize",
    "rgb",
    "normalize",
    "split",
    "classify",
    "identity",
];

impl<'a> Checker<'a> {
    /// The columns of what an expression of the item being checked gives.
    pub(super) fn columns_of(&mut self, expr: &Expr) -> Option<Columns> {
        self.columns_in(self.frame.item.module, expr, DEPTH)
    }

    /// The columns after a step of the item being checked.
    pub(super) fn columns_after(&mut self, step: &PipeStep, before: &Columns) -> Option<Columns> {
        self.step_in(self.frame.item.module, &step.step, before, DEPTH)
    }

    /// The columns that functions in a step are given rows of: of `where` and `derive` those that arrive.
    pub(super) fn rows_for(&self, step: &PipeStep, arriving: Option<&Columns>) -> Option<Columns> {
        let ExprKind::Call(callee, _) = &step.step.kind else {
            return None;
        };
        let name = self.builtin_of(self.frame.item.module, callee)?;
        arriving.filter(|_| matches!(name, "where" | "derive")).cloned()
    }

    /// The type of a column of the row that a local of this name is; none where that is not known.
    pub(super) fn column_type(&mut self, row: &Expr, column: &str, span: Span) -> Option<Type> {
        let ExprKind::Name(name) = &row.kind else { return None };
        let local = self.frame.locals.iter().rev().find(|local| local.name == *name)?;
        let columns = local.columns.clone()?;
        if let Some(ty) = columns.get(column) {
            return Some(ty.clone());
        }
        let written = self.program.sources.text(span);
        let diagnostic = messages::unknown_column(column, (span, written), columns.keys());
        self.report(diagnostic);
        Some(Type::Unknown)
    }

    fn columns_in(&mut self, module: ModuleId, expr: &Expr, depth: usize) -> Option<Columns> {
        let depth = depth.checked_sub(1)?;
        match &expr.kind {
            ExprKind::Paren(value) if value.label.is_none() => self.columns_in(module, &value.value, depth),
            ExprKind::Call(callee, arguments) => self.read_columns(module, callee, arguments, depth),
            ExprKind::Pipe(Some(head), steps) => {
                let mut columns = self.columns_in(module, head, depth)?;
                for step in steps {
                    columns = self.step_in(module, &step.step, &columns, depth)?;
                }
                Some(columns)
            }
            ExprKind::Binary(BinaryOp::Join, left, right, _) => {
                let (a, b) = (
                    self.columns_in(module, left, depth)?,
                    self.columns_in(module, right, depth)?,
                );
                Some(Rc::new(together(&a, &b)))
            }
            ExprKind::Name(_) | ExprKind::Field(..) => {
                let id = self.value_item(module, expr)?;
                if let Some(known) = self.known.items.get(&id) {
                    return known.clone();
                }
                let program = self.program;
                let columns = match &program.item(id).kind {
                    ItemKind::Let(binding) => self.columns_in(id.module, &binding.value, depth),
                    _ => None,
                };
                self.known.items.insert(id, columns.clone());
                columns
            }
            _ => None,
        }
    }

    /// The item that a name, or a name of a module's alias, stands for; none for a local of the item being checked.
    fn value_item(&self, module: ModuleId, expr: &Expr) -> Option<ItemId> {
        let meaning = match &expr.kind {
            ExprKind::Name(name) => {
                let here = module == self.frame.item.module;
                if here && self.frame.locals.iter().any(|local| local.name == *name) {
                    return None;
                }
                self.program.lookup(module, name)?
            }
            ExprKind::Field(value, field) => {
                let ExprKind::Name(alias) = &value.kind else {
                    return None;
                };
                let Meaning::Module(other) = self.program.lookup(module, alias)? else {
                    return None;
                };
                *self.program.module(other).scope.get(&field.name)?
            }
            _ => return None,
        };
        match meaning {
            Meaning::Item(id) => Some(id),
            Meaning::Module(_) | Meaning::Missing => None,
        }
    }

    /// The name of the builtin that an expression stands for.
    fn builtin_of(&self, module: ModuleId, expr: &Expr) -> Option<&'a str> {
        let id = self.value_item(module, expr)?;
        let program = self.program;
        match &program.item(id).kind {
            ItemKind::Fn(function) if program.is_builtin(id) => Some(&function.name.name),
            _ => None,
        }
    }

    /// The columns of the table that a call reads.
    fn read_columns(
        &mut self,
        module: ModuleId,
        callee: &Expr,
        arguments: &[Argument],
        depth: usize,
    ) -> Option<Columns> {
        let builtin = self.builtin_of(module, callee)?;
        let text = |name, place| self.written(module, argument(arguments, name, place)?, depth);
        let kind = match builtin {
            "table" => match argument(arguments, "image", 1) {
                Some(_) => Kind::Manifest(text("image", 1)?),
                None => Kind::Manifest("image".to_owned()),
            },
            "rows" => Kind::Rows,
            "images" => Kind::Folders,
            "npz" => Kind::Npz,
            _ => return None,
        };
        let folder = self.program.module(module).origin.folder()?;
        let path = absolute(&folder.join(text("path", 0)?));
        let table = self.program.tables.read(&kind, &path).ok()?;
        let columns = table.columns.iter();
        Some(Rc::new(
            columns
                .map(|column| (column.name.clone(), type_of(&column.cells)))
                .collect(),
        ))
    }

    /// The text that an expression is, its holes filled with the texts that the program writes.
    fn written(&self, module: ModuleId, expr: &Expr, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        match &expr.kind {
            ExprKind::Text(Text { parts }) => parts
                .iter()
                .map(|part| match part {
                    TextPart::Chunk(chunk) => Some(chunk.clone()),
                    TextPart::Hole(value) => self.written(module, value, depth),
                })
                .collect(),
            ExprKind::Int(number) => Some(number.to_string()),
            ExprKind::Name(_) => {
                let id = self.value_item(module, expr)?;
                match &self.program.item(id).kind {
                    ItemKind::Let(binding) => self.written(id.module, &binding.value, depth),
                    ItemKind::Param(param) => {
                        let set = self.program.setting(&param.name.name);
                        let set = set.filter(|_| id.module == self.program.main);
                        self.written(id.module, set.or(param.default.as_ref())?, depth)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The columns after a step that is written in a module.
    fn step_in(&mut self, module: ModuleId, step: &Expr, before: &Columns, depth: usize) -> Option<Columns> {
        let depth = depth.checked_sub(1)?;
        if let ExprKind::Call(callee, arguments) = &step.kind {
            return match self.builtin_of(module, callee)? {
                "derive" => derived(arguments, before),
                "join" => {
                    let other = self.columns_in(module, argument(arguments, "other", 0)?, depth)?;
                    joined(arguments, before, &other)
                }
                name => KEEPING.contains(&name).then(|| Rc::clone(before)),
            };
        }
        if self
            .builtin_of(module, step)
            .is_some_and(|name| KEEPING.contains(&name))
        {
            return Some(Rc::clone(before));
        }
        let id = self.value_item(module, step)?;
        let program = self.program;
        let Item {
            kind: ItemKind::Let(binding),
            ..
        } = program.item(id)
        else {
            return None;
        };
        let ExprKind::Pipe(None, steps) = &binding.value.kind else {
            return None;
        };
        let mut columns = Rc::clone(before);
        for step in steps {
            columns = self.step_in(id.module, &step.step, &columns, depth)?;
        }
        Some(columns)
    }
}

/// The columns with those that `derive` adds; none where their names are not written.
fn derived(arguments: &[Argument], before: &Columns) -> Option<Columns> {
    let mut columns = (**before).clone();
    match &argument(arguments, "columns", 0)?.kind {
        ExprKind::Text(text) => {
            columns.insert(text.plain()?, Type::Unknown);
        }
        ExprKind::Record(entries) => {
            for entry in entries {
                let crate::syntax::ast::Entry::Value { key, .. } = entry else {
                    return None;
                };
                columns.insert(key.text.plain()?, Type::Unknown);
            }
        }
        _ => return None,
    }
    Some(Rc::new(columns))
}

/// The columns with those that `join` takes over.
fn joined(arguments: &[Argument], before: &Columns, other: &Columns) -> Option<Columns> {
    let keys = names(argument(arguments, "on", 1)?)?;
    let chosen = argument(arguments, "columns", 2).map(names);
    let taken = match chosen {
        Some(chosen) => chosen?,
        None => other.keys().filter(|name| !keys.contains(name)).cloned().collect(),
    };
    let mut columns = (**before).clone();
    for name in taken {
        let ty = other.get(&name).cloned().unwrap_or(Type::Unknown);
        columns.insert(name, ty);
    }
    Some(Rc::new(columns))
}

/// The names that an argument of columns writes.
fn names(expr: &Expr) -> Option<Vec<String>> {
    use crate::syntax::ast::ListPart;
    match &expr.kind {
        ExprKind::Text(text) => Some(vec![text.plain()?]),
        ExprKind::List(parts) => parts
            .iter()
            .map(|part| match part {
                ListPart::Value(Expr {
                    kind: ExprKind::Text(text),
                    ..
                }) => text.plain(),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The columns of the rows of two tables; where their types differ they are not known.
fn together(a: &Columns, b: &Columns) -> IndexMap<String, Type> {
    let both = |(name, ty): (&String, &Type)| {
        let ty = if b.get(name) == Some(ty) {
            ty.clone()
        } else {
            Type::Unknown
        };
        (name.clone(), ty)
    };
    a.iter().map(both).collect()
}

/// The type of the values of a column; not known of one without values.
fn type_of(cells: &[Cell]) -> Type {
    match cells.iter().find_map(Cell::kind) {
        Some(CellKind::Bool) => Type::BOOL,
        Some(CellKind::Date) => Type::Named(Named::Date),
        Some(CellKind::Int) => Type::INT,
        Some(CellKind::Float) => Type::FLOAT,
        Some(CellKind::Text) => Type::TEXT,
        None => Type::Unknown,
    }
}

/// The argument that reaches a parameter by its name or its place.
fn argument<'a>(arguments: &'a [Argument], name: &str, place: usize) -> Option<&'a Expr> {
    let mut all = arguments.iter().enumerate();
    all.find_map(|(at, argument)| match argument {
        Argument::Named(given, value) if given.name == name => Some(value),
        Argument::Positional(value) if at == place => Some(value),
        _ => None,
    })
}
