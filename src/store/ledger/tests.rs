use super::*;
use crate::{plan::stage::ChoiceBy, store::disk::RealDisk};
use std::fs;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).expect("it is a moment")
}

fn test(name: &str) -> TestData {
    TestData {
        identity: Digest::of(name.as_bytes()),
        task: name.to_owned(),
        groups: 892,
        group_column: Some("patient_id".to_owned()),
    }
}

fn choices(rate: &str, epochs: &str) -> Vec<Choice> {
    [("lr", rate), ("epochs", epochs)]
        .map(|(name, value)| Choice {
            scope: "finetune".to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            by: ChoiceBy::Program,
        })
        .to_vec()
}

fn look(day: i64, name: &str, result: &str, choices: Vec<Choice>) -> Look {
    Look {
        when: at(day),
        trigger: Trigger::Run,
        test: test(name),
        program: "study.mtl".to_owned(),
        output: "study".to_owned(),
        plan: Digest::of(result.as_bytes()),
        result: Digest::of(result.as_bytes()),
        cells: 6,
        choices,
    }
}

fn lock(day: i64, plan: &str, choices: Vec<Choice>) -> PlanLock {
    PlanLock {
        when: at(day),
        program: "study.mtl".to_owned(),
        output: "study".to_owned(),
        plan: Digest::of(plan.as_bytes()),
        tests: vec![test("severity")],
        family: None,
        primary: None,
        choices,
    }
}

struct Bench {
    folder: tempfile::TempDir,
    notices: Notices,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            notices: Notices::default(),
        }
    }

    fn open(&self) -> Ledger {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Ledger::open(&disk, &self.folder.path().join("looks"), (at(1), None), &self.notices).expect("the ledger opens")
    }
}

fn seen(ledger: &Ledger, result: &str, choices: &[Choice]) -> Seen {
    let result = Digest::of(result.as_bytes());
    let seen = ledger.before(&[test("severity")], result, &|| result, choices);
    seen.tests.into_iter().next().expect("one task")
}

#[test]
fn looks_are_counted_until_the_result_was_first_shown() {
    let bench = Bench::new();
    let mut ledger = bench.open();
    assert_eq!(seen(&ledger, "a", &choices("1e-3", "3")).times, 0);
    for entry in [
        look(2, "severity", "a", choices("1e-3", "3")),
        look(3, "density", "a", choices("1e-3", "3")),
        look(4, "severity", "b", choices("1e-2", "3")),
        look(5, "severity", "a", choices("1e-3", "3")),
    ] {
        ledger.look(entry).expect("it is recorded");
    }
    let (entries, broken) = ledger.entries().expect("it can be read");
    assert_eq!((entries.len(), broken), (4, None), "the same result again is one look");
    let first = seen(&ledger, "a", &choices("1e-3", "3"));
    assert_eq!((first.times, first.first), (0, None), "what came later is not told");
    let third = seen(&ledger, "c", &choices("1e-2", "9"));
    assert_eq!((third.times, third.plans, third.first), (2, 2, Some(at(2))));
    assert_eq!(third.changed, ["epochs", "lr"], "over both looks and this one");
    assert_eq!(seen(&ledger, "b", &choices("1e-2", "3")).changed, ["lr"]);
}

#[test]
fn outputs_of_one_run_are_no_earlier_looks_of_each_other() {
    let bench = Bench::new();
    let mut ledger = bench.open();
    for (day, result) in [(2, "a"), (3, "b"), (3, "c"), (4, "d")] {
        let look = look(day, "severity", result, choices("1e-3", "3"));
        ledger.look(look).expect("it is recorded");
    }
    let times = |result| seen(&ledger, result, &choices("1e-3", "3")).times;
    assert_eq!(["a", "b", "c", "d", "e"].map(times), [0, 1, 1, 3, 4]);
}

#[test]
fn a_lock_counts_when_it_came_before_every_look() {
    let bench = Bench::new();
    let mut ledger = bench.open();
    ledger.lock(lock(2, "a", choices("1e-3", "3"))).expect("it is recorded");
    let same = seen(&ledger, "a", &choices("1e-3", "3"));
    let expected = Locked {
        when: at(2),
        is_first: true,
        deviations: Vec::new(),
    };
    assert_eq!(same.lock, Some(expected));
    let other = seen(&ledger, "b", &choices("1e-3", "4")).lock.expect("it is locked");
    assert_eq!(other.deviations, ["epochs"]);
    let other = seen(&ledger, "b", &choices("1e-3", "3")).lock.expect("it is locked");
    assert_eq!(other.deviations, ["plan"], "what is no setting changed");

    ledger
        .look(look(3, "severity", "a", choices("1e-3", "3")))
        .expect("it is recorded");
    ledger.lock(lock(4, "b", choices("1e-3", "4"))).expect("it is recorded");
    let late = seen(&ledger, "b", &choices("1e-3", "4")).lock.expect("it is locked");
    assert_eq!(
        (late.when, late.is_first),
        (at(2), true),
        "a lock after a look replaces none before it"
    );
    assert_eq!(late.deviations, ["epochs"]);
}

#[test]
fn a_lock_after_a_look_is_not_the_first() {
    let bench = Bench::new();
    let mut ledger = bench.open();
    ledger
        .look(look(2, "severity", "a", Vec::new()))
        .expect("it is recorded");
    ledger.lock(lock(3, "b", Vec::new())).expect("it is recorded");
    let late = seen(&ledger, "b", &[]).lock.expect("it is locked");
    assert_eq!((late.when, late.is_first), (at(3), false));
}

#[test]
fn several_writers_make_one_chain() {
    let bench = Bench::new();
    let (mut one, mut other) = (bench.open(), bench.open());
    for (day, result) in [(2, "a"), (3, "b"), (4, "c")] {
        one.look(look(day, "severity", result, Vec::new()))
            .expect("it is recorded");
        other
            .look(look(day, "severity", result, Vec::new()))
            .expect("it is one look");
        other
            .look(look(day, "density", result, Vec::new()))
            .expect("it is recorded");
    }
    let mut fresh = bench.open();
    let (entries, broken) = fresh.entries().expect("it can be read");
    assert_eq!((entries.len(), broken), (7, None));
    assert_eq!(entries[0], Entry::Begun { when: at(1) });
}

#[test]
fn a_record_that_was_changed_or_removed_breaks_the_chain() {
    let bench = Bench::new();
    let mut ledger = bench.open();
    for (day, result) in [(2, "a"), (3, "b"), (4, "c")] {
        ledger
            .look(look(day, "severity", result, Vec::new()))
            .expect("it is recorded");
    }
    let path = bench.folder.path().join("looks");
    let bytes = fs::read(&path).expect("it can be read");
    let begins: Vec<_> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| *four == [0xF5, b'M', b'T', b'L'])
        .map(|(place, _)| place)
        .collect();
    assert_eq!(begins.len(), 4);
    let without_second = [&bytes[..begins[1]], &bytes[begins[2]..]].concat();
    fs::write(&path, &without_second).expect("it can be written");
    let mut broken = bench.open();
    let (entries, place) = broken.entries().expect("it can be read");
    assert_eq!((entries.len(), place), (3, Some(1)));
    assert_eq!(
        broken.before(&[], Digest::of(b""), &|| Digest::of(b""), &[]).broken,
        Some(1)
    );
    // What is added afterwards does not mend it.
    broken
        .look(look(5, "severity", "d", Vec::new()))
        .expect("it is recorded");
    let mut again = bench.open();
    assert_eq!(again.entries().expect("it can be read").1, Some(1));
}
