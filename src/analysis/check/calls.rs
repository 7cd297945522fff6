//! Calls and their arguments.

use std::sync::Arc;

use super::{Checker, LocalKind, messages, pipes::spoken_name};
use crate::{
    analysis::facts::Target,
    diag::{Diagnostic, nearest},
    source::Span,
    syntax::ast::{Argument, Expr, ExprKind, Ident},
    types::{Function, FunctionOrigin, Named, Parameter, Passing, Type},
};

/// The arguments of a call so far.
struct Call<'c> {
    function: &'c Function,
    callee: &'c Expr,
    /// Where each parameter was given, by its place in the function.
    given: Vec<Option<Span>>,
    /// How many positional parameters were passed.
    position: usize,
    /// The first named argument.
    first_named: Option<Span>,
    /// True after a spread of what is not known entry by entry: nothing is missing then.
    open: bool,
    /// True after the subject was found in the parentheses, which was reported.
    piped: bool,
    /// The whole call, when it has one argument.
    only: Option<Span>,
    /// The places of positional arguments beyond the parameters.
    surplus: Vec<Span>,
    /// Named arguments that reach the parameter of all that are left.
    entries: Vec<(String, Span)>,
}

impl Checker<'_> {
    /// The value of a call.
    pub(super) fn call(&mut self, callee: &Expr, arguments: &[Argument], span: Span) -> Type {
        let ty = self.infer(callee, None);
        match self.shallow(&ty) {
            Type::Function(function) => self.call_function(&function, callee, arguments, span),
            Type::Variable(_) => self.call_variable(&ty, arguments),
            Type::Unknown => {
                self.arguments_alone(arguments);
                Type::Unknown
            }
            other => {
                self.arguments_alone(arguments);
                let other = self.seen(&other);
                self.report(messages::not_a_function(callee, arguments, &other));
                Type::Unknown
            }
        }
    }

    /// A call of a lambda's parameter of which nothing is known yet: its arguments tell.
    fn call_variable(&mut self, ty: &Type, arguments: &[Argument]) -> Type {
        let result = self.fresh();
        let mut parameters = Vec::new();
        for argument in arguments {
            let (Argument::Positional(value) | Argument::Named(_, value) | Argument::Spread(value)) = argument;
            let made = self.infer(value, None);
            let name = match argument {
                Argument::Named(name, _) => name.name.clone(),
                _ => String::new(),
            };
            parameters.push(Parameter {
                name,
                ty: made,
                required: true,
                passing: Passing::Either,
            });
        }
        if arguments.iter().any(|argument| matches!(argument, Argument::Spread(_))) {
            return Type::Unknown;
        }
        let function = Function {
            parameters,
            result: result.clone(),
            origin: FunctionOrigin::Declared,
        };
        self.fit(&Type::Function(Arc::new(function)), ty);
        result
    }

    fn call_function(&mut self, function: &Function, callee: &Expr, arguments: &[Argument], span: Span) -> Type {
        let given = vec![None; function.parameters.len()];
        let surplus = Vec::new();
        let mut call = Call {
            function,
            callee,
            given,
            position: 0,
            first_named: None,
            open: false,
            piped: false,
            only: (arguments.len() == 1).then_some(span),
            surplus,
            entries: Vec::new(),
        };
        for argument in arguments {
            match argument {
                Argument::Positional(value) => self.positional(&mut call, value),
                Argument::Named(name, value) => self.named(&mut call, name, value),
                Argument::Spread(value) => self.spread(&mut call, value),
            }
        }
        if call.piped {
            return Type::Unknown;
        }
        if let Some(first) = call.surplus.first() {
            let last = call.surplus.last().unwrap_or(first);
            self.report(messages::too_many(callee, function, first.to(*last)));
        } else if !call.open {
            self.report_missing(&call, span);
        }
        self.shallow(&function.result)
    }

    fn report_missing(&mut self, call: &Call<'_>, span: Span) {
        let parameters = call.function.parameters.iter().zip(&call.given);
        let missing: Vec<&Parameter> = parameters
            .filter(|(p, given)| p.required && given.is_none())
            .map(|(p, _)| p)
            .collect();
        if missing.is_empty() {
            return;
        }
        let missing: Vec<(String, String)> = missing.iter().map(|p| (p.name.clone(), self.shown(&p.ty))).collect();
        let count = call.function.required().count();
        self.report(messages::missing(call.callee, &missing, count, span));
    }

    fn positional(&mut self, call: &mut Call<'_>, value: &Expr) {
        if let Some(first) = call.first_named {
            self.infer(value, None);
            self.report(messages::positional_after_named(value.span, first));
            call.open = true;
            return;
        }
        let next = self.next_place(call);
        let function = call.function;
        let place = next
            .and_then(|index| function.parameters.get(index))
            .or_else(|| function.variadic());
        let Some(parameter) = place else {
            let ty = self.infer(value, None);
            if !self.is_subject(call, value, &ty) {
                call.surplus.push(value.span);
            }
            return;
        };
        if may_be_subject(value) {
            let ty = self.infer(value, Some(&parameter.ty));
            if !self.fit(&ty, &parameter.ty) {
                if self.is_subject(call, value, &ty) {
                    call.position = call.position.saturating_sub(1);
                    return;
                }
                self.mismatch(value, &ty, &parameter.ty);
            }
        } else {
            self.expect(value, &parameter.ty);
        }
        if let Some(index) = next {
            mark(call, index, value.span);
        }
    }

    /// The place of the parameter that the next positional argument reaches.
    fn next_place(&self, call: &mut Call<'_>) -> Option<usize> {
        let mut places = (0..)
            .zip(&call.function.parameters)
            .filter(|(_, p)| p.passing == Passing::Either);
        let (index, _) = places.nth(call.position)?;
        call.position += 1;
        Some(index)
    }

    /// True, and reported, when an argument that fits no parameter is the function's subject, which is piped and never
    /// given in parentheses.
    fn is_subject(&mut self, call: &mut Call<'_>, value: &Expr, ty: &Type) -> bool {
        let subject = match (&call.function.result, call.function.origin) {
            (Type::Step(subject, _), FunctionOrigin::Declared) => (**subject).clone(),
            (_, FunctionOrigin::Net) if self.frame.in_net => Type::TENSOR,
            _ => return false,
        };
        let telling = matches!(self.shallow(ty), Type::Named(_) | Type::Grid(_));
        if !telling || !self.frame.solver.could_fit(ty, &subject) {
            return false;
        }
        let text = self.program.sources.text(value.span);
        let diagnostic = messages::pipe_it(call.callee, (value.span, text), &self.shown(ty), call.only);
        self.report(diagnostic);
        call.piped = true;
        true
    }

    fn named(&mut self, call: &mut Call<'_>, name: &Ident, value: &Expr) {
        call.first_named.get_or_insert(name.span);
        let found = (0..)
            .zip(&call.function.parameters)
            .find(|(_, p)| p.name == name.name && !p.passing.is_open());
        match found {
            Some((index, parameter)) => {
                if let Some(first) = mark(call, index, name.span) {
                    self.report(messages::given_twice(&name.name, name.span, first));
                }
                self.expect(value, &parameter.ty);
            }
            None => match call.function.entries() {
                Some(parameter) => {
                    self.entry_given(call, &name.name, name.span);
                    self.expect(value, &parameter.ty);
                }
                None => self.unknown_argument(call, name, value),
            },
        }
    }

    /// Notes a named argument that reaches the parameter of all that are left.
    fn entry_given(&mut self, call: &mut Call<'_>, name: &str, span: Span) {
        if let Some((_, first)) = call.entries.iter().find(|(known, _)| known == name) {
            self.report(messages::given_twice(name, span, *first));
        }
        call.entries.push((name.to_owned(), span));
    }

    fn unknown_argument(&mut self, call: &mut Call<'_>, name: &Ident, value: &Expr) {
        let step = Type::step(Type::TENSOR, Type::TENSOR);
        // A word of a choice that only the missing parameter would know is not a second mistake.
        let word = matches!(&value.kind, ExprKind::Name(name) if self.program.lookup(self.frame.item.module, name).is_none()
            && self.frame.locals.iter().all(|local| local.name != *name));
        let ty = if word { Type::Unknown } else { self.infer(value, None) };
        let near = call.function.parameters.iter().map(|p| p.name.as_str());
        if nearest(&name.name, near).is_none() && self.is_subject(call, value, &ty) {
            return;
        }
        let is_layer = self.frame.in_net && self.frame.solver.could_fit(&ty, &step);
        let is_piece = self.frame.in_net && (is_layer || matches!(self.shallow(&ty), Type::Named(Named::Tensor)));
        self.report(messages::unknown_argument(call.callee, call.function, name, is_piece));
        call.open = true;
    }

    /// `...record` gives named arguments, `...list` positional ones; `...how` what the function's own caller gave.
    fn spread(&mut self, call: &mut Call<'_>, value: &Expr) {
        if let ExprKind::Name(name) = &value.kind
            && let Some(local) = self.frame.locals.iter_mut().rev().find(|local| local.name == *name)
            && local.kind == LocalKind::Rest
        {
            local.used = true;
            if let Some(facts) = &mut self.frame.facts {
                facts.note_use(value.span, Target::Local(local.defined));
            }
            call.open = true;
            return;
        }
        let hint = call.function.variadic().map(|p| Type::list(p.ty.clone()));
        let ty = self.infer(value, hint.as_ref());
        match self.shallow(&ty) {
            Type::Record(fields) => {
                call.first_named.get_or_insert(value.span);
                for (name, ty) in &fields {
                    self.spread_field(call, name, ty, value);
                }
            }
            Type::List(of) => match call.function.variadic() {
                Some(parameter) => {
                    if !self.fit(&of, &parameter.ty) {
                        self.mismatch(value, &of, &parameter.ty);
                    }
                }
                None => call.open = true,
            },
            Type::Map(_) | Type::Unknown | Type::Variable(_) => call.open = true,
            other => {
                let shown = self.shown(&other);
                self.report(messages::spread(&shown, "a list or a record", value.span));
                call.open = true;
            }
        }
    }

    fn spread_field(&mut self, call: &mut Call<'_>, name: &str, ty: &Type, value: &Expr) {
        let found = (0..)
            .zip(&call.function.parameters)
            .find(|(_, p)| p.name == name && !p.passing.is_open());
        match found {
            Some((index, parameter)) => {
                if let Some(first) = mark(call, index, value.span) {
                    self.report(messages::given_twice(name, value.span, first));
                }
                if !self.fit(ty, &parameter.ty) {
                    let shown = (self.shown(ty), self.shown(&parameter.ty));
                    self.report(messages::spread_mismatch(name, &shown.0, &shown.1, value.span));
                }
            }
            None => self.spread_entry(call, name, ty, value),
        }
    }

    /// An entry of a spread record whose name is that of no parameter.
    fn spread_entry(&mut self, call: &mut Call<'_>, name: &str, ty: &Type, value: &Expr) {
        if let Some(parameter) = call.function.entries() {
            self.entry_given(call, name, value.span);
            if !self.fit(ty, &parameter.ty) {
                let shown = (self.shown(ty), self.shown(&parameter.ty));
                self.report(messages::spread_mismatch(name, &shown.0, &shown.1, value.span));
            }
            return;
        }
        let name = Ident {
            name: name.to_owned(),
            span: value.span,
        };
        let diagnostic = messages::unknown_argument(call.callee, call.function, &name, false);
        self.report(Diagnostic {
            fix: None,
            ..diagnostic
        });
    }
}

/// True for expressions that name or make a value, and so may be what was meant to be piped.
fn may_be_subject(value: &Expr) -> bool {
    use ExprKind as E;
    matches!(
        value.kind,
        E::Name(_) | E::Call(..) | E::Field(..) | E::Pipe(Some(_), _) | E::Index(..)
    )
}

/// Notes that a parameter is given; where it was before, if it was.
fn mark(call: &mut Call<'_>, index: usize, span: Span) -> Option<Span> {
    call.given.get_mut(index).and_then(|place| place.replace(span))
}

/// What a message calls a function: its name, or `this function`.
pub(super) fn called(callee: &Expr) -> String {
    spoken_name(callee).map_or_else(|| "this function".to_owned(), |name| format!("`{name}`"))
}
