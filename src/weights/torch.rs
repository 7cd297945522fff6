//! What a pickle of `torch.save` says of tensors: the state dict, wherever in it, and the tensors' places in their storages.

use super::{
    Dtype, Entry, Place, WeightFileError, is_name,
    pickle::{Machine, StorageRef, TensorRef, Value},
};
use indexmap::IndexMap;
use std::rc::Rc;

/// The most dimensions of a tensor; weights have at most five.
const MOST_DIMENSIONS: usize = 16;
/// The most values of a tensor that repeats those of its storage, as `expand` makes it.
const MOST_REPEATED: u64 = 1 << 26;

/// The storages of a file, each once, by their keys.
pub(super) fn storages(machine: &Machine) -> Result<IndexMap<Rc<str>, StorageRef>, WeightFileError> {
    let mut found: IndexMap<Rc<str>, StorageRef> = IndexMap::new();
    for storage in machine.storages() {
        let whole = StorageRef {
            view: None,
            ..storage.clone()
        };
        let known = found.entry(Rc::clone(&storage.key)).or_insert_with(|| whole.clone());
        if *known != whole {
            return Err(WeightFileError::Damaged(format!(
                "storage `{}` is of {} {} here and of {} {} there",
                storage.key, known.count, known.dtype, storage.count, storage.dtype
            )));
        }
    }
    Ok(found)
}

/// The entries of the state dict that `root` is, or that stands in it under `within`.
pub(super) fn entries(
    machine: &Machine,
    root: &Value,
    within: Option<&str>,
    storages: &IndexMap<Rc<str>, StorageRef>,
) -> Result<IndexMap<String, Entry>, WeightFileError> {
    let dict = machine.dict(root).ok_or_else(|| {
        let tensor = machine.tensor(root).is_some();
        let what = if tensor {
            "a single tensor"
        } else {
            "something else than a dict"
        };
        WeightFileError::Unsupported(format!("holds {what}, where a state dict is a dict of named tensors"))
    })?;
    let elsewhere = || WeightFileError::Elsewhere {
        within: within.map(str::to_owned),
        found: holders(machine, dict),
        top: dict
            .iter()
            .filter_map(|(key, _)| name(key))
            .map(str::to_owned)
            .collect(),
    };
    let state = match within {
        None => dict,
        Some(within) => {
            let found = dict.iter().rev().find(|(key, _)| name(key) == Some(within));
            found.and_then(|(_, value)| machine.dict(value)).ok_or_else(elsewhere)?
        }
    };
    if !state.iter().any(|(_, value)| machine.tensor(value).is_some()) {
        return Err(elsewhere());
    }
    let mut entries = IndexMap::new();
    for (key, value) in state {
        let Some(name) = name(key) else {
            return Err(WeightFileError::Damaged(
                "its state dict has a key that is no plain text".to_owned(),
            ));
        };
        let entry = match machine.tensor(value) {
            Some(tensor) => entry(name, tensor, storages)?,
            None => Entry::nothing(),
        };
        if entries.insert(name.to_owned(), entry).is_some() {
            return Err(WeightFileError::Damaged(format!(
                "the name `{name}` stands in it twice"
            )));
        }
    }
    Ok(entries)
}

/// A key as a name that may be printed.
fn name(key: &Value) -> Option<&str> {
    match key {
        Value::Text(text) if is_name(text) => Some(text),
        _ => None,
    }
}

/// The entries of a dict that are dicts with tensors, and how many tensors each has.
fn holders(machine: &Machine, dict: &[(Value, Value)]) -> Vec<(String, usize)> {
    let count = |value: &Value| {
        let entries = machine.dict(value)?;
        let tensors = entries
            .iter()
            .filter(|(_, value)| machine.tensor(value).is_some())
            .count();
        (tensors > 0).then_some(tensors)
    };
    dict.iter()
        .filter_map(|(key, value)| Some((name(key)?.to_owned(), count(value)?)))
        .collect()
}

/// A tensor's shape and place, checked against its storage.
fn entry(name: &str, tensor: &TensorRef, storages: &IndexMap<Rc<str>, StorageRef>) -> Result<Entry, WeightFileError> {
    let damaged = |what: &str| WeightFileError::Damaged(format!("`{name}` {what}"));
    if tensor.shape.len() > MOST_DIMENSIONS {
        return Err(damaged("has too many dimensions"));
    }
    let (first, count) = tensor.storage.view.unwrap_or((0, tensor.storage.count));
    let inside = first.checked_add(count).is_some_and(|end| end <= tensor.storage.count);
    let size = tensor
        .shape
        .iter()
        .try_fold(1_u64, |size, extent| size.checked_mul(*extent as u64));
    let size = size.ok_or_else(|| damaged("has more values than can be counted"))?;
    let axes = tensor.shape.iter().zip(&tensor.strides);
    let last = axes
        .filter(|(extent, _)| **extent > 0)
        .try_fold(tensor.offset, |last, (extent, stride)| {
            last.checked_add((*extent as u64 - 1).checked_mul(*stride)?)
        });
    let fits = size == 0 || last.is_some_and(|last| last < count);
    if !inside || !fits {
        return Err(damaged("reaches beyond its storage"));
    }
    if size > count && size > MOST_REPEATED {
        return Err(damaged("repeats its storage too often"));
    }
    let storage = storages.get_index_of(&tensor.storage.key);
    let strides: Result<Vec<_>, _> = tensor.strides.iter().map(|stride| usize::try_from(*stride)).collect();
    let offset = usize::try_from(first + tensor.offset);
    let (Some(storage), Ok(strides), Ok(offset)) = (storage, strides, offset) else {
        return Err(damaged("lies beyond what can be addressed"));
    };
    Ok(Entry {
        shape: tensor.shape.clone(),
        dtype: Dtype::of_torch(tensor.storage.dtype),
        place: Some(Place {
            storage,
            offset,
            strides,
        }),
    })
}
