//! Recordings in a local directory: `<yyyy-mm>/<session>.slrec`, with `.partial` behind it while it grows, and
//! with a file `.hold` beside it while it must be kept.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, IoSlice, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::recording::{Entry, RecordingReader};

use crate::io::ledger::Ledger;
use crate::io::recorder::UNSYNCED;
use crate::io::recover;
use crate::io::store::{RecordingFile, Store, close_code};
use crate::pure::about::About;
use crate::pure::calendar;

const PARTIAL: &str = "slrec.partial";

/// Room that a new session needs at once: what its recorder reserves.
const NEW_SESSION: u64 = 2 * UNSYNCED as u64 + (1 << 20);

/// A finished recording is read-only, for its owner and group.
pub(super) const FINISHED_MODE: u32 = 0o440;

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

/// A sealed recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub session: SessionId,
    /// Below the directory of recordings.
    pub name: String,
    /// Why it must be kept.
    pub hold: Option<String>,
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

    /// Finishes what an earlier run left unfinished: a torn tail is cut, the session goes into the ledger, the
    /// recording gets its proof and is sealed. One without a whole manifest, for which no receipt was ever given, is
    /// removed. A finished one that is not in the ledger yet is added, too.
    pub fn recover(&self, ledger: &Ledger) -> io::Result<Vec<Recovered>> {
        let mut recovered = Vec::new();
        for (session, path) in self.files()? {
            let partial = path.extension().is_some_and(|end| end == "partial");
            if !partial && ledger.place(session).session.is_some() {
                continue;
            }
            match recover::one(&path, session, partial, ledger) {
                Ok(found) => recovered.extend(found),
                // It waits for a start that finds room.
                Err(error) if close_code(&error) == CloseCode::StorageFull => {
                    tracing::warn!(%session, %error, "this recording could not be finished");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(recovered)
    }

    /// All sealed recordings.
    pub fn finished(&self) -> io::Result<Vec<Finished>> {
        let mut finished = Vec::new();
        for (session, path) in self.files()? {
            if path.extension().is_some_and(|end| end == "slrec") {
                let name = short_name(&path);
                let hold = self.held(&name)?;
                finished.push(Finished {
                    session,
                    name,
                    hold,
                });
            }
        }
        Ok(finished)
    }

    /// What a recording's manifest says; `None` if it cannot be read.
    pub fn about(&self, name: &str) -> io::Result<Option<About>> {
        let file = BufReader::new(File::open(self.directory.join(name))?);
        let Ok(mut reader) = RecordingReader::open(file) else {
            return Ok(None);
        };
        match reader.next_entry() {
            Ok(Some(Entry::Manifest(manifest))) => Ok(About::read(&manifest).ok()),
            _ => Ok(None),
        }
    }

    /// Why a recording must be kept: the text of the file beside it.
    pub fn held(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.directory.join(format!("{name}.hold"))) {
            Ok(why) => Ok(Some(why)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes or takes away that file, durably.
    pub fn hold(&self, name: &str, why: Option<&str>) -> io::Result<()> {
        let path = self.directory.join(format!("{name}.hold"));
        match why {
            Some(why) => {
                let new = path.with_extension("hold-new");
                let mut file = File::create(&new)?;
                file.write_all(why.as_bytes())?;
                file.sync_all()?;
                fs::rename(&new, &path)?;
            }
            None if path.exists() => fs::remove_file(&path)?,
            None => {}
        }
        sync_directory(path.parent().unwrap_or(&self.directory))
    }

    /// Removes a recording, durably.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.directory.join(name);
        fs::remove_file(&path)?;
        sync_directory(path.parent().unwrap_or(&self.directory))
    }

    /// Every recording, finished or not.
    fn files(&self) -> io::Result<Vec<(SessionId, PathBuf)>> {
        let mut files = Vec::new();
        for month in fs::read_dir(&self.directory)? {
            let month = month?.path();
            if !month.is_dir() {
                continue;
            }
            for file in fs::read_dir(&month)? {
                let path = file?.path();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or("");
                let parts = name.split_once('.');
                if let Some((id, "slrec" | PARTIAL)) = parts
                    && let Some(session) = SessionId::from_hex(id)
                {
                    files.push((session, path));
                }
            }
        }
        files.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(files)
    }
}

/// A recording's name below the directory of recordings: month and file.
pub fn short_name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).collect();
    let name: PathBuf = parts.into_iter().rev().collect();
    name.to_string_lossy().into_owned()
}

/// Read-only, under its final name, and both on the disk.
pub(super) fn finish(file: &File, partial: &Path) -> io::Result<PathBuf> {
    file.set_permissions(Permissions::from_mode(FINISHED_MODE))?;
    file.sync_all()?;
    let path = partial.with_extension(""); // takes `.partial` off
    fs::rename(partial, &path)?;
    Ok(path)
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
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
    let (year, month, _) = calendar::date(since.as_secs() / 86_400);
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
