//! Records of stages, torn and damaged logs.

use crate::{action, flip, folder, is_recorded, key, open, run};
use mtl::{
    plan::digest::Digest,
    store::{Notice, StoreError},
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs::{self},
};

#[test]
fn a_later_record_wins_and_names_only_what_is_stored() {
    let folder = folder();
    let store = open(folder.path());
    run(&store, 1, b"first");
    let second = run(&store, 1, b"second");
    let absent = action("stage 1", &[("model", Digest::of(b"never stored"))]);
    assert!(matches!(store.record(key(1), &absent), Err(StoreError::Absent { .. })));
    for store in [store, open(folder.path())] {
        let found = store.lookup(key(1)).expect("the log is read");
        assert_eq!(found, Some(action("stage 1", &[("model", second)])));
        assert_eq!(store.size().expect("it can be counted").actions, 1);
    }
}

#[test]
fn a_torn_record_costs_itself_alone_wherever_it_is_torn() {
    let folder = folder();
    let log = folder.path().join("actions");
    let length = || fs::metadata(&log).expect("the log is there").len();
    let store = open(folder.path());
    for number in 0..4 {
        run(&store, number, b"output");
    }
    let before = length();
    run(&store, 4, b"output");
    drop(store);
    let whole = fs::read(&log).expect("the log is there");
    assert!(whole.len() as u64 > before + 100);
    for cut in before..whole.len() as u64 {
        fs::write(&log, &whole[..cut as usize]).expect("it can be written");
        let store = open(folder.path());
        assert!((0..4).all(|number| is_recorded(&store, number)), "cut at {cut}");
        assert!(!is_recorded(&store, 4), "cut at {cut}");
        let notices = store.take_notices();
        assert_eq!(notices.len(), usize::from(cut > before), "cut at {cut}: {notices:?}");
        run(&store, 5, b"output");
        let store = open(folder.path());
        assert!(
            [0, 1, 2, 3, 5].iter().all(|number| is_recorded(&store, *number)),
            "cut at {cut}"
        );
        assert_eq!(store.take_notices(), [], "the log is whole again");
    }
}

#[test]
fn damage_in_the_middle_costs_one_record_wherever_it_is() {
    let folder = folder();
    let log = folder.path().join("actions");
    let store = open(folder.path());
    let mut ends = Vec::new();
    for number in 0..3 {
        run(&store, number, b"output");
        ends.push(fs::metadata(&log).expect("the log is there").len());
    }
    for offset in ends[0]..ends[1] {
        flip(&log, offset);
        let damaged = open(folder.path());
        let found: Vec<_> = (0..3).map(|number| is_recorded(&damaged, number)).collect();
        assert_eq!(found, [true, false, true], "byte {offset}");
        let expected = Notice::DamagedRecord {
            log: log.clone(),
            offset: ends[0],
            bytes: ends[1] - ends[0],
        };
        assert_eq!(damaged.take_notices(), [expected]);
        // Whoever had read the record before finds that it is none now.
        assert!(!is_recorded(&store, 1));
        flip(&log, offset);
    }
    assert!((0..3).all(|number| is_recorded(&open(folder.path()), number)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn records_come_back_as_they_were(
        stages in prop::collection::vec(
            (0..6_u64, ".{0,20}", any::<f64>().prop_filter("JSON has no others", |seconds| seconds.is_finite())),
            1..20,
        ),
    ) {
        let folder = folder();
        let store = open(folder.path());
        let digest = store.put_bytes(b"output").expect("it is stored");
        let mut expected = BTreeMap::new();
        for (number, name, seconds) in stages {
            let mut action = action(&name, &[(&name, digest)]);
            action.provenance.seconds = seconds;
            action.provenance.host = Some(name);
            store.record(key(number), &action).expect("it is recorded");
            expected.insert(number, action);
        }
        for store in [store, open(folder.path())] {
            for number in 0..6 {
                let found = store.lookup(key(number)).expect("the log is read");
                prop_assert_eq!(found.as_ref(), expected.get(&number));
            }
        }
    }
}
