use super::*;
use crate::store::TrailPart;
use proptest::prelude::*;

fn key(number: u32) -> Key {
    Key(Digest::of(&number.to_le_bytes()))
}

/// The state of training `stage` after `epoch` epochs, with parts of these contents and lengths.
fn state(stage: u32, epoch: u32, parts: &[(u32, u64)]) -> (Key, EpochState) {
    let parts = parts.iter().map(|(contents, bytes)| {
        let digest = Digest::of(&contents.to_be_bytes());
        (contents.to_string(), TrailPart { digest, bytes: *bytes })
    });
    let state = EpochState {
        epoch,
        root: key(0),
        stage: key(stage),
        pipeline: "study".to_owned(),
        course: serde_json::Value::Null,
        devices: vec!["cpu-avx2".to_owned()],
        parts: parts.collect(),
    };
    (key(stage * 1000 + epoch), state)
}

/// Bytes of all parts, each once.
fn total(states: &[(Key, EpochState)]) -> u64 {
    let parts = states.iter().flat_map(|(_, state)| state.parts.values());
    let once: BTreeMap<Digest, u64> = parts.map(|part| (part.digest, part.bytes)).collect();
    once.values().sum()
}

#[test]
fn what_several_states_have_counts_once_and_what_matters_least_goes_first() {
    let standing = |_: Key, state: &EpochState| -> Result<Standing, StoreError> {
        Ok(match (state.stage == key(1), state.epoch) {
            (true, 8) => Standing::UnderWay,
            (false, 4) => Standing::Ended,
            _ => Standing::OnTheWay,
        })
    };
    let states = [
        state(2, 2, &[(20, 10), (99, 100)]),
        state(2, 4, &[(21, 10), (99, 100)]),
        state(1, 4, &[(11, 10)]),
        state(1, 8, &[(12, 10)]),
    ];
    let gone = |budget| over_budget(&states, budget, standing).expect("nothing fails");
    assert_eq!(total(&states), 140);
    assert_eq!(gone(140), []);
    assert_eq!(gone(139), [states[0].0], "its large part is also another's");
    assert_eq!(gone(129), [states[0].0, states[2].0]);
    assert_eq!(gone(119), [states[0].0, states[2].0, states[1].0]);
    assert_eq!(gone(0).len(), 3, "the one under way stays");
}

/// Runs the rule after every epoch, as a training does.
fn left(epochs: u32, best: impl Fn(u32) -> u32, partings: &BTreeSet<u32>) -> Vec<u32> {
    let mut kept = Vec::new();
    for done in 1..=epochs {
        kept.retain(|epoch| is_kept(*epoch, Some(best(done)), partings));
        kept.push(done);
    }
    kept
}

proptest! {
    /// Beside the newest there is one state per power of two, the best and the partings: from any epoch on, a training
    /// that parts there finds at least half of what it shares.
    #[test]
    fn thinning_keeps_few_states_and_half_of_every_way(
        epochs in 1..300_u32,
        losses in prop::collection::vec(0..1000_u32, 300),
        partings in prop::collection::btree_set(1..300_u32, 0..4),
    ) {
        let best = |done: u32| (1..=done).min_by_key(|epoch| losses[*epoch as usize - 1]).expect("one is done");
        let kept = left(epochs, best, &partings);
        prop_assert_eq!(kept.last(), Some(&epochs));
        prop_assert!(kept.contains(&best(epochs)));
        prop_assert!(partings.iter().all(|epoch| *epoch > epochs || kept.contains(epoch)));
        for parting in 1..=epochs {
            let from = kept.iter().filter(|epoch| **epoch <= parting).max();
            prop_assert!(from.is_some_and(|from| from * 2 > parting));
        }
        let few = epochs.ilog2() as usize + 1 + partings.len() + 2;
        prop_assert!(kept.len() <= few, "{:?}", kept);
    }

    /// Never more than the budget but for what is under way, nothing without need, and no part of a state that stays.
    #[test]
    fn a_budget_is_kept_and_nothing_goes_without_need(
        held in prop::collection::vec((1..5_u32, 1..40_u32, prop::collection::btree_map(0..30_u32, 1..100_u64, 1..4)), 0..30),
        budget in 0..3000_u64,
    ) {
        let mut seen = BTreeSet::new();
        let states: Vec<_> = held.iter().filter(|(stage, epoch, _)| seen.insert((*stage, *epoch))).map(|(stage, epoch, parts)| {
            // What has the same contents has the same length.
            let parts: Vec<_> = parts.keys().map(|contents| (*contents, u64::from(contents * 7 % 50 + 1))).collect();
            state(*stage, *epoch, &parts)
        }).collect();
        let standing = |_: Key, state: &EpochState| -> Result<Standing, StoreError> {
            Ok(if state.epoch.is_multiple_of(10) { Standing::UnderWay } else { Standing::OnTheWay })
        };
        let gone = over_budget(&states, budget, standing).expect("nothing fails");
        let stays = |gone: &[Key]| states.iter().filter(|(key, _)| !gone.contains(key)).cloned().collect::<Vec<_>>();
        let left = stays(&gone);
        prop_assert!(total(&left) <= budget || left.iter().all(|(_, state)| state.epoch.is_multiple_of(10)));
        prop_assert!(states.iter().filter(|(_, state)| state.epoch.is_multiple_of(10)).all(|(key, _)| !gone.contains(key)));
        if let [before @ .., _] = &gone[..] {
            prop_assert!(total(&stays(before)) > budget, "the last one had to go");
        }
    }
}

#[test]
fn what_points_is_told_from_a_state() {
    let text = pointer(key(7));
    assert!(text.len() as u64 <= POINTER_BYTES);
    assert_eq!(pointed(text.as_bytes()), Some(key(7)));
    assert_eq!(pointed(&8_u64.to_le_bytes()), None);
    assert_eq!(pointed(b"mtl.trail/1 nothing"), None);
    assert_eq!(pointed(b""), None);
}
