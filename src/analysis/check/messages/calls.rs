//! Messages on calls and their arguments.

use super::{super::calls::called, one, quoted};
use crate::{
    diag::{
        Diagnostic, Fix,
        codes::types::{
            GIVEN_TWICE, MISMATCH, MISSING_ARGUMENT, NOT_A_FUNCTION, POSITIONAL_AFTER_NAMED, SUBJECT_IN_PARENTHESES,
            TOO_MANY_ARGUMENTS, UNKNOWN_ARGUMENT,
        },
        nearest,
    },
    source::Span,
    syntax::ast::{Argument, Expr, ExprKind, Ident},
    types::{Function, Named, Passing, Type},
};

/// Something is called that is no function.
pub(crate) fn not_a_function(callee: &Expr, arguments: &[Argument], ty: &Type) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        &NOT_A_FUNCTION,
        format!("{} is no function, but {ty}", called(callee), ty = one(ty)),
    )
    .at(callee.span, one(ty));
    match (ty, arguments) {
        (Type::Step(..), []) => diagnostic.help("a step needs no parentheses"),
        (Type::Step(..), _) => diagnostic.help("a step is applied by `|>`: `value |> step`"),
        (Type::Named(Named::Net), _) => diagnostic.help("it is a net already"),
        _ => diagnostic.help("only functions are called"),
    }
}

/// The subject is given in the parentheses: its place and text. `only` is the whole call, when it has no other argument.
pub(crate) fn pipe_it(callee: &Expr, value: (Span, &str), ty: &str, only: Option<Span>) -> Diagnostic {
    let name = called(callee);
    let bare = name.trim_matches('`');
    let short = value.1.len() <= 40 && !value.1.contains('\n');
    let text = if short { value.1 } else { ".." };
    let message = format!("what {name} works on is piped into it, not given in its parentheses");
    let mut diagnostic = Diagnostic::error(&SUBJECT_IN_PARENTHESES, message)
        .at(value.0, format!("this `{ty}` is its subject"))
        .help(match only {
            Some(_) => format!("pipe it: `{text} |> {bare}`"),
            None => format!("pipe it: `{text} |> {bare}(..)`"),
        });
    if let (Some(span), true) = (only, short) {
        diagnostic.fix = Some(Fix {
            span,
            text: format!("{text} |> {bare}"),
        });
    }
    diagnostic
}

/// More positional arguments than parameters.
pub(crate) fn too_many(callee: &Expr, function: &Function, surplus: Span) -> Diagnostic {
    let names: Vec<&str> = function
        .positional()
        .map(|p| p.name.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    let count = function.positional().count();
    let message = format!(
        "{} takes {count} positional {}",
        called(callee),
        plural(count, "argument")
    );
    let by_name = function
        .parameters
        .iter()
        .any(|p| matches!(p.passing, Passing::NamedOnly | Passing::Entries));
    let help = match (names.is_empty(), by_name) {
        (true, false) => "it takes none".to_owned(),
        (true, true) => "its arguments go by name".to_owned(),
        (false, false) => format!("it takes {}", quoted(&names)),
        (false, true) => format!("it takes {}; further ones go by name", quoted(&names)),
    };
    Diagnostic::error(&TOO_MANY_ARGUMENTS, message)
        .at(surplus, "too many")
        .help(help)
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// Required arguments that are not given: name and type of each.
pub(crate) fn missing(callee: &Expr, missing: &[(String, String)], required: usize, span: Span) -> Diagnostic {
    let named: Vec<&str> = missing
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    if named.len() < missing.len() {
        let message = format!("{} takes {required} {}", called(callee), plural(required, "argument"));
        let types: Vec<&str> = missing.iter().map(|(_, ty)| ty.as_str()).collect();
        return Diagnostic::error(&MISSING_ARGUMENT, message).at(span, format!("{} missing", quoted(&types)));
    }
    let wanted: Vec<String> = missing.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    Diagnostic::error(
        &MISSING_ARGUMENT,
        format!("{} needs {}", called(callee), quoted(&named)),
    )
    .at(span, format!("{} not given", quoted(&named)))
    .help(format!("give {}", quoted(&wanted)))
}

/// A positional argument after a named one.
pub(crate) fn positional_after_named(span: Span, first: Span) -> Diagnostic {
    Diagnostic::error(&POSITIONAL_AFTER_NAMED, "positional arguments come before named ones")
        .at(span, "has no name")
        .at(first, "the first named one")
        .help("name this one, or move it to the front")
}

/// An argument given twice.
pub(crate) fn given_twice(name: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error(&GIVEN_TWICE, format!("`{name}` is given twice"))
        .at(span, "again here")
        .at(first, "first here")
        .help("remove one of the two")
}

/// An argument that the function does not take. A piece of a net was probably meant to be labelled.
pub(crate) fn unknown_argument(callee: &Expr, function: &Function, name: &Ident, is_piece: bool) -> Diagnostic {
    let names: Vec<&str> = function
        .parameters
        .iter()
        .filter(|p| !p.passing.is_open() && !p.name.is_empty())
        .map(|p| p.name.as_str())
        .collect();
    let diagnostic = Diagnostic::error(
        &UNKNOWN_ARGUMENT,
        format!("{} takes no argument `{}`", called(callee), name.name),
    )
    .at(name.span, "not known");
    if is_piece && nearest(&name.name, names.iter().copied()).is_none() {
        let help = format!(
            "in parentheses `{0}:` is an argument; a label stands in a pipe: `x |> {0}: ..`",
            name.name
        );
        return diagnostic.help(help);
    }
    let help = if names.is_empty() {
        "it takes none".to_owned()
    } else {
        format!("it takes {}", quoted(&names))
    };
    diagnostic.help(help).suggest(name.span, &name.name, names)
}

/// An entry of a spread record of another type than its argument.
pub(crate) fn spread_mismatch(name: &str, ty: &str, place: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        &MISMATCH,
        format!(
            "the argument `{name}` is {place}, but this record gives {ty}",
            place = one(place),
            ty = one(ty)
        ),
    )
    .at(span, format!("its `{name}` is {ty}", ty = one(ty)))
}

/// A function stands where a step is wanted, and lacks arguments.
pub(crate) fn step_needs(step: &Expr, required: &[String]) -> Diagnostic {
    let name = called(step);
    let bare = name.trim_matches('`');
    let message = format!("{name} needs {}", quoted(required));
    let mut diagnostic = Diagnostic::error(&MISSING_ARGUMENT, message)
        .at(step.span, "a function, not a step yet")
        .help(format!("call it: `{bare}({})`", required.join(", ")));
    if matches!(step.kind, ExprKind::Name(_)) {
        diagnostic.fix = Some(Fix {
            span: step.span.after(),
            text: format!("({})", required.join(", ")),
        });
    }
    diagnostic
}
