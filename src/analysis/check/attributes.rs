//! `@stages(...)`, `@study(...)`, `@since(...)`.

use super::{Checker, messages};
use crate::{
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

fn is_text(value: &Expr) -> bool {
    matches!(&value.kind, ExprKind::Text(text) if text.plain().is_some())
}
