//! What is put, got and found damaged.

use crate::{files_below, flip, folder, is_recorded, key, open, run};
use mtl::{
    plan::digest::Digest,
    store::{Link, Notice, StoreError},
};
use proptest::prelude::*;
use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_put_is_got(bytes in prop::collection::vec(any::<u8>(), 0..300_000)) {
        let folder = folder();
        let store = open(&folder.path().join("store"));
        let outside = folder.path().join("file");
        fs::write(&outside, &bytes).expect("it can be written");
        let digest = store.put_bytes(&bytes).expect("bytes are stored");
        prop_assert_eq!(digest, Digest::of(&bytes));
        prop_assert_eq!(store.put_file(&outside).expect("a file is stored"), digest);
        prop_assert!(outside.exists(), "a file from outside is copied");
        for store in [store, open(&folder.path().join("store"))] {
            let path = store.verified(digest).expect("it can be read").expect("it is there");
            prop_assert_eq!(fs::read(&path).expect("it can be read"), bytes.clone());
            prop_assert!(store.is_intact(digest).expect("it can be looked at"));
            prop_assert_eq!(path, store.path(digest));
        }
    }
}

#[test]
fn an_output_moves_in_and_cannot_be_written() {
    let folder = folder();
    let store = open(folder.path());
    let scratch = store.scratch().expect("a folder is made");
    let output = scratch.path().join("model");
    fs::write(&output, b"weights").expect("it can be written");
    let digest = store.put_file(&output).expect("it is stored");
    assert!(!output.exists(), "a file in scratch space is moved");
    let mode = fs::metadata(store.path(digest)).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o444);
    fs::write(&output, b"weights").expect("it can be written");
    assert_eq!(store.put_file(&output).expect("it is known"), digest);
    assert!(!output.exists());
    assert_eq!(store.size().expect("it can be counted").objects.files, 1);
}

#[test]
fn a_damaged_object_is_noticed_and_set_aside() {
    let folder = folder();
    for in_same_process in [true, false] {
        let mut store = open(folder.path());
        let digest = run(&store, 1, b"weights of a model");
        assert!(store.reusable(key(1)).expect("it can be read").is_some());
        if !in_same_process {
            drop(store);
            store = open(folder.path());
        }
        flip(&store.path(digest), 3);
        assert!(!store.is_intact(digest).expect("it can be looked at"));
        assert_eq!(store.verified(digest).expect("it can be read"), None);
        assert_eq!(store.reusable(key(1)).expect("it can be read"), None);
        assert!(!store.path(digest).exists());
        let [Notice::Quarantined { path, moved_to }] = &store.take_notices()[..] else {
            panic!("one notice tells of it");
        };
        assert_eq!(*path, store.path(digest));
        assert_eq!(fs::read(moved_to).expect("it is kept").len(), 18);
        assert!(matches!(
            store.materialize(digest, &folder.path().join("out"), Link::Copy),
            Err(StoreError::Absent { digest: absent }) if absent == digest
        ));
        // The stage runs again.
        assert_eq!(run(&store, 1, b"weights of a model"), digest);
        assert!(store.reusable(key(1)).expect("it can be read").is_some());
    }
    let quarantined = open(folder.path()).size().expect("it can be counted").quarantine;
    assert_eq!(quarantined.files, 2, "the second does not replace the first");
}

#[test]
fn putting_heals_a_damaged_object_and_a_missing_one_is_absent() {
    let folder = folder();
    let store = open(folder.path());
    let digest = run(&store, 1, b"weights");
    flip(&store.path(digest), 0);
    assert_eq!(store.put_bytes(b"weights").expect("it is stored"), digest);
    assert_eq!(fs::read(store.path(digest)).expect("it is there"), b"weights");
    fs::remove_file(store.path(digest)).expect("it is there");
    assert_eq!(store.verified(digest).expect("it can be looked at"), None);
    assert_eq!(store.reusable(key(1)).expect("it can be looked at"), None);
    assert!(is_recorded(&store, 1));
}

#[test]
fn outputs_are_written_whole_and_left_when_they_are_right() {
    let folder = folder();
    let store = open(&folder.path().join("store"));
    let digest = store.put_bytes(b"report").expect("it is stored");
    let target = folder.path().join("out/study/report.html");
    store.materialize(digest, &target, Link::Copy).expect("it is written");
    assert_eq!(fs::read(&target).expect("it is there"), b"report");
    let file = File::options()
        .write(true)
        .open(&target)
        .expect("the user may write it");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let set = file.set_times(FileTimes::new().set_modified(old));
    set.expect("times can be set");
    store
        .materialize(digest, &target, Link::Copy)
        .expect("it is right already");
    let modified = || fs::metadata(&target).and_then(|metadata| metadata.modified());
    assert_eq!(modified().expect("it has a time"), old, "a right file is not touched");
    fs::write(&target, b"edited").expect("it can be written");
    store.materialize(digest, &target, Link::Copy).expect("it is written");
    assert_eq!(fs::read(&target).expect("it is there"), b"report");
    assert_eq!(
        files_below(&folder.path().join("out")),
        [target],
        "nothing else is left"
    );
    assert_eq!(fs::read(store.path(digest)).expect("it is there"), b"report");
}

#[test]
fn outputs_are_second_names_only_when_that_is_asked_for() {
    let folder = folder();
    let store = open(&folder.path().join("store"));
    let digest = run(&store, 1, b"model");
    let (copy, link) = (folder.path().join("out/copy"), folder.path().join("out/link"));
    store.materialize(digest, &copy, Link::Copy).expect("it is written");
    store.materialize(digest, &link, Link::Hard).expect("it is written");
    assert!(!store.is_linked(digest, &copy) && store.is_linked(digest, &link));
    store
        .materialize(digest, &copy, Link::Hard)
        .expect("it is right already");
    assert!(!store.is_linked(digest, &copy), "a copy that is right is left");
    // Who writes to a second name damages the object; that is noticed, and what is made anew is sound.
    flip(&link, 2);
    let refused = store.materialize(digest, &copy, Link::Hard);
    assert!(matches!(refused, Err(StoreError::Absent { .. })), "{refused:?}");
    assert_eq!(run(&store, 1, b"model"), digest);
    store.materialize(digest, &link, Link::Hard).expect("it is written");
    assert_eq!(fs::read(&link).expect("there"), b"model");
    // A name of the store's own file gives way to a copy when copies are asked for.
    store.materialize(digest, &link, Link::Copy).expect("it is written");
    assert!(!store.is_linked(digest, &link));
    assert_eq!(fs::read(&link).expect("there"), b"model");
}
