//! Replays the grants: every record must have been handled while the user allowed it.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::lanes::{Wrong, name};
use crate::capability::{Capabilities, Capability};
use crate::checkpoint::{Checkpoint, LaneId, Refused};
use crate::id::Author;
use crate::record::{Class, SET_CLIPBOARD, SET_CLIPBOARD_CONTENT};

/// What a record of this lane needs; chat and control are open to both ends of a session.
pub fn needed(lane: LaneId) -> Option<Capability> {
    match lane.class {
        Class::Picture => Some(Capability::View),
        Class::Input => Some(Capability::Control),
        Class::Shell => Some(Capability::Shell),
        Class::File => Some(Capability::Files),
        Class::Clipboard | Class::ClipboardContent => Some(match lane.lane {
            SET_CLIPBOARD | SET_CLIPBOARD_CONTENT => Capability::SetClipboard,
            _ => Capability::ReadClipboard,
        }),
        Class::Chat | Class::Control => None,
    }
}

/// The state of the grants by the agent's checkpoints.
#[derive(Debug)]
pub struct GrantsReplay {
    consented: Capabilities,
    granted: Capabilities,
    /// Records of each lane that were judged.
    judged: BTreeMap<LaneId, u64>,
    pub refused: BTreeMap<LaneId, u64>,
}

impl GrantsReplay {
    pub fn new(consented: Capabilities) -> GrantsReplay {
        GrantsReplay {
            consented,
            granted: consented,
            judged: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// The agent's next checkpoint: what was handled since the one before it was handled in the state which that one
    /// states.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut refused = checkpoint.refused.clone();
        for head in &checkpoint.heads {
            let lane = head.lane;
            let from = self.judged.insert(lane, head.records).unwrap_or(0);
            let mut here: Vec<Refused> = refused.extract_if(.., |r| r.lane == lane).collect();
            here.sort_by_key(|r| r.first);
            if let Some(needed) = needed(lane)
                && !self.granted.contains(needed)
                && let Some(seq) = acted(from, head.records, &here)
            {
                let what = format!(
                    "record {seq} of the {} was handled without a grant of {needed}",
                    name(lane)
                );
                wrong.push((Fault::OutsideGrant, what, Some((lane, seq))));
            }
            let counted = here.iter().map(|r| r.count).sum::<u64>();
            let within = here.iter().all(|r| {
                r.first >= from
                    && r.first
                        .checked_add(r.count)
                        .is_some_and(|end| end <= head.records)
            });
            if lane.author == Author::AGENT && !here.is_empty() || !within {
                wrong.push((
                    Fault::Disputed,
                    format!(
                        "the agent says it refused records of the {} that it cannot have refused",
                        name(lane)
                    ),
                    None,
                ));
            }
            *self.refused.entry(lane).or_default() += counted;
        }
        if let Some(stray) = refused.first() {
            wrong.push((
                Fault::Disputed,
                format!(
                    "the agent says it refused records of the {} that it cannot have refused",
                    name(stray.lane)
                ),
                None,
            ));
        }
        let beyond = checkpoint.granted.without(self.consented);
        if !beyond.is_empty() {
            wrong.push((
                Fault::OutsideGrant,
                format!("the agent granted {beyond}, to which the user did not consent"),
                None,
            ));
        }
        self.granted = checkpoint.granted;
        wrong
    }
}

/// The first record of `from..to` that is not in a refused stretch.
fn acted(from: u64, to: u64, refused: &[Refused]) -> Option<u64> {
    let mut at = from;
    for stretch in refused {
        if stretch.first > at {
            break;
        }
        at = at.max(stretch.first.saturating_add(stretch.count));
    }
    (at < to).then_some(at)
}
