//! The broker beside a model that only knows who waits and who is with whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sightline_protocol::broker::{FromRelay, Over};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Nameplate, PublicKey, SessionId};
use sightline_relay::pure::admit::Role;
use sightline_relay::pure::broker::{Broker, ConnId, Effect, Stream};
use sightline_relay::pure::limits::Limits;

use crate::bytes::Bytes;

/// Connections 0 to 3 are agents, 4 to 7 technicians.
const CONNECTIONS: u8 = 8;
const TECHNICIANS: u8 = 4;
const LIFE: Duration = Duration::from_secs(600);
const SESSIONS: usize = 3;
/// Seconds to wait that a relay names when it has no nameplate left; a pace names at most 6.
const FULL_RETRY_S: u32 = 60;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Joining { until: Duration, spliced: bool },
    Storing,
    Begun,
}

#[derive(Default)]
struct Model {
    present: BTreeSet<ConnId>,
    /// Agents that wait under a nameplate, and until when.
    waiting: BTreeMap<Nameplate, (ConnId, Duration)>,
    sessions: BTreeMap<SessionId, (ConnId, ConnId, Stage)>,
}

impl Model {
    fn has(&self, session: SessionId, conn: ConnId) -> bool {
        let found = self.sessions.get(&session);
        found.is_some_and(|(agent, technician, _)| *agent == conn || *technician == conn)
    }

    fn begun(&self, session: SessionId) -> bool {
        matches!(self.sessions.get(&session), Some((.., Stage::Begun)))
    }

    /// Takes the broker's word for what happened, if it may.
    fn take(&mut self, effects: &[Effect], now: Duration) {
        let mut joining = None;
        for effect in effects {
            match effect {
                Effect::Send(to, message) => {
                    let refusal = matches!(message, FromRelay::Refused(_));
                    assert!(refusal || self.present.contains(to), "told nobody");
                    match message {
                        FromRelay::Allocated(allocated) => {
                            self.waiting.retain(|_, (agent, _)| agent != to);
                            let before =
                                self.waiting.insert(allocated.nameplate, (*to, now + LIFE));
                            assert!(before.is_none(), "one nameplate for two");
                        }
                        FromRelay::Joining(told) => {
                            let found = self.waiting.remove(&told.nameplate);
                            let (agent, until) = found.expect("nobody waits there");
                            assert_eq!(agent, *to);
                            assert!(now < until, "an expired nameplate was claimed");
                            joining = Some((told.session, agent));
                        }
                        FromRelay::Claimed(session) => {
                            let (told, agent) = joining.take().expect("the agent hears it first");
                            assert_eq!(told, *session);
                            let stage = Stage::Joining {
                                until: now + Limits::default().joining,
                                spliced: false,
                            };
                            let before = self.sessions.insert(*session, (agent, *to, stage));
                            assert!(before.is_none(), "one session twice");
                        }
                        _ => {}
                    }
                }
                Effect::End { session, tell, .. } => {
                    let found = self.sessions.remove(session);
                    let (agent, technician, _) = found.expect("it ended what was not there");
                    for conn in tell {
                        assert!(*conn == agent || *conn == technician, "told a stranger");
                    }
                }
                Effect::Close(..) | Effect::Refused(..) => {}
            }
        }
        assert!(joining.is_none(), "the technician was not told");
        assert!(self.sessions.len() <= SESSIONS);
    }
}

struct Play {
    broker: Broker,
    model: Model,
    now: Duration,
    drawn: u8,
    /// Every session that there ever was.
    all: Vec<SessionId>,
}

pub fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let limits = Limits {
        sessions: SESSIONS,
        sessions_per_connection: 2,
        nameplate_life: LIFE,
        ..Limits::default()
    };
    let mut play = Play {
        broker: Broker::new(limits),
        model: Model::default(),
        now: Duration::ZERO,
        drawn: 0,
        all: Vec::new(),
    };
    while !bytes.is_empty() {
        play.step(&mut bytes);
    }
    for conn in 0..CONNECTIONS {
        play.leave(ConnId(conn.into()));
    }
    assert!(play.model.sessions.is_empty());
    assert_eq!(play.broker.session_count(), 0);
    assert_eq!(play.broker.connection_count(), 0);
    // All back-off is forgiven and all nameplates are free after an hour.
    let later = play.now + Duration::from_secs(36_000);
    play.broker.expire(later);
    assert!(play.broker.is_empty(), "something is held for nobody");
}

impl Play {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let what = bytes.byte();
        let number = bytes.byte() % CONNECTIONS;
        let conn = ConnId(number.into());
        match what % 12 {
            0 => self.enter(number),
            1 => self.leave(conn),
            2 | 3 => {
                let drawn = u32::from(bytes.byte() % 8);
                let now = self.now;
                let effects = self.broker.allocate(conn, true, now, &mut || drawn);
                let full = |e: &Effect| {
                    matches!(e, Effect::Send(_, FromRelay::Refused((_, FULL_RETRY_S))))
                };
                if effects.iter().any(full) {
                    // What it held was given back before the search for another.
                    self.model.waiting.retain(|_, (agent, _)| *agent != conn);
                }
                self.model.take(&effects, now);
            }
            4 => {
                let nameplate = plate(bytes);
                self.broker.release(conn, nameplate);
                let held = self.model.waiting.get(&nameplate);
                if held.is_some_and(|(agent, _)| *agent == conn) {
                    self.model.waiting.remove(&nameplate);
                }
            }
            5 | 6 => self.claim(conn, bytes),
            7 => self.stream(conn, bytes),
            8 => self.begin(conn, bytes),
            9 => {
                let session = self.session(bytes);
                let code = u16::from(bytes.byte());
                let member = self.model.has(session, conn);
                let effects = self.broker.over(conn, &Over { session, code });
                assert!(member || effects.is_empty(), "a stranger ended a session");
                self.model.take(&effects, self.now);
            }
            10 => self.now += Duration::from_secs(u64::from(bytes.byte())),
            _ => self.expire(),
        }
        assert_eq!(self.broker.session_count(), self.model.sessions.len());
    }

    fn enter(&mut self, number: u8) {
        let conn = ConnId(number.into());
        if !self.model.present.insert(conn) {
            return;
        }
        let role = if number < TECHNICIANS {
            Role::Agent
        } else {
            Role::Technician { until_ms: 1_000 }
        };
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, number % 3));
        self.broker
            .enter(conn, PublicKey([number; 32]), address, role);
    }

    fn leave(&mut self, conn: ConnId) {
        let effects = self.broker.leave(conn);
        self.model.take(&effects, self.now);
        self.model.present.remove(&conn);
        self.model.waiting.retain(|_, (agent, _)| *agent != conn);
        for id in &self.all {
            assert!(!self.model.has(*id, conn), "a session outlived its member");
        }
    }

    fn claim(&mut self, conn: ConnId, bytes: &mut Bytes<'_>) {
        let nameplate = plate(bytes);
        let flags = bytes.byte();
        self.drawn = self.drawn.wrapping_add(1);
        let session = SessionId([self.drawn; 16]);
        if self.model.sessions.contains_key(&session) {
            return; // the relay draws them at random: never twice
        }
        let (room, expired) = (flags & 1 == 0, flags & 2 != 0);
        let now_ms = if expired { 1_000 } else { 999 };
        let effects = self
            .broker
            .claim(conn, nameplate, session, room, self.now, now_ms);
        let won = effects
            .iter()
            .any(|e| matches!(e, Effect::Send(_, FromRelay::Claimed(_))));
        assert!(!won || (room && !expired && conn.0 >= TECHNICIANS.into()));
        self.model.take(&effects, self.now);
        if won {
            self.all.push(session);
        }
    }

    fn stream(&mut self, conn: ConnId, bytes: &mut Bytes<'_>) {
        let session = self.session(bytes);
        let (known, member) = (
            self.model.sessions.contains_key(&session),
            self.model.has(session, conn),
        );
        let lane = self.broker.lane(conn, session);
        let allowed = matches!(lane, Stream::Allowed(_));
        assert_eq!(allowed, member && self.model.begun(session));
        assert_eq!(lane == Stream::Late, !known);
        let splice = self.broker.splice(conn, session);
        let mut expected = false;
        if let Some((_, technician, Stage::Joining { spliced, .. })) =
            self.model.sessions.get_mut(&session)
        {
            expected = *technician == conn && !*spliced;
            *spliced |= expected;
        }
        assert_eq!(matches!(splice, Stream::Allowed(_)), expected);
    }

    fn begin(&mut self, conn: ConnId, bytes: &mut Bytes<'_>) {
        let session = self.session(bytes);
        let begun = self.broker.begin(conn, session);
        let expected = match self.model.sessions.get_mut(&session) {
            Some((agent, _, stage @ Stage::Joining { .. })) if *agent == conn => {
                *stage = Stage::Storing;
                true
            }
            _ => false,
        };
        assert_eq!(begun.is_ok(), expected);
        if expected && bytes.byte().is_multiple_of(2) {
            self.broker.stored(session);
            if let Some((.., stage)) = self.model.sessions.get_mut(&session) {
                *stage = Stage::Begun;
            }
        } else if expected {
            let ended = self.broker.end(session, CloseCode::StorageFull, None);
            self.model.take(ended.as_slice(), self.now);
        }
    }

    fn expire(&mut self) {
        let effects = self.broker.expire(self.now);
        self.model.take(&effects, self.now);
        let now = self.now;
        self.model.waiting.retain(|_, (_, until)| now < *until);
        for (.., stage) in self.model.sessions.values() {
            if let Stage::Joining { until, .. } = stage {
                assert!(now < *until, "it waits for ever");
            }
        }
    }

    fn session(&self, bytes: &mut Bytes<'_>) -> SessionId {
        let nth = usize::from(bytes.byte());
        match self.all.len() {
            0 => SessionId([0xee; 16]),
            count => self.all[nth % count],
        }
    }
}

fn plate(bytes: &mut Bytes<'_>) -> Nameplate {
    Nameplate::new(Nameplate::MIN + u32::from(bytes.byte() % 8)).expect("five digits")
}

/// A session from allocation to its end, and two technicians at one code.
pub fn seeds() -> Vec<Vec<u8>> {
    let honest = vec![
        0, 0, 0, 4, 2, 0, 3, 5, 4, 3, 0, 7, 4, 0, 8, 0, 0, 0, 7, 4, 0, 7, 0, 0, 9, 4, 0, 3,
    ];
    let race = vec![
        0, 1, 0, 5, 0, 6, 2, 1, 1, 5, 5, 1, 0, 5, 6, 1, 0, 11, 0, 10, 0, 255, 10, 0, 255, 10, 0,
        255, 11, 0, 4, 1, 1, 1, 1,
    ];
    // An agent with a nameplate asks for another when there is none.
    let full = vec![
        0x00, 0xa2, 0xaa, 0x6a, 0x6a, 0x6a, 0x6a, 0x6a, 0x6a, 0x6a, 0x68, 0xaa, 0xaa, 0xaa, 0xaa,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xab, 0xaa, 0xaa, 0xaa, 0xab, 0xaa, 0xaa, 0xc4,
        0xaa, 0xaa, 0xab, 0x41, 0xaa, 0x27, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0x79, 0x79, 0x79,
        0x79, 0xab, 0x2c, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xab, 0xaa,
        0xa8, 0xaa, 0xaa, 0xaa, 0x06, 0xaa, 0x57, 0xaa, 0x02, 0xab,
    ];
    vec![honest, race, full]
}
