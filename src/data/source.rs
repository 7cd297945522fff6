//! Where pictures come from: files of their own, or rows of the arrays of an archive.

use super::{DataError, Picture, Samples, decode::decode};
use crate::{
    plan::stage::Pictures,
    tables::{
        Header, TableError, image_header,
        npz::{self, Archive},
    },
};
use rayon::prelude::*;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Channels and bits that the pictures have at most; known before any of them is decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Widest {
    /// 1 if all are grey, else 3.
    pub(super) channels: usize,
    /// 8, or 16 if one of them has 16.
    pub(super) bits: u32,
}

impl Widest {
    /// Of all pictures, from their headers.
    pub(super) fn of(pictures: &Pictures, cancel: &AtomicBool) -> Result<Self, DataError> {
        match pictures {
            Pictures::Files(paths) => Self::of_files(paths, cancel),
            Pictures::Npz { path, rows } => Self::of_archive(path, rows),
        }
    }

    fn of_files(paths: &[PathBuf], cancel: &AtomicBool) -> Result<Self, DataError> {
        let headers = paths.par_iter().map(|path| {
            stop_if(cancel)?;
            Ok(image_header(path)?)
        });
        let headers: Result<Vec<_>, DataError> = headers.collect();
        Ok(headers?
            .into_iter()
            .fold(Self { channels: 1, bits: 8 }, |widest, header| Self {
                channels: widest.channels.max(header.channels as usize),
                bits: widest.bits.max(header.bits),
            }))
    }

    fn of_archive(path: &Path, rows: &[(String, u32)]) -> Result<Self, DataError> {
        let mut archive = Archive::open(path)?;
        let mut channels = 1;
        let mut last = None;
        for (array, _) in rows {
            // Rows of one array follow each other, so each array's header is read about once.
            if last != Some(array) {
                let (_, header) = npz::pictures(&archive.array(array)?.0).map_err(|reason| bad(path, array, reason))?;
                channels = channels.max(header.channels as usize);
                last = Some(array);
            }
        }
        Ok(Self { channels, bits: 8 })
    }
}

/// An error once the work was cancelled.
fn stop_if(cancel: &AtomicBool) -> Result<(), DataError> {
    if cancel.load(Ordering::Relaxed) {
        Err(DataError::Cancelled)
    } else {
        Ok(())
    }
}

fn bad(path: &Path, array: &str, reason: impl ToString) -> DataError {
    DataError::Source(TableError::BadArchive {
        path: path.to_owned(),
        array: Some(array.to_owned()),
        reason: reason.to_string(),
    })
}

/// Hands all pictures to `work` in parallel, `chunk` at a time and with the names under which errors speak of them, and
/// what became of each chunk to `write`, in order.
pub(super) fn each_chunk(
    pictures: &Pictures,
    chunk: usize,
    cancel: &AtomicBool,
    work: impl Fn(&str, Picture) -> Result<Vec<u8>, DataError> + Sync,
    mut write: impl FnMut(Vec<Result<Vec<u8>, DataError>>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    match pictures {
        Pictures::Files(paths) => paths.chunks(chunk).try_for_each(|paths| {
            let finish = |path: &PathBuf| {
                stop_if(cancel)?;
                work(&path.display().to_string(), decode(path)?)
            };
            write(paths.par_iter().map(finish).collect())
        }),
        Pictures::Npz { path, rows } => {
            let mut archive = Archive::open(path)?;
            // A compressed array is read from its beginning; a run of ascending rows needs that once.
            rows.chunk_by(|a, b| a.0 == b.0 && a.1 < b.1).try_for_each(|run| {
                let mut array = OpenArray::new(path, &mut archive, &run[0].0)?;
                run.chunks(chunk).try_for_each(|rows| {
                    let read = |(name, row): &(String, u32)| {
                        stop_if(cancel)?;
                        Ok((format!("{name}/{row}"), array.read(*row)?))
                    };
                    let pictures: Vec<_> = rows.iter().map(read).collect::<Result<_, DataError>>()?;
                    write(
                        pictures
                            .into_par_iter()
                            .map(|(name, picture)| work(&name, picture))
                            .collect(),
                    )
                })
            })
        }
    }
}

/// An array of pictures while it is read.
struct OpenArray<'a, R> {
    path: &'a Path,
    name: &'a str,
    /// Values from row `next` on.
    values: R,
    next: u32,
    rows: u32,
    header: Header,
}

impl<'a> OpenArray<'a, ()> {
    fn new(path: &'a Path, archive: &'a mut Archive, name: &'a str) -> Result<OpenArray<'a, impl Read>, DataError> {
        let (array, values) = archive.array(name)?;
        let (rows, header) = npz::pictures(&array).map_err(|reason| bad(path, name, reason))?;
        Ok(OpenArray {
            path,
            name,
            values,
            next: 0,
            rows,
            header,
        })
    }
}

impl<R: Read> OpenArray<'_, R> {
    /// The picture of a row that is not before the next one.
    fn read(&mut self, row: u32) -> Result<Picture, DataError> {
        if row >= self.rows {
            return Err(bad(self.path, self.name, format!("row {row} of {}", self.rows)));
        }
        let Header {
            height,
            width,
            channels,
            ..
        } = self.header;
        let size = u64::from(height) * u64::from(width) * u64::from(channels);
        let damaged = |error: io::Error| bad(self.path, self.name, error);
        io::copy(
            &mut (&mut self.values).take(u64::from(row - self.next) * size),
            &mut io::sink(),
        )
        .map_err(damaged)?;
        let mut bytes = Vec::new();
        let read = (&mut self.values).take(size).read_to_end(&mut bytes).map_err(damaged)?;
        if read as u64 != size {
            return Err(bad(
                self.path,
                self.name,
                format!("the array ends in row {row} of {}", self.rows),
            ));
        }
        self.next = row + 1;
        Ok(Picture {
            height: height as usize,
            width: width as usize,
            channels: channels as usize,
            samples: Samples::U8(bytes),
        })
    }
}
