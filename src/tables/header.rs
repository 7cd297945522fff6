//! Sizes of pictures from the first bytes of their files.

use super::TableError;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

/// Size and kind of a picture, as decoding gives it: alpha is dropped, a palette is expanded to colours, fewer than
/// 8 bits to 8. Orientation tags are not applied, as torchvision does not apply them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// 1 for grey, 3 for colour.
    pub channels: u32,
    /// 8 or 16 per channel.
    pub bits: u32,
}

/// Reads the header of a PNG or JPEG file; which of the two is told by its first bytes, not by its name.
///
/// # Errors
/// A file that cannot be read, is neither, or is of a kind that is not decoded: JPEG of other than 8 bits,
/// lossless or arithmetic JPEG.
pub fn image_header(path: &Path) -> Result<Header, TableError> {
    let io = |source| TableError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::with_capacity(4096, File::open(path).map_err(io)?);
    match header(&mut file) {
        Ok(Ok(header)) if header.height > 0 && header.width > 0 => Ok(header),
        Ok(Ok(_)) => Err("its header says no size".to_owned()),
        Ok(Err(reason)) => Err(reason),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err("the file ends in its header".to_owned()),
        Err(source) => return Err(io(source)),
    }
    .map_err(|reason| TableError::BadImage {
        path: path.to_owned(),
        reason,
    })
}

/// A header, or why there is none.
type Found = Result<Header, String>;

fn header(file: &mut BufReader<File>) -> io::Result<Found> {
    let magic = bytes::<2>(file)?;
    match magic {
        [0x89, b'P'] => png(file),
        [0xff, 0xd8] => jpeg(file),
        _ => Ok(Err("neither PNG nor JPEG".to_owned())),
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut buffer = [0; N];
    file.read_exact(&mut buffer)?;
    Ok(buffer)
}

/// The IHDR chunk (PNG specification, third edition, 11.2.1), which is always the first.
fn png(file: &mut BufReader<File>) -> io::Result<Found> {
    let rest = bytes::<6>(file)?;
    let chunk = bytes::<8>(file)?;
    if &rest != b"NG\r\n\x1a\n" || &chunk != b"\0\0\0\x0dIHDR" {
        return Ok(Err("neither PNG nor JPEG".to_owned()));
    }
    let width = u32::from_be_bytes(bytes(file)?);
    let height = u32::from_be_bytes(bytes(file)?);
    let [depth, colour] = bytes(file)?;
    let channels = match colour {
        0 | 4 => 1,
        2 | 3 | 6 => 3,
        _ => return Ok(Err(format!("PNG of the unknown colour type {colour}"))),
    };
    let bits = if depth == 16 { 16 } else { 8 };
    Ok(Ok(Header {
        height,
        width,
        channels,
        bits,
    }))
}

/// The frame header (ITU-T T.81, B.2.2), after whatever segments stand before it.
fn jpeg(file: &mut BufReader<File>) -> io::Result<Found> {
    loop {
        let [mut marker] = bytes(file)?;
        if marker != 0xff {
            return Ok(Err("damaged JPEG header".to_owned()));
        }
        while marker == 0xff {
            [marker] = bytes(file)?;
        }
        match marker {
            // Baseline, extended and progressive Huffman frames.
            0xc0..=0xc2 => return frame(file),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Ok(Err("lossless, hierarchical and arithmetic JPEG are not read".to_owned()));
            }
            0xd9 | 0xda => return Ok(Err("JPEG without a frame header".to_owned())),
            // TEM and restart markers stand alone.
            0x01 | 0xd0..=0xd7 => {}
            _ => {
                let length = i64::from(u16::from_be_bytes(bytes(file)?));
                file.seek_relative((length - 2).max(0))?;
            }
        }
    }
}

fn frame(file: &mut BufReader<File>) -> io::Result<Found> {
    let [_, _, precision, h1, h0, w1, w0, components] = bytes(file)?;
    if precision != 8 {
        return Ok(Err(format!("JPEG of {precision} bits; 8 are read")));
    }
    let channels = match components {
        1 => 1,
        3 | 4 => 3,
        _ => return Ok(Err(format!("JPEG of {components} components"))),
    };
    Ok(Ok(Header {
        height: u16::from_be_bytes([h1, h0]).into(),
        width: u16::from_be_bytes([w1, w0]).into(),
        channels,
        bits: 8,
    }))
}
