//! The builder's ground: places, blanks, and how a mistake is reported once.

use super::{
    Pair, Rule,
    ast::{Expr, ExprKind, Ident, Item, ItemKind, Module},
    found::{Found, foreign, found},
    messages,
    scan::{self, MAX_NESTING, Scan},
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    source::{FileId, Span},
};

/// The depth of the tree is bounded too, since operators nest without brackets: `1 + 1 + ...`.
pub(super) const MAX_DEPTH: usize = 512;

/// Lowers pairs to the tree.
pub(super) struct Builder<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    pub(super) scan: &'a Scan<'a>,
    diagnostics: &'a mut Diagnostics,
    /// Where the text that pest was given begins.
    pub(super) base: usize,
    /// The token at which the last mistake was seen; a token is the cause of one mistake only.
    offending: Option<usize>,
    /// True inside a `net`, where labels may stand.
    pub(super) in_net: bool,
    /// Expressions that hold the current one.
    pub(super) depth: usize,
}

/// The blanks and comments between two tokens.
pub(super) struct Gap {
    /// The end of the token before.
    pub(super) before: usize,
    /// The next token.
    pub(super) next: usize,
    /// True when the next token is out of reach: it begins an item, or there is none.
    pub(super) ends: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: FileId, text: &'a str, scan: &'a Scan<'a>, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            file,
            text,
            scan,
            diagnostics,
            base: 0,
            offending: None,
            in_net: false,
            depth: 0,
        }
    }

    /// Reports what the look at the text found.
    pub(super) fn report_scan(&mut self) {
        for &at in &self.scan.unmatched {
            let sign = &self.text[at..=at];
            self.diagnostics.push(messages::unmatched(self.at(at, at + 1), sign));
        }
        for &(_, at) in &self.scan.too_deep {
            let what = "brackets and constructs hold each other";
            self.diagnostics
                .push(messages::too_deep(self.token(at), MAX_NESTING, what));
        }
    }

    /// The items that were given up before the grammar saw them.
    pub(super) fn given_up(&self) -> impl Iterator<Item = Item> + use<'_> {
        self.scan.too_deep.iter().map(|(item, _)| Item {
            attributes: Vec::new(),
            doc: None,
            kind: ItemKind::Bad,
            span: self.at(item.start, self.trim(item.end, item.start)),
        })
    }

    /// A module of which nothing could be read.
    pub(super) fn unreadable(&mut self, at: usize, detail: &str) -> Module {
        let at = (0..=at.min(self.text.len()))
            .rev()
            .find(|&i| self.text.is_char_boundary(i))
            .unwrap_or(0);
        self.diagnostics.push(messages::unreadable(self.at(at, at), detail));
        Module {
            file: self.file,
            docs: Vec::new(),
            items: vec![Item {
                attributes: Vec::new(),
                doc: None,
                kind: ItemKind::Bad,
                span: self.at(0, self.text.len()),
            }],
        }
    }

    // ---- places ----

    pub(super) fn at(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    /// Where a pair begins.
    pub(super) fn start(&self, pair: &Pair<'_>) -> usize {
        self.base + pair.as_span().start()
    }

    /// Where a pair ends, without the blanks and comments that pest counts to it.
    pub(super) fn end(&self, pair: &Pair<'_>) -> usize {
        self.trim(self.base + pair.as_span().end(), self.start(pair))
    }

    pub(super) fn span(&self, pair: &Pair<'_>) -> Span {
        self.at(self.start(pair), self.end(pair))
    }

    pub(super) fn token(&self, at: usize) -> Span {
        self.at(at, at + found(self.text, at).text.len())
    }

    /// `end` without the blanks and comments before it, but not before `floor`.
    pub(super) fn trim(&self, mut end: usize, floor: usize) -> usize {
        let bytes = self.text.as_bytes();
        while end > floor {
            let byte = bytes.get(end - 1).copied().unwrap_or(b' ');
            let comments = &self.scan.comments;
            let closer = matches!(byte, b')' | b']' | b'}');
            if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') || closer && self.scan.is_blanked(end - 1) {
                end -= 1;
                continue;
            }
            // A comment ends with its line, or before the blanks at its end.
            let may_end = bytes.get(end).is_none_or(|next| !next.is_ascii_graphic());
            match may_end.then(|| comments.binary_search_by_key(&end, |c| c.end)) {
                Some(Ok(found)) => end = comments[found].start,
                _ => break,
            }
        }
        end.max(floor)
    }

    /// What lies around `at`, a place between two tokens.
    pub(super) fn gap(&self, at: usize) -> Gap {
        let bytes = self.text.as_bytes();
        let mut next = at;
        let ends = loop {
            match bytes.get(next) {
                None => break true,
                Some(b'\n') if scan::begins_item(self.text, next + 1) => {
                    next += 1;
                    break true;
                }
                Some(b' ' | b'\t' | b'\r' | b'\n') => next += 1,
                Some(_) if self.scan.is_blanked(next) => next += 1,
                Some(_) => match self.scan.comments.binary_search_by_key(&next, |c| c.start) {
                    Ok(found) => next = self.scan.comments[found].end,
                    Err(_) => break false,
                },
            }
        };
        Gap {
            before: self.trim(at, 0),
            next,
            ends,
        }
    }

    /// True when nothing but blanks precedes `at` on its line.
    pub(super) fn begins_line(&self, at: usize) -> bool {
        let line = self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        self.text[line..at]
            .chars()
            .all(|c| matches!(c, ' ' | '\t' | '\r' | '\u{FEFF}'))
    }

    pub(super) fn same_line(&self, from: usize, to: usize) -> bool {
        self.text.get(from..to).is_some_and(|between| !between.contains('\n'))
    }

    // ---- reports ----

    /// Reports a mistake whose cause is the token at `at`, unless that token caused one already.
    pub(super) fn report(&mut self, at: usize, diagnostic: Diagnostic) {
        if self.offending != Some(at) {
            self.offending = Some(at);
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports a mistake that stands alone.
    pub(super) fn report_alone(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// How many mistakes there are; what is only a consequence of one is not reported.
    pub(super) fn mistakes(&self) -> usize {
        self.diagnostics.len()
    }

    /// Takes the token after `at` for explained, so that nothing more is said of it.
    pub(super) fn excuse(&mut self, at: usize) {
        self.offending = Some(self.gap(at).next);
    }

    /// Reports that something else than `expected` stands at or after `at`, in the words that fit it best.
    pub(super) fn unexpected(&mut self, at: usize, expected: &str) {
        self.unexpected_because(at, expected, None);
    }

    /// The same, with a mend where the words have none of their own.
    pub(super) fn unexpected_because(&mut self, at: usize, expected: &str, help: Option<&str>) {
        let gap = self.gap(at);
        // A bracket that closes nothing was reported, and is what the user meant to stand here.
        if (gap.before..gap.next).any(|place| self.scan.is_blanked(place)) {
            self.offending = Some(gap.next);
            return;
        }
        let mut diagnostic = self.unexpected_at(&gap, expected);
        if diagnostic.help.is_none() {
            diagnostic.help = help.map(str::to_owned);
        }
        self.report(gap.next, diagnostic);
    }

    /// The token after a gap: its characters, what it is called, and where a label about it stands. What begins another
    /// item or local is out of reach, and what is missing there is missing at the end of the line before.
    fn after_gap(&self, gap: &Gap) -> (&'a str, String, Span) {
        let Found { text, words } = found(self.text, gap.next);
        let next_let = text == "let" && !self.same_line(gap.before, gap.next);
        let end = self.at(gap.before, gap.before);
        if gap.next >= self.text.len() {
            ("", "the end of the file".to_owned(), end)
        } else if gap.ends || next_let {
            ("", "the end of the line".to_owned(), end)
        } else {
            (text, words, self.at(gap.next, gap.next + text.len()))
        }
    }

    fn unexpected_at(&self, gap: &Gap, expected: &str) -> Diagnostic {
        let (text, words, span) = self.after_gap(gap);
        if text.is_empty() {
            return messages::unexpected(span, expected, &words);
        }
        let rest = &self.text[gap.next..];
        if matches!(text, "(" | "[" | ".") && self.callable_before(gap) {
            return messages::blank_before(span, text, self.at(gap.before, gap.next));
        }
        if let Some(help) = foreign(rest) {
            return messages::foreign_sign(span, text, help);
        }
        match text {
            "%" => messages::percent(span),
            "=" if expected.contains("operator") || expected.contains("condition") => {
                messages::equals_compares(span, expected)
            }
            "." if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => messages::bare_point(span, expected),
            _ if text.starts_with("//") => messages::documentation_here(span, expected),
            _ => messages::unexpected(span, expected, &words),
        }
    }

    /// True when a blank, and no line's end, parts the next token from something that can be called.
    fn callable_before(&self, gap: &Gap) -> bool {
        let before = self.text[..gap.before].chars().next_back();
        gap.before < gap.next
            && self.same_line(gap.before, gap.next)
            && before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ')' | ']'))
    }

    /// Reports a bracket, opened at `opener`, that is not closed at `at`.
    pub(super) fn unclosed(&mut self, opener: usize, at: usize) {
        let sign = &self.text[opener..=opener];
        let closer = match sign {
            "(" => ")",
            "[" => "]",
            _ => "}",
        };
        let gap = self.gap(at);
        let (_, words, span) = self.after_gap(&gap);
        let mut diagnostic = messages::unclosed(self.at(opener, opener + 1), sign, closer, span, &words);
        if gap.before == opener + 1 && gap.ends && self.text[gap.next..].starts_with("let") {
            diagnostic = diagnostic.help("a `let` that is not indented begins an item; indent the lines of a block");
        }
        self.report(gap.next, diagnostic);
    }

    // ---- small nodes ----

    /// The blank before `at`, and the line break with the indentation of its line that can stand in its place.
    pub(super) fn line_break(&self, at: usize) -> (Span, String) {
        let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let indent: String = self.text[line..]
            .chars()
            .take_while(|c| matches!(c, ' ' | '\t'))
            .collect();
        (self.at(self.trim(at, line), at), format!("\n{indent}"))
    }

    /// What stands for a value that is absent at `at`.
    pub(super) fn bad_value(&self, at: usize) -> Expr {
        let end = self.trim(at, 0);
        Expr {
            kind: ExprKind::Bad,
            span: self.at(end, end),
        }
    }

    /// A name, from `ident`, `word`, `reserved` or `no_name`.
    pub(super) fn name(&mut self, pair: &Pair<'_>, expected: &str) -> Ident {
        let span = self.span(pair);
        match pair.as_rule() {
            Rule::reserved => {
                let diagnostic = messages::reserved_word(span, pair.as_str());
                self.report(span.start as usize, diagnostic);
            }
            Rule::ident | Rule::word => {}
            _ => {
                self.unexpected(self.start(pair), expected);
                let end = self.trim(self.start(pair), 0);
                return Ident {
                    name: String::new(),
                    span: self.at(end, end),
                };
            }
        }
        Ident {
            name: pair.as_str().to_owned(),
            span,
        }
    }

    /// The text of a `///` or `//!` line without its mark and one blank.
    pub(super) fn doc(pair: &Pair<'_>) -> String {
        let line = pair.as_str();
        let line = line.get(3..).unwrap_or("");
        line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()
    }
}

/// Adds a line of documentation.
pub(super) fn document(doc: &mut Option<String>, line: String) {
    match doc {
        Some(text) => {
            text.push('\n');
            text.push_str(&line);
        }
        None => *doc = Some(line),
    }
}
