//! Collection: what goes, what stays, and what a crash, a fault or company in the middle of it leaves.

use crate::{
    action,
    company::{listen, second},
    faulty::{Fault, Faulty},
    files_below, folder, is_recorded, key, open, run,
};
use mtl::{
    plan::{canon::Key, digest::Digest},
    store::{Disk, EpochState, Going, Item, RealDisk, Store, StoreError},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;

/// When [`action`] says that everything was made.
fn made() -> jiff::Timestamp {
    action("any", &[]).provenance.when
}

fn going(numbers: impl IntoIterator<Item = u64>) -> Going {
    Going {
        results: numbers.into_iter().map(|number| (key(number), made())).collect(),
        now: "2026-03-02T00:00:00Z".parse().expect("it is RFC 3339"),
        ..Going::default()
    }
}

fn collect(store: &Store, going: &Going) -> mtl::store::Collected {
    collect_but(store, going, &BTreeSet::new()).expect("it is collected")
}

fn collect_but(store: &Store, going: &Going, lists: &BTreeSet<Digest>) -> Result<mtl::store::Collected, StoreError> {
    store.collect(going, &mut || Ok(lists.clone()))
}

/// Collects every second result, again and again, while others work.
pub(crate) fn collect_even(store: &Store) {
    let results = store.results().expect("the log is read");
    let even = results.into_iter().filter(|(_, action)| {
        let number = action
            .stage
            .rsplit(' ')
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| number % 2 == 0)
    });
    let going = Going {
        results: even.map(|(key, action)| (key, action.provenance.when)).collect(),
        ..going([])
    };
    collect(store, &going);
}

/// Every object that a record names is there and whole.
fn assert_whole(store: &Store, what: &str) {
    for (key, action) in store.results().expect("the log is read") {
        for digest in action.outputs.values() {
            let found = store.verified(*digest).expect("it can be read");
            assert!(found.is_some(), "{what}: {key} names {digest}, which is not there");
        }
    }
}

fn objects(folder: &Path) -> usize {
    files_below(&folder.join("objects")).len()
}

#[test]
fn results_go_with_the_objects_that_no_other_result_names() {
    let folder = folder();
    let store = open(folder.path());
    for (number, bytes) in [(1, b"shared"), (2, b"own of"), (3, b"shared")] {
        run(&store, number, bytes);
    }
    let list = store.put_bytes(b"a list of stages").expect("stored");
    store.put_bytes(b"nobody's").expect("stored");
    let other = open(folder.path());
    let lists = BTreeMap::from([(list, made())]);
    let holdings = store.holdings(&lists).expect("it is read");
    assert_eq!(holdings.items.len(), 4);
    assert!(holdings.items.iter().any(|it| it.item == Item::List(list)));
    assert_eq!((holdings.unnamed.len(), holdings.others.len()), (1, 0));

    let collected = collect_but(&store, &going([1, 2]), &lists.keys().copied().collect()).expect("it is collected");
    assert_eq!(
        (collected.results, collected.objects),
        (2, 2),
        "two results, `own of` and `nobody's`"
    );
    assert_eq!(collected.bytes, 6 + 8);
    for (name, store) in [("here", &store), ("opened anew", &open(folder.path()))] {
        assert!(
            !is_recorded(store, 1) && !is_recorded(store, 2) && is_recorded(store, 3),
            "{name}"
        );
        assert_whole(store, name);
    }
    assert!(store.verified(list).expect("read").is_some());
    // A store that was open before has the old log in hand; for one that means to use what it finds that does not count.
    assert!(other.reusable(key(1)).expect("read").is_some(), "its object is shared");
    other.keep_uses();
    assert!(!is_recorded(&other, 1) && is_recorded(&other, 3));
    run(&store, 2, b"own of");
    assert!(is_recorded(&other, 2), "what went can be made again");
}

#[test]
fn a_result_that_was_made_anew_meanwhile_stays() {
    let folder = folder();
    let store = open(folder.path());
    let digest = run(&store, 1, b"old");
    let mut again = action("stage 1", &[("model", digest)]);
    again.provenance.when = "2026-03-01T12:31:00Z".parse().expect("it is RFC 3339");
    store.record(key(1), &again).expect("recorded");
    assert_eq!(collect(&store, &going([1])).results, 0);
    assert!(is_recorded(&store, 1));
}

#[test]
fn what_a_running_process_uses_stays_until_it_ends() {
    let folder = folder();
    let store = open(folder.path());
    for number in [1, 2] {
        run(&store, number, &number.to_le_bytes());
    }
    let mut child = second("use 1", folder.path());
    assert_eq!(listen(&mut child, |numbers| !numbers.is_empty()), [1]);
    let holdings = store.holdings(&BTreeMap::new()).expect("it is read");
    let used: Vec<_> = holdings
        .items
        .iter()
        .filter(|it| it.is_used)
        .map(|it| it.item)
        .collect();
    assert_eq!(used, [Item::Result(key(1))]);
    assert_eq!(collect(&store, &going([1, 2])).results, 1);
    assert!(is_recorded(&store, 1) && !is_recorded(&store, 2));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    // The next process sweeps what the dead one noted.
    let store = open(folder.path());
    assert_eq!(collect(&store, &going([1])).results, 1);
    assert_eq!(objects(folder.path()), 0);
}

#[test]
fn what_is_stored_and_not_yet_recorded_stays() {
    let folder = folder();
    let (store, other) = (open(folder.path()), open(folder.path()));
    store.keep_uses();
    let digest = store.put_bytes(b"an input").expect("stored");
    collect(&other, &going([]));
    assert!(store.verified(digest).expect("read").is_some());
    let action = action("stage 1", &[("model", digest)]);
    store.record(key(1), &action).expect("recorded");
    // Who does not say that it uses what it stores is refused, and names nothing that is gone.
    let digest = other.put_bytes(b"another").expect("stored");
    collect(&store, &going([]));
    let refused = other.record(key(2), &crate::action("stage 2", &[("model", digest)]));
    assert!(matches!(refused, Err(StoreError::Absent { .. })), "{refused:?}");
    assert_whole(&other, "after a refusal");
}

fn epoch(store: &Store, number: u64, stage: Key) {
    let about = EpochState {
        epoch: number as u32,
        root: key(99),
        stage,
        pipeline: "study".to_owned(),
        course: serde_json::Value::Null,
        devices: Vec::new(),
        parts: BTreeMap::new(),
    };
    let mut write = |folder: &Path| {
        fs::write(folder.join("weights"), number.to_le_bytes())?;
        Ok(vec!["weights"])
    };
    store.save_epoch(key(number), &about, &mut write).expect("saved");
}

#[test]
fn states_locks_and_quarantine_go_unless_a_stage_is_under_way() {
    let folder = folder();
    let store = open(folder.path());
    for number in [10, 11] {
        epoch(&store, number, key(1));
    }
    epoch(&store, 12, key(2));
    for number in [1, 2] {
        let write = |path: &Path| fs::write(path, b"state");
        store.save_state(key(number), write).expect("saved");
    }
    fs::write(folder.path().join("locks").join(key(7).to_string()), b"").expect("left by a kill");
    fs::write(folder.path().join("quarantine/bad"), b"damaged").expect("set aside");
    let all = Going {
        epochs: vec![key(10), key(12)],
        partial: vec![key(1), key(2)],
        quarantined_before: "2500-01-01T00:00:00Z".parse().expect("it is RFC 3339"),
        now: "2500-01-01T00:00:00Z".parse().expect("it is RFC 3339"),
        ..Going::default()
    };
    let lock = store.lock_stage(key(2)).expect("locked");
    fs::write(folder.path().join(".log-1-1"), b"half a log").expect("left by a kill");
    let collected = collect(&open(folder.path()), &all);
    assert_eq!((collected.epochs, collected.partial, collected.quarantine), (1, 1, 1));
    assert!(store.furthest_epoch(&[key(10)]).expect("read").is_none());
    assert!(
        store.furthest_epoch(&[key(11)]).expect("read").is_some(),
        "it was not to go"
    );
    assert!(
        store.furthest_epoch(&[key(12)]).expect("read").is_some(),
        "its stage is under way"
    );
    assert!(
        store.load_state(key(2)).expect("read").is_some(),
        "its stage is under way"
    );
    assert!(store.load_state(key(1)).expect("read").is_none());
    assert_eq!(
        files_below(&folder.path().join("locks")).len(),
        1,
        "the one that is held"
    );
    assert!(!folder.path().join(".log-1-1").exists());
    drop(lock);
    let collected = collect(&open(folder.path()), &all);
    assert_eq!((collected.epochs, collected.partial), (1, 1));
    // A state that a process goes on from stays while it runs.
    store.keep_uses();
    assert!(store.furthest_epoch(&[key(11)]).expect("read").is_some());
    let last = Going {
        epochs: vec![key(11)],
        ..all
    };
    assert_eq!(collect(&open(folder.path()), &last).epochs, 0);
}

/// A store in which results 1 and 2 stay and 3 and 4 go, with an object that nothing names.
fn stocked(folder: &Path) {
    let store = open(&folder.join("store"));
    for (number, bytes) in [(1, b"shared"), (2, b"second"), (3, b"shared"), (4, b"fourth")] {
        run(&store, number, bytes);
    }
    store.put_bytes(b"nobody's").expect("stored");
}

fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder())
}

/// Whatever befell a collection: what was to stay is whole, nothing is named that is gone, and the next collection ends it.
fn judge(folder: &Path, what: &str) {
    let path = folder.join("store");
    let store = open(&path);
    assert_whole(&store, what);
    for number in [1, 2] {
        assert!(store.reusable(key(number)).expect("read").is_some(), "{what}: {number}");
    }
    collect(&store, &going([3, 4]));
    assert_eq!(store.results().expect("read").len(), 2, "{what}");
    assert_eq!(objects(&path), 2, "{what}");
    assert_whole(&store, what);
    assert_eq!(store.take_notices(), [], "{what}");
}

#[test]
fn every_operation_of_a_collection_fails_once_in_every_way() {
    let mut tried = 0;
    for fault in [
        Fault::Once(libc::ENOSPC),
        Fault::Once(libc::EIO),
        Fault::Once(libc::EMFILE),
        Fault::FromThenOn(libc::EIO),
        Fault::HalfWrite,
        Fault::ShortWrite,
        Fault::Sync,
    ] {
        for at in 0.. {
            let folder = in_memory();
            stocked(folder.path());
            let disk = Faulty::new(fault, at);
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let done = Store::open_on(shared, &folder.path().join("store"))
                .and_then(|store| collect_but(&store, &going([3, 4]), &BTreeSet::new()));
            let what = format!("{fault:?} at {at}");
            if !disk.has_failed() {
                assert_eq!(done.expect("nothing failed").results, 2, "{what}");
                break;
            }
            judge(folder.path(), &what);
            tried += 1;
        }
    }
    assert!(tried > 300, "a collection has many operations ({tried})");
}

#[test]
fn a_collection_and_runs_at_once_leave_nothing_named_that_is_gone() {
    let folder = folder();
    let path = folder.path();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                collect_even(&open(path));
            }
        });
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                scope.spawn(move || {
                    for round in 0..40 {
                        let store = open(path);
                        store.keep_uses();
                        for number in 0..6_u64 {
                            // The same objects come and go again and again.
                            if store.lookup(key(number)).expect("read").is_none() {
                                run(&store, number, &(number / 2).to_le_bytes());
                            }
                            let found = store.reusable(key(number)).expect("read");
                            assert!(found.is_some(), "worker {worker}, round {round}: {number} is in use");
                        }
                    }
                })
            })
            .collect();
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        // The collections end with them, also when one has failed.
        is_over.store(true, Ordering::Relaxed);
        for worker in ended {
            worker.expect("it ends well");
        }
    });
    let store = open(path);
    assert_whole(&store, "at the end");
    for number in [1, 3, 5] {
        assert!(is_recorded(&store, number), "what was not to go is there");
    }
}

#[test]
fn a_store_survives_the_kill_of_a_collection() {
    let folder = folder();
    for round in 0..8 {
        let mut writer = second(&format!("append {}", 100 * round), folder.path());
        let mut collector = second("collect 0", folder.path());
        listen(&mut collector, |numbers| numbers.len() > 2 + round);
        collector.kill().expect("it runs");
        collector.wait().expect("it ends");
        assert!(writer.wait().expect("it ends").success());
        let store = Store::open_on(Arc::new(RealDisk), folder.path()).expect("it opens");
        assert_whole(&store, "after a kill");
    }
}
