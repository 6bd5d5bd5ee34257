//! A recording as a list of raw entries, which can be changed and written again with right checksums.

use sightline_protocol::id::SessionId;
use sightline_protocol::recording::{ENTRY_HEAD, HEAD, head};

/// An entry's kind and body, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub kind: u8,
    pub body: Vec<u8>,
}

/// Takes a file apart, up to its last whole entry.
pub fn entries(file: &[u8]) -> (SessionId, Vec<Raw>) {
    let mut session = [0; 16];
    session.copy_from_slice(&file[12..HEAD]);
    let mut at = HEAD;
    let mut entries = Vec::new();
    while at + ENTRY_HEAD <= file.len() {
        let length = u32::from_le_bytes([file[at + 4], file[at + 5], file[at + 6], file[at + 7]]);
        let body = at + ENTRY_HEAD;
        let end = body + length as usize;
        if end > file.len() {
            break;
        }
        entries.push(Raw {
            kind: file[at],
            body: file[body..end].to_vec(),
        });
        at = end;
    }
    (SessionId(session), entries)
}

/// Puts it together again.
pub fn file(session: SessionId, entries: &[Raw]) -> Vec<u8> {
    let mut bytes = head(session).to_vec();
    for raw in entries {
        bytes.extend_from_slice(&raw.head());
        bytes.extend_from_slice(&raw.body);
    }
    bytes
}

impl Raw {
    /// The head of PROTOCOL.md §6.2, for any kind: a liar can compute a CRC, too.
    pub fn head(&self) -> [u8; ENTRY_HEAD] {
        let length = (self.body.len() as u32).to_le_bytes();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[self.kind]);
        crc.update(&length);
        crc.update(&self.body);
        let mut head = [0; ENTRY_HEAD];
        head[0] = self.kind;
        head[4..8].copy_from_slice(&length);
        head[8..].copy_from_slice(&crc.finalize().to_le_bytes());
        head
    }
}

/// Where the entry of that index starts in the file.
pub fn start_of(entries: &[Raw], index: usize) -> usize {
    let before = entries[..index].iter();
    HEAD + before.map(|raw| ENTRY_HEAD + raw.body.len()).sum::<usize>()
}
