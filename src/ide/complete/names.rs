//! Names, arguments, fields and keys.

use super::{Item, ProposalKind, at_cursor, short};
use crate::{
    analysis::{Expected, ItemId, Meaning, ModuleId, Target, program::defined_name},
    builtins::choices,
    ide::{
        analysis::Analysis,
        columns,
        hover::code,
        visit::{Node, name_of},
    },
    source::FileId,
    syntax::ast::{Argument, Entry, Expr, ExprKind, ItemKind},
    types::{FunctionOrigin, Named, Solver, Type},
};

impl Analysis {
    /// What may stand where a name stands.
    pub(super) fn at_name(&self, file: FileId, around: &[Node<'_>], at: usize) -> Vec<Item> {
        let expected = self.facts.cursor.clone().unwrap_or_default();
        let mut found = self.words(&expected);
        let parent = around.len().checked_sub(2).and_then(|place| around.get(place));
        match parent {
            Some(Node::Argument(Argument::Positional(value))) if at_cursor(value) => {
                found.extend(self.argument_names(around, at + 1));
                found.extend(self.axis_names(around));
            }
            Some(Node::Entry(Entry::Value { .. })) => found.extend(self.keys(around)),
            _ => {}
        }
        found.extend(self.scope(file, &expected));
        let is_step = matches!(parent, Some(Node::Step(_)));
        let words: &[&str] = if is_step {
            &["repeat", "if"]
        } else {
            &["for", "if", "repeat", "not", "true", "false", "none"]
        };
        found.extend(words.iter().map(|word| Item::new(*word, ProposalKind::Keyword, 8)));
        found
    }

    /// The words of the choice that is expected.
    fn words(&self, expected: &Expected) -> Vec<Item> {
        let mut ty = expected.ty.as_ref();
        while let Some(Type::Optional(of)) = ty {
            ty = Some(of);
        }
        let Some(Type::Named(named)) = ty else {
            return Vec::new();
        };
        let words = choices::words(*named).iter();
        words
            .map(|word| {
                Item::new(word.word, ProposalKind::Word, 0)
                    .detail(named.name())
                    .doc(Some(word.doc))
            })
            .collect()
    }

    /// Locals, the module's names and the prelude's; those that fit what is expected first.
    fn scope(&self, file: FileId, expected: &Expected) -> Vec<Item> {
        let mut found: Vec<Item> = Vec::new();
        for (name, ty) in expected.locals.iter().rev() {
            let rank = 2 + u8::from(!fits(ty, expected)) * 3;
            found.push(Item::new(name, ProposalKind::Variable, rank).detail(short(ty)));
        }
        let Some((module, _)) = self.module(file) else {
            return found;
        };
        for name in self.program.names(module) {
            match self.program.lookup(module, name) {
                Some(Meaning::Item(id)) => {
                    let mut item = self.item(name, id);
                    let fitting = self.type_of(id).is_some_and(|ty| fits(ty, expected));
                    item.rank = match (fitting, id.module == self.program.prelude) {
                        (true, false) => 2,
                        (true, true) => 3,
                        (false, false) => 5,
                        (false, true) => 6,
                    };
                    found.push(item);
                }
                Some(Meaning::Module(_)) => found.push(Item::new(name, ProposalKind::Module, 5)),
                _ => {}
            }
        }
        // A local hides an item of its name.
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|item| seen.insert(item.label.clone()));
        found
    }

    fn type_of(&self, id: ItemId) -> Option<&Type> {
        let name = defined_name(self.program.item(id))?;
        self.facts.type_at(name.span)
    }

    /// A proposal of an item under the name that it has here.
    fn item(&self, name: &str, id: ItemId) -> Item {
        let item = self.program.item(id);
        let ty = self.type_of(id);
        let kind = match (&item.kind, ty) {
            (ItemKind::Net(_), _) => ProposalKind::Net,
            (ItemKind::Fn(_), _) | (_, Some(Type::Step(..) | Type::Function(_))) => ProposalKind::Function,
            (ItemKind::Param(_), _) => ProposalKind::Parameter,
            _ => ProposalKind::Variable,
        };
        let mut made = Item::new(name, kind, 4);
        made.detail = ty.map(short);
        let head = defined_name(item).map(|_| code(&self.head(item)));
        let doc = item.doc.clone().unwrap_or_default();
        made.doc = head.map(|head| format!("{head}\n\n{doc}"));
        made
    }

    /// What a module exports.
    pub(super) fn exports(&self, module: ModuleId) -> Vec<Item> {
        let module = self.program.module(module);
        module
            .exports()
            .filter_map(|name| match module.exported(name) {
                Some(Meaning::Item(id)) => Some(self.item(name, id)),
                _ => None,
            })
            .collect()
    }

    /// The arguments by name that the call around a place does not give yet.
    pub(super) fn argument_names(&self, around: &[Node<'_>], at: usize) -> Vec<Item> {
        let Some(call) = self.call_around(around, at) else {
            return Vec::new();
        };
        let named: Vec<&str> = call
            .arguments
            .iter()
            .filter_map(|argument| match argument {
                Argument::Named(name, _) => Some(name.name.as_str()),
                _ => None,
            })
            .collect();
        let positional = call.arguments.iter().filter(|argument| match argument {
            Argument::Positional(value) => !at_cursor(value),
            _ => false,
        });
        let taken: Vec<&str> = call
            .function
            .positional()
            .take(positional.count())
            .map(|p| p.name.as_str())
            .collect();
        let parameters = call.function.parameters.iter();
        parameters
            .filter(|p| !p.passing.is_open() && !p.name.is_empty())
            .filter(|p| !named.contains(&p.name.as_str()) && !taken.contains(&p.name.as_str()))
            .map(|parameter| {
                let declared = call.item.and_then(|id| self.parameter_named(id, &parameter.name));
                let rank = u8::from(!parameter.required);
                let mut item = Item::new(format!("{}:", parameter.name), ProposalKind::Argument, rank);
                item.insert = format!("{}: ", parameter.name);
                item.detail = Some(match declared {
                    Some(declared) => self.parameter_text(declared),
                    None => parameter.ty.to_string(),
                });
                item.doc = declared.and_then(|p| p.doc.clone());
                item
            })
            .collect()
    }

    /// The axes of the grid that an index selects from.
    fn axis_names(&self, around: &[Node<'_>]) -> Vec<Item> {
        let grid = around.iter().rev().find_map(|node| match node {
            Node::Expr(Expr {
                kind: ExprKind::Index(value, _),
                ..
            }) => self.facts.type_at(value.span),
            _ => None,
        });
        let Some(Type::Grid(grid)) = grid else {
            return Vec::new();
        };
        let axes = grid.axes.iter().flatten();
        axes.map(|axis| {
            let mut item = Item::new(format!("{}:", axis.name), ProposalKind::Axis, 0);
            item.insert = format!("{}: ", axis.name);
            item.detail = axis.labels.as_ref().map(|labels| labels.join(", "));
            item
        })
        .collect()
    }

    /// The keys of a record whose place says what they are: a written record type, the axes of a baseline, groups of
    /// learning rates.
    pub(super) fn keys(&self, around: &[Node<'_>]) -> Vec<Item> {
        let key = |name: &str| {
            let mut item = Item::new(format!("{name}:"), ProposalKind::Field, 0);
            item.insert = format!("{name}: ");
            item
        };
        let record = around.iter().rev().find_map(|node| match node {
            Node::Expr(expr) if matches!(expr.kind, ExprKind::Record(_)) => Some(*expr),
            _ => None,
        });
        let Some(record) = record else { return Vec::new() };
        match self.facts.type_at(record.span) {
            Some(Type::Record(fields)) => {
                let names = fields
                    .iter()
                    .filter(|(name, _)| *name != crate::analysis::facts::CURSOR);
                names.map(|(name, ty)| key(name).detail(ty.to_string())).collect()
            }
            Some(Type::Named(Named::Baseline)) => {
                self.arriving_axes(around).iter().map(|axis| key(&axis.name)).collect()
            }
            Some(Type::Named(Named::Rates)) => {
                let groups = ["head", "rest"].map(&key);
                let patterns = self.patterns(around).into_iter().map(|pattern| {
                    let mut item = Item::new(format!("\"{pattern}\":"), ProposalKind::Pattern, 1);
                    item.insert = format!("\"{pattern}\": ");
                    item
                });
                groups.into_iter().chain(patterns).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The fields of a value: exports of a module, entries of a record, columns of a row.
    pub(super) fn fields(&self, value: &Expr, around: &[Node<'_>]) -> Vec<Item> {
        if let Some(Target::Module(id)) = name_of(value).and_then(|at| self.facts.target(at)) {
            return self.exports(id);
        }
        match self.facts.type_at(value.span) {
            Some(Type::Record(fields)) => fields
                .iter()
                .map(|(name, ty)| Item::new(name, ProposalKind::Field, 0).detail(ty.to_string()))
                .collect(),
            Some(Type::Named(Named::Row)) => self.columns(around),
            _ => Vec::new(),
        }
    }

    /// The columns of the table that rows at a place come from.
    pub(super) fn columns(&self, around: &[Node<'_>]) -> Vec<Item> {
        let tables = self.tables(around);
        let columns = tables
            .iter()
            .flat_map(|table| table.columns.iter().map(move |c| (table, c)));
        columns
            .map(|(table, column)| {
                let values = columns::values(table, &column.name);
                let few: Vec<&str> = values.iter().take(6).map(|(value, _)| value.as_str()).collect();
                let more = if values.len() > few.len() { ", ..." } else { "" };
                Item::new(&column.name, ProposalKind::Column, 0)
                    .detail(format!("{}{more}", few.join(", ")))
                    .doc(Some(format!("column of `{}`", table.path.display())))
            })
            .collect()
    }
}

/// True when a value fits what is expected; a function of which a call fits counts as well.
fn fits(ty: &Type, expected: &Expected) -> bool {
    let Some(place) = &expected.ty else { return false };
    let mut solver = Solver::new();
    let is_generic = ty.is_generic();
    let (ty, place) = (solver.instantiate(ty), solver.instantiate(place));
    // Every type fits a place of which nothing is known.
    if let Type::Variable(_) | Type::Unknown = place {
        return false;
    }
    if let Type::Step(subject, _) = &place {
        let taken = match &ty {
            Type::Step(taken, _) => taken,
            Type::Function(function) if function.origin == FunctionOrigin::Net => return expected.in_net,
            Type::Function(function) => match &function.result {
                Type::Step(taken, _) => taken,
                _ => return false,
            },
            _ => return false,
        };
        return !matches!(**subject, Type::Variable(_)) && solver.could_fit(subject, taken);
    }
    // So does a value of any type: it tells nothing.
    match &ty {
        Type::Variable(_) => false,
        Type::Function(function) if !is_generic => {
            solver.could_fit(&ty, &place) || solver.could_fit(&function.result, &place)
        }
        _ => solver.could_fit(&ty, &place),
    }
}
