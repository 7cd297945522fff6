use super::*;
use proptest::prelude::*;

const MIXUP: Mix = Mix::Mixup {
    alpha: 0.2,
    probability: 1.0,
};
const CUTMIX: Mix = Mix::CutMix {
    alpha: 1.0,
    probability: 1.0,
};

#[test]
fn mixed_pictures_are_weighted_means() {
    let mixing = Mixing {
        partners: vec![2, 1, 0],
        share: 0.75,
        patch: None,
    };
    let mut images = [1.0, 2.0, 10.0, 20.0, -3.0, 6.0];
    mixing.apply(&mut images, [1, 2]);
    assert_eq!(images, [0.0, 3.0, 10.0, 20.0, -2.0, 5.0]);
}

/// Two pictures of 3 x 4 pixels and two channels: the box has rows 1 and 2 and columns 1 and 2.
#[test]
fn a_box_is_the_partners() {
    let mixing = Mixing {
        partners: vec![1, 0],
        share: 1.0 - 4.0 / 12.0,
        patch: Some([1..3, 1..3]),
    };
    let mut images: Vec<f32> = (0..48_u8).map(f32::from).collect();
    mixing.apply(&mut images, [3, 4]);
    for (at, value) in images.iter().enumerate() {
        let (picture, y, x, channel) = (at / 24, at % 24 / 8, at % 8 / 2, at % 2);
        let from = if (1..3).contains(&y) && (1..3).contains(&x) {
            1 - picture
        } else {
            picture
        };
        assert_eq!(*value, (from * 24 + y * 8 + x * 2 + channel) as f32);
    }
}

proptest! {
    /// Partners are a permutation, all of it a function of the chance alone, and the target's share is that of the pixels.
    #[test]
    fn partners_are_a_permutation_and_shares_are_those_of_pixels(
        seed in any::<u64>(),
        count in 1usize..40,
        height in 1usize..30,
        width in 1usize..30,
        alpha in 0.01f64..10.0,
    ) {
        for mix in [Mix::Mixup { alpha, probability: 1.0 }, Mix::CutMix { alpha, probability: 1.0 }] {
            let mixing = Mixing::draw(&mix, Stream::new(seed), count, [height, width]).expect("always");
            prop_assert_eq!(&mixing, &Mixing::draw(&mix, Stream::new(seed), count, [height, width]).expect("always"));
            let mut sorted = mixing.partners.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>());
            prop_assert!((0.0..=1.0).contains(&mixing.share), "{}", mixing.share);
            // Every picture is of one value, its number; what is left of it is its share.
            let len = height * width;
            let mut images: Vec<f32> = (0..count * len).map(|at| (at / len) as f32).collect();
            mixing.apply(&mut images, [height, width]);
            for (number, image) in images.chunks_exact(len).enumerate() {
                let mean = image.iter().map(|value| f64::from(*value)).sum::<f64>() / len as f64;
                let expected = mixing.share * number as f64 + (1.0 - mixing.share) * mixing.partners[number] as f64;
                prop_assert!((mean - expected).abs() < 1e-4, "{} {}", mean, expected);
            }
        }
    }
}

/// Mean and variance of Beta(a, a): 1/2 and 1 / (4 (2 a + 1)).
#[test]
fn shares_have_their_distribution() {
    for alpha in [0.001, 0.2, 1.0, 3.0] {
        let drawn: Vec<f64> = (0..20_000).map(|seed| beta(Stream::new(seed), alpha)).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        let expected = 0.25 / (2.0 * alpha + 1.0);
        assert!((mean - 0.5).abs() < 0.012, "{alpha}: {mean}");
        assert!(
            (variance / expected - 1.0).abs() < 0.03,
            "{alpha}: {variance} for {expected}"
        );
    }
    // Of Beta(0.2, 0.2) this share lies below 0.01; scipy 1.17.1: stats.beta.cdf(0.01, 0.2, 0.2).
    let below = (0..20_000).filter(|&seed| beta(Stream::new(seed), 0.2) < 0.01).count();
    assert!((below as f64 / 20_000.0 - 0.209_78).abs() < 0.01, "{below}");
}

#[test]
fn batches_are_mixed_as_often_as_said() {
    let half = Mix::Mixup {
        alpha: 0.2,
        probability: 0.5,
    };
    let mixed = |mix: &Mix| {
        let drawn = (0..2000).filter(|&seed| Mixing::draw(mix, Stream::new(seed), 4, [2, 2]).is_some());
        drawn.count()
    };
    assert!((900..1100).contains(&mixed(&half)));
    assert_eq!([mixed(&MIXUP), mixed(&CUTMIX)], [2000, 2000]);
}

/// torchvision 0.29.2: the box of `CutMix._make_params` for a centre and a share.
#[test]
fn boxes_are_torchvisions() {
    // (r_x, lam, W) -> x1, x2
    for (place, share_left, side, expected) in [
        (0.5, 0.75, 224, 56..168),
        (0.0, 0.75, 224, 0..56),
        (0.999, 0.36, 10, 5..10),
        (0.3, 0.99, 10, 3..3),
    ] {
        assert_eq!(around(place, f64::sqrt(1.0 - share_left), side), expected);
    }
}
