//! The format of PyTorch before 1.6: five pickles (a magic number, the version, the machine, the object, the keys of its
//! storages), then for each key the number of its elements and the elements.
//!
//! Format: `torch/serialization.py`, `_legacy_save` and `_legacy_load`.

use super::{
    Contents, Input, Storage, WeightFileError,
    error::damaged,
    length,
    pickle::{Machine, Value},
    pickle_bytes::Bytes,
    torch,
};
use std::io::{BufReader, Read, Seek, SeekFrom};

/// How a file of this format begins: protocol 2, a long of ten bytes, the magic number.
pub(super) const BEGINNING: [u8; 14] = [
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
];
/// The version of the format, the only one that there is.
const VERSION: i64 = 1001;

/// Reads the header of a file.
pub(super) fn open(mut file: Input, within: Option<&str>) -> Result<(Contents, Input), WeightFileError> {
    let len = length(&mut file)?;
    let mut machine = Machine::new();
    let mut bytes = Bytes::new(BufReader::new(&mut file));
    machine.pickle(&mut bytes)?;
    match machine.pickle(&mut bytes)? {
        Value::Int(VERSION) => {}
        _ => {
            return Err(WeightFileError::Unsupported(
                "is of an unknown version of the legacy format".to_owned(),
            ));
        }
    }
    // The sizes of C's types and the byte order of the machine; its order is checked by the sizes below.
    machine.pickle(&mut bytes)?;
    let root = machine.pickle(&mut bytes)?;
    let keys = machine.pickle(&mut bytes)?;
    let known = torch::storages(&machine)?;
    let keys = machine
        .items(&keys)
        .ok_or_else(|| damaged("its storages have no list"))?;
    let mut at = bytes.read;
    let mut storages: Vec<Option<Storage>> = vec![None; known.len()];
    for key in keys {
        let place = match key {
            Value::Text(key) => known.get_index_of(&**key),
            _ => None,
        };
        let (Some(place), Some(storage)) = (place, place.and_then(|place| known.get_index(place))) else {
            return Err(damaged("it holds a storage that no tensor uses"));
        };
        let (key, storage) = storage;
        file.seek(SeekFrom::Start(at))?;
        let mut count = [0; 8];
        file.read_exact(&mut count).map_err(|_| cut(key))?;
        let count = u64::from_le_bytes(count);
        if count != storage.count {
            let machine_order = u64::from_be_bytes(count.to_le_bytes()) == storage.count;
            return Err(if machine_order {
                WeightFileError::Unsupported("was written on a machine of another byte order".to_owned())
            } else {
                damaged(format!(
                    "storage `{key}` has {count} values here and {} there",
                    storage.count
                ))
            });
        }
        let size = count.checked_mul(storage.width);
        let start = at + 8;
        let end = size.and_then(|size| start.checked_add(size)).filter(|end| *end <= len);
        at = end.ok_or_else(|| cut(key))?;
        if storages[place].is_some() {
            return Err(damaged(format!("storage `{key}` stands in it twice")));
        }
        storages[place] = Some(Storage {
            at: start,
            bytes: at - start,
            crc: None,
        });
    }
    let storages: Option<Vec<_>> = storages.into_iter().collect();
    let storages = storages.ok_or_else(|| damaged("a tensor's storage is not in it"))?;
    let entries = torch::entries(&machine, &root, within, &known)?;
    Ok((
        Contents {
            entries,
            storages,
            note: None,
        },
        file,
    ))
}

fn cut(key: &str) -> WeightFileError {
    damaged(format!("it ends before storage `{key}` does"))
}
