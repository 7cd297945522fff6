//! Whether a place lies in code, in a text or in a comment, told by its line alone.

use std::ops::Range;

/// What a place lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Code; the bytes of the word that touches the place, which may be none.
    Code(Range<usize>),
    /// A text; the bytes between its quotes, and whether it is closed on its line.
    Text { content: Range<usize>, closed: bool },
    /// A comment.
    Comment,
}

/// What the byte `offset` of a text lies in. Texts end with their line, so the line tells it.
pub(super) fn place_at(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(offset..).unwrap_or("");
    let line_end = offset + rest.find('\n').unwrap_or(rest.len());
    // The texts and holes that are open, the innermost last: where a text's content begins, or a hole.
    let mut open: Vec<Open> = Vec::new();
    let mut letters = before[start..].char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let at = start + at;
        match (open.last(), c) {
            (Some(Open::Text { raw: true, .. }), '"') => drop(open.pop()),
            (Some(Open::Text { raw: true, .. }), _) => {}
            (Some(Open::Text { .. }), '\\') => drop(letters.next()),
            (Some(Open::Text { .. }), '"') | (Some(Open::Hole), '}') => drop(open.pop()),
            (Some(Open::Text { .. }), '{') => open.push(Open::Hole),
            (Some(Open::Text { .. }), _) => {}
            (_, '"') => open.push(Open::Text {
                start: at + 1,
                raw: before[start..at].ends_with('r') && !is_word_before(&before[start..at.saturating_sub(1)]),
            }),
            (_, '/') if text[at..].starts_with("//") && at + 1 < offset => return Place::Comment,
            _ => {}
        }
    }
    match open.last() {
        Some(Open::Text { start, .. }) => {
            let rest = &text[offset..line_end];
            match closing(rest) {
                Some(at) => Place::Text {
                    content: *start..offset + at,
                    closed: true,
                },
                // Without a closing quote what follows on the line may be code.
                None => Place::Text {
                    content: *start..offset,
                    closed: false,
                },
            }
        }
        _ => Place::Code(word_around(text, offset)),
    }
}

#[derive(Clone, Copy)]
enum Open {
    Text { start: usize, raw: bool },
    Hole,
}

fn is_word_before(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

/// The first quote that closes a text, when nothing but the text's own content stands before it.
fn closing(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => drop(letters.next()),
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word_around(text: &str, offset: usize) -> Range<usize> {
    let before = text[..offset].chars().rev().take_while(|c| is_word(*c)).count();
    let after = text[offset..].chars().take_while(|c| is_word(*c)).count();
    offset - before..offset + after
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of `|` in a text without it.
    fn at(marked: &str) -> (String, Place) {
        let offset = marked.find('|').expect("a mark");
        let text = marked.replacen('|', "", 1);
        let place = place_at(&text, offset);
        (text, place)
    }

    fn content(marked: &str) -> Option<String> {
        match at(marked) {
            (text, Place::Text { content, .. }) => Some(text[content].to_owned()),
            _ => None,
        }
    }

    #[test]
    fn texts_holes_and_comments_are_told_apart() {
        assert_eq!(content("let a = \"x|y\" ++ b").as_deref(), Some("xy"));
        assert_eq!(content("let a = \"ä{b}|c\"").as_deref(), Some("ä{b}c"));
        assert_eq!(content("let a = \"{b|}c\""), None);
        assert_eq!(content("let a = \"{f(\"q|\")}c\"").as_deref(), Some("q"));
        assert_eq!(content("let a = \"\\\"|\"").as_deref(), Some("\\\""));
        assert_eq!(content("let a = r\"\\|\"").as_deref(), Some("\\"));
        assert_eq!(content("f(by: \"pa|").as_deref(), Some("pa"));
        assert_eq!(at("let a = 1 // b|").1, Place::Comment);
        assert_eq!(
            at("let a = \"http://|\"").1,
            Place::Text {
                content: 9..16,
                closed: true
            }
        );
        assert_eq!(at("let ä = 1\nlet fo|o = 2").1, Place::Code(15..18));
    }
}
