//! Checking names and types of a whole program.
//!
//! One pass over every item, with the expected type first (bidirectional inference); what an item needs of another is
//! inferred on demand and kept. A mistake gives [`Type::Unknown`], which silences all that would follow from it.

use std::mem;

use indexmap::IndexMap;

use super::{
    facts::{CURSOR, Expected, Facts, Target},
    library,
    program::{ItemId, ModuleId, Program, defined_name},
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    source::Span,
    syntax::ast::{Expr, ExprKind, Ident, ItemKind},
    types::{Kind, Solver, Type},
};

mod attributes;
mod axes;
mod calls;
mod columns;
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
    check_modules(Checker::new(program, diagnostics, Some(library::type_of)));
}

/// As [`check`], and keeps what is learned about every place, in the standard library too.
#[must_use]
pub fn check_with(program: &Program, diagnostics: &mut Diagnostics) -> Facts {
    let mut checker = Checker::new(program, diagnostics, Some(library::type_of));
    checker.facts = Some(Facts::beside(library::facts()));
    check_modules(checker).unwrap_or_default()
}

fn check_modules(mut checker: Checker<'_>) -> Option<Facts> {
    let program = checker.program;
    for id in order::by_need(program) {
        checker.settle_item(id);
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
    attributes::silence(checker.program, checker.diagnostics);
    checker.facts
}

/// The types of all items of a module of the standard library.
pub(super) fn library_types(library: &Program, module: ModuleId) -> IndexMap<ItemId, Type> {
    let mut ignored = Diagnostics::new();
    let mut checker = Checker::new(library, &mut ignored, None);
    for (id, _) in library.items(module) {
        checker.settle_item(id);
    }
    checker.types
}

/// What is learned about all places of the standard library. Its diagnostics tell of declarations without a body alone.
pub(super) fn library_facts(library: &Program) -> Facts {
    let mut ignored = Diagnostics::new();
    let mut checker = Checker::new(library, &mut ignored, None);
    checker.facts = Some(Facts::default());
    for (module, _) in library.modules() {
        for (id, item) in library.items(module) {
            checker.item(id, item);
        }
    }
    checker.facts.unwrap_or_default()
}

/// Removes the warnings that the program's `@allow` attributes silence.
pub fn silence(program: &Program, diagnostics: &mut Diagnostics) {
    attributes::silence(program, diagnostics);
}

/// Gives the types of items.
type TypeOf = fn(ItemId) -> Option<&'static Type>;

/// The state of one check.
struct Checker<'a> {
    program: &'a Program,
    diagnostics: &'a mut Diagnostics,
    /// The finished types of items, with letters for what each use may choose.
    types: IndexMap<ItemId, Type>,
    /// The same of the standard library, unless it is what is being checked.
    library: Option<TypeOf>,
    /// Items whose types are being inferred, outermost first.
    busy: Vec<ItemId>,
    /// What each item needs, with the place where it is first needed.
    needs: IndexMap<(ItemId, ItemId), Span>,
    /// Locals and parameters of lambdas that nothing uses, with what each is.
    unused: Vec<(&'static str, Ident)>,
    /// What is learned, when somebody wants to know it.
    facts: Option<Facts>,
    /// How many names were not known.
    unknown: usize,
    /// Columns that were looked up.
    known: columns::Known,
    frame: Frame,
}

/// What belongs to the item being checked alone.
struct Frame {
    item: ItemId,
    solver: Solver,
    locals: Vec<Local>,
    in_net: bool,
    /// The label and the value of the labelled parenthesis or block that is being checked.
    labelled: Option<(Span, Span)>,
    /// The columns of the rows that functions of rows are being checked for.
    rows: Option<columns::Columns>,
    /// What is learned in this frame, its types still with variables of the solver.
    facts: Option<Facts>,
}

/// A name that an item defines within itself.
struct Local {
    name: String,
    /// Where it is defined.
    defined: Span,
    ty: Type,
    kind: LocalKind,
    used: bool,
    /// Of a row, the columns that it has, where that is known.
    columns: Option<columns::Columns>,
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
            labelled: None,
            rows: None,
            facts: None,
        }
    }
}

impl<'a> Checker<'a> {
    fn new(program: &'a Program, diagnostics: &'a mut Diagnostics, library: Option<TypeOf>) -> Self {
        let nowhere = ItemId {
            module: program.main,
            index: 0,
        };
        Self {
            program,
            diagnostics,
            types: IndexMap::new(),
            library,
            busy: Vec::new(),
            needs: IndexMap::new(),
            unused: Vec::new(),
            facts: None,
            unknown: 0,
            known: columns::Known::default(),
            frame: Frame::new(nowhere),
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Does something in a frame of its own for an item.
    fn in_frame<R>(&mut self, item: ItemId, work: impl FnOnce(&mut Self) -> R) -> R {
        let mut inner = Frame::new(item);
        inner.facts = self.facts.as_ref().map(|_| Facts::default());
        let outer = mem::replace(&mut self.frame, inner);
        let result = work(self);
        let inner = mem::replace(&mut self.frame, outer);
        if let (Some(facts), Some(learned)) = (&mut self.facts, inner.facts) {
            facts.absorb(learned, &|ty| inner.solver.generalize(ty));
        }
        result
    }

    /// Does something with names that are forgotten afterwards.
    fn in_scope<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let depth = self.frame.locals.len();
        let result = work(self);
        self.frame.locals.truncate(depth);
        result
    }

    fn add_local(&mut self, name: &str, defined: Span, ty: Type, kind: LocalKind) {
        if self.program.sources.text(defined) == name {
            self.note_type(defined, &ty);
            self.note_use(defined, Target::Local(defined));
        }
        self.frame.locals.push(Local {
            name: name.to_owned(),
            defined,
            ty,
            kind,
            used: false,
            columns: None,
        });
    }

    /// Keeps the type of a place for editors.
    fn note_type(&mut self, span: Span, ty: &Type) {
        if let Some(facts) = &mut self.frame.facts {
            facts.note_type(span, ty);
        }
    }

    /// Keeps what a name refers to for editors.
    fn note_use(&mut self, span: Span, target: Target) {
        if let Some(facts) = &mut self.frame.facts {
            facts.note_use(span, target);
        }
    }

    /// Keeps an expression's type, and at the cursor what is expected there.
    fn note(&mut self, expr: &Expr, ty: &Type, hint: Option<&Type>) {
        let Some(facts) = &mut self.frame.facts else {
            return;
        };
        facts.note_type(expr.span, ty);
        let at_cursor = match &expr.kind {
            ExprKind::Name(name) => name == CURSOR,
            ExprKind::Text(text) => text.plain().is_some_and(|text| text == CURSOR),
            _ => false,
        };
        if at_cursor {
            let locals = self.frame.locals.iter();
            facts.cursor = Some(Expected {
                ty: hint.cloned(),
                locals: locals.map(|local| (local.name.clone(), local.ty.clone())).collect(),
                in_net: self.frame.in_net,
            });
        }
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
        self.settle_item(id);
        self.settled(id).cloned().unwrap_or(Type::Unknown)
    }

    /// The type of an item, if it was inferred.
    fn settled(&self, id: ItemId) -> Option<&Type> {
        let library = || self.library?(id);
        self.types.get(&id).or_else(library)
    }

    /// Infers the type of an item, unless that was done or is being done.
    fn settle_item(&mut self, id: ItemId) {
        if self.settled(id).is_some() || self.busy.contains(&id) {
            return;
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
        if let (Some(facts), Some(name)) = (&mut self.facts, defined_name(program.item(id))) {
            facts.note_type(name.span, &ty);
        }
        self.types.insert(id, ty);
    }
}
