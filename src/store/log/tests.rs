//! Framing, damage, and the ways in which a log is read.

use super::*;
use crate::store::disk::RealDisk;
use proptest::prelude::*;
use std::fs;

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    // Frames within payloads, and bytes like the magic's first, must not mislead the search for the next frame.
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(prop::sample::select(MAGIC.to_vec()), 0..40),
        Just(frames(&[b"inner".to_vec()]).expect("it is short")),
    ];
    prop::collection::vec(payload, 1..8)
}

proptest! {
    #[test]
    fn what_is_framed_is_read(payloads in payloads()) {
        let bytes = frames(&payloads).expect("they are short");
        let scan = Scan::of(&bytes);
        prop_assert!(scan.is_clean());
        let read: Vec<_> = scan.records.iter().map(|(_, payload)| payload.to_vec()).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn a_changed_byte_costs_its_own_record_alone(
        payloads in prop::collection::vec(prop::collection::vec(0..0x80_u8, 0..40), 1..8),
        place: prop::sample::Index,
        change in 1..=255_u8,
    ) {
        let mut bytes = frames(&payloads).expect("they are short");
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        let mut begin = 0;
        let mut expected = Vec::new();
        for payload in &payloads {
            let end = begin + HEADER + payload.len();
            if !(begin..end).contains(&place) {
                expected.push((begin, payload.as_slice()));
            }
            begin = end;
        }
        prop_assert_eq!(Scan::of(&bytes).records, expected);
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Scan::of(&bytes).end <= bytes.len());
    }
}

/// Payloads with a name each, short ones and some that are longer than a block.
fn named() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let payload = (0..6_u8, prop::collection::vec(any::<u8>(), 0..300));
    let named = payload.prop_map(|(name, rest)| [&Digest::of(&[name]).0, rest.as_slice()].concat());
    prop::collection::vec(named, 1..8)
}

/// What a log in this file says of every name, as `Places` read it, and what was noticed.
fn read<const SKIMS: bool>(path: &Path) -> (Vec<Option<Vec<u8>>>, Vec<Notice>) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (notices, mut places) = (Notices::default(), Places::<SKIMS>::default());
    let log = Log::open(&disk, path, &notices, &mut places).expect("it can be read");
    let say = |name| places.read(&log, Digest::of(&[name]), |rest| Some(rest.to_vec()));
    (
        (0..6).map(|name| say(name).expect("it can be read")).collect(),
        notices.take(),
    )
}

proptest! {
    /// A log that is skimmed says what one says that is verified, whole or with a torn end; and so does the last record of
    /// each name.
    #[test]
    fn a_skimmed_log_says_the_same(payloads in named(), torn in 0..40_usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let bytes = frames(&payloads).expect("they are short");
        let torn = torn.min(bytes.len());
        let mut last: Vec<Option<Vec<u8>>> = vec![None; 6];
        let mut end = 0;
        for payload in &payloads {
            end += HEADER + payload.len();
            let name = (0..6_u8).find(|name| payload.starts_with(&Digest::of(&[*name]).0)).expect("one of them");
            if end <= bytes.len() - torn {
                last[usize::from(name)] = Some(payload[NAME..].to_vec());
            }
        }
        for skims in [true, false] {
            fs::write(&path, &bytes[..bytes.len() - torn]).expect("it can be written");
            let (said, _) = if skims { read::<true>(&path) } else { read::<false>(&path) };
            prop_assert_eq!(said, last.clone());
        }
    }

    /// A changed byte costs no other name's record, and never gives a wrong one.
    #[test]
    fn damage_is_never_taken_for_a_record(payloads in named(), place: prop::sample::Index, change in 1..=255_u8) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut bytes = frames(&payloads).expect("they are short");
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        for skims in [true, false] {
            fs::write(&path, &bytes).expect("it can be written");
            let (said, _) = if skims { read::<true>(&path) } else { read::<false>(&path) };
            for (name, said) in (0..6_u8).zip(said) {
                let name = Digest::of(&[name]).0;
                let mut written = payloads.iter().filter(|payload| payload.starts_with(&name));
                let is_one = said.as_ref().is_none_or(|said| written.any(|payload| payload[NAME..] == **said));
                prop_assert!(is_one);
            }
        }
    }

    /// Appending without reading leaves a log that is read whole, whatever its end was.
    #[test]
    fn a_log_is_appended_to_unread(payloads in named(), torn in 0..40_usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let bytes = frames(&payloads).expect("they are short");
        let torn = torn.min(bytes.len());
        fs::write(&path, &bytes[..bytes.len() - torn]).expect("it can be written");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let notices = Notices::default();
        Log::append_unread(&disk, &path, &notices, b"the last".to_vec(), true).expect("it can be written");
        let whole = fs::read(&path).expect("it is there");
        let scan = Scan::of(&whole);
        prop_assert!(scan.is_clean(), "a torn end is cut first");
        prop_assert_eq!(scan.records.last().map(|(_, payload)| *payload), Some(b"the last".as_slice()));
        let last = Log::last(&disk, &path, &notices).expect("it can be read");
        prop_assert_eq!(last.last().map(Vec::as_slice), Some(b"the last".as_slice()));
        prop_assert_eq!(notices.take().len(), usize::from(torn > 0 && torn < bytes.len() && !ends_on_a_frame(&payloads, bytes.len() - torn)));
    }
}

/// True when frames end there.
fn ends_on_a_frame(payloads: &[Vec<u8>], at: usize) -> bool {
    let mut end = 0;
    payloads.iter().any(|payload| {
        end += HEADER + payload.len();
        end == at
    })
}
