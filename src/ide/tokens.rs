//! The meaning of every word of a file, for colours.

use std::{collections::BTreeMap, ops::Range};

use super::{
    analysis::{Analysis, range},
    index::Symbol,
    rename::KEYWORDS,
    visit::{self, Node, name_of},
};
use crate::{
    source::{FileId, Span},
    syntax::{
        self,
        ast::{Argument, Entry, Expr, ExprKind, ItemKind, Text, TextPart, TypeKind},
    },
    types::{FunctionOrigin, Type},
};

/// The kinds of tokens, in the order of [`Token::kind`]; names of the protocol's standard set. A `net` is a `class`, a
/// column, key or named argument a `property`, a choice word, `true`, `false` or `none` an `enumMember`, a label of a net's
/// layer a `label`.
pub const TYPES: &[&str] = &[
    "namespace",
    "type",
    "class",
    "function",
    "parameter",
    "variable",
    "property",
    "enumMember",
    "label",
    "decorator",
    "keyword",
    "comment",
    "string",
    "number",
];

/// The modifiers, by bit of [`Token::modifiers`]: the place of a definition, and what the standard library gives.
pub const MODIFIERS: &[&str] = &["declaration", "defaultLibrary", "documentation"];

/// The keywords that are values, coloured as the words of a choice are.
const VALUES: &[&str] = &["true", "false", "none"];

const DECLARATION: u32 = 1;
const LIBRARY: u32 = 2;
const DOCUMENTATION: u32 = 4;

/// A token; tokens do not overlap and do not cross a line's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its bytes.
    pub range: Range<usize>,
    /// Its kind, by place in [`TYPES`].
    pub kind: u32,
    /// Bits of [`MODIFIERS`].
    pub modifiers: u32,
}

fn kind(name: &str) -> u32 {
    let place = TYPES.iter().position(|known| *known == name);
    place.and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
}

impl Analysis {
    /// All tokens of a file, by place.
    #[must_use]
    pub fn tokens(&self, file: FileId) -> Vec<Token> {
        let Some((_, module)) = self.module(file) else {
            return Vec::new();
        };
        let text = self.text(file);
        let mut marks = Marks {
            text,
            found: BTreeMap::new(),
        };
        for occurrence in self.index.in_file(file) {
            let (kind, modifiers) = self.of_symbol(occurrence.symbol, occurrence.span);
            marks.add(occurrence.span, kind, modifiers);
        }
        visit::walk(&module.tree, &mut |node, around| marks.node(node, around));
        let mut own: Vec<Token> = marks.found.into_values().collect();
        let lexical = lexical(file, text);
        own.extend(lexical);
        disjoint(own, text)
    }

    fn of_symbol(&self, symbol: Symbol, at: Span) -> (u32, u32) {
        let declared = |defined: Span| if defined == at { DECLARATION } else { 0 };
        match self.index.resolve(symbol) {
            Symbol::Module(_) => (kind("namespace"), 0),
            Symbol::Word(..) => (kind("enumMember"), LIBRARY),
            Symbol::Subject(_) => (kind("parameter"), 0),
            Symbol::Name(defined) => {
                let library = self.program.sources.file(defined.file).path().is_none();
                let library = if library { LIBRARY } else { 0 };
                let named = match self.index.items.get(&defined).map(|id| &self.program.item(*id).kind) {
                    Some(ItemKind::Fn(_)) => "function",
                    Some(ItemKind::Net(_)) => "class",
                    Some(ItemKind::Param(_)) => "parameter",
                    Some(_) => match self.facts.type_at(defined) {
                        Some(Type::Step(..)) => "function",
                        Some(Type::Function(f)) if f.origin != FunctionOrigin::Net => "function",
                        _ => "variable",
                    },
                    None if self.index.parameters.contains_key(&defined) => "parameter",
                    None => "variable",
                };
                (kind(named), declared(defined) | library)
            }
        }
    }
}

struct Marks<'a> {
    text: &'a str,
    found: BTreeMap<Span, Token>,
}

impl Marks<'_> {
    fn add(&mut self, span: Span, kind: u32, modifiers: u32) {
        let range = range(span, self.text);
        if !range.is_empty() {
            self.found.entry(span).or_insert(Token { range, kind, modifiers });
        }
    }

    fn node(&mut self, node: Node<'_>, around: &[Node<'_>]) {
        match node {
            Node::Type(ty) => match &ty.kind {
                TypeKind::Name(_) => self.add(ty.span, kind("type"), 0),
                TypeKind::Apply(head, _, axes) => {
                    self.add(head.span, kind("type"), 0);
                    axes.iter().for_each(|axis| self.add(axis.span, kind("variable"), 0));
                }
                _ => {}
            },
            Node::Attribute(attribute) => self.add(attribute.name.span, kind("decorator"), 0),
            Node::Label(label) => {
                let is_key =
                    matches!(around.last(), Some(Node::Entry(Entry::Value { key, .. })) if key.span == label.span);
                let what = if is_key { "property" } else { "label" };
                match label.text.plain() {
                    Some(_) => self.add(label.span, kind(what), 0),
                    None => self.text_parts(label.span, &label.text),
                }
            }
            Node::Argument(Argument::Named(name, _)) => {
                // A named argument is a property whatever it reaches; its meaning is shown on hover.
                self.found.remove(&name.span);
                self.add(name.span, kind("property"), 0);
            }
            Node::Expr(expr) => self.expr(expr),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Duration(_) => self.add(expr.span, kind("number"), 0),
            ExprKind::Text(text) => self.text_parts(expr.span, text),
            ExprKind::Field(_, field) => self.add(field.span, kind("property"), 0),
            // A function that could not be resolved is a function all the same.
            ExprKind::Call(callee, _) => {
                if let Some(name) = name_of(callee) {
                    self.add(name, kind("function"), 0);
                }
            }
            _ => {}
        }
    }

    /// A text without its holes, which are coloured as the expressions that they are.
    fn text_parts(&mut self, span: Span, text: &Text) {
        let mut from = span.start as usize;
        let file = span.file;
        for part in &text.parts {
            if let TextPart::Hole(value) = part {
                self.add(Span::new(file, from, value.span.start as usize), kind("string"), 0);
                from = value.span.end as usize;
            }
        }
        self.add(Span::new(file, from, span.end as usize), kind("string"), 0);
    }
}

/// Comments, documentation and keywords, which the tree does not hold.
fn lexical(file: FileId, text: &str) -> Vec<Token> {
    let comments: Vec<Range<usize>> = syntax::comments(file, text)
        .into_iter()
        .map(|span| range(span, text))
        .collect();
    let mut found: Vec<Token> = comments
        .iter()
        .map(|range| Token {
            range: range.clone(),
            kind: kind("comment"),
            modifiers: 0,
        })
        .collect();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let documentation = documentation_of(content);
        if let Some(at) = documentation {
            found.push(Token {
                range: start + at..start + content.len(),
                kind: kind("comment"),
                modifiers: DOCUMENTATION,
            });
        }
        let coded = &content[..documentation.unwrap_or(content.len())];
        let is_item_word = |word: &str, at: usize| {
            at == 0 && matches!(word, "import" | "param" | "let" | "fn" | "net" | "out")
                || word == "as" && coded.trim_start().starts_with("import")
        };
        for (at, word) in words(coded) {
            if KEYWORDS.contains(&word) || is_item_word(word, at) {
                found.push(Token {
                    range: start + at..start + at + word.len(),
                    kind: kind(if VALUES.contains(&word) {
                        "enumMember"
                    } else {
                        "keyword"
                    }),
                    modifiers: 0,
                });
            }
        }
        start += line.len();
    }
    found
}

/// Where the documentation of a line begins: `///` or `//!` outside of texts.
fn documentation_of(line: &str) -> Option<usize> {
    let mut in_text = false;
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'/' if !in_text && line[at..].starts_with("//") => {
                let rest = &line[at..];
                let doc = rest.starts_with("//!") || rest.starts_with("///") && !rest.starts_with("////");
                return doc.then_some(at);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The words of a line with their places.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}

/// Tokens in order: of two that overlap the one that was found first stays; none crosses a line's end.
fn disjoint(tokens: Vec<Token>, text: &str) -> Vec<Token> {
    let mut kept: BTreeMap<usize, Token> = BTreeMap::new();
    for token in tokens {
        let before = kept.range(..token.range.end).next_back();
        let free = before.is_none_or(|(_, known)| known.range.end <= token.range.start);
        let content = text.get(token.range.clone()).unwrap_or("\n");
        if free && !content.contains('\n') && !content.is_empty() {
            kept.insert(token.range.start, token);
        }
    }
    kept.into_values().collect()
}
