//! The only clock of a run. It times, shows and decides when to save; it never reaches a result.

use crate::store::Provenance;
use std::{fs, time::Instant};

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

    /// How a result came about that is complete now, on devices of this class.
    #[expect(
        clippy::disallowed_methods,
        reason = "provenance is recorded beside results and enters no key"
    )]
    pub(super) fn provenance(self, device_class: String) -> Provenance {
        let host = fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .map(|name| name.trim().to_owned());
        Provenance {
            when: jiff::Timestamp::now(),
            host,
            seconds: self.seconds(),
            threads: u32::try_from(rayon::current_num_threads()).unwrap_or(u32::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device_class,
        }
    }
}
