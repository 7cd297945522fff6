//! The format of PyTorch since 1.6: a zip archive with a pickle, `data.pkl`, and one file per storage, `data/0`, ...
//!
//! Format: `torch/serialization.py`, `_save` and `_load`, and `caffe2/serialize/inline_container.h`. PyTorch stores
//! without compression and checks sums when it reads; so does this. Nothing is ever unpacked to a disk.

use super::{
    Contents, Input, Storage, WeightFileError,
    error::damaged,
    pickle::{MOST_BYTES, Machine, Value},
    pickle_bytes::Bytes,
    torch, zip_directory,
    zip_directory::Stored,
};
use indexmap::IndexMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Reads the header of an archive.
pub(super) fn open(mut file: Input, within: Option<&str>) -> Result<(Contents, Input), WeightFileError> {
    let files = zip_directory::read(&mut file)?;
    let root = root(&files)?;
    check_order(&mut file, &files, &root)?;
    let mut machine = Machine::new();
    let value = pickle(&mut file, &files, &root, &mut machine)?;
    let known = torch::storages(&machine)?;
    let mut storages = Vec::with_capacity(known.len());
    for (key, storage) in &known {
        let name = format!("{root}/data/{key}");
        let stored = files.get(&name).ok_or_else(|| damaged(format!("it has no `{name}`")))?;
        if storage.count.checked_mul(storage.width) != Some(stored.bytes) {
            return Err(damaged(format!(
                "`{name}` has {} bytes, and its pickle speaks of {} values of {} bytes",
                stored.bytes, storage.count, storage.width
            )));
        }
        storages.push(Storage {
            at: stored.start,
            bytes: stored.bytes,
            crc: Some(stored.crc),
        });
    }
    let mut ranges: Vec<_> = files
        .values()
        .map(|stored| (stored.start, stored.start + stored.bytes))
        .collect();
    ranges.sort_unstable();
    if ranges.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(damaged("two files of its archive overlap"));
    }
    let entries = torch::entries(&machine, &value, within, &known)?;
    let contents = Contents {
        entries,
        storages,
        note: None,
    };
    Ok((contents, file))
}

/// The one folder in which everything stands.
fn root(files: &IndexMap<String, Stored>) -> Result<String, WeightFileError> {
    let (first, _) = files.first().ok_or_else(|| damaged("it is an empty archive"))?;
    let root = first.split('/').next().unwrap_or_default();
    let inside = |name: &str| name.strip_prefix(root)?.strip_prefix('/').map(str::to_owned);
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':']);
    let foreign = |name: &&String| !plain(root) || !inside(name).is_some_and(|name| name.split('/').all(plain));
    if let Some(name) = files.keys().find(foreign) {
        let name: String = name.chars().take(120).collect();
        return Err(damaged(format!("`{name}` is no name that `torch.save` gives")));
    }
    let is_program = |name: String| name == "constants.pkl" || name.starts_with("code/");
    if files.keys().filter_map(|name| inside(name)).any(is_program) {
        return Err(WeightFileError::Unsupported(
            "is a TorchScript archive, a program: save its `state_dict()` with `torch.save`".to_owned(),
        ));
    }
    Ok(root.to_owned())
}

/// The numbers are read as little endian.
fn check_order(file: &mut Input, files: &IndexMap<String, Stored>, root: &str) -> Result<(), WeightFileError> {
    let Some(stored) = files.get(&format!("{root}/byteorder")) else {
        return Ok(());
    };
    let mut order = Vec::new();
    file.seek(SeekFrom::Start(stored.start))?;
    file.take(stored.bytes.min(16)).read_to_end(&mut order)?;
    if order.trim_ascii() == b"little" {
        return Ok(());
    }
    Err(WeightFileError::Unsupported(
        "was written on a machine of another byte order".to_owned(),
    ))
}

fn pickle(
    file: &mut Input,
    files: &IndexMap<String, Stored>,
    root: &str,
    machine: &mut Machine,
) -> Result<Value, WeightFileError> {
    let name = format!("{root}/data.pkl");
    let stored = files.get(&name);
    let stored = stored.ok_or_else(|| damaged(format!("it has no `{name}`, as `torch.save` writes it")))?;
    if stored.bytes > MOST_BYTES {
        return Err(WeightFileError::TooLarge(format!(
            "its pickle takes more than {MOST_BYTES} bytes"
        )));
    }
    file.seek(SeekFrom::Start(stored.start))?;
    let part = BufReader::new(file.take(stored.bytes));
    Ok(machine.pickle(&mut Bytes::new(part))?)
}
