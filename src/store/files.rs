//! The file index: digests of files that were hashed before, so that a data set of a million files is hashed once.
//!
//! A file is known by path, size, times of its last change (contents: mtime; anything: ctime) and inode. An edit that
//! keeps size and mtime still moves ctime, which no program can set. What remains is a change within one tick of the
//! file system's clock, after the file was hashed; so a file that changed less than [`YOUNG`] before it was hashed is
//! not recorded and is hashed again next time (the rule of git's index for "racily clean" entries).

use super::{
    disk::{Disk, DiskFile, Look, Open},
    error::{At, StoreError},
    log::{Log, Records},
    notice::Notices,
};
use crate::plan::digest::Digest;
use indexmap::IndexMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;
use std::{
    io::{self, Read},
    mem,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The coarsest clock of a file system in use (FAT: 2 s).
const YOUNG: Duration = Duration::from_secs(2);
/// Dead records below which compaction is not worth its write.
const FEW: usize = 1024;
/// Records that are written at once: those of a million files are not to be in memory together.
const AT_ONCE: usize = 10_000;
/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

/// By what a file's unchanged contents are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Nanoseconds since 1970.
    changed: i128,
    inode: u64,
}

impl Stat {
    pub(super) const fn of(look: &Look) -> Self {
        Self {
            size: look.size,
            modified: look.modified,
            changed: look.changed,
            inode: look.inode,
        }
    }

    /// True when the file may have changed after `moment` without a trace in its times.
    fn is_young_at(&self, moment: SystemTime) -> bool {
        let moment = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = moment.saturating_sub(YOUNG).as_nanos();
        i128::try_from(limit).is_ok_and(|limit| self.modified.max(self.changed) >= limit)
    }
}

/// How far the hashing of files has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashProgress {
    /// Files to hash: those that are new or changed.
    pub files: u64,
    /// Files hashed.
    pub files_done: u64,
    /// Bytes to hash.
    pub bytes: u64,
    /// Bytes hashed.
    pub bytes_done: u64,
}

/// Known files, by the bytes of their path.
#[derive(Debug, Default)]
struct Entries {
    known: IndexMap<Box<[u8]>, (Stat, Digest), FxBuildHasher>,
    /// Records that a later one has replaced.
    dead: usize,
}

impl Records for Entries {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        // A sound record that is too short was written by no program; the file is hashed again. Earlier versions noted the
        // store's own objects as well, by relative paths.
        let known = decode(payload).filter(|(path, _)| path.starts_with(b"/"));
        let is_new = known.is_some_and(|(path, entry)| self.known.insert(path.into(), entry).is_none());
        self.dead += usize::from(!is_new);
    }
}

/// `size | modified | changed | inode | digest | path`, integers little-endian.
fn encode(path: &[u8], (stat, digest): &(Stat, Digest)) -> Vec<u8> {
    [
        stat.size.to_le_bytes().as_slice(),
        &stat.modified.to_le_bytes(),
        &stat.changed.to_le_bytes(),
        &stat.inode.to_le_bytes(),
        &digest.0,
        path,
    ]
    .concat()
}

fn decode(payload: &[u8]) -> Option<(&[u8], (Stat, Digest))> {
    let (size, rest) = payload.split_first_chunk()?;
    let (modified, rest) = rest.split_first_chunk()?;
    let (changed, rest) = rest.split_first_chunk()?;
    let (inode, rest) = rest.split_first_chunk()?;
    let (digest, path) = rest.split_first_chunk()?;
    let stat = Stat {
        size: u64::from_le_bytes(*size),
        modified: i128::from_le_bytes(*modified),
        changed: i128::from_le_bytes(*changed),
        inode: u64::from_le_bytes(*inode),
    };
    Some((path, (stat, Digest(*digest))))
}

/// The index on disk and in memory.
#[derive(Debug)]
pub(super) struct FileIndex {
    log: Log,
    entries: Entries,
    /// Entries that are in memory only: losing them costs one more hashing.
    pending: IndexMap<Box<[u8]>, (Stat, Digest), FxBuildHasher>,
}

impl FileIndex {
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, notices: &Notices) -> Result<Self, StoreError> {
        let mut entries = Entries::default();
        let log = Log::open(disk, path, notices, &mut entries)?;
        let mut index = Self {
            log,
            entries,
            pending: IndexMap::default(),
        };
        index.compact()?;
        Ok(index)
    }

    /// Bytes of the log.
    pub(super) fn len(&self) -> u64 {
        self.log.len()
    }

    /// The digest recorded for a file that looks like this.
    pub(super) fn get(&self, path: &Path, stat: Stat) -> Option<Digest> {
        let path = path.as_os_str().as_bytes();
        let (known, digest) = self.pending.get(path).or_else(|| self.entries.known.get(path))?;
        (*known == stat).then_some(*digest)
    }

    /// Remembers a file, for the disk at the next [`FileIndex::flush`].
    pub(super) fn note(&mut self, path: &Path, stat: Stat, digest: Digest) {
        self.pending.insert(path.as_os_str().as_bytes().into(), (stat, digest));
    }

    /// Appends what was noted; `durable`: it is on the disk when this returns.
    pub(super) fn flush(&mut self, durable: bool) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut left = mem::take(&mut self.pending).into_iter().peekable();
        while left.peek().is_some() {
            let records: Vec<_> = left
                .by_ref()
                .take(AT_ONCE)
                .map(|(path, entry)| encode(&path, &entry))
                .collect();
            // The last sync is one of the whole file.
            let durable = durable && left.peek().is_none();
            self.log.append(&records, durable, &mut self.entries)?;
        }
        self.compact()
    }

    /// Rewrites the log when most of it is dead.
    fn compact(&mut self) -> Result<(), StoreError> {
        let mostly_dead = |entries: &Entries| entries.dead > FEW.max(entries.known.len());
        if !mostly_dead(&self.entries) {
            return Ok(());
        }
        self.log.rewrite(&mut self.entries, |entries| {
            let live = || entries.known.iter().map(|(path, entry)| encode(path, entry)).collect();
            mostly_dead(entries).then(live)
        })
    }
}

/// How files look now.
pub(super) fn look_all(disk: &dyn Disk, paths: &[PathBuf]) -> Vec<Result<Stat, StoreError>> {
    paths.par_iter().map(|path| look(disk, path)).collect()
}

/// Hashes in parallel the files of which no digest is `known`. Gives all digests in order; with them, for a file that was
/// hashed and is old enough to be recorded, how it looks.
pub(super) fn hash_all(
    disk: &dyn Disk,
    paths: &[PathBuf],
    stats: Vec<Result<Stat, StoreError>>,
    known: Vec<Option<Digest>>,
    progress: &(dyn Fn(HashProgress) + Sync),
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Vec<Result<(Digest, Option<Stat>), StoreError>> {
    let mut todo = HashProgress::default();
    for (stat, known) in stats.iter().zip(&known) {
        if let (Ok(stat), None) = (stat, known) {
            todo.files += 1;
            todo.bytes += stat.size;
        }
    }
    let meter = Meter {
        disk,
        todo,
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        progress,
        cancelled,
    };
    (paths, stats, known)
        .into_par_iter()
        .map(|(path, stat, known)| match known {
            Some(digest) => stat.map(|_| (digest, None)),
            None => stat.and_then(|_| meter.hash(path)),
        })
        .collect()
}

fn look(disk: &dyn Disk, path: &Path) -> Result<Stat, StoreError> {
    disk.look(path).map(|look| Stat::of(&look)).at("read", path)
}

/// Counts what is hashed, and stops it on request.
struct Meter<'a> {
    disk: &'a dyn Disk,
    todo: HashProgress,
    files: AtomicU64,
    bytes: AtomicU64,
    progress: &'a (dyn Fn(HashProgress) + Sync),
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl Meter<'_> {
    /// The digest of a file, and by what to recognise it unless it is too young to be recorded.
    fn hash(&self, path: &Path) -> Result<(Digest, Option<Stat>), StoreError> {
        for _ in 0..ATTEMPTS {
            #[expect(
                clippy::disallowed_methods,
                reason = "tells how young a file is, and enters no result"
            )]
            let moment = SystemTime::now();
            let before = look(self.disk, path)?;
            let file = self.disk.open(path, Open::Read).at("read", path)?;
            let digest = Digest::of_reader(Metered { file, meter: self });
            if (self.cancelled)() {
                return Err(StoreError::Cancelled);
            }
            let digest = digest.at("read", path)?;
            if look(self.disk, path)? == before {
                self.report(&self.files, 1);
                return Ok((digest, (!before.is_young_at(moment)).then_some(before)));
            }
        }
        Err(StoreError::Restless { path: path.to_owned() })
    }

    fn report(&self, counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
        (self.progress)(HashProgress {
            files_done: self.files.load(Ordering::Relaxed),
            bytes_done: self.bytes.load(Ordering::Relaxed),
            ..self.todo
        });
    }
}

/// A file whose reading is counted, and fails once the caller has cancelled.
struct Metered<'a> {
    file: Box<dyn DiskFile>,
    meter: &'a Meter<'a>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.meter.cancelled)() {
            return Err(io::Error::other("cancelled"));
        }
        let count = self.file.read_on(buffer)?;
        if count > 0 {
            self.meter.report(&self.meter.bytes, count as u64);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::RealDisk;

    fn stat(number: u64) -> Stat {
        Stat {
            size: number,
            modified: -5,
            changed: i128::from(number) << 40,
            inode: u64::MAX - number,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let entry = (stat(3), Digest::of(b"contents"));
        let bytes = encode(b"/a/\xff.png", &entry);
        assert_eq!(decode(&bytes), Some((b"/a/\xff.png".as_slice(), entry)));
        assert_eq!(decode(&bytes[..79]), None);
    }

    #[test]
    fn young_means_within_two_seconds_of_either_time() {
        let moment = UNIX_EPOCH + Duration::from_secs(100);
        let at = |modified: i128, changed: i128| Stat {
            modified: modified * 1_000_000_000,
            changed: changed * 1_000_000_000,
            ..stat(0)
        };
        assert!(!at(97, 97).is_young_at(moment));
        assert!(at(98, 97).is_young_at(moment));
        assert!(at(97, 98).is_young_at(moment));
        assert!(
            at(97, 500).is_young_at(moment),
            "a clock that runs ahead is not to be trusted"
        );
    }

    #[test]
    fn a_log_of_dead_records_is_rewritten_and_others_notice() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("index");
        let notices = Notices::default();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let open = || FileIndex::open(&disk, &path, &notices).expect("the index opens");
        let (mut writer, mut other) = (open(), open());
        let names: Vec<PathBuf> = (0..10).map(|file| PathBuf::from(format!("/data/{file}"))).collect();
        let rounds = (2 * FEW / names.len()) as u64;
        let mut longest = 0;
        for round in 0..rounds {
            for name in &names {
                writer.note(name, stat(round), Digest::of(&round.to_le_bytes()));
            }
            writer.flush(false).expect("the index can be written");
            longest = longest.max(writer.len());
        }
        assert!(writer.len() < longest, "no compaction in {rounds} rounds");
        assert!(writer.entries.dead <= FEW);
        other.note(Path::new("/data/more"), stat(1), Digest::of(b"more"));
        other.flush(true).expect("the index can be written");
        for index in [&other, &open()] {
            let last = rounds - 1;
            assert!(
                names
                    .iter()
                    .all(|name| index.get(name, stat(last)) == Some(Digest::of(&last.to_le_bytes())))
            );
            assert_eq!(index.get(&names[0], stat(0)), None);
            assert_eq!(index.get(Path::new("/data/more"), stat(1)), Some(Digest::of(b"more")));
        }
        assert_eq!(notices.take(), []);
    }
}
