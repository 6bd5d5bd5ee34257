//! The ledger: an append-only list of sessions that nobody can shorten or rewrite unseen (PROTOCOL.md §6.4).
//!
//! A Merkle tree by the rules of RFC 6962 in the C2SP formats: [`checkpoint`] (tlog-checkpoint, signed-note),
//! [`tile`] (tlog-tiles). [`tree`] grows it and makes proofs; [`proof`] checks them. The relay writes, an auditor
//! checks, both with this code. Absent: files, and what a session's records say.

pub mod checkpoint;
pub mod proof;
pub mod tile;
pub mod tree;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, PublicKey, SessionId};
use crate::wire;

/// Most sessions in a ledger: far beyond any relay's life, and small enough that no sum of positions overflows.
pub const MAX_SIZE: u64 = 1 << 40;

/// Longest reason for a deletion, in bytes.
pub const WHY_CAP: usize = 1_000;

/// The ledger at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeHead {
    /// Entries.
    pub size: u64,
    /// The Merkle tree's root over them.
    pub root: Digest,
}

impl TreeHead {
    /// The ledger in which nothing is yet.
    pub fn empty() -> TreeHead {
        TreeHead {
            size: 0,
            root: Digest::of(&[]),
        }
    }
}

/// One leaf of the ledger: its hash is over these bytes as encoded by §2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerEntry {
    Session(SessionEntry),
    Tombstone(Tombstone),
}

/// A session that is over, and whose recording is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    pub session: SessionId,
    pub agent: PublicKey,
    /// The agent's own count of its sessions, so that one that is missing shows.
    pub number: u64,
    pub technician: PublicKey,
    /// [`crate::statement::Signed::digest`] of the manifest.
    pub manifest: Digest,
    /// The same of each author's last checkpoint in the recording.
    pub agent_checkpoint: Option<Digest>,
    pub technician_checkpoint: Option<Digest>,
    /// Records in the recording, and its length in bytes up to the entry of kind ledger.
    pub records: u64,
    pub bytes: u64,
    /// [`crate::recording::Order`] over the entries up to there.
    pub order: Digest,
    /// When the agent says it began, and when the relay closed it; Unix milliseconds.
    pub started_ms: u64,
    pub closed_ms: u64,
    /// Why it ended (§9); 0 if it did not end in order.
    pub close: u16,
}

/// A recording that was deleted on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    pub session: SessionId,
    pub manifest: Digest,
    /// For people; at most [`WHY_CAP`] bytes.
    pub why: String,
    pub at_ms: u64,
}

impl LedgerEntry {
    /// The bytes that are hashed and stored.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// # Errors
    ///
    /// [`LedgerError::Malformed`] if these are not an entry's bytes, or its text is too long.
    pub fn decode(bytes: &[u8]) -> Result<LedgerEntry, LedgerError> {
        let entry = wire::decode(bytes)?;
        match &entry {
            LedgerEntry::Tombstone(tombstone) if tombstone.why.len() > WHY_CAP => {
                Err(LedgerError::Tile("a reason that is too long"))
            }
            _ => Ok(entry),
        }
    }

    pub fn session(&self) -> SessionId {
        match self {
            LedgerEntry::Session(entry) => entry.session,
            LedgerEntry::Tombstone(tombstone) => tombstone.session,
        }
    }
}

/// What a finished recording carries: that its session is in the ledger, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerProof {
    /// The entry's very bytes.
    pub entry: Vec<u8>,
    pub index: u64,
    /// The inclusion proof, from the leaf to the root.
    pub proof: Vec<Digest>,
    /// The signed checkpoint of the tree in which it is.
    pub checkpoint: String,
}

impl LedgerProof {
    /// The entry and the tree head that it is proved to be in, by the relay whose receipt key is `key`.
    ///
    /// # Errors
    ///
    /// The checkpoint is not `key`'s, the proof does not lead from the entry to its root, or the entry cannot be read.
    pub fn verify(&self, key: &PublicKey) -> Result<(LedgerEntry, TreeHead), LedgerError> {
        let head = checkpoint::open(&self.checkpoint, key)?;
        proof::check_inclusion(&self.entry, self.index, &self.proof, &head)?;
        Ok((LedgerEntry::decode(&self.entry)?, head))
    }
}

/// Why something about the ledger is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("the entry cannot be read: {0}")]
    Malformed(#[from] wire::WireError),
    #[error("not a checkpoint of a ledger")]
    NotACheckpoint,
    #[error("the checkpoint is of another ledger: {0:?}")]
    OtherLedger(String),
    #[error("the checkpoint's signature does not match")]
    BadSignature,
    #[error("the proof does not lead to the ledger's root")]
    BadProof,
    #[error("there is no such entry in a ledger of {size}")]
    OutOfRange { size: u64 },
    #[error("a tile of the ledger is wrong: {0}")]
    Tile(&'static str),
}

#[cfg(test)]
mod tests;
