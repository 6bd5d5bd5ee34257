//! The chains of a recording's lanes, and what both ends signed about them.

use std::collections::{BTreeMap, VecDeque};

use super::fault::Fault;
use crate::checkpoint::{LaneHead, LaneId};
use crate::id::{Author, Digest};
use crate::record::{Chain, HEADER, Header};

/// Heads of a lane that are kept for checkpoints to come. An end remembers as many (and gives up before more are
/// unsigned), so a checkpoint never speaks of an older one. 2 MB.
const RECENT: usize = 65_536;

/// Claims of a lane's author about records to come that are kept: one comes each second, and after 10 s the other end
/// gives up.
const AHEAD: usize = 4_096;

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
    /// Its author signed for these; they may still come. Rising.
    ahead: VecDeque<Chain>,
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

/// Who signs for a lane: its author, or else the other end.
fn signer(id: LaneId, own: bool) -> &'static str {
    match (own, id.author) {
        (true, by) => author(by),
        (false, Author::AGENT) => author(Author::FIRST_TECHNICIAN),
        (false, _) => author(Author::AGENT),
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
        while let Some(claimed) = lane.ahead.front().copied()
            && claimed.records == lane.chain.records
        {
            lane.ahead.pop_front();
            lane.claim(id, &claimed, true)?;
        }
        Ok(())
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
        let before = lane.ahead.back().filter(|_| own);
        if before.is_some_and(|before| claimed.records < before.records) {
            return lane.taken_back(head.lane, own);
        }
        if claimed.records <= lane.chain.records {
            return lane.claim(head.lane, &claimed, own);
        }
        if own {
            if lane.ahead.len() < AHEAD {
                lane.ahead.push_back(claimed);
            }
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
            .back()
            .map_or(0, |ahead| ahead.records - self.chain.records)
    }

    /// Records that are here and that its author has not signed for.
    pub fn unsigned_by_author(&self) -> u64 {
        self.chain.records - self.by_author
    }

    /// Holds a claim about records that are here against them.
    fn claim(&mut self, id: LaneId, claimed: &Chain, own: bool) -> Result<(), Wrong> {
        let signed = if own {
            self.by_author
        } else {
            self.by_receiver
        };
        if claimed.records < signed {
            return self.taken_back(id, own);
        }
        let who = signer(id, own);
        let wrong = |fault, what: String| Err((fault, what, Some((id, signed))));
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

    fn taken_back(&mut self, id: LaneId, own: bool) -> Result<(), Wrong> {
        self.broken = true;
        let signed = match own {
            true => self.by_author,
            false => self.by_receiver,
        };
        let who = signer(id, own);
        let what = format!("{who} takes back what it signed about the {}", name(id));
        Err((Fault::Disputed, what, Some((id, signed))))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Lane, SessionId};
    use crate::record::Class;

    const PICTURES: LaneId = LaneId {
        author: Author::AGENT,
        lane: Lane(1),
        class: Class::Picture,
    };

    /// A lane's records, and its chain after each.
    fn records(count: u64) -> Vec<(Header, [u8; HEADER], Chain)> {
        let mut chain = Chain::default();
        (0..count)
            .map(|seq| {
                let header = Header {
                    session: SessionId([1; 16]),
                    class: PICTURES.class,
                    author: PICTURES.author,
                    flags: 0,
                    epoch: 0,
                    lane: PICTURES.lane,
                    seq,
                    time_us: seq,
                    length: 48,
                };
                chain.extend(&header.encode(), &[0; 48]);
                (header, header.encode(), chain)
            })
            .collect()
    }

    fn lies() -> Chain {
        Chain {
            records: 2,
            head: Digest([9; 32]),
        }
    }

    #[test]
    fn each_claim_of_an_author_that_ran_ahead_is_held_against_what_comes() {
        let (records, mut lanes) = (records(3), Lanes::default());
        for claim in [lies(), records[2].2] {
            let head = LaneHead::new(PICTURES, claim);
            assert_eq!(lanes.claim(&head, Author::AGENT), Ok(()));
        }
        let found: Vec<_> = records
            .iter()
            .filter_map(|(header, head, _)| lanes.record(header, head, &[0; 48]).err())
            .map(|(fault, ..)| fault)
            .collect();
        assert_eq!(found, [Fault::Changed]);
    }

    #[test]
    fn an_author_that_ran_ahead_takes_nothing_back() {
        let (records, mut lanes) = (records(3), Lanes::default());
        let head = |n: usize| LaneHead::new(PICTURES, records[n].2);
        assert_eq!(lanes.claim(&head(2), Author::AGENT), Ok(()));
        let (fault, ..) = lanes.claim(&head(1), Author::AGENT).expect_err("fewer");
        assert_eq!(fault, Fault::Disputed);
    }
}
