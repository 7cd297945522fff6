//! The only clock of a run. It times, shows and decides when to save; it never reaches a result.

use crate::store::Provenance;
use jiff::Timestamp;
use std::{fs, time::Instant};

/// This moment, for the ledger of looks.
#[expect(
    clippy::disallowed_methods,
    reason = "what was shown is recorded with its time; it enters no result but as words about earlier looks"
)]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// A started stopwatch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "durations are shown and recorded, never computed with"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(super) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// How a result came about that is complete now, on devices of this class, with so many threads.
    pub(super) fn provenance(self, device_class: String, threads: usize) -> Provenance {
        let (when, host, _) = circumstances();
        Provenance {
            when,
            host,
            seconds: self.seconds(),
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device_class,
        }
    }
}

/// Now, this machine where it is known, and how many threads compute.
#[expect(
    clippy::disallowed_methods,
    reason = "it is recorded beside results and enters no key"
)]
pub(super) fn circumstances() -> (Timestamp, Option<String>, u32) {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(u32::MAX);
    (Timestamp::now(), host.map(|name| name.trim().to_owned()), threads)
}
