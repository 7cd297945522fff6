//! Times and sizes as settings and options of commands write them.

use std::time::Duration;

/// A time: a number of seconds, minutes, hours or days, as `30s`, `5min`, `2h`, `14d`, or `0`.
#[must_use]
pub fn time(text: &str) -> Option<Duration> {
    let units = [("min", 60.0), ("s", 1.0), ("h", 3600.0), ("d", 86_400.0)];
    let parts = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = parts.or((text == "0").then_some((text, 1.0)))?;
    let seconds = number.trim_end().parse::<f64>().ok()? * seconds;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A size in bytes, in powers of 1000: `500MB`, `20 GB`, `1.5TB`, or `0`.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let units = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1.0)];
    let parts = units
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, bytes) = parts.or((text == "0").then_some((text, 1.0)))?;
    let bytes = number.trim_end().parse::<f64>().ok()? * bytes;
    // Beyond this no file system goes, and a float no longer tells one byte from the next.
    (0.0..9e15).contains(&bytes).then_some(bytes as u64)
}

/// A number of bytes for people: `812 B`, `5.1 MB`; powers of 1000.
#[must_use]
pub fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return if unit == "B" {
                format!("{count} B")
            } else {
                format!("{size:.1} {unit}")
            };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}
