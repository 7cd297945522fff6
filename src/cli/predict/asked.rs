//! The network and the preparation that were asked for: expressions on the command line, as lines of a program.

use super::{Arguments, Stop, Wrong};
use crate::{
    analysis::{self, Main, Program},
    cli::{Format, output},
    diag::{Diagnostic, Diagnostics, Severity, codes},
    net::Graph,
    plan::{self, Preparation},
    source::SourceMap,
    syntax::ast::{Expr, ItemKind},
};
use std::{fmt::Write as _, fs, path::Path, path::PathBuf, sync::Arc};

/// The name that the network gets.
const NETWORK: &str = "the_network";

/// The name that the preparation gets.
const PREPARATION: &str = "the_preparation";

/// The module whose names need no import here.
const MODELS: &str = "std.models";

/// A program that holds what was asked for.
pub(super) struct Asked {
    program: Program,
    diagnostics: Diagnostics,
}

impl Asked {
    /// Makes and checks the program: that of `--program`, if one is named, and a line for each expression.
    pub(super) fn read(arguments: &Arguments) -> Result<Self, Stop> {
        let path = arguments.program.as_deref();
        let mut text = match path {
            Some(path) => fs::read_to_string(path).map_err(|error| {
                let message = format!("{} cannot be read: {error}", path.display());
                Diagnostic::error(&codes::data::NO_FILE, message)
            })?,
            None => String::new(),
        };
        let main = |text: &str| {
            // What is wrong with it is found below, once.
            analysis::load(main_of(path, text), &mut Diagnostics::new())
        };
        let own = main(&text);
        let models: Vec<_> = model_names()
            .into_iter()
            .filter(|name| own.lookup(own.main, name).is_none())
            .collect();
        let _ = write!(text, "\nlet {NETWORK} = {}\n", arguments.network);
        if let Some(steps) = &arguments.prepare {
            let steps = steps.trim_start();
            let pipe = if steps.starts_with("|>") { "" } else { "|> " };
            let _ = writeln!(text, "let {PREPARATION} = {pipe}{steps}");
        }
        // Away from the expressions, beside which messages would show it.
        let _ = writeln!(text, "\n\nimport {MODELS} {{ {} }}", models.join(", "));
        let mut diagnostics = Diagnostics::new();
        let mut program = analysis::load(main_of(path, &text), &mut diagnostics);
        for (name, value) in &arguments.sets {
            if let Err(diagnostic) = program.set_param(name, value) {
                diagnostics.push(diagnostic);
            }
        }
        analysis::check(&program, &mut diagnostics);
        // Advice on style is for `mtl check` to give.
        diagnostics.retain(|d| d.severity == Severity::Error);
        let mut asked = Self { program, diagnostics };
        asked.fail_if_wrong()?;
        Ok(asked)
    }

    /// The network for pictures of this shape.
    pub(super) fn graph(&mut self, shape: [usize; 3]) -> Result<Arc<Graph>, Stop> {
        let graph = expression(&self.program, NETWORK)
            .and_then(|network| plan::network(&self.program, network, shape, None, &mut self.diagnostics));
        self.fail_if_wrong()?;
        graph.ok_or_else(|| Diagnostic::error(&codes::net::NO_OUTPUT, "there is no network").into())
    }

    /// What is to be done to these files.
    pub(super) fn preparation(&mut self, files: Vec<PathBuf>) -> Result<Preparation, Stop> {
        let Some(steps) = expression(&self.program, PREPARATION) else {
            let message = "nothing says how the pictures are prepared for the network";
            let help = "as it was trained: `--prepare '|> resize(224) |> rgb |> normalize(imagenet)'`";
            return Err(Diagnostic::error(&codes::plan::NO_VALUE, message).help(help).into());
        };
        let preparation = plan::preparation(&self.program, steps, files, &mut self.diagnostics);
        self.fail_if_wrong()?;
        preparation.ok_or_else(|| Diagnostic::error(&codes::data::NO_ROWS, "there is no picture").into())
    }

    /// Shows what is not wrong but worth knowing.
    pub(super) fn show_warnings(&self, format: Format) {
        if format == Format::Text {
            output::diagnostics(&self.diagnostics, &self.program.sources);
        }
    }

    fn fail_if_wrong(&mut self) -> Result<(), Stop> {
        if !self.diagnostics.has_errors() {
            return Ok(());
        }
        Err(Stop::from(Wrong {
            diagnostics: std::mem::take(&mut self.diagnostics),
            sources: std::mem::replace(&mut self.program.sources, SourceMap::new()),
        }))
    }
}

/// The value of a `let` of the main module.
fn expression<'p>(program: &'p Program, name: &str) -> Option<&'p Expr> {
    program.items(program.main).find_map(|(_, item)| match &item.kind {
        ItemKind::Let(binding) if binding.name.name == name => Some(&binding.value),
        _ => None,
    })
}

/// The text as the main module of a program: that of `path`, if there is one.
fn main_of<'a>(path: Option<&'a Path>, text: &'a str) -> Main<'a> {
    let (name, start) = match path {
        Some(path) => (path.to_str().unwrap_or("program"), path),
        None => ("command line", Path::new("")),
    };
    Main::Text {
        name,
        folder: start.parent().unwrap_or(Path::new("")),
        text,
    }
}

/// The networks of the standard library.
fn model_names() -> Vec<String> {
    let text = format!("import {MODELS} {{ lenet }}\n");
    let program = analysis::load(main_of(None, &text), &mut Diagnostics::new());
    let models = program
        .modules()
        .find(|(_, module)| matches!(&module.origin, analysis::Origin::Std(name) if name == MODELS));
    models.map_or_else(Vec::new, |(_, module)| module.exports().cloned().collect())
}
