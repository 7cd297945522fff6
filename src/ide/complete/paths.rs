//! Paths, as they are written in a text: from the folder of the file on.

use std::path::Path;

use super::{Item, ProposalKind};
use crate::{
    ide::analysis::Analysis,
    types::{Named, Type},
};

/// The most entries of a folder that are shown.
const MOST: usize = 500;

impl Analysis {
    /// True when a path is wanted at the cursor.
    pub(super) fn wants_path(&self) -> bool {
        let mut ty = self.facts.cursor.as_ref().and_then(|cursor| cursor.ty.as_ref());
        while let Some(Type::Optional(of)) = ty {
            ty = Some(of);
        }
        matches!(ty, Some(Type::Named(Named::Path | Named::WeightFile)))
    }
}

/// What may go on after `typed`, a part of a path that starts at `folder`: folders, then files of which `keep` is true.
pub(super) fn entries(folder: &Path, typed: &str, keep: impl Fn(&Path) -> bool) -> Vec<Item> {
    // What a hole gives is not known here.
    if typed.contains('{') {
        return Vec::new();
    }
    let before = &typed[..typed.rfind('/').map_or(0, |at| at + 1)];
    let mut found: Vec<(bool, String)> = std::fs::read_dir(folder.join(before))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let path = entry.path();
            let inner = path.is_dir();
            let shown = !name.starts_with('.') && !name.contains(['{', '"', '\\']) && (inner || keep(&path));
            shown.then_some((!inner, name))
        })
        .collect();
    found.sort();
    found.truncate(MOST);
    found
        .into_iter()
        .map(|(file, name)| {
            let label = if file { name } else { format!("{name}/") };
            let mut item = Item::new(&label, ProposalKind::File, if file { 1 } else { 0 });
            item.insert = format!("{before}{label}");
            item
        })
        .collect()
}
