//! CPU seconds to parse and to check programs of 350, 3,500 and 35,000 lines, and how the time grows with programs of every
//! kind that could make it grow faster than they do.
//!
//! `language [NAME]` prints the figures, of the families whose names hold NAME, and fails when a family grows faster than
//! the square of its length. How the programs are made stands in `tests/common/programs.rs`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/common/programs.rs"]
mod programs;

use mtl::{
    analysis::{Main, check, load},
    diag::Diagnostics,
    source::SourceMap,
    syntax,
};
use programs::{FAMILIES, Family, dense};
use std::path::Path;
use std::process::ExitCode;

/// Runs of which the fastest counts: what slows a run down, such as a cold cache, is not the program's doing.
const RUNS: usize = 5;

/// A family's length at its small and at its large size differ by this.
const STEP: usize = 4;

/// The most that the time may grow from the small to the large size: the square, and half as much again for noise.
const MOST: f64 = 1.5 * (STEP * STEP) as f64;

/// What takes less is not measured, in seconds.
const NOTHING: f64 = 2e-3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let wanted = arguments.first().map_or("", String::as_str);
    if wanted.is_empty() {
        for lines in [350, 3_500, 35_000] {
            report(lines);
        }
    }
    let mut steep = 0;
    for family in FAMILIES.iter().filter(|family| family.name.contains(wanted)) {
        steep += usize::from(!grows_gently(family));
    }
    println!("{steep} families grow faster than the square of their length");
    ExitCode::from(u8::from(steep > 0))
}

/// CPU seconds of this process up to now, of all its threads: what else the machine does is not in them.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` of this function.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Seconds to parse a text, and to load and check it as a program; and the number of its mistakes.
fn time(text: &str) -> (f64, f64, usize) {
    let begun = cpu_seconds();
    let mut diagnostics = Diagnostics::new();
    let file = SourceMap::new().add("main.mtl", None, text);
    let tree = syntax::parse(file, text, &mut diagnostics);
    let parsed = cpu_seconds() - begun;
    drop(tree);
    let begun = cpu_seconds();
    let mut diagnostics = Diagnostics::new();
    let main = Main::Text {
        name: "main.mtl",
        folder: Path::new("."),
        text,
    };
    let program = load(main, &mut diagnostics);
    check(&program, &mut diagnostics);
    let checked = cpu_seconds() - begun;
    (parsed, checked, diagnostics.len())
}

/// The shortest times of some runs.
fn shortest(text: &str, runs: usize) -> (f64, f64, usize) {
    let mut best = time(text);
    for _ in 1..runs {
        let next = time(text);
        best = (best.0.min(next.0), best.1.min(next.1), next.2);
    }
    best
}

fn report(lines: usize) {
    let text = dense(lines);
    let lines = text.lines().count();
    let (parse, check, mistakes) = shortest(&text, RUNS);
    println!(
        "{lines} lines, {} kB: parse {:.1} ms ({:.0} lines/s), load and check {:.1} ms ({:.0} lines/s), {mistakes} mistakes",
        text.len() / 1000,
        parse * 1e3,
        lines as f64 / parse,
        check * 1e3,
        lines as f64 / check,
    );
}

/// Prints how a family grows; false when it grows faster than the square of its length.
fn grows_gently(family: &Family) -> bool {
    // From the size on at which there is something to measure.
    let mut size = 250;
    let (mut small, mut large) = (0.0, 0.0);
    let (mut short, mut long) = (0, 0);
    while size <= 16_000 {
        let texts = [size, STEP * size].map(family.make);
        [short, long] = texts.each_ref().map(String::len);
        let [(_, a, _), (_, b, _)] = texts.each_ref().map(|text| shortest(text, 3));
        (small, large) = (a, b);
        if small > NOTHING {
            break;
        }
        size *= 2;
    }
    let growth = large / small;
    let longer = long as f64 / short as f64;
    let gentle = small <= NOTHING || growth < MOST;
    println!(
        "{:<40} {:>7} to {:>7} bytes: {:>8.1} to {:>8.1} ms, power {:>5.2}, {:>6.0} ns/byte{}",
        family.name,
        short,
        long,
        small * 1e3,
        large * 1e3,
        growth.ln() / longer.ln(),
        large * 1e9 / long as f64,
        if gentle { "" } else { " STEEP" },
    );
    gentle
}
