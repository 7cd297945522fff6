//! The file systems of this machine.

use super::{Disk, DiskFile, Kind, Look, Open};
use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::Path,
};

/// The file systems of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Look {
    fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            is_dir: metadata.is_dir(),
            is_file: metadata.is_file(),
            size: metadata.len(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            mode: metadata.mode() & 0o7777,
        }
    }
}

/// Waits on where a signal ended the waiting.
fn uninterrupted(wait: impl Fn() -> io::Result<()>) -> io::Result<()> {
    loop {
        match wait() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl DiskFile for File {
    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut &*self, buffer)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_on(&self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut &*self, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }

    fn sync(&self) -> io::Result<()> {
        // The length is made durable as well; only times are not.
        self.sync_data()
    }

    fn lock(&self) -> io::Result<()> {
        uninterrupted(|| Self::lock(self))
    }

    fn lock_shared(&self) -> io::Result<()> {
        uninterrupted(|| Self::lock_shared(self))
    }

    fn try_lock(&self) -> io::Result<bool> {
        match Self::try_lock(self) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        Self::unlock(self)
    }

    fn look(&self) -> io::Result<Look> {
        self.metadata().map(|metadata| Look::of(&metadata))
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::New => options.read(true).write(true).create_new(true),
            Open::Append => options.read(true).append(true).create(true),
            Open::Lock => options.write(true).create(true).truncate(false),
            Open::LockThere => options.write(true),
        };
        Ok(Box::new(options.open(path)?))
    }

    fn look(&self, path: &Path) -> io::Result<Look> {
        fs::metadata(path).map(|metadata| Look::of(&metadata))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let names: io::Result<Vec<_>> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect();
        let mut names = names?;
        names.sort();
        Ok(names)
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<u64> {
        // From file to file this is `copy_file_range`, which shares blocks where the file system can.
        io::copy(&mut File::open(from)?, &mut File::create_new(to)?)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn sync_all(&self, folder: &Path) -> io::Result<bool> {
        if matches!(kind_of(folder)?, Kind::Network(_)) {
            // That a server has synced is told file by file.
            return Ok(false);
        }
        sync_file_system(folder)
    }

    fn kind(&self, folder: &Path) -> io::Result<Kind> {
        kind_of(folder)
    }
}

/// `syncfs(2)`. It reports what could not be written since Linux 5.8; an older one cannot tell.
#[cfg(target_os = "linux")]
fn sync_file_system(folder: &Path) -> io::Result<bool> {
    use std::sync::LazyLock;
    static TELLS: LazyLock<bool> = LazyLock::new(|| {
        fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| tells_of_failures(&release))
    });
    if !*TELLS {
        return Ok(false);
    }
    match rustix::fs::syncfs(File::open(folder)?) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_folder: &Path) -> io::Result<bool> {
    Ok(false)
}

/// True for a release of Linux, such as `6.1.0-18-amd64`, from 5.8 on.
#[cfg(target_os = "linux")]
fn tells_of_failures(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    (next(), next()) >= (5, 8)
}

#[cfg(target_os = "linux")]
fn kind_of(folder: &Path) -> io::Result<Kind> {
    // The field's type differs between processors; the numbers are of 32 bits.
    let number = rustix::fs::statfs(folder)?.f_type as u64 & 0xFFFF_FFFF;
    Ok(kind_by_number(number))
}

#[cfg(not(target_os = "linux"))]
fn kind_of(_folder: &Path) -> io::Result<Kind> {
    Ok(Kind::Local("local"))
}

/// The kind by the number that `statfs(2)` gives: `linux/magic.h`, and the sources of those that are not in it. FUSE
/// may be anything, sshfs for example, so no more is expected of it than of NFS.
#[cfg(target_os = "linux")]
const fn kind_by_number(number: u64) -> Kind {
    match number {
        0xEF53 => Kind::Local("ext4"),
        0x5846_5342 => Kind::Local("xfs"),
        0x9123_683E => Kind::Local("btrfs"),
        0x2FC1_2FC1 => Kind::Local("zfs"),
        0xF2F5_2010 => Kind::Local("f2fs"),
        0xCA45_1A4E => Kind::Local("bcachefs"),
        0x794C_7630 => Kind::Local("overlay"),
        0x0102_1994 => Kind::Memory("tmpfs"),
        0x8584_58F6 => Kind::Memory("ramfs"),
        0x6969 => Kind::Network("nfs"),
        0xFF53_4D42 => Kind::Network("cifs"),
        0xFE53_4D42 => Kind::Network("smb2"),
        0x517B => Kind::Network("smb"),
        0x0BD0_0BD0 => Kind::Network("lustre"),
        0x4750_4653 => Kind::Network("gpfs"),
        0x1983_0326 => Kind::Network("beegfs"),
        0x00C3_6400 => Kind::Network("ceph"),
        0x5346_414F => Kind::Network("afs"),
        0x0102_1997 => Kind::Network("9p"),
        0x0116_1970 => Kind::Network("gfs2"),
        0x7461_636F => Kind::Network("ocfs2"),
        0xAAD7_AAEA => Kind::Network("panfs"),
        0x6573_5546 => Kind::Network("fuse"),
        _ => Kind::Local("local"),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn releases_that_tell_of_failed_syncs() {
        for (release, tells) in [
            ("6.1.0-18-amd64", true),
            ("5.8.0", true),
            ("5.7.19", false),
            ("4.18.0-553.el8_10.x86_64", false),
            ("10.0", true),
            ("", false),
        ] {
            assert_eq!(tells_of_failures(release), tells, "{release}");
        }
    }

    #[test]
    fn memory_is_told_from_a_disk() {
        if let Ok(kind) = RealDisk.kind(Path::new("/dev/shm")) {
            assert_eq!(kind, Kind::Memory("tmpfs"));
        }
    }
}
