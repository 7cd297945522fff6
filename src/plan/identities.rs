//! Who and what was seen: groups and files as small numbers that are the same for the same identity in every table.

use indexmap::IndexSet;
use std::{path::PathBuf, rc::Rc};

/// A group in its name space, or a row that is its own group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    /// A value of the group column. Names without a space are one space across all tables.
    Named { space: Option<Rc<str>>, name: Rc<str> },
    /// A row without a group column: its picture.
    Picture(u32),
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Picture {
    File(PathBuf),
    /// A row of an array of an archive.
    Entry(PathBuf, usize, u32),
}

/// The numbers given so far.
#[derive(Default)]
pub(super) struct Identities {
    groups: IndexSet<Group>,
    pictures: IndexSet<Picture>,
}

/// Counts beyond the numbers of 32 bits cannot be held in memory anyway.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Identities {
    pub(super) fn group(&mut self, group: Group) -> u32 {
        number(self.groups.insert_full(group).0)
    }

    pub(super) fn picture(&mut self, picture: Picture) -> u32 {
        number(self.pictures.insert_full(picture).0)
    }

    /// The name of a group, as a table writes it.
    pub(super) fn group_name(&self, group: u32) -> String {
        match self.groups.get_index(group as usize) {
            Some(Group::Named { name, .. }) => super::split::spoken(name),
            Some(Group::Picture(picture)) => self.picture_name(*picture),
            None => String::new(),
        }
    }

    /// The name of a picture's file.
    pub(super) fn picture_name(&self, picture: u32) -> String {
        let file = |path: &PathBuf| {
            path.file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        match self.pictures.get_index(picture as usize) {
            Some(Picture::File(path)) => file(path),
            Some(Picture::Entry(path, array, row)) => format!("{} {array}/{row}", file(path)),
            None => String::new(),
        }
    }
}
