//! `mtl watch`

use super::{Exit, Format, ProgramArguments, StoreArguments, output, program, progress, run};
use crate::{
    diag,
    exec::{self, Event, Patterns},
    project::MOST_THREADS,
    tables::Cache,
    watch::{
        self, Go, Loaded, Message, Screen, Source, Told, View, Watching,
        terminal::{Keys, Terminal, size_of},
        web::{Door, Server},
    },
};
use clap::Args;
use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
};

/// Arguments of `mtl watch`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// The outputs that are wanted [default: all]
    outputs: Vec<String>,

    #[command(flatten)]
    store: StoreArguments,

    /// Serves the view to a browser on this machine, too, at this port or any
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    web: Option<u16>,

    /// Opens the page in the browser; says `--web`
    #[arg(long)]
    open: bool,

    /// Writes results on test data whenever they are there; each is recorded as a look
    #[arg(long)]
    unsealed: bool,

    /// Threads that compute [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_THREADS)))]
    threads: Option<u16>,

    /// Stages that run at once, at most [default: one per thread]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_THREADS)))]
    jobs: Option<u16>,

    /// How it is shown; `json` prints one event per line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Columns of messages about a program.
const WIDTH: usize = 88;

/// Watches a program until it is told to end.
pub(super) fn watch(arguments: &Arguments) -> Exit {
    watched(arguments).unwrap_or_else(|exit| exit)
}

fn watched(arguments: &Arguments) -> Result<Exit, Exit> {
    let path = &arguments.program.program;
    if !path.is_file() {
        output::failure(
            &format!("there is no file {}", path.display()),
            Some("`mtl new` makes a program"),
        );
        return Err(Exit::ProgramWrong);
    }
    let project = program::project_of(path)?;
    let folder = program::store_folder(&arguments.store, &project, path);
    let store = program::open_store(&folder, &project)?;
    let end = run::ready(arguments.threads.or(project.run.threads))?;
    let (sender, inbox) = mpsc::channel();
    let out = program::folder(path).join("out");
    let mut server = arguments.serve(&folder, &out, &sender)?;
    let watching = Watching {
        source: &arguments.source(),
        program: path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
        store: &store,
        own: vec![folder, out],
        end: Arc::clone(&end),
        is_unsealed: arguments.unsealed,
    };
    let told_end = Arc::new(AtomicBool::new(false));
    let keys = arguments.is_drawn().then(|| keys(&end, &told_end, &sender)).flatten();
    let mut screen = arguments.screen()?;
    let mut screens: Vec<&mut dyn Screen> = vec![screen.as_mut()];
    screens.extend(server.as_mut().map(|server| server as &mut dyn Screen));
    let watched = watch::watch(&watching, &mut screens, (sender, &inbox));
    drop(screen);
    drop(keys);
    watched.map_err(|error| {
        output::failure(&error, None);
        Exit::EnvironmentWrong
    })?;
    let was_told = told_end.load(Ordering::Relaxed);
    Ok(if was_told { Exit::Done } else { Exit::Interrupted })
}

/// Passes keys on: `r` twice reveals, because that cannot be undone; enter decides anew, `q` ends.
fn keys(end: &Arc<AtomicBool>, told_end: &Arc<AtomicBool>, sender: &Sender<Message>) -> Option<Keys> {
    let (end, told_end, sender) = (Arc::clone(end), Arc::clone(told_end), sender.clone());
    let mut asked = false;
    Keys::hear(move |key| {
        let was_asked = asked;
        asked = key == b'r' && !was_asked;
        // The loop may have ended.
        let _ = match key {
            b'r' if was_asked => sender.send(Message::Reveal),
            b'r' => sender.send(Message::Asks(true)),
            _ if was_asked => sender.send(Message::Asks(false)),
            b'\n' | b'\r' => sender.send(Message::Again),
            b'q' => {
                told_end.store(true, Ordering::Relaxed);
                end.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => Ok(()),
        };
    })
}

impl Arguments {
    /// Whether the view takes the terminal over.
    fn is_drawn(&self) -> bool {
        self.format == Format::Text && io::stdout().is_terminal()
    }

    fn screen(&self) -> Result<Box<dyn Screen>, Exit> {
        if self.format == Format::Json {
            return Ok(Box::new(Lines { is_json: true }));
        }
        if !self.is_drawn() {
            return Ok(Box::new(Lines { is_json: false }));
        }
        let size = Box::new(|| size_of(io::stdout()));
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let terminal = Terminal::new(Box::new(io::stdout()), size, colours);
        match terminal {
            Ok(terminal) => Ok(Box::new(terminal)),
            Err(error) => {
                output::failure(&format!("the terminal cannot be drawn on: {error}"), None);
                Err(Exit::EnvironmentWrong)
            }
        }
    }

    /// The page in the browser, if it is asked for: where it was in the last run, so that an open one finds its way back.
    fn serve(&self, store: &Path, out: &Path, sender: &Sender<Message>) -> Result<Option<Server>, Exit> {
        let Some(port) = self.web.or(self.open.then_some(0)) else {
            return Ok(None);
        };
        let file = store.join("watch");
        let started = door(&file, port).and_then(|door| Server::start(&door, out, sender.clone()));
        let server = started.map_err(|error| {
            output::failure(&format!("the page cannot be served: {error}"), None);
            Exit::EnvironmentWrong
        })?;
        // Without it the next run has another address, no more.
        let _ = keep(&file, &server.door());
        match self.format {
            Format::Json => output::json(&serde_json::json!({ "event": "serving", "url": server.url() })),
            Format::Text => output::error_line(&format!("watching at {}", server.url())),
        }
        if self.open {
            run::open(server.url().as_ref());
        }
        Ok(Some(server))
    }

    fn source(&self) -> FileSource<'_> {
        FileSource {
            arguments: self,
            tables: Arc::default(),
            memory: exec::available(),
            asked: RefCell::default(),
        }
    }
}

/// Where the page was last, or a new place.
fn door(file: &Path, port: u16) -> io::Result<Door> {
    let known = fs::read(file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let door: Door = match known {
        Some(door) => door,
        None => Door::new()?,
    };
    Ok(if port == 0 { door } else { Door { port, ..door } })
}

/// Whoever can read the file may look and reveal: nobody but its owner.
fn keep(file: &Path, door: &Door) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(&serde_json::to_vec(door)?)
}

/// A program in a file.
struct FileSource<'a> {
    arguments: &'a Arguments,
    tables: Arc<Cache>,
    memory: u64,
    /// Sources and settings that were asked for in this round.
    asked: RefCell<BTreeSet<PathBuf>>,
}

impl Source for FileSource<'_> {
    fn load(&self) -> Loaded {
        let Arguments { program, outputs, .. } = self.arguments;
        let read = |path: &Path| {
            self.asked.borrow_mut().insert(path.to_owned());
            fs::read_to_string(path)
        };
        let loaded = program::load_again(program, outputs, &self.tables, &read);
        let mut files = self.asked.take();
        files.extend(self.tables.asked(false));
        let trees = self
            .tables
            .asked(true)
            .iter()
            .map(|tree| crate::source::absolute(tree))
            .collect();
        let messages = diag::render::render(&loaded.diagnostics, &loaded.program.sources, false, WIDTH);
        let setup = run::setup(program, outputs, &loaded);
        let go = loaded.plan.and_then(|plan| {
            let selection = exec::select(&plan, &Patterns::default()).ok()?;
            let share = (self.arguments.jobs, self.arguments.threads);
            let options = exec::Options {
                // What does not depend on a failure is wanted all the more while it is mended.
                keep_going: true,
                memory: self.memory,
                shows: None,
                ..run::settings(&program.program, &loaded.project, selection, share)
            };
            Some(Go {
                plan: Arc::new(plan),
                options,
                setup,
            })
        });
        Loaded {
            go,
            messages,
            files,
            trees,
        }
    }
}

/// A line for each thing that happens.
struct Lines {
    is_json: bool,
}

impl Screen for Lines {
    fn show(&mut self, _: &View) {}

    fn told(&mut self, told: &Told<'_>) {
        if self.is_json {
            if let Ok(line) = serde_json::to_string(told) {
                output::line(&line);
            }
            return;
        }
        match told {
            Told::Decided {
                ms,
                stages,
                known,
                dropped,
                ..
            } => {
                let dropped = match dropped {
                    0 => String::new(),
                    count => format!(", {count} stopped"),
                };
                output::error_line(&format!(
                    "decided in {ms:.0} ms: {known} of {stages} stages known{dropped}"
                ));
            }
            Told::Trouble { text } => output::error_line(text.trim_end()),
            Told::Run { what, .. } => {
                if let Some(line) = told_of(what) {
                    output::error_line(&line);
                }
            }
            Told::Settled { summary, .. } => output::error_line(&progress::closing(summary)),
        }
    }
}

fn told_of(event: &Event) -> Option<String> {
    match event {
        Event::OutputWritten { output, folder } => Some(format!("{output}: {}", folder.display())),
        // Stages that give way are no news.
        Event::Waiting { .. } => None,
        _ => progress::story(event),
    }
}
