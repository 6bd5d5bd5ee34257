//! Finding files: one entry after the other, folders before what is in them. No link is followed, and nothing is opened
//! that is neither a file nor a folder.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, statat};
use sightline_ends::content::{EntryKind, PathBytes};
use sightline_ends::transfer::{DEPTH, check, is_part, shown};

use super::words;

/// Names of one folder at most: those of a whole transfer.
const MOST_NAMES: usize = sightline_ends::transfer::MOST_ENTRIES as usize;

/// A file or folder to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What it is called over there.
    pub name: PathBytes,
    /// Absolute, without links.
    pub path: PathBuf,
}

/// What was asked for, as it is: with links in the path itself resolved. An error says what is not there.
pub fn roots(paths: &[PathBuf]) -> Result<Vec<Root>, String> {
    let root = |path: &PathBuf| {
        let wrong = |why: String| format!("{}: {why}", shown(path.as_os_str().as_bytes()));
        let name = path.file_name();
        let name = name.ok_or_else(|| wrong("it has no name of its own".into()))?;
        let real = path.canonicalize().map_err(|error| wrong(words(&error)))?;
        Ok(Root {
            name: name.as_bytes().to_vec(),
            path: real,
        })
    };
    paths.iter().map(root).collect()
}

/// Opens a folder at an absolute path without following links.
pub(super) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = open("/", flags, Mode::empty())?;
    for part in path.components() {
        match part {
            Component::RootDir => {}
            Component::Normal(name) => folder = openat(&folder, name, flags, Mode::empty())?,
            _ => return Err(io::Error::other("the path is not absolute")),
        }
    }
    Ok(folder)
}

/// What was found.
pub(super) enum Found {
    Folder {
        path: Vec<PathBytes>,
        modified_ms: u64,
    },
    File {
        path: Vec<PathBytes>,
        source: Source,
    },
    /// It cannot be sent, for this reason.
    LeftOut { path: Vec<PathBytes>, why: String },
}

/// A file to be read.
pub(super) struct Source {
    /// None while files are only counted.
    pub file: Option<File>,
    at_first: Stat,
}

impl Source {
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.at_first.st_size).unwrap_or(0)
    }

    pub fn kind(&self) -> EntryKind {
        EntryKind::File {
            bytes: self.bytes(),
            executable: self.at_first.st_mode & 0o100 != 0,
        }
    }

    pub fn modified_ms(&self) -> u64 {
        modified_ms(&self.at_first)
    }

    /// Whether it still is what it was when it was opened.
    pub fn is_unchanged(&self) -> bool {
        let Some(Ok(now)) = self.file.as_ref().map(fstat) else {
            return false;
        };
        let facts = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        facts(&now) == facts(&self.at_first)
    }
}

pub(super) fn modified_ms(stat: &Stat) -> u64 {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let ms = stat.st_mtime_nsec / 1_000_000;
    seconds.saturating_mul(1_000) + ms
}

struct Open {
    folder: OwnedFd,
    names: std::vec::IntoIter<PathBytes>,
}

/// A way through files and folders.
pub(super) struct Walk {
    roots: std::vec::IntoIter<Root>,
    open: Vec<Open>,
    path: Vec<PathBytes>,
    /// Files are opened, not only counted.
    opens: bool,
}

impl Walk {
    pub fn new(roots: Vec<Root>, opens: bool) -> Walk {
        Walk {
            roots: roots.into_iter(),
            open: Vec::new(),
            path: Vec::new(),
            opens,
        }
    }

    /// The names in a folder, in order.
    pub fn names(folder: &OwnedFd) -> io::Result<Vec<PathBytes>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && names.len() < MOST_NAMES {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn look(&mut self, parent: &OwnedFd, real: &[u8]) -> Result<Found, String> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let error = |error: rustix::io::Errno| words(&error.into());
        let path = self.path.clone();
        let stat = statat(parent, real, flags).map_err(error)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory if path.len() < DEPTH => {
                let modified_ms = modified_ms(&stat);
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                let folder = openat(parent, real, flags | SAFE, Mode::empty()).map_err(error)?;
                let names = Walk::names(&folder).map_err(|e| words(&e))?.into_iter();
                self.open.push(Open { folder, names });
                return Ok(Found::Folder { path, modified_ms });
            }
            FileType::Directory => return Err("it is too deep in folders".into()),
            FileType::Symlink => return Err("links are not sent".into()),
            _ => return Err("it is neither a file nor a folder".into()),
        }
        if !self.opens {
            let (file, at_first) = (None, stat);
            let source = Source { file, at_first };
            return Ok(Found::File { path, source });
        }
        // Another thing may stand there by now: opening that must neither wait nor become our terminal.
        let file = openat(parent, real, OFlags::RDONLY | SAFE, Mode::empty()).map_err(error)?;
        let at_first = fstat(&file).map_err(error)?;
        if FileType::from_raw_mode(at_first.st_mode) != FileType::RegularFile {
            return Err("it is neither a file nor a folder".into());
        }
        let file = Some(File::from(file));
        let source = Source { file, at_first };
        Ok(Found::File { path, source })
    }
}

/// Follows no link, waits for nobody.
pub(super) const SAFE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let depth = self.open.len();
            let (parent, real) = match self.open.last_mut() {
                Some(open) => {
                    self.path.truncate(depth);
                    let Some(name) = open.names.next() else {
                        self.open.pop();
                        continue;
                    };
                    // A part of what somebody else is sending.
                    if is_part(&name) {
                        continue;
                    }
                    self.path.push(name.clone());
                    (open.folder.try_clone(), name)
                }
                None => {
                    let root = self.roots.next()?;
                    self.path = vec![root.name];
                    let parent = root.path.parent().map_or_else(
                        || {
                            Err(io::Error::other(
                                "the whole computer is no folder to be sent",
                            ))
                        },
                        open_folder,
                    );
                    let real = root.path.file_name().unwrap_or_default();
                    (parent, real.as_bytes().to_vec())
                }
            };
            let found = match (parent, self.path.last().map(|name| check(name))) {
                (Ok(parent), Some(Ok(()))) => self.look(&parent, &real),
                (Err(error), _) => Err(words(&error)),
                (_, bad) => Err(bad.map_or_else(String::new, |bad| {
                    bad.err().map_or_else(String::new, |bad| bad.to_string())
                })),
            };
            let path = self.path.clone();
            return Some(found.unwrap_or_else(|why| Found::LeftOut { path, why }));
        }
    }
}
