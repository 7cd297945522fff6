//! Tokens with the comments that belong to them, and what the author's blank lines and line ends say.

use std::collections::BTreeSet;

use crate::{
    source::FileId,
    syntax::{
        TokenKind,
        ast::{Item, Module},
        tokens,
    },
};

/// A comment, documentation included, with its mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment<'a> {
    pub(super) text: &'a str,
    /// True when an empty line precedes it.
    pub(super) blank: bool,
}

/// A token; the last one of a file is empty and stands for its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// True when a line ends between the token before and this one.
    pub(super) newline: bool,
    /// True when an empty line directly precedes it.
    blank: bool,
    /// Comments on lines of their own before it.
    pub(super) leading: Vec<Comment<'a>>,
    /// The comment behind it on its line.
    pub(super) trailing: Option<&'a str>,
}

impl Token<'_> {
    /// True when an empty line precedes it and its comments.
    pub(super) fn begins_paragraph(&self) -> bool {
        self.leading.first().map_or(self.blank, |comment| comment.blank)
    }

    /// True when an empty line stands between its comments and it.
    pub(super) fn stands_apart(&self) -> bool {
        !self.leading.is_empty() && self.blank
    }
}

/// The tokens of a module, its comments attached.
pub(super) fn attach<'a>(file: FileId, text: &'a str, module: &Module) -> Vec<Token<'a>> {
    let attributes = module.items.iter().flat_map(|item: &Item| &item.attributes);
    let attribute_ends: BTreeSet<usize> = attributes.map(|a| a.span.end as usize).collect();
    let mut found: Vec<Token<'a>> = Vec::new();
    let mut next = Token::default();
    // The end of the last token or comment.
    let mut last_end = 0;
    for token in tokens(file, text) {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        let breaks = text[last_end..start].bytes().filter(|&byte| byte == b'\n').count();
        let written = &text[start..end];
        last_end = end;
        next.newline |= breaks > 0;
        match token.kind {
            TokenKind::Comment | TokenKind::Doc | TokenKind::ModuleDoc => {
                let documents_next = token.kind == TokenKind::Doc && documents_next(&found, &attribute_ends);
                match found.last_mut() {
                    Some(before) if !next.newline && !documents_next => before.trailing = Some(written),
                    _ => next.leading.push(Comment {
                        text: written,
                        blank: breaks > 1,
                    }),
                }
                next.newline = true;
            }
            _ => {
                found.push(Token {
                    text: written,
                    start,
                    end,
                    blank: breaks > 1,
                    ..std::mem::take(&mut next)
                });
            }
        }
    }
    found.push(Token {
        start: text.len(),
        end: text.len(),
        newline: true,
        ..next
    });
    move_behind_commas(&mut found);
    found
}

/// True when a `///` behind the last token, on its line, belongs to what follows: nothing that it could document ends
/// there.
fn documents_next(found: &[Token<'_>], attribute_ends: &BTreeSet<usize>) -> bool {
    found.last().is_none_or(|before| {
        matches!(before.text, "(" | "[" | "{")
            || before.text == "," && before.newline
            || attribute_ends.contains(&before.end)
    })
}

/// Moves comments between an element and its comma behind the comma, which is written right after the element.
fn move_behind_commas(tokens: &mut [Token<'_>]) {
    for at in 1..tokens.len().saturating_sub(1) {
        let [before, comma, after] = &mut tokens[at - 1..=at + 1] else {
            continue;
        };
        if comma.text != "," {
            continue;
        }
        let mut moved = std::mem::take(&mut comma.leading);
        if before.trailing.is_some() || !moved.is_empty() {
            moved.extend(comma.trailing.take().map(|text| Comment { text, blank: false }));
            comma.trailing = before.trailing.take();
        }
        if !moved.is_empty() {
            moved.append(&mut after.leading);
            after.leading = moved;
            after.newline = true;
        }
    }
}
