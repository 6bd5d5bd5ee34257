//! Checkpoints (PROTOCOL.md §4.6): an author's signature over everything that passed between the ends so far.

use serde::{Deserialize, Serialize};

use crate::capability::Capabilities;
use crate::id::{Author, Digest, Lane, SessionId};
use crate::record::{Chain, Class};
use crate::statement::Statement;

/// Most lanes in one checkpoint; an author with more that moved signs more often.
pub const HEADS: usize = 256;
/// Most refused stretches in one checkpoint.
pub const REFUSED: usize = 64;

/// Which lane of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LaneId {
    pub author: Author,
    pub lane: Lane,
    pub class: Class,
}

/// How far a lane has come by the signer's knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneHead {
    pub lane: LaneId,
    /// Records so far.
    pub records: u64,
    /// The chain over them.
    pub chain: Digest,
}

impl LaneHead {
    pub fn new(lane: LaneId, chain: Chain) -> LaneHead {
        LaneHead {
            lane,
            records: chain.records,
            chain: chain.head,
        }
    }
}

/// A stretch of the technician's records that the agent received and did not act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub lane: LaneId,
    /// Sequence number of the first one.
    pub first: u64,
    pub count: u64,
}

/// Signed by an author once a second while something moves, at once when grants change, and at the end.
///
/// What the author's checkpoints say together: all that it sealed, all that it received from the other end and in
/// which state of the grants, and what of it was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub session: SessionId,
    /// [`crate::statement::Signed::digest`] of the manifest.
    pub manifest: Digest,
    pub author: Author,
    /// Counts this author's checkpoints from 0.
    pub number: u64,
    /// Digest of this author's checkpoint before; zeros for the first.
    pub previous: Digest,
    /// Microseconds of the author's session clock, as in its records.
    pub time_us: u64,
    /// The agent: alive from here until its next checkpoint. A technician: what it was told.
    pub granted: Capabilities,
    /// Lanes that moved since the checkpoint before: the author's own as sealed, the other end's as received and handled.
    pub heads: Vec<LaneHead>,
    /// Since the checkpoint before; agents only.
    pub refused: Vec<Refused>,
    /// The author's last checkpoint: why the session ended for it, a code of [`crate::close`].
    pub close: Option<u16>,
}

impl Statement for Checkpoint {
    const CONTEXT: &'static str = "sightline checkpoint v1";
}
