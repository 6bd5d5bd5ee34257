//! Files that went over, as an auditor wants to find them.

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

/// One record of class *file*: a file that has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// The file's own name, without folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    pub sha256: Digest,
    pub direction: Direction,
}
