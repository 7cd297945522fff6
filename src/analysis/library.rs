//! The standard library, of which a module is loaded and checked when a program first needs it, once for all programs of a
//! process.
//!
//! Its modules and files have the same places in every program, so what was learned of them holds in all.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::{
    check,
    facts::Facts,
    load::{self, Key},
    program::{ItemId, ModuleId, Program, Slot},
};
use crate::{builtins, diag::Diagnostics, source::SourceMap, types::Type};

/// The library: its texts, and its modules as far as they were needed.
pub(super) struct Library {
    /// The texts; the file of a module has the module's place.
    pub(super) sources: SourceMap,
    /// Where its modules are.
    pub(super) known: IndexMap<Key, ModuleId>,
    /// Its modules.
    pub(super) modules: Vec<Arc<Slot>>,
    /// What is wrong with each: nothing, as tests prove.
    diagnostics: Vec<OnceLock<Diagnostics>>,
    /// The types of the items of each.
    types: Vec<OnceLock<IndexMap<ItemId, Type>>>,
}

/// The library; nothing of it is parsed yet.
pub(super) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut library = Library {
            sources: SourceMap::new(),
            known: IndexMap::new(),
            modules: Vec::new(),
            diagnostics: Vec::new(),
            types: Vec::new(),
        };
        for (place, name) in builtins::std_modules().enumerate() {
            let text = builtins::std_source(name).map_or("", |(_, text)| text);
            let file = library.sources.add(name, None, text);
            library.known.insert(Key::Std(name.to_owned()), ModuleId(place));
            library.modules.push(Arc::new(Slot::later(move || {
                let mut diagnostics = Diagnostics::new();
                let module = load::load_std(ModuleId(place), name, file, &mut diagnostics);
                // Nobody else sets it: this runs once.
                let _ = self::library().diagnostics[place].set(diagnostics);
                module
            })));
            library.diagnostics.push(OnceLock::new());
            library.types.push(OnceLock::new());
        }
        library
    })
}

/// What is wrong with a module that was loaded; nothing for another.
pub(super) fn diagnostics(id: ModuleId) -> Option<&'static Diagnostics> {
    library().diagnostics.get(id.0)?.get()
}

/// The type of an item of the library; none for another.
pub(super) fn type_of(id: ItemId) -> Option<&'static Type> {
    let types = library().types.get(id.module.0)?;
    types.get_or_init(|| check::library_types(whole(), id.module)).get(&id)
}

/// What a check learns about all its places.
pub(super) fn facts() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    FACTS.get_or_init(|| check::library_facts(whole()))
}

/// The library as a program, whose main module is the prelude.
fn whole() -> &'static Program {
    static WHOLE: OnceLock<Program> = OnceLock::new();
    WHOLE.get_or_init(load::library_program)
}
