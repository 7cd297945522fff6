//! Where parameters are declared; `...how` is followed to the function that it is handed to.

use super::{
    facts::{Facts, Target},
    program::{ItemId, Program},
    walk,
};
use crate::{
    source::Span,
    syntax::ast::{Argument, Expr, ExprKind, Ident, ItemKind, Parameter},
};

/// The declared parameters of a function or a net.
#[must_use]
pub fn parameters(program: &Program, id: ItemId) -> &[Parameter] {
    match &program.item(id).kind {
        ItemKind::Fn(function) => &function.parameters,
        ItemKind::Net(net) => &net.parameters,
        _ => &[],
    }
}

/// The declaration of the parameter that a function or net takes under a name, found through `...how` as well.
#[must_use]
pub fn parameter_of<'a>(program: &'a Program, facts: &Facts, id: ItemId, name: &str) -> Option<&'a Parameter> {
    let mut at = id;
    // Each step follows one `...how`; functions that hand it around in a circle end here.
    for _ in 0..16 {
        let own = parameters(program, at);
        if let Some(parameter) = own.iter().find(|p| p.name.name == name && (!p.rest || p.ty.is_some())) {
            return Some(parameter);
        }
        at = handed_to(program, facts, at)?;
    }
    None
}

/// The function to which a function hands its `...how`.
#[must_use]
pub fn handed_to(program: &Program, facts: &Facts, id: ItemId) -> Option<ItemId> {
    let ItemKind::Fn(function) = &program.item(id).kind else {
        return None;
    };
    let rest = function.parameters.iter().find(|p| p.rest && p.ty.is_none())?;
    let mut callee = None;
    walk::each_in_block(function.body.as_ref()?, &mut |expr| {
        if let ExprKind::Call(called, arguments) = &expr.kind
            && arguments.iter().any(|argument| {
                matches!(argument, Argument::Spread(Expr { kind: ExprKind::Name(name), .. }) if *name == rest.name.name)
            })
        {
            callee = Some(&**called);
        }
    });
    match facts.target(name_of(callee?)?) {
        Some(Target::Item(next)) => Some(next),
        _ => None,
    }
}

/// Where the name stands that an expression is; of a field, its last word.
#[must_use]
pub fn name_of(expr: &Expr) -> Option<Span> {
    match &expr.kind {
        ExprKind::Name(_) => Some(expr.span),
        ExprKind::Field(_, Ident { span, .. }) => Some(*span),
        ExprKind::Paren(value) => name_of(&value.value),
        _ => None,
    }
}
