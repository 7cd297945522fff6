//! What there is to say about a place.

use std::ops::Range;

use super::{
    analysis::{Analysis, range},
    index::Symbol,
    shapes,
    visit::{self, Node},
};
use crate::{
    analysis::{ItemId, parameter_of, parameters},
    builtins::choices,
    doc::Heads,
    source::{FileId, Span},
    syntax::ast::{Argument, Expr, ExprKind, Item, ItemKind, Parameter, TypeKind},
    types::{Named, Type},
};

/// What is shown about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// Bytes that it is about.
    pub range: Range<usize>,
    /// Markdown.
    pub text: String,
}

impl Analysis {
    /// What there is to say about a byte of a file.
    #[must_use]
    pub fn hover(&self, file: FileId, offset: usize) -> Option<Hover> {
        let path = visit::path_at(&self.module(file)?.1.tree, offset);
        let found = self.symbol_at(file, offset);
        let (span, mut text) = match found {
            Some(occurrence) => (occurrence.span, self.about(occurrence.symbol, occurrence.span)?),
            None => self.about_node(&path)?,
        };
        if let Some(shapes) = self.about_shapes(&path, found.map(|o| o.symbol)) {
            text = format!("{text}\n\n{shapes}");
        }
        let range = range(span, self.text(file));
        Some(Hover { range, text })
    }

    fn about(&self, symbol: Symbol, at: Span) -> Option<String> {
        match self.index.resolve(symbol) {
            Symbol::Word(of, word) => {
                let known = choices::words(of).iter().find(|known| known.word == word)?;
                Some(format!("{}\n\n{}", code(&format!("{word}: {}", of.name())), known.doc))
            }
            Symbol::Module(id) => {
                let tree = &self.program.module(id).tree;
                let name = self.program.sources.file(tree.file).name();
                Some(format!(
                    "{}\n\n{}",
                    code(&format!("import {name}")),
                    tree.docs.join("\n")
                ))
            }
            Symbol::Subject(net) => {
                let net = self.program.sources.text(net);
                Some(format!("{}\n\nWhat is piped into the net `{net}`.", code("x: Tensor")))
            }
            Symbol::Name(span) => Some(self.about_name(span, at)),
        }
    }

    fn about_name(&self, defined: Span, at: Span) -> String {
        if let Some(id) = self.index.items.get(&defined) {
            return self.about_item(*id);
        }
        if let Some(parameter) = self.declared(defined) {
            let doc = parameter.doc.as_deref().unwrap_or("");
            return format!("{}\n\n{doc}", code(&self.parameter_text(parameter)));
        }
        let ty = self.facts.type_at(at).or_else(|| self.facts.type_at(defined));
        let ty = ty.map_or_else(|| "_".to_owned(), Type::to_string);
        let name = self.program.sources.text(defined);
        let doc = self.local_doc(defined);
        format!("{}\n\n{}", code(&format!("let {name}: {ty}")), doc.unwrap_or(""))
    }

    fn about_item(&self, id: ItemId) -> String {
        let item = self.program.item(id);
        let doc = item.doc.as_deref().unwrap_or("");
        format!("{}\n\n{doc}", code(&self.head(item)))
    }

    /// An item without its body, as the language writes it.
    pub(super) fn head(&self, item: &Item) -> String {
        Heads::new(&self.program, &self.facts).item(item)
    }

    /// A parameter as it is declared: `epochs: int = 30`.
    pub(super) fn parameter_text(&self, parameter: &Parameter) -> String {
        Heads::new(&self.program, &self.facts).parameter(parameter)
    }

    /// The declaration of the parameter whose name stands at a place.
    fn declared(&self, defined: Span) -> Option<&Parameter> {
        let id = (*self.index.parameters.get(&defined)?)?;
        let mut all = parameters(&self.program, id).iter();
        all.find(|p| p.name.span == defined)
    }

    /// The declaration of a function's or net's parameter, found through `...how` as well.
    pub(super) fn parameter_named(&self, id: ItemId, name: &str) -> Option<&Parameter> {
        parameter_of(&self.program, &self.facts, id, name)
    }

    fn local_doc(&self, defined: Span) -> Option<&str> {
        let (_, module) = self.module(defined.file)?;
        let mut doc = None;
        visit::walk(&module.tree, &mut |node, _| {
            if let Node::Let(binding) = node
                && binding.name.span == defined
            {
                doc = binding.doc.as_deref();
            }
        });
        doc
    }

    /// A type's documentation, or an expression's type.
    fn about_node(&self, path: &[Node<'_>]) -> Option<(Span, String)> {
        match path.last()? {
            Node::Type(ty) => match &ty.kind {
                TypeKind::Name(name) => {
                    let named = Named::find(name)?;
                    Some((ty.span, format!("{}\n\n{}", code(name), named.doc())))
                }
                _ => None,
            },
            Node::Expr(expr) if !matches!(expr.kind, ExprKind::Bad) => {
                let found = self.facts.type_at(expr.span)?;
                Some((expr.span, code(&found.to_string())))
            }
            Node::Argument(Argument::Named(name, value)) => {
                let ty = self.facts.type_at(value.span)?;
                Some((name.span, code(&format!("{}: {ty}", name.name))))
            }
            _ => None,
        }
    }

    /// The shapes of the network that a name or a call makes, or after the layer that stands there.
    fn about_shapes(&self, path: &[Node<'_>], symbol: Option<Symbol>) -> Option<String> {
        if let Some(text) = self.about_layer(path) {
            return Some(text);
        }
        let Some(Symbol::Name(span)) = symbol.map(|symbol| self.index.resolve(symbol)) else {
            return None;
        };
        let net = *self.index.items.get(&span)?;
        if !matches!(self.program.item(net).kind, ItemKind::Net(_)) {
            return None;
        }
        let call = path.iter().rev().find_map(|node| match node {
            Node::Expr(Expr {
                kind: ExprKind::Call(..),
                span,
            }) => Some(*span),
            _ => None,
        });
        let traces = self.traces();
        let called = traces
            .all
            .iter()
            .find(|traced| traced.net == net && Some(traced.at) == call);
        let traced = called.or_else(|| traces.all.iter().find(|traced| traced.net == net))?;
        let [channels, height, width] = traces.input;
        let listing = shapes::listing(&traced.trace.graph);
        Some(format!(
            "`{}` for pictures of {channels} x {height} x {width}:\n\n```text\n{listing}\n```",
            traced.label
        ))
    }

    fn about_layer(&self, path: &[Node<'_>]) -> Option<String> {
        let in_net = matches!(path.first(), Some(Node::Item(item)) if matches!(item.kind, ItemKind::Net(_)));
        if !in_net {
            return None;
        }
        let spans = path.iter().rev().filter_map(|node| match node {
            Node::Step(step) => Some(step.step.span),
            Node::Expr(Expr {
                kind: ExprKind::Call(..) | ExprKind::Name(_),
                span,
            }) => Some(*span),
            _ => None,
        });
        let found = spans
            .map(|span| self.shapes_after(span))
            .find(|found| !found.is_empty())?;
        let [channels, height, width] = self.traces().input;
        let lines: Vec<String> = found
            .iter()
            .map(|(net, shapes)| {
                let shapes: Vec<String> = shapes.iter().map(ToString::to_string).collect();
                format!("`{}` in `{net}`", shapes.join(", "))
            })
            .collect();
        Some(format!(
            "shape after it, for pictures of {channels} x {height} x {width}: {}",
            lines.join("; ")
        ))
    }
}

/// Markdown that shows code of the language.
pub(super) fn code(text: &str) -> String {
    format!("```mtl\n{text}\n```")
}
