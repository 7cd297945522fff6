//! The power goes at every operation of a run: what was recorded is there and whole, and the next run ends as if nothing had
//! been.

use crate::{
    faults::{STAGES, folder, judge, run_telling},
    key,
    volatile::{Chance, Volatile},
};
use mtl::{plan::digest::Digest, store::Store};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// Ways in which the disk may be found, tried for each operation.
const FATES: u64 = 4;

/// What was recorded before the power went is there, and whole.
fn is_kept(folder: &Path, results: &[BTreeMap<String, Digest>], what: &str) {
    let store = Store::open(&folder.join("store")).unwrap_or_else(|error| panic!("{what}: {error}"));
    for (outputs, (number, _)) in results.iter().zip(STAGES) {
        let action = store.lookup(key(number)).expect("the log is read");
        let action = action.unwrap_or_else(|| panic!("{what}: the record of stage {number} is lost"));
        assert_eq!(action.outputs, *outputs, "{what}");
        for (name, digest) in outputs {
            let path = store.verified(*digest).expect("it can be read");
            assert!(path.is_some(), "{what}: `{name}` of stage {number} is lost");
        }
    }
}

fn cut_everywhere(syncs_all: bool) {
    let mut tried = 0;
    for at in 0.. {
        let live = folder();
        fs::write(live.path().join("input"), b"pictures").expect("it can be written");
        let disk = Volatile::new(live.path(), at, syncs_all);
        let mut results = Vec::new();
        let ended = run_telling(Arc::new(disk.clone()), live.path(), &mut results);
        if !disk.is_cut() {
            ended.expect("nothing went wrong");
            break;
        }
        for fate in 0..FATES {
            let what = format!("power cut after {at} operations, fate {fate}, whole syncs {syncs_all}");
            let found = folder();
            disk.survive(found.path(), &mut Chance(at * FATES + fate));
            is_kept(found.path(), &results, &what);
            judge(found.path(), &what);
            tried += 1;
        }
    }
    assert!(tried > 100 * FATES, "the scenario has many operations ({tried})");
}

#[test]
fn a_cut_of_power_at_any_operation_loses_nothing_that_was_recorded() {
    cut_everywhere(true);
}

#[test]
fn nor_where_file_systems_cannot_be_synced_as_a_whole() {
    cut_everywhere(false);
}

/// The layer itself: it loses what was not synced, or it would prove nothing.
#[test]
fn what_was_not_synced_is_lost_in_some_fate() {
    use mtl::store::disk::{Disk, Open};
    let live = folder();
    let disk = Volatile::new(live.path(), u64::MAX, true);
    let (written, synced) = (live.path().join("written"), live.path().join("synced"));
    let file = disk.open(&written, Open::New).expect("made");
    file.write_on(b"contents").expect("written");
    let file = disk.open(&synced, Open::New).expect("made");
    file.write_on(b"contents").expect("written");
    file.sync().expect("synced");
    disk.sync_dir(live.path()).expect("synced");
    let mut fates = Vec::new();
    for seed in 0..40 {
        let found = folder();
        disk.survive(found.path(), &mut Chance(seed));
        assert_eq!(fs::read(found.path().join("synced")).expect("it is there"), b"contents");
        fates.push(fs::read(found.path().join("written")).expect("its name was synced"));
    }
    assert!(fates.iter().any(|found| found == b"contents"));
    assert!(fates.iter().any(|found| found.is_empty()));
    assert!(fates.iter().any(|found| found.len() == 8 && found.ends_with(&[0])));
    disk.remove_file(&synced).expect("removed");
    let is_there = |seed| {
        let found = folder();
        disk.survive(found.path(), &mut Chance(seed));
        found.path().join("synced").exists()
    };
    let there: Vec<bool> = (0..40).map(is_there).collect();
    assert!(
        there.contains(&true) && there.contains(&false),
        "a removal may be lost, too"
    );
}
