//! The items of a file, for an editor's outline.

use std::ops::Range;

use super::analysis::{Analysis, range};
use crate::{
    source::{FileId, Span},
    syntax::ast::{Ident, ImportSource, ItemKind, Parameter},
};

/// What an entry of the outline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its word")]
pub enum OutlineKind {
    Import,
    Param,
    Let,
    Fn,
    Net,
    Out,
    Parameter,
}

/// An entry of the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// Its type, as far as it is known.
    pub detail: Option<String>,
    /// What it is.
    pub kind: OutlineKind,
    /// The whole, in bytes.
    pub range: Range<usize>,
    /// Its name alone.
    pub name_range: Range<usize>,
    /// Its parameters and locals.
    pub children: Vec<Self>,
}

impl Analysis {
    /// The items of a file in order of writing.
    #[must_use]
    pub fn outline(&self, file: FileId) -> Vec<Outline> {
        let Some((_, module)) = self.module(file) else {
            return Vec::new();
        };
        let items = module.tree.items.iter();
        items.filter_map(|item| self.entry(&item.kind, item.span)).collect()
    }

    fn entry(&self, kind: &ItemKind, whole: Span) -> Option<Outline> {
        let (name, what, children) = match kind {
            ItemKind::Import(import) => {
                let name = match &import.source {
                    ImportSource::File(path) => path.clone(),
                    ImportSource::Path(words) => words.join("."),
                };
                let span = import.source_span;
                return Some(self.make(&Ident { name, span }, OutlineKind::Import, whole, Vec::new()));
            }
            ItemKind::Param(param) => (&param.name, OutlineKind::Param, Vec::new()),
            ItemKind::Let(binding) => (&binding.name, OutlineKind::Let, Vec::new()),
            ItemKind::Out(out) => (&out.name, OutlineKind::Out, Vec::new()),
            ItemKind::Fn(function) => {
                let locals = function.body.iter().flat_map(|body| &body.locals);
                let locals: Vec<&Ident> = locals.map(|local| &local.name).collect();
                (
                    &function.name,
                    OutlineKind::Fn,
                    self.children(&function.parameters, &locals),
                )
            }
            ItemKind::Net(net) => {
                let locals: Vec<&Ident> = net.body.locals.iter().map(|local| &local.name).collect();
                (&net.name, OutlineKind::Net, self.children(&net.parameters, &locals))
            }
            ItemKind::Bad => return None,
        };
        (!name.name.is_empty()).then(|| self.make(name, what, whole, children))
    }

    fn children(&self, parameters: &[Parameter], locals: &[&Ident]) -> Vec<Outline> {
        let parameters = parameters
            .iter()
            .map(|p| (&p.name, OutlineKind::Parameter, p.span.to(p.name.span)));
        let locals = locals.iter().map(|name| (*name, OutlineKind::Let, name.span));
        parameters
            .chain(locals)
            .filter(|(name, ..)| !name.name.is_empty())
            .map(|(name, kind, whole)| self.make(name, kind, whole, Vec::new()))
            .collect()
    }

    fn make(&self, name: &Ident, kind: OutlineKind, whole: Span, children: Vec<Outline>) -> Outline {
        let text = self.text(whole.file);
        let name_range = range(name.span, text);
        let whole = range(whole.to(name.span), text);
        Outline {
            name: name.name.clone(),
            detail: match kind {
                OutlineKind::Net | OutlineKind::Import => None,
                _ => self.type_of_definition(name.span).map(|ty| ty.to_string()),
            },
            kind,
            range: whole,
            name_range,
            children,
        }
    }
}
