//! Full disks, closed folders, other layouts.

use crate::{action, folder, is_recorded, key, open, run};
use mtl::store::{Store, StoreError};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

#[test]
fn a_store_of_another_layout_is_refused() {
    let folder = folder();
    drop(open(folder.path()));
    fs::write(folder.path().join("VERSION"), "mtl store 2\n").expect("it can be written");
    let refused = Store::open(folder.path())
        .expect_err("it is another layout")
        .to_string();
    assert!(
        refused.contains("`mtl store 2`") && refused.contains("`mtl store 1`"),
        "{refused}"
    );
    fs::remove_file(folder.path().join("VERSION")).expect("it is there");
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::OtherVersion { .. })
    ));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_costs_nothing() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let store = open(folder.path());
    let saved = store.save_state(key(1), |path| fs::write(path, b"epoch 1"));
    saved.expect("it is saved");
    let full = store.save_state(key(1), |_| fs::write("/dev/full", b"epoch 2"));
    assert!(matches!(full, Err(StoreError::FullDisk { .. })), "{full:?}");
    let state = store.load_state(key(1)).expect("it can be read").expect("it is there");
    assert_eq!(fs::read(state).expect("it is there"), b"epoch 1");

    let digest = store.put_bytes(b"output").expect("it is stored");
    let (log, aside) = (folder.path().join("actions"), folder.path().join("aside"));
    fs::rename(&log, &aside).expect("it can be renamed");
    symlink("/dev/full", &log).expect("it can be linked");
    let full = store.record(key(1), &action("stage", &[("model", digest)]));
    let Err(error @ StoreError::FullDisk { needed: Some(_), .. }) = full else {
        panic!("the disk is full: {full:?}");
    };
    let message = error.to_string();
    assert!(
        message.contains("bytes needed") && message.contains("actions"),
        "{message}"
    );
    fs::rename(&aside, &log).expect("it can be renamed");
    assert!(!is_recorded(&store, 1));
    let state = store.load_state(key(1)).expect("it can be read");
    assert!(state.is_some(), "the state is still needed");
    run(&store, 1, b"output");
    assert!(is_recorded(&open(folder.path()), 1));
}

#[test]
fn a_folder_that_takes_no_writes_is_told() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("it can be written");
    let error = Store::open(&file.join("store")).expect_err("a file is no folder");
    assert!(error.to_string().contains("file"), "{error}");
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("it can be made");
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).expect("it is ours");
    if fs::write(closed.join("probe"), b"").is_ok() {
        eprintln!("skipped: permissions do not bind the superuser");
        return;
    }
    let refused = Store::open(&closed.join("store"));
    assert!(matches!(refused, Err(StoreError::Permission { .. })), "{refused:?}");
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).expect("it is ours");
}

/// The kernel's own file systems take no folders, not even from the superuser.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_system_is_told() {
    let refused = Store::open(Path::new("/sys/store")).expect_err("/sys takes no folders");
    assert!(
        matches!(refused, StoreError::Permission { .. } | StoreError::ReadOnly { .. }),
        "{refused:?}"
    );
}

#[test]
fn the_size_of_a_store_is_counted() {
    let folder = folder();
    let store = open(folder.path());
    run(&store, 1, b"four");
    run(&store, 2, b"seventy");
    let saved = store.save_state(key(3), |path| fs::write(path, b"state"));
    saved.expect("it is saved");
    let size = store.size().expect("it can be counted");
    assert_eq!((size.objects.files, size.objects.bytes, size.actions), (2, 11, 2));
    assert_eq!((size.partial.files, size.partial.bytes), (1, 5));
    assert_eq!(size.quarantine.files, 0);
    let log = fs::metadata(folder.path().join("actions")).expect("it is there");
    assert_eq!(size.action_bytes, log.len());
    let index = fs::metadata(folder.path().join("index")).expect("it is there");
    assert_eq!(size.index_bytes, index.len());
}
