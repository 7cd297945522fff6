//! Messages on values and their types.

use crate::{
    builtins::choices::Word,
    diag::{
        Diagnostic, Fix,
        codes::data::NO_COLUMN,
        codes::types::{
            ENTRIES_DIFFER, INDEX, MISMATCH, MISSING_ARGUMENT, NO_ELSE, NO_FIELDS, NOT_CALLED, OPERANDS, SPREAD,
            UNKNOWN_FIELD,
        },
    },
    source::{SourceMap, Span},
    syntax::ast::{BinaryOp, Expr, ExprKind},
    types::{Function, FunctionOrigin, Named, Type},
};

use super::{super::pipes::spoken_name, one, quoted};

/// A value of one type stands where another is expected.
pub(crate) fn mismatch(value: &Expr, ty: &Type, place: &Type, words: &[Word]) -> Diagnostic {
    if let Type::Function(function) = ty {
        if matches!(place, Type::Step(..))
            && function.origin != FunctionOrigin::Lambda
            && function.required().next().is_some()
        {
            let required: Vec<String> = function.required().map(|p| p.name.clone()).collect();
            return super::step_needs(value, &required);
        }
        if gives(function, place) {
            return not_called(value, function, place);
        }
    }
    let diagnostic = Diagnostic::error(&MISMATCH, format!("expected `{place}`, found `{ty}`")).at(value.span, one(ty));
    match help(value, ty, place, words) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// True when a call of a function would give what is expected.
fn gives(function: &Function, place: &Type) -> bool {
    match (&function.result, place) {
        (Type::Named(Named::Net), Type::Named(Named::Model)) => true,
        (result, place) => result == place,
    }
}

/// A function stands where its result is wanted.
fn not_called(value: &Expr, function: &Function, place: &Type) -> Diagnostic {
    let name = spoken_name(value).unwrap_or("this function");
    let required: Vec<String> = function.required().map(|p| p.name.clone()).collect();
    let diagnostic = Diagnostic::error(&NOT_CALLED, format!("expected `{place}`, found the function `{name}`"))
        .at(value.span, "not called");
    if required.is_empty() {
        let mut diagnostic = diagnostic.help(format!("call it: `{name}()`"));
        diagnostic.fix = Some(Fix {
            span: value.span.after(),
            text: "()".to_owned(),
        });
        return diagnostic;
    }
    diagnostic.help(format!("call it with {}: `{name}(..)`", quoted(&required)))
}

/// How one type becomes the other, where the language has a way.
fn help(value: &Expr, ty: &Type, place: &Type, words: &[Word]) -> Option<String> {
    let wanted = match place {
        Type::Optional(of) => of,
        other => other,
    };
    if let (Type::None | Type::Optional(_), false) = (ty, matches!(place, Type::Optional(_))) {
        return Some(format!("`none` may stand only where the type is optional: `{place}?`"));
    }
    if let (ExprKind::Text(text), [first, ..]) = (&value.kind, words) {
        let plain = text.plain().unwrap_or_default();
        let word = words.iter().find(|word| word.word == plain).unwrap_or(first);
        return Some(format!("a choice is a name, not a text: `{}`", word.word));
    }
    let help = match (ty, wanted) {
        (Type::Named(Named::Dataset), Type::Named(Named::Cohort)) => "rows become a cohort by `|> split(..)`",
        (Type::Named(Named::Dataset), Type::Named(Named::Task)) => {
            "rows become a task by `|> split(..) |> classify(\"column\")`"
        }
        (Type::Named(Named::Cohort), Type::Named(Named::Task)) => {
            "a cohort becomes a task by `|> classify(\"column\")`"
        }
        (Type::Named(Named::Float), Type::Named(Named::Int)) => "`round`, `floor` and `ceil` make a whole number",
        (Type::Named(Named::Int | Named::Float | Named::Bool), Type::Named(Named::Text)) => {
            "a text with a hole prints a value: `\"{value}\"`"
        }
        (Type::Named(Named::Model), Type::Named(Named::Scores)) => "a model is judged by `|> evaluate(task)`",
        (Type::Named(Named::Scores) | Type::Grid(_), Type::Named(Named::Report)) => "scores are shown by `|> report`",
        (Type::Step(..), Type::Named(Named::Tensor)) => "begin with the tensor: `x |> ..`",
        (Type::Step(..), _) if !matches!(wanted, Type::Function(_)) => {
            "a step gives a value once something is piped into it: `value |> ..`"
        }
        (Type::List(_), Type::Named(Named::Range)) => {
            "whole numbers make a range only where it is written; elsewhere its ends are floats: `1.0..3.0`"
        }
        (Type::Named(Named::Range), Type::List(_) | Type::Named(Named::Int)) => {
            "only a range of whole numbers is a list: `0..3`"
        }
        (Type::Named(Named::Net), Type::Named(Named::Tensor)) => "pipe the tensor into it: `x |> ..`",
        (_, Type::Function(function)) if takes_row(function) => {
            "a condition on a row is a lambda: `(r) => r.age >= 40`"
        }
        (_, Type::List(_)) if !matches!(ty, Type::List(_) | Type::Function(_)) => {
            "a list of one has brackets: `[value]`"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

/// True for a function of one row.
fn takes_row(function: &Function) -> bool {
    matches!(function.parameters.as_slice(), [only] if only.ty == Type::Named(Named::Row))
}

/// Entries without a common type: the type of those before with a place, and that of the one that differs.
pub(crate) fn entries_differ(before: (&Type, Span), entry: (&Type, Span), sources: &SourceMap) -> Diagnostic {
    differ("entries have one type", before, entry, ("the one before is", sources))
}

/// Branches without a common type.
pub(crate) fn branches_differ(then: (&Type, Span), other: (&Type, Span), sources: &SourceMap) -> Diagnostic {
    differ(
        "both branches of an `if` have one type",
        then,
        other,
        ("the first branch", sources),
    )
}

fn differ(
    rule: &str,
    first: (&Type, Span),
    second: (&Type, Span),
    (others, sources): (&str, &SourceMap),
) -> Diagnostic {
    let needing = |(ty, _): (&Type, Span), (beside, _): (&Type, Span)| match (ty, beside) {
        (Type::Function(function), Type::Step(..)) if function.origin == FunctionOrigin::Declared => {
            Some(function.required().map(|p| p.name.clone()).collect::<Vec<_>>())
        }
        _ => None,
    };
    for (one, beside) in [(second, first), (first, second)] {
        if let Some(required) = needing(one, beside).filter(|required| !required.is_empty()) {
            let message = format!("{rule}: beside steps, this function needs {}", quoted(&required));
            let written = sources.text(one.1);
            let name = written.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let call = format!("{}({})", if name { written } else { "f" }, required.join(", "));
            return Diagnostic::error(&MISSING_ARGUMENT, message)
                .at(one.1, "a function that is no step yet")
                .help(format!(
                    "give the arguments, `{call}`, or make every entry a function: `(task) => |> ..`"
                ));
        }
    }
    let message = format!("{rule}, but this is {} and {others} {}", one(second.0), one(first.0));
    Diagnostic::error(&ENTRIES_DIFFER, message)
        .at(second.1, one(second.0))
        .at(first.1, one(first.0))
        .help(match (first.0, second.0) {
            (Type::Function(_) | Type::Step(..), Type::Function(_) | Type::Step(..)) => "a function becomes a step by its arguments, `finetune(task)`, and a step a function by `(task) => |> ..`",
            _ => "make them the same kind of value",
        })
}

/// An `if` without `else` that is no step.
pub(crate) fn no_else(span: Span) -> Diagnostic {
    Diagnostic::error(&NO_ELSE, "this `if` has no `else`, and so no value otherwise")
        .at(span, "only a step may lack `else`")
        .help("add `else { .. }`")
}

/// An `if` without `else` whose step gives another type than it takes.
pub(crate) fn no_else_changes(step: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        &NO_ELSE,
        format!(
            "without `else` nothing would happen otherwise, but this step is {step}",
            step = one(step)
        ),
    )
    .at(span, "gives another type than it takes")
    .help("add `else { .. }` with the other step")
}

/// `...value` of something that cannot be spread there.
pub(crate) fn spread(ty: &str, wanted: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        &SPREAD,
        format!("`...` spreads {wanted}, but this is {ty}", ty = one(ty)),
    )
    .at(span, one(ty))
    .help("a list is spread into lists and positional arguments, a record into records and named arguments")
}

/// A record or module without an entry; with it the place where the entry is named, and what is written there.
pub(crate) fn unknown_field<'a>(
    name: &str,
    (span, written): (Span, &str),
    whose: &str,
    known: impl Iterator<Item = &'a String> + Clone,
) -> Diagnostic {
    let names: Vec<&str> = known.clone().map(String::as_str).collect();
    let listing = if names.is_empty() {
        "it has no entries".to_owned()
    } else {
        format!("it has {}", quoted(&names))
    };
    Diagnostic::error(&UNKNOWN_FIELD, format!("{whose} has no entry `{name}`"))
        .at(span, "not there")
        .help(listing)
        .suggest_in(span, written, name, known.map(String::as_str))
}

/// A column that rows do not have.
pub(crate) fn unknown_column<'a>(
    name: &str,
    (span, written): (Span, &str),
    known: impl Iterator<Item = &'a String> + Clone,
) -> Diagnostic {
    let names: Vec<&String> = known.clone().collect();
    Diagnostic::error(&NO_COLUMN, format!("these rows have no column `{name}`"))
        .at(span, "")
        .help(format!("their columns are {}", quoted(&names)))
        .suggest_in(span, written, name, known.map(String::as_str))
}

/// A record that lacks entries of its written type.
pub(crate) fn missing_fields(missing: &[&str], span: Span) -> Diagnostic {
    Diagnostic::error(&UNKNOWN_FIELD, format!("this record lacks {}", quoted(missing)))
        .at(span, "")
        .help("its type is written with all of its entries")
}

/// A field of a value without fields.
pub(crate) fn no_fields(shown: &str, ty: &Type, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(&NO_FIELDS, format!("{shown} has no fields", shown = one(shown))).at(span, "");
    match ty {
        Type::Grid(_) => diagnostic.help("a grid is selected from by its axes: `grid[chain: \"natural\"]`"),
        Type::List(_) => diagnostic.help("an element of a list is taken by its place: `list[0]`"),
        _ => diagnostic.help("records have fields, and modules imported with `as`"),
    }
}

/// An index on a value that has no parts.
pub(crate) fn not_indexable(shown: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&INDEX, format!("{shown} cannot be indexed", shown = one(shown)))
        .at(span, one(shown))
        .help("lists, records and grids can")
}

/// An index that does not select.
pub(crate) fn one_index(what: &str, usage: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&INDEX, format!("{what} is not indexed like this"))
        .at(span, "")
        .help(usage)
}

/// A hole with a value that has no printed form.
pub(crate) fn hole(ty: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        &MISMATCH,
        format!(
            "a text's hole takes a number, a text, a path or a truth value, not {ty}",
            ty = one(ty)
        ),
    )
    .at(span, one(ty))
    .help("`\\{` is a brace")
}

/// An operand that a sign cannot take.
pub(crate) fn operand(sign: &str, ty: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&OPERANDS, format!("`{sign}` takes a number, not {ty}", ty = one(ty))).at(span, one(ty))
}

/// Operands that an operator cannot combine.
pub(crate) fn operands(operator: BinaryOp, left: (&Type, &str), right: (&Type, &str), sign: Span) -> Diagnostic {
    let joins = |ty: &Type| {
        let named = matches!(
            ty,
            Type::Named(Named::Text | Named::Path | Named::Dataset | Named::Rows)
        );
        named || matches!(ty, Type::List(_) | Type::Record(_) | Type::Grid(_))
    };
    let optional = |ty: &Type| matches!(ty, Type::None | Type::Optional(_));
    let step = |ty: &Type| matches!(ty, Type::Step(..) | Type::Function(_));
    let has = |named: Named| [left.0, right.0].contains(&&Type::Named(named));
    let (a, b) = (one(left.1), one(right.1));
    let message = format!("`{}` cannot combine {a} and {b}", operator.sign());
    let diagnostic = Diagnostic::error(&OPERANDS, message).at(sign, "");
    match operator {
        BinaryOp::Add if joins(left.0) && joins(right.0) => {
            let mut diagnostic = diagnostic.help("texts, lists, records, datasets and grids are joined by `++`");
            diagnostic.fix = Some(Fix {
                span: sign,
                text: "++".to_owned(),
            });
            diagnostic
        }
        _ if step(left.0) || step(right.0) => {
            diagnostic.help("a step or function is no value yet; pipe or call first, in parentheses: `(x |> f) + y`")
        }
        _ if optional(left.0) || optional(right.0) => {
            diagnostic.help("decide first what `none` means: `if a == none { .. } else { .. }`")
        }
        _ if has(Named::Date) && has(Named::Text) => diagnostic.help("a text becomes a date by `date(\"2020-01-31\")`"),
        BinaryOp::Equal | BinaryOp::NotEqual => diagnostic.help("only values of one type can be equal"),
        BinaryOp::Join if has(Named::Cohort) || has(Named::Task) => {
            diagnostic.help("join the datasets before the split: `(a ++ b) |> split(..)`")
        }
        BinaryOp::Join => diagnostic.help("`++` joins two lists, records, texts, datasets, or grids of the same axes"),
        BinaryOp::In | BinaryOp::NotIn => diagnostic
            .help("`in` looks for an element in a list, a number in a range, a key in a record, a text in a text"),
        BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
            diagnostic.help("two numbers, texts, dates or durations have an order")
        }
        _ if has(Named::Tensor) => diagnostic.help("`+`, `-` and `*` combine two tensors, and no tensor with a number"),
        _ => diagnostic.help("it takes numbers"),
    }
}
