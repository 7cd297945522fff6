//! Declarations without their bodies, as the language writes them.

use crate::{
    analysis::{Facts, Program, program::defined_name},
    syntax::ast::{Expr, FnItem, Item, ItemKind, Param, Parameter},
    types::Type,
};

/// Parameters that are longer together stand one on each line.
const LONG: usize = 60;

/// Writes declarations of one program; types that are not written come from its check.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    program: &'a Program,
    facts: &'a Facts,
}

impl<'a> Heads<'a> {
    /// For a program and what its check found.
    #[must_use]
    pub fn new(program: &'a Program, facts: &'a Facts) -> Self {
        Self { program, facts }
    }

    /// An item without its body: `fn model: Model |> warm(task: Task) -> Model`, `let rates: [float]`.
    #[must_use]
    pub fn item(&self, item: &Item) -> String {
        let name = defined_name(item).map_or("", |name| name.name.as_str());
        match &item.kind {
            ItemKind::Fn(function) => self.function(function),
            ItemKind::Net(net) => format!("net {name}({})", self.parameters(&net.parameters)),
            ItemKind::Param(param) => format!("param {}", param_head(self.program, param)),
            ItemKind::Out(out) => {
                let ty = shown(self.facts.type_at(out.value.span));
                format!("out {}: {ty}", out.name.name)
            }
            _ => {
                let defined = defined_name(item).and_then(|name| self.facts.type_at(name.span));
                format!("let {name}: {}", shown(defined))
            }
        }
    }

    fn function(&self, function: &FnItem) -> String {
        let text = |span| self.program.sources.text(span);
        let subject = function.subject.as_ref();
        let subject = subject.map(|(name, ty)| format!("{}: {} |> ", name.name, text(ty.span)));
        let result = function.result.as_ref().map(|ty| format!(" -> {}", text(ty.span)));
        format!(
            "fn {}{}({}){}",
            subject.unwrap_or_default(),
            function.name.name,
            self.parameters(&function.parameters),
            result.unwrap_or_default()
        )
    }

    /// Parameters on one line when they are few, otherwise one on each.
    fn parameters(&self, parameters: &[Parameter]) -> String {
        let all: Vec<String> = parameters.iter().map(|p| self.parameter(p)).collect();
        let short = all.join(", ");
        if short.len() <= LONG {
            short
        } else {
            format!("\n  {},\n", all.join(",\n  "))
        }
    }

    /// A parameter as it is declared: `epochs: int = 30`.
    #[must_use]
    pub fn parameter(&self, parameter: &Parameter) -> String {
        let rest = if parameter.rest { "..." } else { "" };
        let ty = self.parameter_type(parameter);
        let ty = ty.map_or_else(String::new, |ty| format!(": {ty}"));
        format!(
            "{rest}{}{ty}{}",
            parameter.name.name,
            self.default(parameter.default.as_ref())
        )
    }

    /// The type of a parameter, as it is written or was found; none of `...how`.
    pub(super) fn parameter_type(&self, parameter: &Parameter) -> Option<String> {
        match &parameter.ty {
            Some(ty) => Some(self.program.sources.text(ty.span).to_owned()),
            None if parameter.rest => None,
            None => self.facts.type_at(parameter.name.span).map(Type::to_string),
        }
    }

    fn default(&self, value: Option<&Expr>) -> String {
        value.map_or_else(String::new, |value| {
            format!(" = {}", self.program.sources.text(value.span))
        })
    }
}

/// A parameter of a program as it is declared, without the word: `epochs: int in 1..=200 = 30`.
#[must_use]
pub fn param_head(program: &Program, param: &Param) -> String {
    let written = |sign: &str, value: Option<&Expr>| {
        let text = value.map(|value| program.sources.text(value.span));
        text.map_or_else(String::new, |text| format!(" {sign} {text}"))
    };
    format!(
        "{}: {}{}{}",
        param.name.name,
        program.sources.text(param.ty.span),
        written("in", param.domain.as_ref()),
        written("=", param.default.as_ref())
    )
}

fn shown(ty: Option<&Type>) -> String {
    ty.map_or_else(|| "_".to_owned(), Type::to_string)
}
