//! Putting files into their places. A file grows as `.NAME.sightline-part` in its folder and gets its name when it is whole;
//! a folder that is new grows as `.NAME.sightline-part`, too. What an interrupted transfer leaves is found by the next one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps,
    UTIME_OMIT, fchmod, flock, fstat, fstatvfs, futimens, linkat, mkdirat, openat, renameat,
    renameat_with, statat, syncfs, unlinkat,
};
use rustix::io::Errno;
use sightline_ends::content::{Collision, PathBytes};
use sightline_ends::transfer::{Begin, DEPTH, Hash, RESUMABLE, Seen, check, numbered, part};

use super::walk::{SAFE, Walk, open_folder};
use super::{Stopped, bytes_text, words};

/// A file of so many bytes is on the disk before it gets its name. Smaller ones are so together, at the transfer's end: each by
/// itself would cost more time than its bytes.
const SYNCED_ALONE: u64 = 1 << 20;
/// Names tried where others are taken.
const MOST_NUMBERS: u32 = 9_999;
/// Bytes hashed at a time.
const HASHED: usize = 1 << 20;
/// What a disk keeps free beside what is to come, and gets back when it is full: the rest of the computer goes on.
const KEPT_FREE: u64 = 64 << 20;
/// What `stat` counts a file's room in, in bytes, whatever the disk does.
const BLOCK: u64 = 512;

const FILE: Mode = Mode::from_raw_mode(0o644);
const FOLDER: Mode = Mode::from_raw_mode(0o755);

/// What was made ready for a file.
pub(super) enum Begun {
    New,
    /// So many bytes are there, with this hash.
    There(u64, Box<Hash>),
    /// One is there already, and stays.
    Skip,
}

/// A folder at the transfer's top.
struct Top {
    name: PathBytes,
    folder: OwnedFd,
    /// It is new and gets its name when all of it is there.
    grows: bool,
}

/// The file that is on.
struct Growing {
    file: File,
    folder: OwnedFd,
    part: PathBytes,
    begin: Begin,
}

/// Where a transfer's files go.
pub struct Target {
    folder: OwnedFd,
    collision: Collision,
    top: Option<Top>,
    /// The folder in which the last file was, for the next one.
    last: Option<(Vec<PathBytes>, OwnedFd)>,
    growing: Option<Growing>,
    seen: Seen,
}

/// Why a file or folder does not come to its place.
#[derive(Debug)]
pub(super) struct Misplaced {
    pub why: String,
    /// The disk is full: what comes next would not find room either.
    pub full: bool,
}

impl From<io::Error> for Misplaced {
    fn from(error: io::Error) -> Misplaced {
        let number = error.raw_os_error().map(Errno::from_raw_os_error);
        Misplaced {
            why: words(&error),
            full: matches!(number, Some(Errno::NOSPC | Errno::DQUOT)),
        }
    }
}

impl From<Errno> for Misplaced {
    fn from(error: Errno) -> Misplaced {
        io::Error::from(error).into()
    }
}

impl From<&str> for Misplaced {
    fn from(why: &str) -> Misplaced {
        Misplaced {
            why: why.into(),
            full: false,
        }
    }
}

/// Hashes a file's first bytes; `None` if they are not to be had. `check` is asked between pieces.
pub(super) fn hash_first(
    file: &File,
    bytes: u64,
    check: &dyn Fn() -> Result<(), Stopped>,
) -> Result<Option<Hash>, Stopped> {
    let mut hash = Hash::default();
    let mut buffer = vec![0; HASHED.min(bytes as usize)];
    let mut at = 0;
    while at < bytes {
        check()?;
        let piece = &mut buffer[..HASHED.min((bytes - at) as usize)];
        if file.read_exact_at(piece, at).is_err() {
            return Ok(None);
        }
        hash.add(piece);
        at += piece.len() as u64;
    }
    Ok(Some(hash))
}

impl Target {
    /// Into this folder, which must be there. `path` is absolute and without links.
    pub fn open(path: &Path) -> Result<Target, String> {
        Ok(Target {
            folder: open_folder(path).map_err(|error| words(&error))?,
            collision: Collision::default(),
            top: None,
            last: None,
            growing: None,
            seen: Seen::default(),
        })
    }

    pub fn set_collision(&mut self, collision: Collision) {
        self.collision = collision;
    }

    /// Refuses what the disk has no room for, beside what an earlier try left of these names.
    pub fn has_room(&self, bytes: u64, names: &[PathBytes]) -> Result<(), String> {
        let Ok(disk) = fstatvfs(&self.folder) else {
            return Ok(()); // then writing will tell
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let spare = free.saturating_sub(KEPT_FREE);
        let parts = names.iter().filter(|name| check(name).is_ok());
        let there: u64 = parts
            .map(|name| held(&self.folder, &part(name), DEPTH))
            .sum();
        match bytes <= spare.saturating_add(there) {
            true => Ok(()),
            false => Err(format!(
                "the disk has no room for it: {} where {} can be spared",
                bytes_text(bytes),
                bytes_text(spare)
            )),
        }
    }

    /// Which of these names are taken.
    pub fn taken(&self, names: &[PathBytes]) -> Vec<PathBytes> {
        let is = |name: &&PathBytes| check(name).is_ok() && there(&self.folder, name).is_some();
        names.iter().filter(is).cloned().collect()
    }

    /// The folder of that path in the transfer, made if need be.
    fn open_path(&mut self, path: &[PathBytes]) -> Result<OwnedFd, Misplaced> {
        let cloned = |folder: &OwnedFd| folder.try_clone().map_err(Misplaced::from);
        let Some((top, rest)) = path.split_first() else {
            return cloned(&self.folder);
        };
        if let Some((last, folder)) = &self.last
            && last == path
        {
            return cloned(folder);
        }
        if self.top.as_ref().is_none_or(|open| open.name != *top) {
            self.finish_top()?;
            self.top = Some(self.open_top(top)?);
        }
        let mut folder = match &self.top {
            Some(top) => cloned(&top.folder)?,
            None => return Err("its folder is not there".into()),
        };
        for name in rest {
            folder = make_folder(&folder, name)?;
        }
        self.last = Some((path.to_vec(), cloned(&folder)?));
        Ok(folder)
    }

    fn open_top(&self, name: &PathBytes) -> Result<Top, Misplaced> {
        let is_folder = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let merges = self.collision != Collision::KeepBoth;
        if merges && there(&self.folder, name).is_some_and(is_folder) {
            return Ok(Top {
                name: name.clone(),
                folder: make_folder(&self.folder, name)?,
                grows: false,
            });
        }
        let folder = make_folder(&self.folder, &part(name))?;
        let stat = fstat(&folder)?;
        if stat.st_uid != rustix::process::getuid().as_raw() {
            return Err("somebody else keeps a folder in its place".into());
        }
        alone(folder.as_fd())?;
        Ok(Top {
            name: name.clone(),
            folder,
            grows: true,
        })
    }

    /// Makes a folder of the transfer.
    pub(super) fn folder(&mut self, path: &[PathBytes]) -> Result<(), Misplaced> {
        self.open_path(path).map(drop)
    }

    /// Makes a file ready.
    pub(super) fn begin(
        &mut self,
        begin: &Begin,
        check: &dyn Fn() -> Result<(), Stopped>,
    ) -> Result<Result<Begun, Misplaced>, Stopped> {
        let ready = match self.make_ready(begin) {
            Ok(Some(growing)) => growing,
            Ok(None) => return Ok(Ok(Begun::Skip)),
            Err(why) => return Ok(Err(why)),
        };
        let there = ready.file.metadata().map_or(0, |facts| facts.len());
        let there = there.min(begin.bytes);
        let hash = match begin.resumable && there > 0 {
            true => hash_first(&ready.file, there, check)?,
            false => None,
        };
        self.growing = Some(ready);
        Ok(Ok(match hash {
            Some(hash) => Begun::There(there, Box::new(hash)),
            None => Begun::New,
        }))
    }

    fn make_ready(&mut self, begin: &Begin) -> Result<Option<Growing>, Misplaced> {
        let Some((name, folders)) = begin.path.split_last() else {
            return Err("it has no name".into());
        };
        if folders.is_empty() {
            // A folder before it is whole now.
            self.finish_top()?;
        }
        let folder = self.open_path(folders)?;
        let ours = self.top.as_ref().is_some_and(|top| top.grows);
        if !ours && self.collision == Collision::Skip && there(&folder, name).is_some() {
            return Ok(None);
        }
        let part = part(name);
        if ours && begin.resumable && there(&folder, &part).is_none() {
            // Whole since an earlier try: it is looked through like a part. A wrong one does no harm.
            let _ = renameat(&folder, name.as_slice(), &folder, part.as_slice());
        }
        let mode = if begin.executable { FOLDER } else { FILE };
        let file = open_part(&folder, &part, mode)?;
        Ok(Some(Growing {
            file,
            folder,
            part,
            begin: begin.clone(),
        }))
    }

    /// Writes into the file that is on.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Misplaced> {
        let growing = self.growing.as_ref().ok_or("no file is open")?;
        let write = || {
            if at == 0 {
                growing.file.set_len(0)?;
            }
            growing.file.write_all_at(bytes, at)
        };
        write().map_err(|error: io::Error| {
            let trouble = Misplaced::from(error);
            if trouble.full {
                // The computer needs its last bytes for other things. What is left of the file is a beginning for another try.
                let there = growing.file.metadata().map_or(0, |facts| facts.len());
                let _ = growing.file.set_len(there.saturating_sub(KEPT_FREE));
            }
            trouble
        })
    }

    /// The file does not become whole now. What is worth it stays for another try.
    pub(super) fn abandon(&mut self) {
        if let Some(growing) = self.growing.take() {
            let length = growing.file.metadata().map_or(0, |facts| facts.len());
            if growing.begin.bytes < RESUMABLE || length == 0 {
                let _ = unlinkat(&growing.folder, growing.part.as_slice(), AtFlags::empty());
            }
        }
    }

    /// Puts the whole file into its place: the name that it got, if not its own.
    pub(super) fn place(&mut self) -> Result<Option<PathBytes>, Misplaced> {
        let growing = self.growing.take().ok_or("no file is open")?;
        let name = growing.begin.path.last().ok_or("it has no name")?.clone();
        settle(&growing)?;
        // Where two of one transfer differ in their case only, none replaces the other.
        let twice = self.seen.before(&growing.begin.path);
        let grows = self.top.as_ref().is_some_and(|top| top.grows);
        let collision = match (twice, grows && growing.begin.path.len() > 1) {
            (true, _) => Collision::KeepBoth,
            (false, true) => Collision::Replace,
            (false, false) => self.collision,
        };
        let got = rename(growing.folder.as_fd(), &growing.part, &name, collision);
        got.inspect_err(|_| {
            let _ = unlinkat(&growing.folder, growing.part.as_slice(), AtFlags::empty());
        })
    }

    fn finish_top(&mut self) -> Result<(), Misplaced> {
        self.last = None;
        let Some(top) = self.top.take().filter(|top| top.grows) else {
            return Ok(());
        };
        // Both stay, whatever is wished for files: a folder is not put in the place of another thing.
        let folder = self.folder.as_fd();
        rename(folder, &part(&top.name), &top.name, Collision::KeepBoth).map(drop)
    }

    /// Everything is there: gives the last folder its name and waits for the disk.
    pub(super) fn finish(&mut self) -> Result<(), Misplaced> {
        self.finish_top()?;
        Ok(syncfs(&self.folder)?)
    }
}

/// Bytes on the disk of what has this name, and is below it.
fn held(folder: &OwnedFd, name: &[u8], depth: usize) -> u64 {
    let Some(stat) = there(folder, name) else {
        return 0;
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK,
        FileType::Directory if depth > 0 => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
            let Ok(inner) = openat(folder, name, flags, Mode::empty()) else {
                return 0;
            };
            let names = Walk::names(&inner).unwrap_or_default();
            names.iter().map(|name| held(&inner, name, depth - 1)).sum()
        }
        _ => 0,
    }
}

fn there(folder: &OwnedFd, name: &[u8]) -> Option<Stat> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()
}

/// Opens a folder in a folder, made if need be. A link there is refused.
fn make_folder(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let open = || {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        openat(folder, name, flags, Mode::empty())
    };
    match open() {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    match mkdirat(folder, name, FOLDER) {
        Ok(()) | Err(Errno::EXIST) => open(),
        Err(error) => Err(error),
    }
}

/// Nobody else may write there at the same time.
fn alone(file: BorrowedFd<'_>) -> Result<(), Misplaced> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        // Not every file system has locks.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(_) => Err("another transfer is sending it now".into()),
    }
}

/// Opens a file that grows. One that is there is taken up only if it is this user's own and has no other name: what stands
/// in a folder of many people may be a trap.
fn open_part(folder: &OwnedFd, part: &[u8], mode: Mode) -> Result<File, Misplaced> {
    let flags = OFlags::RDWR | SAFE;
    let ours = |stat: &Stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == rustix::process::getuid().as_raw()
            && stat.st_nlink == 1
    };
    if let Ok(file) = openat(folder, part, flags, Mode::empty())
        && fstat(&file).is_ok_and(|stat| ours(&stat))
    {
        alone(file.as_fd())?;
        return Ok(File::from(file));
    }
    let _ = unlinkat(folder, part, AtFlags::empty());
    let new = flags | OFlags::CREATE | OFlags::EXCL;
    let file = openat(folder, part, new, mode)?;
    alone(file.as_fd())?;
    Ok(File::from(file))
}

/// Length, rights and time as they were at the sender; then the disk has it.
fn settle(growing: &Growing) -> Result<(), Misplaced> {
    let Growing { file, begin, .. } = growing;
    file.set_len(begin.bytes)?;
    let stat = fstat(file)?;
    // Never more than the umask lets a new file have, and neither setuid nor setgid.
    let read = stat.st_mode & 0o444;
    let run = if begin.executable { read >> 2 } else { 0 };
    let mode = (stat.st_mode & 0o644) | run;
    let _ = fchmod(file, Mode::from_raw_mode(mode));
    if begin.modified_ms > 0 {
        let changed = Timespec {
            tv_sec: i64::try_from(begin.modified_ms / 1_000).unwrap_or(0),
            tv_nsec: (begin.modified_ms % 1_000 * 1_000_000) as _,
        };
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT as _,
            },
            last_modification: changed,
        };
        let _ = futimens(file, &times); // a time that this disk does not know
    }
    if begin.bytes >= SYNCED_ALONE {
        file.sync_all()?;
    }
    Ok(())
}

/// Gives what grew as `part` its name, or one beside it; which one, if not its own.
fn rename(
    folder: BorrowedFd<'_>,
    part: &[u8],
    name: &[u8],
    collision: Collision,
) -> Result<Option<PathBytes>, Misplaced> {
    if collision == Collision::Replace {
        renameat(folder, part, folder, name)?;
        return Ok(None);
    }
    match rename_new(folder, part, name) {
        Err(Errno::EXIST) if collision == Collision::KeepBoth => {}
        Err(Errno::EXIST) => return Err("it is there already".into()),
        done => return Ok(done.map(|()| None)?),
    }
    for number in 2..MOST_NUMBERS {
        let other = numbered(name, number);
        match rename_new(folder, part, &other) {
            Err(Errno::EXIST) => {}
            done => return Ok(done.map(|()| Some(other))?),
        }
    }
    Err("too many of that name are there already".into())
}

/// Renames where nothing of that name is.
fn rename_new(folder: BorrowedFd<'_>, part: &[u8], name: &[u8]) -> Result<(), Errno> {
    match renameat_with(folder, part, folder, name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    // A file system without that: a second name, which is never given twice, and away with the first.
    match linkat(folder, part, folder, name, AtFlags::empty()) {
        Ok(()) => return unlinkat(folder, part, AtFlags::empty()),
        Err(Errno::EXIST) => return Err(Errno::EXIST),
        Err(_) => {}
    }
    // Nor second names (or it is a folder): looked first, which is all that is left.
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(_) => renameat(folder, part, folder, name),
    }
}
