//! A file and its items.

use pest::Parser as _;

use super::{
    Pair, Rule,
    ast::{
        Attribute, Block, Expr, FnItem, Ident, Import, ImportSource, Item, ItemKind, Labelled, Let, Module, NetItem,
        Out, Param, TypeExpr, TypeKind,
    },
    builder::{Builder, document},
    found::found,
    grammar::Grammar,
    messages,
    scan::{ITEM_WORDS, RESERVED, word_end},
};
use crate::{diag::nearest, source::Span};

/// Words of other languages that begin what MTL begins with another word.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("def", "fn"),
    ("func", "fn"),
    ("function", "fn"),
    ("const", "let"),
    ("var", "let"),
    ("val", "let"),
    ("use", "import"),
    ("from", "import"),
    ("include", "import"),
    ("output", "out"),
    ("model", "net"),
    ("network", "net"),
];

/// What has been read of a file.
#[derive(Default)]
struct Reading {
    items: Vec<Item>,
    attributes: Vec<Attribute>,
    doc: Option<String>,
    /// The end of the last item, unless unread text followed it.
    item_end: Option<usize>,
    /// What may follow the last item on its line.
    may_follow: &'static str,
    /// The documentation read just before.
    doc_before: Option<Span>,
}

impl Builder<'_> {
    /// A whole file.
    pub(super) fn module(&mut self, pair: Pair<'_>) -> Module {
        let mut docs = Vec::new();
        let mut reading = Reading::default();
        for part in pair.into_inner() {
            let (rule, span) = (part.as_rule(), self.span(&part));
            match rule {
                Rule::module_doc => docs.push(Self::doc(&part)),
                Rule::doc => self.item_doc(&mut reading, &part),
                Rule::attribute => {
                    let attribute = self.attribute(part);
                    if reading.attributes.is_empty() {
                        self.item_begins_line(&reading, attribute.span.start as usize, "an attribute");
                    }
                    reading.attributes.push(attribute);
                }
                Rule::stray => self.stray(&mut reading, &part),
                Rule::EOI => {}
                _ => self.item(&mut reading, part),
            }
            reading.doc_before = (rule == Rule::doc).then_some(span);
        }
        if let Some(attribute) = reading.attributes.first() {
            let span = attribute.span;
            self.report_alone(messages::dangling_attribute(span));
        }
        let mut items = reading.items;
        items.extend(self.given_up());
        items.sort_by_key(|item| item.span.start);
        Module {
            file: self.file,
            docs,
            items,
        }
    }

    /// A `///` belongs to the item that ends on its line, otherwise to the next one.
    fn item_doc(&mut self, reading: &mut Reading, pair: &Pair<'_>) {
        let start = self.start(pair);
        match (reading.items.last_mut(), reading.item_end) {
            (Some(item), Some(end)) if self.same_line(end, start) => document(&mut item.doc, Self::doc(pair)),
            _ => document(&mut reading.doc, Self::doc(pair)),
        }
    }

    fn attribute(&mut self, pair: Pair<'_>) -> Attribute {
        let span = self.span(&pair);
        let mut name = Ident {
            name: String::new(),
            span: span.after(),
        };
        let mut arguments = Vec::new();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::call {
                arguments = self.arguments(part);
            } else {
                name = self.name(&part, "the name of an attribute after `@`");
            }
        }
        Attribute { name, arguments, span }
    }

    fn item_begins_line(&mut self, reading: &Reading, start: usize, what: &str) {
        if !self.begins_line(start) && (!reading.items.is_empty() || reading.item_end.is_some()) {
            let diagnostic = messages::line_start(self.token(start), what, Some(self.line_break(start)));
            self.report(start, diagnostic);
        }
    }

    fn item(&mut self, reading: &mut Reading, pair: Pair<'_>) {
        let (start, end) = (self.start(&pair), self.end(&pair));
        if reading.attributes.is_empty() {
            self.item_begins_line(reading, start, "an item");
        }
        // After the keyword, which emits a token of its own.
        let Some(rest) = pair.into_inner().nth(1) else { return };
        let kind = self.item_kind(rest);
        self.finish_item(reading, kind, start, end);
    }

    fn finish_item(&mut self, reading: &mut Reading, kind: ItemKind, start: usize, end: usize) {
        reading.may_follow = match &kind {
            ItemKind::Fn(item) if item.body.is_none() => "`->`, `=` or `{`",
            ItemKind::Param(item) if item.default.is_none() => match item.domain {
                Some(_) => "`=` or the end of the line",
                None => "`in`, `=` or the end of the line",
            },
            ItemKind::Import(_) | ItemKind::Net(_) => "the end of the line",
            _ => "an operator or the end of the line",
        };
        let attributes = std::mem::take(&mut reading.attributes);
        let start = attributes.first().map_or(start, |a| a.span.start as usize);
        reading.items.push(Item {
            attributes,
            doc: reading.doc.take(),
            kind,
            span: self.at(start, end),
        });
        reading.item_end = Some(end);
    }

    /// What follows an item's first word.
    fn item_kind(&mut self, rest: Pair<'_>) -> ItemKind {
        match rest.as_rule() {
            Rule::import_rest => self.import(rest).map_or(ItemKind::Bad, ItemKind::Import),
            Rule::param_rest => ItemKind::Param(self.param(rest)),
            Rule::let_rest => ItemKind::Let(self.let_rest(rest)),
            Rule::fn_rest => ItemKind::Fn(self.fn_item(rest)),
            Rule::net_rest => ItemKind::Net(self.net_item(rest)),
            Rule::out_rest => {
                let Let { name, value, .. } = self.let_rest(rest);
                ItemKind::Out(Out { name, value })
            }
            _ => ItemKind::Bad,
        }
    }

    // ---- text that is no item ----

    fn stray(&mut self, reading: &mut Reading, pair: &Pair<'_>) {
        let (start, end) = (self.start(pair), self.end(pair));
        if self.text.get(start..end).is_none_or(|text| text.trim().is_empty()) || pair.as_str().trim().is_empty() {
            return;
        }
        if !self.begins_line(start) && reading.item_end.is_some() {
            self.unexpected(start, reading.may_follow);
            return;
        }
        if let Some(doc) = reading.doc_before
            && self.continues(start)
        {
            self.report(start, messages::documentation_inside(doc, self.token(start)));
            return;
        }
        let visible = self.base + pair.as_span().end();
        if let Some((meant, from, diagnostic)) = self.meant_item(start, end) {
            self.report(start, diagnostic);
            if let Some((kind, end)) = self.read_again(meant, from, visible) {
                self.finish_item(reading, kind, start, self.trim(end, start));
                return;
            }
        } else {
            let word = &self.text[start..word_end(self.text, start)];
            let diagnostic = if ITEM_WORDS.contains(&word) {
                let gap = self.gap(start + word.len());
                let words = if gap.ends {
                    "the end of the line".to_owned()
                } else {
                    found(self.text, gap.next).words
                };
                let span = if gap.ends {
                    self.at(gap.before, gap.before)
                } else {
                    self.token(gap.next)
                };
                messages::item_without_name(span, word, &words)
            } else {
                messages::not_an_item(self.token(start), &found(self.text, start).words)
            };
            self.report(start, diagnostic);
        }
        self.finish_item(reading, ItemKind::Bad, start, end);
        reading.item_end = None;
    }

    /// The item that a line of text was probably meant to begin, where what follows its first word lies, and the mistake:
    /// `lett x = 1`, `def f(x)`, `x = 1`.
    fn meant_item(&self, start: usize, end: usize) -> Option<(&'static str, usize, crate::diag::Diagnostic)> {
        let text = self.text.get(..end)?;
        let word_stop = word_end(text, start);
        let word = &text[start..word_stop];
        let after = text[word_stop..].trim_start_matches([' ', '\t']);
        let span = self.at(start, word_stop);
        if !word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || ITEM_WORDS.contains(&word)
            || RESERVED.contains(&word)
        {
            return None;
        }
        if after.starts_with('=') && !after.starts_with("==") && !after.starts_with("=>") {
            return Some(("let", start, messages::no_item_word(span)));
        }
        let name = &after[..word_end(after, 0)];
        let names_something =
            after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"') && !RESERVED.contains(&name);
        if !names_something || after.len() == text.len() - word_stop {
            return None;
        }
        let meant = OTHER_WORDS
            .iter()
            .find(|(other, _)| *other == word)
            .map(|&(_, meant)| meant)
            .or_else(|| nearest(word, ITEM_WORDS))?;
        let meant = ITEM_WORDS.into_iter().find(|item| *item == meant)?;
        Some((meant, word_stop, messages::item_word(span, word, meant)))
    }

    /// Reads what follows the first word of the item that was meant, up to `end`; gives the item and its end.
    fn read_again(&mut self, meant: &str, from: usize, end: usize) -> Option<(ItemKind, usize)> {
        let rule = match meant {
            "import" => Rule::import_rest,
            "param" => Rule::param_rest,
            "let" => Rule::let_rest,
            "fn" => Rule::fn_rest,
            "net" => Rule::net_rest,
            _ => Rule::out_rest,
        };
        let visible = &self.scan.visible;
        let slice = visible.get(from..end)?;
        let blanks = slice.len() - slice.trim_start().len();
        let pair = Grammar::parse(rule, slice.get(blanks..)?).ok()?.next()?;
        let before = std::mem::replace(&mut self.base, from + blanks);
        let item_end = self.end(&pair);
        let kind = self.item_kind(pair);
        self.base = before;
        Some((kind, item_end))
    }

    // ---- the items ----

    fn import(&mut self, rest: Pair<'_>) -> Option<Import> {
        let mut source = None;
        let mut alias = None;
        let mut names = None;
        for part in rest.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::path => {
                    let path = part.as_str().split('.').map(str::to_owned).collect();
                    source = Some((ImportSource::Path(path), span));
                }
                Rule::string | Rule::open_string => {
                    let text = self.text_of(part);
                    if text.plain().is_none() {
                        self.report_alone(messages::hole_in_path(span));
                    }
                    source = text.plain().map(|path| (ImportSource::File(path), span));
                }
                Rule::no_source => self.unexpected(
                    span.start as usize,
                    "a module or a file, `std.models` or `\"file.mtl\"`",
                ),
                Rule::kw_as => {}
                Rule::import_names => names = Some(self.import_names(part)),
                _ => alias = Some(self.name(&part, "a name after `as`")),
            }
        }
        let (source, source_span) = source?;
        Some(Import {
            source,
            source_span,
            alias,
            names,
        })
    }

    fn param(&mut self, rest: Pair<'_>) -> Param {
        let end = self.end(&rest);
        let mut name = None;
        let mut ty = None;
        let mut domain = None;
        let mut default = None;
        for part in rest.into_inner() {
            match part.as_rule() {
                Rule::ident | Rule::reserved | Rule::no_name => name = Some(self.name(&part, "a name")),
                Rule::no_colon => self.unexpected(self.start(&part), "`:` and a type"),
                Rule::ty | Rule::no_type => ty = Some(self.ty(part)),
                Rule::domain => domain = self.domain(part),
                Rule::eq => {}
                _ => default = Some(self.value(part, "a default after `=`")),
            }
        }
        Param {
            name: name.unwrap_or_else(|| self.no_name(end)),
            ty: ty.unwrap_or_else(|| self.bad_type(end)),
            domain,
            default,
        }
    }

    /// What stands after `in`.
    fn domain(&mut self, pair: Pair<'_>) -> Option<Expr> {
        let value = pair.into_inner().find(|part| part.as_rule() != Rule::kw_in)?;
        Some(self.value(value, "a list or a range after `in`"))
    }

    /// `name: Type = value`, of `let` and `out`.
    pub(super) fn let_rest(&mut self, rest: Pair<'_>) -> Let {
        let end = self.end(&rest);
        let mut name = None;
        let mut ty = None;
        let mut value = None;
        for part in rest.into_inner() {
            match part.as_rule() {
                Rule::ident | Rule::reserved | Rule::no_name => name = Some(self.name(&part, "a name")),
                Rule::annotation => ty = Some(self.annotation(part)),
                Rule::no_equals => self.unexpected(self.start(&part), "`=`"),
                Rule::eq => {}
                _ => value = Some(self.value(part, "a value after `=`")),
            }
        }
        Let {
            name: name.unwrap_or_else(|| self.no_name(end)),
            ty,
            value: value.unwrap_or_else(|| self.bad_value(end)),
            doc: None,
        }
    }

    fn fn_item(&mut self, rest: Pair<'_>) -> FnItem {
        let end = self.end(&rest);
        let mut item = FnItem {
            subject: None,
            name: self.no_name(end),
            parameters: Vec::new(),
            result: None,
            body: None,
        };
        for part in rest.into_inner() {
            match part.as_rule() {
                Rule::subject => item.subject = Some(self.subject(part)),
                Rule::ident | Rule::reserved | Rule::no_name => item.name = self.name(&part, "the name of a function"),
                Rule::parameters => item.parameters = self.parameters(part, true),
                Rule::result => item.result = Some(self.annotation(part)),
                Rule::eq => {}
                Rule::block => item.body = Some(self.block(part)),
                _ => {
                    let value = self.value(part, "a value after `=`");
                    item.body = Some(lone_block(value));
                }
            }
        }
        item
    }

    fn subject(&mut self, pair: Pair<'_>) -> (Ident, TypeExpr) {
        let end = self.end(&pair);
        let mut subject = (self.no_name(end), self.bad_type(end));
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => subject.0 = self.name(&part, "a name"),
                Rule::no_pipe => self.unexpected(self.start(&part), "`|>` after a function's subject"),
                _ => subject.1 = self.ty(part),
            }
        }
        subject
    }

    fn net_item(&mut self, rest: Pair<'_>) -> NetItem {
        let end = self.end(&rest);
        let outside = std::mem::replace(&mut self.in_net, true);
        let mut name = self.no_name(end);
        let mut parameters = Vec::new();
        let mut body = None;
        for part in rest.into_inner() {
            match part.as_rule() {
                Rule::parameters => parameters = self.parameters(part, true),
                Rule::block => body = Some(self.block(part)),
                Rule::no_block => self.unexpected(self.start(&part), "`{` and the network's body"),
                _ => name = self.name(&part, "the name of a network"),
            }
        }
        self.in_net = outside;
        NetItem {
            name,
            parameters,
            body: body.unwrap_or_else(|| lone_block(self.bad_value(end))),
        }
    }

    pub(super) fn no_name(&self, at: usize) -> Ident {
        Ident {
            name: String::new(),
            span: self.at(at, at),
        }
    }

    pub(super) fn bad_type(&self, at: usize) -> TypeExpr {
        let at = self.trim(at, 0);
        TypeExpr {
            kind: TypeKind::Bad,
            span: self.at(at, at),
        }
    }
}

/// The block of a lone value, as after `=`.
pub(super) fn lone_block(value: Expr) -> Block {
    let span: Span = value.span;
    Block {
        locals: Vec::new(),
        value: Box::new(Labelled { label: None, value }),
        span,
    }
}
