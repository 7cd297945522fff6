//! Diagnostics for other programs: a versioned object, `mtl.diagnostics/1`.
//!
//! ```json
//! { "schema": "mtl.diagnostics/1",
//!   "diagnostics": [
//!     { "code": "mtl::syntax::unexpected", "severity": "error", "message": "expected `=`, found `1`",
//!       "help": null, "file": "study.mtl",
//!       "span": { "start": { "byte": 6, "line": 1, "column": 7 }, "end": { "byte": 7, "line": 1, "column": 8 } },
//!       "labels": [ { "file": "study.mtl", "span": { ... }, "text": "expected `=`" } ],
//!       "fix": { "file": "study.mtl", "span": { ... }, "text": "= " } } ] }
//! ```
//!
//! `span` is that of the first label. Bytes count from 0, lines and columns from 1, columns in characters; ends are
//! exclusive. `help`, `file`, `span` and `fix` are null where there is none. `mtl check --fix` adds `changes`, a list of
//! objects with `file`, `line` (in the text that came out), `old` and `new`; the diagnostics are then those that are left.

use serde::Serialize;

use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{SourceMap, Span};

/// The name and version of the object.
pub const SCHEMA: &str = "mtl.diagnostics/1";

/// The diagnostics of a run by file and place, ready to be serialised.
#[derive(Debug, Serialize)]
pub struct Listing<'a> {
    schema: &'static str,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    help: Option<&'a str>,
    file: Option<&'a str>,
    span: Option<Range>,
    labels: Vec<Place<'a>>,
    fix: Option<Place<'a>>,
}

/// A place with a text: a label's words, or a fix's replacement.
#[derive(Debug, Serialize)]
struct Place<'a> {
    file: &'a str,
    span: Range,
    text: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Range {
    start: Point,
    end: Point,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Point {
    byte: usize,
    line: usize,
    column: usize,
}

/// The object `mtl.diagnostics/1`.
#[must_use]
pub fn listing<'a>(diagnostics: &'a Diagnostics, map: &'a SourceMap) -> Listing<'a> {
    Listing {
        schema: SCHEMA,
        diagnostics: diagnostics.sorted().into_iter().map(|d| entry(d, map)).collect(),
    }
}

fn entry<'a>(diagnostic: &'a Diagnostic, map: &'a SourceMap) -> Entry<'a> {
    let labels: Vec<_> = diagnostic
        .labels
        .iter()
        .map(|label| place(label.span, &label.text, map))
        .collect();
    Entry {
        code: diagnostic.code.id,
        severity: match diagnostic.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
        file: labels.first().map(|label| label.file),
        span: labels.first().map(|label| label.span),
        labels,
        fix: diagnostic.fix.as_ref().map(|fix| place(fix.span, &fix.text, map)),
    }
}

fn place<'a>(span: Span, text: &'a str, map: &'a SourceMap) -> Place<'a> {
    let file = map.file(span.file);
    let point = |byte: u32| {
        let byte = (byte as usize).min(file.text().len());
        let position = file.position(byte);
        Point {
            byte,
            line: position.line,
            column: position.column,
        }
    };
    Place {
        file: file.name(),
        span: Range {
            start: point(span.start),
            end: point(span.end),
        },
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::codes::syntax::UNEXPECTED;

    #[test]
    fn every_field_is_there_and_places_count_characters() {
        let mut map = SourceMap::new();
        let file = map.add("a.mtl", None, "let ä = 1\nlet b 2\n");
        let mut diagnostics = Diagnostics::new();
        let at = "let ä = 1\nlet b ".len();
        diagnostics.push(
            Diagnostic::warning(&UNEXPECTED, "no `=`")
                .at(Span::new(file, at, at + 1), "here")
                .suggest(Span::new(file, 0, 3), "lett", ["let"]),
        );
        diagnostics.push(Diagnostic::error(&UNEXPECTED, "without a place"));
        let found = serde_json::to_value(listing(&diagnostics, &map)).expect("plain data");
        let point =
            |byte: usize, line: usize, column: usize| serde_json::json!({"byte": byte, "line": line, "column": column});
        let span = serde_json::json!({"start": point(at, 2, 7), "end": point(at + 1, 2, 8)});
        let expected = serde_json::json!({
            "schema": "mtl.diagnostics/1",
            "diagnostics": [
                {
                    "code": "mtl::syntax::unexpected", "severity": "warning", "message": "no `=`",
                    "help": "did you mean `let`?", "file": "a.mtl", "span": span,
                    "labels": [{"file": "a.mtl", "span": span, "text": "here"}],
                    "fix": {"file": "a.mtl", "span": {"start": point(0, 1, 1), "end": point(3, 1, 4)}, "text": "let"},
                },
                {
                    "code": "mtl::syntax::unexpected", "severity": "error", "message": "without a place",
                    "help": null, "file": null, "span": null, "labels": [], "fix": null,
                },
            ],
        });
        assert_eq!(found, expected);
    }
}
