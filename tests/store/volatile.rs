//! A disk whose power is cut: what was not synced is lost, in part or whole, in any order.
//!
//! It knows which contents and which names are durable. A sync of a file makes its contents durable, not its name; a sync
//! of a folder makes the changes of names in it durable, not the contents. What was not synced when the power went may be there
//! or not, each change of names for itself (one `rename` is one change), contents also in part or as zeros, as file systems
//! leave them (Pillai et al. 2014, "All file systems are not created equal").

use mtl::store::disk::{Disk, DiskFile, Kind, Look, Open, RealDisk};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    /// The file of this inode.
    File(u64),
}

/// A change of names, all of it or nothing.
type Change = Vec<(PathBuf, Option<Entry>)>;

#[derive(Debug, Default)]
struct Model {
    /// Operations that are still carried out; then the power is gone.
    left: u64,
    /// Durable contents by inode.
    contents: BTreeMap<u64, Vec<u8>>,
    /// Durable names.
    names: BTreeMap<PathBuf, Entry>,
    /// Changes of names that are not durable, in order.
    pending: Vec<Change>,
}

/// A disk below a folder.
#[derive(Clone, Debug)]
pub(crate) struct Volatile {
    root: PathBuf,
    /// Whether whole file systems can be synced; where not, files and folders are one by one.
    syncs_all: bool,
    model: Arc<Mutex<Model>>,
}

/// SplitMix64 (Steele et al. 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// What lies below a folder.
fn tree(root: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("it can be read").path();
            let look = RealDisk.look(&path).expect("it is there");
            if look.is_dir {
                open.push(path.clone());
                found.insert(path, Entry::Folder);
            } else {
                found.insert(path, Entry::File(look.inode));
            }
        }
    }
    found
}

impl Volatile {
    /// Everything below `root` is durable now; after so many operations the power is gone.
    pub(crate) fn new(root: &Path, operations: u64, syncs_all: bool) -> Self {
        let disk = Self {
            root: root.to_owned(),
            syncs_all,
            model: Arc::default(),
        };
        let mut model = disk.model();
        model.left = operations;
        make_all_durable(root, &mut model);
        drop(model);
        disk
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when the power is gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.model().left == 0
    }

    fn step(&self) -> io::Result<()> {
        let mut model = self.model();
        if model.left == 0 {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        model.left -= 1;
        Ok(())
    }

    fn change(&self, change: Change) {
        self.model().pending.push(change);
    }

    fn entry(path: &Path) -> Option<Entry> {
        let look = RealDisk.look(path).ok()?;
        Some(if look.is_dir {
            Entry::Folder
        } else {
            Entry::File(look.inode)
        })
    }

    /// Puts into the empty folder `to` what somebody may find who switches the machine on again.
    pub(crate) fn survive(&self, to: &Path, chance: &mut Chance) {
        let model = self.model();
        let mut names = model.names.clone();
        for change in &model.pending {
            if chance.below(2) == 0 {
                apply(&mut names, change);
            }
        }
        let live = tree(&self.root);
        let where_now: BTreeMap<u64, &PathBuf> = live
            .iter()
            .filter_map(|(path, entry)| match entry {
                Entry::File(inode) => Some((*inode, path)),
                Entry::Folder => None,
            })
            .collect();
        // A file has one fate under all its names.
        let mut fates: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (path, entry) in &names {
            let inside = path.strip_prefix(&self.root).expect("below the root");
            let target = to.join(inside);
            // Without its folder a name is nowhere.
            if !target.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match entry {
                Entry::Folder => fs::create_dir(&target).expect("it can be made"),
                Entry::File(inode) => {
                    let contents = fates.entry(*inode).or_insert_with(|| {
                        let durable = model.contents.get(inode).cloned().unwrap_or_default();
                        match where_now.get(inode).map(|path| fs::read(path).expect("it can be read")) {
                            Some(now) => fate(&durable, &now, chance),
                            None => durable,
                        }
                    });
                    fs::write(&target, contents).expect("it can be written");
                }
            }
        }
    }
}

/// What becomes of contents that were written over durable ones.
fn fate(durable: &[u8], now: &[u8], chance: &mut Chance) -> Vec<u8> {
    if durable == now {
        return now.to_vec();
    }
    let kept = durable.iter().zip(now).take_while(|(a, b)| a == b).count();
    match chance.below(4) {
        0 => durable.to_vec(),
        1 => now.to_vec(),
        // A part was written.
        2 => now[..kept + chance.below((now.len() - kept) as u64 + 1) as usize].to_vec(),
        // The length was written, the blocks were not.
        _ => {
            let mut zeros = now.to_vec();
            let from = kept + chance.below((now.len() - kept) as u64 + 1) as usize;
            zeros[from..].fill(0);
            zeros
        }
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Entry>, change: &Change) {
    for (path, entry) in change {
        match entry {
            Some(entry) => names.insert(path.clone(), *entry),
            None => names.remove(path),
        };
    }
}

fn make_all_durable(root: &Path, model: &mut Model) {
    model.names = tree(root);
    model.pending.clear();
    for (path, entry) in &model.names {
        if let Entry::File(inode) = entry {
            model.contents.insert(*inode, fs::read(path).expect("it can be read"));
        }
    }
}

#[derive(Debug)]
struct VolatileFile {
    file: Box<dyn DiskFile>,
    disk: Volatile,
}

impl DiskFile for VolatileFile {
    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.step()?;
        self.file.read_on(buffer)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.step()?;
        self.file.read_at(buffer, offset)
    }

    fn write_on(&self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.step()?;
        self.file.write_on(bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.step()?;
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.step()?;
        let look = self.file.look()?;
        let mut contents = vec![0; usize::try_from(look.size).expect("it is small")];
        let mut filled = 0;
        while filled < contents.len() {
            match self.file.read_at(&mut contents[filled..], filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                // A handle that only writes: its contents are read by the file's name.
                Err(_) => {
                    let path = tree(&self.disk.root)
                        .into_iter()
                        .find(|(_, entry)| *entry == Entry::File(look.inode));
                    contents = fs::read(path.expect("it has a name").0)?;
                    break;
                }
            }
        }
        self.disk.model().contents.insert(look.inode, contents);
        Ok(())
    }

    fn lock(&self) -> io::Result<()> {
        self.disk.step()?;
        self.file.lock()
    }

    fn lock_shared(&self) -> io::Result<()> {
        self.disk.step()?;
        self.file.lock_shared()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.disk.step()?;
        self.file.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        // Locks end with the machine; here the next one is in the same process.
        self.file.unlock()
    }

    fn look(&self) -> io::Result<Look> {
        self.disk.step()?;
        self.file.look()
    }
}

impl Disk for Volatile {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        let before = Self::entry(path);
        let file = RealDisk.open(path, how)?;
        if before.is_none() {
            let entry = Self::entry(path);
            // An inode's number may have been another file's.
            if let Some(Entry::File(inode)) = entry {
                self.model().contents.remove(&inode);
            }
            self.change(vec![(path.to_owned(), entry)]);
        }
        Ok(Box::new(VolatileFile {
            file,
            disk: self.clone(),
        }))
    }

    fn look(&self, path: &Path) -> io::Result<Look> {
        self.step()?;
        RealDisk.look(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.step()?;
        RealDisk.list(folder)
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.make_dir(folder)?;
        self.change(vec![(folder.to_owned(), Some(Entry::Folder))]);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let entry = Self::entry(from);
        assert_ne!(entry, Some(Entry::Folder), "the store renames files alone");
        RealDisk.rename(from, to)?;
        self.change(vec![(from.to_owned(), None), (to.to_owned(), entry)]);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.remove_file(path)?;
        self.change(vec![(path.to_owned(), None)]);
        Ok(())
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.remove_dir(folder)?;
        self.change(vec![(folder.to_owned(), None)]);
        Ok(())
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.step()?;
        RealDisk.set_mode(path, mode)
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<u64> {
        self.step()?;
        let copied = RealDisk.copy(from, to)?;
        self.change(vec![(to.to_owned(), Self::entry(to))]);
        Ok(copied)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.hard_link(from, to)?;
        self.change(vec![(to.to_owned(), Self::entry(to))]);
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        let mut model = self.model();
        let concerns = |change: &Change| change.iter().any(|(path, _)| path.parent() == Some(folder));
        let (durable, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut model.pending).into_iter().partition(concerns);
        model.pending = pending;
        for change in durable {
            apply(&mut model.names, &change);
        }
        Ok(())
    }

    fn sync_all(&self, _: &Path) -> io::Result<bool> {
        self.step()?;
        if self.syncs_all {
            make_all_durable(&self.root, &mut self.model());
        }
        Ok(self.syncs_all)
    }

    fn kind(&self, folder: &Path) -> io::Result<Kind> {
        self.step()?;
        RealDisk.kind(folder)
    }
}
