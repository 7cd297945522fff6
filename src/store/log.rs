//! An append-only log of records that several processes may share.
//!
//! A record is framed as `magic (4 bytes) | length (u32, little-endian) | first 16 bytes of the payload's BLAKE3 |
//! payload`. Appending takes the file's lock, cuts off a torn tail, and writes all new frames at once. So a process
//! killed while writing costs its own record and no other; bytes damaged later cost the records that they belong to,
//! because reading goes on at the next frame whose checksum is right.
//!
//! What was read of a short log stays in memory, verified, so that thousands of records cost no system calls. A log that no
//! result rests on is skimmed: frames are counted, and a checksum is verified when its record is asked for.
//!
//! A log may be replaced as a whole (compaction): whoever holds the old file notices by its inode, under the lock.

#[cfg(test)]
mod tests;

use super::{
    disk::{self, Disk, DiskFile, Open, read_full_at, write_all},
    durable::{Temp, sync_dir},
    error::{At, StoreError, if_there},
    notice::{Notice, Notices},
};
use crate::plan::digest::Digest;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Begins with a byte that no UTF-8 text contains.
const MAGIC: [u8; 4] = [0xF5, b'M', b'T', b'L'];
/// Bytes of a checksum: 128 bits.
const CHECKSUM: usize = 16;
/// Bytes of a frame before its payload.
const HEADER: usize = MAGIC.len() + 4 + CHECKSUM;
/// Bytes of a log that may stay in memory as they were read.
const WINDOW: usize = if cfg!(test) { 256 } else { 8 << 20 };
/// Bytes that are read at once of a longer log, or of one that is skimmed.
const BLOCK: usize = if cfg!(test) { 96 } else { 1 << 20 };
/// Bytes at the end of a log in which its last records are looked for.
const TAIL: u64 = 64 << 10;

/// What is kept in memory of a log's records.
pub(super) trait Records {
    /// True when [`Records::add`] may be given a payload that is not verified and ends after its first [`NAME`] bytes.
    const SKIMS: bool = false;
    /// Forgets everything: the log is read again from its beginning.
    fn clear(&mut self);
    /// Takes in a record whose frame begins at `offset`, and whose payload has `length` bytes.
    fn add(&mut self, offset: u64, length: u32, payload: &[u8]);
}

/// Bytes of a record's name, with which its payload begins.
pub(super) const NAME: usize = 32;

/// Where the last record of each name begins, and the length of its payload.
#[derive(Debug, Default)]
pub(super) struct Places<const SKIMS: bool>(IndexMap<Digest, (u64, u32), FxBuildHasher>);

impl<const SKIMS: bool> Places<SKIMS> {
    /// Names with a record.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is a record of this name.
    pub(super) fn contains(&self, name: Digest) -> bool {
        self.0.contains_key(&name)
    }

    /// What `take` makes of the last record of a name, of what stands behind the name; none when there is none, or it is damaged.
    pub(super) fn read<T>(
        &self,
        log: &Log,
        name: Digest,
        take: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(&(offset, length)) = self.0.get(&name) else {
            return Ok(None);
        };
        let rest = |payload: &[u8]| payload.strip_prefix(&name.0).and_then(take);
        log.read(offset, length as usize, rest).map(Option::flatten)
    }
}

impl<const SKIMS: bool> Records for Places<SKIMS> {
    const SKIMS: bool = SKIMS;

    fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, offset: u64, length: u32, payload: &[u8]) {
        if let Some((name, _)) = payload.split_first_chunk() {
            self.0.insert(Digest(*name), (offset, length));
        }
    }
}

/// Records that nobody wants to know.
pub(super) struct Unread;

impl Records for Unread {
    fn clear(&mut self) {}

    fn add(&mut self, _: u64, _: u32, _: &[u8]) {}
}

/// An open log, read up to `end`.
#[derive(Debug)]
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// Inode of `file`.
    inode: u64,
    /// Everything before this has been read.
    end: u64,
    /// Sound bytes from the beginning of a short log, as they were read.
    window: Vec<u8>,
    notices: Notices,
}

impl Log {
    /// Opens a log, or begins it, and reads it.
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        path: &Path,
        notices: &Notices,
        records: &mut impl Records,
    ) -> Result<Self, StoreError> {
        let mut log = Self::unread_at(disk, path, notices)?;
        log.refresh(records)?;
        Ok(log)
    }

    fn unread_at(disk: &Arc<dyn Disk>, path: &Path, notices: &Notices) -> Result<Self, StoreError> {
        let (file, inode) = open_file(&**disk, path)?;
        Ok(Self {
            disk: Arc::clone(disk),
            path: path.to_owned(),
            file,
            inode,
            end: 0,
            window: Vec::new(),
            notices: notices.clone(),
        })
    }

    /// Appends a record to a log that is not read: only its end is looked at, and mended if need be.
    pub(super) fn append_unread(
        disk: &Arc<dyn Disk>,
        path: &Path,
        notices: &Notices,
        payload: Vec<u8>,
        durable: bool,
    ) -> Result<(), StoreError> {
        let mut log = Self::unread_at(disk, path, notices)?;
        let _lock = log.lock(&mut Unread)?;
        let (begin, bytes) = log.tail()?;
        let scan = Scan::of(&bytes);
        if scan.end == bytes.len() {
            log.end = begin + bytes.len() as u64;
        } else {
            log.settle(&mut Unread)?;
        }
        let frames = frames(&[payload]).at("append to", path)?;
        log.write(&frames, durable, &mut Unread)
    }

    /// The last records of a log, oldest first: those that lie whole within its last bytes.
    pub(super) fn last(disk: &Arc<dyn Disk>, path: &Path, notices: &Notices) -> Result<Vec<Vec<u8>>, StoreError> {
        let (_, bytes) = Self::unread_at(disk, path, notices)?.tail()?;
        let records = Scan::of(&bytes).records;
        Ok(records.into_iter().map(|(_, payload)| payload.to_vec()).collect())
    }

    /// The bytes at the end, and where they begin.
    fn tail(&self) -> Result<(u64, Vec<u8>), StoreError> {
        let size = self.file.look().at("look at", &self.path)?.size;
        let begin = size.saturating_sub(TAIL);
        let mut bytes = vec![0; (size - begin) as usize];
        let filled = read_full_at(&*self.file, &mut bytes, begin).at("read", &self.path)?;
        bytes.truncate(filled);
        Ok((begin, bytes))
    }

    /// Bytes read so far.
    pub(super) fn len(&self) -> u64 {
        self.end
    }

    /// Takes in what others have appended since.
    pub(super) fn refresh<R: Records>(&mut self, records: &mut R) -> Result<(), StoreError> {
        let size = self.follow(records)?;
        if size == self.end || R::SKIMS && self.skim(size, records)? {
            return Ok(());
        }
        if size - self.end > WINDOW as u64 && self.stream(size, records)? {
            return Ok(());
        }
        let bytes = self.unread()?;
        let scan = Scan::of(&bytes);
        if scan.is_clean() {
            self.take_in(&scan, records);
            self.keep(bytes);
            return Ok(());
        }
        // Another process may be in the middle of a write, so damage is judged under the lock.
        let _lock = self.lock(records)?;
        self.settle(records)
    }

    /// Appends records in one write; `durable`: they are on the disk when this returns. Takes in what others appended.
    pub(super) fn append(
        &mut self,
        payloads: &[Vec<u8>],
        durable: bool,
        records: &mut impl Records,
    ) -> Result<(), StoreError> {
        let frames = frames(payloads).at("append to", &self.path)?;
        let _lock = self.lock(records)?;
        self.settle(records)?;
        self.write(&frames, durable, records)
    }

    /// Appends records that are made once those of others are in; no other's come between.
    pub(super) fn append_made<R: Records>(
        &mut self,
        make: impl FnOnce(&R) -> io::Result<Vec<Vec<u8>>>,
        durable: bool,
        records: &mut R,
    ) -> Result<(), StoreError> {
        let _lock = self.lock(records)?;
        self.settle(records)?;
        let made = make(records).and_then(|payloads| frames(&payloads));
        let frames = made.at("append to", &self.path)?;
        self.write(&frames, durable, records)
    }

    /// Under the lock: writes frames at the end.
    fn write(&mut self, frames: &[u8], durable: bool, records: &mut impl Records) -> Result<(), StoreError> {
        if frames.is_empty() {
            return Ok(());
        }
        let written = write_all(&*self.file, frames);
        let written = written.and_then(|()| if durable { self.file.sync() } else { Ok(()) });
        if let Err(error) = written {
            // Half a record at the end is harmless: should the cut fail as well, the next writer makes it.
            let _ = self.file.set_len(self.end);
            return Err(error).writing("append to", &self.path, frames.len() as u64);
        }
        self.take_in(&Scan::of(frames), records);
        Ok(())
    }

    /// Replaces the log by one of these records, unless `wanted` says that it need not be, once others' records are in.
    pub(super) fn rewrite<R: Records>(
        &mut self,
        records: &mut R,
        wanted: impl FnOnce(&R) -> Option<Vec<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        let lock = self.lock(records)?;
        self.settle(records)?;
        let Some(payloads) = wanted(records) else {
            return Ok(());
        };
        let frames = frames(&payloads).at("rewrite", &self.path)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let new = Temp::new_in(&self.disk, folder, ".log-").at("rewrite", &self.path)?;
        let mode = self.file.look().at("look at", &self.path)?.mode;
        write_all(new.file(), &frames)
            .and_then(|()| self.disk.set_mode(new.path(), mode))
            .and_then(|()| new.file().sync())
            .writing("rewrite", &self.path, frames.len() as u64)?;
        new.persist(&self.path).at("rewrite", &self.path)?;
        sync_dir(&*self.disk, folder)?;
        drop(lock);
        self.refresh(records)
    }

    /// What `take` makes of the record of `length` bytes whose frame begins at `offset`; none when it is damaged.
    fn read<T>(&self, offset: u64, length: usize, take: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError> {
        let place = offset as usize;
        if let Some(payload) = self.window.get(place + HEADER..place + HEADER + length) {
            return Ok(Some(take(payload)));
        }
        let mut frame = vec![0; HEADER + length];
        let filled = read_full_at(&*self.file, &mut frame, offset).at("read", &self.path)?;
        Ok(payload(&frame[..filled]).map(take))
    }

    /// Keeps bytes that were just read up to `end`, where the log is short.
    fn keep(&mut self, bytes: Vec<u8>) {
        if bytes.len() as u64 == self.end && bytes.len() <= WINDOW {
            self.window = bytes;
        }
    }

    /// Reads a long log block by block, so that its bytes are never in memory together. False when there is anything but sound
    /// records; then it is to be read as a whole.
    fn stream(&mut self, size: u64, records: &mut impl Records) -> Result<bool, StoreError> {
        let (mut block, mut used) = (Vec::new(), 0);
        while self.end < size {
            if let Some(payload) = payload(&block[used..]) {
                // A frame's length is written in 32 bits.
                records.add(self.end, payload.len() as u32, payload);
                used += HEADER + payload.len();
                self.end += (HEADER + payload.len()) as u64;
                continue;
            }
            block.drain(..used);
            used = 0;
            let known = block.len();
            let read = self.end + known as u64;
            block.resize(known + BLOCK.min((size - read) as usize), 0);
            let filled = read_full_at(&*self.file, &mut block[known..], read).at("read", &self.path)?;
            block.truncate(known + filled);
            if filled == 0 {
                self.forget(records);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Counts the frames up to `size`, and verifies the last one. False when they do not end there; then the log is to be read.
    fn skim(&mut self, size: u64, records: &mut impl Records) -> Result<bool, StoreError> {
        let (mut block, mut begin, mut at, mut last) = (Vec::new(), self.end, self.end, None);
        while at < size {
            let place = (at - begin) as usize;
            if block.len() < place + HEADER + NAME && begin + (block.len() as u64) < size {
                begin = at;
                block.resize(BLOCK.min((size - begin) as usize), 0);
                if read_full_at(&*self.file, &mut block, begin).at("read", &self.path)? < block.len() {
                    break;
                }
                continue;
            }
            let frame = block.get(place..).unwrap_or_default();
            let Some(length) = payload_length(frame) else { break };
            let known = frame.len().min(HEADER + length.min(NAME));
            let (Ok(short), true) = (u32::try_from(length), known >= HEADER) else {
                break;
            };
            records.add(at, short, &frame[HEADER..known]);
            last = Some((at, length));
            at += (HEADER + length) as u64;
        }
        let is_sound = match last {
            Some((offset, length)) if at == size => self.read(offset, length, |_| ())?.is_some(),
            _ => false,
        };
        if is_sound {
            self.end = size;
        } else {
            self.forget(records);
        }
        Ok(is_sound)
    }

    /// Turns to the file that now lies at the path, if it is another one or was shortened. Gives its length.
    fn follow(&mut self, records: &mut impl Records) -> Result<u64, StoreError> {
        let now = if_there(self.disk.look(&self.path)).at("look at", &self.path)?;
        if let Some(now) = now
            && now.inode == self.inode
            && now.size >= self.end
        {
            return Ok(now.size);
        }
        (self.file, self.inode) = open_file(&*self.disk, &self.path)?;
        self.forget(records);
        Ok(self.file.look().at("look at", &self.path)?.size)
    }

    /// Begins anew.
    fn forget(&mut self, records: &mut impl Records) {
        self.end = 0;
        self.window = Vec::new();
        records.clear();
    }

    /// The bytes after `end`.
    fn unread(&self) -> Result<Vec<u8>, StoreError> {
        let length = self.file.look().at("look at", &self.path)?.size;
        let mut bytes = vec![0; length.saturating_sub(self.end) as usize];
        let filled = read_full_at(&*self.file, &mut bytes, self.end).at("read", &self.path)?;
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Locks the file that lies at the path, turning to it if need be.
    fn lock(&mut self, records: &mut impl Records) -> Result<Locked, StoreError> {
        loop {
            self.file.lock().at("lock", &self.path)?;
            let inode = self.inode;
            let locked = Locked(Arc::clone(&self.file));
            self.follow(records)?;
            if self.inode == inode {
                return Ok(locked);
            }
        }
    }

    /// Under the lock: takes in what is unread and cuts off a torn tail.
    fn settle(&mut self, records: &mut impl Records) -> Result<(), StoreError> {
        let bytes = self.unread()?;
        let scan = Scan::of(&bytes);
        if scan.is_clean() {
            self.take_in(&scan, records);
            return Ok(());
        }
        // A failed writer may have cut what was read already, and another have written since: `end` is not to be relied on.
        self.forget(records);
        let bytes = self.unread()?;
        let scan = Scan::of(&bytes);
        for &(offset, length) in &scan.damaged {
            self.notices.add(Notice::DamagedRecord {
                log: self.path.clone(),
                offset: offset as u64,
                bytes: length as u64,
            });
        }
        self.take_in(&scan, records);
        let torn = (bytes.len() - scan.end) as u64;
        if torn > 0 {
            self.file
                .set_len(self.end)
                .and_then(|()| self.file.sync())
                .at("cut the torn end of", &self.path)?;
            self.notices.add(Notice::TornTail {
                log: self.path.clone(),
                offset: self.end,
                bytes: torn,
            });
        }
        Ok(())
    }

    fn take_in(&mut self, scan: &Scan<'_>, records: &mut impl Records) {
        for &(offset, payload) in &scan.records {
            // A frame's length is written in 32 bits.
            records.add(self.end + offset as u64, payload.len() as u32, payload);
        }
        self.end += scan.end as u64;
    }
}

/// The records of a log that nobody writes to, from a place on, and where the last sound one ends. Nothing where there is none.
pub(super) fn payloads(disk: &dyn Disk, path: &Path, from: u64) -> Result<(Vec<Vec<u8>>, u64), StoreError> {
    let Some(file) = if_there(disk.open(path, Open::Read)).at("read", path)? else {
        return Ok((Vec::new(), 0));
    };
    let length = file.look().at("look at", path)?.size;
    let mut bytes = vec![0; length.saturating_sub(from) as usize];
    let filled = read_full_at(&*file, &mut bytes, from).at("read", path)?;
    bytes.truncate(filled);
    let scan = Scan::of(&bytes);
    let payloads = scan.records.iter().map(|(_, payload)| payload.to_vec());
    Ok((payloads.collect(), from + scan.end as u64))
}

/// The lock on a log, until it is dropped.
struct Locked(Arc<dyn DiskFile>);

impl Drop for Locked {
    fn drop(&mut self) {
        // The log goes on with the file, so dropping this handle would not unlock it. A failure leaves the lock to
        // the end of the process, which is what a lock is for.
        let _ = self.0.unlock();
    }
}

fn open_file(disk: &dyn Disk, path: &Path) -> Result<(Arc<dyn DiskFile>, u64), StoreError> {
    let is_new = !disk::is_there(disk, path).at("look at", path)?;
    let file = disk.open(path, Open::Append).at("open", path)?;
    if is_new && let Some(folder) = path.parent() {
        sync_dir(disk, folder)?;
    }
    let inode = file.look().at("look at", path)?.inode;
    Ok((file.into(), inode))
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM] {
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&blake3::hash(payload).as_bytes()[..CHECKSUM]);
    checksum
}

fn frames(payloads: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(payloads.iter().map(|payload| HEADER + payload.len()).sum());
    for payload in payloads {
        let length = u32::try_from(payload.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a record is longer than 4 GiB"))?;
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum(payload));
        bytes.extend_from_slice(payload);
    }
    Ok(bytes)
}

/// The length that a frame's header tells; none when it is no header.
fn payload_length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    Some(u32::from_le_bytes(*rest.first_chunk()?) as usize)
}

/// The payload of the frame with which `bytes` begins; none when they begin with no whole and sound frame.
fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let length = payload_length(bytes)?;
    let payload = bytes.get(HEADER..HEADER.checked_add(length)?)?;
    (bytes[HEADER - CHECKSUM..HEADER] == checksum(payload)).then_some(payload)
}

/// What some bytes of a log hold.
struct Scan<'a> {
    /// Sound records: where the frame begins, and the payload.
    records: Vec<(usize, &'a [u8])>,
    /// Stretches before a sound record that are none: where, how long.
    damaged: Vec<(usize, usize)>,
    /// Where the last sound record ends.
    end: usize,
    /// Length of all the bytes.
    length: usize,
}

impl<'a> Scan<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut scan = Self {
            records: Vec::new(),
            damaged: Vec::new(),
            end: 0,
            length: bytes.len(),
        };
        let mut at = 0;
        while at < bytes.len() {
            if let Some(payload) = payload(&bytes[at..]) {
                if at > scan.end {
                    scan.damaged.push((scan.end, at - scan.end));
                }
                scan.records.push((at, payload));
                at += HEADER + payload.len();
                scan.end = at;
            } else {
                let next = bytes[at + 1..].iter().position(|&byte| byte == MAGIC[0]);
                at = next.map_or(bytes.len(), |next| at + 1 + next);
            }
        }
        scan
    }

    /// True when there is nothing but sound records.
    fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.end == self.length
    }
}
