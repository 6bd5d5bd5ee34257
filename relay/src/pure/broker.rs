//! Who waits under which nameplate, who is in which session, and who asked too often.
//!
//! A machine without hands: requests go in, [`Effect`]s come out in order. Absent: sockets, files, clocks,
//! randomness. `now` is what has passed since the relay began.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use sightline_link::neighbourhood;
use sightline_protocol::broker::{Allocated, FromRelay, Joining, Over};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Nameplate, PublicKey, SessionId};

use crate::pure::admit::{Parties, Role};
use crate::pure::limits::{Backoff, Limits, Pace};

/// A connection, by the number that the relay gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Send(ConnId, FromRelay),
    /// The peer broke the rules: tell it and let it go.
    Close(ConnId, CloseCode),
    /// The session is over: close its recording, and say why to everyone in `tell`.
    End {
        session: SessionId,
        code: CloseCode,
        tell: Vec<ConnId>,
    },
    /// For the operator's log.
    Refused(ConnId, CloseCode),
}

/// Wrong nameplates a technician may name before it has to wait.
const FREE_TRIES: u32 = 3;
/// The same for an address, behind which there may be an office.
const FREE_TRIES_ADDRESS: u32 = 20;
/// Nameplates an agent may ask for at once, and the pace after that.
const ALLOCATE_BURST: u32 = 10;
const ALLOCATE_EVERY: Duration = Duration::from_secs(6);
/// Claims that a technician may make at once, good ones included, and the pace after that.
const CLAIM_BURST: u32 = 20;
const CLAIM_EVERY: Duration = Duration::from_secs(3);
/// Nameplates in use at most: half of all, so that a random one is found after two tries.
const NAMEPLATES: usize = (Nameplate::MAX - Nameplate::MIN + 1) as usize / 2;
/// Draws before giving up; at half use, all of them fail once in 2⁶⁴ times.
const DRAWS: usize = 64;
/// What a refused peer is told to wait when the relay itself is full, in seconds.
const FULL_RETRY_S: u32 = 60;

struct Peer {
    key: PublicKey,
    address: IpAddr,
    role: Role,
    /// The agent's waiting nameplate.
    nameplate: Option<Nameplate>,
    pace: Pace,
    sessions: Vec<SessionId>,
}

struct Plate {
    /// The agent that waits; none once it is spent.
    waiting: Option<ConnId>,
    until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Claimed; the ends are in their handshake.
    Joining { until: Duration, spliced: bool },
    /// The manifest is on its way to the disk.
    Storing,
    /// The receipt is given: lanes may be opened.
    Begun,
}

struct Session {
    agent: ConnId,
    technician: ConnId,
    parties: Parties,
    stage: Stage,
}

pub struct Broker {
    limits: Limits,
    peers: HashMap<ConnId, Peer>,
    plates: HashMap<Nameplate, Plate>,
    sessions: HashMap<SessionId, Session>,
    by_key: Backoff<PublicKey>,
    by_address: Backoff<IpAddr>,
}

/// What came of a request to open a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Go on; for a handshake, with this agent.
    Allowed(ConnId),
    /// The session is gone: let go of the stream, no harm meant.
    Late,
    /// Against the rules.
    Violation,
}

impl Broker {
    pub fn new(limits: Limits) -> Broker {
        Broker {
            limits,
            peers: HashMap::new(),
            plates: HashMap::new(),
            sessions: HashMap::new(),
            by_key: Backoff::new(FREE_TRIES),
            by_address: Backoff::new(FREE_TRIES_ADDRESS),
        }
    }

    /// A connection whose hello was good.
    pub fn enter(&mut self, conn: ConnId, key: PublicKey, address: IpAddr, role: Role) {
        let pace = match role {
            Role::Agent => Pace::new(ALLOCATE_BURST, ALLOCATE_EVERY),
            Role::Technician { .. } => Pace::new(CLAIM_BURST, CLAIM_EVERY),
        };
        let peer = Peer {
            key,
            address: neighbourhood(address),
            role,
            nameplate: None,
            pace,
            sessions: Vec::new(),
        };
        self.peers.insert(conn, peer);
    }

    /// The connection is gone.
    pub fn leave(&mut self, conn: ConnId) -> Vec<Effect> {
        let Some(peer) = self.peers.remove(&conn) else {
            return Vec::new();
        };
        if let Some(nameplate) = peer.nameplate {
            self.plates.remove(&nameplate);
        }
        let ended = peer.sessions.into_iter();
        ended
            .filter_map(|session| self.end(session, CloseCode::PeerLost, Some(conn)))
            .collect()
    }

    /// An agent asks for a nameplate; an earlier one that still waits is given back.
    pub fn allocate(
        &mut self,
        conn: ConnId,
        now: Duration,
        draw: &mut dyn FnMut() -> u32,
    ) -> Vec<Effect> {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Vec::new();
        };
        if peer.role != Role::Agent {
            return vec![Effect::Close(conn, CloseCode::ProtocolViolation)];
        }
        if let Err(wait) = peer.pace.take(now) {
            return refuse(conn, CloseCode::Quota, seconds(wait));
        }
        if let Some(earlier) = peer.nameplate.take() {
            self.plates.remove(&earlier);
        }
        let Some(nameplate) = self.free_nameplate(draw) else {
            return refuse(conn, CloseCode::Quota, FULL_RETRY_S);
        };
        let plate = Plate {
            waiting: Some(conn),
            until: now + self.limits.nameplate_life,
        };
        self.plates.insert(nameplate, plate);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.nameplate = Some(nameplate);
        }
        let lifetime_s = seconds(self.limits.nameplate_life);
        let allocated = Allocated {
            nameplate,
            lifetime_s,
        };
        vec![Effect::Send(conn, FromRelay::Allocated(allocated))]
    }

    fn free_nameplate(&self, draw: &mut dyn FnMut() -> u32) -> Option<Nameplate> {
        if self.plates.len() >= NAMEPLATES {
            return None;
        }
        let span = Nameplate::MAX - Nameplate::MIN + 1;
        (0..DRAWS)
            .filter_map(|_| Nameplate::new(Nameplate::MIN + draw() % span))
            .find(|nameplate| !self.plates.contains_key(nameplate))
    }

    /// An agent gives its nameplate back: it counts as spent until its time is over.
    pub fn release(&mut self, conn: ConnId, nameplate: Nameplate) {
        if let Some(plate) = self.plates.get_mut(&nameplate)
            && plate.waiting == Some(conn)
        {
            plate.waiting = None;
            if let Some(peer) = self.peers.get_mut(&conn) {
                peer.nameplate = None;
            }
        }
    }

    /// A technician names a nameplate. `session` is fresh and random; `room` says that the store takes one more.
    pub fn claim(
        &mut self,
        conn: ConnId,
        nameplate: Nameplate,
        session: SessionId,
        room: bool,
        now: Duration,
        now_ms: u64,
    ) -> Vec<Effect> {
        match self.try_claim(conn, nameplate, session, room, now, now_ms) {
            Ok(effects) => effects,
            Err((CloseCode::ProtocolViolation, _)) => {
                vec![Effect::Close(conn, CloseCode::ProtocolViolation)]
            }
            Err((code, retry_after_s)) => refuse(conn, code, retry_after_s),
        }
    }

    fn try_claim(
        &mut self,
        conn: ConnId,
        nameplate: Nameplate,
        session: SessionId,
        room: bool,
        now: Duration,
        now_ms: u64,
    ) -> Result<Vec<Effect>, (CloseCode, u32)> {
        let technician = self.may_claim(conn, room, now, now_ms)?;
        let agent = match self.plates.get_mut(&nameplate) {
            Some(plate) if now < plate.until => {
                plate.waiting.take().ok_or((CloseCode::CodeSpent, 0))?
            }
            _ => {
                let address = self.peers[&conn].address;
                self.by_key.failed(technician, now);
                self.by_address.failed(address, now);
                return Err((CloseCode::CodeUnknown, 0));
            }
        };
        let Some(waiting) = self.peers.get_mut(&agent) else {
            return Err((CloseCode::PeerLost, 0));
        };
        waiting.nameplate = None;
        waiting.sessions.push(session);
        let parties = Parties {
            session,
            agent: waiting.key,
            technician,
        };
        if let Some(claimer) = self.peers.get_mut(&conn) {
            claimer.sessions.push(session);
        }
        let joining = Session {
            agent,
            technician: conn,
            parties,
            stage: Stage::Joining {
                until: now + self.limits.joining,
                spliced: false,
            },
        };
        self.sessions.insert(session, joining);
        let joining = Joining {
            session,
            nameplate,
            technician,
        };
        Ok(vec![
            Effect::Send(agent, FromRelay::Joining(joining)),
            Effect::Send(conn, FromRelay::Claimed(session)),
        ])
    }

    /// Everything about a claim but its nameplate; the technician's key if all is well.
    fn may_claim(
        &mut self,
        conn: ConnId,
        room: bool,
        now: Duration,
        now_ms: u64,
    ) -> Result<PublicKey, (CloseCode, u32)> {
        let peer = self.peers.get_mut(&conn).ok_or((CloseCode::LinkLost, 0))?;
        let Role::Technician { until_ms } = peer.role else {
            return Err((CloseCode::ProtocolViolation, 0));
        };
        if now_ms >= until_ms {
            return Err((CloseCode::CredentialExpired, 0));
        }
        let wait = self
            .by_key
            .wait(peer.key, now)
            .max(self.by_address.wait(peer.address, now));
        if !wait.is_zero() {
            return Err((CloseCode::Quota, seconds(wait)));
        }
        peer.pace
            .take(now)
            .map_err(|wait| (CloseCode::Quota, seconds(wait)))?;
        if !room {
            return Err((CloseCode::StorageFull, 0));
        }
        if peer.sessions.len() >= self.limits.sessions_per_connection
            || self.sessions.len() >= self.limits.sessions
        {
            return Err((CloseCode::Quota, FULL_RETRY_S));
        }
        Ok(peer.key)
    }

    /// The stream of a session's inner handshake: once, from its technician.
    pub fn splice(&mut self, conn: ConnId, session: SessionId) -> Stream {
        match self.sessions.get_mut(&session) {
            None => Stream::Late,
            Some(Session {
                agent,
                technician,
                stage: Stage::Joining { spliced, .. },
                ..
            }) if *technician == conn && !*spliced => {
                *spliced = true;
                Stream::Allowed(*agent)
            }
            Some(_) => Stream::Violation,
        }
    }

    /// The agent wants its session to begin: who is in it, for the check of the manifest.
    pub fn begin(&mut self, conn: ConnId, session: SessionId) -> Result<Parties, Stream> {
        let joining = self.sessions.get_mut(&session).ok_or(Stream::Late)?;
        if joining.agent != conn || !matches!(joining.stage, Stage::Joining { .. }) {
            return Err(Stream::Violation);
        }
        joining.stage = Stage::Storing;
        Ok(joining.parties.clone())
    }

    /// The manifest is durably stored.
    pub fn stored(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.stage = Stage::Begun;
        }
    }

    /// A lane: from a member, after the receipt.
    pub fn lane(&self, conn: ConnId, session: SessionId) -> Stream {
        match self.sessions.get(&session) {
            None => Stream::Late,
            Some(s) if s.stage == Stage::Begun && s.has(conn) => Stream::Allowed(s.agent),
            Some(_) => Stream::Violation,
        }
    }

    /// Who is in a session: agent and technician.
    pub fn members(&self, session: SessionId) -> Option<(ConnId, ConnId)> {
        let session = self.sessions.get(&session)?;
        Some((session.agent, session.technician))
    }

    /// A member says that the session is over.
    pub fn over(&mut self, conn: ConnId, over: &Over) -> Vec<Effect> {
        match self.sessions.get(&over.session) {
            Some(session) if session.has(conn) => {
                let code = CloseCode::from_number(over.code);
                self.end(over.session, code, Some(conn))
                    .into_iter()
                    .collect()
            }
            // It crossed with the end that we told it of.
            _ => Vec::new(),
        }
    }

    /// Ends a session for a reason of the relay's; everyone is told but `except`.
    pub fn end(
        &mut self,
        id: SessionId,
        code: CloseCode,
        except: Option<ConnId>,
    ) -> Option<Effect> {
        let session = self.sessions.remove(&id)?;
        let members = [session.agent, session.technician];
        for member in members {
            if let Some(peer) = self.peers.get_mut(&member) {
                peer.sessions.retain(|other| *other != id);
            }
        }
        Some(Effect::End {
            session: id,
            code,
            tell: members.into_iter().filter(|m| Some(*m) != except).collect(),
        })
    }

    /// Ends every session.
    pub fn end_all(&mut self, code: CloseCode) -> Vec<Effect> {
        let all: Vec<SessionId> = self.sessions.keys().copied().collect();
        all.into_iter()
            .filter_map(|id| self.end(id, code, None))
            .collect()
    }

    /// Lets go of what is over its time. To be called every few seconds.
    pub fn expire(&mut self, now: Duration) -> Vec<Effect> {
        let peers = &mut self.peers;
        self.plates.retain(|_, plate| {
            let held = now < plate.until;
            if !held && let Some(peer) = plate.waiting.and_then(|conn| peers.get_mut(&conn)) {
                peer.nameplate = None;
            }
            held
        });
        self.by_key.forget(now);
        self.by_address.forget(now);
        let late: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, s)| matches!(s.stage, Stage::Joining { until, .. } if until <= now))
            .map(|(id, _)| *id)
            .collect();
        late.into_iter()
            .filter_map(|id| self.end(id, CloseCode::ConsentTimedOut, None))
            .collect()
    }

    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    pub fn connection_count(&self) -> usize {
        self.peers.len()
    }

    /// Nothing is held for anyone.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
            && self.plates.is_empty()
            && self.sessions.is_empty()
            && self.by_key.is_empty()
            && self.by_address.is_empty()
    }
}

impl Session {
    fn has(&self, conn: ConnId) -> bool {
        self.agent == conn || self.technician == conn
    }
}

fn refuse(conn: ConnId, code: CloseCode, retry_after_s: u32) -> Vec<Effect> {
    vec![
        Effect::Send(conn, FromRelay::Refused((code.number(), retry_after_s))),
        Effect::Refused(conn, code),
    ]
}

/// Whole seconds, rounded up, so that "retry after" is never too early.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
