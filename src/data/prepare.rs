//! Decodes and transforms pictures into one prepared file.

use super::{
    DataError,
    prepared::Layout,
    source::{Widest, each_chunk},
};
use crate::plan::stage::{Pictures, Prepare, Transform};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::atomic::AtomicBool,
};

/// Pictures of a chunk per thread: enough to keep threads busy, few enough to bound memory and to report often.
const CHUNK_PER_THREAD: usize = 16;

/// Decodes and transforms the pictures of a stage, in parallel, and writes them to `out`; [`super::Prepared`] reads
/// the file. Its bytes do not depend on the number of threads. Grey pictures are stored as one channel even where
/// [`Transform::Rgb`] makes three, and all pictures as 16 bits if one of them has them.
///
/// `progress` gets the numbers of finished and of all pictures; `cancel` is looked at before every picture.
///
/// # Errors
/// A picture that cannot be read or does not come out in the stage's shape, a file that cannot be written,
/// [`DataError::Cancelled`]. What was written to `out` by then stays there.
pub fn prepare(
    stage: &Prepare,
    progress: &dyn Fn(usize, usize),
    cancel: &AtomicBool,
    out: &Path,
) -> Result<(), DataError> {
    let count = match &stage.pictures {
        Pictures::Files(paths) => paths.len(),
        Pictures::Npz { rows, .. } => rows.len(),
    };
    let [channels, height, width] = stage.shape;
    let widest = Widest::of(&stage.pictures, cancel)?;
    // Pictures of mixed kinds are stored in the wider one; grey ones among coloured ones are repeated.
    let stored = if widest.channels == 1 { 1 } else { channels };
    let layout = Layout {
        count,
        channels,
        stored,
        height,
        width,
        bits: widest.bits,
    };

    let io = |source| DataError::Io {
        path: out.to_owned(),
        source,
    };
    let mut file = BufWriter::with_capacity(1 << 20, File::create(out).map_err(io)?);
    file.write_all(&layout.header()).map_err(io)?;
    let work = |name: &str, picture| finish(picture, name, &stage.transforms, &layout);
    let mut done = 0;
    let write = |finished: Vec<Result<Vec<u8>, DataError>>| {
        done += finished.len();
        for bytes in finished {
            file.write_all(&bytes?).map_err(io)?;
        }
        progress(done, count);
        Ok(())
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "bounds memory; the file's bytes are the same for any chunk"
    )]
    let chunk = CHUNK_PER_THREAD * rayon::current_num_threads();
    each_chunk(&stage.pictures, chunk, cancel, work, write)?;
    file.flush().map_err(io)
}

/// Transforms one picture and checks what comes out.
fn finish(
    picture: super::Picture,
    name: &str,
    transforms: &[Transform],
    layout: &Layout,
) -> Result<Vec<u8>, DataError> {
    let (picture, logical) = picture.transform(transforms, name)?;
    let found = [logical, picture.height, picture.width];
    let expected = [layout.channels, layout.height, layout.width];
    if found != expected {
        return Err(DataError::Shape {
            picture: name.to_owned(),
            found,
            expected,
        });
    }
    Ok(picture.encode(layout.stored, layout.bits))
}
