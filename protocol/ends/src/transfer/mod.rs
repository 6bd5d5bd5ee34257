//! The two ends of a transfer (PROTOCOL.md §8.6): what each may say next, and what it does with what comes. Both programs
//! send and both receive.
//!
//! A sender may have [`WINDOW`] bytes under way for which the receiver has not said `Got`. They are all that waits of a
//! transfer in this program, in the connection's send buffer (4 MB) and at the relay, so that a picture or a key stroke
//! always finds room there, however slow the line is.
//!
//! Absent: files, threads and clocks. Whoever drives these reads and writes, and tells them what came of it.

mod name;
mod progress;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use name::{BadName, LONGEST_NAME, Seen, check, check_path, is_part, numbered, part, shown};
pub use progress::{Meter, Progress};
pub use receiver::{Begin, Deed, Receiver};
pub use sender::{Sender, Step};

use crate::content::{Amount, FileMessage};

/// Bytes of a program's transfers that may be under way to the other side: 2 MiB. It fills 110 Mbit/s at 150 ms, and half of
/// the connection's send buffer.
pub const WINDOW: u64 = 2 << 20;
/// Transfers of a session at a time, those that wait for the user included. Those that send share the window, and each share
/// still holds several pieces.
pub const MOST_AT_ONCE: usize = 8;
/// Longest piece of a file in one record, in bytes: half of what a record holds.
pub const PIECE: usize = 64 << 10;
/// The receiver says what it has taken after so many bytes: at 100 MB/s 800 times a second, and half of the smallest share of
/// the window.
const GOT_EVERY: u64 = 128 << 10;
/// A file of so many bytes is asked about before it is sent: a part of it may be there. For a smaller one the question takes
/// longer than the bytes.
pub const RESUMABLE: u64 = 4 << 20;
/// What an entry or a piece costs beside its bytes, so that a hundred thousand empty files wait for each other, too.
const EACH: u64 = 1 << 10;
/// Entries of one transfer at most: ten times what people call many files.
pub const MOST_ENTRIES: u32 = 1_000_000;
/// Folders in folders, the entry itself included.
pub const DEPTH: usize = 64;
/// Bytes of a whole path: as the kernel's PATH_MAX.
pub const LONGEST_PATH: usize = 4_096;

/// Bytes by which files may have grown since they were counted: a log that grows by 270 kB a second, in the minute that the user
/// has to answer.
const GROWTH: u64 = 16 << 20;

/// What may come at most of what was announced as this.
pub fn at_most(announced: Amount) -> Amount {
    Amount {
        files: announced.files,
        bytes: announced.bytes.saturating_add(GROWTH),
    }
}

/// What a message takes of the window.
pub fn cost(message: &FileMessage) -> u64 {
    match message {
        FileMessage::Entry { .. } | FileMessage::Unreadable { .. } => EACH,
        FileMessage::Data { bytes, .. } => EACH + bytes.len() as u64,
        _ => 0,
    }
}

/// The other side does what no transfer allows. The transfer ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the other side says '{0}' where it has no place")]
    Order(&'static str),
    #[error("the other side sends a file that was not asked for")]
    NotAsked,
    #[error("the other side sends more than it announced")]
    TooMuch,
    #[error("the other side sends a name that is none: {0}")]
    Name(#[from] BadName),
    #[error("the other side confirms what was not sent")]
    Got,
}

/// A SHA-256 under way.
#[derive(Clone)]
pub struct Hash(ring::digest::Context);

impl Default for Hash {
    fn default() -> Hash {
        Hash(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Hash {
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of what was added so far.
    pub fn digest(&self) -> sightline_protocol::id::Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.clone().finish().as_ref());
        sightline_protocol::id::Digest(bytes)
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash")
    }
}
