use super::*;
use proptest::prelude::*;

fn candidate(number: usize, day: i64, files: &[u64], is_root: bool) -> Candidate {
    Candidate {
        holding: Holding {
            item: Item::Result(Key(Digest::of(&number.to_le_bytes()))),
            stage: format!("stage {number}"),
            kind: "train".to_owned(),
            when: Timestamp::UNIX_EPOCH,
            blobs: files.iter().map(|file| blob(*file)).collect(),
            is_used: false,
        },
        last_used: at(day),
        place: number,
        root: is_root.then(|| Root::Run("run".to_owned())),
    }
}

/// File `n` has `10 n` bytes.
fn blob(file: u64) -> Blob {
    Blob {
        inode: file,
        bytes: 10 * file,
    }
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).expect("a day")
}

fn places(chosen: &[(usize, Why)]) -> Vec<usize> {
    chosen.iter().map(|(at, _)| *at).collect()
}

#[test]
fn what_is_old_goes_and_roots_stay() {
    let all = [
        candidate(0, 1, &[1], false),
        candidate(1, 1, &[2], true),
        candidate(2, 5, &[3], false),
    ];
    let before = Limits {
        before: Some(at(5)),
        size: None,
    };
    assert_eq!(choose(&all, &[], before), [(0, Why::Old)]);
    assert_eq!(choose(&all, &[], Limits::default()), []);
}

#[test]
fn for_room_the_longest_unused_goes_first_and_what_follows_goes_before_what_it_needs() {
    // File 5 is shared by the first and the last, and 50 bytes are only free when both are gone.
    let all = [
        candidate(0, 2, &[5], false),
        candidate(1, 2, &[4], false),
        candidate(2, 1, &[3], false),
        candidate(3, 9, &[5, 1], false),
    ];
    let size = |size| Limits {
        before: None,
        size: Some(size),
    };
    assert_eq!(places(&choose(&all, &[], size(130))), [0; 0], "130 bytes are held");
    assert_eq!(places(&choose(&all, &[], size(100))), [2]);
    assert_eq!(
        places(&choose(&all, &[], size(99))),
        [2, 1],
        "the later stage of the two"
    );
    assert_eq!(
        places(&choose(&all, &[], size(59))),
        [2, 1, 0, 3],
        "the shared file needs both"
    );
    assert_eq!(
        places(&choose(&all, &[blob(7)], size(0))),
        [2, 1, 0, 3],
        "what nobody may remove stays"
    );
}

proptest! {
    /// Whatever the limits, roots stay, nothing younger than what stays by age goes for age, and for room no more goes than is needed.
    #[test]
    fn no_more_goes_than_must(
        items in prop::collection::vec((0..9_i64, prop::collection::vec(1..9_u64, 1..3), any::<bool>()), 0..12),
        before in prop::option::of(0..9_i64),
        size in prop::option::of(0..500_u64),
    ) {
        let all: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(number, (day, files, is_root))| candidate(number, *day, files, *is_root))
            .collect();
        let limits = Limits { before: before.map(at), size };
        let chosen = choose(&all, &[], limits);
        let total = |gone: &[usize]| {
            let left = all.iter().enumerate().filter(|(at, _)| !gone.contains(at));
            bytes(left.flat_map(|(_, it)| &it.holding.blobs))
        };
        let gone = places(&chosen);
        for (place, candidate) in all.iter().enumerate() {
            let is_old = limits.before.is_some_and(|before| candidate.last_used < before);
            let goes = gone.contains(&place);
            prop_assert!(!goes || candidate.root.is_none());
            prop_assert!(goes || !is_old || candidate.root.is_some());
        }
        if let Some(size) = size {
            let all_free = all.iter().enumerate().all(|(at, it)| it.root.is_some() || gone.contains(&at));
            prop_assert!(total(&gone) <= size || all_free);
            if let Some((last, Why::Size)) = chosen.last() {
                let without: Vec<_> = gone.iter().copied().filter(|at| at != last).collect();
                prop_assert!(total(&without) > size, "the last one was needed");
            }
        }
    }
}
