//! Signatures of declared functions, as the prelude's text gives them.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::{
    diag::Diagnostics,
    syntax::ast::{Expr, FnItem, ItemKind, Module},
    types::{Function, FunctionOrigin, Parameter, Passing, Type, lower},
};

/// A function as it is declared.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Name and type of what is piped in.
    pub subject: Option<(String, Type)>,
    /// The parameters in its parentheses, in order.
    pub parameters: Vec<SignatureParameter>,
    /// What it gives, once its subject and its arguments are known.
    pub result: Type,
    /// Its documentation.
    pub doc: Option<String>,
}

/// A parameter as it is declared.
#[derive(Clone, Debug)]
pub struct SignatureParameter {
    /// Its name.
    pub name: String,
    /// Its type; of a variadic one that of each argument.
    pub ty: Type,
    /// Its default; without one a call must give it, unless it is variadic.
    pub default: Option<Expr>,
    /// True for `...parts: T`, which takes all positional arguments that are left, and for `...labels: {T}`, which takes
    /// all named ones.
    pub variadic: bool,
    /// Its documentation.
    pub doc: Option<String>,
}

impl SignatureParameter {
    /// How arguments reach it: `...parts: T` takes positional ones, `...labels: {T}` named ones.
    fn passing(&self) -> Passing {
        match (self.variadic, &self.ty) {
            (true, Type::Map(_)) => Passing::Entries,
            (true, _) => Passing::Variadic,
            (false, _) => Passing::Either,
        }
    }
}

impl Signature {
    /// The signature of a function; unknown types are reported. A rest parameter without a type (`...how`) is left out:
    /// what it takes is decided by the function's body.
    pub fn of(item: &FnItem, doc: Option<&str>, diagnostics: &mut Diagnostics) -> Self {
        let subject = item
            .subject
            .as_ref()
            .map(|(name, ty)| (name.name.clone(), lower(ty, diagnostics)));
        let declared = item.parameters.iter().filter(|p| !(p.rest && p.ty.is_none()));
        let parameters = declared
            .map(|parameter| SignatureParameter {
                name: parameter.name.name.clone(),
                ty: parameter.ty.as_ref().map_or(Type::Unknown, |ty| lower(ty, diagnostics)),
                default: parameter.default.clone(),
                variadic: parameter.rest,
                doc: parameter.doc.clone(),
            })
            .collect();
        Self {
            name: item.name.name.clone(),
            subject,
            parameters,
            result: item.result.as_ref().map_or(Type::Unknown, |ty| lower(ty, diagnostics)),
            doc: doc.map(str::to_owned),
        }
    }

    /// The type of the function's bare name: its result is a step when it has a subject.
    #[must_use]
    pub fn function(&self) -> Function {
        let parameters = self
            .parameters
            .iter()
            .map(|p| Parameter {
                name: p.name.clone(),
                ty: match (p.passing(), &p.ty) {
                    (Passing::Entries, Type::Map(of)) => (**of).clone(),
                    (_, ty) => ty.clone(),
                },
                required: p.default.is_none() && !p.variadic,
                passing: p.passing(),
            })
            .collect();
        let result = match &self.subject {
            Some((_, subject)) => Type::step(subject.clone(), self.result.clone()),
            None => self.result.clone(),
        };
        Function {
            parameters,
            result,
            origin: FunctionOrigin::Declared,
        }
    }

    /// As [`Signature::function`], as a type.
    #[must_use]
    pub fn ty(&self) -> Type {
        Type::Function(Arc::new(self.function()))
    }
}

/// The signatures of all functions that a module declares without a body, by name: the builtins, when it is the prelude.
pub fn signatures(module: &Module, diagnostics: &mut Diagnostics) -> IndexMap<String, Signature> {
    let mut found = IndexMap::new();
    for item in &module.items {
        if let ItemKind::Fn(function) = &item.kind
            && function.body.is_none()
        {
            found.insert(
                function.name.name.clone(),
                Signature::of(function, item.doc.as_deref(), diagnostics),
            );
        }
    }
    found
}
