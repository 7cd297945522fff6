//! What `--help` adds for a program that is named beside it: its description, its parameters and its outputs.

use super::output;
use crate::{
    analysis::{Main, load},
    diag::Diagnostics,
    doc::param_head,
    syntax::ast::ItemKind,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The program among the arguments of a command: the first that is a file.
pub(super) fn program(arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    arguments.map(PathBuf::from).find(|argument| argument.is_file())
}

/// Prints what a user can set in a program, and what it makes. What is wrong with it is for `check` to say.
pub(super) fn print(path: &Path) {
    let program = load(Main::File(path), &mut Diagnostics::new());
    let main = &program.module(program.main).tree;
    output::line("");
    output::line(&format!("{}:", path.display()));
    main.docs.iter().for_each(|line| output::line(&format!("  {line}")));
    let params: Vec<(String, String)> = program
        .params()
        .map(|(id, param)| {
            let doc = program.item(id).doc.clone().unwrap_or_default();
            (param_head(&program, param), doc.replace('\n', " "))
        })
        .collect();
    if !params.is_empty() {
        output::line("\nParameters (`--set NAME=VALUE`):");
        let width = params.iter().map(|(shown, _)| shown.chars().count()).max().unwrap_or(0);
        for (shown, doc) in params {
            output::line(format!("  {shown:<width$}  {doc}").trim_end());
        }
    }
    let outputs = main.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Out(out) => Some((&out.name.name, item.doc.as_deref().unwrap_or_default())),
        _ => None,
    });
    let outputs: Vec<_> = outputs.collect();
    if !outputs.is_empty() {
        output::line("\nOutputs:");
        for (name, doc) in outputs {
            output::line(format!("  {name}  {}", doc.replace('\n', " ")).trim_end());
        }
    }
}
