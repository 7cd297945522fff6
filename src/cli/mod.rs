//! The command line: one file per command.
//!
//! Exit codes: 0 done, 1 a stage failed or a file is not formatted, 2 the program (or the command line) is wrong,
//! 3 the environment is wrong, 130 interrupted.

mod cache;
mod check;
mod diff;
mod diff_runs;
mod doc;
mod explain;
mod fetch;
mod fix;
mod fmt;
mod graph;
mod help;
mod lock;
mod looks;
mod lsp;
mod new;
mod output;
mod plan;
mod predict;
mod program;
mod progress;
mod replace;
mod run;
mod runs;
mod show;
mod stage;
mod watch;

use crate::plan::with_deep_stack;
use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use std::{env, panic::resume_unwind, path::PathBuf, process::ExitCode, thread};

/// Studies of pre-training strategy as short, checked, reproducible programs.
#[derive(Debug, Parser)]
#[command(name = "mtl", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Finds every mistake that can be found without looking at a picture
    Check(check::Arguments),
    /// Carries a program out, reusing every result that is known
    Run(run::Arguments),
    /// Brings files of the Hugging Face hub that a program names into the hub's cache; nothing else opens a connection
    Fetch(fetch::Arguments),
    /// Lists the stages of a program: known or to run, and why
    Plan(plan::Arguments),
    /// Gives the logits or probabilities of a network with given weights
    Predict(predict::Arguments),
    /// Makes a project that runs
    New(new::Arguments),
    /// Draws the stages of a program
    Graph(graph::Arguments),
    /// Lists the runs that the store remembers
    Runs(runs::Arguments),
    /// Says what a run was: how it was asked for, where it ran, its stages, its results
    Show(show::Arguments),
    /// Says what differs between two runs
    Diff(diff_runs::Arguments),
    /// Says what a diagnostic's code means, with a program that has the mistake and one that has not; or why a stage runs
    Explain(explain::Arguments),
    /// Prints what stands beside modules, functions, networks, types and words: of the standard library, or of a file
    Doc(doc::Arguments),
    /// Lays programs out in the one style
    Fmt(fmt::Arguments),
    /// Serves editors: the language server protocol over standard input and output
    Lsp,
    /// Looks after stored results
    Cache(cache::Arguments),
    /// Runs a program whenever it, its data or its settings change, and shows how far it is
    Watch(watch::Arguments),
    /// Lists every time that results on test data were shown
    Looks(looks::Arguments),
    /// Writes a plan down before its results are known
    Lock(lock::Arguments),
}

/// What names a program and sets its parameters.
#[derive(Debug, Args)]
struct ProgramArguments {
    /// The program, a `.mtl` file
    program: PathBuf,

    /// Gives a `param` of the program another value, as `--set epochs=10`; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    sets: Vec<(String, String)>,
}

/// Where results are stored.
#[derive(Debug, Args)]
struct StoreArguments {
    /// The store [default: $MTL_STORE, else `path` of mtl.toml, else `.mtl` beside the program]
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
}

/// How facts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// This moment, for the ledger of looks.
#[expect(
    clippy::disallowed_methods,
    reason = "what is locked is recorded with its time, and enters no result"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// 0
    Done,
    /// 1
    StageFailed,
    /// 1
    NotFormatted,
    /// 2
    ProgramWrong,
    /// 3
    EnvironmentWrong,
    /// 130
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::StageFailed | Exit::NotFormatted => 1,
            Exit::ProgramWrong => 2,
            Exit::EnvironmentWrong => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Reads the command line and carries out its command.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => on_deep_stack(move || dispatch(&cli.command)),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            // A reader that went away is no mistake of ours.
            let _ = error.print();
            match help::program(env::args_os().skip(2)) {
                Some(program) => on_deep_stack(move || {
                    help::print(&program);
                    Exit::Done.into()
                }),
                None => Exit::Done.into(),
            }
        }
        Err(error) => error.exit(),
    }
}

/// Passes follow the nesting of a program, which the parser bounds; this stack is deep enough for that bound.
fn on_deep_stack(work: impl FnOnce() -> ExitCode + Send + 'static) -> ExitCode {
    let thread = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || with_deep_stack(work));
    match thread.map(thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(error) => {
            output::error_line(&format!("error: no thread can be started: {error}"));
            Exit::EnvironmentWrong.into()
        }
    }
}

/// Bytes of address space; only what is used is ever touched.
const STACK: usize = 256 << 20;

fn dispatch(command: &Command) -> ExitCode {
    match command {
        // The protocol has exit codes of its own.
        Command::Lsp => lsp::lsp(),
        Command::Check(arguments) => check::check(arguments).into(),
        Command::Run(arguments) => run::run(arguments).into(),
        Command::Fetch(arguments) => fetch::fetch(arguments).into(),
        Command::Plan(arguments) => plan::plan(arguments).into(),
        Command::Graph(arguments) => graph::graph(arguments).into(),
        Command::Predict(arguments) => predict::predict(arguments).into(),
        Command::New(arguments) => new::new(arguments).into(),
        Command::Runs(arguments) => runs::runs(arguments).into(),
        Command::Show(arguments) => show::show(arguments).into(),
        Command::Diff(arguments) => diff_runs::diff(arguments).into(),
        Command::Explain(arguments) => explain::explain(arguments).into(),
        Command::Doc(arguments) => doc::doc(arguments).into(),
        Command::Fmt(arguments) => fmt::fmt(arguments).into(),
        Command::Cache(arguments) => cache::cache(arguments).into(),
        Command::Watch(arguments) => watch::watch(arguments).into(),
        Command::Looks(arguments) => looks::looks(arguments).into(),
        Command::Lock(arguments) => lock::lock(arguments).into(),
    }
}
