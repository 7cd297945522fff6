//! Walking the plan: reuse what is known, run the rest, lose nothing.

use super::{
    clock::{self, Stopwatch},
    event::{Event, Listener, Summary},
    keys, looks, outputs,
    trail::Trails,
    workshop::Monitored,
};
use crate::{
    nn::device_class,
    plan::{Plan, canon::Key, stage::Role},
    stages::{self, Context, StageError},
    store::{Action, StageLock, Store, StoreError},
};
use jiff::Timestamp;
use petgraph::graph::NodeIndex;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How a run behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// After a failure, runs what does not depend on it.
    pub keep_going: bool,
    /// The folder that gets one folder per output.
    pub out: PathBuf,
    /// How often a training saves its state inside an epoch.
    pub save_every: Duration,
    /// Goes on from states that another class of device has left.
    pub allow_device_change: bool,
    /// The program, by which its states of epochs are counted.
    pub pipeline: String,
    /// Bytes that they may take, once the training under way is stored.
    pub trail: u64,
}

/// Runs a plan: every stage whose result is not known, and its outputs' files. Gives the counts and the reports' pages.
pub fn run(
    plan: &Plan,
    store: &Store,
    options: &Options,
    listener: &dyn Listener,
    cancel: &AtomicBool,
) -> (Summary, Vec<PathBuf>) {
    let clock = Stopwatch::start();
    let states = vec![State::Waiting; plan.graph.node_count()];
    let mut run = Run {
        plan,
        store,
        options,
        listener,
        cancel,
        states,
        summary: Summary::default(),
        others: BTreeMap::new(),
        trails: Trails::new((plan, store), options, listener, cancel),
    };
    for node in plan.order() {
        run.settle(node);
        run.tell_notices();
    }
    let pages = run.write_outputs();
    run.tell_notices();
    run.tell_devices();
    run.summary.interrupted = cancel.load(Ordering::Relaxed) && run.summary.skipped > 0;
    run.summary.seconds = clock.seconds();
    (run.summary, pages)
}

/// How often a stage is asked for that another process computes.
pub(super) const WAIT: Duration = Duration::from_millis(100);

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
enum State {
    /// Not looked at yet.
    Waiting,
    /// Its result is known.
    Done(Key, Box<Action>),
    /// It failed, or was not tried.
    Lost,
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options,
    listener: &'a dyn Listener,
    cancel: &'a AtomicBool,
    states: Vec<State>,
    summary: Summary,
    /// How many reused results of networks were computed on other classes of devices.
    others: BTreeMap<String, usize>,
    trails: Trails<'a>,
}

impl Run<'_> {
    fn name(&self, node: NodeIndex) -> String {
        self.plan.graph[node].name.clone()
    }

    fn kind(&self, node: NodeIndex) -> &'static str {
        self.plan.graph[node].work.kind()
    }

    fn action(&self, node: NodeIndex) -> Option<&Action> {
        match &self.states[node.index()] {
            State::Done(_, action) => Some(action),
            State::Waiting | State::Lost => None,
        }
    }

    fn is_stopped(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || self.summary.failed > 0 && !self.options.keep_going
    }

    /// Brings a stage whose inputs were settled to its end.
    fn settle(&mut self, node: NodeIndex) {
        let settled = keys::key(self.plan, self.store, node, |from| self.action(from), self.cancel)
            .map_err(of_store)
            .and_then(|key| match key {
                Some(key) => self.reuse_or_run(node, key),
                None => Ok(State::Lost),
            });
        self.states[node.index()] = match settled {
            Ok(State::Lost | State::Waiting) | Err(StageError::Cancelled) => {
                self.summary.skipped += 1;
                self.listener.event(&Event::StageSkipped { stage: self.name(node) });
                State::Lost
            }
            Ok(done) => done,
            Err(StageError::Failed { message, help }) => {
                self.summary.failed += 1;
                self.listener.event(&Event::StageFailed {
                    stage: self.name(node),
                    kind: self.kind(node),
                    message,
                    help,
                });
                State::Lost
            }
        };
    }

    /// Known results are taken even after a failure: they cost nothing and complete the counts.
    fn reuse_or_run(&mut self, node: NodeIndex, key: Key) -> Result<State, StageError> {
        if let Some(action) = self.store.lookup(key).map_err(of_store)? {
            return Ok(self.reuse(node, key, action));
        }
        if self.is_stopped() {
            return Ok(State::Lost);
        }
        self.run_locked(node, key)
    }

    /// Computes a result that is not known or no longer whole, unless another process does; then waits for it.
    fn run_locked(&mut self, node: NodeIndex, key: Key) -> Result<State, StageError> {
        let _lock = self.lock(node, key)?;
        // Another process may have computed it while this one waited.
        if let Some(action) = self.store.reusable(key).map_err(of_store)? {
            return Ok(self.reuse(node, key, action));
        }
        let action = self.execute(node, key)?;
        self.summary.ran += 1;
        Ok(State::Done(key, Box::new(action)))
    }

    /// Passes on what the store found amiss.
    fn tell_notices(&self) {
        for notice in self.store.take_notices() {
            let message = notice.to_string();
            self.listener.event(&Event::Noticed { message });
        }
    }

    /// Says which reused results another class of device has computed.
    fn tell_devices(&self) {
        for (class, stages) in &self.others {
            self.listener.event(&Event::OtherDevice {
                device_class: class.clone(),
                here: device_class(),
                stages: *stages,
            });
        }
    }

    /// Takes a recorded result.
    fn reuse(&mut self, node: NodeIndex, key: Key, action: Action) -> State {
        self.summary.reused += 1;
        let class = &action.provenance.device_class;
        if self.plan.graph[node].work.numerics().is_some() && class != device_class() {
            *self.others.entry(class.clone()).or_default() += 1;
        }
        self.listener.event(&Event::StageReused {
            stage: self.name(node),
            kind: self.kind(node),
            key,
            outputs: action.outputs.clone(),
            device_class: action.provenance.device_class.clone(),
        });
        State::Done(key, Box::new(action))
    }

    /// The right to compute a stage. While another process has it, asks again and again, so that a signal is heard.
    fn lock(&self, node: NodeIndex, key: Key) -> Result<StageLock, StageError> {
        let mut told = false;
        loop {
            if let Some(lock) = self.store.try_lock_stage(key).map_err(of_store)? {
                return Ok(lock);
            }
            if !told {
                self.listener.event(&Event::Waiting { stage: self.name(node) });
                told = true;
            }
            if self.cancel.load(Ordering::Relaxed) {
                return Err(StageError::Cancelled);
            }
            thread::sleep(WAIT);
        }
    }

    /// Runs a stage and records it; its lock is held.
    fn execute(&mut self, node: NodeIndex, key: Key) -> Result<Action, StageError> {
        let inputs = self.verified_inputs(node)?;
        let (stage, kind) = (self.name(node), self.kind(node));
        self.listener.event(&Event::StageStarted {
            stage: stage.clone(),
            kind,
            key: key.to_string(),
            note: self.plan.graph[node].work.note(),
        });
        let clock = Stopwatch::start();
        let folder = self.store.scratch().map_err(of_store)?;
        let monitor = Monitored {
            stage: &stage,
            listener: self.listener,
            devices: Mutex::default(),
        };
        let states = self.trails.states(node, key, |from| self.action(from));
        let context = Context {
            inputs: &inputs,
            folder: folder.path(),
            cancel: self.cancel,
            monitor: &monitor,
            states: &states,
            save_every: self.options.save_every,
            allow_device_change: self.options.allow_device_change,
        };
        let made = stages::execute(&self.plan.graph[node].work, &context)?;
        let seconds = clock.seconds();
        let describe = |outputs| Action {
            stage: stage.clone(),
            kind: kind.to_owned(),
            outputs,
            provenance: clock.provenance(monitor.device_class()),
        };
        let action = self.store.commit(key, &made, describe).map_err(of_store)?;
        states.finished().map_err(of_store)?;
        let device_class = action.provenance.device_class.clone();
        self.listener.event(&Event::StageFinished {
            stage: action.stage.clone(),
            kind,
            key,
            seconds,
            outputs: action.outputs.clone(),
            device_class,
        });
        Ok(action)
    }

    /// Paths of a stage's inputs, each verified as it enters; what is damaged or gone is made again.
    fn verified_inputs(&mut self, node: NodeIndex) -> Result<Vec<(Role, PathBuf)>, StageError> {
        let mut paths = Vec::new();
        for (role, from) in keys::inputs(self.plan, node) {
            paths.push((role, self.verified_output(from, role.output())?));
        }
        if let Some(looks) = self.keyed(node)?.and_then(|keyed| keyed.looks) {
            let path = self.store.verified(looks).map_err(of_store)?;
            let path =
                path.ok_or_else(|| StageError::failed("what the ledger says was damaged as soon as it was stored"))?;
            paths.push((Role::Looks, path));
        }
        Ok(paths)
    }

    /// The key of a stage by what is known now, with what it is made of.
    fn keyed(&self, node: NodeIndex) -> Result<Option<keys::Keyed>, StageError> {
        keys::keyed(self.plan, self.store, node, |from| self.action(from), self.cancel).map_err(of_store)
    }

    /// The verified object of one output; when it is damaged or gone its stage runs again.
    fn verified_output(&mut self, node: NodeIndex, output: &str) -> Result<PathBuf, StageError> {
        let name = self.name(node);
        let missing = || StageError::failed(format!("`{name}` gave no output `{output}`"));
        for attempt in 0..2 {
            let State::Done(key, action) = self.states[node.index()].clone() else {
                return Err(missing());
            };
            let digest = *action.outputs.get(output).ok_or_else(missing)?;
            if let Some(path) = self.store.verified(digest).map_err(of_store)? {
                return Ok(path);
            }
            if attempt == 0 {
                self.listener.event(&Event::Damaged { stage: name.clone() });
                // It was counted as reused, and is counted again now as what becomes of it.
                self.summary.reused = self.summary.reused.saturating_sub(1);
                self.states[node.index()] = self.run_locked(node, key)?;
            }
        }
        Err(StageError::failed(format!(
            "the result of `{name}` is damaged again as soon as it is stored"
        ))
        .help("the disk or its memory is failing; move the store to another one"))
    }

    /// Brings the files of every output that is known to its folder; gives the paths of the reports' pages.
    fn write_outputs(&mut self) -> Vec<PathBuf> {
        let mut pages = Vec::new();
        let (plan, now) = (self.plan, clock::now());
        for (name, &node) in &plan.outputs {
            let Some(action) = self.action(node).cloned() else {
                continue;
            };
            match self.write_output((name, node), &action, now) {
                Ok(folder) => {
                    self.listener.event(&Event::OutputWritten {
                        output: name.clone(),
                        folder: folder.clone(),
                    });
                    pages.extend(
                        action
                            .outputs
                            .contains_key("report.html")
                            .then(|| folder.join("report.html")),
                    );
                }
                Err(StageError::Cancelled) => self.summary.skipped += 1,
                Err(StageError::Failed { message, help }) => {
                    self.summary.failed += 1;
                    let (stage, kind) = (self.name(node), self.kind(node));
                    self.listener.event(&Event::StageFailed {
                        stage,
                        kind,
                        message,
                        help,
                    });
                }
            }
        }
        pages
    }

    fn write_output(
        &mut self,
        (name, node): (&str, NodeIndex),
        action: &Action,
        now: Timestamp,
    ) -> Result<PathBuf, StageError> {
        let folder = self.options.out.join(name);
        if let Some(keyed) = self.keyed(node)? {
            looks::record(self.plan, self.store, (name, node), &keyed, now).map_err(of_store)?;
        }
        for (file, digest) in &action.outputs {
            let target = folder.join(file);
            if !outputs::holds(self.store, &target, *digest) {
                self.verified_output(node, file)?;
                self.store.materialize(*digest, &target).map_err(of_store)?;
            }
        }
        outputs::replace_list(&folder, &action.outputs).map_err(StageError::failed)?;
        Ok(folder)
    }
}
