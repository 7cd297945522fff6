//! The walk over the tree that makes the document: what stands where on a line, and where lines may break.
//!
//! The walk takes the tokens of the text one after the other, each with its comments, so nothing is lost, doubled or
//! moved whatever the tree says; the tree only says what lies around them. Commas are the exception: one behind the
//! last element of a list is written if and only if the list is broken.

use super::{
    doc::{Doc, GroupId, Section},
    trivia::Token,
};
use crate::{
    source::Span,
    syntax::ast::{Expr, ExprKind, Label, TypeExpr},
};

/// A walk.
pub(super) struct Layout<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token<'a>>,
    /// The next token.
    at: usize,
    pub(super) doc: Doc<'a>,
    /// The comment behind the last token, written before the next place where a line may break: what closes in between is
    /// not broken by it.
    pending: Option<(&'a str, Option<Section>)>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(text: &'a str, tokens: Vec<Token<'a>>) -> Self {
        Self {
            text,
            tokens,
            at: 0,
            doc: Doc::default(),
            pending: None,
        }
    }

    // ---- tokens and comments ----

    /// The token `ahead` of the next one.
    pub(super) fn ahead(&self, ahead: usize) -> Option<&Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    /// True when the next token is written so.
    pub(super) fn next_is(&self, text: &str) -> bool {
        self.ahead(0).is_some_and(|token| token.text == text)
    }

    /// True when a line ends before the token `ahead` of the next one.
    pub(super) fn newline_before(&self, ahead: usize) -> bool {
        self.ahead(ahead).is_some_and(|token| token.newline)
    }

    /// True when a line ends before the token in front of the one that begins at `start`.
    pub(super) fn newline_before_last(&self, start: usize) -> bool {
        let at = self.tokens.partition_point(|token| token.start < start);
        at.checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .is_some_and(|token| token.newline)
    }

    /// True when an empty line precedes the next token and its comments.
    pub(super) fn begins_paragraph(&self) -> bool {
        self.ahead(0).is_some_and(Token::begins_paragraph)
    }

    /// True when a comment stands between the last token and the next.
    pub(super) fn comment_before_next(&self) -> bool {
        self.pending.is_some() || self.ahead(0).is_some_and(|token| !token.leading.is_empty())
    }

    /// True when the token that begins at `start` and the one after it have a comment between them.
    pub(super) fn comment_after(&self, start: usize) -> bool {
        let at = self.tokens.partition_point(|token| token.start < start);
        self.tokens.get(at).is_some_and(|token| token.trailing.is_some())
            || self.tokens.get(at + 1).is_some_and(|token| !token.leading.is_empty())
    }

    /// The next token, with the comments before it.
    pub(super) fn token(&mut self) {
        self.comments();
        if let Some(token) = self.tokens.get(self.at) {
            self.doc.text(token.text);
            self.pending = token.trailing.map(|comment| (comment, None));
            self.at += 1;
        }
    }

    /// The comments before the next token.
    fn comments(&mut self) {
        self.flush();
        let apart = self.ahead(0).is_some_and(Token::stands_apart);
        self.leading_comments();
        if apart {
            self.doc.blank();
        }
    }

    /// Comments on lines of their own before the next token.
    pub(super) fn leading_comments(&mut self) {
        let Some(token) = self.tokens.get_mut(self.at) else {
            return;
        };
        for (i, comment) in std::mem::take(&mut token.leading).into_iter().enumerate() {
            if i > 0 && comment.blank {
                self.doc.blank();
            }
            self.doc.own_comment(comment.text);
        }
    }

    /// The comment behind the last token.
    pub(super) fn flush(&mut self) {
        if let Some((comment, section)) = self.pending.take() {
            self.doc.trailing_comment(comment, section);
        }
    }

    /// The comment behind the last token, if there is one, is aligned with those of its section; true if there is one.
    pub(super) fn align_comment(&mut self, section: Section) -> bool {
        if let Some((_, own)) = &mut self.pending {
            own.get_or_insert(section);
        }
        self.pending.is_some()
    }

    /// Comments on lines of their own before a closing bracket, or the end of the file.
    pub(super) fn closing_comments(&mut self) {
        if self.ahead(0).is_some_and(|token| !token.leading.is_empty()) {
            self.separate();
            self.leading_comments();
        }
    }

    // ---- lines ----

    /// Opens a group that begins with the next token; comments before that do not break it.
    pub(super) fn open(&mut self) -> GroupId {
        self.comments();
        self.doc.open()
    }

    /// A place where the line may break.
    pub(super) fn line(&mut self, blank: bool) {
        self.flush();
        self.doc.line(blank);
    }

    /// The same between things that may stand apart.
    pub(super) fn separate(&mut self) {
        self.flush();
        if self.begins_paragraph() {
            self.doc.blank();
        }
        self.doc.line(true);
    }

    pub(super) fn space(&mut self) {
        self.doc.space();
    }

    /// The comma behind an element, whether it was written or not.
    pub(super) fn comma(&mut self, last: bool) {
        self.skip_comma();
        if last {
            self.doc.comma_if_broken();
        } else {
            self.doc.text(",");
        }
    }

    /// Leaves out the next token if it is a comma, but not the comment behind it.
    pub(super) fn skip_comma(&mut self) {
        if let Some(token) = self.tokens.get(self.at)
            && token.text == ","
        {
            self.pending = self.pending.take().or(token.trailing.map(|comment| (comment, None)));
            self.at += 1;
        }
    }

    // ---- small parts ----

    /// Tokens up to the end of `span`, as they stand: a dotted path.
    pub(super) fn verbatim(&mut self, span: Span) {
        while self.ahead(0).is_some_and(|token| token.start < span.end as usize) {
            self.token();
        }
    }

    /// `label: `, all but the blank.
    pub(super) fn label(&mut self, label: &Label) {
        self.verbatim(label.span);
        self.token();
    }

    /// What follows `=`, `:` or `=>`. A value stays on its line and breaks inside; a pipe without a head goes below.
    pub(super) fn value(&mut self, value: &Expr) -> Option<GroupId> {
        if self.comment_before_next() {
            self.doc.indent(2);
            self.line(true);
            self.expr(value);
            self.doc.dedent();
            return None;
        }
        if let ExprKind::Pipe(None, steps) = &value.kind {
            return self.pipe(None, steps, true);
        }
        self.space();
        self.expr(value)
    }

    /// A written type, on one line.
    pub(super) fn ty(&mut self, ty: &TypeExpr) {
        // The open brackets; true for those of a record, whose content has blanks around it.
        let mut brackets = Vec::new();
        let mut before = "";
        while let Some(token) = self.ahead(0)
            && token.start < ty.span.end as usize
        {
            let text = token.text;
            let closes = |text: &str| matches!(text, ")" | "]" | "}");
            if text == "," && self.ahead(1).is_some_and(|after| closes(after.text)) {
                self.skip_comma();
                continue;
            }
            let in_record = brackets.last() == Some(&true);
            let blank = match (before, text) {
                ("", _) => false,
                ("{", "}") => false,
                ("{", _) | (_, "}") => in_record,
                ("(" | "[", _) | (_, ")" | "]" | "," | ";" | ":" | "?") => false,
                ("->" | "," | ":" | ";", _) | (_, "->") => true,
                _ => false,
            };
            if matches!(text, "(" | "[" | "{") {
                brackets.push(text == "{" && self.ahead(2).is_some_and(|after| after.text == ":"));
            } else if closes(text) {
                brackets.pop();
            }
            if blank {
                self.space();
            }
            self.token();
            before = text;
        }
    }
}
