//! What a name means where it stands.

use super::{Checker, LocalKind, messages};
use crate::{
    analysis::{
        facts::Target,
        homes,
        program::{ItemId, Meaning, ModuleId},
    },
    builtins::choices,
    source::Span,
    syntax::ast::{Expr, ExprKind, ItemKind},
    types::{Named, Type},
};

/// The most unknown names of a program for which a nearest one is looked for, since each is compared with all there are.
const MOST_PROPOSALS: usize = 500;

impl Checker<'_> {
    /// The type of a name. A word of the expected choice comes first, then locals, the module's names, the prelude's.
    pub(super) fn name(&mut self, name: &str, span: Span, hint: Option<&Type>) -> Type {
        if let Some(choice) = self.choice_of(name, hint) {
            self.note_word(name, span, &choice);
            return choice;
        }
        if let Some(local) = self.frame.locals.iter_mut().rev().find(|local| local.name == name) {
            local.used = true;
            if let Some(facts) = &mut self.frame.facts {
                facts.note_use(span, Target::Local(local.defined));
            }
            if local.kind == LocalKind::Rest {
                self.report(messages::rest_as_value(name, span));
                return Type::Unknown;
            }
            return local.ty.clone();
        }
        match self.program.lookup(self.frame.item.module, name) {
            Some(Meaning::Item(id)) => self.use_item(id, span),
            Some(Meaning::Module(id)) => {
                self.note_use(span, Target::Module(id));
                self.report(messages::module_as_value(name, span));
                Type::Unknown
            }
            Some(Meaning::Missing) => Type::Unknown,
            None => {
                self.unknown_name(name, span, hint);
                Type::Unknown
            }
        }
    }

    fn note_word(&mut self, name: &str, span: Span, choice: &Type) {
        if let Type::Named(named) = choice
            && let Some(word) = choices::words(*named).iter().find(|word| word.word == name)
        {
            self.note_use(span, Target::Word(*named, word.word));
        }
    }

    /// The choice's type when the name is one of the words of the expected type.
    pub(super) fn choice_of(&self, name: &str, hint: Option<&Type>) -> Option<Type> {
        let named = expected_name(hint)?;
        let known = choices::words(named).iter().any(|word| word.word == name);
        known.then_some(Type::Named(named))
    }

    /// Notes that the item being checked needs another, and gives that one's type with variables of its own.
    pub(super) fn use_item(&mut self, id: ItemId, span: Span) -> Type {
        self.needs.entry((self.frame.item, id)).or_insert(span);
        self.note_use(span, Target::Item(id));
        let ty = self.item_type(id);
        self.frame.solver.instantiate(&ty)
    }

    fn unknown_name(&mut self, name: &str, span: Span, hint: Option<&Type>) {
        let module = self.frame.item.module;
        if self.program.module(module).meant.contains(name) {
            return;
        }
        self.unknown += 1;
        let words = expected_name(hint).map_or(&[][..], choices::words);
        let locals = self.frame.locals.iter().rev().map(|local| local.name.as_str());
        let candidates: Vec<&str> = words
            .iter()
            .map(|word| word.word)
            .chain(locals)
            .chain(self.program.names(module))
            .take(if self.unknown > MOST_PROPOSALS { 0 } else { usize::MAX })
            .collect();
        let is_out = self
            .program
            .items(module)
            .any(|(_, item)| matches!(&item.kind, ItemKind::Out(out) if out.name.name == name));
        let expected = expected_name(hint).filter(|_| !words.is_empty());
        let home = homes::of(name).filter(|_| !is_out && expected.is_none());
        self.report(match home {
            Some(home) => messages::not_imported(name, span, home, homes::import(self.program, module, home, name)),
            None => messages::unknown_name(name, span, is_out, expected, &candidates),
        });
    }

    /// The module that an expression names: `training` of `import std.train as training`.
    pub(super) fn module_of(&self, expr: &Expr) -> Option<Result<ModuleId, ()>> {
        let ExprKind::Name(name) = &expr.kind else {
            return None;
        };
        if self.frame.locals.iter().any(|local| local.name == *name) {
            return None;
        }
        match self.program.lookup(self.frame.item.module, name) {
            Some(Meaning::Module(id)) => Some(Ok(id)),
            Some(Meaning::Missing) => Some(Err(())),
            _ => None,
        }
    }

    /// The item that an expression names, directly or through a module's alias; none for locals and all else.
    pub(super) fn item_of(&self, expr: &Expr) -> Option<ItemId> {
        let meaning = match &expr.kind {
            ExprKind::Name(name) if self.frame.locals.iter().any(|local| local.name == *name) => return None,
            ExprKind::Name(name) => self.program.lookup(self.frame.item.module, name)?,
            ExprKind::Field(value, field) => {
                let module = self.module_of(value)?.ok()?;
                self.program.module(module).exported(&field.name)?
            }
            _ => return None,
        };
        match meaning {
            Meaning::Item(id) => Some(id),
            Meaning::Module(_) | Meaning::Missing => None,
        }
    }
}

/// The named type that is expected, if one is.
fn expected_name(hint: Option<&Type>) -> Option<Named> {
    match hint? {
        Type::Named(named) => Some(*named),
        Type::Optional(of) => expected_name(Some(of)),
        _ => None,
    }
}
