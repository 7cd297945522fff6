//! Messages on loops, grids and their axes.

use super::{one, quoted};
use crate::{
    diag::{
        Diagnostic, Fix,
        codes::{
            names::SHADOWED_AXIS,
            types::{
                AXIS_ORDER, GIVEN_TWICE, GRIDS_DIFFER, MISSING_ARGUMENT, NO_LABELS, NOT_ITERABLE, UNKNOWN_AXIS,
                UNKNOWN_LABEL,
            },
        },
    },
    source::Span,
    syntax::ast::{Expr, ExprKind, Ident, ListPart},
    types::{Axis, Named, Type},
};

fn names(axes: &[Axis]) -> Vec<&str> {
    axes.iter().map(|axis| axis.name.as_str()).collect()
}

fn listing(axes: &[Axis]) -> String {
    if axes.is_empty() {
        "it has no axes".to_owned()
    } else {
        format!("its axes are {}", quoted(&names(axes)))
    }
}

/// A grid is selected from by an axis that it lacks.
pub(crate) fn unknown_axis(name: &str, span: Span, axes: &[Axis]) -> Diagnostic {
    Diagnostic::error(&UNKNOWN_AXIS, format!("this grid has no axis `{name}`"))
        .at(span, "not an axis")
        .help(listing(axes))
        .suggest(span, name, names(axes))
}

/// A text names an axis that the grid lacks.
pub(crate) fn unknown_axis_text(name: &str, span: Span, axes: &[Axis]) -> Diagnostic {
    let mut diagnostic = unknown_axis(name, span, axes);
    if let Some(fix) = &mut diagnostic.fix {
        fix.text = format!("\"{}\"", fix.text);
    }
    diagnostic
}

/// A label that an axis lacks.
pub(crate) fn unknown_label(label: &str, value: &Expr, axis: &Axis) -> Diagnostic {
    let labels = axis.labels.as_deref().unwrap_or_default();
    let mut diagnostic = Diagnostic::error(
        &UNKNOWN_LABEL,
        format!("the axis `{}` has no label `{label}`", axis.name),
    )
    .at(value.span, "not a label of it")
    .help(format!("its labels are {}", quoted(labels)))
    .suggest(value.span, label, labels.iter().map(String::as_str));
    if let (Some(fix), ExprKind::Text(_)) = (&mut diagnostic.fix, &value.kind) {
        fix.text = format!("\"{}\"", fix.text);
    }
    diagnostic
}

/// An axis selected twice.
pub(crate) fn axis_twice(axis: &Ident) -> Diagnostic {
    Diagnostic::error(&GIVEN_TWICE, format!("the axis `{}` is selected twice", axis.name))
        .at(axis.span, "again here")
        .help("remove one of the two")
}

/// A loop over something without values.
pub(crate) fn not_iterable(shown: &str, ty: &Type, values: &Expr) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        &NOT_ITERABLE,
        format!(
            "a loop runs over a list, a record or a grid, not {shown}",
            shown = one(shown)
        ),
    )
    .at(values.span, one(shown));
    match ty {
        Type::Named(Named::Int) => diagnostic.help("a range is a list of whole numbers: `1..=n`"),
        Type::Named(Named::Range) => diagnostic
            .help("between two floats lie too many numbers; a list names those that are meant: `[0.9, 1.0, 1.1]`"),
        _ => diagnostic.help("a list of one has brackets: `[value]`"),
    }
}

/// A loop over values that have no printed form.
pub(crate) fn no_labels(ty: &Type, values: &Expr) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(&NO_LABELS, format!("values of type `{ty}` give no labels"))
        .at(values.span, "its cells would have no names")
        .help("a record names them: `{ density, malignancy }`");
    diagnostic.fix = as_record(values);
    diagnostic
}

/// A list of names as a record of them.
fn as_record(values: &Expr) -> Option<Fix> {
    let ExprKind::List(parts) = &values.kind else {
        return None;
    };
    let names: Option<Vec<&str>> = parts
        .iter()
        .map(|part| match part {
            ListPart::Value(Expr {
                kind: ExprKind::Name(name),
                ..
            }) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let names = names?;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let text = format!("{{ {} }}", names.join(", "));
    (sorted.len() == names.len()).then_some(Fix {
        span: values.span,
        text,
    })
}

/// Grids of different axes are joined.
pub(crate) fn grids_differ(left: &[Axis], right: &[Axis], sign: Span) -> Diagnostic {
    let shown = |axes: &[Axis]| names(axes).join(", ");
    let message = format!(
        "`++` joins grids of the same axes, but these have `{}` and `{}`",
        shown(left),
        shown(right)
    );
    let same_set = left.len() == right.len() && left.iter().all(|axis| right.contains(axis));
    let help = if same_set {
        let order: Vec<String> = names(left).iter().map(|name| format!("{name:?}")).collect();
        format!(
            "put the second in the order of the first: `|> transpose([{}])`",
            order.join(", ")
        )
    } else {
        "grids that are joined have been made by loops over the same variables, in the same order; `axis(name: label)` adds \
         an axis of one label"
            .to_owned()
    };
    Diagnostic::error(&GRIDS_DIFFER, message).at(sign, "").help(help)
}

/// `axis()` without an axis.
pub(crate) fn no_axis_named(callee: &Expr) -> Diagnostic {
    Diagnostic::error(&MISSING_ARGUMENT, "`axis` needs the name of an axis and its label")
        .at(callee.span, "names no axis")
        .help("the argument's name is the axis: `axis(network: \"googlenet\")`")
}

/// `axis` names an axis that the grid has.
pub(crate) fn axis_there(name: &Ident) -> Diagnostic {
    Diagnostic::error(&SHADOWED_AXIS, format!("there is an axis `{}` already", name.name))
        .at(name.span, "a second axis of this name")
        .help("name the new axis otherwise")
}

/// `transpose` leaves an axis out, or names one twice.
pub(crate) fn axis_order(axis: &str, twice: bool, span: Span, axes: &[Axis]) -> Diagnostic {
    let message = if twice {
        format!("the axis `{axis}` is named twice")
    } else {
        format!("the axis `{axis}` is left out")
    };
    Diagnostic::error(&AXIS_ORDER, message)
        .at(span, "not an order of all axes")
        .help(format!("name each axis once; {}", listing(axes)))
}
