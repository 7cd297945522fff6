//! States after the epochs of trainings.

use crate::{files_below, folder, key, open, run};
use mtl::{
    plan::canon::Key,
    store::{EpochState, Store},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

fn about(epoch: u32, root: u64) -> EpochState {
    EpochState {
        epoch,
        root: key(root),
        stage: key(1),
        pipeline: "study".to_owned(),
        course: serde_json::Value::Null,
        devices: vec!["cpu-avx2".to_owned()],
        parts: std::collections::BTreeMap::new(),
    }
}

/// Saves a state of two parts under the key `number`.
fn save(store: &Store, number: u64, weights: &[u8], memory: &[u8]) -> EpochState {
    let epoch = u32::try_from(number).expect("it is small");
    let state = store.save_epoch(key(number), &about(epoch, 0), &mut |folder| {
        fs::write(folder.join("weights"), weights)?;
        fs::write(folder.join("memory"), memory)?;
        Ok(vec!["weights", "memory"])
    });
    state.expect("it is saved")
}

fn contents(store: &Store, number: u64) -> Option<Vec<Vec<u8>>> {
    let (_, state) = store.furthest_epoch(&[key(number)]).expect("it can be read")?;
    let parts = state.parts.values().map(|part| {
        let path = store.trail_part(*part).expect("it can be read").expect("it is there");
        fs::read(path).expect("it can be read")
    });
    Some(parts.collect())
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(&folder.join("trail"));
    files.retain(|path| !path.ends_with("records"));
    files
}

#[test]
fn states_are_found_by_any_process_and_their_parts_lie_once() {
    let folder = folder();
    let (one, other) = (open(folder.path()), open(folder.path()));
    assert_eq!(contents(&other, 1), None);
    save(&one, 1, b"weights 1", b"moments 1");
    save(&one, 2, b"weights 2", b"moments 1");
    assert_eq!(
        contents(&other, 2),
        Some(vec![b"moments 1".to_vec(), b"weights 2".to_vec()])
    );
    assert_eq!(parts(folder.path()).len(), 3);
    let keys = [1, 2, 3].map(key);
    let furthest = other.furthest_epoch(&keys).expect("it can be read");
    assert_eq!(furthest.map(|(place, state)| (place, state.epoch)), Some((1, 2)));
    let of_root: Vec<Key> = other
        .epochs_of(key(0))
        .expect("read")
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(of_root, keys[..2], "in the order of saving");
    assert!(other.epochs_for("another").expect("read").is_empty());
    // What one of them has alone goes with it.
    other.let_epochs_go(&keys[..1]).expect("it goes");
    assert_eq!((contents(&one, 1), parts(folder.path()).len()), (None, 2));
    assert!(contents(&one, 2).is_some());
    other.let_epochs_go(&keys).expect("it goes");
    assert_eq!(
        (contents(&open(folder.path()), 2), parts(folder.path())),
        (None, vec![])
    );
}

#[test]
fn results_keep_what_they_share_with_a_state_that_goes() {
    let folder = folder();
    let store = open(folder.path());
    let state = save(&store, 1, b"the weights", b"the moments");
    let scratch = store.scratch().expect("a folder");
    let model = scratch.path().join("model");
    assert!(
        store
            .link_trail_part(state.parts["weights"], &model)
            .expect("it can be read")
    );
    let digest = store.put_file(&model).expect("it is stored");
    assert_eq!(digest, state.parts["weights"].digest);
    store.let_epochs_go(&[key(1)]).expect("it goes");
    assert_eq!(parts(folder.path()), Vec::<PathBuf>::new());
    let path = store.verified(digest).expect("it can be read").expect("it is there");
    assert_eq!(fs::read(path).expect("it can be read"), b"the weights");
    assert!(store.is_intact(digest).expect("it can be read"));
    // The other way round: an object that is equal is no reason to keep it, nor does it go with it.
    let digest = run(&store, 5, b"more weights");
    save(&store, 2, b"more weights", b"moments");
    store.let_epochs_go(&[key(2)]).expect("it goes");
    assert!(open(folder.path()).verified(digest).expect("it can be read").is_some());
}

#[test]
fn a_state_that_cannot_be_written_leaves_what_there_was() {
    let folder = folder();
    let store = open(folder.path());
    save(&store, 1, b"weights 1", b"moments 1");
    let failed = store.save_epoch(key(2), &about(2, 0), &mut |folder| {
        fs::write(folder.join("weights"), b"half")?;
        Err(io::Error::other("a tensor cannot be copied"))
    });
    assert!(failed.is_err());
    assert_eq!((contents(&store, 2), parts(folder.path()).len()), (None, 2));
    // A part without a record: its process was killed between the two. The next one that saves removes it.
    let stray = parts(folder.path())[0].parent().expect("a folder").join("0".repeat(62));
    fs::write(&stray, b"left over").expect("it can be written");
    let store = open(folder.path());
    assert!(contents(&store, 1).is_some() && stray.exists());
    save(&store, 3, b"weights 3", b"moments 3");
    assert!(!stray.exists());
    assert_eq!((parts(folder.path()).len(), contents(&store, 1).is_some()), (4, true));
}

/// Several threads and processes save equal parts and let them go at once: what a record names is there.
#[test]
fn what_a_record_names_is_there_whoever_lets_go() {
    let folder = folder();
    thread::scope(|scope| {
        for worker in 0..4_u64 {
            let path = folder.path();
            scope.spawn(move || {
                let store = open(path);
                for round in 0..12_u8 {
                    let number = 10 + worker;
                    save(&store, number, &[round % 3], &[7]);
                    assert_eq!(contents(&store, number), Some(vec![vec![7], vec![round % 3]]));
                    if round % 2 == 0 {
                        store.let_epochs_go(&[key(number)]).expect("it goes");
                    }
                }
            });
        }
    });
    let store = open(folder.path());
    assert_eq!(store.epochs_for("study").expect("read").len(), 4);
    assert_eq!(parts(folder.path()).len(), 2, "the last round's and what all have");
}
