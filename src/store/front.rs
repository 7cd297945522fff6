//! A store in front of another one that is only read: a lab's shared store, a read-only medium.
//!
//! The store in front is a whole store. It takes over the records of the one behind, when it is opened and what is new each time
//! after, so that every result, run and state of there is known here. Contents stay where they are: an object or a part of a state that
//! is not here is looked for behind, and verified as any other. The ledger of looks is not copied but read, each time: its chain
//! goes on in front, after all that was shown from behind. Nothing is ever written behind, not even a lock.

use super::{
    Store, VERSION,
    disk::{self, Disk, RealDisk},
    durable::{Temp, sync_dir},
    error::{At, StoreError, if_there},
    log::{self, Log, Unread},
    notice::Notices,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The logs whose records are taken over.
const LOGS: [&str; 5] = ["actions", "history", "fields", "index", "trail/records"];
/// The file that tells how far.
const MARK: &str = "behind";

/// What was taken over.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The store behind.
    store: PathBuf,
    /// By log: the number of its file on the disk, and how much of it.
    logs: BTreeMap<String, (u64, u64)>,
}

impl Store {
    /// Opens the store in a folder, or makes one there, in front of the one at `behind`, which is only read.
    ///
    /// # Errors
    /// As for [`Store::open`], and when there is no store behind, or it cannot be read.
    pub fn open_in_front(folder: &Path, behind: &Path) -> Result<Self, StoreError> {
        Self::open_in_front_on(Arc::new(RealDisk), folder, behind)
    }

    /// The same on any file system.
    ///
    /// # Errors
    /// As for [`Store::open_in_front`].
    pub fn open_in_front_on(disk: Arc<dyn Disk>, folder: &Path, behind: &Path) -> Result<Self, StoreError> {
        let behind = std::path::absolute(behind).at("find", behind)?;
        let path = behind.join("VERSION");
        let found = disk::read_file(&*disk, &path).at("read", &path)?;
        let found = String::from_utf8_lossy(&found).trim_end().to_owned();
        if found != VERSION {
            return Err(StoreError::OtherVersion {
                path: behind,
                found,
                expected: VERSION,
            });
        }
        Self::open_with(disk, folder, Some(behind))
    }

    /// The store behind, if there is one.
    #[must_use]
    pub fn behind(&self) -> Option<&Path> {
        self.behind.as_deref()
    }
}

/// Takes over what the logs of the store behind have got since the last time.
pub(super) fn take_over(
    disk: &Arc<dyn Disk>,
    (root, behind): (&Path, &Path),
    notices: &Notices,
) -> Result<(), StoreError> {
    let path = root.join(MARK);
    let mark = if_there(disk::read_file(&**disk, &path)).at("read", &path)?;
    let mark: Mark = mark
        .and_then(|json| serde_json::from_slice(&json).ok())
        .filter(|mark: &Mark| mark.store == behind)
        .unwrap_or_default();
    let mut now = Mark {
        store: behind.to_owned(),
        logs: BTreeMap::new(),
    };
    for name in LOGS {
        let from = behind.join(name);
        let Some(look) = if_there(disk.look(&from)).at("look at", &from)? else {
            continue;
        };
        // Another file is the log written anew: taken over whole, as a later record of a key stands for an earlier one.
        let known = mark
            .logs
            .get(name)
            .filter(|(inode, end)| *inode == look.inode && *end <= look.size);
        let begin = known.map_or(0, |(_, end)| *end);
        let (records, end) = log::payloads(&**disk, &from, begin)?;
        if !records.is_empty() {
            let mut log = Log::open(disk, &root.join(name), notices, &mut Unread)?;
            log.append(&records, true, &mut Unread)?;
        }
        now.logs.insert(name.to_owned(), (look.inode, end.max(begin)));
    }
    if now == mark {
        return Ok(());
    }
    // Should this be lost, the same records are taken over once more.
    let json = serde_json::to_vec(&now).unwrap_or_default();
    let file = Temp::new_in(disk, root, ".behind-").at("make a file in", root)?;
    disk::write_all(file.file(), &json)
        .and_then(|()| file.file().sync())
        .at("write", &path)?;
    file.persist(&path).at("write", &path)?;
    sync_dir(&**disk, root)
}
