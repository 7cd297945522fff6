//! Expressions, by what is expected of them.

use std::sync::Arc;

use super::{Checker, LocalKind, messages};
use crate::{
    builtins::choices,
    syntax::ast::{Expr, ExprKind, Label, Labelled, Parameter, Text, TextPart},
    types::{self, Function, FunctionOrigin, Named, Passing, Type, lower},
};

impl Checker<'_> {
    /// The type of an expression. The hint says what its place would like, and binds nobody.
    pub(super) fn infer(&mut self, expr: &Expr, hint: Option<&Type>) -> Type {
        let hint = hint.map(|ty| self.shallow(ty));
        let ty = self.infer_kind(expr, hint.as_ref());
        self.note(expr, &ty, hint.as_ref());
        ty
    }

    fn infer_kind(&mut self, expr: &Expr, hint: Option<&Type>) -> Type {
        match &expr.kind {
            ExprKind::Int(_) => Type::INT,
            ExprKind::Float(_) => Type::FLOAT,
            ExprKind::Duration(_) => Type::Named(Named::Duration),
            ExprKind::Bool(_) => Type::BOOL,
            ExprKind::None => self.choice_of("none", hint).unwrap_or(Type::None),
            ExprKind::Text(text) => {
                self.text(text);
                Type::TEXT
            }
            ExprKind::Name(name) => self.name(name, expr.span, hint),
            ExprKind::List(parts) => self.list(parts, hint),
            ExprKind::Record(entries) => self.record(entries),
            ExprKind::Block(block) => self.block(block, |checker, value| checker.labelled(value, hint)),
            ExprKind::Call(callee, arguments) => self.call(callee, arguments, expr.span),
            ExprKind::Index(value, arguments) => self.index(value, arguments, expr.span),
            ExprKind::Field(value, field) => self.field(value, field),
            ExprKind::Pipe(head, steps) => self.pipe(head.as_deref(), steps, hint),
            ExprKind::Lambda(parameters, body) => self.lambda(parameters, body, hint),
            ExprKind::If(branches) => self.branches(branches, expr.span, hint),
            ExprKind::For(bindings, body) => self.comprehension(bindings, body),
            ExprKind::Repeat(binding, body) => self.repeat(binding, body, hint),
            ExprKind::Binary(operator, left, right, sign) => self.binary((*operator, *sign), left, right, hint),
            ExprKind::Unary(operator, value) => self.unary(*operator, value, expr.span),
            ExprKind::Paren(value) => self.labelled(value, hint),
            ExprKind::Bad => Type::Unknown,
        }
    }

    /// Checks that an expression fits its place, from the outside in, so that a mistake is reported where it is made.
    /// Gives the expression's type, or the place's when that was reported.
    pub(super) fn expect(&mut self, expr: &Expr, wanted: &Type) -> Type {
        let place = self.shallow(wanted);
        let inner = match &place {
            Type::Optional(of) => self.shallow(of),
            other => other.clone(),
        };
        match &expr.kind {
            ExprKind::Paren(value) if value.label.is_none() => return self.expect(&value.value, &place),
            ExprKind::Block(block) => return self.expect_block(block, &place),
            ExprKind::If(branches) if !matches!(inner, Type::Variable(_)) => {
                if let Some(otherwise) = &branches.otherwise {
                    self.expect_branches(branches, otherwise, &place);
                    return place;
                }
            }
            ExprKind::List(parts) => {
                if let Some(element) = self.element_place(&inner) {
                    self.expect_list(parts, &element);
                    self.note_type(expr.span, &inner);
                    return inner;
                }
            }
            ExprKind::Record(entries) => {
                if let Some(ty) = self.expect_record(entries, &inner, expr.span) {
                    self.note_type(expr.span, &ty);
                    return ty;
                }
            }
            ExprKind::Lambda(parameters, body) => {
                if let Some(ty) = self.expect_lambda(parameters, body, &inner) {
                    if !self.fit(&ty, &place) {
                        self.mismatch(expr, &ty, &place);
                    }
                    self.note_type(expr.span, &ty);
                    return ty;
                }
            }
            _ => {}
        }
        let ty = self.infer(expr, Some(&inner));
        if self.fit(&ty, wanted) {
            ty
        } else {
            self.mismatch(expr, &ty, &place);
            place
        }
    }

    pub(super) fn mismatch(&mut self, expr: &Expr, ty: &Type, place: &Type) {
        let (ty, place) = (self.seen(ty), self.seen(place));
        let words = match &place {
            Type::Named(named) => choices::words(*named),
            _ => &[],
        };
        self.report(messages::mismatch(expr, &ty, &place, words));
    }

    /// A block's or parenthesis' value, with its label checked.
    pub(super) fn labelled(&mut self, value: &Labelled, hint: Option<&Type>) -> Type {
        match &value.label {
            None => self.infer(&value.value, hint),
            Some(label) if self.label(label) => {
                let step = Type::step(Type::TENSOR, Type::TENSOR);
                let outer = self.frame.labelled.replace((label.span, value.value.span));
                self.expect(&value.value, &step);
                self.frame.labelled = outer;
                step
            }
            Some(_) => {
                self.infer(&value.value, hint);
                Type::Unknown
            }
        }
    }

    /// As [`Checker::labelled`], with the place's type expected.
    pub(super) fn expect_labelled(&mut self, value: &Labelled, place: &Type) -> Type {
        if value.label.is_none() {
            return self.expect(&value.value, place);
        }
        let ty = self.labelled(value, Some(place));
        if !self.fit(&ty, place) {
            self.mismatch(&value.value, &ty, place);
        }
        ty
    }

    /// Checks a label; true when one may stand here. The parser reports those that may not.
    pub(super) fn label(&mut self, label: &Label) -> bool {
        self.text(&label.text);
        self.frame.in_net
    }

    /// Checks the holes of a text.
    pub(super) fn text(&mut self, text: &Text) {
        for part in &text.parts {
            if let TextPart::Hole(value) = part {
                let ty = self.infer(value, None);
                let ty = self.shallow(&ty);
                if !ty.is_label() {
                    let shown = self.shown(&ty);
                    self.report(messages::hole(&shown, value.span));
                }
            }
        }
    }

    /// A lambda's type; parameters without annotation take theirs from what is expected, or from their use.
    fn lambda(&mut self, parameters: &[Parameter], body: &Expr, hint: Option<&Type>) -> Type {
        let (wanted, result) = parameters_of(hint);
        self.in_scope(|checker| {
            let depth = checker.frame.locals.len();
            let parameters = checker.lambda_parameters(parameters, &wanted);
            let result = result
                .map(|ty| checker.shallow(&ty))
                .filter(|ty| !matches!(ty, Type::Variable(_)));
            let result = checker.infer(body, result.as_ref());
            checker.note_unused("parameter", depth);
            Type::Function(Arc::new(Function {
                parameters,
                result,
                origin: FunctionOrigin::Lambda,
            }))
        })
    }

    /// As [`Checker::lambda`], with the result expected where the place tells it.
    fn expect_lambda(&mut self, parameters: &[Parameter], body: &Expr, place: &Type) -> Option<Type> {
        let (wanted, result) = parameters_of(Some(place));
        let result = self.shallow(&result?);
        if matches!(result, Type::Variable(_)) || wanted.len() != parameters.len() {
            return None;
        }
        self.in_scope(|checker| {
            let depth = checker.frame.locals.len();
            let parameters = checker.lambda_parameters(parameters, &wanted);
            let result = checker.expect(body, &result);
            checker.note_unused("parameter", depth);
            Some(Type::Function(Arc::new(Function {
                parameters,
                result,
                origin: FunctionOrigin::Lambda,
            })))
        })
    }

    fn lambda_parameters(&mut self, parameters: &[Parameter], wanted: &[Type]) -> Vec<types::Parameter> {
        self.parameter_names(None, parameters);
        let mut made = Vec::new();
        for (index, parameter) in parameters.iter().enumerate() {
            self.refuse_x(&parameter.name);
            if parameter.rest {
                self.report(messages::rest_not_last(parameter, false));
            }
            let ty = match (&parameter.ty, wanted.get(index)) {
                (Some(written), _) => lower(written, self.diagnostics),
                (None, Some(wanted)) => wanted.clone(),
                (None, None) => self.fresh(),
            };
            if let Some(default) = &parameter.default {
                self.expect(default, &ty);
            }
            made.push(types::Parameter {
                name: parameter.name.name.clone(),
                ty,
                required: parameter.default.is_none(),
                passing: Passing::Either,
            });
        }
        for (written, parameter) in parameters.iter().zip(&made) {
            let defined = written.name.span;
            self.add_local(&parameter.name, defined, parameter.ty.clone(), LocalKind::Plain);
            if parameter.ty == Type::Named(Named::Row)
                && let Some(local) = self.frame.locals.last_mut()
            {
                local.columns.clone_from(&self.frame.rows);
            }
        }
        made
    }
}

/// The parameters' types and the result that an expected type gives a lambda.
fn parameters_of(hint: Option<&Type>) -> (Vec<Type>, Option<Type>) {
    match hint {
        Some(Type::Function(function)) => {
            let wanted = function.positional().map(|p| p.ty.clone()).collect();
            (wanted, Some(function.result.clone()))
        }
        Some(Type::Step(subject, result)) => (vec![(**subject).clone()], Some((**result).clone())),
        _ => (Vec::new(), None),
    }
}
