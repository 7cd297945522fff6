//! Small files for tests.

use std::{fs, io::Write as _, path::Path};

/// A grey picture of 8 x 8, another one for another shade; its folder is made.
pub(crate) fn picture(path: &Path, shade: u8) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
    let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([shade.wrapping_mul(9) ^ (x * 8 + y) as u8]));
    picture.save(path).expect("a picture can be written");
}

/// Four pictures of 8 x 8 in each part, as numpy's `savez` writes them.
pub(crate) fn archive(path: &Path) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).expect("a file can be made"));
    for part in ["train", "val", "test"] {
        for (name, shape, count) in [("images", "(4, 8, 8)", 256), ("labels", "(4, 1)", 4)] {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(format!("{part}_{name}.npy"), options)
                .expect("an entry can be made");
            let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
            while (10 + header.len() + 1) % 64 != 0 {
                header.push(' ');
            }
            header.push('\n');
            let length = u16::try_from(header.len()).expect("a short header");
            let start = [&b"\x93NUMPY\x01\x00"[..], &length.to_le_bytes(), header.as_bytes()].concat();
            let values: Vec<u8> = (0..count).map(|at: usize| (at % 2) as u8).collect();
            zip.write_all(&[start, values].concat())
                .expect("an entry can be written");
        }
    }
    zip.finish().expect("the archive can be closed");
}
