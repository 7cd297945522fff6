//! `mtl new`

use super::{Exit, output};
use crate::data;
use clap::{Args, ValueEnum};
use std::{fs, io, path::PathBuf};

/// Arguments of `mtl new`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to make
    name: PathBuf,

    /// What it begins with
    #[arg(long, value_enum, default_value_t = Template::Quickstart)]
    template: Template,
}

/// What a project begins with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Template {
    /// Two arms and a report
    Quickstart,
    /// Strategies and networks, with the preparation in a file of its own
    Study,
    /// A network of your own beside one of the library
    Network,
}

/// Embeds the files of a template.
macro_rules! files {
    ($template:literal: $($name:literal),+) => {
        &[$(($name, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/pipelines/templates/", $template, "/", $name
        )))),+]
    };
}

impl Template {
    /// Name and text of its files.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Quickstart => files!("quickstart": "study.mtl"),
            Self::Study => files!("study": "study.mtl", "preparation.mtl"),
            Self::Network => files!("network": "study.mtl", "nets.mtl"),
        }
    }
}

/// Makes a project that runs. A folder that holds something is left alone.
pub(super) fn new(arguments: &Arguments) -> Exit {
    let folder = &arguments.name;
    match make(arguments) {
        Ok(()) => {
            output::line(&format!("{}: made; next:", folder.display()));
            output::line(&format!("  mtl check {}", folder.join("study.mtl").display()));
            output::line(&format!("  mtl run {} --open", folder.join("study.mtl").display()));
            Exit::Done
        }
        Err(error) => {
            output::error_line(&format!("error: {}: {error}", folder.display()));
            if error.kind() == io::ErrorKind::AlreadyExists {
                output::error_line("  help: give the name of a folder that is not there yet, or that is empty");
            }
            Exit::EnvironmentWrong
        }
    }
}

fn make(arguments: &Arguments) -> io::Result<()> {
    let folder = &arguments.name;
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder is not empty"));
    }
    for (name, text) in arguments.template.files() {
        fs::write(folder.join(name), text)?;
    }
    fs::write(folder.join(".gitignore"), ".mtl/\nout/\n")?;
    data::write_sample(&folder.join("data")).map_err(io::Error::other)
}
