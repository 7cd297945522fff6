//! The shipped programs and the cases of the tests, and weight files, mutilated at random: parser, checker, formatter and
//! the reader of weights keep what they promise of every text and file (`tests/common/targets.rs`), and soon. The fuzzers of `fuzz/` look for more of the same.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

#[path = "common/programs.rs"]
mod programs;
#[path = "common/targets.rs"]
mod targets;

/// How many texts are tried.
const TRIES: usize = 3_000;

/// What is cut out and put in at random.
const NOISE: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "\\",
    "|>",
    "=>",
    "...",
    "..",
    ":",
    ",",
    "=",
    "\n",
    "\n\n  ",
    "let ",
    "//",
    "///",
    "@",
    "\u{1d54f}",
    "\u{0}",
    "r\"",
];

/// Random numbers that are the same each time (Steele et al. 2014, `splitmix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("it is below a usize")
    }
}

fn programs_below(folder: &Path, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).expect("a folder of programs");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            programs_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "mtl") {
            found.push(fs::read_to_string(&path).expect("a program in UTF-8"));
        }
    }
}

fn corpus() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["stdlib", "pipelines", "tests/golden", "fuzz/regressions"] {
        programs_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.len() >= 100, "only {} programs", found.len());
    found
}

/// The borders of words, numbers, signs and blanks.
fn borders(text: &str) -> Vec<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = vec![0];
    let mut before = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|b: char| !(word(b) && word(c) || b == ' ' && c == ' ')) {
            found.push(at);
        }
        before = Some(c);
    }
    found.push(text.len());
    found
}

/// One change: tokens taken away, doubled, exchanged or put in from another program, or noise.
fn mutate(text: &str, other: &str, random: &mut Random) -> String {
    let ends = borders(text);
    let token = |random: &mut Random, most: usize| {
        let first = random.below(ends.len());
        let last = (first + 1 + random.below(most)).min(ends.len() - 1);
        ends[first]..ends[last].max(ends[first])
    };
    let most = if random.below(8) == 0 { 60 } else { 2 };
    let place = token(random, most);
    let (before, piece, after) = (&text[..place.start], &text[place.clone()], &text[place.end..]);
    match random.below(6) {
        0 => format!("{before}{after}"),
        1 => format!("{before}{piece}{piece}{after}"),
        2 => {
            let second = token(random, most);
            if second.start < place.end {
                return format!("{before}{after}");
            }
            let (between, other) = (&text[place.end..second.start], &text[second.clone()]);
            format!("{before}{other}{between}{piece}{}", &text[second.end..])
        }
        3 => {
            let theirs = borders(other);
            let first = random.below(theirs.len());
            let last = (first + 1 + random.below(40)).min(theirs.len() - 1);
            format!(
                "{before}{}{after}",
                &other[theirs[first]..theirs[last].max(theirs[first])]
            )
        }
        4 => format!("{before}{}{piece}{after}", NOISE[random.below(NOISE.len())]),
        _ => {
            let at = text.floor_char_boundary(random.below(text.len() + 1));
            let end = text.ceil_char_boundary((at + random.below(2)).min(text.len())).max(at);
            let byte = char::from(u8::try_from(random.below(128)).expect("ASCII"));
            format!("{}{byte}{}", &text[..at], &text[end..])
        }
    }
}

/// The longest that all three may take: far more than they need, and far less than what grows too fast would take.
fn longest(text: &str) -> Duration {
    Duration::from_millis(400) + Duration::from_micros(60) * u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// The shortest of some times, since a busy machine makes any one of them long.
fn soon(text: &str) -> bool {
    (0..5).any(|_| {
        #[expect(clippy::disallowed_methods, reason = "what is tested is the time")]
        let begun = Instant::now();
        targets::parse(text);
        targets::check(text);
        targets::format(text);
        begun.elapsed() < longest(text)
    })
}

#[test]
fn mutilated_programs_are_read_checked_and_formatted_soon() {
    let corpus = corpus();
    let mut random = Random(7);
    for number in 0..TRIES {
        let mut text = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(4) {
            let other = &corpus[random.below(corpus.len())];
            text = mutate(&text, other, &mut random);
        }
        let kept = std::panic::catch_unwind(|| soon(&text));
        assert_eq!(kept.ok(), Some(true), "text {number} panics or is slow:\n{text}");
    }
}

/// One change of a file: bytes exchanged, taken away, doubled or put in from another file.
fn mutate_bytes(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let first = random.below(bytes.len());
    let last = (first + 1 + random.below(16)).min(bytes.len());
    match random.below(6) {
        0 => bytes[first] = (random.next() & 0xff) as u8,
        1 => bytes[first] ^= 1 << random.below(8),
        2 => bytes.truncate(first),
        3 => drop(bytes.drain(first..last)),
        4 => {
            let piece = bytes[first..last].to_vec();
            drop(bytes.splice(first..first, piece));
        }
        _ => {
            let from = random.below(other.len());
            let piece = other[from..(from + 1 + random.below(64)).min(other.len())].to_vec();
            drop(bytes.splice(first..last, piece));
        }
    }
}

/// Files as PyTorch writes them, and what the fuzzers found.
fn weight_files() -> Vec<Vec<u8>> {
    let folders = ["tests/reference/weights", "fuzz/regressions"];
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder");
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "pth" || extension == "weights")
    });
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

#[test]
fn mutilated_weight_files_are_read_or_refused_soon() {
    let mut files = weight_files();
    assert!(files.len() >= 5, "only {} files", files.len());
    let header = br#"{"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"F64","shape":[],"data_offsets":[4,12]}}"#;
    files.push([&(header.len() as u64).to_le_bytes()[..], header, &[0; 12]].concat());
    let mut random = Random(11);
    for number in 0..TRIES {
        let mut bytes = files[random.below(files.len())].clone();
        for _ in 0..=random.below(4) {
            let other = &files[random.below(files.len())];
            mutate_bytes(&mut bytes, other, &mut random);
        }
        let kept = std::panic::catch_unwind(|| targets::weights(&bytes));
        assert!(kept.is_ok(), "file {number} panics: {bytes:02x?}");
    }
}

/// What once went wrong, and whatever the fuzzers find, stays right.
#[test]
fn found_texts_stay_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    let mut found = Vec::new();
    programs_below(&folder, &mut found);
    for text in found {
        assert!(soon(&text), "slow:\n{text}");
    }
    weight_files().iter().for_each(|bytes| targets::weights(bytes));
}

/// Programs of a few thousand bytes of every kind that could grow too fast.
#[test]
fn no_kind_of_program_takes_long() {
    for family in programs::FAMILIES {
        let text = (family.make)(500);
        assert!(soon(&text), "{} of {} bytes is slow", family.name, text.len());
    }
}

#[test]
fn dense_programs_are_right() {
    let text = programs::dense(200);
    let mut diagnostics = mtl::diag::Diagnostics::new();
    let main = mtl::analysis::Main::Text {
        name: "dense.mtl",
        folder: Path::new(""),
        text: &text,
    };
    let program = mtl::analysis::load(main, &mut diagnostics);
    mtl::analysis::check(&program, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:#?}", diagnostics.sorted());
}
