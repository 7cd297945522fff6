//! Files outside the store, hashed once.

use crate::{flip, folder, open};
use mtl::{
    plan::digest::Digest,
    store::{HashProgress, Store, StoreError},
};
use std::{
    fs::{self, File, FileTimes},
    io::{self},
    path::PathBuf,
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// The digests of files, and how many were hashed for them.
fn digests(store: &Store, paths: &[PathBuf]) -> (Vec<Digest>, u64) {
    let last = Mutex::new(HashProgress::default());
    let progress = |now: HashProgress| {
        let mut last = last.lock().expect("no thread panics");
        if now.bytes_done >= last.bytes_done && now.files_done >= last.files_done {
            *last = now;
        }
    };
    let digests = store
        .digests_of_files(paths, &progress, &|| false)
        .expect("the files are read");
    let last = *last.lock().expect("no thread panics");
    assert_eq!((last.files_done, last.bytes_done), (last.files, last.bytes));
    (digests, last.files)
}

/// Long enough for a file to be no longer young.
fn age() {
    std::thread::sleep(Duration::from_millis(2200));
}

#[test]
fn files_are_hashed_once_and_again_when_they_change() {
    let folder = folder();
    let store = open(&folder.path().join("store"));
    let paths: Vec<_> = (0..20)
        .map(|number| folder.path().join(format!("{number}.png")))
        .collect();
    for (number, path) in paths.iter().enumerate() {
        fs::write(path, format!("picture {number:02}")).expect("it can be written");
    }
    let truth = |path: &PathBuf| Digest::of(&fs::read(path).expect("it is there"));
    let expected: Vec<_> = paths.iter().map(truth).collect();
    assert_eq!(digests(&store, &paths), (expected.clone(), 20));
    let young = digests(&store, &paths);
    assert_eq!(young, (expected.clone(), 20), "young files are hashed again");
    age();
    assert_eq!(digests(&store, &paths), (expected.clone(), 20));
    assert_eq!(digests(&store, &paths), (expected.clone(), 0));
    let store = open(&folder.path().join("store"));
    let known = digests(&store, &paths);
    assert_eq!(known, (expected.clone(), 0), "another process knows them");
    assert_eq!(store.digest_of_file(&paths[3]).expect("it is there"), expected[3]);

    flip(&paths[3], 0);
    assert_eq!(fs::metadata(&paths[3]).expect("it is there").len(), 10);
    let (now, hashed) = digests(&store, &paths);
    assert_eq!(hashed, 1, "an edit that keeps size and mtime is noticed");
    assert_ne!(now[3], expected[3]);
    assert_eq!(now[3], truth(&paths[3]));

    // Touched without an edit: hashed once more, same digest.
    let file = File::options().write(true).open(&paths[5]).expect("it opens");
    file.set_times(FileTimes::new().set_modified(SystemTime::now()))
        .expect("times can be set");
    let (now, hashed) = digests(&store, &paths);
    assert_eq!((now[5], hashed), (expected[5], 2), "the edited one is still young");

    // Replaced by another file.
    fs::rename(&paths[7], &paths[8]).expect("it can be renamed");
    assert_eq!(store.digest_of_file(&paths[8]).expect("it is there"), expected[7]);
}

#[test]
fn the_index_loses_no_more_than_what_is_torn() {
    let folder = folder();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    fs::write(&first, b"1").expect("it can be written");
    fs::write(&second, b"2").expect("it can be written");
    age();
    let index = folder.path().join("store/index");
    let store = open(&folder.path().join("store"));
    store.digest_of_file(&first).expect("it is there");
    let before = fs::metadata(&index).expect("it is there").len();
    store.digest_of_file(&second).expect("it is there");
    drop(store);
    let whole = fs::read(&index).expect("it is there");
    for cut in before as usize..whole.len() {
        fs::write(&index, &whole[..cut]).expect("it can be written");
        let store = open(&folder.path().join("store"));
        let paths = [first.clone(), second.clone()];
        let expected = vec![Digest::of(b"1"), Digest::of(b"2")];
        assert_eq!(digests(&store, &paths), (expected.clone(), 1), "cut at {cut}");
        assert_eq!(digests(&store, &paths), (expected, 0), "cut at {cut}");
    }
}

#[test]
fn hashing_stops_on_request_and_at_what_cannot_be_read() {
    let folder = folder();
    let store = open(&folder.path().join("store"));
    let path = folder.path().join("file");
    fs::write(&path, vec![0; 3_000_000]).expect("it can be written");
    let cancelled = store.digests_of_files(&[&path], &|_| (), &|| true);
    assert!(matches!(cancelled, Err(StoreError::Cancelled)));
    let absent = folder.path().join("absent");
    let failed = store.digests_of_files(&[&path, &absent], &|_| (), &|| false);
    let Err(StoreError::Io { path, reason, .. }) = failed else {
        panic!("a file that is not there has no digest");
    };
    assert_eq!((path, reason.kind()), (absent, io::ErrorKind::NotFound));
}
