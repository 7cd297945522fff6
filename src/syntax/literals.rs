//! Numbers and texts.

use super::{
    Pair, Rule,
    ast::{ExprKind, Text, TextPart},
    builder::Builder,
    messages,
};
use crate::source::Span;

/// The seconds of a duration's unit.
fn seconds(unit: &str) -> Option<f64> {
    match unit {
        "s" => Some(1.0),
        "min" => Some(60.0),
        "h" => Some(3_600.0),
        "d" => Some(86_400.0),
        _ => None,
    }
}

/// Units that other programs have and MTL has not.
const FOREIGN_UNITS: [&str; 10] = ["px", "mb", "gb", "kb", "MB", "GB", "KB", "m", "us", "w"];

/// A number's parts: `12.5e-3` is mantissa `12.5`, exponent -3.
struct Parts<'a> {
    mantissa: &'a str,
    exponent: Option<i32>,
    suffix: &'a str,
}

/// Takes a number of the grammar apart.
fn parts(text: &str) -> Parts<'_> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    let mantissa = &text[..end];
    let mut exponent = None;
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let from = end + 1 + sign;
        let length = bytes[from.min(bytes.len())..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if length > 0 {
            // Beyond any double either way; what overflows is then found to be infinite or zero.
            let limit = if bytes.get(end + 1) == Some(&b'-') {
                -100_000
            } else {
                100_000
            };
            exponent = Some(text[end + 1..from + length].parse().unwrap_or(limit));
            end = from + length;
        }
    }
    Parts {
        mantissa,
        exponent,
        suffix: &text[end..],
    }
}

impl Parts<'_> {
    /// The nearest double, the decimal point moved by `shift`: percent and milliseconds round once, as `1e-2` does.
    fn float(&self, shift: i32) -> Option<f64> {
        let exponent = self.exponent.unwrap_or(0).saturating_add(shift);
        let text = format!("{}e{exponent}", self.mantissa.replace('_', ""));
        text.parse().ok().filter(|value: &f64| value.is_finite())
    }
}

impl Builder<'_> {
    /// A number with its suffix.
    pub(super) fn number(&mut self, text: &str, span: Span) -> ExprKind {
        let parts = parts(text);
        let real = parts.exponent.is_some() || parts.mantissa.contains('.');
        let double = (
            "the largest double, about 1.8e308",
            "numbers are doubles, as in NumPy, and there is no infinity",
        );
        let (value, (limit, help)) = match parts.suffix {
            "" if real => (parts.float(0).map(ExprKind::Float), double),
            "" => {
                let digits = parts.mantissa.replace('_', "");
                let limit = (
                    "the largest whole number, 9223372036854775807",
                    "as a float it has room, to about 16 digits: `9.3e18`",
                );
                (digits.parse().ok().map(ExprKind::Int), limit)
            }
            "%" => (parts.float(-2).map(ExprKind::Float), double),
            "ms" => (parts.float(-3).map(ExprKind::Duration), double),
            suffix => match seconds(suffix) {
                Some(unit) => {
                    let value = parts.float(0).map(|n| n * unit).filter(|n| n.is_finite());
                    (value.map(ExprKind::Duration), double)
                }
                None => {
                    self.bad_suffix(text, suffix, span);
                    return ExprKind::Bad;
                }
            },
        };
        value.unwrap_or_else(|| {
            self.report(span.start as usize, messages::number_too_large(span, limit, help));
            ExprKind::Bad
        })
    }

    fn bad_suffix(&mut self, text: &str, suffix: &str, span: Span) {
        let at = span.end as usize - suffix.len();
        let diagnostic = if suffix.starts_with('%') {
            messages::percent(self.at(at, at + 1))
        } else if FOREIGN_UNITS.contains(&suffix) {
            messages::bad_unit(self.at(at, span.end as usize), suffix)
        } else {
            messages::bad_number(span, text)
        };
        self.report(span.start as usize, diagnostic);
    }

    /// A text, raw or with holes; one without its closing quote is reported.
    pub(super) fn text_of(&mut self, pair: Pair<'_>) -> Text {
        let (start, end) = (self.start(&pair), self.end(&pair));
        match pair.as_rule() {
            Rule::raw => {
                let raw = pair.as_str();
                let chunk = raw.get(2..raw.len() - 1).unwrap_or("").to_owned();
                return Text {
                    parts: vec![TextPart::Chunk(chunk)],
                };
            }
            Rule::open_string | Rule::open_raw => {
                let quote = self.text[start..].find('"').map_or(start, |n| start + n);
                let diagnostic = messages::unclosed_text(self.at(quote, quote + 1));
                self.report(start, diagnostic);
                // What follows on later lines misses nothing because of it.
                self.excuse(end);
                return Text::default();
            }
            _ => {}
        }
        let mut text = Text::default();
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::chunk => {
                    let chunk = self.unescape(part.as_str(), self.start(&part));
                    push_chunk(&mut text, &chunk);
                }
                Rule::lone_brace => {
                    self.report(span.start as usize, messages::lone_brace(span));
                    push_chunk(&mut text, "}");
                }
                Rule::hole => {
                    let hole = self.hole(part);
                    text.parts.push(TextPart::Hole(hole));
                }
                _ => {
                    let diagnostic = messages::unclosed_text(self.at(start, start + 1));
                    self.report(span.start as usize, diagnostic);
                }
            }
        }
        text
    }

    fn hole(&mut self, pair: Pair<'_>) -> super::ast::Expr {
        let span = self.span(&pair);
        let opener = span.start as usize;
        let mut value = None;
        for part in pair.into_inner() {
            let start = self.start(&part);
            match part.as_rule() {
                Rule::no_close => self.unclosed(opener, start),
                Rule::bad_statement if value.is_none() => self.unexpected(start, "a value in the hole"),
                Rule::bad_statement => self.unexpected(start, "`}`"),
                _ if value.is_some() => self.unexpected(start, "`}`"),
                _ => value = Some(self.expr(part)),
            }
        }
        value.unwrap_or_else(|| {
            self.report(opener, messages::empty_hole(span));
            self.bad_value(opener + 1)
        })
    }

    /// The characters of a chunk that begins at `at`.
    fn unescape(&mut self, chunk: &str, at: usize) -> String {
        let mut plain = String::with_capacity(chunk.len());
        let mut characters = chunk.char_indices();
        while let Some((_, character)) = characters.next() {
            if character != '\\' {
                plain.push(character);
                continue;
            }
            match characters.next() {
                Some((_, 'n')) => plain.push('\n'),
                Some((_, 'r')) => plain.push('\r'),
                Some((_, 't')) => plain.push('\t'),
                Some((_, escaped @ ('"' | '\\' | '{' | '}'))) => plain.push(escaped),
                Some((offset, other)) => {
                    let start = at + offset - 1;
                    let span = self.at(start, start + 1 + other.len_utf8());
                    self.report(start, messages::bad_escape(span));
                    plain.push(other);
                }
                None => plain.push('\\'),
            }
        }
        plain
    }
}

/// Adds characters to the last chunk of a text.
fn push_chunk(text: &mut Text, characters: &str) {
    match text.parts.last_mut() {
        Some(TextPart::Chunk(chunk)) => chunk.push_str(characters),
        _ => text.parts.push(TextPart::Chunk(characters.to_owned())),
    }
}
