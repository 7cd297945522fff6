//! `...how`: named arguments that a function passes on to the one it is made of.

use super::{Checker, messages};
use crate::{
    analysis::walk,
    syntax::ast::{Argument, Expr, ExprKind, FnItem, Parameter},
    types::{self, Function, Passing, Type},
};

impl Checker<'_> {
    /// Adds to a function's type what its `...how` takes: the parameters that its only use, `train(task, ...how)`, still
    /// accepts, by name alone.
    pub(super) fn add_rest(&mut self, item: &FnItem, function: &mut Function) {
        let Some(rest) = item.parameters.iter().find(|p| p.rest && p.ty.is_none()) else {
            return;
        };
        let Some((callee, arguments)) = self.only_use(item, rest) else {
            return;
        };
        let hidden = matches!(&callee.kind, ExprKind::Name(name) if is_own(item, name));
        let Some(id) = self.item_of(callee).filter(|_| !hidden) else {
            self.report(messages::rest_use(rest, Some(callee.span)));
            return;
        };
        self.needs.entry((self.frame.item, id)).or_insert(callee.span);
        let Type::Function(target) = self.item_type(id) else {
            return;
        };
        let own: Vec<String> = function.parameters.iter().map(|p| p.name.clone()).collect();
        let left = left_over(&target, arguments).filter(|p| !own.contains(&p.name));
        function.parameters.extend(left.map(|p| types::Parameter {
            passing: Passing::NamedOnly,
            ..p.clone()
        }));
    }

    /// The one call to which the rest is passed on; reported when there is not exactly one.
    fn only_use<'e>(&mut self, item: &'e FnItem, rest: &Parameter) -> Option<(&'e Expr, &'e [Argument])> {
        let body = item.body.as_ref()?;
        let mut uses = Vec::new();
        walk::each_in_block(body, &mut |expr| {
            if let ExprKind::Call(callee, arguments) = &expr.kind
                && arguments.iter().any(|argument| passes(argument, &rest.name.name))
            {
                uses.push((&**callee, arguments.as_slice()));
            }
        });
        match uses.as_slice() {
            [only] => Some(*only),
            [] if walk::has_bad(body) => None,
            [] => {
                self.report(messages::rest_use(rest, None));
                None
            }
            [_, second, ..] => {
                self.report(messages::rest_use(rest, Some(second.0.span)));
                None
            }
        }
    }
}

/// True when a name is a parameter, the subject or a local of a function.
fn is_own(item: &FnItem, name: &str) -> bool {
    let locals = item.body.iter().flat_map(|body| &body.locals).map(|local| &local.name);
    let subject = item.subject.iter().map(|(name, _)| name);
    let mut own = item.parameters.iter().map(|p| &p.name).chain(subject).chain(locals);
    own.any(|ident| ident.name == name)
}

fn passes(argument: &Argument, rest: &str) -> bool {
    matches!(argument, Argument::Spread(Expr { kind: ExprKind::Name(name), .. }) if name == rest)
}

/// The parameters that a call does not give.
fn left_over<'f>(target: &'f Function, arguments: &[Argument]) -> impl Iterator<Item = &'f types::Parameter> {
    let positional = arguments
        .iter()
        .filter(|argument| matches!(argument, Argument::Positional(_)))
        .count();
    let by_position: Vec<&str> = target.positional().take(positional).map(|p| p.name.as_str()).collect();
    let by_name: Vec<String> = arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Named(name, _) => Some(name.name.clone()),
            _ => None,
        })
        .collect();
    target
        .parameters
        .iter()
        .filter(move |p| !p.passing.is_open() && !by_position.contains(&p.name.as_str()) && !by_name.contains(&p.name))
}
