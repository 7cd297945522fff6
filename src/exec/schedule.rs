//! Which stage begins next: a pure state machine, driven by the threads of a run and, in tests, by virtual time.
//!
//! List scheduling: of the tasks whose inputs are settled and whose needs are free, the one begins from which the longest
//! path leads to the end of the graph, by estimated seconds (Graham 1969, "Bounds on multiprocessing timing anomalies"; the
//! critical path as priority after Hu 1961). Estimates decide the order alone, never a result.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

/// Where a task runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// On cores of the CPU, in the machine's memory.
    #[default]
    Cpu,
    /// On a GPU, in its memory; it waits if the machine has one, and runs on the CPU if it has none.
    Gpu,
}

/// A task of a graph.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// The tasks whose results it takes; all have smaller numbers.
    pub after: Vec<usize>,
    /// How long it will run, roughly.
    pub seconds: f64,
    /// Where it runs.
    pub place: Place,
    /// Bytes of memory that it needs there at most.
    pub bytes: u64,
}

/// What tasks share.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Tasks that run on the CPU at once, at most.
    pub jobs: usize,
    /// Threads that they share.
    pub threads: usize,
    /// Bytes of memory that they share. A task that needs more runs alone.
    pub bytes: u64,
    /// Bytes of each GPU.
    pub gpus: Vec<u64>,
}

/// What a task was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many threads of the CPU.
    Threads(usize),
    /// A part of the GPU of this number.
    Gpu(usize),
}

/// A task that is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its number.
    pub task: usize,
    /// What it is given.
    pub share: Share,
}

/// What runs at one place.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    tasks: usize,
    bytes: u64,
}

impl Load {
    /// Whether a task fits beside what runs. One that needs more than there is runs alone: it may still succeed, because what
    /// it needs is a bound.
    fn has_room(self, bytes: u64, of: u64) -> bool {
        self.tasks == 0 || self.bytes.saturating_add(bytes) <= of
    }

    fn add(&mut self, bytes: u64) {
        self.tasks += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, bytes: u64) {
        self.tasks = self.tasks.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Where the tasks of a graph stand.
#[derive(Debug)]
pub struct Schedule {
    tasks: Vec<Task>,
    machine: Machine,
    /// The tasks that take from each.
    before: Vec<Vec<usize>>,
    /// How many inputs of each are not settled.
    open: Vec<usize>,
    /// Place of each in the order of beginning.
    rank: Vec<usize>,
    by_rank: Vec<usize>,
    /// Ranks of those that could begin.
    ready: BTreeSet<usize>,
    /// Those that could begin but are held up by somebody else.
    deferred: BTreeSet<usize>,
    given: Vec<Option<Share>>,
    cpu: Load,
    threads: usize,
    gpus: Vec<Load>,
    left: usize,
}

/// Seconds from the beginning of each task to the end of the graph, on its longest path.
#[must_use]
pub fn longest_paths(tasks: &[Task]) -> Vec<f64> {
    let mut paths = vec![0.0_f64; tasks.len()];
    for (place, task) in tasks.iter().enumerate().rev() {
        paths[place] += task.seconds.max(0.0);
        for &input in &task.after {
            paths[input] = paths[input].max(paths[place]);
        }
    }
    paths
}

/// Seconds that a machine takes for all tasks, when each runs as long as is estimated on one thread, divided by the
/// threads that it is given.
#[must_use]
pub fn makespan(tasks: &[Task], machine: &Machine) -> f64 {
    let mut schedule = Schedule::new(tasks.to_vec(), machine.clone());
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut now = 0.0;
    loop {
        while let Some(Start { task, share }) = schedule.start() {
            let threads = match share {
                Share::Threads(threads) => threads,
                Share::Gpu(_) => 1,
            };
            let end: f64 = now + tasks[task].seconds.max(0.0) / threads as f64;
            // Positive floats are ordered as their bits are.
            running.push(Reverse((end.to_bits(), task)));
        }
        let Some(Reverse((end, task))) = running.pop() else {
            return now;
        };
        now = f64::from_bits(end);
        schedule.finish(task);
    }
}

impl Schedule {
    /// No task has begun.
    #[must_use]
    pub fn new(tasks: Vec<Task>, machine: Machine) -> Self {
        let paths = longest_paths(&tasks);
        let mut by_rank: Vec<usize> = (0..tasks.len()).collect();
        by_rank.sort_by(|&a, &b| paths[b].total_cmp(&paths[a]).then(a.cmp(&b)));
        let mut rank = vec![0; tasks.len()];
        for (place, &task) in by_rank.iter().enumerate() {
            rank[task] = place;
        }
        let mut before = vec![Vec::new(); tasks.len()];
        for (place, task) in tasks.iter().enumerate() {
            for &input in &task.after {
                before[input].push(place);
            }
        }
        let open: Vec<usize> = tasks.iter().map(|task| task.after.len()).collect();
        let free = (0..tasks.len()).filter(|&task| open[task] == 0);
        Self {
            ready: free.map(|task| rank[task]).collect(),
            deferred: BTreeSet::new(),
            given: vec![None; tasks.len()],
            cpu: Load::default(),
            threads: 0,
            gpus: vec![Load::default(); machine.gpus.len()],
            left: tasks.len(),
            before,
            open,
            rank,
            by_rank,
            tasks,
            machine,
        }
    }

    /// True when every task is settled.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left == 0
    }

    /// True when tasks wait for somebody else.
    #[must_use]
    pub fn has_deferred(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// The next task, if one can begin now.
    pub fn start(&mut self) -> Option<Start> {
        // Most calls come while the cores are taken, and a ready set may be long.
        if self.gpus.is_empty() && self.cpu.tasks >= self.machine.jobs.max(1) {
            return None;
        }
        let ranks = self.ready.iter().copied();
        let (rank, share) = ranks
            .into_iter()
            .find_map(|rank| Some((rank, self.share(self.by_rank[rank])?)))?;
        self.ready.remove(&rank);
        let task = self.by_rank[rank];
        self.given[task] = Some(share);
        let bytes = self.tasks[task].bytes;
        match share {
            Share::Threads(threads) => {
                self.cpu.add(bytes);
                self.threads += threads;
            }
            Share::Gpu(gpu) => self.gpus[gpu].add(bytes),
        }
        Some(Start { task, share })
    }

    /// What the task would be given now; none when what it needs is taken.
    fn share(&self, task: usize) -> Option<Share> {
        let Task { place, bytes, .. } = self.tasks[task];
        if place == Place::Gpu && !self.gpus.is_empty() {
            // The emptiest that has room, so that tasks share a GPU only when there are more of them than GPUs.
            let rooms = self.gpus.iter().zip(&self.machine.gpus).enumerate();
            let free = rooms.filter(|(_, (load, of))| load.has_room(bytes, **of));
            return free
                .min_by_key(|(place, (load, _))| (load.tasks, load.bytes, *place))
                .map(|(place, _)| Share::Gpu(place));
        }
        let jobs = self.machine.jobs.max(1);
        if self.cpu.tasks >= jobs || !self.cpu.has_room(bytes, self.machine.bytes) {
            return None;
        }
        // The free threads are divided among the tasks that could begin now.
        let slots = (jobs - self.cpu.tasks).min(self.ready.len()).max(1);
        let free = self.machine.threads.saturating_sub(self.threads);
        Some(Share::Threads(free.div_ceil(slots).max(1)))
    }

    fn release(&mut self, task: usize) {
        let bytes = self.tasks[task].bytes;
        match self.given[task].take() {
            Some(Share::Threads(threads)) => {
                self.cpu.remove(bytes);
                self.threads = self.threads.saturating_sub(threads);
            }
            Some(Share::Gpu(gpu)) => self.gpus[gpu].remove(bytes),
            None => {}
        }
    }

    /// A task is settled, for good or ill: what takes from it can begin.
    pub fn finish(&mut self, task: usize) {
        self.release(task);
        self.left = self.left.saturating_sub(1);
        for place in 0..self.before[task].len() {
            let next = self.before[task][place];
            self.open[next] -= 1;
            if self.open[next] == 0 {
                self.ready.insert(self.rank[next]);
            }
        }
    }

    /// A task that has begun is held up by somebody else; others begin in its stead until [`Schedule::recall`].
    pub fn defer(&mut self, task: usize) {
        self.release(task);
        self.deferred.insert(self.rank[task]);
    }

    /// Those that were held up are tried again.
    pub fn recall(&mut self) {
        self.ready.append(&mut self.deferred);
    }
}
