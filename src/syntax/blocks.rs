//! Blocks: their locals, their result, and the lines on which these begin.

use super::{
    Pair, Rule,
    ast::{Block, Expr, Label, Labelled, Let, TextPart},
    builder::{Builder, document},
    found::found,
    messages,
};
use crate::source::Span;

/// What has been read of a block.
#[derive(Default)]
struct Reading {
    locals: Vec<Let>,
    doc: Option<String>,
    result: Option<Labelled>,
    /// The end of what was read last.
    last_end: Option<usize>,
    /// The documentation read just before.
    doc_before: Option<Span>,
    /// True when something in the block was reported, so that what follows from it is not.
    broken: bool,
}

impl Builder<'_> {
    pub(super) fn block(&mut self, pair: Pair<'_>) -> Block {
        let span = self.span(&pair);
        let opener = span.start as usize;
        let mut reading = Reading::default();
        let mut closed = true;
        for part in pair.into_inner() {
            let (start, end) = (self.start(&part), self.end(&part));
            match part.as_rule() {
                Rule::doc => {
                    match (reading.locals.last_mut(), reading.last_end) {
                        (Some(local), Some(end)) if reading.result.is_none() && self.same_line(end, start) => {
                            document(&mut local.doc, Self::doc(&part));
                        }
                        _ => document(&mut reading.doc, Self::doc(&part)),
                    }
                    reading.doc_before = Some(self.span(&part));
                    continue;
                }
                Rule::local => self.local(&mut reading, part),
                Rule::statement => self.statement(&mut reading, part, span),
                Rule::no_close => {
                    self.unclosed(opener, start);
                    closed = false;
                }
                _ => self.bad_statement(&mut reading, &part, span),
            }
            reading.last_end = Some(end);
            reading.doc_before = None;
        }
        let value = match reading.result {
            Some(result) => result,
            None => {
                if closed && !reading.broken {
                    self.no_result(&reading.locals, span);
                }
                let end = if closed {
                    span.end as usize - 1
                } else {
                    span.end as usize
                };
                Labelled {
                    label: None,
                    value: self.bad_value(end.max(opener + 1)),
                }
            }
        };
        Block {
            locals: reading.locals,
            value: Box::new(value),
            span,
        }
    }

    /// Reports a local or a result that stands behind something else on its line.
    fn block_line(&mut self, reading: &mut Reading, start: usize, what: &str) {
        if reading.last_end.is_none() || self.begins_line(start) {
            return;
        }
        reading.broken = true;
        let next = &self.text[start..];
        if next.starts_with(['(', '[']) {
            self.unexpected(start, "the end of the line");
        } else {
            // A second value on the line is as often a slip in the first.
            let is_let = next.starts_with("let");
            let line_break = is_let.then(|| self.line_break(start));
            let diagnostic = messages::line_start(self.token(start), what, line_break);
            self.report(start, diagnostic);
        }
    }

    /// Reports the value read before, now that something follows it.
    fn used_by_nothing(&mut self, reading: &mut Reading) {
        if let Some(result) = reading.result.take()
            && !reading.broken
        {
            reading.broken = true;
            let span = result
                .label
                .map_or(result.value.span, |label| label.span.to(result.value.span));
            self.report(span.start as usize, messages::two_results(span));
        }
    }

    fn local(&mut self, reading: &mut Reading, pair: Pair<'_>) {
        let start = self.start(&pair);
        self.block_line(reading, start, "a `let`");
        self.used_by_nothing(reading);
        if let Some(rest) = pair.into_inner().nth(1) {
            let mut local = self.let_rest(rest);
            local.doc = reading.doc.take();
            reading.locals.push(local);
        }
    }

    fn statement(&mut self, reading: &mut Reading, pair: Pair<'_>, block: Span) {
        let start = self.start(&pair);
        let before = reading.broken;
        if let Some(doc) = reading.doc_before
            && !reading.locals.is_empty()
            && self.continues(start)
        {
            reading.broken = true;
            self.report(start, messages::documentation_inside(doc, self.token(start)));
        }
        self.block_line(reading, start, "a block's result");
        // `let a = g (3)`: what stands behind is no result of its own.
        let behind = reading.broken && !before;
        self.used_by_nothing(reading);
        let end = self.end(&pair);
        let mut inner = pair.into_inner();
        let Some(first) = inner.next() else { return };
        let result = if first.as_rule() == Rule::label {
            let label = self.label(first);
            let value = self.value_of(inner.next(), end, "a value after the label");
            self.label_in_block(reading, &label, &value, block);
            Labelled {
                label: Some(label),
                value,
            }
        } else {
            Labelled {
                label: None,
                value: self.expr(first),
            }
        };
        if !behind {
            reading.result = Some(result);
        }
    }

    fn label_in_block(&mut self, reading: &mut Reading, label: &Label, value: &Expr, block: Span) {
        if self.in_net || reading.broken {
            return;
        }
        if reading.locals.is_empty() {
            self.record_in_block(reading, label.span.to(value.span), block);
        } else {
            self.report_label(label);
        }
    }

    /// Reports a label where there is no network.
    pub(super) fn report_label(&mut self, label: &Label) {
        if !self.in_net {
            self.report(label.span.start as usize, messages::label_outside_net(label.span));
        }
    }

    fn record_in_block(&mut self, reading: &mut Reading, entry: Span, block: Span) {
        reading.broken = true;
        let start = block.start as usize;
        let text = &self.text[start..block.end as usize];
        let diagnostic = messages::record_in_block(self.at(start, start + 1), entry, block, text);
        self.report(start, diagnostic);
        self.excuse(entry.end as usize);
    }

    fn bad_statement(&mut self, reading: &mut Reading, pair: &Pair<'_>, block: Span) {
        let start = self.start(pair);
        let entry = reading.locals.is_empty() && reading.result.is_some() && pair.as_str().starts_with(',');
        if entry && !reading.broken {
            let span = reading.result.as_ref().map_or(self.token(start), |r| {
                let label = r.label.as_ref().map_or(r.value.span, |label| label.span);
                label.to(r.value.span)
            });
            self.record_in_block(reading, span, block);
        } else if !entry {
            let begins = reading.last_end.is_none() || self.begins_line(start);
            self.unexpected(
                start,
                if begins {
                    "a value or `let`"
                } else {
                    "the end of the line"
                },
            );
        }
        reading.broken = true;
    }

    fn no_result(&mut self, locals: &[Let], block: Span) {
        let close = self.at(block.end as usize - 1, block.end as usize);
        let continued = locals.last().and_then(|local| self.continuing_line(local.value.span));
        let diagnostic = match continued {
            Some(span) => messages::continued_let(close, span, found(self.text, span.start as usize).text),
            None => messages::no_result(close, locals.is_empty()),
        };
        self.report(close.start as usize, diagnostic);
    }

    /// The sign that begins the last line of a value which continues the line above.
    fn continuing_line(&self, value: Span) -> Option<Span> {
        let text = &self.text[value.start as usize..value.end as usize];
        let line = value.start as usize + text.rfind('\n')? + 1;
        let start = line + self.text[line..].len() - self.text[line..].trim_start().len();
        self.continues(start).then(|| self.token(start))
    }

    /// True when the token at `at` continues the expression above it.
    pub(super) fn continues(&self, at: usize) -> bool {
        const SIGNS: [&str; 15] = [
            "|>", "-", "+", "++", "*", "/", "==", "!=", "<", "<=", ">", ">=", "..", "..=", "in",
        ];
        let sign = found(self.text, at).text;
        let not_in = || {
            self.text[at + sign.len()..]
                .trim_start()
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                == Some("in")
        };
        SIGNS.contains(&sign) || matches!(sign, "and" | "or") || sign == "not" && not_in()
    }

    /// A label, or a record's key.
    pub(super) fn label(&mut self, pair: Pair<'_>) -> Label {
        let span = self.span(&pair);
        match pair.into_inner().next() {
            Some(inner) if inner.as_rule() == Rule::string => {
                let span = self.span(&inner);
                let text = self.text_of(inner);
                Label { text, span }
            }
            Some(inner) => Label {
                span: self.span(&inner),
                text: super::ast::Text {
                    parts: vec![TextPart::Chunk(inner.as_str().to_owned())],
                },
            },
            None => Label {
                text: super::ast::Text::default(),
                span,
            },
        }
    }
}
