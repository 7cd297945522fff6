//! Mends that diagnostics propose.

use std::{ops::Range, path::Path};

use super::{
    analysis::{FileKey, Location},
    workspace::{Reported, Workspace},
};

/// A mend that the user may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What it does, in a few words.
    pub title: String,
    /// The diagnostic that it mends.
    pub mends: Reported,
    /// What is replaced.
    pub place: Location,
    /// The new text.
    pub text: String,
}

impl Workspace {
    /// The mends of the diagnostics of a file that touch a range of bytes.
    pub fn actions(&mut self, path: &Path, range: &Range<usize>) -> Vec<Action> {
        let mut all = self.diagnostics(path);
        let own = all.remove(path).unwrap_or_default();
        own.into_iter()
            .filter(|d| d.location.range.start <= range.end && range.start <= d.location.range.end)
            .filter_map(|mends| {
                let (place, text) = mends.fix.clone()?;
                let old = place.text.get(place.range.clone()).unwrap_or("");
                let title = match (&place.file, old, text.trim()) {
                    (FileKey::Std(_), ..) => return None,
                    (_, "", new) => format!("insert `{new}`"),
                    (_, old, "") => format!("remove `{}`", old.trim()),
                    (_, old, new) => format!("replace `{}` with `{new}`", old.trim()),
                };
                Some(Action {
                    title,
                    mends,
                    place,
                    text,
                })
            })
            .collect()
    }
}
