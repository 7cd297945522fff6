//! Memory: what stages need, what the machine has, and what to change when the one is more than the other.

use crate::{
    plan::{
        canon::canonical,
        stage::{Train, Work},
    },
    stages,
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::{fs, path::Path, ptr};

/// Bytes of the largest memory that each stage needs, where that is known without running it: of those that train or score.
/// Equal ones, as those of the folds are, are looked at once.
pub(super) fn peaks<'a>(works: impl IntoIterator<Item = &'a Work>) -> Vec<Option<u64>> {
    let mut known: IndexMap<Vec<u8>, Option<u64>, FxBuildHasher> = IndexMap::default();
    let peak = |work: &Work| {
        // A graph that several stages share is told by its place.
        let (graph, rest) = match (stages::footprint(work), work) {
            (Some(footprint), _) => (footprint.graph, canonical(&footprint)),
            (None, Work::Score(score)) => (&*score.graph, Vec::new()),
            _ => return None,
        };
        let mut key = ptr::from_ref(graph).addr().to_le_bytes().to_vec();
        key.extend(rest);
        *known.entry(key).or_insert_with(|| stages::peak_bytes(work))
    };
    works.into_iter().map(peak).collect()
}

/// What to change in a stage that needs more than `limit` bytes.
pub(super) fn advice(work: &Work, limit: u64) -> String {
    let smaller = "smaller pictures (`resize`) or a smaller network need less";
    let Some((train, views)) = work.training() else {
        return smaller.to_owned();
    };
    let with = |batch: u32| {
        let changed = Train {
            batch,
            accumulate: train.accumulate.max(1).saturating_mul(train.batch / batch),
            ..train.clone()
        };
        let bytes = stages::footprint_of(&changed, views).bytes().ok()?;
        Some((changed.batch, changed.accumulate, bytes))
    };
    // Halves, as long as the step has the same number of samples.
    let halves = (1..16)
        .map(|power| 1 << power)
        .take_while(|part| train.batch % part == 0);
    let fits = halves
        .filter_map(|part| with(train.batch / part))
        .find(|(_, _, bytes)| *bytes <= limit);
    match fits {
        Some((batch, accumulate, bytes)) => format!(
            "`batch: {batch}` with `accumulate: {accumulate}` needs up to {}: the same number of samples a step, though batch \
             norm sees {batch} at a time; {smaller}",
            size(bytes)
        ),
        None => smaller.to_owned(),
    }
}

/// `340 MB`, `1.2 GB`, in powers of ten.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Bytes of memory that this process may still take: what Linux calls available (`/proc/meminfo`), what is left to its
/// control group, or its largest address space (`ulimit -v`), whichever is least. Everything where none is told.
#[must_use]
pub fn available() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo(&text));
    let group = [
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ];
    let number = |path: &str| fs::read_to_string(Path::new(path)).ok()?.trim().parse::<u64>().ok();
    let groups = group
        .iter()
        .filter_map(|(limit, used)| Some(number(limit)?.saturating_sub(number(used)?)));
    let space = fs::read_to_string("/proc/self/limits").ok();
    let space = space.and_then(|text| address_space(&text));
    groups.chain(machine).chain(space).min().unwrap_or(u64::MAX)
}

/// The largest address space that `/proc/self/limits` tells; none where there is no limit.
fn address_space(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The available bytes that `/proc/meminfo` tells.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        let text = "MemTotal:       24616404 kB\nMemFree:  1 kB\nMemAvailable:   22020096 kB\n";
        assert_eq!(meminfo(text), Some(22_020_096 * 1024));
        assert_eq!(meminfo("MemTotal: 5 kB"), None);
        let limits = |value: &str| {
            format!("Max cpu time   unlimited\nMax address space         {value}       unlimited  bytes\n")
        };
        assert_eq!(address_space(&limits("2097152000")), Some(2_097_152_000));
        assert_eq!(address_space(&limits("unlimited")), None);
        assert!(available() > 0);
    }
}
