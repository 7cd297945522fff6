//! `@stages(...)`, `@study(...)`, `@since(...)`.

use super::{Checker, messages};
use crate::{
    analysis::program::Program,
    diag::{Diagnostics, Severity, codes},
    source::Span,
    syntax::ast::{Argument, Attribute, Expr, ExprKind, Item, ItemKind},
    types::Type,
};

/// The attributes, each with its use.
pub(super) const KNOWN: &[(&str, &str)] = &[
    (
        "stages",
        "`@stages(\"conv1\", \"layer1\")` before a `net` names the first parameter scope of each coarse stage",
    ),
    (
        "study",
        "`@study(seed: 7)` in the main file sets the seed of everything random",
    ),
    (
        "allow",
        "`@allow(\"unused\")` before an item silences the warnings of these names in it",
    ),
    ("since", "`@since(\"2.1\")` says since which version something exists"),
];

impl Checker<'_> {
    pub(super) fn attributes(&mut self, item: &Item) {
        for (index, attribute) in item.attributes.iter().enumerate() {
            let name = attribute.name.name.as_str();
            if let Some(first) = item.attributes.iter().take(index).find(|other| other.name.name == name) {
                self.report(messages::twice(name, attribute.name.span, first.name.span, "attribute"));
            }
            match name {
                "stages" => self.stages(attribute, item),
                "study" => self.study(attribute),
                "allow" => self.allow(attribute),
                "since" => {
                    if !matches!(attribute.arguments.as_slice(), [Argument::Positional(value)] if is_text(value)) {
                        self.report(messages::attribute("since", "takes one text", attribute.span));
                    }
                }
                _ => self.report(messages::unknown_attribute(attribute)),
            }
        }
    }

    fn stages(&mut self, attribute: &Attribute, item: &Item) {
        if !matches!(item.kind, ItemKind::Net(_)) {
            self.report(messages::attribute("stages", "belongs before a `net`", attribute.span));
        }
        let texts = attribute
            .arguments
            .iter()
            .all(|a| matches!(a, Argument::Positional(value) if is_text(value)));
        if attribute.arguments.is_empty() || !texts {
            self.report(messages::attribute(
                "stages",
                "takes parameter scopes, as plain texts",
                attribute.span,
            ));
        }
    }

    fn study(&mut self, attribute: &Attribute) {
        if self.frame.item.module != self.program.main {
            self.report(messages::attribute(
                "study",
                "belongs into the main file of a program",
                attribute.span,
            ));
        }
        match attribute.arguments.as_slice() {
            [Argument::Named(name, value)] if name.name == "seed" => {
                self.expect(value, &Type::INT);
            }
            _ => self.report(messages::attribute(
                "study",
                "takes `seed`, a whole number",
                attribute.span,
            )),
        }
    }
}

impl Checker<'_> {
    /// `@allow(...)` names warnings by the last part of their codes, or whole.
    fn allow(&mut self, attribute: &Attribute) {
        if attribute.arguments.is_empty() {
            self.report(messages::attribute(
                "allow",
                "takes names of warnings, as texts",
                attribute.span,
            ));
        }
        for argument in &attribute.arguments {
            let Some((name, span)) = allowed(argument) else {
                let wanted = "takes names of warnings, as texts";
                self.report(messages::attribute("allow", wanted, attribute.span));
                continue;
            };
            if !codes::all().any(|code| code.ends_with(&name)) {
                self.report(messages::unknown_warning(&name, span));
            }
        }
    }
}

/// A name that `@allow` holds, and its place.
fn allowed(argument: &Argument) -> Option<(String, Span)> {
    match argument {
        Argument::Positional(Expr {
            kind: ExprKind::Text(text),
            span,
        }) => Some((text.plain()?, *span)),
        _ => None,
    }
}

/// Removes the warnings that `@allow` silences: those whose place lies in an item that allows their code.
pub(super) fn silence(program: &Program, diagnostics: &mut Diagnostics) {
    let mut allowances: Vec<(Span, Vec<String>)> = Vec::new();
    for (_, module) in program.modules() {
        for item in &module.tree.items {
            let attributes = item
                .attributes
                .iter()
                .filter(|attribute| attribute.name.name == "allow");
            let arguments = attributes.flat_map(|attribute| &attribute.arguments);
            let names: Vec<_> = arguments.filter_map(allowed).map(|(name, _)| name).collect();
            if !names.is_empty() {
                allowances.push((item.span, names));
            }
        }
    }
    // Items do not overlap, so only the last that begins before a place can hold it.
    allowances.sort_by_key(|(item, _)| (item.file, item.start));
    diagnostics.retain(|diagnostic| {
        let Some(span) = diagnostic.span().filter(|_| diagnostic.severity != Severity::Error) else {
            return true;
        };
        let after = allowances.partition_point(|(item, _)| (item.file, item.start) <= (span.file, span.start));
        !allowances[..after].last().is_some_and(|(item, names)| {
            let inside = item.file == span.file && span.end <= item.end;
            inside && names.iter().any(|name| diagnostic.code.ends_with(name))
        })
    });
}

fn is_text(value: &Expr) -> bool {
    matches!(&value.kind, ExprKind::Text(text) if text.plain().is_some())
}
