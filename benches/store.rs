//! What the store costs: CPU for each stage that is committed, and looks at a data set of very many small files.
//!
//! `store stages [COUNT]` carries out stages that do nothing, through the scheduler and `Store::commit`, one after the other
//! and eight at once. `store files [COUNT] [FOLDER]` makes a tree of files, a thousand in a folder, unless the folder holds
//! one, and looks at it three times: with a new store, which hashes all, and twice as later runs do.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark times")]

use mtl::{
    exec::schedule::{Machine, Schedule, Task},
    plan::{canon::Key, digest::Digest},
    store::{Action, Provenance, Store},
};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let count = |usual: usize| arguments.get(1).map_or(Ok(usual), |text| text.parse());
    match arguments.first().map_or("stages", String::as_str) {
        "stages" => stages(count(2000)?),
        "files" => {
            let temporary = tempfile::tempdir()?;
            let folder = arguments.get(2).map_or(temporary.path(), Path::new);
            files(count(1_000_000)?, folder)
        }
        other => Err(format!("`{other}` is neither `stages` nor `files`").into()),
    }
}

/// CPU seconds of this process up to now, of all its threads, in its own code and in the system's.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` of this function.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The most memory that this process has had, in MB.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1000.0
}

fn stages(count: usize) -> Result<(), Box<dyn std::error::Error>> {
    println!("jobs  stages  CPU ms a stage  wall ms a stage");
    for jobs in [1, 8] {
        let folder = tempfile::tempdir_in(".")?;
        let store = Store::open(folder.path())?;
        let machine = Machine {
            jobs,
            threads: jobs,
            bytes: u64::MAX,
            gpus: Vec::new(),
        };
        let schedule = Mutex::new(Schedule::new(vec![Task::default(); count], machine));
        let changed = Condvar::new();
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs)
                .map(|_| scope.spawn(|| work(&store, &schedule, &changed)))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("no stage panics"))
        })?;
        let per_stage = |seconds: f64| seconds * 1e3 / count as f64;
        let (cpu, wall) = (per_stage(cpu_seconds() - cpu), per_stage(wall.elapsed().as_secs_f64()));
        println!("{jobs:4}  {count:6}  {cpu:14.3}  {wall:15.3}");
    }
    Ok(())
}

/// Takes stages until none is left.
fn work(store: &Store, schedule: &Mutex<Schedule>, changed: &Condvar) -> io::Result<()> {
    let mut board = schedule.lock().expect("no stage panics");
    while !board.is_over() {
        let Some(start) = board.start() else {
            board = changed.wait(board).expect("no stage panics");
            continue;
        };
        drop(board);
        let committed = commit(store, start.task);
        board = schedule.lock().expect("no stage panics");
        board.finish(start.task);
        changed.notify_all();
        committed?;
    }
    Ok(())
}

/// A stage with two small outputs.
fn commit(store: &Store, number: usize) -> io::Result<()> {
    let scratch = store.scratch().map_err(io::Error::other)?;
    let mut files = Vec::new();
    for (name, bytes) in [("model", 4096), ("history", 256)] {
        let path = scratch.path().join(name);
        let contents: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(bytes).collect();
        fs::write(&path, contents)?;
        files.push((name.to_owned(), path));
    }
    let describe = |outputs| Action {
        stage: format!("scores/fold{number}/train"),
        kind: "train".to_owned(),
        outputs,
        provenance: Provenance {
            when: jiff::Timestamp::UNIX_EPOCH,
            host: None,
            seconds: 0.0,
            threads: 1,
            version: "0.1.0".to_owned(),
            device_class: "cpu-avx2".to_owned(),
        },
    };
    let key = Key(Digest::of(&number.to_le_bytes()));
    store.commit(key, &files, describe).map_err(io::Error::other)?;
    Ok(())
}

fn files(count: usize, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let paths = tree(count, &folder.join("data"))?;
    let root = folder.join("store");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    println!("look    files  wall s   CPU s  memory MB");
    for look in 1..=3 {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let store = Store::open(&root)?;
        let digests = store.digests_of_files(&paths, &|_| (), &|| false)?;
        drop(store);
        let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        println!("{look:4}  {:7}  {wall:6.2}  {cpu:6.2}  {:9.0}", digests.len(), peak());
    }
    Ok(())
}

/// The paths of so many files of about a hundred bytes; made if the folder is not there.
fn tree(count: usize, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_new = !folder.exists();
    let mut paths = Vec::with_capacity(count);
    for number in 0..count {
        let inner = folder.join(format!("patients{:04}", number / 1000));
        if is_new && number % 1000 == 0 {
            fs::create_dir_all(&inner)?;
        }
        let path = inner.join(format!("picture{number:07}.png"));
        if is_new {
            fs::write(&path, format!("{number:0100}"))?;
        }
        paths.push(path);
    }
    if is_new {
        // Files as young as their record are hashed again, which is not what is measured here.
        thread::sleep(Duration::from_secs(3));
    }
    Ok(paths)
}
