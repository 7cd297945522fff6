//! Walking the plan: reuse what is known, run the rest, lose nothing.

use super::{
    clock::Stopwatch,
    crew::{self, Pools, held},
    devices::{Devices, Lease},
    estimates::Estimates,
    event::{Event, Listener, Summary},
    keys::{self, Keyed},
    memory,
    quota::Quota,
    schedule::{Machine, Task},
    select::{Part, Selection},
    stop::Stop,
    tasks,
    trail::Trails,
};
use crate::{
    nn::device_class,
    plan::{
        Plan,
        canon::{Key, Taken},
    },
    stages::{self, StageError},
    store::{Link, Product, StageLock, Store, StoreError, Trigger},
};
use petgraph::{Direction, graph::NodeIndex};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How a run behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// After a failure, runs what does not depend on it.
    pub keep_going: bool,
    /// The folder that gets one folder per output.
    pub out: PathBuf,
    /// How often a training saves its state inside an epoch.
    pub save_every: Duration,
    /// Goes on from states that another class of device has left.
    pub allow_device_change: bool,
    /// Stages that run at once, at most.
    pub jobs: usize,
    /// Threads that they share.
    pub threads: usize,
    /// Bytes of memory that those that run at once may need together; a stage that needs more runs alone.
    pub memory: u64,
    /// Bytes that a stage may need; one that may need more is refused.
    pub stage_memory: Option<u64>,
    /// How long a stage may run; then it is stopped, and fails.
    pub stage_timeout: Option<Duration>,
    /// What the run is about.
    pub selection: Selection,
    /// The program, by which its states of epochs are counted.
    pub pipeline: String,
    /// Bytes that they may take, once the training under way is stored.
    pub trail: u64,
    /// Bytes that all objects and states of the store may take.
    pub quota: Option<u64>,
    /// How the files of outputs are written.
    pub link: Link,
    /// The GPUs that trainings and scorings run on; on the CPU where there are none.
    pub devices: Arc<Devices>,
    /// What the ledger says of why results on test data are shown; none keeps them sealed: outputs with such results are not
    /// written.
    pub shows: Option<Trigger>,
}

/// Runs a plan: every stage whose result is not known, and its outputs' files. Gives the counts and the reports' pages.
pub fn run(
    plan: &Plan,
    store: &Store,
    options: &Options,
    listener: &dyn Listener,
    stop: &Stop,
) -> (Summary, Vec<PathBuf>) {
    let clock = Stopwatch::start();
    let count = plan.graph.node_count();
    let run = Run {
        plan,
        store,
        options,
        listener,
        stop,
        keys: Mutex::default(),
        facts: Mutex::new(Facts {
            states: vec![State::Waiting; count],
            told: vec![false; count],
            summary: Summary::default(),
            others: BTreeMap::new(),
            running: BTreeMap::new(),
        }),
        peaks: OnceLock::new(),
        trails: Trails::new((plan, store), options, listener),
        quota: Quota::new(store, options.quota, listener),
    };
    run.told(store.begin_lookups());
    let open = run.take_known();
    run.told(store.end_lookups());
    run.tell_notices();
    if !open.is_empty() {
        let (tasks, machine) = run.tasks(&open);
        crew::settle(&run, &open, tasks, machine);
    }
    // What another run took the place of shows nothing more.
    let pages = if stop.is_replaced() {
        Vec::new()
    } else {
        run.write_outputs()
    };
    run.tell_notices();
    run.tell_devices();
    let mut summary = held(&run.facts).summary;
    summary.interrupted = run.is_cancelled() && summary.skipped > 0;
    summary.seconds = clock.seconds();
    (summary, pages)
}

/// A failure of the store with what to do about it.
pub(super) fn of_store(error: StoreError) -> StageError {
    if matches!(error, StoreError::Cancelled) {
        return StageError::Cancelled;
    }
    let failed = StageError::failed(error.to_string());
    match error.help() {
        Some(help) => failed.help(help),
        None => failed,
    }
}

/// Where a stage stands.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Not looked at yet.
    Waiting,
    /// Its result is known.
    Done(Key, Product),
    /// It failed, or was not tried.
    Lost,
}

/// What is known of the stages.
pub(super) struct Facts {
    pub(super) states: Vec<State>,
    /// Whether it was said that another process computes a stage.
    told: Vec<bool>,
    pub(super) summary: Summary,
    /// How many reused results of networks were computed on other classes of devices.
    others: BTreeMap<String, usize>,
    /// Keys of the stages that are being computed.
    running: BTreeMap<NodeIndex, Key>,
}

impl Facts {
    fn product(&self, node: NodeIndex) -> Option<&Product> {
        match &self.states[node.index()] {
            State::Done(_, product) => Some(product),
            State::Waiting | State::Lost => None,
        }
    }
}

/// A run under way; its threads share it.
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    pub(super) options: &'a Options,
    pub(super) listener: &'a dyn Listener,
    pub(super) stop: &'a Stop,
    /// Keys of stages whose files or looks are asked for once, with what they were made of.
    keys: Mutex<BTreeMap<NodeIndex, (Vec<Taken>, Keyed)>>,
    pub(super) facts: Mutex<Facts>,
    /// Bytes that the stages which are to run need at most, where that is known.
    peaks: OnceLock<BTreeMap<NodeIndex, Option<u64>>>,
    pub(super) trails: Trails<'a>,
    pub(super) quota: Quota<'a>,
}

/// What a stage is given when its turn has come.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    /// Raised when it is to stop.
    pub(super) cancel: &'a AtomicBool,
    /// Its threads.
    pub(super) threads: usize,
    pub(super) pools: &'a Pools,
}

/// What became of a stage's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is settled.
    Here,
    /// Another process computes it; it is to be asked for again.
    Elsewhere,
}

impl Run<'_> {
    pub(super) fn name(&self, node: NodeIndex) -> String {
        self.plan.graph[node].name.clone()
    }

    pub(super) fn kind(&self, node: NodeIndex) -> &'static str {
        self.plan.graph[node].work.kind()
    }

    pub(super) fn product(&self, node: NodeIndex) -> Option<Product> {
        held(&self.facts).product(node).cloned()
    }

    /// True when the run was stopped from outside.
    pub(super) fn is_cancelled(&self) -> bool {
        self.stop.flag().load(Ordering::Relaxed)
    }

    /// True when a stage that is being computed is to stop.
    pub(super) fn is_unwanted(&self, node: NodeIndex) -> bool {
        let key = held(&self.facts).running.get(&node).copied();
        self.stop.stops(key)
    }

    /// True when nothing more is to begin. What runs when another stage fails runs to its end.
    fn is_stopped(&self) -> bool {
        self.stop.is_raised() || held(&self.facts).summary.failed > 0 && !self.options.keep_going
    }

    /// Takes the results that are known, and gives the stages that are left, inputs first. Between two runs most results
    /// are known, and finding that out takes no threads.
    fn take_known(&self) -> Vec<NodeIndex> {
        let mut open = Vec::new();
        let mut is_open = vec![false; self.plan.graph.node_count()];
        for node in self.plan.order() {
            let part = self.options.selection.part(node);
            if part == Part::Left {
                continue;
            }
            let mut before = self.plan.graph.neighbors_directed(node, Direction::Incoming);
            let waits = before.any(|from| is_open[from.index()]);
            let known = if waits || part == Part::Forced {
                Ok(None)
            } else {
                self.known(node)
            };
            match known {
                Ok(Some((key, product))) => self.reuse(node, key, product),
                Ok(None) => {
                    is_open[node.index()] = true;
                    open.push(node);
                }
                Err(error) => self.lose(node, error),
            }
        }
        open
    }

    /// The recorded result of a stage, if there is one.
    fn known(&self, node: NodeIndex) -> Result<Option<(Key, Product)>, StageError> {
        let Some(key) = self.key(node)? else {
            return Ok(None);
        };
        let product = self.store.product(key).map_err(of_store)?;
        Ok(product.map(|product| (key, product)))
    }

    /// The key of a stage by what is known now; none when an input is not known.
    pub(super) fn key(&self, node: NodeIndex) -> Result<Option<Key>, StageError> {
        Ok(self.keyed(node)?.map(|keyed| keyed.key))
    }

    /// As [`Run::key`], with what it is made of. What lies outside the plan, files and looks, is asked for once.
    pub(super) fn keyed(&self, node: NodeIndex) -> Result<Option<Keyed>, StageError> {
        let Some(taken) = self.taken(node) else { return Ok(None) };
        if let Some((before, keyed)) = held(&self.keys).get(&node)
            && *before == taken
        {
            return Ok(Some(*keyed));
        }
        let keyed = keys::keyed(self.plan, self.store, node, &taken, self.stop.flag()).map_err(of_store)?;
        if taken.is_empty() || keyed.looks.is_some() {
            held(&self.keys).insert(node, (taken, keyed));
        }
        Ok(Some(keyed))
    }

    /// What a stage takes from others; none when a result of theirs is not known.
    pub(super) fn taken(&self, node: NodeIndex) -> Option<Vec<Taken>> {
        let facts = held(&self.facts);
        keys::taken(self.plan, node, |from| facts.product(from))
    }

    /// What the schedule is told of these stages, and of the machine.
    fn tasks(&self, open: &[NodeIndex]) -> (Vec<Task>, Machine) {
        // The order of stages is no reason to fail.
        let estimates = Estimates::of(self.store).unwrap_or_default();
        let work = |node: NodeIndex| &self.plan.graph[node].work;
        let peaks = memory::peaks(open.iter().map(|node| work(*node)));
        let tasks = tasks::of(self.plan, open, &peaks, |node| estimates.priority(work(node)));
        let peaks = open.iter().copied().zip(peaks).collect();
        self.peaks.get_or_init(|| peaks);
        let machine = Machine {
            jobs: self.options.jobs,
            threads: self.options.threads,
            bytes: self.options.memory,
            gpus: self.options.devices.gpus().iter().map(|gpu| gpu.bytes).collect(),
        };
        (tasks, machine)
    }

    /// Bytes that a stage needs at most, where that is known.
    pub(super) fn peak(&self, node: NodeIndex) -> Option<u64> {
        let known = self.peaks.get().and_then(|peaks| peaks.get(&node).copied());
        known.unwrap_or_else(|| stages::peak_bytes(&self.plan.graph[node].work))
    }

    /// Brings a stage whose inputs were settled to its end, unless another process computes it.
    pub(super) fn settle(&self, node: NodeIndex, turn: &Turn<'_>) -> Settled {
        match self.reuse_or_run(node, turn) {
            Ok(settled) => settled,
            Err(error) => {
                self.lose(node, error);
                Settled::Here
            }
        }
    }

    /// The right to the GPU that a stage was given; else what becomes of its turn: it is asked for again while another process
    /// has the GPU.
    pub(super) fn lease(&self, node: NodeIndex, gpu: usize) -> Result<Arc<Lease>, Settled> {
        match self.options.devices.lease(gpu) {
            Ok(Some(lease)) => Ok(lease),
            // Once it is to stop, or is known, it needs none.
            Ok(None) if self.is_stopped() => {
                self.lose(node, StageError::Cancelled);
                Err(Settled::Here)
            }
            Ok(None) => {
                self.tell_waiting(node);
                Err(Settled::Elsewhere)
            }
            Err(error) => {
                let failed = StageError::failed(format!("the GPU cannot be leased: {error}"));
                self.lose(
                    node,
                    failed
                        .help("the lock lies in $XDG_RUNTIME_DIR/mtl-devices, or below the folder of temporary files"),
                );
                Err(Settled::Here)
            }
        }
    }

    /// A stage gives no result.
    fn lose(&self, node: NodeIndex, error: StageError) {
        let mut facts = held(&self.facts);
        facts.states[node.index()] = State::Lost;
        let stage = self.name(node);
        let event = match error {
            StageError::Cancelled => {
                facts.summary.skipped += 1;
                Event::StageSkipped { stage }
            }
            StageError::Failed { message, help } => {
                facts.summary.failed += 1;
                let kind = self.kind(node);
                Event::StageFailed {
                    stage,
                    kind,
                    message,
                    help,
                }
            }
        };
        drop(facts);
        self.listener.event(&event);
    }

    /// Known results are taken even after a failure: they cost nothing and complete the counts.
    fn reuse_or_run(&self, node: NodeIndex, turn: &Turn<'_>) -> Result<Settled, StageError> {
        let part = self.options.selection.part(node);
        let Some(key) = self.key(node)? else {
            return Err(self.without_input(node, part));
        };
        if part != Part::Forced
            && let Some(product) = self.store.product(key).map_err(of_store)?
        {
            self.reuse(node, key, product);
            return Ok(Settled::Here);
        }
        if self.is_stopped() || part == Part::Known {
            return Err(StageError::Cancelled);
        }
        let Some(lock) = self.store.try_lock_stage(key).map_err(of_store)? else {
            self.tell_waiting(node);
            return Ok(Settled::Elsewhere);
        };
        if self.run_locked(node, key, &lock, part == Part::Forced, turn)? {
            return Ok(Settled::Here);
        }
        drop(lock);
        self.reuse_or_run(node, turn)
    }

    /// Why a stage is not tried that lacks an input. With `--only` nothing else would make it, so that is said.
    fn without_input(&self, node: NodeIndex, part: Part) -> StageError {
        let inputs = keys::inputs(self.plan, node);
        let is_left = |from: NodeIndex| {
            self.options.selection.part(from) == Part::Known && self.product(from).is_none() && !self.is_stopped()
        };
        let missing = inputs.into_iter().map(|(_, from)| from).find(|from| is_left(*from));
        match missing.filter(|_| matches!(part, Part::Runs | Part::Forced)) {
            Some(from) => StageError::failed(format!(
                "it takes from `{}`, whose result is not known",
                self.name(from)
            ))
            .help("`--until` in the place of `--only` runs what a stage needs, too"),
            None => StageError::Cancelled,
        }
    }

    /// Computes a result that is not known, no longer whole, or forced; its lock is held. False when an input was damaged and
    /// is another one now, so that the stage has another key.
    pub(super) fn run_locked(
        &self,
        node: NodeIndex,
        key: Key,
        _lock: &StageLock,
        is_forced: bool,
        turn: &Turn<'_>,
    ) -> Result<bool, StageError> {
        let before = self.store.product(key).map_err(of_store)?;
        // Another process may have computed it while this one waited.
        if !is_forced && let Some(product) = self.store.reusable(key).map_err(of_store)? {
            self.reuse(node, key, product);
            return Ok(true);
        }
        held(&self.facts).running.insert(node, key);
        let made = self.execute((node, key), is_forced, turn);
        held(&self.facts).running.remove(&node);
        let Some(product) = made? else {
            return Ok(false);
        };
        if let Some(before) = before.filter(|before| before.outputs != product.outputs) {
            self.listener.event(&Event::Differs {
                stage: self.name(node),
                before: Arc::unwrap_or_clone(before.outputs),
            });
        }
        let mut facts = held(&self.facts);
        facts.summary.ran += 1;
        facts.states[node.index()] = State::Done(key, product);
        Ok(true)
    }

    /// What a collection at the same time does not know of, it may remove; it is then computed again.
    fn told(&self, noted: Result<(), StoreError>) {
        if let Err(error) = noted {
            let message = format!("what this run uses cannot be noted: {error}");
            self.listener.event(&Event::Noticed { message });
        }
    }

    /// Passes on what the store found amiss.
    pub(super) fn tell_notices(&self) {
        for notice in self.store.take_notices() {
            let message = notice.to_string();
            self.listener.event(&Event::Noticed { message });
        }
    }

    /// Says which reused results another class of device has computed.
    fn tell_devices(&self) {
        for (class, stages) in &held(&self.facts).others {
            self.listener.event(&Event::OtherDevice {
                device_class: class.clone(),
                here: device_class(),
                stages: *stages,
            });
        }
    }

    /// Says once that another process computes a stage.
    pub(super) fn tell_waiting(&self, node: NodeIndex) {
        let told = std::mem::replace(&mut held(&self.facts).told[node.index()], true);
        if !told {
            self.listener.event(&Event::Waiting { stage: self.name(node) });
        }
    }

    /// Takes a recorded result.
    fn reuse(&self, node: NodeIndex, key: Key, product: Product) {
        let event = Event::StageReused {
            stage: self.name(node),
            kind: self.kind(node),
            key,
            outputs: Arc::clone(&product.outputs),
            device_class: Arc::clone(&product.device_class),
            node,
        };
        let mut facts = held(&self.facts);
        facts.summary.reused += 1;
        let class = &*product.device_class;
        if class != device_class() && self.plan.graph[node].work.numerics().is_some() {
            *facts.others.entry(class.to_owned()).or_default() += 1;
        }
        facts.states[node.index()] = State::Done(key, product);
        drop(facts);
        self.listener.event(&event);
    }
}
