//! What runs in a session beside pictures and hands: each capability in a module of its own, which is told what the
//! technician wants together with the grant for it, and says what there is to say through one queue. The session's loop
//! seals that, so that nothing is sealed after the user took the right back.

use std::collections::BTreeMap;

use sightline_ends::session::{AgentSays, Outgoing};
use sightline_link::{LaneWriter, Link};
use sightline_protocol::broker::LaneOpening;
use sightline_protocol::checkpoint::LaneId;
use sightline_protocol::id::SessionId;
use tokio::sync::mpsc;

/// Contents that may wait for the loop; then whoever makes them waits. Small: what is taken from a terminal and not yet
/// sealed cannot be interrupted any more.
const QUEUE: usize = 8;

/// Where the parts say what is to be sent.
pub type Says = mpsc::Sender<AgentSays>;

/// The queue between the parts and the loop.
pub fn queue() -> (Says, mpsc::Receiver<AgentSays>) {
    mpsc::channel(QUEUE)
}

/// The lanes that were opened when they were first used.
pub struct Writers {
    link: Link,
    session: SessionId,
    lanes: BTreeMap<LaneId, LaneWriter>,
}

impl Writers {
    pub fn new(link: Link, session: SessionId) -> Writers {
        Writers {
            link,
            session,
            lanes: BTreeMap::new(),
        }
    }

    /// Queues a record on its lane.
    pub fn send(&mut self, outgoing: Outgoing) {
        let id = outgoing.lane;
        let (link, session) = (&self.link, self.session);
        let writer = self.lanes.entry(id).or_insert_with(|| {
            let opening = LaneOpening {
                session,
                lane: id.lane,
                class: id.class,
            };
            LaneWriter::open(link.clone(), opening)
        });
        writer.send(outgoing.record.into());
    }

    /// Nothing more comes: the lanes, to be finished.
    pub fn take(&mut self) -> impl Iterator<Item = LaneWriter> + use<> {
        std::mem::take(&mut self.lanes).into_values()
    }
}
