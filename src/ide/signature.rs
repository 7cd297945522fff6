//! The parameters of the call around a place.

use std::ops::Range;

use super::{
    analysis::Analysis,
    visit::{self, Node, name_of},
};
use crate::{
    analysis::{ItemId, Target},
    source::FileId,
    syntax::ast::{Argument, Expr, ExprKind, ItemKind},
    types::{Function, Parameter, Passing, Type},
};

/// The signature of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHelp {
    /// The whole: `model: Model |> finetune(task: Task, epochs: int = 30)`.
    pub label: String,
    /// What the function does.
    pub doc: Option<String>,
    /// Bytes of the label, and documentation, of each parameter.
    pub parameters: Vec<(Range<usize>, Option<String>)>,
    /// The parameter that the place gives.
    pub active: Option<usize>,
}

/// The call whose parentheses are around a place.
pub(super) struct CallAround<'a> {
    pub(super) callee: &'a Expr,
    pub(super) arguments: &'a [Argument],
    pub(super) function: std::sync::Arc<Function>,
    /// The function or net that is called, when it is one by name.
    pub(super) item: Option<ItemId>,
}

impl Analysis {
    /// The innermost call on a path whose parentheses hold the byte.
    pub(super) fn call_around<'a>(&self, path: &[Node<'a>], offset: usize) -> Option<CallAround<'a>> {
        path.iter().rev().find_map(|node| {
            let Node::Expr(Expr {
                kind: ExprKind::Call(callee, arguments),
                ..
            }) = node
            else {
                return None;
            };
            if offset <= callee.span.end as usize {
                return None;
            }
            let Type::Function(function) = self.facts.type_at(callee.span)? else {
                return None;
            };
            let item = match name_of(callee).and_then(|at| self.facts.target(at)) {
                Some(Target::Item(id)) => Some(id),
                _ => None,
            };
            Some(CallAround {
                callee,
                arguments,
                function: function.clone(),
                item,
            })
        })
    }

    /// The signature of the call around a byte.
    #[must_use]
    pub fn signature(&self, file: FileId, offset: usize) -> Option<SignatureHelp> {
        let path = visit::path_at(&self.module(file)?.1.tree, offset);
        let call = self.call_around(&path, offset)?;
        let mut label = self.beginning(&call);
        let mut parameters = Vec::new();
        for (place, parameter) in call.function.parameters.iter().enumerate() {
            if place > 0 {
                label.push_str(", ");
            }
            let start = label.len();
            let declared = call.item.and_then(|id| self.parameter_named(id, &parameter.name));
            match declared {
                Some(declared) => label.push_str(&self.parameter_text(declared)),
                None => label.push_str(&shown(parameter)),
            }
            parameters.push((start..label.len(), declared.and_then(|p| p.doc.clone())));
        }
        label.push(')');
        if let Type::Step(_, result) = &call.function.result {
            label.push_str(&format!(" -> {result}"));
        } else {
            label.push_str(&format!(" -> {}", call.function.result));
        }
        let doc = call.item.and_then(|id| self.program.item(id).doc.clone());
        let active = active(&call, offset, self.text(file));
        Some(SignatureHelp {
            label,
            doc,
            parameters,
            active,
        })
    }

    /// What stands before the parameters: subject, name and parenthesis.
    fn beginning(&self, call: &CallAround<'_>) -> String {
        let name = name_of(call.callee).map_or("", |at| self.program.sources.text(at));
        let subject = match (&call.function.result, call.item.map(|id| &self.program.item(id).kind)) {
            (Type::Step(subject, _), Some(ItemKind::Fn(function))) => {
                let named = function.subject.as_ref().map_or("_", |(name, _)| name.name.as_str());
                format!("{named}: {subject} |> ")
            }
            (Type::Step(subject, _), _) => format!("{subject} |> "),
            _ => String::new(),
        };
        format!("{subject}{name}(")
    }
}

fn shown(parameter: &Parameter) -> String {
    match (parameter.passing, parameter.name.as_str()) {
        (Passing::Variadic, name) => format!("...{name}: {}", parameter.ty),
        (Passing::Entries, name) => format!("...{name}: {{{}}}", parameter.ty),
        (_, "") => parameter.ty.to_string(),
        (_, name) => format!("{name}: {}", parameter.ty),
    }
}

/// The parameter that the argument at a byte reaches.
fn active(call: &CallAround<'_>, offset: usize, text: &str) -> Option<usize> {
    let of = |name: &str| call.function.parameters.iter().position(|p| p.name == name);
    let mut position = 0;
    for argument in call.arguments {
        let (start, end) = match argument {
            Argument::Positional(value) | Argument::Spread(value) => (value.span.start, value.span.end),
            Argument::Named(name, value) => (name.span.start, value.span.end),
        };
        if (start as usize..=end as usize).contains(&offset) {
            return match argument {
                Argument::Named(name, _) => of(&name.name),
                _ => place(&call.function, position),
            };
        }
        if (end as usize) < offset && matches!(argument, Argument::Positional(_)) {
            position += 1;
        }
    }
    // After `name:` and before its value.
    let start = call.callee.span.end as usize;
    let before = text.get(start..offset)?;
    let last = before.rsplit([',', '(']).next()?.trim();
    if let Some(name) = last.strip_suffix(':') {
        return of(name.trim());
    }
    place(&call.function, position)
}

fn place(function: &Function, position: usize) -> Option<usize> {
    let reached = function.positional().nth(position).or_else(|| function.variadic())?;
    function.parameters.iter().position(|p| p.name == reached.name)
}
