//! Messages on pipes and steps.

use super::{super::calls::called, one};
use crate::{
    diag::{
        Diagnostic, Fix,
        codes::types::{ALREADY_SPLIT, MISMATCH, NOT_A_STEP, NOT_CALLED, STEP_AT_HEAD, SUBJECT},
    },
    source::Span,
    syntax::ast::Expr,
    types::{FunctionOrigin, Kind, Named, Type},
};

/// A pipe begins with a step, perhaps with a label before it, which then names that step alone.
pub(crate) fn step_at_head(head: &Expr, ty: &Type, label: Option<Span>) -> Diagnostic {
    let first = label.unwrap_or(head.span);
    let start = Span {
        end: first.start,
        ..first
    };
    let mut diagnostic = Diagnostic::error(&STEP_AT_HEAD, "a pipe begins with a value, and this is a step")
        .at(head.span, format!("a `{}`", step_of(ty)))
        .help(if label.is_some() {
            "a pipe without a head begins with `|>`, before its first label: `(|> a: f |> b: g)`"
        } else {
            "a pipe without a head begins with `|>`"
        });
    diagnostic.fix = Some(Fix {
        span: start,
        text: "|> ".to_owned(),
    });
    diagnostic
}

fn step_of(ty: &Type) -> Type {
    match ty {
        Type::Function(function) => function.as_step().unwrap_or_else(|| ty.clone()),
        Type::Named(Named::Net) => Type::step(Type::TENSOR, Type::TENSOR),
        other => other.clone(),
    }
}

/// A step does not take what is piped into it. `head` is what was piped, when it stands alone before the step.
pub(crate) fn subject(
    step: &Expr,
    wanted: &Type,
    found: &Type,
    head: Option<&Expr>,
    before: Option<Span>,
) -> Diagnostic {
    let name = called(step).replace("this function", "this step");
    if let (Type::Function(function), Some(head)) = (found, head)
        && matches!(&function.result, Type::Named(Named::Net | Named::Model))
    {
        return head_not_called(
            head,
            function.required().next().is_none(),
            function.origin == FunctionOrigin::Net,
        );
    }
    let rank = |ty: &Type| match ty {
        Type::Named(named) => named.row_rank(),
        _ => None,
    };
    if let (Some(wanted_rank), Some(found_rank)) = (rank(wanted), rank(found))
        && found_rank > wanted_rank
    {
        return already(&name, wanted, found, step.span, before);
    }
    let taken = match wanted {
        Type::Generic(generic) if generic.kind() != Kind::Any => generic.kind().to_string(),
        Type::Grid(grid) if matches!(&grid.cell, Type::Generic(generic) if generic.kind() == Kind::Result) => {
            one(Type::grid(Type::Named(Named::Scores), None))
        }
        other => one(other),
    };
    let mut diagnostic = Diagnostic::error(
        &SUBJECT,
        format!("{name} takes {taken}, but {} is piped in", one(found)),
    )
    .at(step.span, format!("takes {taken}"));
    if let Some(before) = before {
        diagnostic = diagnostic.at(before, one(found));
    }
    match help(wanted, found) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

const NO_PICTURES: &str = "`rows` reads no pictures: read them by `table`, and join these rows to it: `table(..) |> join(rows(..), on: \"patient\")`";

fn help(wanted: &Type, found: &Type) -> Option<&'static str> {
    use Named as N;
    Some(match (wanted, found) {
        (Type::Named(N::Dataset), Type::Named(N::Rows)) => NO_PICTURES,
        (Type::Generic(generic), Type::Named(N::Rows)) if generic.kind() == Kind::Rows => NO_PICTURES,
        (Type::Named(N::Cohort | N::Task), Type::Named(N::Dataset)) => "split the rows first: `|> split(..)`",
        (Type::Named(N::Task), Type::Named(N::Cohort)) => "give the cohort a target first: `|> classify(\"column\")`",
        (Type::Named(N::Model), Type::Named(N::Dataset | N::Cohort | N::Task)) => {
            "models are trained on rows by an argument: `resnet18() |> finetune(task)`"
        }
        (Type::Grid(_), Type::Named(N::Model)) => "judge the model first: `|> evaluate(task)`",
        (Type::Grid(_), Type::Grid(_)) => "the cells must be scores: end the loop's body with `|> evaluate(task)`",
        (Type::Named(N::Model), Type::Named(N::Scores)) => "scores are no model; train before `evaluate`",
        (_, Type::Function(_)) => "a function is called before its value is piped: `f()`",
        (Type::Named(N::Tensor), _) => "layers work on tensors, inside a `net`",
        _ => return None,
    })
}

/// A net or a function that gives a model, at the head of a pipe without its parentheses.
fn head_not_called(head: &Expr, callable: bool, is_net: bool) -> Diagnostic {
    let name = called(head);
    let bare = name.trim_matches('`');
    let what = if is_net { "a net's function" } else { "a function" };
    let mut diagnostic =
        Diagnostic::error(&NOT_CALLED, format!("{name} is {what} and must be called")).at(head.span, "not called");
    if callable {
        diagnostic = diagnostic.help(format!("call it: `{bare}()`"));
        diagnostic.fix = Some(Fix {
            span: head.span.after(),
            text: "()".to_owned(),
        });
        diagnostic
    } else {
        diagnostic.help(format!("call it with its arguments: `{bare}(..)`"))
    }
}

/// Rows that have a folding are split, or a task is classified.
fn already(name: &str, wanted: &Type, found: &Type, span: Span, before: Option<Span>) -> Diagnostic {
    let lost = if *wanted == Type::Named(Named::Dataset) {
        "folds"
    } else {
        "target"
    };
    let message = format!(
        "{name} takes {}, but {} is piped in, and its {lost} would be lost",
        one(wanted),
        one(found)
    );
    let mut diagnostic = Diagnostic::error(&ALREADY_SPLIT, message).at(span, "");
    if let Some(before) = before {
        diagnostic = diagnostic.at(before, format!("{found} already", found = one(found)));
    }
    diagnostic.help(match wanted {
        Type::Named(Named::Dataset) => {
            "split the dataset these rows come from; `split(like(cohort))` takes over the folds of another cohort"
        }
        _ => "classify the cohort it comes from",
    })
}

/// Something right of `|>` that is no step.
pub(crate) fn not_a_step(step: &Expr, ty: &Type) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        &NOT_A_STEP,
        format!("a step is expected here, found {ty}", ty = one(ty)),
    )
    .at(step.span, one(ty));
    match ty {
        Type::Named(Named::Net) => diagnostic
            .help("a net is a step on tensors only, inside a `net`; a model begins with it: `resnet18() |> ..`"),
        Type::Named(Named::Tensor) => diagnostic.help("leave out the head: `|> ..`"),
        _ => diagnostic.help("right of `|>` stands a step: a function with a subject, or `|> f |> g`"),
    }
}

/// A function without a subject right of `|>`.
pub(crate) fn no_subject(step: &Expr, before: Option<Span>) -> Diagnostic {
    let name = called(step);
    let bare = name.trim_matches('`');
    let diagnostic = Diagnostic::error(
        &NOT_A_STEP,
        format!("nothing can be piped into {name}: it has no subject"),
    )
    .at(step.span, "no step");
    match before {
        Some(before) => diagnostic
            .at(before, "piped in")
            .help(format!("give it in parentheses: `{bare}(..)`")),
        None => diagnostic.help(format!("a lambda pipes into it: `(value) => {bare}(value)`")),
    }
}

/// The body of a `repeat` that gives another type than it takes.
pub(crate) fn repeat_changes(subject: &str, result: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        &MISMATCH,
        format!(
            "the body of a `repeat` takes {subject} and gives {result}",
            subject = one(subject),
            result = one(result)
        ),
    )
    .at(span, "must give what it takes")
    .help("each round works on what the one before gave")
}
