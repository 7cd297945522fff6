//! `if` and `repeat`.

use super::{Checker, LocalKind, messages};
use crate::{
    source::Span,
    syntax::ast::{BinaryOp, Binding, Block, Expr, ExprKind, If},
    types::{Named, Type},
};

/// A name that a condition tells not to be `none` in one branch.
struct Narrowed {
    name: String,
    /// Where it is defined.
    defined: Span,
    /// Its type there.
    ty: Type,
    /// True when it is `none` in the first branch, and so of that type in the other.
    in_then_none: bool,
}

impl Checker<'_> {
    /// The type that both branches have; a step without `else` changes nothing otherwise.
    pub(super) fn branches(&mut self, branches: &If, span: Span, hint: Option<&Type>) -> Type {
        self.expect(&branches.condition, &Type::BOOL);
        let narrowed = self.narrowing(&branches.condition);
        let then = self.branch(&branches.then, hint, narrowed.as_ref().filter(|n| !n.in_then_none));
        let Some(otherwise) = &branches.otherwise else {
            return self.without_else(&then, span);
        };
        let other = self.branch(otherwise, hint, narrowed.as_ref().filter(|n| n.in_then_none));
        match self.frame.solver.join(&then, &other) {
            Some(joined) => joined,
            None => {
                let (first, second) = (self.seen(&then), self.seen(&other));
                let places = (branches.then.value.value.span, otherwise.value.value.span);
                let sources = &self.program.sources;
                self.report(messages::branches_differ(
                    (&first, places.0),
                    (&second, places.1),
                    sources,
                ));
                Type::Unknown
            }
        }
    }

    /// The type of one branch; where a step is wanted, it is one.
    fn branch(&mut self, block: &Block, hint: Option<&Type>, narrowed: Option<&Narrowed>) -> Type {
        let ty = self.in_branch(narrowed, |checker| {
            checker.block(block, |checker, value| checker.labelled(value, hint))
        });
        if !matches!(hint, Some(Type::Step(..))) || matches!(self.shallow(&ty), Type::Variable(_)) {
            return ty;
        }
        match self.want_step(&block.value.value, &ty, None) {
            Ok((subject, result)) => Type::step(subject, result),
            Err(_) => Type::Unknown,
        }
    }

    /// Checks both branches of an `if` against the type of its place.
    pub(super) fn expect_branches(&mut self, branches: &If, otherwise: &Block, place: &Type) {
        self.expect(&branches.condition, &Type::BOOL);
        let narrowed = self.narrowing(&branches.condition);
        let (then, other) = (
            narrowed.as_ref().filter(|n| !n.in_then_none),
            narrowed.as_ref().filter(|n| n.in_then_none),
        );
        self.in_branch(then, |checker| checker.expect_block(&branches.then, place));
        self.in_branch(other, |checker| checker.expect_block(otherwise, place));
    }

    /// Does something in a branch in which a name is known not to be `none`.
    fn in_branch(&mut self, narrowed: Option<&Narrowed>, work: impl FnOnce(&mut Self) -> Type) -> Type {
        self.in_scope(|checker| {
            if let Some(Narrowed { name, defined, ty, .. }) = narrowed {
                checker.add_local(name, *defined, ty.clone(), LocalKind::Plain);
            }
            work(checker)
        })
    }

    /// What `name == none` or `name != none` tells of an optional name in one of the branches.
    fn narrowing(&mut self, condition: &Expr) -> Option<Narrowed> {
        let ExprKind::Binary(operator @ (BinaryOp::Equal | BinaryOp::NotEqual), left, right, _) = &condition.kind
        else {
            return None;
        };
        let (name, span) = match (&left.kind, &right.kind) {
            (ExprKind::Name(name), ExprKind::None) => (name, left.span),
            (ExprKind::None, ExprKind::Name(name)) => (name, right.span),
            _ => return None,
        };
        let ty = self.name(name, span, None);
        let local = self.frame.locals.iter().rev().find(|local| local.name == *name);
        let defined = local.map_or(span, |local| local.defined);
        match self.shallow(&ty) {
            Type::Optional(of) => Some(Narrowed {
                name: name.clone(),
                defined,
                ty: *of,
                in_then_none: *operator == BinaryOp::Equal,
            }),
            _ => None,
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
            checker.add_local(&binding.name.name, binding.name.span, each, LocalKind::Plain);
            checker.block(body, |checker, value| checker.labelled(value, Some(&hint)))
        });
        let span = body.value.value.span;
        let Ok((subject, result)) = self.want_step(&body.value.value, &ty, None) else {
            return Type::Unknown;
        };
        if !self.fit(&result, &subject) {
            let shown = (self.shown(&subject), self.shown(&result));
            self.report(messages::repeat_changes(&shown.0, &shown.1, span));
            return Type::Unknown;
        }
        Type::step(subject.clone(), subject)
    }
}
