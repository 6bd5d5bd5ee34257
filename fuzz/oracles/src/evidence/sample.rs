//! One small recording in which everything occurs, for the repository's vectors. It is put together by hand, so that only
//! the format can change it, not the ends' habits.

use sightline_ends::content::{Button, Control, Input, Layout, Scene};
use sightline_ends::keys::ClassKeys;
use sightline_ends::now::Now;
use sightline_ends::seal::{
    AGENT_CONTROL, AGENT_PICTURE, LaneId, Sealer, TECHNICIAN_CONTROL, TECHNICIAN_INPUT,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::{Checkpoint, LaneHead, Refused};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, SessionId};
use sightline_protocol::record::{Chain, FLAG_WHOLE, HEADER};
use sightline_protocol::recording::Kind;
use sightline_protocol::statement::Signed;
use sightline_protocol::wire;

use super::story::{Relay, session_seed, told};
use crate::people::{self, START};

/// The session of the vectors.
pub const SESSION: SessionId = SessionId(*b"sightline vector");
/// Other sessions in the ledger before it: its proof has left and right neighbours.
pub(super) const OTHERS: u64 = 5;

/// A recording, and what its records say.
pub struct Sample {
    pub file: Vec<u8>,
    /// In the file's order.
    pub plaintexts: Vec<Vec<u8>>,
    pub session_secret: [u8; 32],
    pub seed: [u8; 32],
}

/// Who signs checkpoints, and the last one.
struct Hand {
    author: Author,
    number: u64,
    previous: Digest,
}

impl Hand {
    fn new(author: Author) -> Hand {
        Hand {
            author,
            number: 0,
            previous: Digest([0; 32]),
        }
    }
}

struct Lane {
    sealer: Sealer,
    chain: Chain,
}

struct Desk {
    relay: Relay,
    manifest: Digest,
    keys: ClassKeys,
    lanes: Vec<Lane>,
    plaintexts: Vec<Vec<u8>>,
    now: Now,
}

impl Desk {
    /// Seals a record, and the relay records it.
    fn record(&mut self, id: LaneId, plaintext: Vec<u8>, flags: u8) {
        let known = self.lanes.iter().position(|lane| lane.sealer.id() == id);
        let at = known.unwrap_or(self.lanes.len());
        if known.is_none() {
            self.lanes.push(Lane {
                sealer: Sealer::new(&self.keys, id, START.mono_us).expect("an end's keys"),
                chain: Chain::default(),
            });
        }
        self.now = self.now.after_ms(40);
        let lane = &mut self.lanes[at];
        let record = lane.sealer.seal(&plaintext, flags, self.now.mono_us);
        let (header, body) = record.split_first_chunk::<HEADER>().expect("a record");
        lane.chain.extend(header, body);
        self.relay.write(Kind::Record, &record);
        self.plaintexts.push(plaintext);
    }

    /// Signs for these lanes as they stand.
    fn checkpoint(
        &mut self,
        by: &mut Hand,
        granted: Capabilities,
        lanes: &[LaneId],
        refused: &[Refused],
        close: Option<CloseCode>,
    ) {
        let standing = self
            .lanes
            .iter()
            .filter(|lane| lanes.contains(&lane.sealer.id()));
        let checkpoint = Checkpoint {
            session: SESSION,
            manifest: self.manifest,
            author: by.author,
            number: by.number,
            previous: by.previous,
            time_us: self.now.mono_us - START.mono_us,
            granted,
            heads: standing
                .map(|lane| LaneHead::new(lane.sealer.id(), lane.chain))
                .collect(),
            refused: refused.to_vec(),
            close: close.map(CloseCode::number),
        };
        let key = match by.author {
            Author::AGENT => people::agent_key(),
            _ => people::technician_key(),
        };
        let signed = Signed::sign(&checkpoint, &key);
        (by.number, by.previous) = (by.number + 1, signed.digest());
        self.relay.checkpoint(&signed);
    }
}

/// The user lets the technician see and control, takes control back while a key is under way, and the technician leaves.
pub fn sample() -> Sample {
    let both = Capabilities::of(&[Capability::View, Capability::Control]);
    let view = Capabilities::of(&[Capability::View]);
    let (sealed, [established, _]) = told(SESSION, 7, both);
    let mut desk = Desk {
        relay: Relay::begin(&sealed, SESSION, 7, OTHERS),
        manifest: sealed.manifest.digest(),
        keys: established.keys,
        lanes: Vec::new(),
        plaintexts: Vec::new(),
        now: START,
    };
    let (agent, technician) = (
        &mut Hand::new(Author::AGENT),
        &mut Hand::new(Author::FIRST_TECHNICIAN),
    );
    let layout = wire::encode(&Scene::Layout(Layout::default()));
    desk.record(AGENT_PICTURE, layout, FLAG_WHOLE);
    let pointer = Input::Pointer { x: 640, y: -1 };
    desk.record(TECHNICIAN_INPUT, wire::encode(&pointer), 0);
    let button = Input::Button {
        button: Button::Left,
        down: true,
    };
    desk.record(TECHNICIAN_INPUT, wire::encode(&button), 0);
    let moved = [AGENT_PICTURE, TECHNICIAN_INPUT];
    desk.checkpoint(technician, both, &moved, &[], None);
    desk.checkpoint(agent, both, &moved, &[], None);
    desk.relay.receipt(desk.now);
    desk.checkpoint(agent, view, &[], &[], None);
    let text = Input::Text("zu spät".into());
    desk.record(TECHNICIAN_INPUT, wire::encode(&text), 0);
    let late = Refused {
        lane: TECHNICIAN_INPUT,
        first: 2,
        count: 1,
    };
    let code = CloseCode::TechnicianLeft;
    let bye = wire::encode(&Control::Bye {
        code: code.number(),
    });
    desk.record(TECHNICIAN_CONTROL, bye.clone(), 0);
    desk.record(AGENT_CONTROL, bye, 0);
    let all = [
        AGENT_CONTROL,
        AGENT_PICTURE,
        TECHNICIAN_CONTROL,
        TECHNICIAN_INPUT,
    ];
    desk.checkpoint(agent, view, &all, &[late], Some(code));
    desk.checkpoint(technician, view, &all, &[], Some(code));
    desk.relay.close(code, desk.now);
    Sample {
        file: desk.relay.file,
        plaintexts: desk.plaintexts,
        session_secret: [9; 32],
        seed: session_seed(SESSION),
    }
}
