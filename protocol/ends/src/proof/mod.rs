//! Checkpoints (PROTOCOL.md §4.6): each end signs what it sealed and what it received, and holds the other's word
//! against what passed here.

mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sightline_protocol::capability::Capabilities;
use sightline_protocol::checkpoint::{Checkpoint, HEADS, LaneHead, LaneId, REFUSED, Refused};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, PublicKey, SessionId};
use sightline_protocol::record::Chain;
use sightline_protocol::statement::{Signed, SigningKey, StatementError};

use crate::handshake::Established;
use crate::now::Now;
use crate::seal::Opener;
use watch::Claim;
pub use watch::LaneWatch;

/// While something moves, a checkpoint comes this often: 1 s. It is what a lost connection can leave unsigned.
pub const INTERVAL_US: u64 = 1_000_000;

/// How far the other end's signatures may stay behind its records, by its own clock, and how long after that is noticed
/// they may still come: 10 s each, far more than the interval, any line's delay, and a program that was stopped and
/// goes on.
const PATIENCE_US: u64 = 10_000_000;

/// Checkpoints that may be ahead of their records: at one a second longer than a silent connection lives.
const AHEAD: usize = 256;

/// The two ends do not agree, or the other one does not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dispute {
    #[error("the other end's checkpoint is not genuine: {0}")]
    NotGenuine(#[from] StatementError),
    #[error("the other end's checkpoint is of another session")]
    Misplaced,
    #[error("the other end's checkpoint {found} came where {expected} was due")]
    OutOfTurn { expected: u64, found: u64 },
    #[error("the other end signed something else than passed here ({} lane {}, record {})", .0.class.word(), .0.lane.0, .1)]
    Differs(LaneId, u64),
    #[error("the other end does not sign for what it sends")]
    Unsigned,
}

struct Lane {
    watch: LaneWatch,
    /// Records up to the last own checkpoint.
    signed: u64,
    /// The other end's claims about records that have not passed here yet, in order.
    ahead: VecDeque<Chain>,
    /// Records for which their author has signed.
    claimed: u64,
    /// The author's time of the first record that arrived unsigned since the author last signed for this lane.
    unsigned_from_us: Option<u64>,
    /// Since when that is too long ago.
    late_since_us: Option<u64>,
}

/// One end's checkpoints of one session, given and received.
pub struct Proof {
    key: Arc<SigningKey>,
    session: SessionId,
    manifest: Digest,
    author: Author,
    start_us: u64,
    lanes: BTreeMap<LaneId, Lane>,
    number: u64,
    previous: Digest,
    signed_us: Option<u64>,
    granted: Capabilities,
    refused: Vec<Refused>,
    peer: PublicKey,
    peer_number: u64,
    peer_previous: Digest,
    closed: bool,
}

impl Proof {
    /// For the end that is `author`.
    pub fn new(established: &Established, author: Author, now: Now) -> Proof {
        Proof {
            key: Arc::clone(&established.key),
            session: established.session,
            manifest: established.manifest,
            author,
            start_us: now.mono_us,
            lanes: BTreeMap::new(),
            number: 0,
            previous: Digest([0; 32]),
            signed_us: None,
            granted: established.consent.granted,
            refused: Vec::new(),
            peer: established.peer,
            peer_number: 0,
            peer_previous: Digest([0; 32]),
            closed: false,
        }
    }

    /// Takes a lane of either end into the checkpoints.
    pub fn add(&mut self, id: LaneId, watch: LaneWatch) {
        let lane = Lane {
            watch,
            signed: 0,
            ahead: VecDeque::new(),
            claimed: 0,
            unsigned_from_us: None,
            late_since_us: None,
        };
        self.lanes.insert(id, lane);
    }

    /// As [`Proof::add`], for a lane of the other end.
    pub fn listen(&mut self, id: LaneId, opener: &Opener) {
        if let Some(watch) = opener.watch() {
            self.add(id, watch);
        }
    }

    /// The guard dropped the technician's record `seq` of this lane.
    pub fn refuse(&mut self, lane: LaneId, seq: u64) {
        match self.refused.last_mut() {
            Some(last) if last.lane == lane && last.first + last.count == seq => last.count += 1,
            _ => self.refused.push(Refused {
                lane,
                first: seq,
                count: 1,
            }),
        }
    }

    /// A record of the other end arrived on this lane and was opened; `time_us` is its author's.
    pub fn arrived(&mut self, id: LaneId, time_us: u64, now: Now) -> Result<(), Dispute> {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return Ok(());
        };
        while let Some(claimed) = lane.ahead.front() {
            match lane.watch.check(claimed) {
                Claim::Right => drop(lane.ahead.pop_front()),
                Claim::Ahead => break,
                Claim::Wrong => return Err(Dispute::Differs(id, claimed.records)),
            }
        }
        if lane.watch.chain().records <= lane.claimed {
            return Ok(());
        }
        let from = *lane.unsigned_from_us.get_or_insert(time_us);
        if time_us > from.saturating_add(PATIENCE_US) {
            let since = *lane.late_since_us.get_or_insert(now.mono_us);
            if now.mono_us > since + PATIENCE_US {
                return Err(Dispute::Unsigned);
            }
        }
        if lane.watch.overflowed() {
            return Err(Dispute::Unsigned);
        }
        Ok(())
    }

    /// `mono_us` at which the next checkpoint is due; `None` while nothing moved since the last one.
    pub fn due_us(&self) -> Option<u64> {
        if self.closed {
            return None;
        }
        let moved = self.lanes.values().any(Lane::moved);
        let last = self.signed_us.unwrap_or(self.start_us);
        if self.refused.len() >= REFUSED {
            return Some(last);
        }
        moved.then_some(last + INTERVAL_US)
    }

    /// The checkpoint that is due at `now`, or at once if what is granted changed.
    pub fn poll(&mut self, granted: Capabilities, now: Now) -> Option<Signed<Checkpoint>> {
        let due = self.due_us().is_some_and(|at| at <= now.mono_us);
        (!self.closed && (due || granted != self.granted)).then(|| self.sign(granted, None, now))
    }

    /// This end's last checkpoint: nothing more may be sealed after it.
    pub fn close(&mut self, code: CloseCode, now: Now) -> Option<Signed<Checkpoint>> {
        if self.closed {
            return None;
        }
        self.closed = true;
        Some(self.sign(Capabilities::NONE, Some(code.number()), now))
    }

    fn sign(&mut self, granted: Capabilities, close: Option<u16>, now: Now) -> Signed<Checkpoint> {
        let mut heads = Vec::new();
        for (id, lane) in &mut self.lanes {
            if heads.len() < HEADS && lane.moved() {
                let chain = lane.watch.chain();
                lane.signed = chain.records;
                heads.push(LaneHead::new(*id, chain));
            }
        }
        let kept = self.refused.len().min(REFUSED);
        let checkpoint = Checkpoint {
            session: self.session,
            manifest: self.manifest,
            author: self.author,
            number: self.number,
            previous: self.previous,
            time_us: now.mono_us.saturating_sub(self.start_us),
            granted,
            heads,
            refused: self.refused.drain(..kept).collect(),
            close,
        };
        let signed = Signed::sign(&checkpoint, &self.key);
        self.number += 1;
        self.previous = signed.digest();
        self.signed_us = Some(now.mono_us);
        self.granted = granted;
        signed
    }

    /// The other end's checkpoint: must be the next of its author, and must say what passed here. `expect` is asked
    /// for lanes that are not known here: the checkpoint may have overtaken their first records.
    pub fn handle(
        &mut self,
        signed: &Signed<Checkpoint>,
        mut expect: impl FnMut(LaneId) -> Option<LaneWatch>,
    ) -> Result<Checkpoint, Dispute> {
        let checkpoint = signed.verify(&self.peer)?;
        if checkpoint.session != self.session
            || checkpoint.manifest != self.manifest
            || checkpoint.author == self.author
        {
            return Err(Dispute::Misplaced);
        }
        if checkpoint.number != self.peer_number || checkpoint.previous != self.peer_previous {
            return Err(Dispute::OutOfTurn {
                expected: self.peer_number,
                found: checkpoint.number,
            });
        }
        for head in &checkpoint.heads {
            if !self.lanes.contains_key(&head.lane)
                && let Some(watch) = expect(head.lane)
            {
                self.add(head.lane, watch);
            }
            self.claimed(head)?;
        }
        self.peer_number += 1;
        self.peer_previous = signed.digest();
        Ok(checkpoint)
    }

    /// Records of both ends that are known to have reached the relay: the other end's that arrived, and this end's for
    /// which the other one has signed.
    pub fn at_relay(&self) -> u64 {
        let lanes = self.lanes.iter();
        lanes
            .map(|(id, lane)| match id.author == self.author {
                true => lane.watch.confirmed(),
                false => lane.watch.chain().records,
            })
            .sum()
    }

    /// Whether the other end has signed for every record of this end.
    pub fn is_answered(&self) -> bool {
        let own = self.lanes.iter().filter(|(id, _)| id.author == self.author);
        own.map(|(_, lane)| &lane.watch)
            .all(|watch| watch.confirmed() >= watch.chain().records)
    }

    fn claimed(&mut self, head: &LaneHead) -> Result<(), Dispute> {
        let wrong = Dispute::Differs(head.lane, head.records);
        let Some(lane) = self.lanes.get_mut(&head.lane) else {
            return Err(wrong);
        };
        let claimed = Chain {
            records: head.records,
            head: head.chain,
        };
        (lane.unsigned_from_us, lane.late_since_us) = (None, None);
        lane.claimed = head.records;
        match lane.watch.check(&claimed) {
            Claim::Right => {}
            // Its own records may still be on their way; ours it cannot have before they are sealed.
            Claim::Ahead if head.lane.author != self.author && lane.ahead.len() < AHEAD => {
                lane.ahead.push_back(claimed);
            }
            Claim::Ahead | Claim::Wrong => return Err(wrong),
        }
        Ok(())
    }
}

impl Lane {
    fn moved(&self) -> bool {
        self.watch.chain().records > self.signed
    }
}

#[cfg(test)]
mod tests;
