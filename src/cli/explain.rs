//! `mtl explain`

use super::{Exit, Format, output};
use crate::diag::{
    codes::{self, FindError},
    pages,
};
use clap::Args;

/// Arguments of `mtl explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The code of a diagnostic, `mtl::types::mismatch`, or the end of it, `mismatch`; without it all codes are listed
    #[arg(value_name = "CODE")]
    subject: Option<String>,

    /// How the page is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Prints the page of a code, or the list of all.
pub(super) fn explain(arguments: &Arguments) -> Exit {
    let Some(word) = &arguments.subject else {
        match arguments.format {
            Format::Json => output::json(&pages::listing(codes::all())),
            Format::Text => output::raw(&pages::overview(codes::all(), output::width())),
        }
        return Exit::Done;
    };
    match codes::find(word) {
        Ok(code) => {
            match arguments.format {
                Format::Json => output::json(&pages::listing(std::iter::once(code))),
                Format::Text => output::raw(&pages::plain(code, output::width())),
            }
            Exit::Done
        }
        Err(error) => {
            output::failure(&error, Some(&help(&error)));
            Exit::ProgramWrong
        }
    }
}

fn help(error: &FindError) -> String {
    match error {
        FindError::Ambiguous { codes, .. } => {
            let codes: Vec<_> = codes.iter().map(|code| format!("`{}`", code.id)).collect();
            format!("write one of {}", codes.join(", "))
        }
        FindError::Unknown { near: Some(near), .. } => format!("did you mean `{}`?", near.id),
        FindError::Unknown { near: None, .. } => "`mtl explain` lists all codes".to_owned(),
    }
}
