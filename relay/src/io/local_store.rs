//! Recordings in a local directory: `<yyyy-mm>/<session>.slrec`, with `.partial` behind it while it grows.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use sightline_protocol::id::SessionId;
use sightline_protocol::recording::{Entry, RecordingReader};

use crate::io::recorder::UNSYNCED;
use crate::io::store::{RecordingFile, Store};

const PARTIAL: &str = "slrec.partial";

/// Room that a new session needs at once: what its recorder reserves.
const NEW_SESSION: u64 = 2 * UNSYNCED as u64 + (1 << 20);

/// A finished recording is read-only, for its owner and group.
const FINISHED_MODE: u32 = 0o440;

pub struct LocalStore {
    directory: PathBuf,
    /// Free bytes below which nothing more is taken.
    min_free: u64,
}

/// A leftover of an earlier run, made readable again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub path: PathBuf,
    /// Bytes that are kept, and bytes of a torn tail that were cut.
    pub kept: u64,
    pub cut: u64,
}

impl LocalStore {
    /// Opens the directory, or makes it.
    pub fn open(directory: &Path, min_free: u64) -> io::Result<LocalStore> {
        fs::create_dir_all(directory)?;
        Ok(LocalStore {
            directory: directory.to_owned(),
            min_free,
        })
    }

    /// Finishes the recordings that an earlier run left unfinished: each is cut at its last whole entry. One
    /// without a whole manifest, for which no receipt was ever given, is removed.
    pub fn recover(&self) -> io::Result<Vec<Recovered>> {
        let mut recovered = Vec::new();
        for month in fs::read_dir(&self.directory)? {
            let month = month?.path();
            if !month.is_dir() {
                continue;
            }
            for file in fs::read_dir(&month)? {
                let path = file?.path();
                if path.to_string_lossy().ends_with(PARTIAL) {
                    recovered.extend(recover_one(&path)?);
                }
            }
            sync_directory(&month)?;
        }
        Ok(recovered)
    }
}

fn recover_one(path: &Path) -> io::Result<Option<Recovered>> {
    let length = fs::metadata(path)?.len();
    let kept = whole_part(path)?;
    if kept == 0 {
        fs::remove_file(path)?;
        return Ok(None);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(kept)?;
    let path = finish(&file, path)?;
    Ok(Some(Recovered {
        path,
        kept,
        cut: length - kept,
    }))
}

/// Bytes up to the last whole entry; zero if there is not even a manifest.
fn whole_part(path: &Path) -> io::Result<u64> {
    let file = io::BufReader::with_capacity(1 << 20, File::open(path)?);
    let Ok(mut reader) = RecordingReader::open(file) else {
        return Ok(0);
    };
    if !matches!(reader.next_entry(), Ok(Some(Entry::Manifest(_)))) {
        return Ok(0);
    }
    while let Ok(Some(_)) = reader.next_entry() {}
    Ok(reader.offset())
}

/// Read-only, under its final name, and both on the disk.
fn finish(file: &File, partial: &Path) -> io::Result<PathBuf> {
    file.set_permissions(Permissions::from_mode(FINISHED_MODE))?;
    file.sync_all()?;
    let path = partial.with_extension(""); // takes `.partial` off
    fs::rename(partial, &path)?;
    Ok(path)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl Store for LocalStore {
    fn create(&self, session: SessionId) -> io::Result<Box<dyn RecordingFile>> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let month = self.directory.join(month(since.unwrap_or_default()));
        if !month.is_dir() {
            fs::create_dir_all(&month)?;
            sync_directory(&self.directory)?;
        }
        let path = month.join(format!("{session}.{PARTIAL}"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        sync_directory(&month)?;
        Ok(Box::new(LocalFile {
            file,
            path,
            length: 0,
            reserved: 0,
            min_free: self.min_free,
        }))
    }

    fn room(&self) -> io::Result<()> {
        if self.free_bytes()? < self.min_free.saturating_add(NEW_SESSION) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        free(statvfs(&self.directory))
    }
}

fn free(found: rustix::io::Result<rustix::fs::StatVfs>) -> io::Result<u64> {
    let found = found?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

struct LocalFile {
    file: File,
    path: PathBuf,
    length: u64,
    /// The file's blocks exist up to here.
    reserved: u64,
    min_free: u64,
}

impl RecordingFile for LocalFile {
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        if free(rustix::fs::fstatvfs(&self.file))? < self.min_free {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let wanted = self.length + bytes;
        if wanted <= self.reserved {
            return Ok(());
        }
        // Twice what is asked, so that it is asked half as often.
        let ahead = wanted + bytes - self.reserved;
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.reserved, ahead) {
            Ok(()) => self.reserved += ahead,
            // This file system cannot; the free reserve has to do.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn append(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.file.write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.length += n as u64;
                    IoSlice::advance_slices(&mut parts, n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn seal(self: Box<Self>) -> io::Result<PathBuf> {
        self.file.set_len(self.length)?; // gives reserved blocks back
        let path = finish(&self.file, &self.path)?;
        if let Some(month) = path.parent() {
            sync_directory(month)?;
        }
        Ok(path)
    }

    fn discard(self: Box<Self>) {
        // If it cannot be removed now, the next start does it.
        let _ = fs::remove_file(&self.path);
    }
}

/// `yyyy-mm` of a time since 1970, UTC.
fn month(since: Duration) -> String {
    let mut days = since.as_secs() / 86_400;
    let mut year = 1970;
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let at = |seconds| month(Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01");
        assert_eq!(at(951_782_399), "2000-02"); // 29 February 2000, one second before March
        assert_eq!(at(951_868_799), "2000-02");
        assert_eq!(at(951_868_800), "2000-03");
        assert_eq!(at(1_798_761_599), "2026-12");
        assert_eq!(at(1_798_761_600), "2027-01");
    }
}
