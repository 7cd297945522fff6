//! The standard library, loaded and checked once for all programs of a process.
//!
//! Its modules and files have the same places in every program, so what was learned of them holds in all.

use std::sync::OnceLock;

use indexmap::IndexMap;

use super::{
    check,
    facts::Facts,
    load::{self, Key},
    program::{ItemId, ModuleId, Program},
};
use crate::{diag::Diagnostics, types::Type};

/// The library as it was loaded.
pub(super) struct Library {
    /// All of its modules; the main one is the prelude.
    pub(super) program: Program,
    /// Where its modules are.
    pub(super) known: IndexMap<Key, ModuleId>,
    /// What is wrong with it: nothing, as tests prove.
    pub(super) diagnostics: Diagnostics,
}

/// The library, loaded when first asked for.
pub(super) fn loaded() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(load::load_library)
}

/// The types of all its items.
pub(super) fn types() -> &'static IndexMap<ItemId, Type> {
    static TYPES: OnceLock<IndexMap<ItemId, Type>> = OnceLock::new();
    TYPES.get_or_init(|| check::library_types(&loaded().program))
}

/// What a check learns about all its places.
pub(super) fn facts() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    FACTS.get_or_init(|| check::library_facts(&loaded().program))
}
