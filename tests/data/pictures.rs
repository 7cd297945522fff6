//! Decoding, resizing, the prepared file and its samples.

use super::reference;
use mtl::{
    data::{DataError, Picture, Prepared, Samples, global_numbers, normalize, prepare},
    plan::stage::{Normalization, Pictures, Prepare, Side, Transform},
    tables::{Table, TableError, npz::Archive},
};
use std::{
    cell::RefCell,
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

const RESIZE_56: Transform = Transform::Resize { height: 56, width: 56 };

fn input(name: &str) -> PathBuf {
    reference("preproc").join(name)
}

fn stage(files: &[&str], transforms: &[Transform], shape: [usize; 3]) -> Prepare {
    let pictures = Pictures::Files(files.iter().map(|name| input(name)).collect());
    Prepare {
        pictures,
        transforms: transforms.to_vec(),
        shape,
    }
}

fn run(stage: &Prepare) -> Result<Prepared, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pictures");
    prepare(stage, &|_, _| (), &AtomicBool::new(false), &out)?;
    Prepared::open(&out)
}

/// The values of an array of the reference, with its shape.
fn expected(name: &str) -> (Vec<usize>, Vec<u8>) {
    let mut archive = Archive::open(&input("expected.npz")).unwrap();
    let (array, mut values) = archive.array(name).unwrap();
    let mut bytes = Vec::new();
    values.read_to_end(&mut bytes).unwrap();
    (array.shape, bytes)
}

/// Largest and mean difference of two pictures' values.
fn difference(found: &[u8], expected: &[u8]) -> (u8, f64) {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = differences.clone().map(f64::from).sum();
    (differences.max().unwrap_or(0), sum / found.len() as f64)
}

fn bytes(picture: Picture) -> Vec<u8> {
    match picture.samples {
        Samples::U8(values) => values,
        Samples::U16(values) => values.into_iter().flat_map(u16::to_le_bytes).collect(),
    }
}

/// Pillow 13.0.0: palette, 1 bit, 16 bits and alpha exactly; JPEG decoders differ by rounding, most where colours are
/// stored at half resolution; the orientation tag 6 of `jexif6` is not applied.
#[test]
fn pictures_are_decoded_as_pillow_decodes_them() {
    for (file, levels, mean) in [
        ("rgba_80x64.png", 0, 0.0),
        ("gray16_90x60.png", 0, 0.0),
        ("palette_50x50.png", 0, 0.0),
        ("bit1_47x33.png", 0, 0.0),
        ("jgray_120x90.jpg", 3, 0.4),
        ("jrgb444_90x110.jpg", 3, 0.4),
        ("jprog_96x96.jpg", 3, 0.4),
        ("jexif6_84x60.jpg", 3, 0.4),
        ("jrgb420_113x87.jpg", 24, 1.5),
    ] {
        let (shape, values) = expected(&format!("decoded_{}", file.split('.').next().unwrap()));
        let channels = if file.starts_with("gray16") { 1 } else { shape[2] };
        let picture = run(&stage(&[file], &[], [channels, shape[0], shape[1]]))
            .unwrap()
            .sample(0)
            .unwrap();
        assert_eq!(
            (picture.height, picture.width, picture.channels),
            (shape[0], shape[1], channels),
            "{file}"
        );
        let found = difference(&bytes(picture), &values);
        assert!(found.0 <= levels && found.1 <= mean, "{file}: {found:?}");
    }
}

/// torchvision 0.27.1 on Pillow 13.0.0, `Resize([56, 56])` of `convert("RGB")`.
#[test]
fn pictures_are_resized_as_torchvision_resizes_them() {
    for file in [
        "gray_96x72",
        "rgb_100x131",
        "gray_28x28",
        "gray_227x225",
        "rgb_40x40",
        "rgba_80x64",
        "palette_50x50",
        "bit1_47x33",
    ] {
        let prepared = run(&stage(
            &[&format!("{file}.png")],
            &[RESIZE_56, Transform::Rgb],
            [3, 56, 56],
        ))
        .unwrap();
        let picture = prepared.sample(0).unwrap();
        let repeat = 3 / picture.channels;
        let found: Vec<_> = bytes(picture)
            .into_iter()
            .flat_map(|value| std::iter::repeat_n(value, repeat))
            .collect();
        let (largest, mean) = difference(&found, &expected(&format!("resized_{file}")).1);
        assert!(largest <= 1 && mean <= 0.05, "{file}: {largest}, {mean}");
    }
}

/// torchvision 0.27.1 on Pillow 13.0.0: `Resize(48)` of the shorter side, the longer one cut to whole pixels, then
/// `CenterCrop(40)`; and `CenterCrop(160)` of smaller pictures, which fills up with black.
#[test]
fn pictures_are_cropped_and_padded_as_torchvision_does_it() {
    let prepared = |file: &str, transforms: &[Transform], side: usize| {
        let out = run(&stage(&[&format!("{file}.png")], transforms, [3, side, side])).unwrap();
        let picture = out.sample(0).unwrap();
        let repeat = 3 / picture.channels;
        let values = bytes(picture).into_iter();
        values
            .flat_map(|value| std::iter::repeat_n(value, repeat))
            .collect::<Vec<_>>()
    };
    for (file, height, width) in [
        ("gray_96x72", 48, 64),
        ("rgb_100x131", 62, 48),
        ("gray_28x28", 48, 48),
        ("gray_227x225", 48, 48),
        ("rgba_80x64", 48, 60),
        ("palette_50x50", 48, 48),
        ("bit1_47x33", 48, 68),
    ] {
        let resize = Transform::Resize { height, width };
        let found = prepared(
            file,
            &[resize, Transform::Crop { height: 40, width: 40 }, Transform::Rgb],
            40,
        );
        let (largest, mean) = difference(&found, &expected(&format!("cropped_{file}")).1);
        assert!(largest <= 1 && mean <= 0.1, "{file}: {largest}, {mean}");
    }
    for file in ["bit1_47x33", "gray_28x28", "rgb_100x131"] {
        let found = prepared(
            file,
            &[
                Transform::Pad {
                    height: 160,
                    width: 160,
                },
                Transform::Rgb,
            ],
            160,
        );
        assert_eq!(found, expected(&format!("padded_{file}")).1, "{file}");
    }
}

/// What is found in a picture of 16 bits is done in 16 bits, up to the samples.
#[test]
fn sixteen_bits_stay_sixteen_through_all_transforms() {
    let transforms = [
        Transform::WindowPercentiles { low: 0.01, high: 0.99 },
        Transform::CropBreast,
        Transform::Face(Side::Left),
        Transform::Fit { height: 40, width: 30 },
    ];
    let picture = run(&stage(&["gray16_90x60.png"], &transforms, [1, 40, 30]))
        .unwrap()
        .sample(0)
        .unwrap();
    let Samples::U16(values) = picture.samples else {
        panic!()
    };
    assert!(values.iter().any(|value| value % 257 != 0), "finer than 8 bits");
    assert!(
        values.iter().any(|value| *value > 60_000),
        "up to the upper end of the window"
    );
}

/// torchvision 0.27.1 resizes 16 bits as floats; here each of two passes is rounded to 1/65535.
#[test]
fn sixteen_bits_are_resized_as_sixteen_bits() {
    let resize = Transform::Resize { height: 32, width: 32 };
    let picture = run(&stage(&["gray16_90x60.png"], &[resize], [1, 32, 32]))
        .unwrap()
        .sample(0)
        .unwrap();
    let Samples::U16(found) = picture.samples else { panic!() };
    let (_, values) = expected("resized_gray16_90x60");
    for (found, expected) in found.iter().zip(values.chunks_exact(2)) {
        let expected = u16::from_le_bytes([expected[0], expected[1]]);
        assert!(found.abs_diff(expected) <= 2, "{found} {expected}");
    }
}

/// What `fill` must give, from the stored picture by the definition.
fn normalised(picture: &Picture, channels: usize, by: &Normalization) -> Vec<f64> {
    let value = |at: usize| match &picture.samples {
        Samples::U8(values) => f64::from(values[at]) / 255.0,
        Samples::U16(values) => f64::from(values[at]) / 65535.0,
    };
    let mut out = Vec::new();
    for y in 0..picture.height {
        for x in 0..picture.width {
            for c in 0..channels {
                let at = (y * picture.width + x) * picture.channels + c.min(picture.channels - 1);
                out.push((value(at) - by.mean[c.min(by.mean.len() - 1)]) / by.deviation[c.min(by.deviation.len() - 1)]);
            }
        }
    }
    out
}

#[test]
fn samples_are_normalised() {
    let imagenet = Normalization {
        mean: vec![0.485, 0.456, 0.406],
        deviation: vec![0.229, 0.224, 0.225],
    };
    let one = Normalization {
        mean: vec![0.5],
        deviation: vec![0.25],
    };
    for (file, transforms, shape, by) in [
        ("rgb_100x131.png", &[][..], [3, 131, 100], &imagenet),
        ("gray_227x225.png", &[Transform::Rgb], [3, 225, 227], &imagenet),
        ("gray_227x225.png", &[], [1, 225, 227], &one),
        ("gray16_90x60.png", &[Transform::Rgb], [3, 60, 90], &one),
        ("gray16_90x60.png", &[], [1, 60, 90], &one),
    ] {
        let prepared =
            run(&stage(&["gray_28x28.png"], &[], [1, 28, 28])).and_then(|_| run(&stage(&[file], transforms, shape)));
        let prepared = prepared.unwrap();
        assert_eq!(prepared.shape(), shape);
        let expected = normalised(&prepared.sample(0).unwrap(), shape[0], by);
        let [mut at_once, mut later] = [(); 2].map(|()| vec![f32::NAN; shape.iter().product()]);
        prepared.fill(0, Some(by), &mut at_once).unwrap();
        prepared.fill(0, None, &mut later).unwrap();
        assert!(later.iter().all(|value| (0.0..=1.0).contains(value)), "{file}");
        normalize(by, shape[0], &mut later).unwrap();
        for ((at_once, later), expected) in at_once.iter().zip(later).zip(expected) {
            for found in [*at_once, later] {
                assert!((f64::from(found) - expected).abs() < 1e-6, "{file}: {found} {expected}");
            }
        }
    }
    let grey = run(&stage(&["gray_28x28.png"], &[], [1, 28, 28])).unwrap();
    let error = grey.fill(0, Some(&imagenet), &mut [0.0; 784]).unwrap_err();
    assert!(
        matches!(error, DataError::Normalization { expected: 1, found: 3 }),
        "{error}"
    );
}

#[test]
fn grey_that_becomes_rgb_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pictures");
    let stage = stage(
        &["gray_96x72.png", "gray_28x28.png"],
        &[RESIZE_56, Transform::Rgb],
        [3, 56, 56],
    );
    prepare(&stage, &|_, _| (), &AtomicBool::new(false), &out).unwrap();
    assert_eq!(fs::metadata(&out).unwrap().len(), 64 + 2 * 56 * 56);
    assert_eq!(Prepared::open(&out).unwrap().shape(), [3, 56, 56]);
}

/// Grey beside colour and 8 bits beside 16 keep their values on the scale 0 to 1.
#[test]
fn pictures_of_mixed_kinds_share_the_wider_one() {
    let transforms = [Transform::Rgb, RESIZE_56];
    let files = [
        "gray_96x72.png",
        "rgb_40x40.png",
        "gray16_90x60.png",
        "jgray_120x90.jpg",
    ];
    let mixed = run(&stage(&files, &transforms, [3, 56, 56])).unwrap();
    let sample = |prepared: &Prepared, row| {
        let mut values = vec![0.0; 3 * 56 * 56];
        prepared.fill(row, None, &mut values).unwrap();
        values
    };
    for (row, file) in files.iter().enumerate() {
        let alone = run(&stage(&[file], &transforms, [3, 56, 56])).unwrap();
        let differences = sample(&mixed, row)
            .into_iter()
            .zip(sample(&alone, 0))
            .map(|(a, b)| (a - b).abs());
        assert!(differences.fold(0.0, f32::max) < 1e-6, "{file}");
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["gray_96x72.png", "rgb_40x40.png", "rgb_100x131.png", "jprog_96x96.jpg"].repeat(20);
    let stage = stage(&files, &[RESIZE_56, Transform::Rgb], [3, 56, 56]);
    let written = [1, 3].map(|threads| {
        let out = folder.path().join(threads.to_string());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| prepare(&stage, &|_, _| (), &AtomicBool::new(false), &out))
            .unwrap();
        fs::read(out).unwrap()
    });
    assert!(written[0] == written[1]);
}

#[test]
fn what_goes_wrong_names_the_picture() {
    let error = run(&stage(&["gray_28x28.png", "gray_96x72.png"], &[], [1, 28, 28])).unwrap_err();
    let DataError::Shape {
        picture,
        found,
        expected,
    } = error
    else {
        panic!("{error}")
    };
    assert!(picture.ends_with("gray_96x72.png"));
    assert_eq!((found, expected), ([1, 72, 96], [1, 28, 28]));
    let error = run(&stage(&["rgb_40x40.png"], &[], [1, 40, 40])).unwrap_err();
    assert!(matches!(error, DataError::Shape { found: [3, 40, 40], .. }), "{error}");
    let error = run(&stage(&["absent.png"], &[], [1, 28, 28])).unwrap_err();
    assert!(
        matches!(&error, DataError::Source(TableError::Io { path, .. }) if path.ends_with("absent.png")),
        "{error}"
    );

    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.png");
    let whole = fs::read(input("rgb_40x40.png")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let error = run(&Prepare {
        pictures: Pictures::Files(vec![cut.clone()]),
        transforms: vec![],
        shape: [3, 40, 40],
    });
    assert!(matches!(error, Err(DataError::Decode { path, .. }) if path == cut));
}

#[test]
fn progress_ends_at_the_whole_and_a_cancelled_stage_stops() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pictures");
    let stage = stage(&["gray_28x28.png"; 100], &[], [1, 28, 28]);
    let seen = RefCell::new(Vec::new());
    prepare(
        &stage,
        &|done, of| seen.borrow_mut().push((done, of)),
        &AtomicBool::new(false),
        &out,
    )
    .unwrap();
    let seen = seen.into_inner();
    assert!(seen.is_sorted() && seen.last() == Some(&(100, 100)), "{seen:?}");
    let cancelled = prepare(&stage, &|_, _| (), &AtomicBool::new(true), &out);
    assert!(matches!(cancelled, Err(DataError::Cancelled)));
}

#[test]
fn files_that_are_not_whole_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pictures");
    prepare(
        &stage(&["gray_28x28.png"], &[], [1, 28, 28]),
        &|_, _| (),
        &AtomicBool::new(false),
        &out,
    )
    .unwrap();
    let whole = fs::read(&out).unwrap();
    let mut version = whole.clone();
    version[7] = 9;
    let mut size = whole.clone();
    size[8] = 2;
    let longer = [whole.as_slice(), &[0]].concat();
    for (bytes, word) in [
        (&whole[..whole.len() - 1], "do not hold"),
        (&whole[..30], "ends in its header"),
        (
            b"no prepared file, however long it may be, begins as this one does",
            "does not begin",
        ),
        (&version, "version 9"),
        (&size, "do not hold"),
        (&longer, "do not hold"),
    ] {
        fs::write(&out, bytes).unwrap();
        let error = Prepared::open(&out).unwrap_err();
        assert!(
            matches!(&error, DataError::Damaged { reason, .. } if reason.contains(word)),
            "{error}"
        );
    }
}

#[test]
fn rows_of_an_archive_are_read_in_any_order() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/data/pneumoniamnist/pneumoniamnist.npz");
    let table = Table::read_npz(&path).unwrap();
    let wanted = [
        ("train_images", 3),
        ("train_images", 3881),
        ("test_images", 5),
        ("test_images", 5),
        ("test_images", 0),
    ];
    let rows: Vec<_> = wanted.iter().map(|&(name, row)| (name.to_owned(), row)).collect();
    let pictures = |rows| Pictures::Npz {
        path: path.clone(),
        rows,
    };
    let prepared = run(&Prepare {
        pictures: pictures(rows),
        transforms: vec![],
        shape: [1, 28, 28],
    })
    .unwrap();
    for (place, (name, row)) in wanted.into_iter().enumerate() {
        let mut archive = Archive::open(&path).unwrap();
        let mut values = Vec::new();
        archive.array(name).unwrap().1.read_to_end(&mut values).unwrap();
        let at = row as usize * 784;
        assert_eq!(
            bytes(prepared.sample(place).unwrap()),
            values[at..at + 784],
            "{name}/{row}"
        );
    }
    assert_eq!(table.rows, 5030);
    let beyond = pictures(vec![("val_images".to_owned(), 524)]);
    let error = run(&Prepare {
        pictures: beyond,
        transforms: vec![],
        shape: [1, 28, 28],
    })
    .unwrap_err();
    assert!(error.to_string().contains("row 524 of 524"), "{error}");
}

/// NumPy 2.x; `global_numbers.json` holds what the definition gives there (`np.percentile` with its default method).
#[test]
fn global_numbers_are_those_of_numpy() {
    let text = fs::read_to_string(reference("global_numbers.json")).unwrap();
    let expected: std::collections::BTreeMap<String, [f64; 12]> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), 3);
    for (file, expected) in expected {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let header = mtl::tables::image_header(&path).unwrap();
        let shape = [header.channels, header.height, header.width].map(|extent| extent as usize);
        let prepared = run(&Prepare {
            pictures: Pictures::Files(vec![path]),
            transforms: vec![],
            shape,
        })
        .unwrap();
        let found = global_numbers(&prepared, &[0]).unwrap()[0];
        for ((found, expected), name) in found.iter().zip(expected).zip(mtl::data::GLOBAL_NUMBERS) {
            assert!((found - expected).abs() < 1e-12, "{name}: {found} {expected}");
        }
    }
}

#[test]
fn sixteen_bit_colours_lose_only_their_alpha() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.png");
    let pixel =
        |x: u32, y: u32| image::Rgba([x * 9000, 257 * y + x, 65535 - x, 7].map(|value| u16::try_from(value).unwrap()));
    image::ImageBuffer::from_fn(7, 5, pixel).save(&file).unwrap();
    let prepared = run(&Prepare {
        pictures: Pictures::Files(vec![file]),
        transforms: vec![],
        shape: [3, 5, 7],
    })
    .unwrap();
    let picture = prepared.sample(0).unwrap();
    let drawn = (0..5)
        .flat_map(|y| (0..7).map(move |x| pixel(x, y)))
        .flat_map(|pixel| pixel.0[..3].to_vec());
    assert_eq!(picture.samples, Samples::U16(drawn.collect()));
    let by = Normalization {
        mean: vec![0.1, 0.2, 0.3],
        deviation: vec![0.5, 0.25, 2.0],
    };
    let mut found = vec![0.0; 105];
    prepared.fill(0, Some(&by), &mut found).unwrap();
    for (found, expected) in found.iter().zip(normalised(&picture, 3, &by)) {
        assert!((f64::from(*found) - expected).abs() < 1e-6);
    }
}
