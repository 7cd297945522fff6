//! Writing to the terminal. A closed pipe (`mtl plan | head`) ends the writing, not the program.

use crate::{
    diag::{self, Diagnostics, Severity},
    source::SourceMap,
};
use serde::Serialize;
use std::{
    env,
    io::{self, IsTerminal, Write},
};

/// Writes a line to standard output.
pub(super) fn line(text: &str) {
    // A reader that went away is no mistake of ours, and nobody is left to tell.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a value as one line of JSON to standard output.
pub(super) fn json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        line(&text);
    }
}

/// Writes text as it is to standard output.
pub(super) fn raw(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub(super) fn error_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says on standard error what went wrong outside any program, and what to do about it.
pub(super) fn failure(error: &dyn std::fmt::Display, help: Option<&str>) {
    error_line(&format!("error: {error}"));
    if let Some(help) = help {
        error_line(&format!("  help: {help}"));
    }
}

/// True when standard error may carry colours.
pub(super) fn colour() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && io::stderr().is_terminal()
}

/// Columns to fill: `$COLUMNS` between 40 and 120, else 100.
pub(super) fn width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|value| value.parse().ok());
    columns.unwrap_or(100).clamp(40, 120)
}

/// Writes diagnostics to standard error, for people, and how to learn more about the first error.
pub(super) fn diagnostics(diagnostics: &Diagnostics, sources: &SourceMap) {
    if !diagnostics.is_empty() {
        let text = diag::render::render(diagnostics, sources, colour(), width());
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
    let listed = diagnostics.sorted();
    let first = listed.iter().find(|d| d.severity == Severity::Error).or(listed.first());
    if let Some(first) = first {
        error_line(&format!("for more: mtl explain {}", first.code.id));
    }
}
