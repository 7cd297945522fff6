//! Where a name is defined and where it is used.

use super::{
    analysis::{Analysis, Location},
    index::Symbol,
};
use crate::{
    analysis::ModuleId,
    source::{FileId, Span},
    syntax::ast::ItemKind,
    types::Type,
};

impl Analysis {
    /// Where the name at a byte is defined; at an import's source the file that is imported.
    #[must_use]
    pub fn definition(&self, file: FileId, offset: usize) -> Option<Location> {
        let found = self.symbol_at(file, offset);
        match found.map(|occurrence| self.index.resolve(occurrence.symbol)) {
            Some(Symbol::Name(span) | Symbol::Subject(span)) => self.location(span),
            Some(Symbol::Module(id)) => self.start_of(id),
            Some(Symbol::Word(..)) => None,
            None => {
                let key = self.imported_at(file, offset)?;
                let (id, _) = self.module(self.file(&key)?)?;
                self.start_of(id)
            }
        }
    }

    fn start_of(&self, id: ModuleId) -> Option<Location> {
        self.location(Span::new(self.program.module(id).tree.file, 0, 0))
    }

    /// Every place of this program that refers to what is defined at a place, that one included.
    #[must_use]
    pub fn references(&self, defined: Span) -> Vec<Location> {
        let direct = self.index.of(Symbol::Name(defined));
        let aliases = self.index.aliases.iter().filter(|(_, to)| **to == defined);
        let through = aliases.flat_map(|(alias, _)| self.index.of(Symbol::Name(*alias)));
        direct
            .chain(through)
            .filter_map(|occurrence| self.location(occurrence.span))
            .collect()
    }

    /// The definition, as a place of this program, of the name at a byte, if it is one that the program defines.
    #[must_use]
    pub fn defined_at(&self, file: FileId, offset: usize) -> Option<Span> {
        match self.index.resolve(self.symbol_at(file, offset)?.symbol) {
            Symbol::Name(span) => Some(span),
            _ => None,
        }
    }

    /// The place in this program of a definition that another program knows by its location.
    #[must_use]
    pub fn same_definition(&self, location: &Location) -> Option<Span> {
        let file = self.file(&location.file)?;
        Some(Span::new(file, location.range.start, location.range.end))
    }

    /// The type of what is defined at a place.
    pub(super) fn type_of_definition(&self, span: Span) -> Option<&Type> {
        match self.index.items.get(&span).map(|id| &self.program.item(*id).kind) {
            Some(ItemKind::Out(out)) => self.facts.type_at(out.value.span),
            _ => self.facts.type_at(span),
        }
    }
}
