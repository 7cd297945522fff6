//! `mtl explain`

use super::{Exit, Format, ProgramArguments, StoreArguments, name_and_value, output, stage};
use crate::diag::{
    codes::{self, FindError},
    pages,
};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `mtl explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The code of a diagnostic, `mtl::types::mismatch`, or the end of it, `mismatch`; or the name of a stage, as `mtl plan`
    /// lists it; without it all codes are listed
    #[arg(value_name = "CODE|STAGE")]
    subject: Option<String>,

    /// The program that has the stage [default: the only one of the working folder]
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,

    /// Gives a `param` of the program another value, as `--set epochs=10`; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    sets: Vec<(String, String)>,

    #[command(flatten)]
    store: StoreArguments,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Prints the page of a code, or the list of all; or says why a stage runs.
pub(super) fn explain(arguments: &Arguments) -> Exit {
    let Some(word) = &arguments.subject else {
        match arguments.format {
            Format::Json => output::json(&pages::listing(codes::all())),
            Format::Text => output::raw(&pages::overview(codes::all(), output::width())),
        }
        return Exit::Done;
    };
    match codes::find(word) {
        Ok(code) if arguments.program.is_none() => {
            match arguments.format {
                Format::Json => output::json(&pages::listing(std::iter::once(code))),
                Format::Text => output::raw(&pages::plain(code, output::width())),
            }
            Exit::Done
        }
        Ok(_) => of_stage(arguments, word, None),
        Err(error) => of_stage(arguments, word, Some(&error)),
    }
}

/// Explains a stage. Where there is none, says so; `no_code` is why the word is no code either.
fn of_stage(arguments: &Arguments, word: &str, no_code: Option<&FindError>) -> Exit {
    // A word that is nearly a code is taken for one, unless a program is named.
    let near = matches!(
        no_code,
        Some(FindError::Ambiguous { .. } | FindError::Unknown { near: Some(_), .. })
    );
    let program = if near && arguments.program.is_none() {
        None
    } else {
        stage::meant(arguments.program.as_deref())
    };
    let Some(program) = program else {
        let Some(error) = no_code else {
            return Exit::ProgramWrong;
        };
        output::failure(error, Some(&help(error)));
        return Exit::ProgramWrong;
    };
    let named = ProgramArguments {
        program,
        sets: arguments.sets.clone(),
    };
    match stage::explain(word, &named, &arguments.store, arguments.format) {
        Ok(exit) => exit,
        Err(stage::NoStage(near)) => {
            let program = named.program.display();
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("`mtl plan {program}` lists its stages, and `mtl explain` lists all codes"),
            };
            output::failure(
                &format!("no stage of {program}, and no code, is called `{word}`"),
                Some(&help),
            );
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
        FindError::Unknown { near: None, .. } => {
            "`mtl explain` lists all codes; a stage is found with `--program`".to_owned()
        }
    }
}
