//! What may stand at the cursor.
//!
//! The word or text under the cursor is replaced by a name that nothing has, the program is checked anew, and the check
//! tells what the place expects and what is in scope there. So completion rests on the same rules as the check.

mod lexical;
mod names;
mod paths;
mod texts;

use std::{collections::BTreeMap, ops::Range, path::Path};

use super::{
    analysis::{Analysis, FileKey},
    visit::{self, Node},
    workspace::Workspace,
};
use crate::{
    analysis::facts::CURSOR,
    builtins::{self, PRELUDE},
    source::FileId,
    syntax::ast::{Expr, ExprKind, Import, ImportSource, ItemKind, Text, TypeKind},
    types::{Named, Type},
};
use lexical::{Place, place_at};

/// What a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its word")]
pub enum ProposalKind {
    Keyword,
    Function,
    Net,
    Variable,
    Parameter,
    Argument,
    Field,
    Word,
    Type,
    Module,
    Column,
    Value,
    Axis,
    Pattern,
    File,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is shown, and inserted unless `insert` says otherwise.
    pub label: String,
    /// What it is.
    pub kind: ProposalKind,
    /// Its type, in short.
    pub detail: Option<String>,
    /// Its documentation, in Markdown.
    pub doc: Option<String>,
    /// What is inserted.
    pub insert: String,
    /// The bytes that are replaced.
    pub replace: Range<usize>,
    /// Proposals of a smaller rank fit better.
    pub rank: u8,
}

impl Item {
    fn new(label: impl Into<String>, kind: ProposalKind, rank: u8) -> Self {
        let label = label.into();
        Self {
            insert: label.clone(),
            label,
            kind,
            detail: None,
            doc: None,
            replace: 0..0,
            rank,
        }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    fn doc(mut self, doc: Option<impl Into<String>>) -> Self {
        self.doc = doc.map(Into::into);
        self
    }
}

impl Workspace {
    /// What may stand at a byte of a file, the fitting first.
    pub fn complete(&mut self, path: &Path, offset: usize) -> Vec<Item> {
        let Ok(text) = self.text(path) else { return Vec::new() };
        let offset = text.floor_char_boundary(offset);
        let (replace, with) = match place_at(&text, offset) {
            Place::Comment => return Vec::new(),
            Place::Code(word) => (word, CURSOR.to_owned()),
            Place::Text { content, closed: true } => (content, CURSOR.to_owned()),
            Place::Text { content, closed: false } => (content, format!("{CURSOR}\"")),
        };
        let changed = format!("{}{with}{}", &text[..replace.start], &text[replace.end..]);
        let texts = BTreeMap::from([(path.to_owned(), changed)]);
        let analysis = self.with_texts(path, &texts);
        let Some(file) = analysis.file(&FileKey::Path(path.to_owned())) else {
            return Vec::new();
        };
        let typed = text.get(replace.start..offset).unwrap_or("");
        let mut found = self.proposals(&analysis, file, path, (replace.start, typed));
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|item| !item.label.contains(CURSOR) && seen.insert((item.label.clone(), item.insert.clone())));
        found.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
        for item in &mut found {
            item.replace = replace.clone();
        }
        found
    }

    /// What may stand at a place where letters are typed.
    fn proposals(&mut self, analysis: &Analysis, file: FileId, path: &Path, (at, typed): (usize, &str)) -> Vec<Item> {
        let Some((_, module)) = analysis.module(file) else {
            return Vec::new();
        };
        let around = visit::path_at(&module.tree, at + 1);
        if let Some(Node::Item(item)) = around.first()
            && let ItemKind::Import(import) = &item.kind
        {
            return self.in_import(analysis, file, import, (path, typed));
        }
        match around.last() {
            None => item_words(),
            Some(Node::Item(item)) if matches!(item.kind, ItemKind::Bad) => item_words(),
            Some(Node::Attribute(attribute)) if attribute.name.name == CURSOR => attributes(),
            Some(Node::Type(ty)) if matches!(&ty.kind, TypeKind::Name(name) if name == CURSOR) => types(),
            Some(Node::Expr(expr)) => match &expr.kind {
                ExprKind::Text(text) if is_cursor(text) => {
                    let found = analysis.in_text(&around);
                    let folder = path.parent().filter(|_| found.is_empty() && analysis.wants_path());
                    folder.map_or(found, |folder| paths::entries(folder, typed, |_| true))
                }
                ExprKind::Name(name) if name == CURSOR => analysis.at_name(file, &around, at),
                ExprKind::Field(value, field) if field.name == CURSOR => analysis.fields(value, &around),
                _ => Vec::new(),
            },
            Some(Node::Argument(_)) => analysis.argument_names(&around, at + 1),
            Some(Node::Entry(_) | Node::Label(_)) => analysis.keys(&around),
            _ => Vec::new(),
        }
    }

    /// Modules where an import names one, names that it exports in its braces.
    fn in_import(
        &mut self,
        analysis: &Analysis,
        file: FileId,
        import: &Import,
        (path, typed): (&Path, &str),
    ) -> Vec<Item> {
        match &import.source {
            ImportSource::File(written) if written == CURSOR => {
                self.files();
                let files = self.importable(path).into_iter();
                let mut found: Vec<Item> = files.map(|f| Item::new(f, ProposalKind::File, 0)).collect();
                let module = |other: &Path| other != path && other.extension().is_some_and(|e| e == "mtl");
                let folder = path.parent().into_iter();
                let around = folder.flat_map(|folder| paths::entries(folder, typed, module));
                let around = around.filter(|item| found.iter().all(|f| f.insert != item.insert));
                let around: Vec<Item> = around.map(|item| Item { rank: 1, ..item }).collect();
                found.extend(around);
                return found;
            }
            ImportSource::Path(words) if words.iter().any(|word| word == CURSOR) => {
                let typed: Vec<&str> = words.iter().map(String::as_str).take_while(|w| *w != CURSOR).collect();
                let before = typed.iter().map(|word| format!("{word}.")).collect::<String>();
                let known = builtins::std_modules().filter(|name| *name != PRELUDE);
                return known
                    .filter_map(|name| {
                        let rest = name.strip_prefix(&before)?;
                        let doc = module_doc(name);
                        let mut item = Item::new(rest, ProposalKind::Module, 0).doc(doc);
                        item.detail = Some(name.to_owned());
                        Some(item)
                    })
                    .collect();
            }
            _ => {}
        }
        let Some((_, module)) = analysis.module(file) else {
            return Vec::new();
        };
        let Some(key) = analysis.import_source(&import.source, &module.origin) else {
            return Vec::new();
        };
        let Some((id, _)) = analysis.file(&key).and_then(|file| analysis.module(file)) else {
            return Vec::new();
        };
        let taken: Vec<&str> = import.names.iter().flatten().map(|n| n.name.name.as_str()).collect();
        let mut found = analysis.exports(id);
        found.retain(|item| !taken.contains(&item.label.as_str()));
        found
    }
}

fn is_cursor(text: &Text) -> bool {
    text.plain().is_some_and(|text| text == CURSOR)
}

/// True for the expression at the cursor.
fn at_cursor(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => name == CURSOR,
        ExprKind::Text(text) => is_cursor(text),
        _ => false,
    }
}

fn module_doc(name: &str) -> Option<String> {
    let (_, text) = builtins::std_source(name)?;
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines.map(str::trim).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn item_words() -> Vec<Item> {
    let words = [
        (
            "import",
            "Brings names of another module: `import std.models { resnet18 }`.",
        ),
        ("param", "A value that a run may set: `param epochs: int = 30`."),
        ("let", "A value with a name."),
        (
            "fn",
            "A function: `fn model: Model |> warm(task: Task) -> Model = ...`.",
        ),
        ("net", "A network: a function whose subject is the tensor `x`."),
        ("out", "What the program gives: a report."),
    ];
    let words = words.iter();
    words
        .map(|(word, doc)| Item::new(*word, ProposalKind::Keyword, 0).doc(Some(*doc)))
        .collect()
}

fn attributes() -> Vec<Item> {
    let known = [
        (
            "stages",
            "Before a `net`: the first parameter scope of each coarse stage, for `freeze: stages(n)`.",
        ),
        (
            "study",
            "In the main file: `@study(seed: 7)` sets the seed of everything random.",
        ),
        ("since", "The version since which something exists."),
    ];
    let known = known.iter();
    known
        .map(|(word, doc)| Item::new(*word, ProposalKind::Keyword, 0).doc(Some(*doc)))
        .collect()
}

fn types() -> Vec<Item> {
    let named = Named::ALL.iter();
    let mut found: Vec<Item> = named
        .map(|named| {
            let rank = if named.is_option() { 1 } else { 0 };
            Item::new(named.name(), ProposalKind::Type, rank).doc(Some(named.doc()))
        })
        .collect();
    let mut grid =
        Item::new("Grid", ProposalKind::Type, 0).doc(Some("Values labelled by axes: `Grid[Scores; chain]`."));
    grid.insert = "Grid[Scores]".to_owned();
    found.push(grid);
    found
}

/// A function's type as a detail: without what every call may leave out.
fn short(ty: &Type) -> String {
    ty.to_string()
}
