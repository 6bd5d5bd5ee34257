//! What the other end said before the consent, and must repeat in its first records of class chat: words that were
//! spoken are evidence, and nobody can leave them out.

use std::collections::VecDeque;

use sightline_protocol::checkpoint::Checkpoint;

use super::lanes::{Lanes, Outgoing, Says};
use crate::content::Chat;
use crate::handshake::{Early, EarlyWords};
use crate::now::Now;
use crate::proof::Proof;
use crate::seal::LaneId;

/// This end's own words from before the consent as records: the first that it seals on its chat lane.
pub(super) fn repeat<S: Says>(
    words: &EarlyWords,
    says: impl Fn(Chat) -> S,
    lanes: &mut Lanes,
    proof: &mut Proof,
    now: Now,
) -> Vec<Outgoing> {
    let repeat = |early: &Early| {
        let ago_ms = now.mono_us.saturating_sub(early.at_us) / 1000;
        let text = early.text.clone();
        let record = lanes.seal(&says(Chat::Earlier { text, ago_ms }), proof, now);
        record.expect("what the handshake takes fits a record")
    };
    words.own.iter().map(repeat).collect()
}

/// The other end's words that it has not repeated yet.
pub(super) struct Heard {
    due: VecDeque<String>,
    /// How many there were.
    all: u64,
    /// Its first checkpoint came, and signed for all of them.
    signed: bool,
}

impl Heard {
    pub fn new(words: &EarlyWords) -> Heard {
        let due = words.theirs.iter().map(|early| early.text.clone());
        Heard {
            due: due.collect(),
            all: words.theirs.len() as u64,
            signed: words.theirs.is_empty(),
        }
    }

    /// Whether the message is the repetition that is due. An error: it should have been, or none is due.
    pub fn is_repeated(&mut self, chat: &Chat) -> Result<bool, &'static str> {
        match (chat, self.due.pop_front()) {
            (Chat::Earlier { text, .. }, Some(due)) if *text == due => Ok(true),
            (Chat::Say { .. }, None) => Ok(false),
            (Chat::Earlier { .. }, Some(_)) => {
                Err("it repeats other words than it said before the consent")
            }
            (Chat::Earlier { .. }, None) => {
                Err("it repeats words that it did not say before the consent")
            }
            (Chat::Say { .. }, Some(_)) => Err("it leaves out what it said before the consent"),
        }
    }

    /// Every checkpoint, in order. What is repeated is sealed before anything else, so the first one must sign for it: also an end
    /// that says nothing more in chat cannot leave it out.
    pub fn is_signed(&mut self, checkpoint: &Checkpoint, chat: LaneId) -> bool {
        let heads = &checkpoint.heads;
        self.signed |= heads
            .iter()
            .any(|head| head.lane == chat && head.records >= self.all);
        self.signed
    }
}
