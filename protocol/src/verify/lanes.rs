//! The chains of a recording's lanes, and what both ends signed about them.

use std::collections::{BTreeMap, VecDeque};

use super::fault::Fault;
use crate::checkpoint::{LaneHead, LaneId};
use crate::id::{Author, Digest};
use crate::record::{Chain, HEADER, Header};

/// Heads of a lane that are kept for checkpoints to come. An end remembers as many (and gives up before more are
/// unsigned), so a checkpoint never speaks of an older one. 2 MB.
const RECENT: usize = 65_536;

/// One lane as far as it was read.
#[derive(Debug, Default)]
pub struct LaneState {
    pub chain: Chain,
    /// The head after each record behind `settled`.
    recent: VecDeque<Digest>,
    /// Up to where both ends have signed, or what lies before it was forgotten.
    settled: Chain,
    /// Records that its author has signed for, and that are here.
    pub by_author: u64,
    /// Records that the other end has signed for.
    pub by_receiver: u64,
    /// Its author signed for these; they may still come.
    ahead: Option<Chain>,
    /// Something was found: what follows on this lane proves nothing.
    broken: bool,
}

/// What is wrong, in which words, from which record on.
pub type Wrong = (Fault, String, Option<(LaneId, u64)>);

/// All lanes of a recording.
#[derive(Debug, Default)]
pub struct Lanes(BTreeMap<LaneId, LaneState>);

/// "input lane 1 of the technician"
pub fn name(lane: LaneId) -> String {
    format!(
        "{} lane {} of {}",
        lane.class.word(),
        lane.lane.0,
        author(lane.author)
    )
}

pub fn author(author: Author) -> &'static str {
    match author {
        Author::AGENT => "the agent",
        _ => "the technician",
    }
}

impl Lanes {
    pub fn iter(&self) -> impl Iterator<Item = (&LaneId, &LaneState)> {
        self.0.iter()
    }

    /// The next record as it stands.
    pub fn record(
        &mut self,
        header: &Header,
        head: &[u8; HEADER],
        body: &[u8],
    ) -> Result<(), Wrong> {
        let id = LaneId {
            author: header.author,
            lane: header.lane,
            class: header.class,
        };
        let lane = self.0.entry(id).or_default();
        if lane.broken {
            return Ok(());
        }
        let expected = lane.chain.records;
        if header.seq != expected {
            lane.broken = true;
            let (fault, what) = if header.seq > expected {
                let last = header.seq - 1;
                (
                    Fault::Missing,
                    format!("records {expected} to {last} are missing on {}", name(id)),
                )
            } else {
                (
                    Fault::Rearranged,
                    format!("record {} comes again on {}", header.seq, name(id)),
                )
            };
            return Err((fault, what, Some((id, expected))));
        }
        lane.chain.extend(head, body);
        if lane.recent.len() == RECENT {
            let forgotten = lane.recent.pop_front().expect("it is full");
            lane.settled = Chain {
                records: lane.settled.records + 1,
                head: forgotten,
            };
        }
        lane.recent.push_back(lane.chain.head);
        match lane.ahead {
            Some(claimed) if claimed.records == lane.chain.records => {
                lane.ahead = None;
                lane.claim(id, &claimed, true)
            }
            _ => Ok(()),
        }
    }

    /// What `signer` says in a checkpoint that stands here.
    pub fn claim(&mut self, head: &LaneHead, signer: Author) -> Result<(), Wrong> {
        let lane = self.0.entry(head.lane).or_default();
        if lane.broken {
            return Ok(());
        }
        let claimed = Chain {
            records: head.records,
            head: head.chain,
        };
        let own = head.lane.author == signer;
        if claimed.records <= lane.chain.records {
            return lane.claim(head.lane, &claimed, own);
        }
        if own {
            lane.ahead = Some(claimed);
            return Ok(());
        }
        lane.broken = true;
        let (here, name) = (lane.chain.records, name(head.lane));
        let what = format!(
            "{} received {} records of the {name}; {here} are here",
            author(signer),
            claimed.records
        );
        Err((Fault::Missing, what, Some((head.lane, here))))
    }
}

impl LaneState {
    /// Records that the author says it sealed and that never came.
    pub fn never_came(&self) -> u64 {
        self.ahead
            .map_or(0, |ahead| ahead.records - self.chain.records)
    }

    /// Holds a claim about records that are here against them.
    fn claim(&mut self, id: LaneId, claimed: &Chain, own: bool) -> Result<(), Wrong> {
        let signed = if own {
            self.by_author
        } else {
            self.by_receiver
        };
        let who = match own {
            true => author(id.author),
            false if id.author == Author::AGENT => "the technician",
            false => "the agent",
        };
        let wrong = |fault, what: String| Err((fault, what, Some((id, signed))));
        if claimed.records < signed {
            self.broken = true;
            return wrong(
                Fault::Disputed,
                format!("{who} takes back what it signed about the {}", name(id)),
            );
        }
        let known = match claimed.records.checked_sub(self.settled.records) {
            None => None,
            Some(0) => Some(self.settled.head),
            Some(n) => self.recent.get(n as usize - 1).copied(),
        };
        if known != Some(claimed.head) {
            self.broken = true;
            let (first, last) = (signed, claimed.records.saturating_sub(1));
            let records = format!("records {first} to {last} of the {}", name(id));
            return if !own && self.by_author >= claimed.records {
                wrong(
                    Fault::Disputed,
                    format!(
                        "{records} are what their author signed, but not what {who} says it received"
                    ),
                )
            } else {
                wrong(
                    Fault::Changed,
                    format!("{records} are not what {who} signed"),
                )
            };
        }
        match own {
            true => self.by_author = claimed.records,
            false => self.by_receiver = claimed.records,
        }
        self.settle();
        Ok(())
    }

    /// Forgets the heads that nobody will speak of again.
    fn settle(&mut self) {
        let both = self.by_author.min(self.by_receiver);
        while self.settled.records < both
            && let Some(head) = self.recent.pop_front()
        {
            self.settled = Chain {
                records: self.settled.records + 1,
                head,
            };
        }
    }
}
