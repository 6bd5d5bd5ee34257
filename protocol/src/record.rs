//! Records (PROTOCOL.md §5): a fixed header, which everyone may read, before a ciphertext, which only the ends and
//! the auditors can open. The header is the ciphertext's associated data.

use serde::{Deserialize, Serialize};

use crate::id::{Author, Digest, Lane, SessionId};

/// Bytes of a header.
pub const HEADER: usize = 48;
/// Bytes of the AEAD's tag, behind the ciphertext.
pub const TAG: usize = 16;
/// Bytes of the origin tag, behind the AEAD's (PROTOCOL.md §5.3).
pub const ORIGIN_TAG: usize = 32;
/// Bytes that sealing adds to a plaintext.
pub const OVERHEAD: usize = TAG + ORIGIN_TAG;
/// The version this program writes and reads.
pub const VERSION: u8 = 1;

/// What a record is about. Keys are independent per class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Class {
    Picture = 0,
    Input = 1,
    Shell = 2,
    File = 3,
    Clipboard = 4,
    Chat = 5,
    Control = 6,
    /// What was copied itself. Of class [`Class::Clipboard`] is what was said about it: its form, size and hash.
    ClipboardContent = 7,
}

impl Class {
    pub const ALL: [Class; 8] = [
        Class::Picture,
        Class::Input,
        Class::Shell,
        Class::File,
        Class::Clipboard,
        Class::Chat,
        Class::Control,
        Class::ClipboardContent,
    ];

    /// What an auditor opens unless the organisation says otherwise. Of clipboards that is hash and size: whoever is to
    /// read what was copied is given that class by name.
    pub const USUAL: [Class; 7] = [
        Class::Picture,
        Class::Input,
        Class::Shell,
        Class::File,
        Class::Clipboard,
        Class::Chat,
        Class::Control,
    ];

    pub fn from_byte(byte: u8) -> Option<Class> {
        Class::ALL.get(usize::from(byte)).copied()
    }

    pub fn word(self) -> &'static str {
        match self {
            Class::Picture => "picture",
            Class::Input => "input",
            Class::Shell => "shell",
            Class::File => "file",
            Class::Clipboard => "clipboard",
            Class::Chat => "chat",
            Class::Control => "control",
            Class::ClipboardContent => "clipboard-content",
        }
    }

    pub fn from_word(word: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.word() == word)
    }

    /// Longest body in bytes, tags included. Pictures and files come in pieces, so that one record never holds up
    /// another for long; a cursor of 256 × 256 pixels fits a picture record.
    pub const fn cap(self) -> usize {
        match self {
            Class::Picture => 512 * 1024,
            Class::File | Class::Shell | Class::ClipboardContent => 128 * 1024,
            Class::Input | Class::Clipboard | Class::Chat | Class::Control => 16 * 1024,
        }
    }
}

/// The lanes by which a technician sets the user's clipboard; what else is of these classes reads it. Here, because who
/// checks a recording without its keys tells the two rights apart by them.
pub const SET_CLIPBOARD: Lane = Lane(6);
pub const SET_CLIPBOARD_CONTENT: Lane = Lane(8);

/// Flag: playback can start here (a layout, before a whole picture).
pub const FLAG_WHOLE: u8 = 1;

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub session: SessionId,
    pub class: Class,
    pub author: Author,
    pub flags: u8,
    pub epoch: u32,
    pub lane: Lane,
    /// Counts the lane's records from 0.
    pub seq: u64,
    /// Microseconds since the author's session began, by its monotonic clock.
    pub time_us: u64,
    /// Bytes of the body that follows: ciphertext, tag, origin tag.
    pub length: u32,
}

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("record version {0} is not known")]
    Version(u8),
    #[error("record class {0} is not known")]
    Class(u8),
    #[error("record flags {0:#04x} are not known")]
    Flags(u8),
    #[error("a {class} record of {length} bytes is not between {OVERHEAD} and {cap}", class = .class.word(), cap = .class.cap())]
    Length { class: Class, length: u32 },
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = VERSION;
        bytes[1] = self.class as u8;
        bytes[2] = self.author.0;
        bytes[3] = self.flags;
        bytes[4..8].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.lane.0.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.seq.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time_us.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.session.0);
        bytes
    }

    pub fn parse(bytes: &[u8; HEADER]) -> Result<Header, RecordError> {
        if bytes[0] != VERSION {
            return Err(RecordError::Version(bytes[0]));
        }
        let class = Class::from_byte(bytes[1]).ok_or(RecordError::Class(bytes[1]))?;
        if bytes[3] & !FLAG_WHOLE != 0 {
            return Err(RecordError::Flags(bytes[3]));
        }
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let length = u32_at(12);
        if (length as usize) < OVERHEAD || length as usize > class.cap() {
            return Err(RecordError::Length { class, length });
        }
        let mut session = [0; 16];
        session.copy_from_slice(&bytes[32..48]);
        Ok(Header {
            session: SessionId(session),
            class,
            author: Author(bytes[2]),
            flags: bytes[3],
            epoch: u32_at(4),
            lane: Lane(u32_at(8)),
            seq: u64_at(16),
            time_us: u64_at(24),
            length,
        })
    }

    /// Whole record in bytes.
    pub fn record_length(&self) -> usize {
        HEADER + self.length as usize
    }
}

/// How far a lane has come: records so far, and the chain over them (PROTOCOL.md §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    pub records: u64,
    pub head: Digest,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain {
            records: 0,
            head: Digest([0; 32]),
        }
    }
}

impl Chain {
    /// Extends the chain by one record: SHA-256(head ‖ header ‖ SHA-256(body)).
    pub fn extend(&mut self, header: &[u8; HEADER], body: &[u8]) {
        self.extend_hashed(header, &Digest::of(&[body]));
    }

    /// As [`Chain::extend`], for who has the body's SHA-256 already.
    pub fn extend_hashed(&mut self, header: &[u8; HEADER], body: &Digest) {
        self.head = Digest::of(&[&self.head.0, header, &body.0]);
        self.records += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused_and_what_parses_encodes_back(
            mut bytes in proptest::array::uniform32(any::<u8>()), tail in proptest::array::uniform16(any::<u8>()),
            version in prop_oneof![Just(VERSION), any::<u8>()], class in 0_u8..9, length in 0_u32..600_000,
        ) {
            bytes[0] = version;
            bytes[1] = class;
            bytes[12..16].copy_from_slice(&length.to_le_bytes());
            let mut whole = [0; HEADER];
            whole[..32].copy_from_slice(&bytes);
            whole[32..].copy_from_slice(&tail);
            if let Ok(header) = Header::parse(&whole) {
                prop_assert_eq!(header.encode(), whole);
                prop_assert!(header.length as usize <= header.class.cap());
            }
        }
    }
}
