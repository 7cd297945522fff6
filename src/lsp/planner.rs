//! The thread that plans programs, so that no question waits for a long manifest.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use super::server::said;
use crate::ide::{PlanJob, Planned};

/// Where the store of a program lies.
pub type StoreFolder = fn(&Path) -> PathBuf;

type Done = Result<Planned, Box<dyn Any + Send>>;

/// A thread with a queue.
pub(super) struct Planner {
    jobs: mpsc::Sender<(PlanJob, Arc<AtomicBool>)>,
    done: mpsc::Receiver<Done>,
    /// What was asked for and has not come, with what cancels it.
    awaited: Vec<(PlanJob, Arc<AtomicBool>)>,
}

impl Planner {
    pub(super) fn new(store: StoreFolder) -> Self {
        let (jobs, queue) = mpsc::channel::<(PlanJob, Arc<AtomicBool>)>();
        let (sender, done) = mpsc::channel();
        // Without the thread nothing is ever awaited: the queue is closed.
        let _ = thread::Builder::new().name("planner".to_owned()).spawn(move || {
            for (job, cancelled) in queue {
                let folder = store(job.path());
                let planned = catch_unwind(AssertUnwindSafe(|| job.run(&folder, &cancelled)));
                if sender.send(planned).is_err() {
                    break;
                }
            }
        });
        Self {
            jobs,
            done,
            awaited: Vec::new(),
        }
    }

    /// Asks for a plan; the one that was asked for of the same program before is no longer wanted.
    pub(super) fn ask(&mut self, job: PlanJob) {
        self.cancel(|other| other.path() == job.path());
        let cancelled = Arc::new(AtomicBool::new(false));
        if self.jobs.send((job.clone(), Arc::clone(&cancelled))).is_ok() {
            self.awaited.push((job, cancelled));
        }
    }

    /// Gives up what is no longer wanted; it is still awaited, but comes soon.
    pub(super) fn cancel(&self, unwanted: impl Fn(&PlanJob) -> bool) {
        for (job, cancelled) in &self.awaited {
            if unwanted(job) {
                cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// True while a plan is to come.
    pub(super) fn is_busy(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// The next plan that came, unless it was given up; or what the panic said that came in its place.
    pub(super) fn take(&mut self) -> Option<Result<Planned, String>> {
        loop {
            let done = match self.done.try_recv() {
                Ok(done) => done,
                Err(mpsc::TryRecvError::Empty) => return None,
                Err(mpsc::TryRecvError::Disconnected) => {
                    self.awaited.clear();
                    return None;
                }
            };
            // They come in the order in which they were asked for.
            let (_, cancelled) = self.awaited.remove(0);
            if !cancelled.load(Ordering::Relaxed) {
                return Some(done.map_err(|panic| said(&*panic).to_owned()));
            }
        }
    }
}

impl Drop for Planner {
    fn drop(&mut self) {
        self.cancel(|_| true);
    }
}
