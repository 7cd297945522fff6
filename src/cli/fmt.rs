//! `mtl fmt`

use super::{Exit, diff, output, replace::beside};
use crate::{
    diag::{Diagnostic, Diagnostics, codes::names as codes},
    fmt,
    source::SourceMap,
};
use clap::Args;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Arguments of `mtl fmt`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Programs to format in place; `-` reads standard input and writes standard output
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Writes nothing; shows what would change, and exits with 1 if anything would
    #[arg(long)]
    check: bool,
}

/// Formats every file; one that cannot be read or has syntax errors is shown, and the others are formatted all the same.
pub(super) fn fmt(arguments: &Arguments) -> Exit {
    let ends: Vec<_> = arguments
        .files
        .iter()
        .map(|file| one(file, arguments.check).unwrap_or_else(|exit| exit))
        .collect();
    // What is wrong with the environment outweighs what is wrong with a program, and that what is only not formatted.
    [Exit::EnvironmentWrong, Exit::ProgramWrong, Exit::NotFormatted]
        .into_iter()
        .find(|exit| ends.contains(exit))
        .unwrap_or(Exit::Done)
}

fn one(file: &Path, check: bool) -> Result<Exit, Exit> {
    let from_input = file == Path::new("-");
    let name = if from_input {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let mut sources = SourceMap::new();
    let text = if from_input {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        let mut diagnostics = Diagnostics::new();
        let message = format!("cannot read `{name}`: {error}");
        diagnostics.push(Diagnostic::error(&codes::NO_MODULE, message));
        output::diagnostics(&diagnostics, &sources);
        Exit::ProgramWrong
    })?;
    let id = sources.add(name.clone(), None, text.clone());
    let formatted = fmt::format(id, &text).map_err(|diagnostics| {
        output::diagnostics(&diagnostics, &sources);
        Exit::ProgramWrong
    })?;
    if check {
        if formatted == text {
            return Ok(Exit::Done);
        }
        output::error_line(&format!("{name}: not formatted"));
        output::raw(&diff::unified(&name, &text, &formatted));
        return Ok(Exit::NotFormatted);
    }
    if from_input {
        output::raw(&formatted);
    } else if formatted != text {
        replace(file, &formatted).map_err(|error| {
            output::error_line(&format!("error: cannot write `{name}`: {error}"));
            Exit::EnvironmentWrong
        })?;
    }
    Ok(Exit::Done)
}

/// Puts `text` in the place of a file at once: a crash leaves the old file or the new one. Of a link, the file that it
/// leads to is replaced. Permissions are kept.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file)?;
    beside(&file, text)?.persist(&file)?;
    Ok(())
}
