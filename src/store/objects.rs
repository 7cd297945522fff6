//! Objects: files named by the digest of their contents, read-only, never changed.

use super::{
    disk::{self, Disk, DiskFile, Open},
    durable::{Temp, make_dirs, sync_dir},
    error::{At, StoreError, if_there},
    files::Stat,
    held,
    notice::{Notice, Notices},
};
use crate::plan::digest::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// The mode of an object: nobody writes.
const READ_ONLY: u32 = 0o444;

/// How an object looked when its contents were last known to be right; locked while they are looked at.
type Seen = Arc<Mutex<Option<Stat>>>;

/// A file in scratch space that is to be an object.
#[derive(Debug)]
pub(super) struct Staged {
    /// What its contents are.
    pub(super) digest: Digest,
    /// Where it lies.
    pub(super) file: PathBuf,
}

/// The objects of a store.
#[derive(Debug)]
pub(super) struct Objects {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// The objects of the store behind, which are only read.
    behind: Option<PathBuf>,
    quarantine: PathBuf,
    notices: Notices,
    /// Objects that this process has verified.
    verified: Mutex<BTreeMap<Digest, Seen>>,
    /// Objects whose names this process has synced.
    durable: Mutex<BTreeSet<Digest>>,
}

impl Objects {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        (folder, behind): (PathBuf, Option<PathBuf>),
        quarantine: PathBuf,
        notices: Notices,
    ) -> Self {
        Self {
            disk,
            folder,
            behind,
            quarantine,
            notices,
            verified: Mutex::default(),
            durable: Mutex::default(),
        }
    }

    /// Where the object lies, if it is there: here, or in the store behind.
    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        let own = self.own_path(digest);
        let Some(behind) = &self.behind else { return own };
        let is_there = |path: &Path| disk::is_there(&*self.disk, path).unwrap_or(false);
        let there = place(behind, digest);
        if !is_there(&own) && is_there(&there) {
            there
        } else {
            own
        }
    }

    /// Where the object lies or would lie in this store.
    pub(super) fn own_path(&self, digest: Digest) -> PathBuf {
        place(&self.folder, digest)
    }

    /// True for a path in this store.
    fn is_own(&self, path: &Path) -> bool {
        path.starts_with(&self.folder)
    }

    /// The digests of all that lies here, in order.
    pub(super) fn stored(&self) -> Result<Vec<Digest>, StoreError> {
        let list = |folder: &Path| {
            let names = if_there(self.disk.list(folder)).at("list", folder)?.unwrap_or_default();
            let names = names.into_iter().filter_map(|name| name.into_string().ok());
            Ok(names.collect::<Vec<_>>())
        };
        let mut digests = Vec::new();
        for first in list(&self.folder)?.into_iter().filter(|name| name.len() == 2) {
            for rest in list(&self.folder.join(&first))? {
                digests.extend(format!("{first}{rest}").parse::<Digest>().ok());
            }
        }
        Ok(digests)
    }

    /// The object's file once its contents are known to be right, with how it looks; none when it is absent. A damaged
    /// one is moved away and absent. Each object is read once per process unless it changes.
    pub(super) fn verified(&self, digest: Digest) -> Result<Option<(PathBuf, Stat)>, StoreError> {
        let seen = self.seen(digest);
        let mut seen = held(&seen);
        let path = self.path(digest);
        let Some(stat) = self.look(&path)? else {
            *seen = None;
            return Ok(None);
        };
        if *seen == Some(stat) {
            return Ok(Some((path, stat)));
        }
        if is_sound(&*self.disk, &path, digest)? {
            *seen = Some(stat);
            return Ok(Some((path, stat)));
        }
        *seen = None;
        if self.is_own(&path) {
            quarantine(&*self.disk, &path, &self.quarantine, &digest.to_string(), &self.notices)?;
        } else {
            self.notices.add(Notice::DamagedBehind { path });
        }
        Ok(None)
    }

    /// Reads an object anew; false when it was damaged, and is in quarantine now. One that is gone meanwhile is not damaged.
    pub(super) fn verify(&self, digest: Digest) -> Result<bool, StoreError> {
        *held(&self.seen(digest)) = None;
        if self.look(&self.own_path(digest))?.is_none() {
            return Ok(true);
        }
        Ok(self.verified(digest)?.is_some())
    }

    /// How the object's file looks; none when it is absent.
    pub(super) fn look(&self, path: &Path) -> Result<Option<Stat>, StoreError> {
        let look = if_there(self.disk.look(path)).at("look at", path)?;
        Ok(look.as_ref().map(Stat::of))
    }

    /// True when the object is there, its contents right, and its name synced by this process.
    pub(super) fn is_durable(&self, digest: Digest) -> Result<bool, StoreError> {
        if self.verified(digest)?.is_none() {
            return Ok(false);
        }
        if !held(&self.durable).contains(&digest) {
            // Whoever gave it its name may have died before the name was synced.
            let path = self.path(digest);
            if self.is_own(&path) {
                sync_dir(&*self.disk, path.parent().unwrap_or(&self.folder))?;
            }
            held(&self.durable).insert(digest);
        }
        Ok(true)
    }

    /// Hashes a file that lies in the store's scratch space, for [`Objects::place`].
    pub(super) fn stage(&self, file: &Path) -> Result<Staged, StoreError> {
        let contents = self.disk.open(file, Open::Read).at("read", file)?;
        let digest = Digest::of_reader(contents).at("read", file)?;
        Ok(Staged {
            digest,
            file: file.to_owned(),
        })
    }

    /// Copies what `source` gives, about `size` bytes, into a new file in `scratch`, for [`Objects::place`]. The file goes with
    /// that folder.
    pub(super) fn copy_in(&self, source: impl Read, size: u64, scratch: &Path) -> Result<Staged, StoreError> {
        let mut copy = Temp::new_in(&self.disk, scratch, "copy-").at("make a file in", scratch)?;
        let copy_file = copy.file_mut();
        let digest = Digest::of_reader(Tee {
            source,
            copy: copy_file,
        });
        let digest = digest.writing("write an object to", &self.folder, size)?;
        Ok(Staged {
            digest,
            file: copy.keep(),
        })
    }

    /// Gives files their places. When this returns, they survive a crash: their contents
    /// are synced, all at once where there are several, then they are renamed, then their names are synced.
    pub(super) fn place(&self, staged: &[&Staged]) -> Result<(), StoreError> {
        let mut new = BTreeMap::new();
        let mut folders = BTreeSet::new();
        for Staged { digest, file } in staged {
            if self.verified(*digest)?.is_some() {
                if !held(&self.durable).contains(digest) {
                    // Whoever gave it its name may have died before the name was synced.
                    let path = self.path(*digest);
                    folders.extend(path.parent().filter(|_| self.is_own(&path)).map(Path::to_owned));
                }
            } else if !new.contains_key(digest) {
                self.disk.set_mode(file, READ_ONLY).at("protect", file)?;
                new.insert(*digest, file);
                continue;
            }
            if_there(self.disk.remove_file(file)).at("remove", file)?;
        }
        self.sync_contents(new.values().map(|file| file.as_path()))?;
        for (&digest, file) in &new {
            let target = self.own_path(digest);
            let folder = target.parent().unwrap_or(&self.folder);
            folders.extend(make_dirs(&*self.disk, folder)?);
            folders.insert(folder.to_owned());
            self.disk.rename(file, &target).at("write", &target)?;
        }
        if let Err(error) = self.sync_names(&folders) {
            // Nothing is known of the names now, and a second sync would not tell: the stages run again.
            for &digest in new.keys() {
                let _ = self.disk.remove_file(&self.own_path(digest));
            }
            return Err(error);
        }
        staged.iter().try_for_each(|staged| self.placed(staged.digest))?;
        held(&self.durable).extend(staged.iter().map(|staged| staged.digest));
        Ok(())
    }

    /// Makes files' contents durable: one by itself, several at once where the system can.
    fn sync_contents<'a>(&self, mut files: impl ExactSizeIterator<Item = &'a Path>) -> Result<(), StoreError> {
        if files.len() > 1 && self.disk.sync_all(&self.folder).at("sync", &self.folder)? {
            return Ok(());
        }
        files.try_for_each(|file| {
            let contents = self.disk.open(file, Open::Read);
            contents.and_then(|contents| contents.sync()).at("write", file)
        })
    }

    /// The same for the names in folders.
    fn sync_names(&self, folders: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
        if folders.len() > 1 && self.disk.sync_all(&self.folder).at("sync", &self.folder)? {
            return Ok(());
        }
        folders.iter().try_for_each(|folder| sync_dir(&*self.disk, folder))
    }

    /// Notes how an object looks that has got its place.
    fn placed(&self, digest: Digest) -> Result<(), StoreError> {
        let target = self.path(digest);
        let stat = Stat::of(&self.disk.look(&target).at("look at", &target)?);
        *held(&self.seen(digest)) = Some(stat);
        Ok(())
    }

    fn seen(&self, digest: Digest) -> Seen {
        Arc::clone(held(&self.verified).entry(digest).or_default())
    }
}

/// Where an object lies below a folder of objects.
fn place(folder: &Path, digest: Digest) -> PathBuf {
    let name = digest.to_string();
    let (first, rest) = name.split_at(2);
    folder.join(first).join(rest)
}

/// Reads, and writes what it reads to a copy.
struct Tee<'a, R> {
    source: R,
    copy: &'a mut (dyn DiskFile + 'static),
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.copy.write_all(&buffer[..count])?;
        Ok(count)
    }
}

/// True when the file's contents have this digest; a disk that cannot give them, or no file, is not that. Errors that say
/// nothing of the file (too many open files, no permission) are errors.
pub(super) fn is_sound(disk: &dyn Disk, path: &Path, digest: Digest) -> Result<bool, StoreError> {
    /// Linux's and the BSDs' number of the input/output error, which the standard library has no name for.
    const EIO: i32 = 5;
    match disk.open(path, Open::Read).and_then(Digest::of_reader) {
        Ok(found) => Ok(found == digest),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => Ok(false),
            _ if error.raw_os_error() == Some(EIO) => Ok(false),
            _ => Err(error).at("read", path),
        },
    }
}

/// Moves a damaged file away under a name that is free, and says so.
pub(super) fn quarantine(
    disk: &dyn Disk,
    path: &Path,
    folder: &Path,
    name: &str,
    notices: &Notices,
) -> Result<(), StoreError> {
    let names = std::iter::once(name.to_owned()).chain((1..).map(|count: u32| format!("{name}.{count}")));
    for name in names {
        let moved_to = folder.join(name);
        if disk::is_there(disk, &moved_to).at("look at", &moved_to)? {
            continue;
        }
        // Another process may have moved it first.
        if if_there(disk.rename(path, &moved_to)).at("set aside", path)?.is_some() {
            notices.add(Notice::Quarantined {
                path: path.to_owned(),
                moved_to,
            });
        }
        break;
    }
    Ok(())
}
