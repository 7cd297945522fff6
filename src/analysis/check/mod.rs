//! Checking names and types of a whole program.
//!
//! One pass over every item, with the expected type first (bidirectional inference); what an item needs of another is
//! inferred on demand and kept. A mistake gives [`Type::Unknown`], which silences all that would follow from it.

use std::mem;

use indexmap::IndexMap;

use super::program::{ItemId, Program};
use crate::{
    diag::{Diagnostic, Diagnostics},
    source::Span,
    syntax::ast::ItemKind,
    types::{Kind, Solver, Type},
};

mod attributes;
mod calls;
mod control;
mod expressions;
mod grids;
mod items;
mod literals;
mod messages;
mod names;
mod operators;
mod order;
mod pipes;
mod recursion;
mod report;
mod rest;
mod select;
mod unused;

/// Checks all modules of a program but those of the standard library, and reports every independent mistake.
pub fn check(program: &Program, diagnostics: &mut Diagnostics) {
    let mut checker = Checker::new(program, diagnostics);
    for id in order::by_need(program) {
        checker.item_type(id);
    }
    for (module, loaded) in program.modules() {
        if !loaded.origin.is_std() {
            for (id, item) in program.items(module) {
                checker.item(id, item);
            }
        }
    }
    checker.report_recursion();
    checker.report_unused_names();
    silence(program, diagnostics);
}

/// Removes the warnings that the program's `@allow` attributes silence.
pub fn silence(program: &Program, diagnostics: &mut Diagnostics) {
    attributes::silence(program, diagnostics);
}

/// The state of one check.
struct Checker<'a> {
    program: &'a Program,
    diagnostics: &'a mut Diagnostics,
    /// The finished types of items, with letters for what each use may choose.
    types: IndexMap<ItemId, Type>,
    /// Items whose types are being inferred, outermost first.
    busy: Vec<ItemId>,
    /// What each item needs, with the place where it is first needed.
    needs: IndexMap<(ItemId, ItemId), Span>,
    frame: Frame,
}

/// What belongs to the item being checked alone.
struct Frame {
    item: ItemId,
    solver: Solver,
    locals: Vec<Local>,
    in_net: bool,
}

/// A name that an item defines within itself.
struct Local {
    name: String,
    ty: Type,
    kind: LocalKind,
    used: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LocalKind {
    /// A parameter, a subject, a `let` or the variable of a `repeat`.
    Plain,
    /// The variable of a `for`.
    Loop,
    /// A `...how` parameter.
    Rest,
}

impl Frame {
    fn new(item: ItemId) -> Self {
        Self {
            item,
            solver: Solver::new(),
            locals: Vec::new(),
            in_net: false,
        }
    }
}

impl<'a> Checker<'a> {
    fn new(program: &'a Program, diagnostics: &'a mut Diagnostics) -> Self {
        let nowhere = ItemId {
            module: program.main,
            index: 0,
        };
        Self {
            program,
            diagnostics,
            types: IndexMap::new(),
            busy: Vec::new(),
            needs: IndexMap::new(),
            frame: Frame::new(nowhere),
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Does something in a frame of its own for an item.
    fn in_frame<R>(&mut self, item: ItemId, work: impl FnOnce(&mut Self) -> R) -> R {
        let outer = mem::replace(&mut self.frame, Frame::new(item));
        let result = work(self);
        self.frame = outer;
        result
    }

    /// Does something with names that are forgotten afterwards.
    fn in_scope<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let depth = self.frame.locals.len();
        let result = work(self);
        self.frame.locals.truncate(depth);
        result
    }

    fn add_local(&mut self, name: &str, ty: Type, kind: LocalKind) {
        self.frame.locals.push(Local {
            name: name.to_owned(),
            ty,
            kind,
            used: false,
        });
    }

    fn shallow(&self, ty: &Type) -> Type {
        self.frame.solver.shallow(ty)
    }

    fn fit(&mut self, value: &Type, place: &Type) -> bool {
        self.frame.solver.fit(value, place)
    }

    fn fresh(&mut self) -> Type {
        self.frame.solver.fresh(Kind::Any)
    }

    /// The type as a message shows it: letters stand for what is open.
    fn seen(&self, ty: &Type) -> Type {
        self.frame.solver.generalize(ty)
    }

    /// As [`Checker::seen`], as a text.
    fn shown(&self, ty: &Type) -> String {
        self.seen(ty).to_string()
    }

    /// The type of an item, inferred if it is not known yet; an item that needs itself is unknown to itself.
    fn item_type(&mut self, id: ItemId) -> Type {
        if let Some(ty) = self.types.get(&id) {
            return ty.clone();
        }
        if self.busy.contains(&id) {
            return Type::Unknown;
        }
        self.busy.push(id);
        let program = self.program;
        let ty = self.in_frame(id, |checker| match &program.item(id).kind {
            ItemKind::Param(param) => checker.param_type(param),
            ItemKind::Let(binding) => checker.let_type(binding),
            ItemKind::Fn(function) => checker.fn_type(function),
            ItemKind::Net(net) => checker.net_type(net),
            ItemKind::Import(_) | ItemKind::Out(_) | ItemKind::Bad => Type::Unknown,
        });
        self.busy.pop();
        self.types.insert(id, ty.clone());
        ty
    }
}
