//! The order in which items are inferred: what is needed first comes first, so that inference never goes deep.

use indexmap::{IndexMap, IndexSet};

use crate::{
    analysis::{
        program::{ItemId, Meaning, ModuleId, Program},
        walk,
    },
    syntax::ast::{Expr, ExprKind, Item, ItemKind},
};

/// The items of all modules but the standard library's, each after those that it names. Locals that share a name with an
/// item only make for a needless dependency.
pub(super) fn by_need(program: &Program) -> Vec<ItemId> {
    let mut needs: IndexMap<ItemId, Vec<ItemId>> = IndexMap::new();
    for (module, loaded) in program.modules() {
        if !loaded.origin.is_std() {
            needs.extend(
                program
                    .items(module)
                    .map(|(id, item)| (id, named_items(program, module, item))),
            );
        }
    }
    let mut order: IndexSet<ItemId> = IndexSet::new();
    let mut open: IndexSet<ItemId> = IndexSet::new();
    for &start in needs.keys() {
        let mut stack = vec![(start, 0)];
        while let Some((id, next)) = stack.pop() {
            if next == 0 && !open.insert(id) {
                continue;
            }
            match needs.get(&id).and_then(|all| all.get(next)) {
                Some(&needed) => {
                    stack.push((id, next + 1));
                    if needs.contains_key(&needed) && !open.contains(&needed) {
                        stack.push((needed, 0));
                    }
                }
                None => {
                    order.insert(id);
                }
            }
        }
    }
    order.into_iter().collect()
}

/// The items that an item's expressions name.
fn named_items(program: &Program, module: ModuleId, item: &Item) -> Vec<ItemId> {
    let mut found = IndexSet::new();
    let mut see = |expr: &Expr| {
        let meaning = match &expr.kind {
            ExprKind::Name(name) => program.lookup(module, name),
            ExprKind::Field(value, field) => match &value.kind {
                ExprKind::Name(name) => match program.lookup(module, name) {
                    Some(Meaning::Module(other)) => program.module(other).exported(&field.name),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        if let Some(Meaning::Item(id)) = meaning {
            found.insert(id);
        }
    };
    match &item.kind {
        ItemKind::Let(binding) => walk::each(&binding.value, &mut see),
        ItemKind::Fn(function) => {
            if let Some(body) = &function.body {
                walk::each_in_block(body, &mut see);
            }
        }
        ItemKind::Param(_) | ItemKind::Net(_) | ItemKind::Out(_) | ItemKind::Import(_) | ItemKind::Bad => {}
    }
    found.into_iter().collect()
}
