//! Whether the relay keeps up with recording: what is known to be at the relay, and what it has signed for.
//!
//! A record is known to be there when the other end has it, because the relay hands each to its recorder before it
//! forwards it: the technician's when they arrive here, this end's when the technician's checkpoint names them. So
//! a slow line never counts as a slow disk.

use std::collections::VecDeque;

use sightline_protocol::id::{Digest, PublicKey, SessionId};
use sightline_protocol::statement::{Signed, StatementError};
use sightline_protocol::statements::Receipt;

use crate::handshake::Established;
use crate::now::Now;

/// The oldest record without a receipt may be so old, in µs: 3 s. The relay signs within 0.25 s and its disk's own
/// time; a busy disk's hiccup or a packet that is lost twice stay below, and a disk that takes longer does not
/// keep up.
pub const LIMIT_US: u64 = 3_000_000;
/// Frozen for so long, in µs, it does not come back: 30 s, in which nothing but the line's silence is not counted.
pub const GIVE_UP_US: u64 = 30_000_000;
/// Longer without a word from anyone is the line's silence and not a slow disk's, in µs: the technician says something each
/// [`super::PING_AT_REST_US`] at least.
const LINE_US: u64 = super::PING_AT_REST_US + 2_000_000;
/// Goes on when nothing without a receipt is older than 1 s: not at the very limit, or it would stop again at once.
const THAW_US: u64 = 1_000_000;
/// Records within 0.1 s share a mark, with the age of the first.
const GRAIN_US: u64 = 100_000;
/// Longer without a word from the relay is silence: 1 s.
const SILENCE_US: u64 = 1_000_000;
/// After it, receipts have 1 s to come before records are refused for lack of them: they travel on another stream.
const PATIENCE_US: u64 = 1_000_000;

/// Why a receipt is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FalseReceipt {
    #[error("the relay's receipt is not genuine: {0}")]
    NotGenuine(#[from] StatementError),
    #[error("the relay's receipt is for another recording")]
    Misplaced,
    #[error("the relay's receipt takes back what an earlier one confirmed")]
    GoesBack,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Frozen,
    Thawed,
    GivenUp,
}

/// So many records were known to be at the relay.
struct Mark {
    total: u64,
    since_us: u64,
}

/// The receipts of one session, and what still lacks one.
pub struct Receipts {
    key: PublicKey,
    session: SessionId,
    manifest: Digest,
    last: Signed<Receipt>,
    records: u64,
    bytes: u64,
    /// Totals above `records`, oldest first.
    marks: VecDeque<Mark>,
    heard_us: u64,
    frozen_us: Option<u64>,
    /// Of the time since then, what the line was silent.
    silent_us: u64,
}

impl Receipts {
    pub fn new(established: &Established, now: Now) -> Receipts {
        Receipts {
            key: established.bundle.relay.receipt_key,
            session: established.session,
            manifest: established.manifest,
            last: established.receipt.clone(),
            records: 0,
            bytes: 0,
            marks: VecDeque::new(),
            heard_us: now.mono_us,
            frozen_us: None,
            silent_us: 0,
        }
    }

    /// The newest receipt.
    pub fn last(&self) -> &Signed<Receipt> {
        &self.last
    }

    pub fn frozen(&self) -> bool {
        self.frozen_us.is_some()
    }

    /// Something came from the relay.
    pub fn heard(&mut self, now: Now) {
        self.silent_us += now.mono_us.saturating_sub(self.heard_us + LINE_US);
        self.heard_us = now.mono_us;
    }

    /// A record came after a silence, and receipts are behind: perhaps only because the network was away. Until this
    /// `mono_us` the record may wait for them, rather than be refused.
    pub fn patience_us(&self, now: Now) -> Option<u64> {
        let silent = now.mono_us > self.heard_us + SILENCE_US;
        let oldest = self.marks.front()?;
        let behind = self.frozen() || now.mono_us >= oldest.since_us + LIMIT_US;
        (silent && behind).then_some(now.mono_us + PATIENCE_US)
    }

    /// So many records of both ends are known to be at the relay.
    pub fn known(&mut self, total: u64, now: Now) {
        if total <= self.records {
            return;
        }
        match self.marks.back_mut() {
            Some(last) if total <= last.total => {}
            Some(last) if now.mono_us < last.since_us + GRAIN_US => last.total = total,
            _ => self.marks.push_back(Mark {
                total,
                since_us: now.mono_us,
            }),
        }
    }

    /// The relay's next receipt. One for another session is passed over.
    pub fn handle(&mut self, signed: &Signed<Receipt>) -> Result<(), FalseReceipt> {
        let receipt = signed.verify(&self.key)?;
        if receipt.session != self.session {
            return Ok(());
        }
        if receipt.manifest != self.manifest {
            return Err(FalseReceipt::Misplaced);
        }
        if receipt.records < self.records || receipt.bytes < self.bytes {
            return Err(FalseReceipt::GoesBack);
        }
        (self.records, self.bytes) = (receipt.records, receipt.bytes);
        self.last = signed.clone();
        while self
            .marks
            .front()
            .is_some_and(|mark| mark.total <= self.records)
        {
            self.marks.pop_front();
        }
        Ok(())
    }

    /// `mono_us` at which [`Receipts::poll`] wants to be called; `None` while nothing lacks a receipt.
    pub fn due_us(&self) -> Option<u64> {
        match self.frozen_us {
            Some(since) => self.give_up_us(since),
            None => self.marks.front().map(|mark| mark.since_us + LIMIT_US),
        }
    }

    /// When it is given up; `None` while the line is silent before that.
    fn give_up_us(&self, since: u64) -> Option<u64> {
        let at = since + GIVE_UP_US + self.silent_us;
        (at <= self.heard_us + LINE_US).then_some(at)
    }

    pub fn poll(&mut self, now: Now) -> Option<Turn> {
        let oldest = self.marks.front().map(|mark| mark.since_us);
        let older = |limit: u64| oldest.is_some_and(|since| now.mono_us >= since + limit);
        match self.frozen_us {
            None if older(LIMIT_US) => {
                (self.frozen_us, self.silent_us) = (Some(now.mono_us), 0);
                Some(Turn::Frozen)
            }
            Some(_) if !older(THAW_US) => {
                self.frozen_us = None;
                Some(Turn::Thawed)
            }
            Some(since) if self.give_up_us(since).is_some_and(|at| now.mono_us >= at) => {
                Some(Turn::GivenUp)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
