//! Saved states of unfinished stages.

use crate::{files_below, flip, folder, key, open, run};
use mtl::store::{Notice, Store, StoreError};
use std::{
    fs::{self},
    io::{self},
    path::Path,
};

#[test]
fn a_state_is_replaced_whole_and_goes_when_the_stage_is_recorded() {
    let folder = folder();
    let store = open(folder.path());
    let load = |store: &Store| {
        let path = store.load_state(key(1)).expect("it can be read");
        path.map(|path| fs::read(path).expect("it is there"))
    };
    assert_eq!(load(&store), None);
    for epoch in 0..12_u8 {
        let write = |path: &Path| fs::write(path, [epoch]);
        store.save_state(key(1), write).expect("it is saved");
        assert_eq!(load(&store), Some(vec![epoch]));
    }
    let failed = store.save_state(key(1), |path| {
        fs::write(path, b"half a sta")?;
        Err(io::Error::other("a tensor cannot be copied"))
    });
    assert!(matches!(failed, Err(StoreError::Io { .. })));
    assert_eq!(load(&open(folder.path())), Some(vec![11]));
    assert_eq!(files_below(&store.partial_dir(key(1))).len(), 1);
    run(&store, 1, b"done");
    assert!(!store.partial_dir(key(1)).exists());
    // Killed between the record and the removal: the next process removes it, but not under a stage that runs again.
    let again = store.save_state(key(1), |path| fs::write(path, b"again"));
    again.expect("it is saved");
    let lock = store.lock_stage(key(1)).expect("locks can be made");
    assert_eq!(load(&open(folder.path())), Some(b"again".to_vec()));
    drop(lock);
    assert_eq!(load(&open(folder.path())), None);
}

#[test]
fn a_damaged_state_gives_way_to_the_one_before() {
    let folder = folder();
    let store = open(folder.path());
    let save = |bytes: &[u8]| store.save_state(key(1), |path| fs::write(path, bytes));
    let load = || store.load_state(key(1)).expect("it can be read");
    save(b"epoch 1").expect("it is saved");
    let first = load().expect("it is there");
    let kept = fs::read(&first).expect("it is there");
    save(b"epoch 2").expect("it is saved");
    // Killed before the older one was removed.
    fs::write(&first, kept).expect("it can be written");
    let second = load().expect("it is there");
    assert_eq!(fs::read(&second).expect("it is there"), b"epoch 2");
    flip(&second, 6);
    assert_eq!(load(), Some(first.clone()));
    assert!(matches!(&store.take_notices()[..], [Notice::Quarantined { path, .. }] if *path == second));
    flip(&first, 6);
    assert_eq!(load(), None);
}
