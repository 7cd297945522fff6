//! Kinds of file systems: what is told of them, and those on which no store is opened.

use crate::{
    action,
    faulty::{Fault, Faulty},
    folder, key, run,
};
use mtl::store::{Locks, Notice, Store, StoreError, disk::Kind};
use std::{
    fs,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

fn open_on(disk: &Faulty, folder: &Path) -> Result<Store, StoreError> {
    Store::open_on(Arc::new(disk.clone()), folder)
}

#[test]
fn where_locks_do_not_work_no_store_is_opened() {
    for fault in [
        Fault::LocksDoNothing,
        Fault::LocksFail(libc::ENOLCK),
        Fault::LocksFail(libc::ENOSYS),
        Fault::LocksFail(libc::EOPNOTSUPP),
    ] {
        let folder = folder();
        let disk = Faulty::of_kind(Kind::Network("lustre"), Some(fault));
        let error = open_on(&disk, folder.path()).expect_err("it is refused");
        assert!(
            matches!(error, StoreError::NoLocks { kind: "lustre", .. }),
            "{fault:?}: {error:?}"
        );
        assert!(error.to_string().contains("locks do not work"), "{error}");
        assert!(error.help().is_some_and(|help| help.contains("--store")), "{error}");
        let left = fs::read_dir(folder.path()).expect("there").count();
        assert_eq!(left, 1, "nothing but its mark was written");
        // The same folder serves once locks work.
        crate::open(folder.path());
    }
}

#[test]
fn what_is_not_to_be_relied_on_is_told_once_and_by_the_store() {
    for (kind, locks, word) in [
        (Kind::Network("nfs"), Locks::HoldHere, Some("one machine at a time")),
        (Kind::Memory("tmpfs"), Locks::Hold, Some("when the machine stops")),
        (Kind::Local("ext4"), Locks::Hold, None),
    ] {
        let folder = folder();
        let disk = Faulty::of_kind(kind.clone(), None);
        let store = open_on(&disk, folder.path()).expect("it opens");
        let notices = store.take_notices();
        assert_eq!(notices.len(), usize::from(word.is_some()), "{notices:?}");
        assert!(notices.iter().all(|notice| matches!(notice, Notice::Lies { .. })));
        let system = store.file_system().expect("it is known");
        assert_eq!((system.name, system.locks), (kind.name(), locks));
        let told = system.to_string();
        assert!(
            told.starts_with(kind.name()) && word.is_none_or(|word| told.contains(word)),
            "{told}"
        );
        run(&store, 1, b"model");
        drop(store);
        let again = open_on(&disk, folder.path()).expect("it opens");
        assert_eq!(again.take_notices(), [], "it was said when the store was made");
        assert!(again.reusable(key(1)).expect("read").is_some());
    }
}

#[test]
fn processes_that_make_a_store_at_once_make_one() {
    for round in 0..60 {
        let folder = folder();
        let begin = Barrier::new(6);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    begin.wait();
                    let store = Store::open(folder.path()).unwrap_or_else(|error| panic!("round {round}: {error}"));
                    store.begin_lookups().expect("the gate is entered");
                    store.end_lookups().expect("the gate is left");
                });
            }
        });
        let marks = fs::read_dir(folder.path()).expect("there").filter(|entry| {
            let name = entry.as_ref().expect("there").file_name();
            name.to_string_lossy().contains("VERSION")
        });
        assert_eq!(marks.count(), 1, "round {round}");
    }
}

#[test]
fn a_lock_that_another_holds_is_a_lock_that_works() {
    let folder = folder();
    let store = crate::open(folder.path());
    store.begin_lookups().expect("the gate is entered");
    let other = crate::open(folder.path());
    store.end_lookups().expect("the gate is left");
    let digest = other.put_bytes(b"model").expect("stored");
    other
        .record(key(1), &action("stage", &[("model", digest)]))
        .expect("recorded");
}
