//! Seeds: what each draw of a study depends on, and what it does not.
//!
//! A stage's seed is a function of the seed that the program gives (or the study's), the repeat and the fold, and of
//! nothing else: the arms of a study draw alike, so their differences are not those of the draw. Random weights
//! depend on the seed and the repeat alone: all folds of a repeat start from the same network.

/// One step of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The seed of a training: order, augmentation, dropout and a new head.
pub(super) fn of_training(base: u64, repeat: u32, fold: u32) -> u64 {
    mix(of_weights(base, repeat) ^ (u64::from(fold) + 1))
}

/// The seed of random weights.
pub(super) fn of_weights(base: u64, repeat: u32) -> u64 {
    mix(mix(base) ^ u64::from(repeat))
}

/// The key by which a group's place is sorted when labels are permuted.
pub(super) fn of_permutation(base: u64, place: usize) -> u64 {
    mix(mix(base ^ 0x7065_726d) ^ place as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_draws_for_itself_and_folds_share_their_start() {
        let mut seeds: Vec<_> = (0..4)
            .flat_map(|base| (0..3).flat_map(move |repeat| (0..5).map(move |fold| of_training(base, repeat, fold))))
            .collect();
        seeds.extend((0..4).flat_map(|base| (0..3).map(move |repeat| of_weights(base, repeat))));
        let count = seeds.len();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), count);
    }
}
