//! Group commit: stages that finish together share the syncs.
//!
//! Whoever finishes first leads: it makes durable all that waits, its own and others', in three syncs (contents, names,
//! records), while those that come meanwhile wait for the next round.

use super::{error::StoreError, held, objects::Staged};
use std::{
    collections::BTreeMap,
    io, mem,
    path::PathBuf,
    sync::{Condvar, Mutex, PoisonError},
};

/// What a stage wants to be durable.
#[derive(Debug)]
pub(super) struct Ticket {
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
