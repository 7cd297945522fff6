use super::*;
use proptest::prelude::*;

fn sampler(samples: usize, batch: usize, drop_last: bool, drop_single: bool) -> Sampler {
    Sampler {
        seed: 4,
        samples,
        batch,
        drop_last,
        drop_single,
        classes: Vec::new(),
    }
}

/// Classes of so many samples, numbered through, with so many draws each.
fn of_classes(classes: &[(usize, usize)], seed: u64) -> Sampler {
    let mut first = 0;
    let classes: Vec<ClassDraws> = classes
        .iter()
        .map(|&(count, draws)| {
            first += count;
            ClassDraws {
                samples: (first - count..first).collect(),
                draws,
            }
        })
        .collect();
    Sampler {
        seed,
        samples: classes.iter().map(|class| class.draws).sum(),
        classes,
        ..sampler(0, 8, false, false)
    }
}

proptest! {
    #[test]
    fn an_order_is_a_permutation_and_differs_by_epoch(samples in 20usize..300, epoch in 0usize..50) {
        let sampler = sampler(samples, 8, false, false);
        let order = sampler.order(epoch);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let all: Vec<_> = (0..samples).map(|sample| Draw { sample, again: 0 }).collect();
        prop_assert_eq!(sorted, all);
        prop_assert_ne!(&order, &sampler.order(epoch + 1));
        prop_assert_eq!(&order, &sampler.order(epoch));
    }

    /// Each epoch has of each class what was asked for, no sample is drawn twice more often than another of its class, not
    /// within any number of epochs, and no two draws of one sample have one chance.
    #[test]
    fn classes_are_drawn_as_often_as_they_should(
        classes in prop::collection::vec((1usize..12, 1usize..40), 1..5),
        epochs in 1usize..8,
        seed in any::<u64>(),
    ) {
        let sampler = of_classes(&classes, seed);
        let count = classes.iter().map(|(count, _)| count).sum();
        let mut times = vec![0_usize; count];
        for epoch in 0..epochs {
            let order = sampler.order(epoch);
            prop_assert_eq!(order.len(), sampler.samples);
            let mut seen = order.clone();
            seen.sort_unstable();
            for (draw, next) in seen.iter().zip(seen.iter().skip(1)) {
                let follows = next.sample == draw.sample && next.again == draw.again + 1;
                prop_assert!(follows || next.sample > draw.sample && next.again == 0, "{:?} {:?}", draw, next);
            }
            let mut chances: Vec<u64> = order.iter().map(|draw| sampler.chance(epoch, 0, *draw).bits(0)).collect();
            chances.sort_unstable();
            chances.dedup();
            prop_assert_eq!(chances.len(), order.len());
            order.iter().for_each(|draw| times[draw.sample] += 1);
            for class in &sampler.classes {
                let of = class.samples.iter().map(|&sample| times[sample]);
                prop_assert_eq!(of.clone().sum::<usize>(), class.draws * (epoch + 1));
                let (least, most) = (of.clone().min(), of.max());
                prop_assert!(most.unwrap_or(0) - least.unwrap_or(0) <= 1, "{:?} {:?}", least, most);
            }
        }
    }
}

/// Classes do not stand together, and epochs differ.
#[test]
fn draws_of_classes_are_mixed() {
    let sampler = of_classes(&[(5, 50), (200, 50)], 9);
    let order = sampler.order(0);
    let rare = order[..50].iter().filter(|draw| draw.sample < 5).count();
    assert!((15..=35).contains(&rare), "{rare}");
    assert_ne!(order, sampler.order(1));
    let first: Vec<usize> = order
        .iter()
        .map(|draw| draw.sample)
        .filter(|sample| *sample >= 5)
        .collect();
    let second = sampler.order(1);
    assert!(
        second.iter().all(|draw| !first.contains(&draw.sample)),
        "a pass has every sample once"
    );
}

#[test]
fn last_batches_are_kept_or_dropped() {
    let batches = |samples, drop_last, drop_single| sampler(samples, 4, drop_last, drop_single).batches();
    assert_eq!(
        [
            batches(8, false, true),
            batches(9, false, true),
            batches(10, false, true)
        ],
        [2, 2, 3]
    );
    assert_eq!(
        [
            batches(9, false, false),
            batches(9, true, false),
            batches(3, true, false)
        ],
        [3, 2, 1]
    );
    assert_eq!([batches(1, false, true), batches(0, false, true)], [1, 0]);
}

#[test]
fn every_sample_has_chances_of_its_own_in_every_epoch() {
    let sampler = sampler(50, 4, false, false);
    let of = |epoch, sample| sampler.chance(epoch, 0, Draw { sample, again: 0 }).bits(0);
    let mut drawn: Vec<_> = (0..2500).map(|place| of(place / 50, place % 50)).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 2500);
    assert_eq!(of(3, 7), of(3, 7));
    let other = sampler.chance(3, 1, Draw { sample: 7, again: 0 });
    assert_ne!(of(3, 7), other.bits(0), "another view has others");
    assert_ne!(sampler.batch_chance(0, 1), sampler.batch_chance(1, 0));
}
