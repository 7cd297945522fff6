//! Messages on parameters that are set from outside.

use super::{one, quoted};
use crate::{
    diag::{
        Diagnostic, Fix,
        codes::types::{DOMAIN, MISMATCH, UNKNOWN_FIELD},
    },
    source::{SourceMap, Span},
    syntax::ast::{Expr, Param},
    types::{Named, Type},
};

/// A domain of a parameter whose values it cannot limit.
pub(crate) fn no_domain(name: &str, ty: &Type, span: Span) -> Diagnostic {
    Diagnostic::error(
        &DOMAIN,
        format!("the values of `{name}`, {}, cannot be limited", one(ty)),
    )
    .at(span, "")
    .help("a number, a text, a path or a duration may be one of a list or lie in a range")
}

/// A domain that is no list and, for a number, no range.
pub(crate) fn domain_kind(ty: &Type, span: Span) -> Diagnostic {
    let (kinds, help) = match ty {
        Type::Named(Named::Text | Named::Path) => ("a list", "write its values: `in [\"quick\", \"full\"]`"),
        _ => (
            "a list or a range",
            "write its values, `in [18, 34, 50]`, or a range, `in 1..=200`",
        ),
    };
    Diagnostic::error(&DOMAIN, format!("the values of {} are limited by {kinds}", one(ty)))
        .at(span, "")
        .help(help)
}

/// A domain with a part that is no literal.
pub(crate) fn domain_computed(span: Span) -> Diagnostic {
    Diagnostic::error(
        &DOMAIN,
        "the values that a param may have are written out, not computed",
    )
    .at(span, "")
    .help("write literals, `in 1..=200`; `--help` shows them to whoever sets the param")
}

/// A domain without a value.
pub(crate) fn domain_empty(span: Span) -> Diagnostic {
    Diagnostic::error(&DOMAIN, "no value lies in this domain")
        .at(span, "")
        .help("a range names its lower end first, and `..=` includes the upper one: `1..=200`")
}

/// A record that is indexed by a parameter lacks one of the values that the parameter may have.
pub(crate) fn value_is_no_key<'a>(
    param: &str,
    value: &str,
    span: Span,
    known: impl Iterator<Item = &'a String>,
) -> Diagnostic {
    let known: Vec<_> = known.collect();
    Diagnostic::error(
        &UNKNOWN_FIELD,
        format!("this record has no entry `{value}`, which the param `{param}` may name"),
    )
    .at(span, format!("may be `{value}`"))
    .help(format!("it has {}", quoted(&known)))
}

/// The domain stands after the default.
pub(crate) fn domain_last(param: &Param, value: &Expr, domain: &Expr, sources: &SourceMap) -> Diagnostic {
    let (value, domain) = (value.span, domain.span);
    let text = format!("in {} = {}", sources.text(domain), sources.text(value));
    let mut diagnostic = Diagnostic::error(&MISMATCH, "the values that a param may have stand before its default")
        .at(domain, "")
        .help(format!(
            "write `param {}: {} {text}`",
            param.name.name,
            sources.text(param.ty.span)
        ));
    diagnostic.fix = Some(Fix {
        span: Span {
            start: param.ty.span.end,
            ..domain
        },
        text: format!(" {text}"),
    });
    diagnostic
}
