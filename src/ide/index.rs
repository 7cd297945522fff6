//! Every name of a program with the symbol that it refers to.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    analysis::Analysis,
    visit::{self, Node, name_of},
};
use crate::{
    analysis::{Facts, ItemId, Meaning, ModuleId, Program, Target, parameter_of, program::defined_name},
    source::{FileId, Span},
    syntax::ast::{Argument, Expr, ExprKind, Ident, ItemKind, Parameter},
    types::Named,
};

/// What a name refers to, told apart by where it is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Symbol {
    /// Something with a name that the program defines there.
    Name(Span),
    /// What is piped into the net whose name stands there.
    Subject(Span),
    /// A module.
    Module(ModuleId),
    /// A word of a choice.
    Word(Named, &'static str),
}

/// A name where it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    /// Where; of a text without its quotes.
    pub(super) span: Span,
    /// What it refers to.
    pub(super) symbol: Symbol,
}

/// All occurrences, by place.
#[derive(Debug, Default)]
pub(super) struct Index {
    occurrences: Vec<Occurrence>,
    /// The item whose name is defined at a place.
    pub(super) items: IndexMap<Span, ItemId>,
    /// The names that imports give anew (`as`), with what they stand for.
    pub(super) aliases: IndexMap<Span, Span>,
    /// Where parameters are declared, by their names' places, with the item that declares them, if one does.
    pub(super) parameters: IndexMap<Span, Option<ItemId>>,
}

impl Index {
    pub(super) fn new(program: &Program, facts: &Facts) -> Self {
        let mut builder = Builder {
            program,
            facts,
            found: BTreeMap::new(),
            index: Self::default(),
        };
        for (module, _) in program.modules() {
            builder.definitions(module);
        }
        for (module, _) in program.modules() {
            builder.imports(module);
        }
        let held: BTreeSet<FileId> = program.modules().map(|(_, module)| module.tree.file).collect();
        for (span, target) in facts.uses().filter(|(span, _)| held.contains(&span.file)) {
            builder.usage(span, target);
        }
        for (_, module) in program.modules() {
            visit::walk(&module.tree, &mut |node, around| builder.node(node, around));
        }
        let Builder { found, mut index, .. } = builder;
        index.occurrences = found
            .into_iter()
            .map(|(span, symbol)| Occurrence { span, symbol })
            .collect();
        index
    }

    /// All occurrences of a file, by place.
    pub(super) fn in_file(&self, file: FileId) -> impl Iterator<Item = Occurrence> {
        self.occurrences.iter().filter(move |o| o.span.file == file).copied()
    }

    /// All occurrences of a symbol.
    pub(super) fn of(&self, symbol: Symbol) -> impl Iterator<Item = Occurrence> {
        self.occurrences.iter().filter(move |o| o.symbol == symbol).copied()
    }

    /// The occurrence that holds a byte; of two that touch there the one that begins.
    pub(super) fn at(&self, file: FileId, offset: usize) -> Option<Occurrence> {
        let touching = self.in_file(file).filter(|o| o.span.touches(offset));
        touching.max_by_key(|o| o.span.start)
    }

    /// What a name stands for at last: an alias followed to what it was given to.
    pub(super) fn resolve(&self, symbol: Symbol) -> Symbol {
        match symbol {
            Symbol::Name(span) => self.aliases.get(&span).map_or(symbol, |to| Symbol::Name(*to)),
            other => other,
        }
    }
}

struct Builder<'a> {
    program: &'a Program,
    facts: &'a Facts,
    found: BTreeMap<Span, Symbol>,
    index: Index,
}

impl Builder<'_> {
    fn definitions(&mut self, module: ModuleId) {
        for (id, item) in self.program.items(module) {
            let name = match &item.kind {
                ItemKind::Out(out) => Some(&out.name),
                _ => defined_name(item),
            };
            let Some(name) = name.filter(|name| !name.name.is_empty()) else {
                continue;
            };
            self.index.items.insert(name.span, id);
            self.found.insert(name.span, Symbol::Name(name.span));
            match &item.kind {
                ItemKind::Fn(function) => {
                    function.subject.iter().for_each(|(name, _)| self.parameter(name, None));
                    self.parameters(&function.parameters, Some(id));
                }
                ItemKind::Net(net) => self.parameters(&net.parameters, Some(id)),
                _ => {}
            }
        }
    }

    fn parameters(&mut self, parameters: &[Parameter], item: Option<ItemId>) {
        parameters.iter().for_each(|p| self.parameter(&p.name, item));
    }

    fn parameter(&mut self, name: &Ident, item: Option<ItemId>) {
        if !name.name.is_empty() {
            self.index.parameters.insert(name.span, item);
            self.found.insert(name.span, Symbol::Name(name.span));
        }
    }

    fn imports(&mut self, module: ModuleId) {
        for (_, item) in self.program.items(module) {
            let ItemKind::Import(import) = &item.kind else { continue };
            if let Some(alias) = &import.alias
                && let Some(Meaning::Module(id)) = self.program.module(module).scope.get(&alias.name)
            {
                self.found.insert(alias.span, Symbol::Module(*id));
                self.found.insert(import.source_span, Symbol::Module(*id));
            }
            for wanted in import.names.iter().flatten() {
                let local = wanted.alias.as_ref().unwrap_or(&wanted.name);
                let Some(Meaning::Item(id)) = self.program.module(module).scope.get(&local.name) else {
                    continue;
                };
                let Some(defined) = defined_name(self.program.item(*id)) else {
                    continue;
                };
                self.found.insert(wanted.name.span, Symbol::Name(defined.span));
                self.found
                    .entry(import.source_span)
                    .or_insert(Symbol::Module(id.module));
                if let Some(alias) = &wanted.alias {
                    self.index.aliases.insert(alias.span, defined.span);
                    self.found.insert(alias.span, Symbol::Name(alias.span));
                }
            }
        }
    }

    fn usage(&mut self, span: Span, target: Target) {
        let text = self.program.sources.text(span);
        let (inner, name) = unquoted(span, text);
        let symbol = match target {
            Target::Module(id) => Symbol::Module(id),
            Target::Word(of, word) => Symbol::Word(of, word),
            Target::Local(defined) if self.program.sources.text(defined) == name => Symbol::Name(defined),
            Target::Local(defined) => Symbol::Subject(defined),
            Target::Item(id) => {
                let Some(defined) = defined_name(self.program.item(id)) else {
                    return;
                };
                if defined.name == name {
                    Symbol::Name(defined.span)
                } else {
                    let own = self.index.aliases.iter();
                    let alias = own
                        .filter(|(at, to)| at.file == span.file && **to == defined.span)
                        .map(|(at, _)| *at)
                        .find(|at| self.program.sources.text(*at) == name);
                    Symbol::Name(alias.unwrap_or(defined.span))
                }
            }
        };
        self.found.insert(inner, symbol);
    }

    /// Names that only the tree tells: named arguments, and parameters of lambdas.
    fn node(&mut self, node: Node<'_>, around: &[Node<'_>]) {
        match node {
            Node::Parameter(parameter) if !self.index.parameters.contains_key(&parameter.name.span) => {
                self.parameter(&parameter.name, None);
            }
            Node::Argument(Argument::Named(name, _)) => {
                let Some(Node::Expr(Expr {
                    kind: ExprKind::Call(callee, _),
                    ..
                })) = around.last()
                else {
                    return;
                };
                if let Some(defined) = self.parameter_of(callee, &name.name) {
                    self.found.insert(name.span, Symbol::Name(defined));
                }
            }
            _ => {}
        }
    }

    /// Where the parameter that a named argument of a call reaches is declared; `...how` is followed to the function it
    /// is handed to.
    fn parameter_of(&self, callee: &Expr, name: &str) -> Option<Span> {
        let Some(Target::Item(id)) = self.facts.target(name_of(callee)?) else {
            return None;
        };
        parameter_of(self.program, self.facts, id, name).map(|p| p.name.span)
    }
}

/// A text's place and content without its quotes.
fn unquoted(span: Span, text: &str) -> (Span, &str) {
    let opening = if text.starts_with("r\"") {
        2
    } else {
        usize::from(text.starts_with('"'))
    };
    match text.get(opening..text.len().saturating_sub(1)) {
        Some(inner) if opening > 0 && text.ends_with('"') => {
            let start = span.start as usize + opening;
            (Span::new(span.file, start, start + inner.len()), inner)
        }
        _ => (span, text),
    }
}

impl Analysis {
    /// The symbol under a byte of a file.
    pub(super) fn symbol_at(&self, file: FileId, offset: usize) -> Option<Occurrence> {
        self.index.at(file, offset)
    }
}
