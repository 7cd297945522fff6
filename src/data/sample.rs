//! A small set of drawn pictures, for new projects to begin with.

use super::DataError;
use image::{GrayImage, Luma};
use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Patients; two in three have a second picture.
const PATIENTS: u32 = 72;
/// Side of a picture in pixels.
const SIZE: u32 = 48;

/// Fixed pseudo-random numbers in 0..1 (SplitMix64, Steele, Lea and Flood 2014).
fn noise(place: u64) -> f64 {
    let mut z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A mass on a noisy ground: with rays when it is spiculated, on a ground that is brighter the denser it is.
fn draw(number: u64, spiculated: bool, density: u32) -> GrayImage {
    let of = |what: u64| noise(number * 16 + what);
    let (x0, y0) = (16.0 + 16.0 * of(0), 16.0 + 16.0 * of(1));
    let (radius, turn) = (6.0 + 4.0 * of(2), of(3) * std::f64::consts::TAU);
    let ground = 30.0 + 22.0 * f64::from(density);
    GrayImage::from_fn(SIZE, SIZE, |x, y| {
        let (dx, dy) = (f64::from(x) - x0, f64::from(y) - y0);
        let (distance, angle) = (dx.hypot(dy), dy.atan2(dx) + turn);
        let rays = if spiculated { 0.35 * (7.0 * angle).cos() } else { 0.0 };
        let edge = (radius * (1.0 + rays) - distance).clamp(-2.0, 2.0) / 4.0 + 0.5;
        let place = (number << 16) + u64::from(y * SIZE + x);
        let value = ground + 80.0 * edge + 70.0 * (noise(place ^ 0x5eed) - 0.5);
        Luma([value.clamp(0.0, 255.0) as u8])
    })
}

/// Writes pictures, their manifest and their card into a folder. The same files every time.
///
/// # Errors
/// When a file cannot be written.
pub fn write_sample(folder: &Path) -> Result<(), DataError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| DataError::Io { path, source }
    };
    fs::create_dir_all(folder.join("images")).map_err(failed(folder))?;
    let mut manifest = String::from("image,patient,label,density\n");
    for patient in 0..PATIENTS {
        let (spiculated, density) = (patient % 2 == 0, patient / 2 % 4);
        let label = if spiculated { "spiculated" } else { "round" };
        for picture in 0..1 + u32::from(patient % 3 != 0) {
            let name = format!("images/p{patient:02}_{picture}.png");
            let path: PathBuf = folder.join(&name);
            let drawn = draw(u64::from(patient * 2 + picture), spiculated, density);
            drawn.save(&path).map_err(io::Error::other).map_err(failed(&path))?;
            let _ = writeln!(
                manifest,
                "{name},P{patient:02},{label},{}",
                ["a", "b", "c", "d"][density as usize]
            );
        }
    }
    let about = concat!(
        "{\n  \"title\": \"Drawn masses, 48 x 48\",\n  \"license\": \"CC0 1.0\",\n",
        "  \"caveats\": [\"Drawn by a program, to try things out; results say nothing about patients.\"]\n}\n"
    );
    for (name, text) in [("manifest.csv", manifest.as_str()), ("about.json", about)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}
