//! NumPy archives in the form of MedMNIST: `train_images`, `train_labels`, `val_...`, `test_...`.

use super::{About, Cell, Column, Header, Images, Table, TableError, npy};
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// The parts that an archive may have, in order.
const PARTS: [&str; 3] = ["train", "val", "test"];

/// An open archive.
pub struct Archive {
    path: PathBuf,
    zip: zip::ZipArchive<BufReader<File>>,
}

/// The header of an array of unsigned bytes in row order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Its extents.
    pub shape: Vec<usize>,
}

impl Archive {
    /// Opens an archive.
    ///
    /// # Errors
    /// A file that cannot be read or is no zip archive.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path).map_err(|source| TableError::Io {
            path: path.to_owned(),
            source,
        })?;
        let zip = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| bad(path, None, error))?;
        Ok(Self {
            path: path.to_owned(),
            zip,
        })
    }

    /// Whether there is an array of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// The header of an array, and its values from the first on.
    ///
    /// # Errors
    /// No such array, another element type than `uint8`, column order, a damaged header.
    pub fn array(&mut self, name: &str) -> Result<(Array, impl Read), TableError> {
        let entry = self.zip.by_name(&format!("{name}.npy"));
        let mut entry = entry.map_err(|error| bad(&self.path, Some(name), error))?;
        let shape = read_header(&mut entry).map_err(|reason| bad(&self.path, Some(name), reason))?;
        Ok((Array { shape }, entry))
    }
}

fn bad(path: &Path, array: Option<&str>, reason: impl ToString) -> TableError {
    TableError::BadArchive {
        path: path.to_owned(),
        array: array.map(str::to_owned),
        reason: reason.to_string(),
    }
}

/// The shape of an array of unsigned bytes in row order, or why it cannot be used.
fn read_header(entry: &mut impl Read) -> Result<Vec<usize>, String> {
    let header = npy::read_header(entry)?;
    match header.kind.as_str() {
        "|u1" | "u1" | "<u1" => Ok(header.shape),
        other => Err(format!("elements of type {other}; uint8 (`|u1`) is read")),
    }
}

/// Rows and header of an array of pictures, `[n, height, width]` or `[n, height, width, channels]`.
///
/// # Errors
/// Another shape, in words.
pub fn pictures(array: &Array) -> Result<(u32, Header), String> {
    let small = |extent: usize| u32::try_from(extent).map_err(|_| format!("an extent of {extent}"));
    let (n, height, width, channels) = match array.shape[..] {
        [n, height, width] => (n, height, width, 1),
        [n, height, width, channels @ (1 | 3)] => (n, height, width, channels),
        _ => {
            return Err(format!(
                "shape {:?}; pictures are [n, height, width] or [n, height, width, 1 or 3]",
                array.shape
            ));
        }
    };
    if height == 0 || width == 0 {
        return Err(format!("shape {:?}, pictures without pixels", array.shape));
    }
    let header = Header {
        height: small(height)?,
        width: small(width)?,
        channels: small(channels)?,
        bits: 8,
    };
    Ok((small(n)?, header))
}

/// Labels of `n` rows: `[n]` or `[n, 1]`.
fn labels(array: &Array, values: impl Read, n: u32) -> Result<Vec<Cell>, String> {
    match array.shape[..] {
        [rows] | [rows, 1] if rows == n as usize => {}
        [rows] | [rows, 1] => return Err(format!("{rows} labels for {n} pictures")),
        _ => {
            return Err(format!(
                "shape {:?}; one label per picture is read, [n] or [n, 1]",
                array.shape
            ));
        }
    }
    let mut bytes = Vec::new();
    let read = values
        .take(n.into())
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if read != n as usize {
        return Err(format!("the array ends after {read} of {n} labels"));
    }
    Ok(bytes.into_iter().map(|label| Cell::Int(label.into())).collect())
}

impl Table {
    /// Reads an archive in the form of MedMNIST, its labels and the headers of its pictures. Parts that are not there
    /// are left out. Columns: `split` (`train`, `val`, `test`), `label` (a whole number) and `index` in the part.
    ///
    /// # Errors
    /// A file that cannot be read or is no archive, none of the parts, pictures without labels, arrays of other types,
    /// orders or shapes.
    pub fn read_npz(path: &Path) -> Result<Self, TableError> {
        let mut archive = Archive::open(path)?;
        let (mut arrays, mut rows) = (Vec::new(), Vec::new());
        let (mut splits, mut all_labels, mut index) = (Vec::new(), Vec::new(), Vec::new());
        for part in PARTS {
            let name = format!("{part}_images");
            if !archive.has(&name) {
                continue;
            }
            let (array, _) = archive.array(&name)?;
            let (n, header) = pictures(&array).map_err(|reason| bad(path, Some(&name), reason))?;
            let label_name = format!("{part}_labels");
            let (array, values) = archive.array(&label_name)?;
            all_labels.extend(labels(&array, values, n).map_err(|reason| bad(path, Some(&label_name), reason))?);
            splits.resize(all_labels.len(), Cell::Text(part.to_owned()));
            index.extend((0..n).map(|row| Cell::Int(row.into())));
            rows.extend((0..n).map(|row| (arrays.len(), row)));
            arrays.push((name, header));
        }
        if arrays.is_empty() {
            return Err(bad(
                path,
                None,
                "it has none of `train_images`, `val_images`, `test_images`",
            ));
        }
        if rows.is_empty() {
            return Err(TableError::NoRows { path: path.to_owned() });
        }
        let column = |name: &str, cells| Column {
            name: name.to_owned(),
            cells,
        };
        Ok(Self {
            path: path.to_owned(),
            columns: vec![
                column("split", splits),
                column("label", all_labels),
                column("index", index),
            ],
            rows: rows.len(),
            lines: Vec::new(),
            images: Images::Npz { arrays, rows },
            ignored: 0,
            about: About::read(path.parent().unwrap_or(Path::new("")))?,
        })
    }
}
