//! Group commit: stages that finish together share the syncs.
//!
//! Whoever finishes first leads: it makes durable all that waits, its own and others', in three syncs (contents, names,
//! records), while those that come meanwhile wait for the next round.

use super::{
    Store,
    actions::{self, Action},
    error::StoreError,
    held,
    objects::Staged,
};
use crate::plan::{canon::Key, digest::Digest};
use std::{
    collections::BTreeMap,
    io, mem,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

/// What a stage wants to be durable.
#[derive(Debug)]
pub(super) struct Ticket {
    /// Its key.
    pub(super) key: Key,
    /// Its outputs, in scratch space.
    pub(super) files: Vec<Staged>,
    /// Its record.
    pub(super) record: Vec<u8>,
}

/// Who waits to be made durable.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: Vec<(u64, Ticket)>,
    settled: BTreeMap<u64, Result<(), StoreError>>,
    is_led: bool,
}

impl Queue {
    /// Returns once the ticket was part of a round of `perform`, this thread's or another's. A failed round fails
    /// for all that were in it: after a failed sync nothing is known of any of them.
    pub(super) fn submit(
        &self,
        ticket: Ticket,
        perform: impl Fn(&[Ticket]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut state = held(&self.state);
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, ticket));
        loop {
            if let Some(result) = state.settled.remove(&number) {
                return result;
            }
            if state.is_led {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_led = true;
            let (numbers, tickets): (Vec<_>, Vec<_>) = mem::take(&mut state.waiting).into_iter().unzip();
            drop(state);
            let mut round = Round {
                queue: self,
                numbers,
                result: None,
            };
            round.result = Some(perform(&tickets));
            drop(round);
            state = held(&self.state);
        }
    }
}

/// A round under way. Its end, by a panic too, is told to all that are in it.
struct Round<'a> {
    queue: &'a Queue,
    numbers: Vec<u64>,
    result: Option<Result<(), StoreError>>,
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut state = held(&self.queue.state);
        for &number in &self.numbers {
            let result = match &self.result {
                Some(Ok(())) => Ok(()),
                Some(Err(error)) => Err(error.again()),
                None => Err(StoreError::Io {
                    doing: "record a stage in",
                    path: PathBuf::from("actions"),
                    reason: io::Error::other("the thread that did it panicked"),
                }),
            };
            state.settled.insert(number, result);
        }
        state.is_led = false;
        self.queue.changed.notify_all();
    }
}

impl Store {
    /// Stores a stage's output files, by name, and records what `describe` makes of their digests: all or nothing, in three
    /// syncs (contents, names, records), which stages that finish at the same time share. Files in a
    /// [`Store::scratch`] folder are moved, others are copied. A later record of a key wins; the stage's saved state is no
    /// longer needed and goes.
    ///
    /// # Errors
    /// When a file cannot be read, or the disk takes no more; then the stage has no record.
    pub fn commit(
        &self,
        key: Key,
        files: &[(String, PathBuf)],
        describe: impl FnOnce(BTreeMap<String, Digest>) -> Action,
    ) -> Result<Action, StoreError> {
        let mut outputs = BTreeMap::new();
        let mut staged = Vec::new();
        let mut copies = Vec::new();
        for (name, path) in files {
            let file = if self.is_scratch(path) {
                self.objects.stage(path)?
            } else {
                let scratch = self.scratch()?;
                let copy = self.copy_in(path, &scratch)?;
                copies.push(scratch);
                copy
            };
            outputs.insert(name.clone(), file.digest);
            staged.push(file);
        }
        let action = describe(outputs);
        self.submit(key, &action, staged)?;
        Ok(action)
    }

    /// Records what a stage gave; a later record of a key wins. Its saved state is no longer needed and goes.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when an output is not in the store: records name only what is durable. [`StoreError::FullDisk`]
    /// and the like leave the log as it was.
    pub fn record(&self, key: Key, action: &Action) -> Result<(), StoreError> {
        // Between the look at the objects and the record no collection may come.
        self.at_gate(|_| {
            for &digest in action.outputs.values() {
                if self.objects.look(&self.objects.path(digest))?.is_none() {
                    return Err(StoreError::Absent { digest });
                }
            }
            self.submit(key, action, Vec::new())
        })
    }

    /// Makes outputs and record durable, together with those of other threads.
    fn submit(&self, key: Key, action: &Action, files: Vec<Staged>) -> Result<(), StoreError> {
        let ticket = Ticket {
            key,
            files,
            record: actions::encode(key, action)?,
        };
        self.queue.submit(ticket, |tickets| self.settle(tickets))?;
        self.remove_partial(&self.partial_dir(key));
        Ok(())
    }

    /// A round of group commit: contents before names, names before records.
    fn settle(&self, tickets: &[Ticket]) -> Result<(), StoreError> {
        self.at_gate(|_| {
            let files: Vec<_> = tickets.iter().flat_map(|ticket| &ticket.files).collect();
            self.objects.place(&files)?;
            self.note(tickets.iter().map(|ticket| ticket.key.0));
            self.note(files.iter().map(|file| file.digest));
            let records: Vec<_> = tickets.iter().map(|ticket| ticket.record.clone()).collect();
            held(&self.actions).record(&records)
        })
    }

    /// True for a file in this store's scratch space.
    pub(super) fn is_scratch(&self, path: &Path) -> bool {
        let scratch = held(&self.scratch);
        scratch.as_ref().is_some_and(|scratch| path.starts_with(scratch.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
        time::Duration,
    };

    fn ticket() -> Ticket {
        Ticket {
            key: Key(Digest::of(b"")),
            files: Vec::new(),
            record: Vec::new(),
        }
    }

    #[test]
    fn those_that_come_during_a_round_share_the_next() {
        let (queue, rounds, members) = (Queue::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                let (queue, rounds, members) = (&queue, &rounds, &members);
                scope.spawn(move || {
                    let perform = |tickets: &[Ticket]| {
                        rounds.fetch_add(1, Ordering::Relaxed);
                        members.fetch_add(tickets.len(), Ordering::Relaxed);
                        thread::sleep(Duration::from_millis(100));
                        Ok(())
                    };
                    queue.submit(ticket(), perform).expect("it is performed");
                });
            }
        });
        assert_eq!(members.into_inner(), 8, "each is in one round");
        assert!(rounds.into_inner() < 8, "rounds are shared");
    }

    #[test]
    fn a_failed_or_panicking_round_ends_for_all() {
        let queue = Queue::default();
        let full = || StoreError::Io {
            doing: "write",
            path: PathBuf::from("x"),
            reason: io::Error::from_raw_os_error(5),
        };
        let failed = queue.submit(ticket(), |_| Err(full())).expect_err("it fails");
        assert_eq!(failed.to_string(), full().to_string());
        let panicked = thread::scope(|scope| scope.spawn(|| queue.submit(ticket(), |_| panic!("on purpose"))).join());
        assert!(panicked.is_err());
        queue.submit(ticket(), |_| Ok(())).expect("others go on");
    }
}
