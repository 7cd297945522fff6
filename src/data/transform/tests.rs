use super::*;
use crate::plan::stage::Side;
use proptest::prelude::*;

fn grey_picture(height: usize, width: usize, values: impl Fn(usize, usize) -> u8) -> Picture {
    Picture {
        height,
        width,
        channels: 1,
        samples: Samples::U8((0..height * width).map(|at| values(at / width, at % width)).collect()),
    }
}

fn values(picture: &Picture) -> Vec<u16> {
    match &picture.samples {
        Samples::U8(values) => values.iter().map(|&value| value.into()).collect(),
        Samples::U16(values) => values.clone(),
    }
}

fn after(picture: &Picture, transforms: &[Transform]) -> Picture {
    picture.clone().transform(transforms, "test").unwrap().0
}

/// Pictures of noise, grey or coloured, of 8 or 16 bits.
fn any_picture() -> impl Strategy<Value = Picture> {
    let shape = (
        1usize..14,
        1usize..14,
        prop_oneof![Just(1usize), Just(3)],
        any::<bool>(),
    );
    shape.prop_flat_map(|(height, width, channels, wide)| {
        let count = height * width * channels;
        let samples = if wide {
            prop::collection::vec(any::<u16>(), count)
                .prop_map(Samples::U16)
                .boxed()
        } else {
            prop::collection::vec(any::<u8>(), count).prop_map(Samples::U8).boxed()
        };
        samples.prop_map(move |samples| Picture {
            height,
            width,
            channels,
            samples,
        })
    })
}

proptest! {
    /// One side is the frame's, the other is at most half a pixel off the picture's own proportions.
    #[test]
    fn fit_never_distorts(from in [1usize..3000, 1..3000], into in [1u32..600, 1..600]) {
        let to = fitted(from, into);
        prop_assert!(to[0] <= into[0] && to[1] <= into[1] && (to[0] == into[0] || to[1] == into[1]));
        let exact = (f64::from(into[0]) / from[0] as f64).min(f64::from(into[1]) / from[1] as f64);
        for side in 0..2 {
            let wanted = from[side] as f64 * exact;
            prop_assert!((f64::from(to[side]) - wanted).abs() <= 0.5 + 1e-9 || wanted < 0.5 && to[side] == 1);
        }
    }

    #[test]
    fn fit_fills_up_with_black_evenly(picture in any_picture(), into in [1u32..20, 1..20]) {
        let [height, width] = into;
        let out = after(&picture, &[Transform::Fit { height, width }]);
        prop_assert_eq!([out.height, out.width], into.map(|side| side as usize));
        prop_assert_eq!(out.channels, picture.channels);
        let inner = fitted([picture.height, picture.width], into).map(|side| side as usize);
        let first = [(out.height - inner[0]) / 2, (out.width - inner[1]) / 2];
        for (at, value) in values(&out).into_iter().enumerate() {
            let (y, x) = (at / out.channels / out.width, at / out.channels % out.width);
            let inside = (first[0]..first[0] + inner[0]).contains(&y) && (first[1]..first[1] + inner[1]).contains(&x);
            prop_assert!(inside || value == 0);
        }
        let back = out.crop(first[0]..first[0] + inner[0], first[1]..first[1] + inner[1]);
        let [height, width] = inner.map(|side| u32::try_from(side).unwrap());
        prop_assert_eq!(back, after(&picture, &[Transform::Resize { height, width }]));
    }

    #[test]
    fn what_was_padded_is_cropped_again(picture in any_picture(), more in [0usize..7, 0..7]) {
        let [height, width] = [picture.height + more[0], picture.width + more[1]];
        let padded = picture.clone().pad(height, width);
        let first = [more[0] / 2, more[1] / 2];
        prop_assert_eq!(padded.crop(first[0]..first[0] + picture.height, first[1]..first[1] + picture.width), picture);
        prop_assert_eq!([padded.height, padded.width], [height, width]);
    }

    #[test]
    fn windows_keep_order_and_use_the_whole_scale(
        picture in any_picture(),
        low in 0.0..0.5,
        high in 0.5..=1.0,
    ) {
        let out = after(&picture, &[Transform::WindowPercentiles { low, high }]);
        let (before, after) = (values(&picture), values(&out));
        for (a, b) in before.iter().zip(&after).flat_map(|a| before.iter().zip(&after).map(move |b| (a, b))) {
            prop_assert!(a.0 > b.0 || a.1 <= b.1, "{a:?} {b:?}");
        }
        let mut file = picture.clone();
        file.window(7.0, 7.0);
        prop_assert_eq!(file, picture, "a window without extent changes nothing");
    }

    /// A picture and its mirror come out alike, where they have the same breast: of two equal parts another one comes
    /// first in the mirror.
    #[test]
    fn a_picture_and_its_mirror_face_the_same_way(picture in any_picture(), to_right in any::<bool>()) {
        let side = if to_right { Side::Right } else { Side::Left };
        let mut mirror = picture.clone();
        mirror.exchange_sides();
        let [breast, mirrored] = [&picture, &mirror].map(|p| Breast::of(&grey(p), p.height, p.width));
        let mask = breast.mask.chunks(picture.width).flat_map(|row| row.iter().rev());
        if mask.eq(&mirrored.mask) {
            let out = after(&picture, &[Transform::Face(side)]);
            prop_assert_eq!(&after(&out, &[Transform::Face(side)]), &out, "once is enough");
            match breast.chest_wall() {
                Some(_) => prop_assert_eq!(after(&mirror, &[Transform::Face(side)]), out),
                None => prop_assert_eq!(out, picture, "undecided pictures stay as they are"),
            }
        }
    }
}

/// A broad part at the left edge, a marker apart from it, dim noise around.
fn film(height: usize, width: usize) -> Picture {
    grey_picture(height, width, |y, x| {
        let (dy, reach) = (y.abs_diff(height / 2), width / 2);
        let in_breast = x * x + dy * dy < reach * reach;
        let in_marker = (2..6).contains(&y) && (width - 6..width - 2).contains(&x);
        match (in_breast, in_marker) {
            (true, _) => 120 + (x % 50) as u8,
            (_, true) => 255,
            _ => ((x * 7 + y * 3) % 5) as u8,
        }
    })
}

#[test]
fn the_largest_part_is_kept_and_markers_are_not() {
    let (height, width) = (60, 40);
    let film = film(height, width);
    let cropped = after(&film, &[Transform::CropBreast]);
    // A half disc of radius 20 about the middle of the left edge: rows 11 to 49, columns 0 to 19.
    assert_eq!([cropped.height, cropped.width], [39, 20]);
    assert_eq!(cropped, film.crop(11..50, 0..20));
    assert_eq!(after(&cropped, &[Transform::CropBreast]).height, 39, "twice is once");
    let blank = grey_picture(5, 4, |_, _| 9);
    assert_eq!(
        after(&blank, &[Transform::CropBreast]),
        blank,
        "a blank picture is all there is"
    );
}

#[test]
fn the_chest_wall_comes_to_the_side_that_is_asked_for() {
    let left = film(60, 40);
    let mut right = left.clone();
    right.exchange_sides();
    assert_ne!(left, right);
    for film in [&left, &right] {
        assert_eq!(after(film, &[Transform::Face(Side::Left)]), left);
        assert_eq!(after(film, &[Transform::Face(Side::Right)]), right);
        let cropped = after(film, &[Transform::CropBreast, Transform::Face(Side::Left)]);
        assert_eq!(cropped, left.crop(11..50, 0..20), "before or after the crop");
    }
}

#[test]
fn percentiles_are_those_of_the_breast_alone() {
    // 100 pixels of the breast with the values 100 to 199, all else black.
    let picture = grey_picture(
        20,
        20,
        |y, x| if y < 10 && x < 10 { (100 + y * 10 + x) as u8 } else { 0 },
    );
    let out = after(&picture, &[Transform::WindowPercentiles { low: 0.1, high: 0.9 }]);
    // numpy 2.4.6: percentile(arange(100, 200), [10, 90]) is 109.9, 189.1.
    let mapped = |value: f64| ((value - 109.9) / (189.1 - 109.9)).clamp(0.0, 1.0) * 255.0;
    for (before, after) in values(&picture).into_iter().zip(values(&out)) {
        assert_eq!(f64::from(after), mapped(f64::from(before)).round(), "{before}");
    }
}

#[test]
fn sixteen_bits_stay_sixteen() {
    let picture = Picture {
        height: 1,
        width: 4,
        channels: 1,
        samples: Samples::U16(vec![0, 1000, 2500, 60_000]),
    };
    let out = after(
        &picture,
        &[Transform::WindowRange {
            low: 1000.0,
            high: 4000.0,
        }],
    );
    assert_eq!(out.samples, Samples::U16(vec![0, 0, 32_768, 65_535]));
}
