//! The directory of a zip archive, as far as the archives of PyTorch need it: stored files, one part, nothing behind the end.
//!
//! Format: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 and 4.5.3. Every entry is checked here: method and sizes, places within
//! the file, names that stand twice.

use super::{Input, WeightFileError, error::damaged, length};
use indexmap::IndexMap;
use std::io::{Read, Seek, SeekFrom};

/// The most files in an archive: each tensor has one.
const MOST_FILES: u64 = 1 << 17;
/// The most bytes of a directory.
const MOST_BYTES: u64 = 32 << 20;
/// Lengths of the records without names and extra fields.
const END: usize = 22;
const LOCATOR: usize = 20;
const END_64: usize = 56;
const ENTRY: usize = 46;
const LOCAL: usize = 30;

/// A file of an archive: where its bytes stand, as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) start: u64,
    pub(super) bytes: u64,
    /// The sum that its bytes must have.
    pub(super) crc: u32,
}

/// Numbers in little endian within a record.
fn short(bytes: &[u8], at: usize) -> u64 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]]).into()
}

fn word(bytes: &[u8], at: usize) -> u64 {
    short(bytes, at) | short(bytes, at + 2) << 16
}

fn long(bytes: &[u8], at: usize) -> u64 {
    word(bytes, at) | word(bytes, at + 4) << 32
}

/// A record of a fixed length with its mark.
fn record<const N: usize>(file: &mut Input, at: u64, mark: [u8; 4]) -> Result<[u8; N], WeightFileError> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)
        .map_err(|_| damaged("it ends within a record of its archive"))?;
    if !bytes.starts_with(&mark) {
        return Err(damaged(
            "its archive has no directory where it should be; it may be cut short",
        ));
    }
    Ok(bytes)
}

/// The files of an archive by name.
pub(super) fn read(file: &mut Input) -> Result<IndexMap<String, Stored>, WeightFileError> {
    let len = length(file)?;
    let (count, size, offset) = end(file, len)?;
    if count > MOST_FILES || size > MOST_BYTES {
        return Err(WeightFileError::TooLarge(format!(
            "its archive holds more than {MOST_FILES} files, or a directory of more than {MOST_BYTES} bytes"
        )));
    }
    if offset.checked_add(size).is_none_or(|end| end > len) {
        return Err(damaged("its directory reaches beyond the file"));
    }
    let mut directory = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(size).read_to_end(&mut directory)?;
    let (mut files, mut rest) = (IndexMap::new(), directory.as_slice());
    for _ in 0..count {
        let (name, entry) = entry(&mut rest)?;
        let stored = located(file, entry, &name, len)?;
        if files.insert(name.clone(), stored).is_some() {
            return Err(damaged(format!("the name `{name}` stands in its directory twice")));
        }
    }
    if !rest.is_empty() {
        return Err(damaged("its directory is longer than its entries"));
    }
    Ok(files)
}

/// Files, bytes and place of the directory.
fn end(file: &mut Input, len: u64) -> Result<(u64, u64, u64), WeightFileError> {
    let cut = || damaged("its archive has no end; it may be cut short");
    let at = len.checked_sub(END as u64).ok_or_else(cut)?;
    let end = record::<END>(file, at, *b"PK\x05\x06").map_err(|_| cut())?;
    let small = (short(&end, 10), word(&end, 12), word(&end, 16));
    let is_large = small.0 == 0xffff || small.1 == 0xffff_ffff || small.2 == 0xffff_ffff;
    if !is_large {
        return Ok(small);
    }
    let at = at.checked_sub(LOCATOR as u64).ok_or_else(cut)?;
    let locator = record::<LOCATOR>(file, at, *b"PK\x06\x07")?;
    let end = record::<END_64>(file, long(&locator, 8), *b"PK\x06\x06")?;
    Ok((long(&end, 32), long(&end, 40), long(&end, 48)))
}

/// The first entry of a directory; its place is that of the file's own header.
fn entry(rest: &mut &[u8]) -> Result<(String, Stored), WeightFileError> {
    let wrong = || damaged("its directory holds something else than entries");
    let (head, after) = rest
        .split_at_checked(ENTRY)
        .filter(|(head, _)| head.starts_with(b"PK\x01\x02"))
        .ok_or_else(wrong)?;
    let length = |at: usize| usize::try_from(short(head, at)).unwrap_or(usize::MAX);
    let (name, after) = after.split_at_checked(length(28)).ok_or_else(wrong)?;
    let (extra, after) = after.split_at_checked(length(30)).ok_or_else(wrong)?;
    let (_, after) = after.split_at_checked(length(32)).ok_or_else(wrong)?;
    *rest = after;
    let name = std::str::from_utf8(name).map_err(|_| wrong())?;
    let name = String::from(if super::is_name(name) {
        name
    } else {
        return Err(wrong());
    });
    let [packed, bytes, start] = sizes(head, extra).ok_or_else(wrong)?;
    let (flags, method) = (short(head, 8), short(head, 10));
    if method != 0 || packed != bytes || flags & 1 != 0 {
        return Err(WeightFileError::Unsupported(format!(
            "holds `{name}` in compressed form, and `torch.save` does not compress"
        )));
    }
    let crc = u32::try_from(word(head, 16)).unwrap_or_default();
    Ok((name, Stored { start, bytes, crc }))
}

/// Packed size, size and place of an entry; large ones stand in its extra field.
fn sizes(head: &[u8], extra: &[u8]) -> Option<[u64; 3]> {
    const LARGE: u64 = 0xffff_ffff;
    let mut large = field(extra, 1).unwrap_or_default();
    let mut found = [word(head, 20), word(head, 24), word(head, 42)];
    // In the extra field the size stands before the packed one.
    for at in [1, 0, 2] {
        if found[at] == LARGE {
            let (number, after) = large.split_at_checked(8)?;
            found[at] = long(number, 0);
            large = after;
        }
    }
    Some(found)
}

/// A part of an extra field.
fn field(mut extra: &[u8], wanted: u64) -> Option<&[u8]> {
    loop {
        let (head, after) = extra.split_at_checked(4)?;
        let (data, after) = after.split_at_checked(usize::try_from(short(head, 2)).ok()?)?;
        if short(head, 0) == wanted {
            return Some(data);
        }
        extra = after;
    }
}

/// An entry with the place of its bytes, which follow its own header.
fn located(file: &mut Input, entry: Stored, name: &str, len: u64) -> Result<Stored, WeightFileError> {
    let local = record::<LOCAL>(file, entry.start, *b"PK\x03\x04")?;
    let head = LOCAL as u64 + short(&local, 26) + short(&local, 28);
    let start = entry.start.checked_add(head);
    let end = start.and_then(|start| start.checked_add(entry.bytes));
    match (start, end) {
        (Some(start), Some(end)) if end <= len => Ok(Stored { start, ..entry }),
        _ => Err(damaged(format!("`{name}` reaches beyond the file"))),
    }
}
