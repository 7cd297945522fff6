//! Calls and steps: parentheses apply functions, `|>` applies steps.

use super::{
    domain::Net,
    eval::Evaluator,
    stage::ChoiceBy,
    value::{Arguments, Env, Failed, Function, Given, Outcome, RestArgument, Slot, Step, Value},
};
use crate::{
    analysis::ModuleId,
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
    syntax::ast::{Argument, Binding, Block, ExprKind, FnItem, Parameter, TypeKind},
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::{collections::VecDeque, rc::Rc};

/// What is called.
pub(super) struct Callee<'p> {
    pub(super) function: Value<'p>,
    pub(super) span: Span,
}

/// An argument of a call: its name, if it has one.
pub(super) type GivenArgument<'p> = (Option<Rc<str>>, Given<'p>);

impl<'p> Evaluator<'p, '_> {
    /// Applies parentheses.
    pub(super) fn call(
        &mut self,
        callee: Callee<'p>,
        arguments: &'p [Argument],
        env: &Env<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let Value::Function(function) = &callee.function else {
            return self.unexpected("a function", &callee.function, callee.span);
        };
        let given = self.given(arguments, env)?;
        self.call_function(function, given, span)
    }

    /// The arguments as they are given, spreads opened, nothing else evaluated yet.
    fn given(&mut self, arguments: &'p [Argument], env: &Env<'p>) -> Outcome<Vec<GivenArgument<'p>>> {
        let mut given = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                Argument::Positional(expr) => given.push((None, Given::Expr(expr, env.clone()))),
                Argument::Named(name, expr) => {
                    given.push((Some(Rc::from(name.name.as_str())), Given::Expr(expr, env.clone())));
                }
                Argument::Spread(expr) => match self.eval(expr, env)? {
                    Value::List(list) => {
                        let values = list.iter().map(|value| self.own(value.clone(), expr.span));
                        given.extend(values.map(|slot| (None, Given::Value(slot))));
                    }
                    Value::Record(record) => {
                        let entries = record.iter();
                        let slots = entries.map(|(key, value)| (Rc::clone(key), self.own(value.clone(), expr.span)));
                        given.extend(slots.map(|(key, slot)| (Some(key), Given::Value(slot))));
                    }
                    Value::Rest(rest) => {
                        given.extend(rest.iter().map(|a| (Some(Rc::clone(&a.name)), a.given.clone())));
                    }
                    other => return self.unexpected("a list or a record", &other, expr.span),
                },
            }
        }
        Ok(given)
    }

    /// Calls a function: the result, or the step that waits for its subject.
    pub(super) fn call_function(
        &mut self,
        function: &Function<'p>,
        given: Vec<GivenArgument<'p>>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        match function {
            Function::Item(item, module) => {
                let arguments = self.bind(function, &Env::of(*module), given, span)?;
                if item.subject.is_some() {
                    return Ok(Value::Step(Rc::new(Step::Call(item, *module, arguments, span))));
                }
                self.run(item, *module, arguments, None, span)
            }
            Function::Net(item, net, module) => {
                let arguments = self.bind(function, &Env::of(*module), given, span)?;
                Ok(Value::Net(Rc::new(Net {
                    item,
                    net,
                    module: *module,
                    arguments,
                    towers: None,
                    span,
                })))
            }
            Function::Lambda(_, body, env) => {
                let arguments = self.bind(function, env, given, span)?;
                let env = arguments
                    .slots
                    .into_iter()
                    .fold(env.clone(), |env, (name, slot)| env.with(name, slot));
                self.eval(body, &env)
            }
        }
    }

    /// One slot per parameter. Positional arguments come first in order; defaults are evaluated in the callee's scope,
    /// where the parameters before them are known.
    fn bind(
        &mut self,
        function: &Function<'p>,
        scope: &Env<'p>,
        given: Vec<GivenArgument<'p>>,
        span: Span,
    ) -> Outcome<Arguments<'p>> {
        let (mut positional, mut named) = (VecDeque::new(), IndexMap::default());
        for (name, given) in given {
            match name {
                None => positional.push_back(given),
                Some(name) => {
                    named.insert(name, given);
                }
            }
        }
        let parameters = function.parameters();
        let mut slots = IndexMap::with_capacity_and_hasher(parameters.len(), FxBuildHasher);
        let (mut env, mut failed) = (scope.clone(), false);
        for parameter in parameters {
            let name = parameter.name.name.as_str();
            let slot = if parameter.rest {
                self.rest(parameter, &mut positional, &mut named)
            } else if let Some(given) = positional.pop_front().or_else(|| named.shift_remove(name)) {
                self.argument(parameter, given)
            } else {
                self.default(function, parameter, &env, span)
            };
            match slot {
                Ok(slot) => {
                    env = env.with(name, slot.clone());
                    slots.insert(name, slot);
                }
                Err(Failed) => failed = true,
            }
        }
        if let Some(name) = named.keys().next() {
            let message = format!("`{}` has no parameter `{name}`", function.name());
            let names = function.parameters().iter().map(|p| p.name.name.as_str());
            let diagnostic = Diagnostic::error(&codes::UNEXPECTED_VALUE, message).at(span, "");
            let written = self.program.sources.text(span);
            return self.fail(diagnostic.suggest_in(span, written, name, names));
        }
        if !positional.is_empty() {
            return self.error(
                &codes::UNEXPECTED_VALUE,
                format!("too many arguments for `{}`", function.name()),
                span,
            );
        }
        if failed { Err(Failed) } else { Ok(Arguments { slots }) }
    }

    fn argument(&mut self, parameter: &'p Parameter, given: Given<'p>) -> Outcome<Slot<'p>> {
        match given {
            Given::Expr(expr, env) => {
                let value = self.eval_as(expr, &env, parameter.ty.as_ref())?;
                // A parameter handed on was set by whoever set that parameter.
                let by = match &expr.kind {
                    ExprKind::Name(name) => env.find(name).map_or(ChoiceBy::Program, |slot| slot.by),
                    _ => ChoiceBy::Program,
                };
                let span = expr.span;
                let given = true;
                Ok(Slot { value, by, given, span })
            }
            Given::Value(slot) => match &parameter.ty {
                Some(ty) => Ok(Slot {
                    value: self.convert(slot.value, ty, slot.span)?,
                    ..slot
                }),
                None => Ok(slot),
            },
        }
    }

    fn default(
        &mut self,
        function: &Function<'p>,
        parameter: &'p Parameter,
        env: &Env<'p>,
        span: Span,
    ) -> Outcome<Slot<'p>> {
        let Some(expr) = &parameter.default else {
            let message = format!("`{}` needs `{}`", function.name(), parameter.name.name);
            return self.error(&codes::NO_VALUE, message, span);
        };
        let value = self.eval_as(expr, env, parameter.ty.as_ref())?;
        Ok(Slot {
            value,
            by: ChoiceBy::Default,
            given: false,
            span,
        })
    }

    /// `...parts: T` takes the positional arguments that are left, `...labels: {T}` the named ones as a record, `...how`
    /// the named ones, unevaluated: what they are expected to be is known to the function that `...how` is handed to.
    fn rest(
        &mut self,
        parameter: &'p Parameter,
        positional: &mut VecDeque<Given<'p>>,
        named: &mut IndexMap<Rc<str>, Given<'p>, FxBuildHasher>,
    ) -> Outcome<Slot<'p>> {
        let value = if let Some(TypeKind::Map(of)) = parameter.ty.as_ref().map(|ty| &ty.kind) {
            let mut record = IndexMap::new();
            for (name, given) in named.drain(..) {
                let value = match given {
                    Given::Expr(expr, env) => self.eval_as(expr, &env, Some(of))?,
                    Given::Value(slot) => self.convert(slot.value, of, slot.span)?,
                };
                record.insert(name, value);
            }
            Value::Record(Rc::new(record))
        } else if parameter.ty.is_some() {
            let slots: Vec<_> = positional
                .drain(..)
                .map(|given| self.argument(parameter, given))
                .collect();
            let values: Outcome<Vec<_>> = slots.into_iter().map(|slot| slot.map(|s| s.value)).collect();
            Value::List(Rc::new(values?))
        } else {
            let arguments = named.drain(..).map(|(name, given)| RestArgument { name, given });
            Value::Rest(Rc::new(arguments.collect()))
        };
        Ok(self.own(value, parameter.span))
    }

    /// The arguments of a net with another number of classes; defaults that depend on it are evaluated anew.
    pub(super) fn with_classes(&mut self, net: &Net<'p>, classes: usize) -> Outcome<Arguments<'p>> {
        let given = net.arguments.slots.iter().filter(|(_, slot)| slot.given);
        let mut given: Vec<GivenArgument<'p>> = given
            .map(|(name, slot)| (Some(Rc::from(*name)), Given::Value(slot.clone())))
            .filter(|(name, _)| name.as_deref() != Some("classes"))
            .collect();
        let count = Value::Int(i64::try_from(classes).unwrap_or(i64::MAX));
        given.push((Some(Rc::from("classes")), Given::Value(self.own(count, net.span))));
        let function = Function::Net(net.item, net.net, net.module);
        self.bind(&function, &Env::of(net.module), given, net.span)
    }

    /// Applies a step to its subject. `at` is where the step is written.
    pub(super) fn apply(
        &mut self,
        step: &Value<'p>,
        subject: Value<'p>,
        subject_span: Span,
        at: Span,
    ) -> Outcome<Value<'p>> {
        match step {
            Value::Function(function) => self.apply_function(function, subject, subject_span, at),
            Value::Step(step) => match &**step {
                Step::Call(item, module, arguments, span) => {
                    self.run(item, *module, arguments.clone(), Some((subject, subject_span)), *span)
                }
                Step::Pipe(steps, env) => self.pipe(subject, subject_span, steps, env),
                Step::Repeat(binding, body, env) => self.repeat(binding, body, env, subject, subject_span),
                Step::Labelled(name, inner) => self.scoped(name, |e| e.apply(inner, subject, subject_span, at)),
                Step::Shared(shared) => self.apply_shared(shared, subject, subject_span, at),
                Step::Identity => Ok(subject),
            },
            Value::Net(net) => match subject {
                Value::Tensor(x) => self.run_net(net, &net.arguments, x),
                other => self.unexpected("a tensor before a network", &other, subject_span),
            },
            other => self.unexpected("a step", other, at),
        }
    }

    fn apply_function(
        &mut self,
        function: &Function<'p>,
        subject: Value<'p>,
        subject_span: Span,
        at: Span,
    ) -> Outcome<Value<'p>> {
        match function {
            Function::Lambda([parameter], body, env) => {
                let slot = self.argument(parameter, Given::Value(self.own(subject, subject_span)))?;
                self.eval(body, &env.with(&parameter.name.name, slot))
            }
            Function::Item(item, _) if item.subject.is_none() => {
                let message = format!("`{}` is no step: it is called with parentheses", item.name.name);
                self.error(&codes::UNEXPECTED_VALUE, message, at)
            }
            Function::Item(..) | Function::Net(..) => {
                let step = self.call_function(function, Vec::new(), at)?;
                self.apply(&step, subject, subject_span, at)
            }
            Function::Lambda(..) => self.unexpected("a step", &Value::Function(function.clone()), at),
        }
    }

    fn repeat(
        &mut self,
        binding: &'p Binding,
        body: &'p Block,
        env: &Env<'p>,
        mut subject: Value<'p>,
        subject_span: Span,
    ) -> Outcome<Value<'p>> {
        let values = match self.eval(&binding.values, env)? {
            Value::List(list) => list.iter().cloned().collect(),
            Value::Record(record) => record.values().cloned().collect::<Vec<_>>(),
            other => return self.unexpected("a list or a record", &other, binding.values.span),
        };
        for value in values {
            let env = env.with(&binding.name.name, self.own(value, binding.values.span));
            let step = self.block(body, &env, None)?;
            subject = self.deeper(body.span, |e| e.apply(&step, subject, subject_span, body.span))?;
        }
        Ok(subject)
    }

    /// Runs a function whose arguments are complete.
    fn run(
        &mut self,
        item: &'p FnItem,
        module: ModuleId,
        arguments: Arguments<'p>,
        subject: Option<(Value<'p>, Span)>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let subject = match (subject, &item.subject) {
            (Some((value, at)), Some((name, ty))) => Some((name, self.convert_subject(item, value, ty, at)?, at)),
            _ => None,
        };
        let Some(body) = &item.body else {
            let subject = subject.map(|(_, value, at)| (value, at));
            return self.builtin(&item.name.name, subject, &arguments, span);
        };
        let mut env = Env::of(module);
        if let Some((name, value, at)) = subject {
            env = env.with(&name.name, self.own(value, at));
        }
        let env = arguments
            .slots
            .into_iter()
            .fold(env, |env, (name, slot)| env.with(name, slot));
        self.calls.push((&item.name.name, span));
        let result = self.deeper(span, |e| e.block(body, &env, item.result.as_ref()));
        self.calls.pop();
        result
    }

    /// A subject as its type wants it. `split` and `classify` say themselves why they refuse what was split or
    /// classified before: a plain conversion would silently throw the folds away.
    fn convert_subject(
        &mut self,
        item: &'p FnItem,
        value: Value<'p>,
        ty: &'p crate::syntax::ast::TypeExpr,
        span: Span,
    ) -> Outcome<Value<'p>> {
        if item.body.is_none() && matches!(item.name.name.as_str(), "split" | "classify") {
            return Ok(value);
        }
        self.convert(value, ty, span)
    }
}
