//! The threads of a run: each takes what the schedule gives, carries it out and comes back.

use super::{
    clock::Stopwatch,
    run::{Run, Settled, Turn},
    schedule::{Machine, Schedule, Share, Start, Task},
};
use petgraph::graph::NodeIndex;
use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How often stops and time limits are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often, in seconds, stages are asked for that another process computes.
const RECALL: f64 = 0.1;
/// Bytes of a worker's stack; only what is used is ever touched.
const STACK: usize = 64 << 20;

/// A lock's contents. A panic under it ends the run, so nothing half changed is relied on.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task that a thread has taken.
struct Running {
    /// Raised when it is to stop.
    cancel: Arc<AtomicBool>,
    since: Stopwatch,
}

/// What the threads share.
struct Board {
    schedule: Schedule,
    running: BTreeMap<usize, Running>,
    panic: Option<Box<dyn Any + Send>>,
}

struct Crew<'a> {
    run: &'a Run<'a>,
    /// The stage of each task.
    nodes: &'a [NodeIndex],
    board: Mutex<Board>,
    changed: Condvar,
    pools: Pools,
}

/// Settles the stages of these tasks.
pub(super) fn settle(run: &Run<'_>, nodes: &[NodeIndex], tasks: Vec<Task>, machine: Machine) {
    let workers = (machine.jobs + 2 * machine.gpus.len()).min(tasks.len());
    let crew = Crew {
        run,
        nodes,
        board: Mutex::new(Board {
            schedule: Schedule::new(tasks, machine),
            running: BTreeMap::new(),
            panic: None,
        }),
        changed: Condvar::new(),
        pools: Pools::default(),
    };
    thread::scope(|scope| {
        let mut hired = 0;
        for worker in 0..workers {
            let thread = thread::Builder::new().name(format!("stage {worker}")).stack_size(STACK);
            hired += usize::from(thread.spawn_scoped(scope, || crew.work()).is_ok());
        }
        if hired == 0 {
            // No thread can be had: this one does it all, and hears of stops between stages.
            crew.work();
        }
        crew.watch();
    });
    let panic = held(&crew.board).panic.take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

impl Crew<'_> {
    /// One thread's work, until nothing is left.
    fn work(&self) {
        loop {
            let mut board = held(&self.board);
            let (start, cancel) = loop {
                if board.schedule.is_over() || board.panic.is_some() {
                    return;
                }
                if let Some(start) = board.schedule.start() {
                    let cancel = Arc::new(AtomicBool::new(self.run.is_cancelled()));
                    let running = Running {
                        cancel: Arc::clone(&cancel),
                        since: Stopwatch::start(),
                    };
                    board.running.insert(start.task, running);
                    break (start, cancel);
                }
                board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
            };
            drop(board);
            let settled = catch_unwind(AssertUnwindSafe(|| self.carry_out(start, &cancel)));
            let mut board = held(&self.board);
            board.running.remove(&start.task);
            match settled {
                Ok(Settled::Elsewhere) => board.schedule.defer(start.task),
                Ok(Settled::Here) => board.schedule.finish(start.task),
                Err(panic) => {
                    board
                        .running
                        .values()
                        .for_each(|running| running.cancel.store(true, Ordering::Relaxed));
                    board.panic = Some(panic);
                }
            }
            drop(board);
            self.changed.notify_all();
        }
    }

    fn carry_out(&self, start: Start, cancel: &AtomicBool) -> Settled {
        let node = self.nodes[start.task];
        let (threads, _lease) = match start.share {
            Share::Threads(threads) => (threads, None),
            Share::Gpu(gpu) => match self.run.lease(node, gpu) {
                Ok(lease) => (1, Some(lease)),
                Err(settled) => return settled,
            },
        };
        let turn = Turn {
            cancel,
            threads,
            pools: &self.pools,
        };
        self.run.settle(node, &turn)
    }

    /// Passes stops on to what runs, enforces the time limit, and has stages tried again that other processes had.
    fn watch(&self) {
        let limit = self.run.options.stage_timeout.map(|limit| limit.as_secs_f64());
        let mut asked = Stopwatch::start();
        let mut board = held(&self.board);
        while !board.schedule.is_over() && board.panic.is_none() {
            for (task, running) in &board.running {
                let is_late = limit.is_some_and(|limit| running.since.seconds() >= limit);
                if is_late || self.run.is_unwanted(self.nodes[*task]) {
                    running.cancel.store(true, Ordering::Relaxed);
                }
            }
            // Not at each change: a stage that is still held up makes one.
            if board.schedule.has_deferred() && asked.seconds() >= RECALL {
                asked = Stopwatch::start();
                board.schedule.recall();
                self.changed.notify_all();
            }
            self.run.tell_notices();
            let waited = self.changed.wait_timeout(board, TICK);
            board = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(board);
        self.changed.notify_all();
    }
}

/// Pools of threads, by their size; a stage computes in one of its own, so that it never waits for another's work.
#[derive(Default)]
pub(super) struct Pools(Mutex<BTreeMap<usize, Vec<rayon::ThreadPool>>>);

impl Pools {
    /// Carries `act` out in a pool of so many threads; in the pool of all if none can be made.
    pub(super) fn within<T: Send>(&self, threads: usize, act: impl FnOnce() -> T + Send) -> T {
        let known = held(&self.0).get_mut(&threads).and_then(Vec::pop);
        let pool = known.map_or_else(
            || {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .stack_size(STACK)
                    .build()
            },
            Ok,
        );
        let Ok(pool) = pool else { return act() };
        let made = pool.install(act);
        held(&self.0).entry(threads).or_default().push(pool);
        made
    }
}
