//! The tokens of a text, for what works on text rather than on the tree: the formatter, and the colours of an editor.

use super::scan::{is_word_byte, line_end, string_end, word_end};
use crate::source::{FileId, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a word of the language.
    Word,
    /// A number with its exponent and suffix.
    Number,
    /// A text from quote to quote, its holes included; `r"..."` too.
    Text,
    /// An operator, a bracket, a comma.
    Sign,
    /// `// ...`
    Comment,
    /// `/// ...`
    Doc,
    /// `//! ...`
    ModuleDoc,
}

/// A token and where it stands; a comment's span ends before the blanks at its line's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where.
    pub span: Span,
}

/// Signs of more than one character, each before those that begin it.
const LONG_SIGNS: [&str; 11] = ["...", "..=", "..", "|>", "=>", "->", "==", "!=", "<=", ">=", "++"];

/// The tokens of a text in order, comments among them. Nothing but blanks (and a byte order mark) lies between them.
///
/// They are the grammar's tokens where the text is right; any other text is cut into tokens somehow.
#[must_use]
pub fn tokens(file: FileId, text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{FEFF}') {
            at += character.len_utf8();
            continue;
        }
        let (kind, next) = token(text, at, character);
        let end = at + text[at..next].trim_end().len();
        found.push(Token {
            kind,
            span: Span::new(file, at, end.max(at + character.len_utf8())),
        });
        at = next;
    }
    found
}

/// The kind and the end of the token that begins at `at` with `first`.
fn token(text: &str, at: usize, first: char) -> (TokenKind, usize) {
    let rest = &text[at..];
    if rest.starts_with("//") {
        let kind = match rest.as_bytes().get(2..) {
            Some([b'/', b'/', ..]) => TokenKind::Comment,
            Some([b'/', ..]) => TokenKind::Doc,
            Some([b'!', ..]) => TokenKind::ModuleDoc,
            _ => TokenKind::Comment,
        };
        return (kind, line_end(text, at));
    }
    if first == '"' {
        let end = string_end(text, at).0.unwrap_or_else(|| line_end(text, at));
        return (TokenKind::Text, end);
    }
    if rest.starts_with("r\"") {
        let line = line_end(text, at);
        let end = text[at + 2..line].find('"').map_or(line, |n| at + 2 + n + 1);
        return (TokenKind::Text, end);
    }
    if first.is_ascii_digit() {
        return (TokenKind::Number, number_end(text, at));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        return (TokenKind::Word, word_end(text, at));
    }
    let length = LONG_SIGNS
        .iter()
        .find(|sign| rest.starts_with(**sign))
        .map_or(first.len_utf8(), |sign| sign.len());
    (TokenKind::Sign, at + length)
}

/// The end of the number that begins at `at`: the grammar's `number`.
fn number_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let run = |mut i: usize, accept: fn(u8) -> bool| {
        while bytes.get(i).copied().is_some_and(accept) {
            i += 1;
        }
        i
    };
    let digits = |i: usize| run(i, |b| b.is_ascii_digit() || b == b'_');
    let mut end = digits(at);
    if bytes.get(end) == Some(&b'.') && is_digit(end + 1) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if is_digit(end + 1 + sign) {
            end = run(end + 1 + sign, |b| b.is_ascii_digit());
        }
    }
    if bytes.get(end) == Some(&b'%') {
        end += 1;
    }
    run(end, is_word_byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn cut(text: &str) -> Vec<&str> {
        let file = SourceMap::new().add("a.mtl", None, text);
        tokens(file, text)
            .into_iter()
            .map(|token| &text[token.span.start as usize..token.span.end as usize])
            .collect()
    }

    #[test]
    fn numbers_texts_and_signs_are_cut_as_the_grammar_cuts_them() {
        assert_eq!(cut("0..n-1"), ["0", "..", "n", "-", "1"]);
        assert_eq!(cut("1.5..=2.5"), ["1.5", "..=", "2.5"]);
        assert_eq!(cut("1e-3*20%"), ["1e-3", "*", "20%"]);
        assert_eq!(cut("[...a,30min]"), ["[", "...", "a", ",", "30min", "]"]);
        assert_eq!(
            cut("r\"\\d{5}\" \"{f(\"a\")}\"x"),
            ["r\"\\d{5}\"", "\"{f(\"a\")}\"", "x"]
        );
        assert_eq!(cut("(a?)->b=>|>c"), ["(", "a", "?", ")", "->", "b", "=>", "|>", "c"]);
    }

    #[test]
    fn comments_end_with_what_is_written() {
        assert_eq!(cut("\u{FEFF}a // b  \r\n///c\n"), ["a", "// b", "///c"]);
    }
}
