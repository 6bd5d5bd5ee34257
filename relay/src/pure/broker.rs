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
use crate::pure::limits::{Backoff, Limits, Pace, Paces};

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
/// The same for an address, however often it connects anew: behind it there may be an office, but all the nameplates
/// that one address can hold stay below one in fifty.
const ALLOCATE_BURST_ADDRESS: u32 = 200;
const ALLOCATE_EVERY_ADDRESS: Duration = Duration::from_secs(1);
/// Claims that a technician may make at once, good ones included, and the pace after that.
const CLAIM_BURST: u32 = 20;
const CLAIM_EVERY: Duration = Duration::from_secs(3);
/// The same for a technician's key, on all its connections.
const CLAIM_BURST_KEY: u32 = 100;
/// Nameplates in use at most: half of all, so that a random one is found after two tries.
const NAMEPLATES: usize = (Nameplate::MAX - Nameplate::MIN + 1) as usize / 2;
/// Draws before giving up; at half use, all of them fail once in 2⁶⁴ times.
const DRAWS: usize = 64;
/// What a refused peer is told to wait when the relay itself is full, in seconds.
const FULL_RETRY_S: u32 = 60;

/// How often the memory of who asked is swept, while there is any: it costs some bytes for each.
const FORGET: Duration = Duration::from_secs(60);

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
    allocations: Paces<IpAddr>,
    claims: Paces<PublicKey>,
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
            allocations: Paces::new(ALLOCATE_BURST_ADDRESS, ALLOCATE_EVERY_ADDRESS),
            claims: Paces::new(CLAIM_BURST_KEY, CLAIM_EVERY),
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
        room: bool,
        now: Duration,
        draw: &mut dyn FnMut() -> u32,
    ) -> Vec<Effect> {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Vec::new();
        };
        if peer.role != Role::Agent {
            return vec![Effect::Close(conn, CloseCode::ProtocolViolation)];
        }
        let of_address = self.allocations.take(peer.address, now);
        if let Err(wait) = of_address.and_then(|()| peer.pace.take(now)) {
            return refuse(conn, CloseCode::Quota, seconds(wait));
        }
        if !room {
            // Said before a user has read a code out for nothing.
            return refuse(conn, CloseCode::StorageFull, 0);
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
        self.claims
            .take(peer.key, now)
            .and_then(|()| peer.pace.take(now))
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
        self.allocations.forget(now);
        self.claims.forget(now);
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

    /// When [`Broker::expire`] has something to do next; `None` while there is nothing that ends by itself.
    pub fn due(&self, now: Duration) -> Option<Duration> {
        let plates = self.plates.values().map(|plate| plate.until);
        let joining = self.sessions.values().filter_map(|s| match s.stage {
            Stage::Joining { until, .. } => Some(until),
            _ => None,
        });
        let remembered = !self.by_key.is_empty()
            || !self.by_address.is_empty()
            || !self.allocations.is_empty()
            || !self.claims.is_empty();
        let forget = remembered.then_some(now + FORGET);
        plates.chain(joining).chain(forget).min()
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
            && self.allocations.is_empty()
            && self.claims.is_empty()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const DAY_MS: u64 = 86_400_000;

    fn key(n: u64) -> PublicKey {
        PublicKey([n as u8; 32])
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn id(n: u64) -> SessionId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        SessionId(bytes)
    }

    /// A broker with agent 1 and technicians 2 and 3.
    fn broker() -> Broker {
        let mut broker = Broker::new(Limits::default());
        broker.enter(ConnId(1), key(1), ADDRESS, Role::Agent);
        for n in [2, 3] {
            let role = Role::Technician { until_ms: DAY_MS };
            broker.enter(ConnId(n), key(n), ADDRESS, role);
        }
        broker
    }

    fn allocated(broker: &mut Broker, now: Duration) -> Nameplate {
        let effects = broker.allocate(ConnId(1), true, now, &mut || 4_711);
        match &effects[..] {
            [Effect::Send(ConnId(1), FromRelay::Allocated(allocated))] => allocated.nameplate,
            other => panic!("no nameplate: {other:?}"),
        }
    }

    fn refused(conn: u64, code: CloseCode, retry_after_s: u32) -> Vec<Effect> {
        refuse(ConnId(conn), code, retry_after_s)
    }

    #[test]
    fn a_claim_joins_both_and_spends_the_nameplate() {
        let mut broker = broker();
        let nameplate = allocated(&mut broker, at(0));
        let effects = broker.claim(ConnId(2), nameplate, id(1), true, at(1), 0);
        let joining = Joining {
            session: id(1),
            nameplate,
            technician: key(2),
        };
        assert_eq!(
            effects,
            [
                Effect::Send(ConnId(1), FromRelay::Joining(joining)),
                Effect::Send(ConnId(2), FromRelay::Claimed(id(1))),
            ]
        );
        let again = broker.claim(ConnId(3), nameplate, id(2), true, at(1), 0);
        assert_eq!(again, refused(3, CloseCode::CodeSpent, 0));
        // A spent one cannot be drawn again before its time is over.
        let next = broker.allocate(ConnId(1), true, at(2), &mut || 4_711);
        assert_eq!(next, refused(1, CloseCode::Quota, FULL_RETRY_S));
    }

    #[test]
    fn a_session_goes_through_its_stages_in_order_and_no_other() {
        let mut broker = broker();
        let nameplate = allocated(&mut broker, at(0));
        broker.claim(ConnId(2), nameplate, id(1), true, at(0), 0);
        assert_eq!(broker.lane(ConnId(1), id(1)), Stream::Violation);
        assert_eq!(broker.splice(ConnId(3), id(1)), Stream::Violation);
        assert_eq!(broker.splice(ConnId(2), id(1)), Stream::Allowed(ConnId(1)));
        assert_eq!(broker.splice(ConnId(2), id(1)), Stream::Violation);
        assert_eq!(broker.begin(ConnId(2), id(1)), Err(Stream::Violation));
        assert!(broker.begin(ConnId(1), id(1)).is_ok());
        assert_eq!(broker.begin(ConnId(1), id(1)), Err(Stream::Violation));
        assert_eq!(broker.lane(ConnId(1), id(1)), Stream::Violation);
        broker.stored(id(1));
        assert_eq!(broker.lane(ConnId(1), id(1)), Stream::Allowed(ConnId(1)));
        assert_eq!(broker.lane(ConnId(2), id(1)), Stream::Allowed(ConnId(1)));
        assert_eq!(broker.lane(ConnId(3), id(1)), Stream::Violation);
        let over = Over {
            session: id(1),
            code: CloseCode::StoppedByUser.number(),
        };
        assert_eq!(broker.over(ConnId(3), &over), []);
        assert_eq!(
            broker.over(ConnId(1), &over),
            [Effect::End {
                session: id(1),
                code: CloseCode::StoppedByUser,
                tell: vec![ConnId(2)],
            }]
        );
        assert_eq!(broker.lane(ConnId(1), id(1)), Stream::Late);
        assert_eq!(broker.over(ConnId(1), &over), []);
    }

    #[test]
    fn what_is_not_begun_in_time_ends() {
        let mut broker = broker();
        let nameplate = allocated(&mut broker, at(0));
        broker.claim(ConnId(2), nameplate, id(1), true, at(0), 0);
        assert_eq!(broker.expire(at(599)), []);
        assert_eq!(
            broker.expire(at(600)),
            [Effect::End {
                session: id(1),
                code: CloseCode::ConsentTimedOut,
                tell: vec![ConnId(1), ConnId(2)],
            }]
        );
    }

    #[test]
    fn something_is_due_only_while_something_ends_by_itself() {
        let mut broker = broker();
        assert_eq!(broker.due(at(0)), None, "connections alone wake nobody");
        let plate = allocated(&mut broker, at(0));
        assert_eq!(broker.due(at(0)), Some(FORGET));
        broker.expire(FORGET);
        assert_eq!(broker.due(FORGET), Some(at(600)), "the nameplate");
        broker.claim(ConnId(2), plate, id(1), true, at(100), 0);
        broker.expire(at(500));
        assert_eq!(broker.due(at(500)), Some(at(600)), "the spent nameplate");
        broker.expire(at(600));
        assert_eq!(
            broker.due(at(600)),
            Some(at(700)),
            "the session that has not begun"
        );
        broker.expire(at(700));
        assert_eq!(broker.due(at(700)), None);
    }

    #[test]
    fn without_room_no_nameplate_is_given() {
        let mut broker = broker();
        let effects = broker.allocate(ConnId(1), false, at(0), &mut || 4_711);
        assert_eq!(effects, refused(1, CloseCode::StorageFull, 0));
    }

    #[test]
    fn each_has_its_role_and_its_time() {
        let mut broker = broker();
        let nameplate = allocated(&mut broker, at(0));
        let violation = |conn| vec![Effect::Close(ConnId(conn), CloseCode::ProtocolViolation)];
        assert_eq!(
            broker.allocate(ConnId(2), true, at(0), &mut || 0),
            violation(2)
        );
        let claim = broker.claim(ConnId(1), nameplate, id(1), true, at(0), 0);
        assert_eq!(claim, violation(1));
        let late = broker.claim(ConnId(2), nameplate, id(1), true, at(0), DAY_MS);
        assert_eq!(late, refused(2, CloseCode::CredentialExpired, 0));
        let full = broker.claim(ConnId(2), nameplate, id(1), false, at(0), 0);
        assert_eq!(full, refused(2, CloseCode::StorageFull, 0));
    }

    #[test]
    fn one_address_cannot_hold_all_nameplates_by_connecting_anew() {
        let mut broker = broker();
        let mut next = 0;
        let mut draw = || {
            next += 1;
            next
        };
        for conn in 100..2_000 {
            broker.enter(ConnId(conn), key(1), ADDRESS, Role::Agent);
            for _ in 0..ALLOCATE_BURST {
                let effects = broker.allocate(ConnId(conn), true, at(0), &mut draw);
                let [Effect::Send(_, FromRelay::Allocated(allocated))] = &effects[..] else {
                    break;
                };
                broker.release(ConnId(conn), allocated.nameplate);
            }
            broker.leave(ConnId(conn));
        }
        assert_eq!(broker.plates.len(), ALLOCATE_BURST_ADDRESS as usize);
    }

    #[test]
    fn guessing_is_slowed_down_for_the_key_and_for_its_address() {
        let mut broker = broker();
        let nameplate = allocated(&mut broker, at(0));
        let wrong = Nameplate::new(10_001).unwrap();
        for _ in 0..=FREE_TRIES {
            let effects = broker.claim(ConnId(2), wrong, id(1), true, at(0), 0);
            assert_eq!(effects, refused(2, CloseCode::CodeUnknown, 0));
        }
        let effects = broker.claim(ConnId(2), nameplate, id(1), true, at(0), 0);
        assert_eq!(effects, refused(2, CloseCode::Quota, 1));
        // Reconnecting does not help, a colleague behind the same address is not hindered yet.
        broker.leave(ConnId(2));
        let role = Role::Technician { until_ms: DAY_MS };
        broker.enter(ConnId(4), key(2), ADDRESS, role);
        let effects = broker.claim(ConnId(4), nameplate, id(1), true, at(0), 0);
        assert_eq!(effects, refused(4, CloseCode::Quota, 1));
        // Many keys behind one address share its patience.
        for n in 10..30 {
            broker.enter(ConnId(n), key(n), ADDRESS, role);
            broker.claim(ConnId(n), wrong, id(1), true, at(0), 0);
        }
        let effects = broker.claim(ConnId(3), nameplate, id(1), true, at(0), 0);
        assert!(matches!(
            effects[1],
            Effect::Refused(ConnId(3), CloseCode::Quota)
        ));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Enter(u64, bool),
        Leave(u64),
        Allocate(u64, u32),
        Release(u64, u32),
        Claim(u64, u32),
        Begin(u64, u64),
        Stored(u64),
        Over(u64, u64),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let conn = 0_u64..8;
        let plate = 0_u32..6; // few, so that they meet
        let session = 0_u64..40;
        prop_oneof![
            (conn.clone(), any::<bool>()).prop_map(|(c, agent)| Step::Enter(c, agent)),
            conn.clone().prop_map(Step::Leave),
            (conn.clone(), plate.clone()).prop_map(|(c, p)| Step::Allocate(c, p)),
            (conn.clone(), plate.clone()).prop_map(|(c, p)| Step::Release(c, p)),
            (conn.clone(), plate.clone()).prop_map(|(c, p)| Step::Claim(c, p)),
            (conn.clone(), plate).prop_map(|(c, p)| Step::Claim(c, p)),
            (conn.clone(), session.clone()).prop_map(|(c, s)| Step::Begin(c, s)),
            session.clone().prop_map(Step::Stored),
            (conn, session).prop_map(|(c, s)| Step::Over(c, s)),
            (0_u64..400).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever is asked in whatever order: a nameplate is claimed at most once for each time it is given
        /// out and never after its life; everyone in a session hears of its end once; nothing is left behind.
        #[test]
        fn no_order_of_requests_breaks_the_promises(steps in proptest::collection::vec(step(), 0..200)) {
            let mut broker = Broker::new(Limits::default());
            let (mut now, mut next_session) = (Duration::ZERO, 0);
            let mut given: HashMap<Nameplate, Duration> = HashMap::new();
            let mut live: HashMap<SessionId, [ConnId; 2]> = HashMap::new();
            for step in steps {
                let mut by = None;
                let effects = match step {
                    Step::Enter(c, agent) => {
                        by = Some(ConnId(c));
                        let mut effects = broker.leave(ConnId(c));
                        let role = if agent { Role::Agent } else { Role::Technician { until_ms: DAY_MS } };
                        broker.enter(ConnId(c), key(c), ADDRESS, role);
                        effects.retain(|e| matches!(e, Effect::End { .. }));
                        effects
                    }
                    Step::Leave(c) => { by = Some(ConnId(c)); broker.leave(ConnId(c)) }
                    Step::Allocate(c, p) => broker.allocate(ConnId(c), true, now, &mut || p),
                    Step::Release(c, p) => {
                        broker.release(ConnId(c), Nameplate::new(Nameplate::MIN + p).unwrap());
                        Vec::new()
                    }
                    Step::Claim(c, p) => {
                        next_session += 1;
                        let plate = Nameplate::new(Nameplate::MIN + p).unwrap();
                        broker.claim(ConnId(c), plate, id(next_session), true, now, 0)
                    }
                    Step::Begin(c, s) => { let _ = broker.begin(ConnId(c), id(s)); Vec::new() }
                    Step::Stored(s) => { broker.stored(id(s)); Vec::new() }
                    Step::Over(c, s) => {
                        by = Some(ConnId(c));
                        broker.over(ConnId(c), &Over { session: id(s), code: 1 })
                    }
                    Step::Wait(s) => { now += at(s); broker.expire(now) }
                };
                for effect in effects {
                    match effect {
                        Effect::Send(_, FromRelay::Allocated(a)) => {
                            given.insert(a.nameplate, now);
                        }
                        Effect::Send(agent, FromRelay::Joining(joining)) => {
                            let since = given.remove(&joining.nameplate);
                            prop_assert!(since.is_some(), "claimed twice");
                            prop_assert!(now < since.unwrap() + Limits::default().nameplate_life);
                            live.insert(joining.session, [agent, agent]);
                        }
                        Effect::Send(technician, FromRelay::Claimed(session)) => {
                            live.get_mut(&session).unwrap()[1] = technician;
                        }
                        Effect::End { session, tell, .. } => {
                            let members = live.remove(&session).expect("ends once");
                            let expected: Vec<ConnId> =
                                members.into_iter().filter(|m| Some(*m) != by).collect();
                            prop_assert_eq!(tell, expected);
                        }
                        _ => {}
                    }
                }
                prop_assert_eq!(broker.session_count(), live.len());
            }
            for c in 0..8 {
                broker.leave(ConnId(c));
            }
            prop_assert_eq!(broker.session_count(), 0);
            broker.expire(now + at(100_000));
            prop_assert!(broker.is_empty());
        }
    }
}
