//! Other threads and processes, and their sudden ends.

use crate::{files_below, folder, gc, is_recorded, key, open, run};
use mtl::store::Notice;
use std::{
    fs::{self},
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

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
            store.keep_uses();
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
        Some(("use", number)) => {
            let number = number.parse().expect("a number");
            store.keep_uses();
            assert!(store.lookup(key(number)).expect("the log is read").is_some());
            say(number);
            std::thread::sleep(Duration::from_secs(600));
        }
        Some(("collect", _)) => {
            for round in 0.. {
                gc::collect_even(&store);
                say(round);
            }
        }
        _ => panic!("no role {role}"),
    }
}

pub(crate) fn second(role: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program lies somewhere"))
        .args(["--exact", "company::second_process", "--nocapture"])
        .env("STORE_TEST_ROLE", role)
        .env("STORE_TEST_FOLDER", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts again")
}

/// Reads numbers that a second process says, until `enough`.
pub(crate) fn listen(child: &mut Child, enough: impl Fn(&[u64]) -> bool) -> Vec<u64> {
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
    fs::create_dir(tmp.join("process-dead")).expect("it can be made");
    fs::write(tmp.join("process-dead/lock"), b"").expect("it can be written");
    fs::write(tmp.join("process-dead/model"), b"half").expect("it can be written");
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
