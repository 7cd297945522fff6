//! What stands behind a value: the table that rows come from, the network of a model.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    analysis::Analysis,
    index::Symbol,
    visit::{self, Node, name_of},
};
use crate::{
    analysis::Target,
    diag::Diagnostics,
    net::Graph,
    plan,
    source::Span,
    syntax::ast::{Argument, Block, Entry, Expr, ExprKind, ItemKind, ListPart, Text, TextPart},
    tables::{Cell, Table},
};

/// Steps of following names to what they stand for; programs are shallow, circles end here.
const DEPTH: usize = 64;

/// The most values of a column that are proposed.
const MOST_VALUES: usize = 200;

impl Analysis {
    /// The call that a value comes from: pipes are followed to their heads, names to their definitions, loop variables
    /// to the first value that they take.
    fn source<'a>(&'a self, expr: &'a Expr, depth: usize) -> Option<&'a Expr> {
        if depth == 0 {
            return None;
        }
        let next = match &expr.kind {
            ExprKind::Call(..) => return Some(expr),
            ExprKind::Pipe(Some(head), _) => head,
            ExprKind::Paren(value) => &value.value,
            ExprKind::Block(Block { value, .. }) => &value.value,
            ExprKind::If(branches) => &branches.then.value.value,
            ExprKind::Index(value, _) => value,
            ExprKind::For(_, body) => &body.value.value,
            ExprKind::List(parts) => match parts.first()? {
                ListPart::Value(value) | ListPart::Spread(value) => value,
            },
            ExprKind::Record(entries) => match entries.first()? {
                Entry::Value { value, .. } | Entry::Spread(value) => value,
            },
            ExprKind::Field(value, field) => match self.record(value, depth - 1) {
                Some(entries) => entry(entries, &field.name)?,
                None => self.value_of(field.span)?,
            },
            ExprKind::Name(_) => self.value_of(expr.span)?,
            _ => return None,
        };
        self.source(next, depth - 1)
    }

    fn record<'a>(&'a self, expr: &'a Expr, depth: usize) -> Option<&'a [Entry]> {
        match &expr.kind {
            ExprKind::Record(entries) => Some(entries),
            ExprKind::Name(_) if depth > 0 => self.record(self.value_of(expr.span)?, depth - 1),
            _ => None,
        }
    }

    /// The expression that the name at a place stands for.
    fn value_of(&self, name: Span) -> Option<&Expr> {
        let defined = match self.facts.target(name)? {
            Target::Local(defined) => Symbol::Name(defined),
            Target::Item(id) => {
                return match &self.program.item(id).kind {
                    ItemKind::Let(binding) => Some(&binding.value),
                    ItemKind::Param(param) => param.default.as_ref(),
                    // A net's bare name is a network as well.
                    _ => None,
                };
            }
            _ => return None,
        };
        let Symbol::Name(defined) = defined else { return None };
        let (_, module) = self.module(defined.file)?;
        let mut found = None;
        visit::walk(&module.tree, &mut |node, _| match node {
            Node::Let(binding) if binding.name.span == defined => found = Some(&binding.value),
            Node::Binding(binding) if binding.name.span == defined => found = Some(&binding.values),
            _ => {}
        });
        found
    }

    /// The heads of the pipes around a place, innermost first.
    fn heads<'a>(path: &[Node<'a>]) -> Vec<&'a Expr> {
        let mut heads = Vec::new();
        for pair in path.windows(2).rev() {
            if let [
                Node::Expr(Expr {
                    kind: ExprKind::Pipe(Some(head), _),
                    ..
                }),
                Node::Step(_),
            ] = pair
            {
                heads.push(&**head);
            }
        }
        heads
    }

    /// The tables that rows at a place may come from: the one that the pipes around it begin with, else all of the file.
    pub(super) fn tables(&self, path: &[Node<'_>]) -> Vec<Table> {
        let around = Self::heads(path)
            .into_iter()
            .find_map(|head| self.table(self.source(head, DEPTH)?));
        if let Some(table) = around {
            return vec![table];
        }
        let Some(file) = path.first().map(|node| node.span().file) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if let Some((_, module)) = self.module(file) {
            visit::walk(&module.tree, &mut |node, _| {
                if let Node::Expr(expr) = node {
                    found.extend(self.table(expr));
                }
            });
        }
        found
    }

    /// The table that a call of `table`, `rows`, `images` or `npz` with a written path reads.
    fn table(&self, call: &Expr) -> Option<Table> {
        let ExprKind::Call(callee, arguments) = &call.kind else {
            return None;
        };
        let Target::Item(id) = self.facts.target(name_of(callee)?)? else {
            return None;
        };
        if !self.program.is_builtin(id) {
            return None;
        }
        let text = |name: &str, place: usize| self.written(argument(arguments, name, place)?);
        let folder = self.module(call.span.file)?.1.origin.folder()?;
        match self.program.sources.text(name_of(callee)?) {
            "table" => {
                let path = folder.join(text("path", 0)?);
                let image = text("image", 1).unwrap_or_else(|| "image".to_owned());
                // A wrong image column must not hide the others.
                Table::read_csv(&path, &image)
                    .ok()
                    .or_else(|| Table::read_csv(&path, &first_column(&path)?).ok())
            }
            "rows" => Table::read_rows(&folder.join(text("path", 0)?)).ok(),
            "images" => Table::read_folders(&folder.join(text("path", 0)?)).ok(),
            "npz" => Table::read_npz(&folder.join(text("path", 0)?)).ok(),
            _ => None,
        }
    }

    /// The text that an expression is, holes filled with the texts that the program writes.
    fn written(&self, expr: &Expr) -> Option<String> {
        self.written_within(expr, DEPTH)
    }

    fn written_within(&self, expr: &Expr, depth: usize) -> Option<String> {
        match &expr.kind {
            ExprKind::Text(Text { parts }) if depth > 0 => parts
                .iter()
                .map(|part| match part {
                    TextPart::Chunk(chunk) => Some(chunk.clone()),
                    TextPart::Hole(value) => self.written_within(value, depth - 1),
                })
                .collect(),
            ExprKind::Name(_) if depth > 0 => self.written_within(self.value_of(expr.span)?, depth - 1),
            ExprKind::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The patterns over the parameters of the network that a model at a place is made of; of all networks of the
    /// program where that cannot be told.
    pub(super) fn patterns(&self, path: &[Node<'_>]) -> Vec<String> {
        let around = Self::heads(path).into_iter().find_map(|head| self.graph(head));
        let scopes: Vec<String> = match around {
            Some(graph) => graph.scopes(),
            None => {
                let all = self.traces().all.iter();
                all.flat_map(|traced| traced.trace.graph.scopes()).collect()
            }
        };
        let unique: BTreeSet<String> = scopes.into_iter().collect();
        unique.into_iter().collect()
    }

    fn graph(&self, head: &Expr) -> Option<std::sync::Arc<Graph>> {
        let call = self.source(head, DEPTH)?;
        let (module, _) = self.module(call.span.file)?;
        let trace = plan::trace(
            &self.program,
            module,
            call,
            self.traces().input,
            &mut Diagnostics::new(),
        )?;
        Some(trace.graph)
    }
}

/// The argument that reaches a parameter by its name or its place.
pub(super) fn argument<'a>(arguments: &'a [Argument], name: &str, place: usize) -> Option<&'a Expr> {
    arguments.iter().enumerate().find_map(|(at, argument)| match argument {
        Argument::Named(given, value) if given.name == name => Some(value),
        Argument::Positional(value) if at == place => Some(value),
        _ => None,
    })
}

fn entry<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Expr> {
    entries.iter().find_map(|entry| match entry {
        Entry::Value { key, value, .. } if key.text.plain().as_deref() == Some(name) => Some(value),
        _ => None,
    })
}

/// The name of a manifest's first column.
fn first_column(path: &PathBuf) -> Option<String> {
    let text = std::fs::read_to_string(Path::new(path)).ok()?;
    let header = text.lines().next()?.trim_start_matches('\u{feff}');
    let name = header.split(',').next()?.trim().trim_matches('"');
    Some(name.to_owned())
}

/// The distinct values of a column in order of first appearance, as labels are written, with how often each occurs;
/// empty for a column that is not there.
pub(super) fn values(table: &Table, column: &str) -> Vec<(String, usize)> {
    let Ok(column) = table.column(column) else {
        return Vec::new();
    };
    let mut counts: indexmap::IndexMap<String, usize> = indexmap::IndexMap::new();
    for cell in column.cells.iter().filter(|cell| **cell != Cell::Missing) {
        let count = counts.entry(cell.to_string()).or_default();
        *count += 1;
        if counts.len() > MOST_VALUES {
            break;
        }
    }
    counts.into_iter().collect()
}
