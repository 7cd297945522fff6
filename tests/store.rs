//! The store as its users meet it: crashes, damage, edits and company.

use mtl::{
    plan::{canon::Key, digest::Digest},
    store::{Action, HashProgress, Notice, Provenance, Store, StoreError},
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs::{self, File, FileTimes, Permissions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, SystemTime},
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

// Objects.

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
            store.materialize(digest, &folder.path().join("out")),
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
    store.materialize(digest, &target).expect("it is written");
    assert_eq!(fs::read(&target).expect("it is there"), b"report");
    let file = File::options()
        .write(true)
        .open(&target)
        .expect("the user may write it");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let set = file.set_times(FileTimes::new().set_modified(old));
    set.expect("times can be set");
    store.materialize(digest, &target).expect("it is right already");
    let modified = || fs::metadata(&target).and_then(|metadata| metadata.modified());
    assert_eq!(modified().expect("it has a time"), old, "a right file is not touched");
    fs::write(&target, b"edited").expect("it can be written");
    store.materialize(digest, &target).expect("it is written");
    assert_eq!(fs::read(&target).expect("it is there"), b"report");
    assert_eq!(
        files_below(&folder.path().join("out")),
        [target],
        "nothing else is left"
    );
    assert_eq!(fs::read(store.path(digest)).expect("it is there"), b"report");
}

// Actions.

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

// Company: other threads and processes.

/// What a second process does, by `STORE_TEST_ROLE`; in the test run itself it does nothing.
#[test]
fn second_process() {
    let Ok(role) = std::env::var("STORE_TEST_ROLE") else {
        return;
    };
    let store = open(Path::new(
        &std::env::var("STORE_TEST_FOLDER").expect("it is told where"),
    ));
    let say = |number: u64| writeln!(io::stdout(), "did:{number}").expect("the parent listens");
    match role.split_once(' ') {
        Some(("append", first)) => {
            let first: u64 = first.parse().expect("a number");
            for number in first..first + 40 {
                run(&store, number, &number.to_le_bytes());
            }
        }
        Some(("forever", first)) => {
            let first: u64 = first.parse().expect("a number");
            for number in first.. {
                let write = |path: &Path| fs::write(path, number.to_le_bytes());
                store.save_state(key(number), write).expect("the state is saved");
                run(&store, number, &vec![number as u8; 20_000]);
                say(number);
            }
        }
        Some(("lock", number)) => {
            let number = number.parse().expect("a number");
            let _lock = store.lock_stage(key(number)).expect("it can be locked");
            say(number);
            std::thread::sleep(Duration::from_secs(600));
        }
        _ => panic!("no role {role}"),
    }
}

fn second(role: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program lies somewhere"))
        .args(["--exact", "second_process", "--nocapture"])
        .env("STORE_TEST_ROLE", role)
        .env("STORE_TEST_FOLDER", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts again")
}

/// Reads numbers that a second process says, until `enough`.
fn listen(child: &mut Child, enough: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let output = child.stdout.take().expect("it is piped");
    let mut numbers = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.expect("it is text");
        numbers.extend(
            line.split_once("did:")
                .and_then(|(_, number)| number.parse::<u64>().ok()),
        );
        if enough(&numbers) {
            break;
        }
    }
    numbers
}

#[test]
fn processes_and_threads_append_side_by_side() {
    let folder = folder();
    let early = open(folder.path());
    let children = [0, 100].map(|first| second(&format!("append {first}"), folder.path()));
    std::thread::scope(|scope| {
        for first in [200, 300] {
            let store = &early;
            scope.spawn(move || {
                for number in first..first + 40 {
                    run(store, number, b"shared");
                }
            });
        }
        scope.spawn(|| {
            for number in 400..440 {
                run(&open(folder.path()), number, b"shared");
            }
        });
    });
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
    }
    for store in [early, open(folder.path())] {
        for first in [0, 100, 200, 300, 400] {
            for number in first..first + 40 {
                let found = store.reusable(key(number)).expect("it can be read");
                assert!(found.is_some(), "{number}");
            }
        }
        assert_eq!(store.take_notices(), []);
    }
}

#[test]
fn a_store_survives_its_processes() {
    let folder = folder();
    for round in 0..6 {
        let first = round * 1000;
        let mut child = second(&format!("forever {first}"), folder.path());
        let said = listen(&mut child, |numbers| numbers.len() as u64 > 2 + round * 3);
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let store = open(folder.path());
        for &number in &said {
            let found = store.reusable(key(number)).expect("it can be read");
            assert!(found.is_some(), "{number} was said to be done");
        }
        // The stage in which it was killed has a sound record, or none and perhaps a sound state.
        let last = said.last().expect("it said something") + 1;
        if is_recorded(&store, last) {
            assert!(store.reusable(key(last)).expect("it can be read").is_some());
        } else if let Some(state) = store.load_state(key(last)).expect("it can be read") {
            assert_eq!(fs::read(state).expect("it is there"), last.to_le_bytes());
        }
        let damage = store.take_notices();
        assert!(
            !damage.iter().any(|notice| matches!(notice, Notice::Quarantined { .. })),
            "{damage:?}"
        );
        let size = store.size().expect("it can be counted");
        assert_eq!(size.scratch.files, 0, "scratch space of the dead is swept");
        assert!(size.partial.files <= round + 1, "states of recorded stages are swept");
    }
}

#[test]
fn a_stage_has_one_computer_and_its_lock_dies_with_it() {
    let folder = folder();
    let store = open(folder.path());
    let mut child = second("lock 7", folder.path());
    assert_eq!(listen(&mut child, |numbers| !numbers.is_empty()), [7]);
    let attempt = |number| store.try_lock_stage(key(number)).expect("locks can be made");
    assert!(attempt(7).is_none());
    assert!(attempt(8).is_some(), "other stages are free");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let lock = store.lock_stage(key(7)).expect("locks can be made");
    assert!(attempt(7).is_none(), "one's own threads wait too");
    drop(lock);
    assert!(attempt(7).is_some());
    let left = files_below(&folder.path().join("locks"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn waiting_for_a_lock_computes_a_stage_once() {
    let folder = folder();
    let runs = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = open(folder.path());
                let _lock = store.lock_stage(key(1)).expect("locks can be made");
                if store.reusable(key(1)).expect("it can be read").is_none() {
                    *runs.lock().expect("no thread panics") += 1;
                    run(&store, 1, b"output");
                }
            });
        }
    });
    assert_eq!(*runs.lock().expect("no thread panics"), 1);
}

#[test]
fn scratch_space_of_the_dead_is_swept_and_that_of_the_living_is_not() {
    let folder = folder();
    let store = open(folder.path());
    let scratch = store.scratch().expect("a folder is made");
    let output = scratch.path().join("model");
    fs::write(&output, b"half a mod").expect("it can be written");
    let tmp = folder.path().join("tmp");
    fs::create_dir(tmp.join("session-dead")).expect("it can be made");
    fs::write(tmp.join("session-dead/lock"), b"").expect("it can be written");
    fs::write(tmp.join("session-dead/model"), b"half").expect("it can be written");
    fs::create_dir(tmp.join("no-lock")).expect("it can be made");
    fs::write(tmp.join("file"), b"").expect("it can be written");
    let other = open(folder.path());
    assert!(output.exists());
    assert_eq!(fs::read_dir(&tmp).expect("it is there").count(), 1);
    assert_eq!(other.take_notices(), []);
    drop(scratch);
    drop(store);
    assert_eq!(fs::read_dir(&tmp).expect("it is there").count(), 0);
}

// Saved states.

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

// Files outside the store.

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

// What the machine refuses.

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
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
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
    assert!(size.index_bytes > 0);
}
