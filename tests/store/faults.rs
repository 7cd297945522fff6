//! Every operation of a run fails once, in every way: nothing wrong, nothing half, and the next run ends as if nothing
//! had been.

use crate::{
    action,
    faulty::{Fault, Faulty},
    key,
};
use mtl::{
    plan::digest::Digest,
    store::{Disk, Link, RealDisk, Store, StoreError},
};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};
use tempfile::TempDir;

/// Stages of the scenario, with their outputs' contents; the second shares one with the first.
pub(crate) const STAGES: [(u64, &[(&str, &str)]); 2] = [
    (1, &[("model", "weights"), ("log.csv", "epoch,loss\n1,0.5\n")]),
    (2, &[("scores.csv", "id,score\n7,0.25\n"), ("copy", "weights")]),
];

/// A folder in memory where there is one: thousands of stores are made.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| crate::folder())
}

/// Has a stage's result, reused or computed.
fn have(store: &Store, number: u64, outputs: &[(&str, &str)]) -> Result<BTreeMap<String, Digest>, StoreError> {
    let _lock = store.lock_stage(key(number))?;
    if let Some(action) = store.reusable(key(number))? {
        return Ok(Arc::unwrap_or_clone(action.outputs));
    }
    if store.load_state(key(number))?.is_none() {
        store.save_state(key(number), |path| fs::write(path, number.to_le_bytes()))?;
    }
    let scratch = store.scratch()?;
    let mut files = Vec::new();
    for (name, contents) in outputs {
        let path = scratch.path().join(name);
        fs::write(&path, contents).expect("the stage writes it");
        files.push(((*name).to_owned(), path));
    }
    let describe = |outputs| mtl::store::Action {
        outputs,
        ..action(&format!("stage {number}"), &[])
    };
    Ok(store.commit(key(number), &files, describe)?.outputs)
}

/// A whole run: two stages, a file from outside, an output written.
fn run(disk: Arc<dyn Disk>, folder: &Path) -> Result<Vec<BTreeMap<String, Digest>>, StoreError> {
    let mut results = Vec::new();
    run_telling(disk, folder, &mut results).map(|()| results)
}

/// As [`run`]; `results` are those that were there when it failed.
pub(crate) fn run_telling(
    disk: Arc<dyn Disk>,
    folder: &Path,
    results: &mut Vec<BTreeMap<String, Digest>>,
) -> Result<(), StoreError> {
    let store = Store::open_on(disk, &folder.join("store"))?;
    for (number, outputs) in STAGES {
        results.push(have(&store, number, outputs)?);
    }
    let input = store.digest_of_file(&folder.join("input"))?;
    assert_eq!(input, Digest::of(b"pictures"));
    store.materialize(results[1]["scores.csv"], &folder.join("out/scores.csv"), Link::Copy)
}

fn expected() -> Vec<BTreeMap<String, Digest>> {
    let digests = |(_, outputs): (u64, &[(&str, &str)])| {
        let digest = |(name, contents): &(&str, &str)| ((*name).to_owned(), Digest::of(contents.as_bytes()));
        outputs.iter().map(digest).collect()
    };
    STAGES.map(digests).to_vec()
}

/// What must hold of a store whatever went wrong: what is there is whole, and the rest can be made.
pub(crate) fn judge(folder: &Path, what: &str) {
    let written = folder.join("out/scores.csv");
    if written.exists() {
        assert_eq!(
            fs::read_to_string(&written).expect("it is there"),
            STAGES[1].1[0].1,
            "{what}"
        );
    }
    let store = Store::open(&folder.join("store")).unwrap_or_else(|error| panic!("{what}: {error}"));
    for ((number, _), outputs) in STAGES.iter().zip(expected()) {
        let Some(action) = store.lookup(key(*number)).expect("the log is read") else {
            continue;
        };
        assert_eq!(action.outputs, outputs, "{what}");
        for (name, &digest) in &action.outputs {
            if let Some(path) = store.verified(digest).expect("it can be read") {
                let found = Digest::of_file(&path).expect("it can be read");
                assert_eq!(found, digest, "{what}: {name}");
            }
        }
    }
    drop(store);
    let again = run(Arc::new(RealDisk), folder).unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!(again, expected(), "{what}, again");
    let store = Store::open(&folder.join("store")).expect("it opens");
    let size = store.size().expect("it can be counted");
    assert_eq!(
        (size.objects.files, size.partial.files, size.scratch.files),
        (3, 0, 0),
        "{what}"
    );
}

#[test]
fn every_operation_fails_once_in_every_way() {
    let mut tried = 0;
    for fault in [
        Fault::Once(libc::ENOSPC),
        Fault::Once(libc::EIO),
        Fault::Once(libc::EMFILE),
        Fault::FromThenOn(libc::ENOSPC),
        Fault::FromThenOn(libc::EIO),
        Fault::FromThenOn(libc::EMFILE),
        Fault::HalfWrite,
        Fault::ShortWrite,
        Fault::Sync,
    ] {
        for at in 0.. {
            let folder = folder();
            fs::write(folder.path().join("input"), b"pictures").expect("it can be written");
            let disk = Faulty::new(fault, at);
            let result = run(Arc::new(disk.clone()), folder.path());
            let what = format!("{fault:?} at {at}");
            if let Ok(results) = &result {
                assert_eq!(*results, expected(), "{what}");
            }
            if !disk.has_failed() {
                assert!(result.is_ok(), "{what} did not happen");
                break;
            }
            judge(folder.path(), &what);
            tried += 1;
        }
    }
    assert!(tried > 500, "the scenario has many operations ({tried})");
}

/// Commits a stage with files of these contents.
fn commit(store: &Store, number: u64, contents: &[String]) {
    let scratch = store.scratch().expect("a folder is made");
    let file = |(place, contents): (usize, &String)| {
        let path = scratch.path().join(format!("file {place}"));
        fs::write(&path, contents).expect("the stage writes it");
        (format!("file {place}"), path)
    };
    let files: Vec<_> = contents.iter().enumerate().map(file).collect();
    let describe = |outputs| mtl::store::Action {
        outputs,
        ..action("a stage", &[])
    };
    store.commit(key(number), &files, describe).expect("it is recorded");
}

/// So many contents that no other stage has.
fn contents(number: u64, count: usize) -> Vec<String> {
    (0..count)
        .map(|place| format!("contents {place} of {number}"))
        .collect()
}

#[test]
fn a_stage_is_durable_in_three_syncs() {
    let folder = folder();
    let disk = Faulty::sound();
    let store = Store::open_on(Arc::new(disk.clone()), folder.path()).expect("it opens");
    // The scratch folder, which a process makes once, is locked and not synced.
    for (number, count) in [(1, 1), (2, 4), (3, 9)] {
        let before = disk.syncs();
        commit(&store, number, &contents(number, count));
        let syncs = disk.syncs() - before;
        assert!(syncs <= 3, "{count} files: {syncs} syncs");
    }
}

#[test]
fn stages_that_finish_together_share_their_syncs() {
    const STAGES: u64 = 8;
    let folder = folder();
    let disk = Faulty::new(Fault::Slow, 0);
    let store = Store::open_on(Arc::new(disk.clone()), folder.path()).expect("it opens");
    drop(store.scratch().expect("a folder is made"));
    let (before, together) = (disk.syncs(), Barrier::new(STAGES as usize));
    thread::scope(|scope| {
        for number in 0..STAGES {
            let (store, together) = (&store, &together);
            scope.spawn(move || {
                let contents = contents(number, 2);
                together.wait();
                commit(store, number, &contents);
            });
        }
    });
    let syncs = disk.syncs() - before;
    // One round for the first, and one or two for those that came meanwhile; three for each would be 24.
    assert!(syncs <= 12, "{syncs} syncs for {STAGES} stages");
    assert!((0..STAGES).all(|number| store.lookup(key(number)).expect("the log is read").is_some()));
}
