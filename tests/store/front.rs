//! A store in front of one that is only read.

use crate::{
    faulty::Faulty,
    files_below, flip, folder, is_recorded, key,
    layout::{fill, states_are_there},
    open, run,
};
use mtl::{
    plan::digest::Digest,
    store::{Going, Link, Notice, Store, StoreError},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Every file of a folder with its contents.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_below(folder).into_iter();
    files
        .map(|path| (path.clone(), fs::read(&path).expect("there")))
        .collect()
}

fn open_in_front(folder: &Path) -> Store {
    let behind = folder.join("behind");
    // Every write behind fails, a lock's too.
    let disk = Arc::new(Faulty::closed(&behind));
    Store::open_in_front_on(disk, &folder.join("front"), &behind).expect("it opens")
}

#[test]
fn what_is_known_behind_is_known_in_front_and_nothing_is_written_behind() {
    let folder = folder();
    let behind = folder.path().join("behind");
    fill(&open(&behind));
    let before = snapshot(&behind);
    for time in 0..2 {
        let store = open_in_front(folder.path());
        store.keep_uses();
        for (number, bytes) in [(1, b"weights".as_slice()), (2, b"scores")] {
            let action = store.reusable(key(number)).expect("read").expect("it is known");
            let target = folder.path().join(format!("out{time}"));
            store
                .materialize(action.outputs["model"], &target, Link::Hard)
                .expect("written");
            assert_eq!(fs::read(&target).expect("there"), bytes);
            assert!(
                !store.is_linked(action.outputs["model"], &target),
                "not a name of a file behind"
            );
        }
        let state = states_are_there(&store);
        assert!(store.trail_part(state.parts["weights"]).expect("read").is_some());
        assert_eq!(store.runs().expect("read").len(), 1);
        assert!(store.fields().expect("it opens").contains(key(1).0));
        let now = "2027-01-01T00:00:00Z".parse().expect("it is RFC 3339");
        let (ledger, broken) = store.ledger(now).expect("read");
        assert_eq!((ledger.len(), broken), (2, None), "begun behind, and in front");
        // What is computed is stored here; what is behind already is not stored twice.
        let digest = run(&store, 5, b"new");
        assert_eq!(run(&store, 6, b"scores"), Digest::of(b"scores"));
        assert!(store.path(digest).starts_with(store.root()));
        assert!(store.path(Digest::of(b"scores")).starts_with(&behind));
        assert_eq!(files_below(&store.root().join("objects")).len(), 1);
        assert_eq!(store.take_notices(), [], "time {time}");
    }
    assert_eq!(snapshot(&behind), before);
    // A training that goes on from there saves here, and lets go of what is here alone.
    let store = open_in_front(folder.path());
    store.let_epochs_go(&[key(91)]).expect("let go");
    assert!(store.furthest_epoch(&[key(91)]).expect("read").is_none());
    assert_eq!(snapshot(&behind), before);
}

#[test]
fn what_is_new_behind_is_taken_over_and_what_is_gone_or_damaged_is_computed_again() {
    let folder = folder();
    let behind = folder.path().join("behind");
    let shared = open(&behind);
    run(&shared, 1, b"first");
    drop(open_in_front(folder.path()));
    let second = run(&shared, 2, b"second");
    let store = open_in_front(folder.path());
    assert!(is_recorded(&store, 1) && is_recorded(&store, 2));
    flip(&store.path(second), 0);
    drop(store);
    let store = open_in_front(folder.path());
    assert!(store.reusable(key(2)).expect("read").is_none());
    let notices = store.take_notices();
    assert!(
        matches!(notices.as_slice(), [Notice::DamagedBehind { .. }]),
        "{notices:?}"
    );
    assert_eq!(run(&store, 2, b"second"), second);
    assert!(store.path(second).starts_with(store.root()), "the sound one is here");
    assert!(store.reusable(key(2)).expect("read").is_some());
    // A collection behind takes objects away, here nothing is taken for there.
    let made = crate::action("any", &[]).provenance.when;
    let going = Going {
        results: [(key(1), made)].into(),
        ..Going::default()
    };
    shared.collect(&going, &mut || Ok(BTreeSet::new())).expect("collected");
    let store = open_in_front(folder.path());
    assert!(store.reusable(key(1)).expect("read").is_none());
    run(&store, 1, b"first");
    assert!(store.reusable(key(1)).expect("read").is_some());
    // One in front can be collected and verified by itself.
    store
        .collect(&Going::default(), &mut || Ok(BTreeSet::new()))
        .expect("collected");
    let verified = store.verify(&|_| (), &false.into()).expect("read");
    assert_eq!((verified.files, verified.damaged.len()), (2, 0), "{verified:?}");
}

#[test]
fn there_must_be_a_store_of_this_layout_behind() {
    let folder = folder();
    let (front, behind) = (folder.path().join("front"), folder.path().join("behind"));
    assert!(Store::open_in_front(&front, &behind).is_err());
    fs::create_dir(&behind).expect("made");
    fs::write(behind.join("VERSION"), "mtl store 2\n").expect("written");
    let refused = Store::open_in_front(&front, &behind);
    assert!(matches!(refused, Err(StoreError::OtherVersion { .. })), "{refused:?}");
}
