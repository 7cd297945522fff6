//! Names that nothing uses.

use super::{Checker, messages};
use crate::{
    analysis::program::{ItemId, Meaning, ModuleId, defined_name, is_private},
    syntax::ast::{Ident, ItemKind},
};
use indexmap::IndexSet;

impl Checker<'_> {
    /// Keeps the names from `depth` on that nothing used; a name that begins with `_` says that it is meant so.
    pub(super) fn note_unused(&mut self, what: &'static str, depth: usize) {
        if self.program.module(self.frame.item.module).origin.is_std() {
            return;
        }
        let locals = self.frame.locals.iter().skip(depth);
        let unused = locals.filter(|local| !local.used && !local.name.is_empty() && !is_private(&local.name));
        self.unused.extend(unused.map(|local| {
            let name = Ident {
                name: local.name.clone(),
                span: local.defined,
            };
            (what, name)
        }));
    }

    /// Warns of names that nothing needs: what the main file defines and imports, private names of all files, locals and
    /// parameters of lambdas. A file without an output is a library, whose names others may need; a program with a
    /// mistake in it may have lost a use.
    pub(super) fn report_unused_names(&mut self) {
        if self.diagnostics.has_errors() {
            return;
        }
        let program = self.program;
        let is_program = program.outputs().next().is_some();
        for (module, loaded) in program.modules() {
            if !loaded.origin.is_std() {
                self.report_unused_items(module, is_program && module == program.main);
            }
        }
        for (what, name) in std::mem::take(&mut self.unused) {
            self.report(messages::unused_local(what, &name));
        }
    }

    /// Warns of the items and imported names of a file that nothing in it needs: all, or the private ones.
    fn report_unused_items(&mut self, module: ModuleId, all: bool) {
        let needs = self.needs.keys().filter(|(from, _)| from.module == module);
        let needed: IndexSet<ItemId> = needs.map(|(_, to)| *to).collect();
        let module = self.program.module(module);
        let is_unused = |name: &str| match module.scope.get(name) {
            Some(Meaning::Item(id)) => !needed.contains(id) && (all || is_private(name)),
            _ => false,
        };
        let mut found = Vec::new();
        for item in &module.tree.items {
            let what = match &item.kind {
                ItemKind::Let(_) => "binding",
                ItemKind::Fn(_) => "function",
                ItemKind::Net(_) => "network",
                ItemKind::Param(_) => "parameter",
                ItemKind::Import(import) => {
                    let names = import
                        .names
                        .iter()
                        .flatten()
                        .map(|name| name.alias.as_ref().unwrap_or(&name.name));
                    found.extend(names.filter(|name| is_unused(&name.name)).map(|name| ("import", name)));
                    continue;
                }
                ItemKind::Out(_) | ItemKind::Bad => continue,
            };
            let name = defined_name(item).filter(|name| is_unused(&name.name));
            found.extend(name.map(|name| (what, name)));
        }
        for (what, name) in found {
            self.report(messages::unused(what, name));
        }
    }
}
