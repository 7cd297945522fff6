//! Diagnostics: the one value in which every mistake is reported, the registry of their codes with a page for each, their
//! rendering, and the making of their fixes.
//!
//! A pass never prints and never stops at the first mistake: it adds to [`Diagnostics`] and goes on.

use indexmap::IndexSet;

use crate::source::Span;

pub mod apply;
pub mod codes;
pub mod json;
mod nearest;
pub mod pages;
pub mod render;

pub use codes::Code;
pub use nearest::nearest;

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Advice on style or clarity.
    Note,
    /// The program runs, but probably not as meant.
    Warning,
    /// The program is wrong and will not run.
    Error,
}

/// A place in the source with a few words about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there; may be empty.
    pub text: String,
}

/// A replacement of text that mends the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// One mistake: what, where, why, and how to mend it.
///
/// The message is a lower-case phrase without a full stop; the help line says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code, of the registry.
    pub code: &'static Code,
    /// How serious.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Places; the first is the primary one.
    pub labels: Vec<Label>,
    /// How to mend it.
    pub help: Option<String>,
    /// A mend that a program can apply.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// An error with a code of the registry.
    #[must_use]
    pub fn error(code: &'static Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A warning with a code of the registry.
    #[must_use]
    pub fn warning(code: &'static Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place with a few words.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the help `did you mean "name"?` with the nearest candidate, and its fix at `span`, if one is near enough.
    #[must_use]
    pub fn suggest<'a>(mut self, span: Span, wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(name) = nearest(wrong, candidates) {
            self.help = Some(format!("did you mean `{name}`?"));
            self.fix = Some(Fix {
                span,
                text: name.to_owned(),
            });
        }
        self
    }

    /// As [`Self::suggest`], for a name that may be written in quotes: `written` is what stands at `span`. Where that is
    /// neither the wrong name nor the text of it, the name came from elsewhere, and there is only the help.
    #[must_use]
    pub fn suggest_in<'a>(
        self,
        span: Span,
        written: &str,
        wrong: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let had = self.fix.clone();
        let mut diagnostic = self.suggest(span, wrong, candidates);
        if written == quoted(wrong) {
            diagnostic.fix = diagnostic.fix.map(|fix| Fix {
                text: quoted(&fix.text),
                ..fix
            });
        } else if written != wrong {
            diagnostic.fix = had;
        }
        diagnostic
    }

    /// The primary place.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// A name as a text of the language: in quotes, with a backslash before what would end it or open a hole.
fn quoted(name: &str) -> String {
    let mut text = String::from('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\' | '{' | '}') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

/// The diagnostics of one run, in the order they were found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// Code and place of each that has a place.
    seen: IndexSet<(&'static str, Span)>,
}

impl Diagnostics {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; the same code at the same place is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let place = diagnostic.span();
        if place.is_none_or(|span| self.seen.insert((diagnostic.code.id, span))) {
            self.list.push(diagnostic);
        }
    }

    /// Keeps those that `keep` says.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
        let places = self.list.iter().filter_map(|d| Some((d.code.id, d.span()?)));
        self.seen = places.collect();
    }

    /// True when at least one is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// All, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// All, by file and place, for showing; those without a place come last.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<_> = self.list.iter().collect();
        all.sort_by_key(|d| (d.span().is_none(), d.span()));
        all
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True when nothing was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    #[test]
    fn a_name_in_quotes_is_mended_in_quotes_and_one_from_elsewhere_is_only_told() {
        let span = Span::new(SourceMap::new().add("a.mtl", None, ""), 0, 1);
        let mend = |written: &str, wrong: &str| {
            let diagnostic = Diagnostic::error(&codes::data::NO_COLUMN, "no");
            let diagnostic = diagnostic.suggest_in(span, written, wrong, ["label", "la{bel}s"]);
            assert!(diagnostic.help.is_some(), "{written}");
            diagnostic.fix.map(|fix| fix.text)
        };
        assert_eq!(mend("lable", "lable").as_deref(), Some("label"));
        assert_eq!(mend("\"lable\"", "lable").as_deref(), Some("\"label\""));
        assert_eq!(mend("column", "lable"), None);
        assert_eq!(
            mend("\"la\\{bels\\}\"", "la{bels}").as_deref(),
            Some("\"la\\{bel\\}s\"")
        );
    }
}
