//! `mtl doc`

use super::{Exit, output};
use crate::{
    analysis::{self, Main},
    diag::Diagnostics,
    doc::{self, Entry, FindError, ModuleDoc, json, markdown, plain},
};
use clap::{Args, ValueEnum};
use std::path::Path;

/// Arguments of `mtl doc`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A module (`std.train`), a function or network (`finetune`, `std.models.resnet.bottleneck`), a type (`Task`), a
    /// word of an option (`holm`), or a file (`lab/films.mtl`); without it the modules are listed
    subject: Option<String>,

    /// Of a file, the item that is wanted
    name: Option<String>,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = DocFormat::Text)]
    format: DocFormat,
}

/// How documentation is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DocFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a page of its own; of modules and files
    Markdown,
}

/// Prints what stands beside the items of the standard library, or of a file.
pub(super) fn doc(arguments: &Arguments) -> Exit {
    let Some(subject) = &arguments.subject else {
        return overview(arguments.format);
    };
    let path = Path::new(subject);
    if path.extension().is_some_and(|e| e == "mtl") || path.is_file() {
        return match load(path) {
            Ok(module) => {
                let modules = [module];
                let word = match &arguments.name {
                    Some(name) => format!("{}.{name}", modules[0].name),
                    None => modules[0].name.clone(),
                };
                print(doc::find(&modules, &word), arguments.format)
            }
            Err(exit) => exit,
        };
    }
    let modules = doc::library();
    let word = match &arguments.name {
        Some(name) => format!("{subject}.{name}"),
        None => subject.clone(),
    };
    print(doc::find(&modules, &word), arguments.format)
}

fn overview(format: DocFormat) -> Exit {
    let modules = doc::library();
    match format {
        DocFormat::Text => output::raw(&plain::overview(&modules, output::width())),
        DocFormat::Json => output::json(&json::listing(modules.iter().map(Entry::Module))),
        DocFormat::Markdown => output::raw(&markdown::index(&modules)),
    }
    Exit::Done
}

/// The documentation of a file. Mistakes in it are for `mtl check` to say, but a file that is not there has none.
fn load(path: &Path) -> Result<ModuleDoc, Exit> {
    let mut diagnostics = Diagnostics::new();
    let program = analysis::load(Main::File(path), &mut diagnostics);
    if diagnostics.iter().any(|d| d.span().is_none()) {
        diagnostics.retain(|d| d.span().is_none());
        output::diagnostics(&diagnostics, &program.sources);
        return Err(Exit::ProgramWrong);
    }
    Ok(doc::of_program(&program))
}

fn print(found: Result<Vec<Entry<'_>>, FindError>, format: DocFormat) -> Exit {
    match found {
        Ok(entries) => {
            match format {
                DocFormat::Text => output::raw(&plain::entries(&entries, output::width())),
                DocFormat::Json => output::json(&json::listing(entries)),
                DocFormat::Markdown => entries
                    .into_iter()
                    .for_each(|entry| output::raw(&markdown::entry(entry))),
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
        FindError::Ambiguous { names, .. } => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("write one of {}", names.join(", "))
        }
        FindError::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
        FindError::Unknown { near: None, .. } => "`mtl doc` lists the modules".to_owned(),
    }
}
