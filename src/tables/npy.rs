//! Headers of NumPy arrays.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::Read;

/// The header of an array in row order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// Its element type as NumPy writes it: `<f4`, `|u1`.
    pub kind: String,
    /// Its extents.
    pub shape: Vec<usize>,
}

/// Reads the header of a `.npy` file; the values follow.
///
/// # Errors
/// In words, why it cannot be used: no array, a damaged header, column order.
pub fn read_header(entry: &mut impl Read) -> Result<NpyHeader, String> {
    /// NumPy writes 118 bytes; nothing that is read here needs more than a few hundred.
    const LONGEST: u32 = 1 << 16;
    let mut exact = |bytes: &mut [u8]| {
        entry
            .read_exact(bytes)
            .map_err(|error| format!("damaged array: {error}"))
    };
    let mut magic = [0; 8];
    exact(&mut magic)?;
    if &magic[..6] != b"\x93NUMPY" {
        return Err("not a NumPy array".to_owned());
    }
    let length = if magic[6] == 1 {
        let mut bytes = [0; 2];
        exact(&mut bytes)?;
        u32::from(u16::from_le_bytes(bytes))
    } else {
        let mut bytes = [0; 4];
        exact(&mut bytes)?;
        u32::from_le_bytes(bytes)
    };
    if length > LONGEST {
        return Err(format!("an array header of {length} bytes"));
    }
    let mut text = vec![0; length as usize];
    exact(&mut text)?;
    let text = std::str::from_utf8(&text).map_err(|_| "an array header that is not text".to_owned())?;
    parse_header(text)
}

/// Reads `{'descr': '|u1', 'fortran_order': False, 'shape': (3882, 28, 28), }`.
fn parse_header(text: &str) -> Result<NpyHeader, String> {
    let value = |key: &str| {
        let after = text.split_once(&format!("'{key}':"))?.1.trim_start();
        Some(after)
    };
    let missing = |key: &str| format!("an array header without `{key}`");
    let descr = value("descr").ok_or_else(|| missing("descr"))?;
    let kind = descr
        .strip_prefix('\'')
        .and_then(|rest| rest.split_once('\''))
        .map_or("unknown", |(kind, _)| kind);
    if !value("fortran_order")
        .ok_or_else(|| missing("fortran_order"))?
        .starts_with("False")
    {
        return Err("values in column order (`fortran_order`); row order is read".to_owned());
    }
    let shape = value("shape").ok_or_else(|| missing("shape"))?;
    let extents = shape
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .map(|(extents, _)| extents);
    let extents = extents.ok_or_else(|| missing("shape"))?;
    let extents = extents
        .split(',')
        .map(str::trim)
        .filter(|extent| !extent.is_empty())
        .map(|extent| extent.parse().map_err(|_| format!("the extent `{extent}`")));
    Ok(NpyHeader {
        kind: kind.to_owned(),
        shape: extents.collect::<Result<_, String>>()?,
    })
}
