//! `mtl lsp`

use super::{Exit, output};
use crate::lsp;
use std::process::ExitCode;

/// Serves editors until they end it.
pub(super) fn lsp() -> ExitCode {
    let options = lsp::Options {
        formatter: None,
        library: lsp::library_folder(),
    };
    match lsp::stdio(options) {
        Ok(code) => code.into(),
        Err(error) => {
            output::error_line(&format!("error: the connection to the editor broke: {error}"));
            Exit::EnvironmentWrong.into()
        }
    }
}
