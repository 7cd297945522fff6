//! `if` and `repeat`.

use super::{Checker, LocalKind, messages};
use crate::{
    source::Span,
    syntax::ast::{Binding, Block, If},
    types::{Named, Type},
};

impl Checker<'_> {
    /// The type that both branches have; a step without `else` changes nothing otherwise.
    pub(super) fn branches(&mut self, branches: &If, span: Span, hint: Option<&Type>) -> Type {
        self.expect(&branches.condition, &Type::BOOL);
        let then = self.block(&branches.then, |checker, value| checker.labelled(value, hint));
        let Some(otherwise) = &branches.otherwise else {
            return self.without_else(&then, span);
        };
        let other = self.block(otherwise, |checker, value| checker.labelled(value, hint));
        match self.frame.solver.join(&then, &other) {
            Some(joined) => joined,
            None => {
                let (first, second) = (self.frame.solver.resolve(&then), self.frame.solver.resolve(&other));
                let places = (branches.then.value.value.span, otherwise.value.value.span);
                self.report(messages::branches_differ((&first, places.0), (&second, places.1)));
                Type::Unknown
            }
        }
    }

    fn without_else(&mut self, then: &Type, span: Span) -> Type {
        match self.as_step(then) {
            Some((subject, result)) => {
                let same = Type::step(subject.clone(), subject.clone());
                let step = Type::step(subject, result);
                self.frame.solver.join(&step, &same).unwrap_or_else(|| {
                    let shown = self.shown(&step);
                    self.report(messages::no_else_changes(&shown, span));
                    Type::Unknown
                })
            }
            None if matches!(self.shallow(then), Type::Unknown) => Type::Unknown,
            None => {
                self.report(messages::no_else(span));
                Type::Unknown
            }
        }
    }

    /// Subject and result of a step, or of what counts as one.
    pub(super) fn as_step(&self, ty: &Type) -> Option<(Type, Type)> {
        match self.shallow(ty) {
            Type::Step(subject, result) => Some((*subject, *result)),
            Type::Function(function) => match function.as_step()? {
                Type::Step(subject, result) => Some((*subject, *result)),
                _ => None,
            },
            Type::Named(Named::Net) => Some((Type::TENSOR, Type::TENSOR)),
            _ => None,
        }
    }

    /// `repeat i in xs { e }`: from `T` to `T`, where `e` is.
    pub(super) fn repeat(&mut self, binding: &Binding, body: &Block, hint: Option<&Type>) -> Type {
        let each = self
            .values_of(&binding.values)
            .map_or(Type::Unknown, |values| values.each);
        self.refuse_x(&binding.name);
        let subject = match hint {
            Some(Type::Step(subject, _)) => match self.shallow(subject) {
                Type::Named(Named::Net) => Type::Named(Named::Model),
                other => other,
            },
            _ => self.fresh(),
        };
        let hint = Type::step(subject.clone(), subject);
        let ty = self.in_scope(|checker| {
            checker.add_local(&binding.name.name, each, LocalKind::Plain);
            checker.block(body, |checker, value| checker.labelled(value, Some(&hint)))
        });
        let span = body.value.value.span;
        match self.as_step(&ty) {
            Some((subject, result)) => {
                if !self.fit(&result, &subject) {
                    let shown = (self.shown(&subject), self.shown(&result));
                    self.report(messages::repeat_changes(&shown.0, &shown.1, span));
                    return Type::Unknown;
                }
                Type::step(subject.clone(), subject)
            }
            None => {
                let resolved = self.frame.solver.resolve(&ty);
                if resolved != Type::Unknown {
                    self.report(messages::not_a_step(&body.value.value, &resolved));
                }
                Type::Unknown
            }
        }
    }
}
