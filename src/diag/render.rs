//! Diagnostics for a terminal: the source line, the place underlined, what is wrong and how to mend it.
//!
//! Only this module names miette.

use std::{collections::BTreeMap, fmt, sync::Arc};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceSpan};

use super::{Diagnostic, Diagnostics, Label, Severity};
use crate::source::{FileId, SourceMap, Span};

/// A label over more lines than this is drawn on its first line alone, so that the message stays in sight.
const MAX_LABEL_LINES: usize = 8;

/// All diagnostics by file and place, `width` columns wide, with terminal colours if `colour`.
///
/// Any span may be given: one that is empty, lies beyond the text or within a character is moved to the nearest character.
#[must_use]
pub fn render(diagnostics: &Diagnostics, map: &SourceMap, colour: bool, width: usize) -> String {
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_context_lines(1);
    let mut sources = Sources {
        map,
        texts: BTreeMap::new(),
    };
    let mut shown = String::new();
    for diagnostic in diagnostics.sorted() {
        let report = Report::new(diagnostic, &mut sources);
        // Writing to a string fails only where the report itself says so, and ours never does.
        if handler.render_report(&mut shown, &report).is_err() {
            shown.push_str(&diagnostic.message);
        }
        while shown.ends_with('\n') {
            shown.pop();
        }
        shown.push_str("\n\n");
    }
    shown
}

/// The texts that miette is given, one copy per file.
struct Sources<'a> {
    map: &'a SourceMap,
    texts: BTreeMap<FileId, Arc<str>>,
}

impl Sources<'_> {
    /// The file's text; one that holds nothing gets a blank, under which a place can be drawn.
    fn source(&mut self, file: FileId) -> NamedSource<Arc<str>> {
        let source = self.map.file(file);
        let text = self.texts.entry(file).or_insert_with(|| match source.text() {
            "" => " ".into(),
            _ => source.shared_text(),
        });
        NamedSource::new(source.name(), Arc::clone(text))
    }
}

/// A diagnostic as miette takes it; the labels of other files are reports of their own.
struct Report {
    message: String,
    code: Option<&'static str>,
    severity: Severity,
    help: Option<String>,
    source: Option<NamedSource<Arc<str>>>,
    labels: Vec<LabeledSpan>,
    related: Vec<Self>,
}

impl Report {
    fn new(diagnostic: &Diagnostic, sources: &mut Sources<'_>) -> Self {
        let file = diagnostic.span().map(|span| span.file);
        let (here, elsewhere): (Vec<_>, Vec<_>) = diagnostic
            .labels
            .iter()
            .partition(|label| Some(label.span.file) == file);
        Self {
            message: diagnostic.message.clone(),
            code: Some(diagnostic.code.id),
            severity: diagnostic.severity,
            help: diagnostic.help.clone(),
            source: file.map(|file| sources.source(file)),
            labels: drawn(&here, sources.map),
            related: elsewhere
                .into_iter()
                .map(|label| Self {
                    message: label.text.clone(),
                    code: None,
                    severity: Severity::Note,
                    help: None,
                    source: Some(sources.source(label.span.file)),
                    labels: drawn(&[label], sources.map),
                    related: Vec::new(),
                })
                .collect(),
        }
    }
}

fn drawn(labels: &[&Label], map: &SourceMap) -> Vec<LabeledSpan> {
    labels
        .iter()
        .enumerate()
        .map(|(index, label)| {
            let (start, end) = visible(map.file(label.span.file).text(), label.span);
            let span = SourceSpan::new(start.into(), end - start);
            let text = Some(label.text.clone()).filter(|text| !text.is_empty());
            if index == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })
        .collect()
}

/// A range that can be drawn, at least one character long, in `text`, or in one blank if that is empty.
///
/// An empty place is drawn under the character before it if that is on its line, otherwise under the next one; after the
/// last line's end, under the last character that is no blank.
pub(super) fn visible(text: &str, span: Span) -> (usize, usize) {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start as usize);
    let mut end = floor(span.end as usize).max(start);
    let lines = || text[start..end].match_indices('\n');
    if let Some((first, _)) = lines().next()
        && lines().count() >= MAX_LABEL_LINES
    {
        end = start + text[start..start + first].trim_end().len();
    }
    if end > start {
        return (start, end);
    }
    let (before, after) = (text[..start].chars().next_back(), text[start..].chars().next());
    match (before, after) {
        (Some(before), _) if before != '\n' && before != '\r' => (start - before.len_utf8(), start),
        (_, Some(after)) => (start, start + after.len_utf8()),
        (_, None) => {
            let last = text.trim_end();
            let end = if last.is_empty() { text.len() } else { last.len() };
            let width = text[..end].chars().next_back().map_or(0, char::len_utf8);
            (end - width, end.max(1))
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        (!self.related.is_empty()).then(|| {
            let reports = self.related.iter().map(|report| report as &dyn miette::Diagnostic);
            Box::new(reports) as Box<dyn Iterator<Item = &'a dyn miette::Diagnostic>>
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::codes::syntax::UNEXPECTED;

    fn shown(text: &str, labels: &[(usize, usize, &str)], width: usize) -> String {
        let mut map = SourceMap::new();
        let file = map.add("a.mtl", None, text);
        let mut diagnostic = Diagnostic::error(&UNEXPECTED, "the message").help("the help");
        for &(start, end, text) in labels {
            diagnostic = diagnostic.at(Span::new(file, start, end), text);
        }
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(diagnostic);
        render(&diagnostics, &map, false, width)
    }

    #[test]
    fn shows_code_message_place_label_and_help() {
        let all = shown("let a = 1\nlet b = ä +\n", &[(20, 21, "expected a value")], 80);
        for part in [
            "mtl::syntax::unexpected",
            "the message",
            "a.mtl:2:",
            "let b = ä +",
            "expected a value",
            "the help",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert!(!all.contains('\u{1b}'), "no colours");
    }

    #[test]
    fn labels_of_another_file_show_that_file() {
        let mut map = SourceMap::new();
        let (a, b) = (map.add("a.mtl", None, "let a = 1"), map.add("b.mtl", None, "let b = 2"));
        let mut diagnostics = Diagnostics::new();
        let places = Diagnostic::error(&UNEXPECTED, "two")
            .at(Span::new(a, 4, 5), "one")
            .at(Span::new(b, 4, 5), "other");
        diagnostics.push(places);
        let all = render(&diagnostics, &map, true, 80);
        assert!(
            all.contains('\u{1b}') && all.contains("b.mtl") && all.contains("other"),
            "{all}"
        );
    }

    #[test]
    fn places_at_line_and_file_ends_are_drawn() {
        let file = SourceMap::new().add("a", None, "");
        assert_eq!(
            visible("ab\ncd", Span::new(file, 2, 2)),
            (1, 2),
            "a line's end, under what stands before it"
        );
        assert_eq!(visible("ab\n\ncd", Span::new(file, 3, 3)), (3, 4), "an empty line");
        assert_eq!(visible("ab", Span::new(file, 9, 12)), (1, 2), "beyond the end");
        assert_eq!(
            visible("ab\n\n", Span::new(file, 4, 4)),
            (1, 2),
            "after the last line's end"
        );
        assert_eq!(
            visible("", Span::new(file, 0, 0)),
            (0, 1),
            "under the blank that is added"
        );
        let long = "x {\n".repeat(20);
        assert_eq!(
            visible(&long, Span::new(file, 0, long.len())),
            (0, 3),
            "the first line of many"
        );
    }

    proptest! {
        #[test]
        fn no_span_loses_its_label(
            text in "[ab\t\r\nä漢 ]{0,40}",
            start in 0_usize..60,
            length in 0_usize..60,
            width in 40_usize..140,
        ) {
            let all = shown(&text, &[(start, start + length, "LABEL")], width);
            prop_assert!(all.contains("LABEL"), "{}", all);
            prop_assert!(!all.contains("OutOfBounds"), "{}", all);
        }
    }
}
