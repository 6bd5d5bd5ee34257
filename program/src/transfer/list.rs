//! What is in a folder.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use sightline_ends::content::{EntryKind, FileMessage, Listed};
use sightline_ends::transfer::is_part;

use super::walk::{modified_ms, open_folder};
use super::words;

/// Lines of a listing at most: more is read by nobody.
const MOST_LINES: usize = 100_000;
/// Lines in one record: each has a name of up to 255 bytes and 30 beside it.
const LINES: usize = 256;

/// The folder's whole path and its lines, by name.
pub fn list(path: &Path) -> Result<(PathBuf, Vec<Listed>), String> {
    let real = path.canonicalize().map_err(|error| words(&error))?;
    let folder = open_folder(&real).map_err(|error| words(&error))?;
    let mut lines = Vec::new();
    let entries = Dir::read_from(&folder).map_err(|error| words(&error.into()))?;
    for entry in entries.flatten().take(MOST_LINES) {
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") || is_part(name) {
            continue;
        }
        let Ok(stat) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        lines.push(Listed {
            name: name.to_vec(),
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Some(EntryKind::Folder),
                FileType::RegularFile => Some(EntryKind::File {
                    bytes: u64::try_from(stat.st_size).unwrap_or(0),
                    executable: stat.st_mode & 0o100 != 0,
                }),
                _ => None,
            },
            modified_ms: modified_ms(&stat),
        });
    }
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((real, lines))
}

/// A listing as the messages that say it.
pub fn listed_in_pieces(ask: u32, path: &Path) -> Vec<FileMessage> {
    let (real, lines) = match list(path) {
        Ok(found) => found,
        Err(why) => return vec![FileMessage::NotListed { ask, why }],
    };
    let path = real.as_os_str().as_bytes().to_vec();
    let mut pieces: Vec<&[Listed]> = lines.chunks(LINES).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    let count = pieces.len();
    let message = |(n, piece): (usize, &[Listed])| FileMessage::Listing {
        ask,
        path: path.clone(),
        entries: piece.to_vec(),
        last: n + 1 == count,
    };
    pieces.into_iter().enumerate().map(message).collect()
}
