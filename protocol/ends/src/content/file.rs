//! Files that go over. Each end has one lane for them; transfers share it and are told apart by their numbers.
//!
//! The technician asks, for sending as for fetching; the user allows each transfer or not. Then whoever has the files
//! sends entries and their bytes, and the other one says what it has taken. What each may do is in `transfer`.

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

/// Most names in a question, and most paths in one wish to fetch: what a person can read, and what fits a record.
pub const MOST_NAMES: usize = 16;

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
    List {
        ask: u32,
        path: PathBytes,
    },
    /// Agent → technician: a part of the answer; `last` ends it.
    Listing {
        ask: u32,
        /// The folder's whole path.
        path: PathBytes,
        entries: Vec<Listed>,
        last: bool,
    },
    /// Agent → technician: that folder cannot be listed.
    NotListed {
        ask: u32,
        why: String,
    },
    /// Technician → agent: may these be put into that folder? An empty `to` is the user's folder for downloads.
    Send {
        transfer: u32,
        /// Of the files and folders at the transfer's top: the first [`MOST_NAMES`] of them.
        names: Vec<PathBytes>,
        /// How many there are at the top.
        tops: u32,
        to: PathBytes,
        amount: Amount,
        /// None: say first which are there already, by [`FileMessage::Exists`].
        collision: Option<Collision>,
    },
    /// Agent → technician: of what is to be sent, these are there already; wait for [`FileMessage::Choose`].
    Exists {
        transfer: u32,
        names: Vec<PathBytes>,
    },
    Choose {
        transfer: u32,
        collision: Collision,
    },
    /// Technician → agent: may I have these files and folders (at most [`MOST_NAMES`])?
    Fetch {
        transfer: u32,
        paths: Vec<PathBytes>,
    },
    /// Agent → technician: the user allows it. With what it amounts to, for what is fetched as counted there.
    Allowed {
        transfer: u32,
        amount: Amount,
    },
    /// Agent → technician: it cannot be, for this reason: the user does not want it, or there is no such file.
    Refused {
        transfer: u32,
        why: String,
    },
    /// From whoever has the files: an entry; a file's bytes follow, or wait for [`FileMessage::From`] if it is resumable.
    Entry {
        transfer: u32,
        entry: Entry,
    },
    /// From the receiver: of this resumable file, send what follows the first `offset` bytes, if these have that hash
    /// at your side; else send it whole.
    From {
        transfer: u32,
        index: u32,
        offset: u64,
        sha256: Digest,
    },
    /// From the receiver: leave this entry out.
    Skip {
        transfer: u32,
        index: u32,
    },
    Data {
        transfer: u32,
        index: u32,
        offset: u64,
        #[serde(with = "sightline_protocol::octets")]
        bytes: Vec<u8>,
    },
    /// The file's bytes are all sent: so many, with this hash.
    End {
        transfer: u32,
        index: u32,
        bytes: u64,
        sha256: Digest,
    },
    /// From whoever has the files: this entry could not be read to its end, or (then nothing was said of it before) is
    /// none that is sent.
    Unreadable {
        transfer: u32,
        index: u32,
        why: String,
    },
    /// From whoever has the files: there are no more entries.
    Last {
        transfer: u32,
    },
    /// From the receiver: so much of the whole transfer it has taken, so that more may come (`transfer::cost`).
    Got {
        transfer: u32,
        bytes: u64,
    },
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
    /// From the receiver: the transfer is done; so many files are in their places, and on the disk.
    Done {
        transfer: u32,
        files: u64,
    },
    /// From either side: the transfer ends here, for this reason (somebody wants no more of it, the disk is full…).
    Ended {
        transfer: u32,
        why: String,
    },
}

impl FileMessage {
    /// The transfer that it belongs to.
    pub fn transfer(&self) -> Option<u32> {
        match self {
            FileMessage::List { .. }
            | FileMessage::Listing { .. }
            | FileMessage::NotListed { .. } => None,
            FileMessage::Send { transfer, .. }
            | FileMessage::Exists { transfer, .. }
            | FileMessage::Choose { transfer, .. }
            | FileMessage::Fetch { transfer, .. }
            | FileMessage::Allowed { transfer, .. }
            | FileMessage::Refused { transfer, .. }
            | FileMessage::Entry { transfer, .. }
            | FileMessage::From { transfer, .. }
            | FileMessage::Skip { transfer, .. }
            | FileMessage::Data { transfer, .. }
            | FileMessage::End { transfer, .. }
            | FileMessage::Unreadable { transfer, .. }
            | FileMessage::Last { transfer }
            | FileMessage::Got { transfer, .. }
            | FileMessage::Placed { transfer, .. }
            | FileMessage::NotPlaced { transfer, .. }
            | FileMessage::Done { transfer, .. }
            | FileMessage::Ended { transfer, .. } => Some(*transfer),
        }
    }
}
