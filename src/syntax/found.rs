//! What stands at a place, in words.

use super::scan::{RESERVED, word_end};

/// Signs of two and three characters, longest first.
const SIGNS: [&str; 17] = [
    "..=", "...", "|>", "..", "==", "!=", "<=", ">=", "=>", "->", "++", "&&", "||", "**", ":=", "::", "//",
];

/// A token as the user sees it.
pub(super) struct Found<'a> {
    /// Its characters; empty at the end of the file.
    pub(super) text: &'a str,
    /// A name for it: "`x`", "the reserved word `in`", "the end of the file".
    pub(super) words: String,
}

/// The token at `at`, which is no blank.
pub(super) fn found(text: &str, at: usize) -> Found<'_> {
    let rest = text.get(at..).unwrap_or("");
    let Some(first) = rest.chars().next() else {
        return Found {
            text: "",
            words: "the end of the file".to_owned(),
        };
    };
    let word = &text[at..word_end(text, at)];
    if !word.is_empty() {
        let words = if RESERVED.contains(&word) {
            format!("the reserved word `{word}`")
        } else {
            format!("`{word}`")
        };
        return Found { text: word, words };
    }
    if rest.starts_with("//") {
        return Found {
            text: rest.lines().next().unwrap_or(rest),
            words: "a documentation comment".to_owned(),
        };
    }
    if first == '"' {
        return Found {
            text: &rest[..1],
            words: "a text".to_owned(),
        };
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Found {
            text: &rest[..sign.len()],
            words: format!("`{sign}`"),
        };
    }
    let words = if first.is_control() || first.is_whitespace() || first == '\u{FEFF}' {
        format!("the character U+{:04X}", u32::from(first))
    } else {
        format!("`{first}`")
    };
    Found {
        text: &rest[..first.len_utf8()],
        words,
    }
}

/// How MTL writes what another language writes with the sign that begins `rest`.
pub(super) fn foreign(rest: &str) -> Option<&'static str> {
    const FOREIGN: [(&str, &str); 16] = [
        ("&&", "write `and`"),
        ("||", "write `or`"),
        ("**", "write `power(a, b)`"),
        (":=", "write `=`"),
        (";", "nothing separates items and locals but the end of their line"),
        ("'", "texts have double quotes: `\"text\"`"),
        ("`", "texts have double quotes: `\"text\"`"),
        ("\u{201C}", "texts have straight quotes: `\"text\"`"),
        ("\u{201D}", "texts have straight quotes: `\"text\"`"),
        ("#", "comments begin with `//`"),
        ("/*", "comments begin with `//` and end with their line"),
        ("^", "write `power(a, b)`"),
        ("\u{00D7}", "write `*`"),
        ("\u{2264}", "write `<=`"),
        ("\u{2265}", "write `>=`"),
        ("\u{2192}", "write `->` in a type and `|>` in a pipe"),
    ];
    if rest.starts_with('!') && !rest.starts_with("!=") {
        return Some("write `not`");
    }
    FOREIGN
        .iter()
        .find(|(sign, _)| rest.starts_with(sign))
        .map(|&(_, help)| help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_words() {
        let words = |text, at| found(text, at).words;
        assert_eq!(words("a in b", 2), "the reserved word `in`");
        assert_eq!(words("..=3", 0), "`..=`");
        assert_eq!(words("x", 1), "the end of the file");
        assert_eq!(words("\u{A0}x", 0), "the character U+00A0");
        assert_eq!(words("/// a", 0), "a documentation comment");
        assert_eq!(
            words("é", 1),
            "the end of the file",
            "an offset within a character is no panic"
        );
    }
}
