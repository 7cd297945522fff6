//! The look at the text that comes before the grammar: how deep it nests, where its comments lie, and which closing
//! brackets close nothing.
//!
//! It is one pass with a stack of its own, so that no text, however deep, can exhaust the parser's. What the grammar
//! must not see is blanked out, byte for byte, so that every offset stays what it was.

use std::{borrow::Cow, ops::Range};

/// Brackets, holes and constructs that hold each other without brackets, at most this many at one place.
pub(super) const MAX_NESTING: usize = 256;

/// The words that cannot be names.
pub(super) const RESERVED: [&str; 12] = [
    "let", "for", "in", "if", "else", "repeat", "true", "false", "none", "and", "or", "not",
];

/// The words that begin an item.
pub(super) const ITEM_WORDS: [&str; 6] = ["import", "param", "let", "fn", "net", "out"];

/// What the look found.
pub(super) struct Scan<'a> {
    /// The text with blanks in place of what the grammar must not see.
    pub(super) visible: Cow<'a, str>,
    /// Plain `//` comments, in order, without their line ends.
    pub(super) comments: Vec<Range<usize>>,
    /// Closing brackets that close nothing; blanked out.
    pub(super) unmatched: Vec<usize>,
    /// Closing brackets whose opener was given up where an item began, in order; blanked out, since that was reported.
    pub(super) orphaned: Vec<usize>,
    /// How deep the text nests where it nests most.
    pub(super) deepest: usize,
    /// Items that nest too deep, each with the place where they do; blanked out.
    pub(super) too_deep: Vec<(Range<usize>, usize)>,
}

/// True for the bytes of a word.
pub(super) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The end of the word that begins at `at`; `at` itself when none does.
pub(super) fn word_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    while bytes.get(end).copied().is_some_and(is_word_byte) {
        end += 1;
    }
    end
}

/// True when the line that begins at `at` begins an item: the grammar's `item_head`.
pub(super) fn begins_item(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let starts_word = |i: usize| bytes.get(i).is_some_and(|&b| b.is_ascii_alphabetic() || b == b'_');
    if bytes.get(at) == Some(&b'@') {
        return starts_word(at + 1);
    }
    let end = word_end(text, at);
    let head = &text[at..end];
    if !ITEM_WORDS.contains(&head) {
        return false;
    }
    let mut next = end;
    while matches!(bytes.get(next), Some(b' ' | b'\t')) {
        next += 1;
    }
    if next == end {
        return false;
    }
    let name = &text[next..word_end(text, next)];
    starts_word(next) && !RESERVED.contains(&name) || head == "import" && bytes.get(next) == Some(&b'"')
}

/// An open bracket, with the constructs that hold each other inside it since the last comma.
struct Frame {
    opener: u8,
    chain: usize,
}

struct Scanner<'a> {
    text: &'a str,
    frames: Vec<Frame>,
    /// Open brackets plus the chains of all frames.
    depth: usize,
    item_start: usize,
    /// Openers that were still open where an item began.
    abandoned: Vec<u8>,
    scan: Scan<'a>,
}

impl Scan<'_> {
    /// True for a closing bracket that the grammar does not see.
    pub(super) fn is_blanked(&self, at: usize) -> bool {
        self.unmatched.binary_search(&at).is_ok() || self.orphaned.binary_search(&at).is_ok()
    }
}

/// Looks the text over.
pub(super) fn scan(text: &str) -> Scan<'_> {
    let mut scanner = Scanner {
        text,
        frames: vec![Frame { opener: 0, chain: 0 }],
        depth: 0,
        item_start: 0,
        scan: Scan {
            visible: Cow::Borrowed(text),
            comments: Vec::new(),
            unmatched: Vec::new(),
            orphaned: Vec::new(),
            deepest: 0,
            too_deep: Vec::new(),
        },
        abandoned: Vec::new(),
    };
    scanner.run();
    scanner.finish()
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at = match byte {
                b'\n' => {
                    if begins_item(self.text, at + 1) {
                        self.begin_item(at + 1);
                    }
                    at + 1
                }
                b'/' if bytes.get(at + 1) == Some(&b'/') => self.comment(at),
                b'"' => self.string(at),
                b'r' if bytes.get(at + 1) == Some(&b'"') => {
                    let line = line_end(self.text, at);
                    self.text[at + 2..line].find('"').map_or(line, |n| at + 2 + n + 1)
                }
                b'(' | b'[' | b'{' => {
                    self.frames.push(Frame { opener: byte, chain: 0 });
                    self.deeper(at, 1).unwrap_or(at + 1)
                }
                b')' | b']' | b'}' => self.close(byte, at),
                b',' => {
                    self.end_chain();
                    at + 1
                }
                b'=' | b'-' if bytes.get(at + 1) == Some(&b'>') => self.chain(at, at + 2),
                _ if is_word_byte(byte) => self.word(at),
                _ => at + 1,
            };
        }
    }

    fn begin_item(&mut self, at: usize) {
        self.abandoned.extend(self.frames.drain(1..).map(|frame| frame.opener));
        self.depth = 0;
        if let Some(root) = self.frames.first_mut() {
            root.chain = 0;
        }
        self.item_start = at;
    }

    fn comment(&mut self, at: usize) -> usize {
        let end = line_end(self.text, at);
        let line = &self.text[at..end];
        let documents = line.starts_with("///") && !line.starts_with("////") || line.starts_with("//!");
        if !documents {
            self.scan.comments.push(at..at + line.trim_end().len());
        }
        end
    }

    fn string(&mut self, at: usize) -> usize {
        let (end, deepest) = string_end(self.text, at);
        let end = end.unwrap_or_else(|| line_end(self.text, at));
        if self.depth + deepest <= MAX_NESTING {
            self.scan.deepest = self.scan.deepest.max(self.depth + deepest);
            end
        } else {
            self.deeper(at, deepest).unwrap_or(end)
        }
    }

    fn word(&mut self, at: usize) -> usize {
        let end = word_end(self.text, at);
        match &self.text[at..end] {
            "let" => {
                while self.frames.last().is_some_and(|f| matches!(f.opener, b'(' | b'[')) {
                    self.pop();
                }
                self.end_chain();
                end
            }
            "if" | "for" | "repeat" => self.chain(at, end),
            _ => end,
        }
    }

    /// A construct that holds what follows it without a bracket.
    fn chain(&mut self, at: usize, end: usize) -> usize {
        if let Some(frame) = self.frames.last_mut() {
            frame.chain += 1;
        }
        self.deeper(at, 1).unwrap_or(end)
    }

    fn end_chain(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            self.depth -= frame.chain;
            frame.chain = 0;
        }
    }

    fn pop(&mut self) {
        self.end_chain();
        self.frames.pop();
        self.depth -= 1;
    }

    fn close(&mut self, closer: u8, at: usize) -> usize {
        let opener = match closer {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        match self.frames.iter().rposition(|frame| frame.opener == opener) {
            Some(found) => {
                while self.frames.len() > found {
                    self.pop();
                }
            }
            None => match self.abandoned.iter().rposition(|&abandoned| abandoned == opener) {
                Some(found) => {
                    self.abandoned.remove(found);
                    self.scan.orphaned.push(at);
                }
                None => self.scan.unmatched.push(at),
            },
        }
        at + 1
    }

    /// Counts `levels` more; beyond the limit the item is given up, and the place where the next one begins comes back.
    fn deeper(&mut self, at: usize, levels: usize) -> Option<usize> {
        self.depth += levels;
        if self.depth <= MAX_NESTING {
            self.scan.deepest = self.scan.deepest.max(self.depth);
            return None;
        }
        let end = self.text[at..]
            .match_indices('\n')
            .map(|(n, _)| at + n)
            .find(|&n| begins_item(self.text, n + 1))
            .unwrap_or(self.text.len());
        self.scan.too_deep.push((self.item_start..end, at));
        self.begin_item(end);
        self.abandoned.clear();
        Some(end)
    }

    fn finish(mut self) -> Scan<'a> {
        let scan = &mut self.scan;
        let given_up = |at: usize, items: &[(Range<usize>, usize)]| items.iter().any(|(item, _)| item.contains(&at));
        scan.unmatched.retain(|&at| !given_up(at, &scan.too_deep));
        scan.orphaned.retain(|&at| !given_up(at, &scan.too_deep));
        if !(scan.unmatched.is_empty() && scan.orphaned.is_empty() && scan.too_deep.is_empty()) {
            let mut bytes = self.text.as_bytes().to_vec();
            for &at in scan.unmatched.iter().chain(&scan.orphaned) {
                bytes[at] = b' ';
            }
            for (item, _) in &scan.too_deep {
                bytes[item.clone()].fill(b' ');
            }
            scan.visible = String::from_utf8_lossy(&bytes).into_owned().into();
        }
        self.scan
    }
}

/// The end of the line that holds `at`, before its `\n`.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |n| at + n)
}

/// Where the text that begins with the quote at `at` ends, after its closing quote, none when it does not end on its line;
/// and how deep its holes nest. The grammar's `scan_string`, without recursion.
pub(super) fn string_end(text: &str, at: usize) -> (Option<usize>, usize) {
    let bytes = text.as_bytes();
    // True for a text, false for a hole or a brace within one.
    let mut inside = vec![true];
    let (mut brackets, mut deepest) = (0_usize, 1_usize);
    let mut i = at + 1;
    while let Some(&in_text) = inside.last() {
        let Some(&byte) = bytes.get(i).filter(|&&b| b != b'\n') else {
            return (None, deepest - 1);
        };
        let next = bytes.get(i + 1).copied();
        i += 1;
        match (in_text, byte) {
            (true, b'\\') => i += usize::from(next.is_some_and(|b| b != b'\n')),
            (true, b'"') | (false, b'}') => {
                inside.pop();
            }
            (_, b'{') => inside.push(false),
            (true, _) => {}
            (false, b'"') => inside.push(true),
            (false, b'/') if next == Some(b'/') => return (None, deepest - 1),
            (false, b'r') if next == Some(b'"') => {
                let line = line_end(text, i);
                i = text[i + 1..line].find('"').map_or(line, |n| i + 1 + n + 1);
            }
            (false, _) if is_word_byte(byte) => {
                let end = word_end(text, i);
                brackets += usize::from(matches!(&text[i - 1..end], "if" | "for" | "repeat"));
                i = end;
            }
            (false, b'(' | b'[') => brackets += 1,
            (false, b')' | b']') => brackets = brackets.saturating_sub(1),
            (false, b'>') if matches!(bytes.get(i.wrapping_sub(2)), Some(b'=' | b'-')) => brackets += 1,
            (false, _) => {}
        }
        deepest = deepest.max(brackets + inside.len());
    }
    (Some(i), deepest - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_and_documentation_is_not_one() {
        let text = "// a\r\nlet b = \"https://x\" // c\n/// d\n//! e\n//// f";
        let found: Vec<_> = scan(text).comments.into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["// a", "// c", "//// f"]);
    }

    #[test]
    fn closers_without_an_opener_are_blanked_and_strays_of_another_kind_are_not() {
        let found = scan("let a = 1)\nlet b = f([1)\n");
        assert_eq!(found.unmatched, [9]);
        assert_eq!(&*found.visible, "let a = 1 \nlet b = f([1)\n");
    }

    #[test]
    fn nesting_counts_brackets_holes_and_constructs_without_brackets() {
        for deep in ["(", "[", "{", "if ", "for x in ", "repeat i in ", "(a) => "] {
            let at_limit = format!(
                "let a = {}",
                deep.repeat(MAX_NESTING / (1 + usize::from(deep.contains("=>"))))
            );
            assert!(scan(&at_limit).too_deep.is_empty() || deep.contains("=>"), "{deep}");
            let beyond = format!("let a = {}\nlet b = 1", deep.repeat(MAX_NESTING + 1));
            let found = scan(&beyond);
            assert_eq!(found.too_deep.len(), 1, "{deep}");
            assert_eq!(found.visible.trim(), "let b = 1", "{deep}");
        }
        let holes = format!("let a = {}1{}", "\"{".repeat(200), "}\"".repeat(200));
        assert_eq!(scan(&holes).too_deep.len(), 1);
    }

    #[test]
    fn long_lists_and_many_lets_are_not_deep() {
        let list = format!("let a = [{}]", "(x) => if x { 1 } else { 2 }, ".repeat(1_000));
        assert!(scan(&list).too_deep.is_empty());
        let block = format!(
            "fn f() -> int {{\n{}1\n}}",
            "  let a = if b { 1 } else { f((2 }\n".repeat(1_000)
        );
        assert!(scan(&block).too_deep.is_empty());
    }

    #[test]
    fn a_text_ends_with_its_quote_past_holes_or_not_at_all() {
        assert_eq!(string_end("\"a\" b", 0), (Some(3), 0));
        assert_eq!(string_end("\"{f(\"}\")}\" b", 0), (Some(10), 3));
        assert_eq!(string_end("\"a\\\"b\"", 0).0, Some(6));
        assert_eq!(string_end("\"a\nb\"", 0).0, None);
        assert_eq!(string_end("\"{a\" b", 0), (None, 2));
    }
}
