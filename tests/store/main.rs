//! The store as its users meet it: crashes, damage, edits and company.

#![allow(clippy::disallowed_methods, reason = "files are aged on purpose")]

mod actions;
mod company;
mod faults;
mod faulty;
mod files;
mod front;
mod gc;
mod kinds;
mod layout;
mod objects;
mod power;
mod refusals;
mod states;
mod trail;
mod volatile;

use mtl::{
    plan::{canon::Key, digest::Digest},
    store::{Action, Provenance, Store},
};
use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn open(folder: &Path) -> Store {
    Store::open(folder).expect("the store opens")
}

fn key(number: u64) -> Key {
    Key(Digest::of(&number.to_le_bytes()))
}

fn action(stage: &str, outputs: &[(&str, Digest)]) -> Action {
    Action {
        stage: stage.to_owned(),
        kind: "train".to_owned(),
        outputs: outputs
            .iter()
            .map(|(name, digest)| ((*name).to_owned(), *digest))
            .collect(),
        provenance: Provenance {
            when: "2026-03-01T12:30:00.25Z".parse().expect("it is RFC 3339"),
            host: None,
            seconds: 0.1,
            threads: 2,
            version: "0.1.0".to_owned(),
            device_class: "cpu-avx2".to_owned(),
        },
    }
}

/// Records a stage that gave these bytes.
fn run(store: &Store, number: u64, bytes: &[u8]) -> Digest {
    let digest = store.put_bytes(bytes).expect("the object is stored");
    let action = action(&format!("stage {number}"), &[("model", digest)]);
    store.record(key(number), &action).expect("the action is recorded");
    digest
}

fn is_recorded(store: &Store, number: u64) -> bool {
    store.lookup(key(number)).expect("the log is read").is_some()
}

/// Changes one byte of a file, and its times back to what they were.
fn flip(path: &Path, offset: u64) {
    let before = fs::metadata(path).expect("the file is there");
    fs::set_permissions(path, Permissions::from_mode(0o644)).expect("it is ours");
    let file = File::options().read(true).write(true).open(path).expect("it opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("the byte is there");
    file.write_all_at(&[byte[0] ^ 0x20], offset).expect("it can be written");
    let times = FileTimes::new().set_modified(before.modified().expect("it has a time"));
    file.set_times(times).expect("times can be set");
    fs::set_permissions(path, before.permissions()).expect("it is ours");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_store_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Store>();
}
