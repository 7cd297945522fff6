//! Walking over expressions.

use crate::syntax::ast::{
    Argument, Block, Entry, Expr, ExprKind, Label, Labelled, ListPart, Parameter, Text, TextPart,
};

/// Calls `see` on an expression and on all in it, from the outside in.
pub(super) fn each<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Expr)) {
    see(expr);
    match &expr.kind {
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Duration(_)
        | ExprKind::Bool(_)
        | ExprKind::None
        | ExprKind::Name(_)
        | ExprKind::Bad => {}
        ExprKind::Text(text) => each_hole(text, see),
        ExprKind::List(parts) => {
            for ListPart::Value(value) | ListPart::Spread(value) in parts {
                each(value, see);
            }
        }
        ExprKind::Record(entries) => entries.iter().for_each(|entry| each_entry(entry, see)),
        ExprKind::Block(block) => each_in_block(block, see),
        ExprKind::Call(value, arguments) | ExprKind::Index(value, arguments) => {
            each(value, see);
            for Argument::Positional(value) | Argument::Named(_, value) | Argument::Spread(value) in arguments {
                each(value, see);
            }
        }
        ExprKind::Field(value, _) | ExprKind::Unary(_, value) => each(value, see),
        ExprKind::Pipe(head, steps) => {
            if let Some(head) = head {
                each(head, see);
            }
            for step in steps {
                each_in_label(step.label.as_ref(), see);
                each(&step.step, see);
            }
        }
        ExprKind::Lambda(parameters, body) => {
            parameters.iter().filter_map(default).for_each(|value| each(value, see));
            each(body, see);
        }
        ExprKind::If(branches) => {
            each(&branches.condition, see);
            each_in_block(&branches.then, see);
            if let Some(block) = &branches.otherwise {
                each_in_block(block, see);
            }
        }
        ExprKind::For(bindings, body) => {
            bindings.iter().for_each(|binding| each(&binding.values, see));
            each_in_block(body, see);
        }
        ExprKind::Repeat(binding, body) => {
            each(&binding.values, see);
            each_in_block(body, see);
        }
        ExprKind::Binary(_, left, right, _) => {
            each(left, see);
            each(right, see);
        }
        ExprKind::Paren(value) => each_labelled(value, see),
    }
}

/// Calls `see` on all expressions of a block.
pub(super) fn each_in_block<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Expr)) {
    block.locals.iter().for_each(|local| each(&local.value, see));
    each_labelled(&block.value, see);
}

fn each_labelled<'a>(value: &'a Labelled, see: &mut dyn FnMut(&'a Expr)) {
    each_in_label(value.label.as_ref(), see);
    each(&value.value, see);
}

fn each_entry<'a>(entry: &'a Entry, see: &mut dyn FnMut(&'a Expr)) {
    match entry {
        Entry::Value { key, value, .. } => {
            each_hole(&key.text, see);
            each(value, see);
        }
        Entry::Spread(value) => each(value, see),
    }
}

fn each_in_label<'a>(label: Option<&'a Label>, see: &mut dyn FnMut(&'a Expr)) {
    if let Some(label) = label {
        each_hole(&label.text, see);
    }
}

fn each_hole<'a>(text: &'a Text, see: &mut dyn FnMut(&'a Expr)) {
    for part in &text.parts {
        if let TextPart::Hole(value) = part {
            each(value, see);
        }
    }
}

fn default(parameter: &Parameter) -> Option<&Expr> {
    parameter.default.as_ref()
}

/// True when a part of the block could not be read, so that what it lacks proves nothing.
pub(super) fn has_bad(block: &Block) -> bool {
    let mut found = false;
    each_in_block(block, &mut |expr| found |= matches!(expr.kind, ExprKind::Bad));
    found
}
