//! What a check learns about every place of a program, kept for editors.

use indexmap::IndexMap;

use super::program::{ItemId, ModuleId};
use crate::{
    source::Span,
    types::{Named, Type},
};

/// The name or text that stands where an editor's cursor stands, so that a check says what is expected there.
pub const CURSOR: &str = "cursor_of_the_editor_";

/// What a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A `param`, `let`, `fn` or `net`.
    Item(ItemId),
    /// A whole module.
    Module(ModuleId),
    /// A name that an item defines within itself, by the place of its definition: a parameter, a local, a loop variable
    /// and so an axis. A net's `x` is defined at the net's name.
    Local(Span),
    /// A word of a choice.
    Word(Named, &'static str),
}

/// What the place of the cursor expects, and what is in scope there.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The type that the place would like; of a pipe's step `Subject -> _`.
    pub ty: Option<Type>,
    /// The names that the item defines within itself up to there, innermost last.
    pub locals: Vec<(String, Type)>,
    /// True inside a `net`.
    pub in_net: bool,
}

/// The facts of one check.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    types: IndexMap<Span, Type>,
    arriving: IndexMap<Span, Type>,
    uses: IndexMap<Span, Target>,
    /// Those of the standard library, which are the same in all programs.
    library: Option<&'static Facts>,
    /// What was found at [`CURSOR`].
    pub cursor: Option<Expected>,
}

impl Facts {
    /// The type of the expression, or of the name that is defined, at exactly this place.
    #[must_use]
    pub fn type_at(&self, span: Span) -> Option<&Type> {
        let library = || self.library?.type_at(span);
        self.types.get(&span).or_else(library)
    }

    /// The type of what arrives at a pipe's step, by the place of the step.
    #[must_use]
    pub fn arriving(&self, step: Span) -> Option<&Type> {
        let library = || self.library?.arriving(step);
        self.arriving.get(&step).or_else(library)
    }

    /// What the name at exactly this place refers to.
    #[must_use]
    pub fn target(&self, span: Span) -> Option<Target> {
        let library = || self.library?.target(span);
        self.uses.get(&span).copied().or_else(library)
    }

    /// All places that refer to something, and to what; in the whole standard library too.
    pub fn uses(&self) -> impl Iterator<Item = (Span, Target)> {
        let library = self.library.into_iter().flat_map(|library| &library.uses);
        library.chain(&self.uses).map(|(span, target)| (*span, *target))
    }

    /// No facts yet but those of the standard library.
    pub(super) fn beside(library: &'static Self) -> Self {
        Self {
            library: Some(library),
            ..Self::default()
        }
    }

    pub(super) fn note_type(&mut self, span: Span, ty: &Type) {
        self.types.insert(span, ty.clone());
    }

    pub(super) fn note_arriving(&mut self, step: Span, ty: &Type) {
        self.arriving.insert(step, ty.clone());
    }

    pub(super) fn note_use(&mut self, span: Span, target: Target) {
        self.uses.insert(span, target);
    }

    /// Takes over the facts of one item, its types as `finish` makes them.
    pub(super) fn absorb(&mut self, item: Self, finish: &dyn Fn(&Type) -> Type) {
        let finished = |types: IndexMap<Span, Type>| {
            let finished: Vec<_> = types.into_iter().map(|(span, ty)| (span, finish(&ty))).collect();
            finished
        };
        self.types.extend(finished(item.types));
        self.arriving.extend(finished(item.arriving));
        self.uses.extend(item.uses);
        if let Some(cursor) = item.cursor {
            self.cursor = Some(Expected {
                ty: cursor.ty.map(|ty| finish(&ty)),
                locals: cursor
                    .locals
                    .iter()
                    .map(|(name, ty)| (name.clone(), finish(ty)))
                    .collect(),
                in_net: cursor.in_net,
            });
        }
    }
}
