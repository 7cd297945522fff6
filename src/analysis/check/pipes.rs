//! Pipes: a value goes through one step after the other.

use std::{mem, sync::Arc};

use super::{Checker, columns::Columns, messages};
use crate::{
    source::Span,
    syntax::ast::{Expr, ExprKind, PipeStep},
    types::{Function, FunctionOrigin, Named, Type},
};

/// What arrives at a step, and where it was written.
struct Arriving<'e> {
    ty: Type,
    /// The expression at the head, when nothing stands between it and the step.
    head: Option<&'e Expr>,
    /// All that was written before.
    span: Option<Span>,
    /// The columns of rows, where they are known.
    columns: Option<Columns>,
}

impl Checker<'_> {
    /// A pipe's type: a value with a head, a step without one. The subject of a headless pipe is what is expected, or
    /// what its first step takes.
    pub(super) fn pipe(&mut self, head: Option<&Expr>, steps: &[PipeStep], hint: Option<&Type>) -> Type {
        let subject = match (head, hint) {
            (Some(head), _) => self.infer(head, None),
            (None, Some(Type::Step(subject, _))) => (**subject).clone(),
            (None, _) => self.fresh(),
        };
        let mut arriving = Arriving {
            ty: subject.clone(),
            head,
            span: head.map(|head| head.span),
            columns: head.and_then(|head| self.columns_of(head)),
        };
        let mut headless = false;
        for (at, step) in steps.iter().enumerate() {
            let rows = self.rows_for(step, arriving.columns.as_ref());
            let outer = mem::replace(&mut self.frame.rows, rows);
            let ty = self.step(&arriving, step);
            self.frame.rows = outer;
            headless |= at == 0 && head.is_some() && ty == Type::Unknown && self.meant_as_step(&subject);
            let columns = arriving.columns.and_then(|columns| self.columns_after(step, &columns));
            let span = arriving.span.map_or(step.step.span, |before| before.to(step.step.span));
            arriving = Arriving {
                ty,
                head: None,
                span: Some(span),
                columns,
            };
        }
        match head {
            // It was reported; whether a value or a step is wanted here, no more is known.
            Some(_) if headless => Type::Unknown,
            Some(_) => arriving.ty,
            None => Type::step(subject, arriving.ty),
        }
    }

    /// What one step makes of what arrives.
    fn step(&mut self, arriving: &Arriving<'_>, step: &PipeStep) -> Type {
        if let Some(label) = &step.label {
            self.label(label);
        }
        if let Some(facts) = &mut self.frame.facts {
            facts.note_arriving(step.step.span, &arriving.ty);
        }
        let regrid = self.check_axes(&arriving.ty, &step.step);
        let hint = Type::step(arriving.ty.clone(), self.fresh());
        let ty = self.infer(&step.step, Some(&hint));
        if let Type::Variable(_) = self.shallow(&ty) {
            let result = self.fresh();
            self.fit(&Type::step(arriving.ty.clone(), result.clone()), &ty);
            return result;
        }
        if !self.frame.in_net && !self.fits_tensor(&arriving.ty) && self.is_net(&ty) {
            self.report(messages::not_a_step(&step.step, &Type::Named(Named::Net)));
            return Type::Unknown;
        }
        match self.want_step(&step.step, &ty, arriving.span) {
            Ok((subject, result)) => {
                let made = self.apply(arriving, &step.step, &subject, &result);
                self.regridded(made, regrid)
            }
            Err(result) => result,
        }
    }

    fn is_net(&self, ty: &Type) -> bool {
        match self.shallow(ty) {
            Type::Named(Named::Net) => true,
            Type::Function(function) => function.origin == FunctionOrigin::Net,
            _ => false,
        }
    }

    /// Subject and result of what stands where a step is wanted. What is no step is reported; then the result that it
    /// would have given, as far as that is known.
    pub(super) fn want_step(&mut self, step: &Expr, ty: &Type, before: Option<Span>) -> Result<(Type, Type), Type> {
        if let Some(found) = self.as_step(ty) {
            return Ok(found);
        }
        match self.shallow(ty) {
            Type::Unknown => Err(Type::Unknown),
            Type::Function(function) => Err(self.not_a_step(&function, step, before)),
            other => {
                let other = self.seen(&other);
                self.report(messages::not_a_step(step, &other));
                Err(Type::Unknown)
            }
        }
    }

    fn fits_tensor(&self, ty: &Type) -> bool {
        matches!(self.shallow(ty), Type::Named(Named::Tensor))
    }

    fn apply(&mut self, arriving: &Arriving<'_>, step: &Expr, subject: &Type, result: &Type) -> Type {
        if let Some(made) = self.frame.solver.apply(&arriving.ty, subject, result) {
            return made;
        }
        let (ty, subject) = (self.seen(&arriving.ty), self.seen(subject));
        let at_head = arriving.head.filter(|_| self.meant_as_step(&ty));
        let diagnostic = match at_head {
            Some(head) => messages::step_at_head(head, &ty, self.label_before(head)),
            None => messages::subject(step, &subject, &ty, arriving.head, arriving.span),
        };
        self.report(diagnostic);
        Type::Unknown
    }

    /// True for what was meant as a step: inside a `net` also a network, which is a part there.
    fn meant_as_step(&self, ty: &Type) -> bool {
        let ty = self.seen(ty);
        counts_as_step(&ty) || (self.frame.in_net && ty == Type::Named(Named::Net))
    }

    /// The label of the parenthesis or block that begins with this head.
    fn label_before(&self, head: &Expr) -> Option<Span> {
        let (label, value) = self.frame.labelled?;
        (value.start == head.span.start && value.file == head.span.file).then_some(label)
    }

    /// Reports a function that stands where a step is wanted but is none.
    fn not_a_step(&mut self, function: &Function, step: &Expr, before: Option<Span>) -> Type {
        let required: Vec<String> = function.required().map(|p| p.name.clone()).collect();
        let resolved = self.frame.solver.resolve(&Type::Function(Arc::new(function.clone())));
        let has_subject = matches!(function.result, Type::Step(..)) || function.origin == FunctionOrigin::Net;
        let diagnostic = if has_subject && !required.is_empty() {
            messages::step_needs(step, &required)
        } else if function.origin == FunctionOrigin::Declared && !has_subject {
            messages::no_subject(step, before)
        } else {
            messages::not_a_step(step, &resolved)
        };
        self.report(diagnostic);
        match self.shallow(&function.result) {
            Type::Step(_, result) if !leaves_open(&self.seen(&result)) => *result,
            _ => Type::Unknown,
        }
    }
}

/// True when a type holds a variable that nothing bound.
fn leaves_open(ty: &Type) -> bool {
    let mut open = false;
    ty.visit(&mut |part| open |= matches!(part, Type::Variable(_)));
    open
}

/// True for a step, and for a function with a subject, which was meant as one.
fn counts_as_step(ty: &Type) -> bool {
    match ty {
        Type::Step(..) => true,
        Type::Function(function) => function.origin == FunctionOrigin::Declared && function.as_step().is_some(),
        _ => false,
    }
}

/// The name by which a message speaks of a step or a function.
pub(super) fn spoken_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Field(_, field) => Some(&field.name),
        ExprKind::Call(callee, _) => spoken_name(callee),
        ExprKind::Paren(value) => spoken_name(&value.value),
        _ => None,
    }
}
