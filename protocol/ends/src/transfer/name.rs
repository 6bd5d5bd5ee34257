//! Names of files that come from the other side. They stay as they are, bytes and all, or are refused.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{DEPTH, LONGEST_PATH};
use crate::content::PathBytes;
use crate::text::harmless;

/// Bytes of a name: what every common file system takes.
pub const LONGEST_NAME: usize = 255;
/// A file that is not whole yet: `.NAME.sightline-part`, in the folder where NAME will be.
const PART: &[u8] = b".sightline-part";
/// Longest ending that is kept behind a number: `report (2).document`.
const LONGEST_ENDING: usize = 16;

/// Why something is not the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("it is empty")]
    Empty,
    #[error("it leads out of its folder")]
    Leads,
    #[error("it has a character that no name has")]
    Character,
    #[error("it is longer than {LONGEST_NAME} bytes")]
    Long,
    #[error("it is a name of files that are not whole yet")]
    Part,
    #[error("it is too deep in folders")]
    Deep,
}

/// Whether that is one name: no way up, no separator, no NUL.
pub fn check(name: &[u8]) -> Result<(), BadName> {
    match name {
        b"" => return Err(BadName::Empty),
        b"." | b".." => return Err(BadName::Leads),
        _ if name.iter().any(|byte| matches!(byte, b'/' | 0)) => return Err(BadName::Character),
        _ => {}
    }
    if name.len() > LONGEST_NAME {
        return Err(BadName::Long);
    }
    if is_part(name) {
        return Err(BadName::Part);
    }
    Ok(())
}

/// Whether these are names from a transfer's top to an entry.
pub fn check_path(path: &[PathBytes]) -> Result<(), BadName> {
    if path.is_empty() {
        return Err(BadName::Empty);
    }
    let length: usize = path.iter().map(|name| name.len() + 1).sum();
    if path.len() > DEPTH || length > LONGEST_PATH {
        return Err(BadName::Deep);
    }
    path.iter().try_for_each(|name| check(name))
}

/// Whether a file of that name is one that is not whole yet.
pub fn is_part(name: &[u8]) -> bool {
    name.ends_with(PART)
}

fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The name under which a file of this name grows: always the same, so that it is found again.
pub fn part(name: &[u8]) -> PathBytes {
    let room = LONGEST_NAME - PART.len() - 1;
    let mut part = vec![b'.'];
    if name.len() <= room {
        part.extend_from_slice(name);
    } else {
        // Two long names may differ in their ends only.
        let mark = format!("~{:016x}", fingerprint(name));
        part.extend_from_slice(whole_characters(&name[..room - mark.len()]));
        part.extend_from_slice(mark.as_bytes());
    }
    part.extend_from_slice(PART);
    part
}

/// Without half a character at the end, if it is UTF-8.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

/// The name that a newcomer gets where its own is taken: `report (2).pdf`, `archive (3).tar.gz`.
pub fn numbered(name: &[u8], number: u32) -> PathBytes {
    let (stem, ending) = name.split_at(name.len() - ending(name));
    let number = format!(" ({number})");
    let room = LONGEST_NAME - number.len() - ending.len();
    let stem = whole_characters(&stem[..stem.len().min(room)]);
    [stem, number.as_bytes(), ending].concat()
}

/// Bytes of a name's ending, with its dot.
fn ending(name: &[u8]) -> usize {
    let dot = |name: &[u8]| name.iter().rposition(|byte| *byte == b'.').unwrap_or(0);
    let last = dot(name);
    let length = name.len() - last;
    if last == 0 || length > LONGEST_ENDING {
        return 0;
    }
    let before = dot(&name[..last]);
    match &name[before..last] {
        b".tar" if before > 0 => name.len() - before,
        _ => length,
    }
}

/// A name or path as a person reads it.
pub fn shown(path: &[u8]) -> String {
    harmless(&String::from_utf8_lossy(path), LONGEST_PATH)
}

/// Paths that were placed, whatever their case: where a folder does not tell `A` from `a`, the second one of a transfer must not
/// replace the first.
#[derive(Debug, Default)]
pub struct Seen(HashSet<u64>);

impl Seen {
    /// Notes a path; whether it, or one that differs in its case only, came before.
    pub fn before(&mut self, path: &[PathBytes]) -> bool {
        let folded = |name: &PathBytes| String::from_utf8_lossy(name).to_lowercase();
        let folded: Vec<String> = path.iter().map(folded).collect();
        !self.0.insert(fingerprint(folded.join("/").as_bytes()))
    }
}
