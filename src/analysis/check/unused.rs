//! Names that nothing uses.

use super::{Checker, messages};
use crate::{
    analysis::program::{ItemId, Meaning, defined_name},
    syntax::ast::ItemKind,
};
use indexmap::IndexSet;

impl Checker<'_> {
    /// Warns of items and imported names of the main file that nothing needs. A file without an output is a library, and
    /// a program with a mistake in it may have lost a use.
    pub(super) fn report_unused_names(&mut self) {
        let main = self.program.main;
        if self.diagnostics.has_errors() || self.program.outputs().next().is_none() {
            return;
        }
        let needs = self.needs.keys().filter(|(from, _)| from.module == main);
        let needed: IndexSet<ItemId> = needs.map(|(_, to)| *to).collect();
        let module = self.program.module(main);
        let is_unused = |name: &str| match module.scope.get(name) {
            Some(Meaning::Item(id)) => !needed.contains(id),
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
