//! The formatter: one way to lay a program out, without options.
//!
//! The tree says how a program nests, the tokens carry its comments; both together become a `doc` whose lines break
//! where they must. Nothing but blanks, line ends and commas behind last elements is ever changed, so the tree of the
//! formatted text is that of the original, and formatting it again changes nothing.
//!
//! What its author may decide is where a list, a record, a call, a block or a pipe is broken *first*: a line's end
//! behind the opening bracket, or before the first `|>`, keeps it broken even where it would fit. Taking that line's end
//! out joins it again. The rules with examples are in `docs/formatting.md`.

use crate::{
    diag::Diagnostics,
    source::FileId,
    syntax::{self, ast::Module},
};

mod doc;
mod expressions;
mod items;
mod layout;
mod lists;
mod trivia;

/// Formats a program.
///
/// The text that comes back ends with one line's end, or is empty if there is nothing to format.
///
/// # Errors
/// A text with syntax errors is not formatted; its diagnostics come back, with places in `file`.
pub fn format(file: FileId, text: &str) -> Result<String, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let module = syntax::parse(file, text, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(write(file, text, &module))
}

fn write(file: FileId, text: &str, module: &Module) -> String {
    let mut layout = layout::Layout::new(text, trivia::attach(file, text, module));
    layout.module(module);
    let mut formatted = layout.doc.layout();
    if !formatted.is_empty() {
        formatted.push('\n');
    }
    formatted
}
