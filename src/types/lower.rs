//! From written types to types.

use std::sync::Arc;

use super::{Axis, Function, FunctionOrigin, Generic, Named, Parameter, Passing, Type};
use crate::{
    diag::{Diagnostic, Diagnostics, codes::types},
    source::Span,
    syntax::ast::{Ident, TypeExpr, TypeKind},
};

/// The type that was written; what cannot be understood is reported and [`Type::Unknown`].
pub fn lower(written: &TypeExpr, diagnostics: &mut Diagnostics) -> Type {
    match &written.kind {
        TypeKind::Name(name) => by_name(name, written.span, diagnostics),
        TypeKind::Apply(head, cell, axes) => applied(head, cell, axes, diagnostics),
        TypeKind::List(of) => Type::list(lower(of, diagnostics)),
        TypeKind::Map(of) => Type::Map(Box::new(lower(of, diagnostics))),
        TypeKind::Record(fields) => Type::Record(
            fields
                .iter()
                .map(|(name, ty)| (name.name.clone(), lower(ty, diagnostics)))
                .collect(),
        ),
        TypeKind::Fn(parameters, result) => {
            let parameters = parameters
                .iter()
                .map(|ty| Parameter {
                    name: String::new(),
                    ty: lower(ty, diagnostics),
                    required: true,
                    passing: Passing::Either,
                })
                .collect();
            let result = lower(result, diagnostics);
            Type::Function(Arc::new(Function {
                parameters,
                result,
                origin: FunctionOrigin::Declared,
            }))
        }
        TypeKind::Step(subject, result) => Type::step(lower(subject, diagnostics), lower(result, diagnostics)),
        TypeKind::Optional(of) => Type::optional(lower(of, diagnostics)),
        TypeKind::Bad => Type::Unknown,
    }
}

fn by_name(name: &str, span: Span, diagnostics: &mut Diagnostics) -> Type {
    if let Some(named) = Named::find(name) {
        return Type::Named(named);
    }
    let mut letters = name.chars();
    if let (Some(letter @ 'A'..='Z'), None) = (letters.next(), letters.next()) {
        return Type::Generic(Generic { letter });
    }
    let mut diagnostic =
        Diagnostic::error(&types::UNKNOWN_TYPE, format!("there is no type `{name}`")).at(span, "not a type");
    diagnostic = match name {
        "Grid" => diagnostic.help("a grid's type says what its cells are: `Grid[Scores]`"),
        "string" | "str" | "String" => diagnostic.help("the type of texts is `text`"),
        "double" | "number" | "real" => diagnostic.help("the type of numbers is `float`"),
        "boolean" => diagnostic.help("the type of `true` and `false` is `bool`"),
        _ => diagnostic.suggest(span, name, Named::ALL.iter().map(|named| named.name())),
    };
    diagnostics.push(diagnostic);
    Type::Unknown
}

fn applied(head: &Ident, cell: &TypeExpr, axes: &[Ident], diagnostics: &mut Diagnostics) -> Type {
    let cell = lower(cell, diagnostics);
    if head.name != "Grid" {
        let message = format!("`{}` takes no type in brackets", head.name);
        let help =
            "only `Grid` does: `Grid[Scores; chain, frozen]`; a list is `[T]`, a record with values of one type `{T}`";
        diagnostics.push(
            Diagnostic::error(&types::UNKNOWN_TYPE, message)
                .at(head.span, "")
                .help(help),
        );
        return Type::Unknown;
    }
    let axes: Vec<Axis> = axes
        .iter()
        .map(|axis| Axis {
            name: axis.name.clone(),
            labels: None,
            origin: None,
        })
        .collect();
    Type::grid(cell, (!axes.is_empty()).then_some(axes))
}
