//! Bytes to the protocol's lines and characters, and back: the one place where that is done.

use std::ops::Range;

use lsp_types::{Position, Range as LspRange};

/// What the protocol counts within a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// Halves of surrogate pairs: the protocol's default.
    #[default]
    Utf16,
}

/// A text with the beginnings of its lines. Lines end with `\n`, `\r\n` or `\r`, as the protocol says.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|&(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { text, starts, encoding }
    }

    /// The position of a byte; of one inside a character that of the character.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|&start| start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        let character = match self.encoding {
            Encoding::Utf8 => before.len(),
            Encoding::Utf16 => before.encode_utf16().count(),
        };
        Position::new(small(line), small(character))
    }

    /// The byte of a position. A character beyond the line's end is its end, a line beyond the last the text's end, and
    /// a place inside a character its beginning.
    pub(super) fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(&start) = self.starts.get(line) else {
            return self.text.len();
        };
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let content = self.text.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        let wanted = position.character as usize;
        let mut counted = 0;
        for (at, c) in content.char_indices() {
            let width = match self.encoding {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
            };
            if counted + width > wanted {
                return start + at;
            }
            counted += width;
        }
        start + content.len()
    }

    pub(super) fn range(&self, range: &Range<usize>) -> LspRange {
        LspRange::new(self.position(range.start), self.position(range.end))
    }

    pub(super) fn bytes(&self, range: &LspRange) -> Range<usize> {
        let start = self.offset(range.start);
        start..self.offset(range.end).max(start)
    }
}

pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_are_counted_as_negotiated() {
        let text = "let ä = \"𝕏\" + 1\r\nlet b = 2\rc\n";
        let (utf16, utf8) = (Lines::new(text, Encoding::Utf16), Lines::new(text, Encoding::Utf8));
        let plus = text.find('+').expect("it is there");
        assert_eq!(utf16.position(plus), Position::new(0, 13));
        assert_eq!(utf8.position(plus), Position::new(0, 16));
        assert_eq!(utf16.offset(Position::new(0, 13)), plus);
        // Between the halves of a surrogate pair.
        assert_eq!(utf16.offset(Position::new(0, 10)), text.find('𝕏').expect("it is there"));
        assert_eq!(
            utf16.position(text.find('c').expect("it is there")),
            Position::new(2, 0)
        );
        // The line's end is before its line end.
        assert_eq!(
            utf16.offset(Position::new(0, 999)),
            text.find('\r').expect("it is there")
        );
        assert_eq!(utf16.offset(Position::new(9, 0)), text.len());
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(text in "[a\u{e4}\u{1d54f}\r\n]{0,20}", utf8 in any::<bool>()) {
            let encoding = if utf8 { Encoding::Utf8 } else { Encoding::Utf16 };
            let lines = Lines::new(&text, encoding);
            for (at, c) in text.char_indices() {
                let back = lines.offset(lines.position(at));
                // The second half of `\r\n` belongs to the line's end.
                let in_line_end = c == '\n' && text[..at].ends_with('\r');
                prop_assert_eq!(back, if in_line_end { at - 1 } else { at });
            }
        }
    }
}
