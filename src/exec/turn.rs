//! A stage's turn: its inputs verified, its body carried out, its result recorded.

use super::{
    clock::Stopwatch,
    crew::held,
    event::Event,
    keys, memory,
    run::{Run, State, Turn, of_store},
    workshop::Monitored,
};
use crate::{
    plan::{canon::Key, cost, stage::Role},
    stages::{self, Context, StageError},
    store::{Action, Cost, Product, StageLock},
};
use petgraph::graph::NodeIndex;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    thread,
    time::Duration,
};

/// How often what another process computes is asked for.
pub(super) const WAIT: Duration = Duration::from_millis(100);

/// How long files are together.
fn bytes_of(files: &[(String, PathBuf)]) -> u64 {
    let lengths = files.iter().filter_map(|(_, path)| path.metadata().ok());
    lengths.map(|metadata| metadata.len()).sum()
}

impl Run<'_> {
    /// The right to make a result whole again that this stage's turn needs. Asks again and again, so that a stop is heard.
    fn lock(&self, node: NodeIndex, key: Key, turn: &Turn<'_>) -> Result<StageLock, StageError> {
        loop {
            if let Some(lock) = self.store.try_lock_stage(key).map_err(of_store)? {
                return Ok(lock);
            }
            self.tell_waiting(node);
            if turn.cancel.load(Ordering::Relaxed) {
                return Err(StageError::Cancelled);
            }
            thread::sleep(WAIT);
        }
    }

    /// Runs a stage and records it; its lock is held. None when the key is no longer the stage's. One that is forced takes no
    /// epochs over from others.
    pub(super) fn execute(
        &self,
        (node, key): (NodeIndex, Key),
        is_forced: bool,
        turn: &Turn<'_>,
    ) -> Result<Option<Product>, StageError> {
        let inputs = self.verified_inputs(node, turn)?;
        if self.key(node)? != Some(key) {
            // An input had to be made again and came out otherwise, as on another class of device.
            return Ok(None);
        }
        let work = &self.plan.graph[node].work;
        self.check_memory(node)?;
        let tight = self.tight(node);
        if let Some((needed, there)) = tight {
            let stage = self.name(node);
            self.listener.event(&Event::Tight { stage, needed, there });
        }
        self.quota.make_room(0)?;
        let (stage, kind) = (self.name(node), self.kind(node));
        self.listener.event(&Event::StageStarted {
            stage: stage.clone(),
            kind,
            key: key.to_string(),
            note: work.note(),
        });
        let clock = Stopwatch::start();
        let folder = self.store.scratch().map_err(of_store)?;
        let monitor = Monitored {
            stage: &stage,
            listener: self.listener,
            devices: Mutex::default(),
        };
        let taken = self.taken(node);
        let states = self
            .trails
            .states((node, key), taken.as_deref(), is_forced, (turn.cancel, &self.quota));
        let context = Context {
            inputs: &inputs,
            folder: folder.path(),
            cancel: turn.cancel,
            monitor: &monitor,
            states: &states,
            save_every: self.options.save_every,
            allow_device_change: self.options.allow_device_change,
        };
        let made = turn.pools.within(turn.threads, || stages::execute(work, &context));
        let made = made.map_err(|error| match (self.stopped(node, error), tight) {
            // Whatever it said, this is the likely cause, and what to change.
            (StageError::Failed { message, help: None }, Some((needed, there))) => {
                let message = format!(
                    "{message}; it needs up to {}, and {} were there",
                    memory::size(needed),
                    memory::size(there)
                );
                StageError::failed(message).help(memory::advice(work, there))
            }
            (error, _) => error,
        })?;
        let seconds = clock.seconds();
        let describe = |outputs| Action {
            stage: stage.clone(),
            kind: kind.to_owned(),
            outputs,
            provenance: clock.provenance(monitor.device_class(), turn.threads),
        };
        self.quota.make_room(bytes_of(&made))?;
        let action = self.store.commit(key, &made, describe).map_err(of_store)?;
        states.finished().map_err(of_store)?;
        // A training that went on from somewhere took a part of its time.
        if held(&monitor.devices).is_empty() {
            self.note_cost(node, &action);
        }
        let product = action.product();
        self.listener.event(&Event::StageFinished {
            stage: action.stage,
            kind,
            key,
            seconds,
            outputs: Arc::clone(&product.outputs),
            device_class: Arc::clone(&product.device_class),
            node,
        });
        Ok(Some(product))
    }

    /// Remembers what a stage took, for estimates; a run does not fail for want of them.
    fn note_cost(&self, node: NodeIndex, action: &Action) {
        let (work, made) = (&self.plan.graph[node].work, &action.provenance);
        let bytes = action
            .outputs
            .values()
            .filter_map(|digest| self.store.object_size(*digest).ok()?);
        let _ = self.store.note_cost(&Cost {
            kind: action.kind.clone(),
            device_class: made.device_class.clone(),
            operations: cost::operations(work),
            thread_seconds: made.seconds * f64::from(made.threads),
            values: cost::values(work),
            bytes: bytes.sum(),
        });
    }

    /// A stage that was stopped although the run was not has used up its time.
    fn stopped(&self, node: NodeIndex, error: StageError) -> StageError {
        match (error, self.options.stage_timeout) {
            (StageError::Cancelled, Some(limit)) if !self.is_unwanted(node) => {
                StageError::failed(format!("it was stopped after {} s, its limit", limit.as_secs_f64())).help(
                    "a longer `--stage-timeout`; the last state of a training is kept, and the same command goes on from it",
                )
            }
            (error, _) => error,
        }
    }

    /// What a stage may need and what is there, where that is less.
    fn tight(&self, node: NodeIndex) -> Option<(u64, u64)> {
        let needed = self.peak(node)?;
        let there = memory::available();
        (needed > there).then_some((needed, there))
    }

    /// Refuses a stage that may need more memory than it is allowed.
    fn check_memory(&self, node: NodeIndex) -> Result<(), StageError> {
        let work = &self.plan.graph[node].work;
        let (Some(limit), Some(peak)) = (self.options.stage_memory, self.peak(node)) else {
            return Ok(());
        };
        if peak <= limit {
            return Ok(());
        }
        let message = format!(
            "it needs up to {}, and `--memory` allows {}",
            memory::size(peak),
            memory::size(limit)
        );
        Err(StageError::failed(message).help(memory::advice(work, limit)))
    }

    /// Paths of a stage's inputs, each verified as it enters; what is damaged or gone is made again.
    fn verified_inputs(&self, node: NodeIndex, turn: &Turn<'_>) -> Result<Vec<(Role, PathBuf)>, StageError> {
        let mut paths = Vec::new();
        for (role, from) in keys::inputs(self.plan, node) {
            paths.push((role, self.verified_output(from, role.output(), turn)?));
        }
        if let Some(looks) = self.keyed(node)?.and_then(|keyed| keyed.looks) {
            let path = self.store.verified(looks).map_err(of_store)?;
            let path =
                path.ok_or_else(|| StageError::failed("what the ledger says was damaged as soon as it was stored"))?;
            paths.push((Role::Looks, path));
        }
        Ok(paths)
    }

    /// The verified object of one output; when it is damaged or gone its stage runs again. Locks are taken from a stage to
    /// its inputs only, so no two wait for each other.
    pub(super) fn verified_output(
        &self,
        node: NodeIndex,
        output: &str,
        turn: &Turn<'_>,
    ) -> Result<PathBuf, StageError> {
        let name = self.name(node);
        let missing = || StageError::failed(format!("`{name}` gave no output `{output}`"));
        for attempt in 0..2 {
            let State::Done(key, product) = held(&self.facts).states[node.index()].clone() else {
                return Err(missing());
            };
            let digest = *product.outputs.get(output).ok_or_else(missing)?;
            if let Some(path) = self.store.verified(digest).map_err(of_store)? {
                return Ok(path);
            }
            if attempt == 0 {
                self.listener.event(&Event::Damaged { stage: name.clone() });
                let lock = self.lock(node, key, turn)?;
                // It was counted as reused, and is counted again now as what becomes of it.
                let mut facts = held(&self.facts);
                facts.summary.reused = facts.summary.reused.saturating_sub(1);
                drop(facts);
                if !self.run_locked(node, key, &lock, false, turn)? {
                    return Err(
                        StageError::failed(format!("what `{name}` takes was damaged and is another one now"))
                            .help("the same command goes on from here"),
                    );
                }
            }
        }
        Err(StageError::failed(format!(
            "the result of `{name}` is damaged again as soon as it is stored"
        ))
        .help("the disk or its memory is failing; move the store to another one"))
    }
}
