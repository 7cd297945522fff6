//! The evaluator: expressions to values.
//!
//! Programs are pure and total, so an item is evaluated once, when an output first needs it, and never runs for ever.
//! A mistake is reported where it is found and gives [`Failed`]; whatever is independent of it is still evaluated.

use super::{
    call::Callee,
    cells::Patterns,
    convert::Entries,
    domain::{Row, Task},
    hub::HubFile,
    identities::Identities,
    nets::Networks,
    report::Pending,
    sources::Tables,
    stage::ChoiceBy,
    stages::{StageId, Stages},
    value::{Env, Failed, Function, Outcome, Record, Slot, Step, Value},
};
use crate::{
    analysis::{
        ItemId, Meaning, ModuleId, Program,
        domain::{Plain, outside},
    },
    diag::{Code, Diagnostic, Diagnostics, codes::plan as codes},
    source::Span,
    syntax::ast::{
        Argument, Block, Entry, Expr, ExprKind, If, Item, ItemKind, Label, Labelled, ListPart, PipeStep, Text,
        TextPart, TypeExpr,
    },
};
use indexmap::IndexMap;
use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
};

/// Calls within calls beyond which a program is refused; a checked program has no recursion and stays far below.
const MAX_DEPTH: usize = 1000;

/// The state of one planning.
pub(super) struct Evaluator<'p, 'd> {
    pub(super) program: &'p Program,
    pub(super) diagnostics: &'d mut Diagnostics,
    /// Items by id; `None` while they are being evaluated.
    items: IndexMap<ItemId, Option<Outcome<Value<'p>>>>,
    pub(super) networks: Networks<'p>,
    pub(super) stages: Stages,
    pub(super) tables: Tables,
    pub(super) identities: Identities,
    /// The task of every training stage.
    pub(super) trained_on: IndexMap<StageId, Rc<Task>>,
    /// The reports, by [`Value::Report`].
    pub(super) reports: Vec<Pending>,
    /// Leaks looked for before.
    pub(super) leaks: super::leak::Known,
    /// Where in the program stages are being made, the innermost last.
    pub(super) places: Vec<Place>,
    /// The functions that are running with the places of their calls, the innermost last; the way of training is named
    /// after it.
    pub(super) calls: Vec<(&'p str, Span)>,
    /// The splits that are drawn with the seed that nobody chose.
    pub(super) unseeded: Vec<Span>,
    /// The study's seed, and who set it.
    pub(super) seed: (u64, ChoiceBy),
    /// Files of the hub that were named.
    pub(super) hub_files: Vec<HubFile>,
    /// Set from outside when nobody wants the result any more.
    pub(super) cancelled: Option<&'d AtomicBool>,
    /// The row that a function of rows is being applied to.
    pub(super) row: Option<Row>,
    /// The patterns of `match` that were used.
    pub(super) patterns: Patterns,
    depth: usize,
}

/// The binding that is being evaluated, and the labels of the cell or record entry in it: `scores[density]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) binding: Rc<str>,
    pub(super) coordinate: Vec<Rc<str>>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.binding)?;
        if !self.coordinate.is_empty() {
            write!(f, "[{}]", self.coordinate.join(", "))?;
        }
        Ok(())
    }
}

impl<'p, 'd> Evaluator<'p, 'd> {
    /// An evaluator of a checked program.
    pub(super) fn new(program: &'p Program, diagnostics: &'d mut Diagnostics) -> Self {
        let mut evaluator = Self {
            program,
            diagnostics,
            items: IndexMap::new(),
            networks: Networks::default(),
            stages: Stages::default(),
            tables: Tables::default(),
            identities: Identities::default(),
            trained_on: IndexMap::new(),
            reports: Vec::new(),
            leaks: super::leak::Known::default(),
            places: Vec::new(),
            calls: Vec::new(),
            unseeded: Vec::new(),
            seed: (0, ChoiceBy::Default),
            hub_files: Vec::new(),
            cancelled: None,
            row: None,
            patterns: Patterns::default(),
            depth: 0,
        };
        evaluator.seed = evaluator.study_seed();
        evaluator
    }

    /// Reports a mistake and stands for it.
    pub(super) fn fail<T>(&mut self, diagnostic: Diagnostic) -> Outcome<T> {
        self.diagnostics.push(diagnostic);
        Err(Failed)
    }

    /// Reports a mistake with one place and no help.
    pub(super) fn error<T>(&mut self, code: &'static Code, message: impl Into<String>, span: Span) -> Outcome<T> {
        self.fail(Diagnostic::error(code, message).at(span, ""))
    }

    /// Reports a value of the wrong type. Checked programs have none, so the message is short.
    pub(super) fn unexpected<T>(&mut self, wanted: &str, found: &Value<'p>, span: Span) -> Outcome<T> {
        let message = format!("expected {wanted}, found {}", found.type_name());
        self.error(&codes::UNEXPECTED_VALUE, message, span)
    }

    /// The folder from which paths written in a file start: the file's own, for the standard library the program's.
    pub(super) fn folder(&self, module: ModuleId) -> PathBuf {
        let own = self.program.module(module).origin.folder();
        let main = || self.program.module(self.program.main).origin.folder();
        own.or_else(main).unwrap_or(Path::new("")).to_owned()
    }

    /// The module whose text holds a span.
    pub(super) fn module_of(&self, span: Span) -> ModuleId {
        let mut modules = self.program.modules();
        modules
            .find(|(_, module)| module.tree.file == span.file)
            .map_or(self.program.main, |(id, _)| id)
    }

    /// The place in the user's own text of what is written at `span`: itself, or the call that led into the standard
    /// library.
    pub(super) fn users_place(&self, span: Span) -> Span {
        let calls = self.calls.iter().rev().map(|(_, call)| *call);
        let std = |span: &Span| self.program.module(self.module_of(*span)).origin.is_std();
        std::iter::once(span)
            .chain(calls)
            .find(|place| !std(place))
            .unwrap_or(span)
    }

    /// `@study(seed: 7)`, which stands before any item of the main file.
    fn study_seed(&mut self) -> (u64, ChoiceBy) {
        let program = self.program;
        let attributes = program.items(program.main).flat_map(|(_, item)| &item.attributes);
        for attribute in attributes.filter(|a| a.name.name == "study") {
            let Some(argument) = attribute.arguments.first() else {
                continue;
            };
            let expr = super::value::argument_expr(argument);
            if let Ok(Value::Int(seed)) = self.eval(expr, &Env::of(program.main)) {
                return (seed.cast_unsigned(), ChoiceBy::Program);
            }
        }
        (0, ChoiceBy::Default)
    }

    /// The value of an item.
    pub(super) fn item(&mut self, id: ItemId, span: Span) -> Outcome<Value<'p>> {
        match self.items.get(&id) {
            Some(Some(done)) => return done.clone(),
            Some(None) => return self.error(&codes::CIRCULAR, "this value depends on itself", span),
            None => {}
        }
        self.items.insert(id, None);
        let program = self.program;
        let result = self.fresh_item(id, program.item(id));
        self.items.insert(id, Some(result.clone()));
        result
    }

    fn fresh_item(&mut self, id: ItemId, item: &'p Item) -> Outcome<Value<'p>> {
        let env = Env::of(id.module);
        match &item.kind {
            ItemKind::Let(binding) => {
                let value = self.placed(&binding.name.name, |e| {
                    e.eval_as(&binding.value, &env, binding.ty.as_ref())
                })?;
                Ok(super::naming::named(value, &binding.name.name))
            }
            ItemKind::Param(param) => {
                let set = if id.module == self.program.main {
                    self.program.setting(&param.name.name)
                } else {
                    None
                };
                match set.or(param.default.as_ref()) {
                    Some(written) => {
                        let value = self.placed(&param.name.name, |e| e.eval_as(written, &env, Some(&param.ty)))?;
                        // The check has judged literals.
                        let computed = value.plain().filter(|_| Plain::of(written).is_none());
                        let sources = &self.program.sources;
                        match computed.and_then(|plain| outside(param, &plain, written.span, sources)) {
                            Some(diagnostic) => self.fail(diagnostic),
                            None => Ok(value),
                        }
                    }
                    None => {
                        let name = &param.name.name;
                        let message = format!("parameter `{name}` has no value");
                        let help = format!("give it with `--set {name}=...`, or write a default");
                        self.fail(
                            Diagnostic::error(&codes::NO_VALUE, message)
                                .at(param.name.span, "")
                                .help(help),
                        )
                    }
                }
            }
            ItemKind::Fn(function) => Ok(Value::Function(Function::Item(function, id.module))),
            ItemKind::Net(net) => Ok(Value::Function(Function::Net(item, net, id.module))),
            ItemKind::Out(out) => self.placed(&out.name.name, |e| e.eval(&out.value, &env)),
            ItemKind::Import(_) | ItemKind::Bad => Err(Failed),
        }
    }

    /// The parameters of the main file that were used, with their values as the language writes them.
    pub(super) fn params(&self) -> Vec<(&'p str, String)> {
        let value = |id: ItemId| match self.items.get(&id) {
            Some(Some(Ok(value))) => Some(value.display()),
            _ => None,
        };
        let params = self.program.params();
        params
            .filter_map(|(id, param)| Some((param.name.name.as_str(), value(id)?)))
            .collect()
    }

    /// Evaluates with stages named after `binding`.
    fn placed<T>(&mut self, binding: &str, evaluate: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.places.push(Place {
            binding: binding.into(),
            coordinate: Vec::new(),
        });
        let result = evaluate(self);
        self.places.pop();
        result
    }

    /// What stages are named after here: `scores[density]`.
    pub(super) fn place(&self) -> String {
        self.places.last().map(ToString::to_string).unwrap_or_default()
    }

    /// Evaluates with stages named after a cell or an entry of the current binding as well.
    pub(super) fn within<T>(&mut self, labels: &[Rc<str>], evaluate: impl FnOnce(&mut Self) -> T) -> T {
        let mut place = self.places.last().cloned().unwrap_or_default();
        place.coordinate.extend(labels.iter().cloned());
        self.places.push(place);
        let result = evaluate(self);
        self.places.pop();
        result
    }

    /// Counts a call within calls.
    pub(super) fn deeper<T>(&mut self, span: Span, evaluate: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth >= MAX_DEPTH {
            return self.error(
                &codes::CIRCULAR,
                format!("more than {MAX_DEPTH} calls within calls"),
                span,
            );
        }
        if self
            .cancelled
            .is_some_and(|cancelled| cancelled.load(Ordering::Relaxed))
        {
            return Err(Failed);
        }
        self.depth += 1;
        let result = evaluate(self);
        self.depth -= 1;
        result
    }

    /// The value of an expression where a type is expected: choice words are looked up first, and the conversions of
    /// the language are made.
    pub(super) fn eval_as(
        &mut self,
        expr: &'p Expr,
        env: &Env<'p>,
        expected: Option<&'p TypeExpr>,
    ) -> Outcome<Value<'p>> {
        let Some(ty) = expected else {
            return self.eval(expr, env);
        };
        let value = match &expr.kind {
            ExprKind::Name(name) if super::convert::is_choice(ty, name) => Value::Choice(name),
            ExprKind::List(parts) => self.list(parts, env, super::convert::element(ty))?,
            ExprKind::Record(entries) => self.record(entries, env, Entries::of(ty))?,
            ExprKind::If(condition) => self.condition(condition, env, expected)?,
            ExprKind::Block(block) => self.block(block, env, expected)?,
            ExprKind::Binary(operator, left, right, _) if super::convert::is_range(ty, *operator) => {
                self.between(*operator, (left, right), env)?
            }
            ExprKind::Paren(inner) if inner.label.is_none() => return self.eval_as(&inner.value, env, expected),
            _ => self.eval(expr, env)?,
        };
        self.convert(value, ty, expr.span)
    }

    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: &'p Expr, env: &Env<'p>) -> Outcome<Value<'p>> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Int(value) => Ok(Value::Int(*value)),
            ExprKind::Float(value) => Ok(Value::Float(*value)),
            ExprKind::Duration(seconds) => Ok(Value::Duration(*seconds)),
            ExprKind::Text(text) => Ok(Value::Text(self.text(text, env)?)),
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::None => Ok(Value::None),
            ExprKind::Name(name) => self.name(name, env, span),
            ExprKind::List(parts) => self.list(parts, env, None),
            ExprKind::Record(entries) => self.record(entries, env, Entries::Any),
            ExprKind::Block(block) => self.block(block, env, None),
            ExprKind::Call(callee, arguments) => {
                let function = self.eval(callee, env)?;
                let callee = Callee {
                    function,
                    span: callee.span,
                };
                self.deeper(span, |e| e.call(callee, arguments, env, span))
            }
            ExprKind::Index(value, arguments) => {
                if let (ExprKind::Record(entries), [Argument::Positional(key)]) = (&value.kind, arguments.as_slice()) {
                    return self.written_entry(entries, key, env);
                }
                let base = self.eval(value, env)?;
                self.index(base, arguments, env, span)
            }
            ExprKind::Field(value, field) => {
                let base = self.eval(value, env)?;
                self.field(&base, field)
            }
            ExprKind::Pipe(None, steps) => Ok(Value::Step(Rc::new(Step::Pipe(steps, env.clone())))),
            ExprKind::Pipe(Some(head), steps) => {
                let value = self.eval(head, env)?;
                self.pipe(value, head.span, steps, env)
            }
            ExprKind::Lambda(parameters, body) => Ok(Value::Function(Function::Lambda(parameters, body, env.clone()))),
            ExprKind::If(condition) => self.condition(condition, env, None),
            ExprKind::For(bindings, body) => self.comprehension(bindings, body, env, span),
            ExprKind::Repeat(binding, body) => Ok(Value::Step(Rc::new(Step::Repeat(binding, body, env.clone())))),
            ExprKind::Binary(operator, left, right, sign) => self.binary(*operator, left, right, *sign, env),
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, env),
            ExprKind::Paren(inner) => self.labelled(inner, env, None),
            ExprKind::Bad => Err(Failed),
        }
    }

    /// What a name stands for: the innermost local, then the file's items and imports, then the prelude's.
    fn name(&mut self, name: &'p str, env: &Env<'p>, span: Span) -> Outcome<Value<'p>> {
        if let Some(slot) = env.find(name) {
            return Ok(slot.value.clone());
        }
        match self.program.lookup(env.module, name) {
            Some(Meaning::Item(id)) => self.item(id, span),
            Some(Meaning::Module(id)) => Ok(Value::Module(id)),
            Some(Meaning::Missing) => Err(Failed),
            None if super::convert::is_any_choice(name) => Ok(Value::Choice(name)),
            None => self.error(&codes::UNEXPECTED_VALUE, format!("`{name}` is not defined"), span),
        }
    }

    /// A text with its holes filled.
    pub(super) fn text(&mut self, text: &'p Text, env: &Env<'p>) -> Outcome<Rc<str>> {
        let mut out = String::new();
        for part in &text.parts {
            match part {
                TextPart::Chunk(chunk) => out.push_str(chunk),
                TextPart::Hole(expr) => {
                    let value = self.eval(expr, env)?;
                    match (&value, value.label()) {
                        // The whole path: the text may be made a path again, in another file.
                        (Value::Path(path), _) => out.push_str(&path.full.to_string_lossy()),
                        (_, Some(label)) => out.push_str(&label),
                        (_, None) => return self.unexpected("a value with a printed form", &value, expr.span),
                    }
                }
            }
        }
        Ok(out.into())
    }

    /// The text of a label.
    pub(super) fn label(&mut self, label: &'p Label, env: &Env<'p>) -> Outcome<Rc<str>> {
        self.text(&label.text, env)
    }

    /// All elements are evaluated, even when one fails, so that each one's mistakes are reported.
    fn list(&mut self, parts: &'p [ListPart], env: &Env<'p>, element: Option<&'p TypeExpr>) -> Outcome<Value<'p>> {
        let (mut list, mut failed) = (Vec::with_capacity(parts.len()), false);
        for part in parts {
            let result = match part {
                ListPart::Value(expr) => self.eval_as(expr, env, element).map(|value| list.push(value)),
                ListPart::Spread(expr) => self.eval(expr, env).and_then(|value| match value {
                    Value::List(more) => {
                        list.extend(more.iter().cloned());
                        Ok(())
                    }
                    other => self.unexpected("a list", &other, expr.span),
                }),
            };
            failed |= result.is_err();
        }
        if failed {
            Err(Failed)
        } else {
            Ok(Value::List(Rc::new(list)))
        }
    }

    fn record(&mut self, entries: &'p [Entry], env: &Env<'p>, types: Entries<'p>) -> Outcome<Value<'p>> {
        let (mut record, mut failed) = (Record::new(), false);
        for entry in entries {
            let result = match entry {
                Entry::Value { key, value, .. } => self.label(key, env).and_then(|key| {
                    let ty = types.named(&key);
                    let value = self.within(std::slice::from_ref(&key), |e| e.eval_as(value, env, ty))?;
                    let named = super::naming::named(value, &key);
                    record.insert(key, named);
                    Ok(())
                }),
                Entry::Spread(expr) => self.eval(expr, env).and_then(|value| match value {
                    Value::Record(more) => {
                        record.extend(more.iter().map(|(key, value)| (Rc::clone(key), value.clone())));
                        Ok(())
                    }
                    other => self.unexpected("a record", &other, expr.span),
                }),
            };
            failed |= result.is_err();
        }
        if failed {
            Err(Failed)
        } else {
            Ok(Value::Record(Rc::new(record)))
        }
    }

    /// A block: its locals from top to bottom, then its value.
    pub(super) fn block(
        &mut self,
        block: &'p Block,
        env: &Env<'p>,
        expected: Option<&'p TypeExpr>,
    ) -> Outcome<Value<'p>> {
        let mut env = env.clone();
        for local in &block.locals {
            let value = self.eval_as(&local.value, &env, local.ty.as_ref())?;
            let value = super::naming::named(value, &local.name.name);
            env = env.with(&local.name.name, self.own(value, local.value.span));
        }
        self.labelled(&block.value, &env, expected)
    }

    /// A value that the program's text gives.
    pub(super) fn own(&self, value: Value<'p>, span: Span) -> Slot<'p> {
        Slot {
            value,
            by: ChoiceBy::Program,
            given: true,
            span,
        }
    }

    /// A value with a label: layers made inside belong to the label's scope, and a step keeps it until it is applied.
    fn labelled(
        &mut self,
        labelled: &'p Labelled,
        env: &Env<'p>,
        expected: Option<&'p TypeExpr>,
    ) -> Outcome<Value<'p>> {
        let Some(label) = &labelled.label else {
            return self.eval_as(&labelled.value, env, expected);
        };
        let name = self.label(label, env)?;
        let value = self.scoped(&name, |e| e.eval(&labelled.value, env))?;
        Ok(match value {
            Value::Function(_) | Value::Step(_) | Value::Net(_) => Value::Step(Rc::new(Step::Labelled(name, value))),
            made => made,
        })
    }

    fn condition(&mut self, branch: &'p If, env: &Env<'p>, expected: Option<&'p TypeExpr>) -> Outcome<Value<'p>> {
        match self.eval(&branch.condition, env)? {
            Value::Bool(true) => self.block(&branch.then, env, expected),
            Value::Bool(false) => match &branch.otherwise {
                Some(block) => self.block(block, env, expected),
                None => Ok(Value::Step(Rc::new(Step::Identity))),
            },
            other => self.unexpected("a bool", &other, branch.condition.span),
        }
    }

    /// Applies steps one after the other.
    pub(super) fn pipe(
        &mut self,
        mut value: Value<'p>,
        head: Span,
        steps: &'p [PipeStep],
        env: &Env<'p>,
    ) -> Outcome<Value<'p>> {
        let mut so_far = head;
        for step in steps {
            value = match &step.label {
                Some(label) => {
                    let name = self.label(label, env)?;
                    self.scoped(&name, |e| e.pipe_step(value, so_far, &step.step, env))?
                }
                None => self.pipe_step(value, so_far, &step.step, env)?,
            };
            so_far = so_far.to(step.step.span);
        }
        Ok(value)
    }

    fn pipe_step(&mut self, value: Value<'p>, subject: Span, step: &'p Expr, env: &Env<'p>) -> Outcome<Value<'p>> {
        let function = self.eval(step, env)?;
        let result = self.deeper(step.span, |e| e.apply(&function, value, subject, step.span))?;
        self.note_shape(step.span, &result);
        Ok(result)
    }
}
