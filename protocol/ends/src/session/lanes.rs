//! The lanes beside picture, input and control: made when they are first used, by either end.

use std::collections::BTreeMap;

use sightline_protocol::id::{Author, Lane};
use sightline_protocol::record::{Class, HEADER, Header, OVERHEAD};
use sightline_protocol::wire;

use crate::content::{
    Chat, ClipboardMessage, ClipboardPart, Facts, FileMessage, ShellInput, ShellOutput, Whose,
};
use crate::handshake::Established;
use crate::now::Now;
use crate::proof::{LaneWatch, Proof};
use crate::seal::{
    AGENT_FACTS, CHAT, FILES, FIRST_TERMINAL, LaneId, Opener, READ_CLIPBOARD,
    READ_CLIPBOARD_CONTENT, SET_CLIPBOARD, SET_CLIPBOARD_CONTENT, Sealer, TERMINALS, lane,
};

/// What an agent says on these lanes.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentSays {
    /// A terminal's lane and what happens in it.
    Shell(Lane, ShellOutput),
    File(FileMessage),
    Clipboard(Whose, ClipboardMessage),
    /// Of its own clipboard.
    ClipboardPart(ClipboardPart),
    Chat(Chat),
    Facts(Box<Facts>),
}

/// What a technician says on these lanes.
#[derive(Clone, Debug, PartialEq)]
pub enum TechnicianSays {
    Shell(Lane, ShellInput),
    File(FileMessage),
    Clipboard(Whose, ClipboardMessage),
    /// Of its own clipboard.
    ClipboardPart(ClipboardPart),
    Chat(Chat),
}

/// A record for the lane it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub lane: LaneId,
    pub record: Vec<u8>,
}

/// What one end may say on these lanes.
pub(super) trait Says {
    fn lane(&self) -> LaneId;
    fn encode(&self) -> Vec<u8>;
    /// The content of a record that came on this lane.
    fn decode(lane: LaneId, body: &[u8]) -> Result<Self, wire::WireError>
    where
        Self: Sized;
}

impl Says for AgentSays {
    fn lane(&self) -> LaneId {
        let of = |number, class| lane(Author::AGENT, number, class);
        match self {
            AgentSays::Shell(Lane(number), _) => of(*number, Class::Shell),
            AgentSays::File(_) => of(FILES, Class::File),
            AgentSays::Clipboard(whose, _) => of(clipboard(*whose), Class::Clipboard),
            AgentSays::ClipboardPart(_) => of(READ_CLIPBOARD_CONTENT, Class::ClipboardContent),
            AgentSays::Chat(_) => of(CHAT, Class::Chat),
            AgentSays::Facts(_) => AGENT_FACTS,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            AgentSays::Shell(_, output) => wire::encode(output),
            AgentSays::File(message) => wire::encode(message),
            AgentSays::Clipboard(_, message) => wire::encode(message),
            AgentSays::ClipboardPart(part) => wire::encode(part),
            AgentSays::Chat(chat) => wire::encode(chat),
            AgentSays::Facts(facts) => wire::encode(facts),
        }
    }

    fn decode(lane: LaneId, body: &[u8]) -> Result<AgentSays, wire::WireError> {
        Ok(match lane.class {
            Class::Shell => AgentSays::Shell(lane.lane, wire::decode(body)?),
            Class::File => AgentSays::File(wire::decode(body)?),
            Class::Clipboard => AgentSays::Clipboard(whose(lane), wire::decode(body)?),
            Class::ClipboardContent => AgentSays::ClipboardPart(wire::decode(body)?),
            Class::Chat => AgentSays::Chat(wire::decode(body)?),
            _ => AgentSays::Facts(wire::decode(body)?),
        })
    }
}

impl Says for TechnicianSays {
    fn lane(&self) -> LaneId {
        let of = |number, class| lane(Author::FIRST_TECHNICIAN, number, class);
        match self {
            TechnicianSays::Shell(Lane(number), _) => of(*number, Class::Shell),
            TechnicianSays::File(_) => of(FILES, Class::File),
            TechnicianSays::Clipboard(whose, _) => of(clipboard(*whose), Class::Clipboard),
            TechnicianSays::ClipboardPart(_) => of(SET_CLIPBOARD_CONTENT, Class::ClipboardContent),
            TechnicianSays::Chat(_) => of(CHAT, Class::Chat),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            TechnicianSays::Shell(_, input) => wire::encode(input),
            TechnicianSays::File(message) => wire::encode(message),
            TechnicianSays::Clipboard(_, message) => wire::encode(message),
            TechnicianSays::ClipboardPart(part) => wire::encode(part),
            TechnicianSays::Chat(chat) => wire::encode(chat),
        }
    }

    fn decode(lane: LaneId, body: &[u8]) -> Result<TechnicianSays, wire::WireError> {
        Ok(match lane.class {
            Class::Shell => TechnicianSays::Shell(lane.lane, wire::decode(body)?),
            Class::File => TechnicianSays::File(wire::decode(body)?),
            Class::Clipboard => TechnicianSays::Clipboard(whose(lane), wire::decode(body)?),
            Class::ClipboardContent => TechnicianSays::ClipboardPart(wire::decode(body)?),
            _ => TechnicianSays::Chat(wire::decode(body)?),
        })
    }
}

fn clipboard(whose: Whose) -> u32 {
    match whose {
        Whose::Users => READ_CLIPBOARD,
        Whose::Technicians => SET_CLIPBOARD,
    }
}

fn whose(lane: LaneId) -> Whose {
    match lane.lane.0 {
        SET_CLIPBOARD => Whose::Technicians,
        _ => Whose::Users,
    }
}

/// Whether this may be one of these lanes.
fn exists(id: LaneId) -> bool {
    let LaneId {
        author,
        lane,
        class,
    } = id;
    match class {
        Class::Shell => (FIRST_TERMINAL..FIRST_TERMINAL + TERMINALS).contains(&lane.0),
        Class::File => lane.0 == FILES,
        Class::Clipboard => matches!(lane.0, READ_CLIPBOARD | SET_CLIPBOARD),
        Class::ClipboardContent => match author {
            Author::AGENT => lane.0 == READ_CLIPBOARD_CONTENT,
            _ => lane.0 == SET_CLIPBOARD_CONTENT,
        },
        Class::Chat => lane.0 == CHAT,
        Class::Picture => {
            LaneId {
                author,
                lane,
                class,
            } == AGENT_FACTS
        }
        Class::Input | Class::Control => false,
    }
}

/// One end's sealers and openers of these lanes.
pub(super) struct Lanes {
    keys: crate::keys::ClassKeys,
    peer: Author,
    start_us: u64,
    sealers: BTreeMap<LaneId, Sealer>,
    openers: BTreeMap<LaneId, Opener>,
}

impl Lanes {
    /// For the end whose other end is `peer`.
    pub fn new(established: &Established, peer: Author, now: Now) -> Lanes {
        Lanes {
            keys: established.keys.clone(),
            peer,
            start_us: now.mono_us,
            sealers: BTreeMap::new(),
            openers: BTreeMap::new(),
        }
    }

    /// Seals a content; `None` if it is too large for a record.
    pub fn seal(&mut self, says: &impl Says, proof: &mut Proof, now: Now) -> Option<Outgoing> {
        let lane = says.lane();
        let body = says.encode();
        if body.len() + OVERHEAD > lane.class.cap() {
            return None;
        }
        let (keys, start_us) = (&self.keys, self.start_us);
        let sealer = self.sealers.entry(lane).or_insert_with(|| {
            let sealer = Sealer::new(keys, lane, start_us).expect("the ends have all keys");
            proof.add(lane, sealer.watch());
            sealer
        });
        let record = sealer.seal(&body, 0, now.mono_us);
        Some(Outgoing { lane, record })
    }

    /// Opens a record of the other end, on a lane that exists; then its content, or why it is none.
    pub fn open<S: Says>(
        &mut self,
        class: Class,
        record: &[u8],
        proof: &mut Proof,
    ) -> Result<(LaneId, Header, Result<S, wire::WireError>), String> {
        let head = record.first_chunk::<HEADER>();
        let header = Header::parse(head.ok_or("a record without a header")?);
        let id = LaneId {
            author: self.peer,
            lane: header.map_err(|e| e.to_string())?.lane,
            class,
        };
        if let Some(watch) = self.expect(id) {
            proof.add(id, watch);
        }
        let opener = self.openers.get_mut(&id);
        let opener =
            opener.ok_or_else(|| format!("no {} lane {} exists", class.word(), id.lane.0))?;
        let (header, body) = opener.open(record).map_err(|e| e.to_string())?;
        Ok((id, header, S::decode(id, &body)))
    }

    /// The other end speaks of this lane: if it is new here and may exist, it does from now on.
    pub fn expect(&mut self, id: LaneId) -> Option<LaneWatch> {
        if id.author != self.peer || !exists(id) || self.openers.contains_key(&id) {
            return None;
        }
        let opener = Opener::new(&self.keys, id).ok()?;
        let watch = opener.watch();
        self.openers.insert(id, opener);
        watch
    }
}
