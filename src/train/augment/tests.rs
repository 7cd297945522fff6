use super::*;
use proptest::prelude::*;

/// Values between 0 and 1 of a picture, `[height, width, channels]`.
fn picture([channels, height, width]: [usize; 3], seed: u64) -> Vec<f32> {
    let stream = Stream::new(seed);
    (0..(height * width * channels) as u64)
        .map(|at| stream.uniform(at) as f32)
        .collect()
}

fn changed(image: &[f32], shape: [usize; 3], all: &[Augmentation], chance: u64) -> Vec<f32> {
    let mut image = image.to_vec();
    augment(&mut image, shape, all, Stream::new(chance));
    image
}

fn flip(horizontal: f64, vertical: f64) -> Augmentation {
    Augmentation::Flip { horizontal, vertical }
}

fn shapes() -> impl Strategy<Value = [usize; 3]> {
    (prop_oneof![Just(1usize), Just(3)], 1usize..12, 1usize..12).prop_map(|(c, h, w)| [c, h, w])
}

fn any_augmentation() -> impl Strategy<Value = Augmentation> {
    prop_oneof![
        Just(Augmentation::Identity),
        (0.0..=1.0, 0.0..=1.0).prop_map(|(horizontal, vertical)| flip(horizontal, vertical)),
        (0.0..=180.0).prop_map(|degrees| Augmentation::Rotate { degrees }),
        (0.0..=1.0).prop_map(|share| Augmentation::Shift { share }),
        (0.2..1.0, 1.0..4.0).prop_map(|(low, high)| Augmentation::Scale { low, high }),
        (0.0..=1.0).prop_map(|share| Augmentation::Contrast { share }),
        (0.0..=1.0).prop_map(|share| Augmentation::Brightness { share }),
        (0.0..=1.0).prop_map(|deviation| Augmentation::Noise { deviation }),
        (0.1..1.0, 1.0..10.0).prop_map(|(low, high)| Augmentation::Gamma { low, high }),
        (0.0..1.0, 1.0..6.0).prop_map(|(low, high)| Augmentation::Blur { low, high }),
        (0.0..=40.0, 0.1..=6.0).prop_map(|(alpha, sigma)| Augmentation::Elastic { alpha, sigma }),
        (0.01..0.5, 0.5..=1.0).prop_map(|(low, high)| crop([low, high], [0.5, 2.0])),
        (0.0..=1.0).prop_map(|probability| sometimes(probability, Augmentation::Gamma { low: 0.5, high: 0.5 })),
        (0.0..=1.0).prop_map(|probability| sometimes(probability, sometimes(probability, flip(1.0, 0.0)))),
    ]
}

fn crop(area: [f64; 2], ratio: [f64; 2]) -> Augmentation {
    Augmentation::RandomCrop { area, ratio }
}

fn sometimes(probability: f64, change: Augmentation) -> Augmentation {
    let change = Box::new(change);
    Augmentation::Sometimes { probability, change }
}

proptest! {
    #[test]
    fn what_changes_nothing_changes_no_bit(shape in shapes(), chance in any::<u64>()) {
        let image = picture(shape, 1);
        for nothing in [
            vec![],
            vec![Augmentation::Identity],
            vec![flip(0.0, 0.0)],
            vec![Augmentation::Rotate { degrees: 0.0 }],
            vec![Augmentation::Shift { share: 0.0 }],
            vec![Augmentation::Scale { low: 1.0, high: 1.0 }],
            vec![Augmentation::Contrast { share: 0.0 }],
            vec![Augmentation::Brightness { share: 0.0 }],
            vec![Augmentation::Noise { deviation: 0.0 }],
            vec![Augmentation::Gamma { low: 1.0, high: 1.0 }],
            vec![Augmentation::Blur { low: 0.0, high: 0.0 }],
            vec![Augmentation::Elastic { alpha: 0.0, sigma: 3.0 }],
            vec![crop([1.0, 1.0], [1.0, 1.0])],
            vec![sometimes(0.0, Augmentation::Noise { deviation: 0.5 })],
        ] {
            prop_assert_eq!(&changed(&image, shape, &nothing, chance), &image, "{:?}", nothing);
        }
    }

    #[test]
    fn flips_exchange_sides_and_undo_themselves(shape in shapes(), chance in any::<u64>()) {
        let [channels, height, width] = shape;
        let image = picture(shape, 2);
        let at = |image: &[f32], x: usize, y: usize, c: usize| image[(y * width + x) * channels + c];
        for (horizontal, vertical) in [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let flipped = changed(&image, shape, &[flip(horizontal, vertical)], chance);
            for (x, y, c) in (0..width).flat_map(|x| (0..height).flat_map(move |y| (0..channels).map(move |c| (x, y, c)))) {
                let (from_x, from_y) = (
                    if horizontal == 1.0 { width - 1 - x } else { x },
                    if vertical == 1.0 { height - 1 - y } else { y },
                );
                prop_assert_eq!(at(&flipped, x, y, c), at(&image, from_x, from_y, c));
            }
            prop_assert_eq!(&changed(&flipped, shape, &[flip(horizontal, vertical)], chance + 1), &image);
            prop_assert_eq!(&changed(&image, shape, &[flip(horizontal, vertical), flip(horizontal, vertical)], chance), &image);
        }
    }

    #[test]
    fn pictures_stay_on_their_scale_and_chance_alone_decides(
        shape in shapes(),
        all in prop::collection::vec(any_augmentation(), 0..5),
        chance in 0..u64::MAX,
    ) {
        let image = picture(shape, 3);
        let found = changed(&image, shape, &all, chance);
        prop_assert!(found.iter().all(|value| (0.0..=1.0).contains(value)), "{:?}", all);
        prop_assert_eq!(&changed(&image, shape, &all, chance), &found);
    }

    /// Grey in three equal channels stays grey, and becomes what it becomes in one.
    #[test]
    fn equal_channels_stay_equal(
        (height, width) in (1usize..9, 1usize..9),
        all in prop::collection::vec(any_augmentation(), 0..5),
        chance in any::<u64>(),
    ) {
        let grey = picture([1, height, width], 4);
        let coloured: Vec<f32> = grey.iter().flat_map(|&value| [value; 3]).collect();
        let grey = changed(&grey, [1, height, width], &all, chance);
        let coloured = changed(&coloured, [3, height, width], &all, chance);
        for (pixel, value) in coloured.as_chunks::<3>().0.iter().zip(grey) {
            prop_assert!(pixel[0] == pixel[1] && pixel[1] == pixel[2]);
            // The mean of the grey picture is summed with three weights there.
            prop_assert!((pixel[0] - value).abs() < 1e-5, "{} {}", pixel[0], value);
        }
    }
}

/// scipy 1.17.1 on numpy 2.4.6: `ndimage.affine_transform(image, M, offset=c + s - M @ c, order=1,
/// mode="grid-constant")` in doubles, c the centre, M a rotation by 17 degrees with an enlargement of 1.25, s the shift;
/// its axes are y and x.
#[test]
fn resampling_is_scipys() {
    const EXPECTED: [[f64; 7]; 5] = [
        [0.281_199, 0.393_773_2, 0.218_605_4, 0.033_436_6, 0.0, 0.0, 0.0],
        [
            0.238_890_1,
            0.632_938,
            0.378_658_5,
            0.268_272,
            0.407_873_2,
            0.409_540_2,
            0.117_424_1,
        ],
        [
            0.439_794_7,
            0.541_860_6,
            0.182_684,
            0.388_75,
            0.548_651_2,
            0.675_840_4,
            0.356_605_1,
        ],
        [
            0.583_470_5,
            0.326_097_6,
            0.097_287_9,
            0.530_912_9,
            0.318_350_4,
            0.266_491_8,
            0.447_95,
        ],
        [
            0.347_918_9,
            0.530_507_2,
            0.546_545_2,
            0.645_582_4,
            0.325_983_1,
            0.569_486_5,
            0.469_809_3,
        ],
    ];
    let mut image: Vec<f32> = (0..35)
        .map(|at| (at % 7, at / 7))
        .map(|(x, y)| ((x * 37 + y * 59 + x * y * 11) % 97) as f32 / 96.0)
        .collect();
    let (sin, cos) = 17_f64.to_radians().sin_cos();
    let turned = Affine::linear([[cos, sin], [-sin, cos]]);
    let enlarged = Affine::linear([[0.8, 0.0], [0.0, 0.8]]);
    let moved = Affine {
        shift: [0.6, -1.3],
        ..Affine::IDENTITY
    };
    let mut way = Way::default();
    for map in [moved, turned, enlarged] {
        way.extend(Part::Map(map));
    }
    way.apply(&mut image, [1, 5, 7]);
    for (found, expected) in image.iter().zip(EXPECTED.as_flattened()) {
        assert!((f64::from(*found) - expected).abs() < 2e-6, "{found} {expected}");
    }
}

/// What is drawn covers its range, and each augmentation of a list draws for itself.
#[test]
fn draws_cover_their_range() {
    let drawn = |augmentation: &Augmentation, chance: u64| match moved(augmentation, Stream::new(chance), 100, 200) {
        Some(Part::Map(back)) => (back.linear, back.shift),
        other => panic!("{other:?}"),
    };
    let shift = Augmentation::Shift { share: 0.1 };
    let shifts: Vec<[f64; 2]> = (0..2000).map(|chance| drawn(&shift, chance).1).collect();
    for (axis, most) in [20.0, 10.0].into_iter().enumerate() {
        let (low, high) = shifts.iter().fold((0.0_f64, 0.0_f64), |(low, high), by| {
            (low.min(by[axis]), high.max(by[axis]))
        });
        assert!(
            -most <= low && low < -0.98 * most && 0.98 * most < high && high <= most,
            "{low} {high}"
        );
    }
    let scale = Augmentation::Scale { low: 0.5, high: 2.0 };
    let factors: Vec<f64> = (0..2000).map(|chance| 1.0 / drawn(&scale, chance).0[0][0]).collect();
    assert!(factors.iter().all(|factor| (0.5..=2.0).contains(factor)));
    assert!((factors.iter().sum::<f64>() / 2000.0 - 1.25).abs() < 0.03);

    let shape = [1, 9, 9];
    let image = picture(shape, 5);
    let noise = Augmentation::Noise { deviation: 0.1 };
    let (once, twice) = (
        changed(&image, shape, std::slice::from_ref(&noise), 6),
        changed(&image, shape, &[noise.clone(), noise], 6),
    );
    assert_ne!(once, twice);
}

/// A bright spot right of the centre goes where the words say.
#[test]
fn directions_are_those_of_the_words() {
    let shape = [1, 21, 21];
    let mut image = vec![0.0; 441];
    image[10 * 21 + 15] = 1.0;
    let centre = |image: &[f32]| {
        let sum: f32 = image.iter().sum();
        let moment =
            |of: &dyn Fn(usize) -> usize| image.iter().enumerate().map(|(at, v)| v * of(at) as f32).sum::<f32>();
        (moment(&|at| at % 21) / sum, moment(&|at| at / 21) / sum)
    };
    let (x, y) = centre(&changed(
        &image,
        shape,
        &[Augmentation::Scale { low: 1.5, high: 1.5 }],
        1,
    ));
    assert!((x - 17.5).abs() < 0.2 && (y - 10.0).abs() < 0.1, "enlarged: {x} {y}");
    for chance in 0..50 {
        let (x, y) = centre(&changed(
            &image,
            shape,
            &[Augmentation::Rotate { degrees: 90.0 }],
            chance,
        ));
        let radius = (x - 10.0).hypot(y - 10.0);
        assert!(
            (radius - 5.0).abs() < 0.35 && x > 9.5,
            "turned by 90 degrees at most: {x} {y}"
        );
    }
}

/// The share of a picture's area, the ratio of its shares of width and height, and where it lies.
#[test]
fn crops_have_the_sizes_that_were_asked_for_and_lie_within_the_picture() {
    let (area, ratio) = ([0.08, 1.0], [0.75, 4.0 / 3.0]);
    let drawn = |chance| cropped(area, ratio, Stream::new(chance), 100, 200);
    let mut areas = Vec::new();
    for chance in 0..4000 {
        let Affine {
            linear: [[wide, xy], [yx, high]],
            shift,
        } = drawn(chance);
        assert_eq!([xy, yx], [0.0, 0.0]);
        assert!(wide <= 1.0 && high <= 1.0 && (0.75 - 1e-12..=4.0 / 3.0 + 1e-12).contains(&(wide / high)));
        let ends = |share: f64, shift: f64, side: f64| (shift.abs() + share * (side - 1.0) / 2.0) - (side - 1.0) / 2.0;
        assert!(ends(wide, shift[0], 200.0) < 1e-9 && ends(high, shift[1], 100.0) < 1e-9);
        areas.push(wide * high);
    }
    let (least, most) = areas
        .iter()
        .fold((1.0_f64, 0.0_f64), |(a, b), area| (a.min(*area), b.max(*area)));
    assert!((0.08..0.085).contains(&least) && most > 0.97, "{least} {most}");
    // Of torchvision 0.29.2's `RandomResizedCrop.get_params`, 100,000 times on 2048 x 2048: 0.4778.
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    assert!((mean - 0.4778).abs() < 0.015, "{mean}");
    // The whole picture is not so wide: the widest part of the least ratio, in the middle.
    let widest = cropped([1.0, 1.0], [2.0, 2.5], Stream::new(1), 100, 200);
    assert_eq!((widest.linear, widest.shift), ([[1.0, 0.0], [0.0, 0.5]], [0.0, 0.0]));
    let highest = cropped([1.0, 1.0], [0.25, 0.5], Stream::new(1), 100, 200);
    assert_eq!((highest.linear, highest.shift), ([[0.5, 0.0], [0.0, 1.0]], [0.0, 0.0]));
}

/// What stands in `sometimes` is drawn as often as it says, and then as it would be alone.
#[test]
fn sometimes_is_as_often_as_it_says() {
    let shape = [1, 2, 3];
    let image = picture(shape, 7);
    let all = [sometimes(0.3, flip(1.0, 0.0))];
    let flipped = changed(&image, shape, &[flip(1.0, 0.0)], 0);
    let found: Vec<_> = (0..3000).map(|chance| changed(&image, shape, &all, chance)).collect();
    assert!(found.iter().all(|found| *found == flipped || *found == image));
    let share = found.iter().filter(|found| **found == flipped).count() as f64 / 3000.0;
    assert!((share - 0.3).abs() < 0.03, "{share}");
}

/// Values of tests/reference/augment/augment.json, which its `make.py` made.
struct Reference(serde_json::Value);

const HEIGHT: usize = 9;
const WIDTH: usize = 12;

impl Reference {
    fn read() -> Self {
        let text = include_str!("../../../tests/reference/augment/augment.json");
        Self(serde_json::from_str(text).expect("JSON"))
    }

    fn picture(channels: usize) -> Vec<f32> {
        let places = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        let value = |x: usize, y: usize, c: usize| ((x * 37 + y * 59 + x * y * 11 + c * 23) % 97) as f32 / 96.0;
        places
            .flat_map(|(x, y)| (0..channels).map(move |c| value(x, y, c)))
            .collect()
    }

    fn check(&self, path: &str, found: &[f32]) {
        let expected = self
            .0
            .pointer(path)
            .and_then(serde_json::Value::as_array)
            .expect("values");
        assert_eq!(expected.len(), found.len(), "{path}");
        for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
            let expected = expected.as_f64().expect("a number");
            assert!(
                (expected - f64::from(*found)).abs() < 3e-6,
                "{path} {place}: {expected} {found}"
            );
        }
    }
}

#[test]
fn blur_and_gamma_are_scipys_and_torchvisions() {
    let reference = Reference::read();
    let shape = [3, HEIGHT, WIDTH];
    for sigma in [0.1, 0.3, 0.9, 1.7, 4.0] {
        let blur = Augmentation::Blur {
            low: sigma,
            high: sigma,
        };
        let found = changed(&Reference::picture(3), shape, &[blur], 1);
        reference.check(&format!("/blur/{sigma:?}"), &found);
    }
    for exponent in [0.5, 0.8, 2.2] {
        let gamma = Augmentation::Gamma {
            low: exponent,
            high: exponent,
        };
        let found = changed(&Reference::picture(3), shape, &[gamma], 1);
        reference.check(&format!("/gamma/{exponent:?}"), &found);
    }
}

#[test]
fn elastic_displacements_are_scipys_and_join_the_one_resampling() {
    let reference = Reference::read();
    let numbers = [0, 1].map(|direction| -> Vec<f32> {
        let places = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        let number = |(x, y): (usize, usize)| (x * 53 + y * 31 + x * y * 7 + direction * 41) % 101;
        places.map(|place| number(place) as f32 / 50.0 - 1.0).collect()
    });
    let elastic = || Part::Field(field(numbers.clone(), [HEIGHT, WIDTH], 8.0, 2.0));
    let Part::Field(of_pixels) = elastic() else {
        unreachable!()
    };
    reference.check("/elastic/field", &[of_pixels.x, of_pixels.y].concat());
    let (sin, cos) = 17_f64.to_radians().sin_cos();
    let turned = || Part::Map(Affine::linear([[cos, sin], [-sin, cos]]));
    for (name, parts) in [
        ("alone", vec![elastic()]),
        ("turned_before", vec![turned(), elastic()]),
        ("turned_after", vec![elastic(), turned()]),
    ] {
        let mut way = Way::default();
        parts.into_iter().for_each(|part| way.extend(part));
        let mut image = Reference::picture(1);
        way.apply(&mut image, [1, HEIGHT, WIDTH]);
        reference.check(&format!("/elastic/{name}"), &image);
    }
}

/// Numbers between -1 and 1 have the deviation 3^-1/2, which the Gaussian lowers by 2 pi^1/2 sigma.
#[test]
fn elastic_displacements_are_as_large_as_the_manual_says() {
    let elastic = Augmentation::Elastic {
        alpha: 100.0,
        sigma: 5.0,
    };
    let Some(Part::Field(field)) = moved(&elastic, Stream::new(3), 256, 256) else {
        panic!("a field");
    };
    for direction in [field.x, field.y] {
        let square = direction.iter().map(|by| f64::from(by * by)).sum::<f64>() / direction.len() as f64;
        assert!((square.sqrt() - 0.163 * 100.0 / 5.0).abs() < 0.35, "{}", square.sqrt());
    }
}
