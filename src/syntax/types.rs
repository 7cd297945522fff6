//! Written types.

use super::{
    Pair, Rule,
    ast::{Ident, TypeExpr, TypeKind},
    builder::{Builder, MAX_DEPTH},
    lists::ListWords,
    messages,
};

const ENTRIES: ListWords = ListWords {
    element: "a type or an entry `name: Type`",
    after: "`,` or `}`",
    help: None,
};
const TYPES: ListWords = ListWords {
    element: "a type",
    after: "`,` or `)`",
    help: None,
};
const AXES: ListWords = ListWords {
    element: "the name of an axis",
    after: "`,` or `]`",
    help: None,
};

/// An element of a type's braces.
enum InBraces {
    Entry(Ident, TypeExpr),
    Type(TypeExpr),
}

impl Builder<'_> {
    /// The type after `:` or `->`.
    pub(super) fn annotation(&mut self, pair: Pair<'_>) -> TypeExpr {
        let end = self.end(&pair);
        match pair.into_inner().next() {
            Some(ty) => self.ty(ty),
            None => self.bad_type(end),
        }
    }

    /// A type, from `ty` or `no_type`.
    pub(super) fn ty(&mut self, pair: Pair<'_>) -> TypeExpr {
        if pair.as_rule() != Rule::ty {
            let at = self.start(&pair);
            self.unexpected(at, "a type");
            return self.bad_type(at);
        }
        let span = self.span(&pair);
        if self.depth >= MAX_DEPTH {
            let diagnostic = messages::too_deep(span, MAX_DEPTH, "types and expressions hold each other");
            self.report(span.start as usize, diagnostic);
            return TypeExpr {
                kind: TypeKind::Bad,
                span,
            };
        }
        self.depth += 1;
        let ty = self.ty_parts(pair);
        self.depth -= 1;
        ty
    }

    fn ty_parts(&mut self, pair: Pair<'_>) -> TypeExpr {
        let span = self.span(&pair);
        let mut atom = self.bad_type(span.start as usize);
        // The types in parentheses: a function's parameters if `->` follows, otherwise a single type.
        let mut listed: Option<Vec<TypeExpr>> = None;
        let mut result = None;
        for part in pair.into_inner() {
            let part_span = self.span(&part);
            match part.as_rule() {
                Rule::ty_parens => {
                    atom.span = part_span;
                    listed = Some(self.ty_list(part));
                }
                Rule::question => {
                    if part.as_str().len() > 1 {
                        self.unexpected(part_span.start as usize + 1, "`->` or the end of the type");
                    }
                    if let Some(types) = listed.take() {
                        atom = self.single(types, atom);
                    }
                    atom = TypeExpr {
                        span: atom.span.to(part_span),
                        kind: TypeKind::Optional(Box::new(atom)),
                    };
                }
                Rule::arrow => {}
                Rule::ty | Rule::no_type => result = Some(self.ty(part)),
                _ => atom = self.ty_atom(part),
            }
        }
        let kind = match (listed, result) {
            (Some(types), Some(result)) => TypeKind::Fn(types, Box::new(result)),
            (None, Some(result)) => TypeKind::Step(Box::new(atom), Box::new(result)),
            (Some(types), None) => return self.single(types, atom),
            (None, None) => return atom,
        };
        TypeExpr { kind, span }
    }

    /// A type in parentheses; `parens` has their span.
    fn single(&mut self, mut types: Vec<TypeExpr>, parens: TypeExpr) -> TypeExpr {
        if types.len() == 1
            && let Some(ty) = types.pop()
        {
            return TypeExpr {
                kind: ty.kind,
                span: parens.span,
            };
        }
        self.unexpected(parens.span.end as usize, "`->` and the function's result");
        parens
    }

    fn ty_atom(&mut self, pair: Pair<'_>) -> TypeExpr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::ty_list => {
                let mut element = self.bad_type(span.end as usize);
                let mistakes = self.mistakes();
                for part in pair.into_inner() {
                    match part.as_rule() {
                        Rule::ty | Rule::no_type => element = self.ty(part),
                        _ => self.after_type(span.start as usize, &part, mistakes),
                    }
                }
                TypeKind::List(Box::new(element))
            }
            Rule::ty_braces => self.ty_braces(pair),
            _ => self.ty_name(pair),
        };
        TypeExpr { kind, span }
    }

    /// What stands between a type in brackets and their end; reported unless there have been more mistakes than `before`.
    fn after_type(&mut self, opener: usize, part: &Pair<'_>, before: usize) {
        if self.mistakes() > before {
            return;
        }
        if part.as_rule() == Rule::no_close {
            self.unclosed(opener, self.start(part));
        } else {
            self.unexpected(self.start(part), "`]`");
        }
    }

    fn ty_list(&mut self, pair: Pair<'_>) -> Vec<TypeExpr> {
        let opener = self.start(&pair);
        self.elements(opener, pair.into_inner(), &TYPES, Self::ty)
            .into_iter()
            .map(|element| element.node)
            .collect()
    }

    fn ty_braces(&mut self, pair: Pair<'_>) -> TypeKind {
        let opener = self.start(&pair);
        let found = self.elements(opener, pair.into_inner(), &ENTRIES, |builder, part| {
            if part.as_rule() == Rule::ty {
                return InBraces::Type(builder.ty(part));
            }
            let end = builder.end(&part);
            let mut entry = (builder.no_name(end), builder.bad_type(end));
            for inner in part.into_inner() {
                match inner.as_rule() {
                    Rule::word => entry.0 = builder.name(&inner, "a name"),
                    _ => entry.1 = builder.ty(inner),
                }
            }
            InBraces::Entry(entry.0, entry.1)
        });
        let alone = found.len() == 1;
        let mut entries = Vec::new();
        for element in found {
            match element.node {
                InBraces::Entry(name, ty) => entries.push((name, ty)),
                InBraces::Type(ty) if alone => return TypeKind::Map(Box::new(ty)),
                InBraces::Type(ty) => self.unexpected(ty.span.start as usize, "an entry `name: Type`"),
            }
        }
        TypeKind::Record(entries)
    }

    fn ty_name(&mut self, pair: Pair<'_>) -> TypeKind {
        let end = self.end(&pair);
        let mut name = self.no_name(end);
        let mut applied = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => name = self.name(&part, "a type"),
                _ => applied = Some(self.ty_arguments(part)),
            }
        }
        match applied {
            Some((ty, axes)) => TypeKind::Apply(name, Box::new(ty), axes),
            None => TypeKind::Name(name.name),
        }
    }

    fn ty_arguments(&mut self, pair: Pair<'_>) -> (TypeExpr, Vec<Ident>) {
        let opener = self.start(&pair);
        let mistakes = self.mistakes();
        let mut argument = self.bad_type(self.end(&pair));
        let mut axes = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ty | Rule::no_type => argument = self.ty(part),
                Rule::ty_axes => {
                    let found = self.elements(opener, part.into_inner(), &AXES, |builder, axis| {
                        builder.name(&axis, "the name of an axis")
                    });
                    axes = found.into_iter().map(|element| element.node).collect();
                }
                _ => self.after_type(opener, &part, mistakes),
            }
        }
        (argument, axes)
    }
}
