//! Files that go over. Each end has one lane for them; transfers share it and are told apart by their numbers.
//!
//! The technician asks, for sending as for fetching; the user allows each transfer or not. Then whoever has the files
//! sends entries and their bytes, and the other one says what it has durably got.

use serde::{Deserialize, Serialize};
use sightline_protocol::id::Digest;

/// Which way a file went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the technician to the user's computer.
    ToUser,
    /// From the user's computer to the technician.
    ToTechnician,
}

/// A file that has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// The file's own name, without folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    pub sha256: Digest,
    pub direction: Direction,
}

/// A path or name as the operating system has it, which need not be UTF-8: not empty, no NUL.
pub type PathBytes = Vec<u8>;

/// What a receiver does when a file of that name is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collision {
    /// The newcomer gets another name: `report (2).pdf`.
    #[default]
    KeepBoth,
    Replace,
    /// What is there stays, and the newcomer is left out.
    Skip,
}

/// What an entry is. Links, devices, sockets and pipes are never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    Folder,
    File {
        /// Its length when it was opened.
        bytes: u64,
        executable: bool,
    },
}

/// A folder's or file's place in a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the transfer's entries from 0.
    pub index: u32,
    /// Folders from the transfer's top to the entry's own name, each a [`PathBytes`] without a separator.
    pub path: Vec<PathBytes>,
    pub kind: EntryKind,
    /// Unix milliseconds of the last change; 0: not known.
    pub modified_ms: u64,
}

/// One line of a folder's listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub name: PathBytes,
    /// `None` for what cannot be fetched.
    pub kind: Option<EntryKind>,
    pub modified_ms: u64,
}

/// What a transfer amounts to, as counted before it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

/// One record of class *file*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileMessage {
    /// Technician → agent: what is in this folder? Relative paths start at the user's home.
    List { ask: u32, path: PathBytes },
    /// Agent → technician: a part of the answer; `last` ends it.
    Listing {
        ask: u32,
        /// The folder's whole path.
        path: PathBytes,
        entries: Vec<Listed>,
        last: bool,
    },
    /// Agent → technician: that folder cannot be listed.
    NotListed { ask: u32, why: String },
    /// Technician → agent: may this be put into that folder? An empty `to` is the user's folder for downloads.
    Send {
        transfer: u32,
        name: PathBytes,
        to: PathBytes,
        amount: Amount,
        collision: Collision,
    },
    /// Technician → agent: may I have this file or folder?
    Fetch { transfer: u32, path: PathBytes },
    /// Agent → technician: the user allows it. For what is fetched, with what it amounts to.
    Allowed { transfer: u32, amount: Amount },
    /// From whoever has the files: an entry; a file's bytes follow, or wait for [`FileMessage::From`] if it is resumable.
    Entry { transfer: u32, entry: Entry },
    /// From the receiver: of this resumable file, send what follows the first `offset` bytes, if these have that hash
    /// at your side; else send it whole.
    From {
        transfer: u32,
        index: u32,
        offset: u64,
        sha256: Digest,
    },
    /// From the receiver: leave this entry out.
    Skip { transfer: u32, index: u32 },
    Data {
        transfer: u32,
        index: u32,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// The file's bytes are all sent: so many, with this hash.
    End {
        transfer: u32,
        index: u32,
        bytes: u64,
        sha256: Digest,
    },
    /// From whoever has the files: this entry could not be read to its end.
    Unreadable {
        transfer: u32,
        index: u32,
        why: String,
    },
    /// From whoever has the files: there are no more entries.
    Last { transfer: u32 },
    /// From the receiver: bytes of the whole transfer's [`FileMessage::Data`] that it has taken, so that more may come.
    Got { transfer: u32, bytes: u64 },
    /// From the receiver: this file is in its place.
    Placed {
        transfer: u32,
        index: u32,
        note: FileNote,
    },
    /// From the receiver: this entry did not come to its place.
    NotPlaced {
        transfer: u32,
        index: u32,
        why: String,
    },
    /// From the receiver: the transfer is done; so many files are in their places.
    Done { transfer: u32, files: u64 },
    /// From either side: the transfer ends here, for this reason (the user refused, the disk is full…).
    Ended { transfer: u32, why: String },
}
