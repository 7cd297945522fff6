//! `mtl lsp`

use super::{Exit, StoreArguments, output, program};
use crate::{diag::Diagnostics, fmt, lsp, project, source::SourceMap};
use std::{fs, path::Path, process::ExitCode};

/// Serves editors until they end it.
pub(super) fn lsp() -> ExitCode {
    let options = lsp::Options {
        formatter: Some(formatted),
        library: lsp::library_folder(),
        store: |study| {
            // What is wrong with the settings, `mtl check` says; an editor shows the program.
            let read = |path: &Path| fs::read_to_string(path);
            let project = project::find(study, &read, &mut SourceMap::new(), &mut Diagnostics::new());
            program::store_folder(&StoreArguments { store: None }, &project, study)
        },
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
