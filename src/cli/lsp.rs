//! `mtl lsp`

use super::{Exit, StoreArguments, output, program};
use crate::{fmt, lsp, source::SourceMap};
use std::process::ExitCode;

/// Serves editors until they end it.
pub(super) fn lsp() -> ExitCode {
    let options = lsp::Options {
        formatter: Some(formatted),
        library: lsp::library_folder(),
        store: |study| program::store_folder(&StoreArguments { store: None }, study),
    };
    match lsp::stdio(options) {
        Ok(code) => code.into(),
        Err(error) => {
            output::error_line(&format!("error: the connection to the editor broke: {error}"));
            Exit::EnvironmentWrong.into()
        }
    }
}

/// The text as `mtl fmt` writes it; none for a text with a syntax error.
fn formatted(text: &str) -> Option<String> {
    let file = SourceMap::new().add("text", None, text);
    fmt::format(file, text).ok()
}
