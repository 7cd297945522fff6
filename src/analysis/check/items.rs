//! Items: their types, their bodies.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Checker, LocalKind, messages};
use crate::{
    analysis::{
        domain::{self, Domain, Plain},
        program::ItemId,
    },
    builtins::Signature,
    source::Span,
    syntax::ast::{
        BinaryOp, Block, Expr, ExprKind, FnItem, Ident, Item, ItemKind, Labelled, Let, NetItem, Out, Param, Parameter,
        TypeKind,
    },
    types::{self, Function, FunctionOrigin, Named, Passing, Type, lower},
};

impl Checker<'_> {
    /// Checks one item whole.
    pub(super) fn item(&mut self, id: ItemId, item: &Item) {
        self.item_type(id);
        self.in_frame(id, |checker| {
            checker.attributes(item);
            match &item.kind {
                ItemKind::Param(param) => checker.param_values(param),
                ItemKind::Let(binding) if binding.ty.is_some() => {
                    let ty = checker.annotation(binding);
                    checker.expect(&binding.value, &ty);
                }
                ItemKind::Fn(function) => checker.fn_item(function),
                ItemKind::Net(net) => checker.net_item(net),
                ItemKind::Out(out) => checker.out(out),
                ItemKind::Let(_) | ItemKind::Import(_) | ItemKind::Bad => {}
            }
        });
    }

    pub(super) fn param_type(&mut self, param: &Param) -> Type {
        let ty = lower(&param.ty, self.diagnostics);
        if !is_plain(&ty) {
            self.report(messages::param_type(&param.name.name, &ty, param.ty.span));
            return Type::Unknown;
        }
        if defaults_to_none(param) {
            Type::optional(ty)
        } else {
            ty
        }
    }

    /// Checks domain and default of a parameter.
    fn param_values(&mut self, param: &Param) {
        let ty = self.item_type(self.frame.item);
        if defaults_to_none(param) && !matches!(param.ty.kind, TypeKind::Optional(_)) {
            self.report(messages::optional_param(param));
        }
        if let Some(domain) = &param.domain {
            self.param_domain(param, domain, &ty);
        }
        let Some(default) = &param.default else { return };
        if let ExprKind::Binary(BinaryOp::In, value, domain, _) = &default.kind
            && param.domain.is_none()
            && ty != Type::BOOL
        {
            self.report(messages::domain_last(param, value, domain, &self.program.sources));
            return;
        }
        self.expect(default, &ty);
        if let Some(value) = Plain::of(default)
            && let Some(diagnostic) = domain::outside(param, &value, default.span, &self.program.sources)
        {
            self.report(diagnostic);
        }
    }

    fn param_domain(&mut self, param: &Param, written: &Expr, ty: &Type) {
        let inner = match ty {
            Type::Optional(of) => &**of,
            other => other,
        };
        let before = self.diagnostics.len();
        match (inner, bare(written)) {
            (Type::Unknown, _) | (_, ExprKind::Bad) => return,
            (Type::Named(Named::Bool), _) | (Type::List(_) | Type::Map(_) | Type::Record(_), _) => {
                self.report(messages::no_domain(&param.name.name, ty, written.span));
                return;
            }
            (_, ExprKind::List(parts)) => self.expect_list(parts, inner),
            (
                Type::Named(Named::Int | Named::Float | Named::Duration),
                ExprKind::Binary(BinaryOp::Range | BinaryOp::RangeInclusive, low, high, _),
            ) => {
                self.expect(low, inner);
                self.expect(high, inner);
            }
            _ => {
                self.report(messages::domain_kind(inner, written.span));
                return;
            }
        }
        if self.diagnostics.len() > before {
            return;
        }
        match Domain::of(written) {
            None => self.report(messages::domain_computed(written.span)),
            Some(domain) if domain.is_empty() => self.report(messages::domain_empty(written.span)),
            Some(_) => {}
        }
    }

    fn annotation(&mut self, binding: &Let) -> Type {
        binding
            .ty
            .as_ref()
            .map_or(Type::Unknown, |ty| lower(ty, self.diagnostics))
    }

    /// The annotation, or what the value tells.
    pub(super) fn let_type(&mut self, binding: &Let) -> Type {
        if binding.ty.is_some() {
            return self.annotation(binding);
        }
        let ty = self.infer(&binding.value, None);
        self.frame.solver.generalize(&ty)
    }

    /// The type of a function's bare name.
    pub(super) fn fn_type(&mut self, item: &FnItem) -> Type {
        let signature = Signature::of(item, None, self.diagnostics);
        let mut function = signature.function();
        self.add_rest(item, &mut function);
        if item.result.is_none() && item.body.is_some() {
            let result = self.fn_body(item);
            let result = self.frame.solver.generalize(&result);
            function.result = match &signature.subject {
                Some((_, subject)) => Type::step(subject.clone(), result),
                None => result,
            };
        }
        Type::Function(Arc::new(function))
    }

    fn fn_item(&mut self, item: &FnItem) {
        self.parameters(&item.parameters, true);
        self.parameter_names(item.subject.as_ref().map(|(name, _)| name), &item.parameters);
        if item.body.is_none() {
            self.report(messages::no_body(&item.name));
        }
        if item.result.is_some() {
            self.fn_body(item);
        }
    }

    /// Checks a function's body; the type of its value.
    fn fn_body(&mut self, item: &FnItem) -> Type {
        let Some(body) = &item.body else {
            return Type::Unknown;
        };
        if let Some((name, ty)) = &item.subject {
            let ty = lower(ty, self.diagnostics);
            self.add_local(&name.name, name.span, ty, LocalKind::Plain);
        }
        for parameter in &item.parameters {
            let (ty, kind) = self.local_of(parameter);
            self.add_local(&parameter.name.name, parameter.name.span, ty, kind);
        }
        match &item.result {
            Some(result) => {
                let result = lower(result, self.diagnostics);
                self.expect_block(body, &result)
            }
            None => self.block(body, |checker, value| checker.labelled(value, None)),
        }
    }

    /// Type and kind of a declared parameter inside the body.
    fn local_of(&mut self, parameter: &Parameter) -> (Type, LocalKind) {
        let ty = parameter
            .ty
            .as_ref()
            .map_or(Type::Unknown, |ty| lower(ty, self.diagnostics));
        match (parameter.rest, &parameter.ty) {
            (true, None) => (Type::Unknown, LocalKind::Rest),
            // `...labels: {T}` is the record of the named arguments that are left.
            (true, Some(_)) if matches!(ty, Type::Map(_)) => (ty, LocalKind::Plain),
            (true, Some(_)) => (Type::list(ty), LocalKind::Plain),
            (false, _) => (ty, LocalKind::Plain),
        }
    }

    /// Checks the annotations and defaults of a declaration's parameters. A default sees the module alone.
    fn parameters(&mut self, parameters: &[Parameter], rest_allowed: bool) {
        for (index, parameter) in parameters.iter().enumerate() {
            let last = index + 1 == parameters.len();
            if parameter.rest && !(rest_allowed && last) {
                self.report(messages::rest_not_last(parameter, rest_allowed));
            }
            let Some(written) = &parameter.ty else {
                continue;
            };
            let ty = lower(written, self.diagnostics);
            if let Some(default) = &parameter.default {
                self.expect(default, &ty);
            }
        }
    }

    /// Reports parameters that share a name.
    pub(super) fn parameter_names(&mut self, subject: Option<&Ident>, parameters: &[Parameter]) {
        let mut seen: IndexMap<&str, Span> = subject.iter().map(|name| (name.name.as_str(), name.span)).collect();
        for parameter in parameters {
            let name = &parameter.name;
            let first = *seen.entry(&name.name).or_insert(name.span);
            if first != name.span {
                self.report(messages::twice(&name.name, name.span, first, "parameter"));
            }
        }
    }

    pub(super) fn net_type(&mut self, item: &NetItem) -> Type {
        let parameters = item
            .parameters
            .iter()
            .map(|p| types::Parameter {
                name: p.name.name.clone(),
                ty: p.ty.as_ref().map_or(Type::Unknown, |ty| lower(ty, self.diagnostics)),
                required: p.default.is_none() && !p.rest,
                passing: Passing::Either,
            })
            .collect();
        let result = Type::Named(Named::Net);
        Type::Function(Arc::new(Function {
            parameters,
            result,
            origin: FunctionOrigin::Net,
        }))
    }

    fn net_item(&mut self, item: &NetItem) {
        self.parameters(&item.parameters, false);
        self.parameter_names(None, &item.parameters);
        self.frame.in_net = true;
        self.add_local("x", item.name.span, Type::TENSOR, LocalKind::Plain);
        for parameter in &item.parameters {
            let (ty, _) = self.local_of(parameter);
            if !self.refuse_x(&parameter.name) {
                self.add_local(&parameter.name.name, parameter.name.span, ty, LocalKind::Plain);
            }
        }
        self.expect_block(&item.body, &Type::TENSOR);
    }

    /// Inside a net, `x` is what is piped in: true, and reported, when another name would hide it.
    pub(super) fn refuse_x(&mut self, name: &Ident) -> bool {
        let hides = self.frame.in_net && name.name == "x";
        if hides {
            self.report(messages::reserved_x(name.span));
        }
        hides
    }

    fn out(&mut self, out: &Out) {
        let hint = Type::Named(Named::Report);
        let ty = self.infer(&out.value, Some(&hint));
        if !self.fit(&ty, &hint) {
            let shown = self.shown(&ty);
            let scores = Type::grid(Type::Named(Named::Scores), None);
            let reportable = self.fit(&ty, &scores);
            self.report(messages::not_a_report(out, &shown, reportable));
        }
    }

    /// Checks a block and expects a type of its value.
    pub(super) fn expect_block(&mut self, block: &Block, place: &Type) -> Type {
        self.block(block, |checker, value| checker.expect_labelled(value, place))
    }

    /// Checks the locals of a block, then its value with `value`.
    pub(super) fn block(&mut self, block: &Block, value: impl FnOnce(&mut Self, &Labelled) -> Type) -> Type {
        self.in_scope(|checker| {
            let depth = checker.frame.locals.len();
            let mut seen: IndexMap<&str, Span> = IndexMap::new();
            for local in &block.locals {
                let name = &local.name;
                let hides = checker.refuse_x(name);
                let first = *seen.entry(&name.name).or_insert(name.span);
                if first != name.span {
                    checker.report(messages::twice(&name.name, name.span, first, "local"));
                }
                let ty = match &local.ty {
                    Some(written) => {
                        let ty = lower(written, checker.diagnostics);
                        checker.expect(&local.value, &ty);
                        ty
                    }
                    None => checker.infer(&local.value, None),
                };
                if !hides {
                    checker.add_local(&name.name, name.span, ty, LocalKind::Plain);
                }
            }
            let ty = value(checker, &block.value);
            checker.note_unused("local", depth);
            ty
        })
    }
}

/// An expression without the parentheses around it.
fn bare(expr: &Expr) -> &ExprKind {
    match &expr.kind {
        ExprKind::Paren(inner) if inner.label.is_none() => bare(&inner.value),
        kind => kind,
    }
}

/// True for types that a literal has: plain data, and lists, records and optionals of it.
fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Unknown => true,
        Type::Named(named) => named.is_plain(),
        Type::Optional(of) | Type::List(of) | Type::Map(of) => is_plain(of),
        Type::Record(fields) => fields.values().all(is_plain),
        _ => false,
    }
}

/// True for `param start: path = none`, which can only be meant as an optional one.
fn defaults_to_none(param: &Param) -> bool {
    matches!(&param.default, Some(default) if matches!(default.kind, ExprKind::None))
}
