//! Keeps what was found in a recording beside the user's other caches, so that it opens at once the next time.
//!
//! A cache is a convenience: whatever is wrong with it, it is as if there were none.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sightline_protocol::id::SessionId;
use sightline_protocol::recording::ENTRY_HEAD;
use sightline_protocol::wire;

use crate::pure::index::Index;

/// First bytes of a cache; the number changes with [`Index`].
const MAGIC: [u8; 8] = *b"SLINDEX2";
/// Magic, checksum, place and head of the last entry that it covers, and where that ends.
const HEAD: usize = 8 + 4 + 8 + ENTRY_HEAD + 8;
/// Longest cache in bytes: the longest index.
const CAP: u64 = 8 * 1024 * 1024;
/// Caches that are kept; then the oldest go.
const KEPT: usize = 200;

/// The folder of the caches: `$XDG_CACHE_HOME/sightline`, or `~/.cache/sightline`; `None` without a home.
pub fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let cache = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))?;
    Some(cache.join("sightline"))
}

/// How far an index goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Place and head of the last entry that it covers. The head holds the checksum of the entry's body, so that another file
    /// of the same session is hardly taken for this one.
    pub last: (u64, [u8; ENTRY_HEAD]),
    /// Where that entry ends.
    pub end: u64,
}

fn path(folder: &Path, session: SessionId) -> PathBuf {
    folder.join(format!("{session}.index"))
}

/// The cached index of this recording, if it is sound and fits the file.
pub fn load(folder: &Path, session: SessionId, file: &fs::File) -> Option<(Index, Reach)> {
    let path = path(folder, session);
    if fs::metadata(&path).ok()?.len() > CAP {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (index, reach) = decode(&bytes)?;
    let mut head = [0; ENTRY_HEAD];
    file.read_exact_at(&mut head, reach.last.0).ok()?;
    let fits = head == reach.last.1 && reach.end <= file.metadata().ok()?.len();
    fits.then_some((index, reach))
}

/// Keeps an index. What goes wrong only costs time at the next opening.
pub fn store(folder: &Path, session: SessionId, index: &Index, reach: Reach) {
    let _ = try_store(folder, session, &encode(index, reach));
}

fn try_store(folder: &Path, session: SessionId, bytes: &[u8]) -> std::io::Result<()> {
    if bytes.len() as u64 > CAP {
        return Ok(());
    }
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(folder)?;
    let path = path(folder, session);
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&new)?.write_all(bytes)?;
    fs::rename(new, path)?;
    forget_oldest(folder)
}

fn forget_oldest(folder: &Path) -> std::io::Result<()> {
    let mut caches = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|end| end == "index") {
            caches.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    caches.sort();
    for (_, path) in caches.iter().take(caches.len().saturating_sub(KEPT)) {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn encode(index: &Index, reach: Reach) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([0; 4]);
    bytes.extend(reach.last.0.to_le_bytes());
    bytes.extend(reach.last.1);
    bytes.extend(reach.end.to_le_bytes());
    bytes.extend(wire::encode(index));
    let crc = crc32fast::hash(&bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Index, Reach)> {
    let (head, body) = bytes.split_first_chunk::<HEAD>()?;
    let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).ok();
    let crc = crc32fast::hash(&bytes[12..]).to_le_bytes();
    if head[..8] != MAGIC || head[8..12] != crc {
        return None;
    }
    let entry = head[20..20 + ENTRY_HEAD].try_into().ok()?;
    let reach = Reach {
        last: (number(12)?, entry),
        end: number(20 + ENTRY_HEAD)?,
    };
    Some((wire::decode(body).ok()?, reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Index, Reach) {
        let index = Index {
            length_us: 77,
            control: vec![1, 2, 3],
            ..Index::default()
        };
        let reach = Reach {
            last: (40, [9; ENTRY_HEAD]),
            end: 60,
        };
        (index, reach)
    }

    #[test]
    fn what_is_kept_is_found() {
        let (index, reach) = sample();
        assert_eq!(decode(&encode(&index, reach)), Some((index, reach)));
    }

    #[test]
    fn a_damaged_cache_is_none() {
        let (index, reach) = sample();
        let whole = encode(&index, reach);
        for bit in 0..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bent), None, "bit {bit}");
        }
        for cut in 0..whole.len() {
            assert_eq!(decode(&whole[..cut]), None, "cut at {cut}");
        }
    }
}
