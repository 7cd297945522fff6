//! `mtl run`

use super::{
    Exit, Format, ProgramArguments, StoreArguments, output,
    program::{self, Loaded},
    progress,
};
use crate::{
    exec::{
        self, Event, Listener, Stop, Summary,
        history::{Recorder, Setup},
    },
    nn,
    plan::{Plan, digest::Digest},
    project::{MOST_THREADS, Project, units},
    store::{Link, Trigger},
};
use clap::Args;
use std::{
    env,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Arguments of `mtl run`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    /// Outputs to make; all, if none is named
    outputs: Vec<String>,

    #[command(flatten)]
    store: StoreArguments,

    /// Threads that compute [default: all cores]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_THREADS)))]
    threads: Option<u16>,

    /// Stages that run at once, at most [default: one per thread]; they share the threads, and wait while memory is short
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_THREADS)))]
    jobs: Option<u16>,

    /// Runs these stages and what they need, nothing after them; as `mtl plan` names them, or a part of the name; `*` stands
    /// for any letters; repeatable
    #[arg(long, value_name = "STAGE", conflicts_with = "only")]
    until: Vec<String>,

    /// Runs these stages alone; what they need must be known
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,

    /// Runs these stages even if their results are known; without a name all
    #[arg(long, value_name = "STAGE", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    force: Vec<String>,

    /// How long a stage may run, as `90min` or `12h`; one that runs longer is stopped, and fails
    #[arg(long, value_name = "TIME", value_parser = interval)]
    stage_timeout: Option<Duration>,

    /// The memory that a stage may need, as `12GB`; one that may need more is refused before it starts
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,

    /// After a failure, runs what does not depend on it
    #[arg(long)]
    keep_going: bool,

    /// How often the state of a training is saved inside an epoch, as `30s` or `5min`; 0 saves after every step [default: 3min]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    save_every: Option<Duration>,

    /// Goes on with a training that another class of device has begun; its bits are then those of neither
    #[arg(long)]
    allow_device_change: bool,

    /// What the states of epochs, from which longer trainings go on, may take, as `20GB`; 0 keeps none of them [default: 20GB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    trail: Option<u64>,

    /// Opens the reports in the browser when all is done
    #[arg(long)]
    open: bool,

    /// How the run is shown; `json` prints one event per line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A time as the language writes it: a number of seconds, minutes or hours, or 0.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    units::time(text).ok_or_else(|| "expected a time such as `30s` or `5min`".to_owned())
}

/// A size as settings write it.
pub(super) fn size(text: &str) -> Result<u64, String> {
    units::size(text).ok_or_else(|| "expected a size such as `20GB`".to_owned())
}

/// How often the state of a training is saved where nothing else is said.
const SAVE_EVERY: Duration = Duration::from_secs(180);

/// Bytes that the states of epochs may take where nothing else is said.
const TRAIL: u64 = 20_000_000_000;

/// Carries a program out.
pub(super) fn run(arguments: &Arguments) -> Exit {
    // The process ends with it: taking a large plan apart would take longer than to find that nothing is to be done.
    let loaded = ManuallyDrop::new(program::load(&arguments.program, &arguments.outputs));
    match loaded.plan(arguments.format) {
        Ok(plan) => run_plan(arguments, plan, &loaded).unwrap_or_else(|exit| exit),
        Err(exit) => exit,
    }
}

fn run_plan(arguments: &Arguments, plan: &Plan, loaded: &Loaded) -> Result<Exit, Exit> {
    let project = &loaded.project;
    let program = &arguments.program.program;
    let patterns = exec::Patterns {
        until: arguments.until.clone(),
        only: arguments.only.clone(),
        force: arguments.force.clone(),
    };
    let selection = exec::select(plan, &patterns).map_err(|error| {
        output::failure(&error, Some(&error.help()));
        Exit::ProgramWrong
    })?;
    let cancel = ready(arguments.threads.or(project.run.threads))?;
    let store = program::store_of(&arguments.store, project, program)?;
    store.keep_uses();
    let listener = progress::listener(arguments.format == Format::Json);
    listener.event(&Event::Planned {
        schema: "mtl.events/1",
        stages: selection.count(),
        outputs: plan.outputs.keys().cloned().collect(),
    });
    let options = options(arguments, project, selection);
    let setup = setup(&arguments.program, &arguments.outputs, loaded);
    let recorder = ManuallyDrop::new(Recorder::new(plan, &store, listener.as_ref(), setup));
    let (summary, reports) = exec::run(plan, &store, &options, &*recorder, &Stop::on(cancel));
    recorder.finish(&summary);
    Ok(finish(arguments, listener.as_ref(), &summary, &reports))
}

/// How the run behaves: as the command line says, else as `mtl.toml` does.
fn options(arguments: &Arguments, project: &Project, selection: exec::Selection) -> exec::Options {
    let share = (arguments.jobs, arguments.threads);
    let settings = settings(&arguments.program.program, project, selection, share);
    exec::Options {
        keep_going: arguments.keep_going || settings.keep_going,
        save_every: arguments.save_every.unwrap_or(settings.save_every),
        trail: arguments.trail.unwrap_or(settings.trail),
        allow_device_change: arguments.allow_device_change,
        stage_memory: arguments.memory,
        stage_timeout: arguments.stage_timeout,
        ..settings
    }
}

/// How a run of a program behaves by its `mtl.toml`, with so many stages at once and threads where they are given.
pub(super) fn settings(
    program: &Path,
    project: &Project,
    selection: exec::Selection,
    (jobs, threads): (Option<u16>, Option<u16>),
) -> exec::Options {
    let threads = self::threads(threads.or(project.run.threads));
    exec::Options {
        keep_going: project.run.keep_going.unwrap_or(false),
        out: program::folder(program).join("out"),
        save_every: project.run.save_every.unwrap_or(SAVE_EVERY),
        allow_device_change: false,
        pipeline: program::pipeline(program),
        quota: project.store.quota,
        link: match project.store.links {
            Some(true) => Link::Hard,
            _ => Link::Copy,
        },
        trail: project.store.trail.unwrap_or(TRAIL),
        jobs: jobs.or(project.run.jobs).map_or(threads, usize::from),
        threads,
        memory: exec::available(),
        stage_memory: None,
        stage_timeout: None,
        selection,
        devices: Arc::default(),
        shows: Some(Trigger::Run),
    }
}

/// How this run was asked for.
pub(super) fn setup(arguments: &ProgramArguments, outputs: &[String], loaded: &Loaded) -> Setup {
    let sources = &loaded.program.sources;
    let own = sources
        .ids()
        .map(|id| sources.file(id))
        .filter(|file| file.path().is_some());
    Setup {
        program: program::name_in_history(&arguments.program),
        sets: arguments.sets.clone(),
        outputs: outputs.to_vec(),
        sources: own
            .map(|file| (file.name().to_owned(), Digest::of(file.text().as_bytes())))
            .collect(),
    }
}

/// Threads that stages share: as many as were asked for, else the cores.
#[expect(
    clippy::disallowed_methods,
    reason = "results do not depend on the number of threads"
)]
pub(super) fn threads(wanted: Option<u16>) -> usize {
    wanted.map_or_else(
        || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        usize::from,
    )
}

/// Makes this process ready to compute, with so many threads, or on all cores if none is said. Gives the flag that signals set.
pub(super) fn ready(threads: Option<u16>) -> Result<Arc<AtomicBool>, Exit> {
    nn::check_device().map_err(|message| {
        output::failure(&message, None);
        Exit::EnvironmentWrong
    })?;
    if let Some(threads) = threads {
        // Fails only if a pool exists already, which nothing before this point makes.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global();
    }
    stop_on_signal()
}

/// Says how it ended and what to do next.
fn finish(arguments: &Arguments, listener: &dyn Listener, summary: &Summary, reports: &[PathBuf]) -> Exit {
    listener.event(&Event::RunFinished(*summary));
    let for_people = arguments.format == Format::Text;
    if summary.interrupted {
        if for_people {
            output::error_line("stopped; the same command goes on from here");
        }
        return Exit::Interrupted;
    }
    if summary.failed > 0 {
        return Exit::StageFailed;
    }
    for report in reports {
        if for_people {
            output::line(&report.display().to_string());
        }
        if arguments.open {
            open(report.as_os_str());
        }
    }
    Exit::Done
}

/// A flag that Ctrl-C and a termination signal set; a second one ends the process at once.
pub(super) fn stop_on_signal() -> Result<Arc<AtomicBool>, Exit> {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            #[expect(
                clippy::exit,
                reason = "the second signal means now; the store is valid at any moment"
            )]
            std::process::exit(130);
        }
        output::error_line("stopping after this step; once more to stop at once");
    };
    ctrlc::set_handler(handler).map_err(|error| {
        output::error_line(&format!("error: signals cannot be handled: {error}"));
        Exit::EnvironmentWrong
    })?;
    Ok(cancel)
}

/// Opens a file with the desktop's program for it; where there is none, the printed path must do.
pub(super) fn open(file: &std::ffi::OsStr) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = Command::new(opener)
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if quiet.is_err() && env::var_os("DISPLAY").is_some() {
        output::error_line(&format!(
            "{opener} could not be started; open {} yourself",
            file.display()
        ));
    }
}
