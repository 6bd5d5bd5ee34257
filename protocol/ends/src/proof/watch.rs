//! How far a lane is, seen from where checkpoints are signed and checked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sightline_protocol::id::Digest;
use sightline_protocol::record::Chain;

/// Heads of a lane that are kept until the other end has signed for them: at one checkpoint a second more than
/// 60,000 records a second, which nobody seals. 2 MB.
const RECENT: usize = 65_536;

/// What one lane's sealer or opener tells, and the other end's checkpoints are held against.
#[derive(Clone, Debug, Default)]
pub struct LaneWatch(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    chain: Chain,
    /// Up to where the other end has signed.
    confirmed: Chain,
    /// The chain's head after each record behind `confirmed`, oldest first.
    recent: VecDeque<Digest>,
}

/// What a claim about a lane is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Right,
    /// It speaks of records that have not passed here yet.
    Ahead,
    Wrong,
}

impl LaneWatch {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn moved(&self, chain: Chain) {
        let mut memory = self.lock();
        memory.chain = chain;
        // Beyond the limit the oldest claims can no longer be checked, and `overdue` ends the session.
        if memory.recent.len() < RECENT {
            memory.recent.push_back(chain.head);
        }
    }

    pub fn chain(&self) -> Chain {
        self.lock().chain
    }

    /// Records for which the other end has signed.
    pub(crate) fn confirmed(&self) -> u64 {
        self.lock().confirmed.records
    }

    /// The other end has left more records unsigned than can be remembered.
    pub(crate) fn overflowed(&self) -> bool {
        self.lock().recent.len() >= RECENT
    }

    /// Holds the other end's word against what passed here.
    pub(crate) fn check(&self, claimed: &Chain) -> Claim {
        let mut memory = self.lock();
        if claimed.records > memory.chain.records {
            return Claim::Ahead;
        }
        let Some(newer) = claimed.records.checked_sub(memory.confirmed.records) else {
            return Claim::Wrong; // goes back behind what it signed
        };
        let known = match newer {
            0 => Some(memory.confirmed.head),
            newer => memory.recent.get(newer as usize - 1).copied(),
        };
        if known != Some(claimed.head) {
            return Claim::Wrong;
        }
        memory.recent.drain(..newer as usize);
        memory.confirmed = *claimed;
        Claim::Right
    }
}
