//! The event loop: one closed set of events in, the broker's decisions out. Bytes of sessions do not pass here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use sightline_link::{Arrived, LinkError, RelayListener};
use sightline_protocol::broker::{Begin, FromRelay, Over, ToRelay};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, PublicKey, SessionId};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::OrgBundle;
use tokio::sync::{mpsc, watch};

use crate::io::connection::{self, Entered, Gate};
use crate::io::console::{Console, Line};
use crate::io::desk::unix_ms;
use crate::io::forward;
use crate::io::office::Books;
use crate::io::recorder::{Recorded, Recorder, Recording};
use crate::io::session::{Counters, Member, Session, Trouble};
use crate::io::store::Store;
use crate::pure::admit::{self, Refusal};
use crate::pure::broker::{Broker, ConnId, Effect, Stream};
use crate::pure::limits::Limits;

/// Events that wait for the loop. Each connection and each recorder has at most one that waits beyond it.
const EVENTS: usize = 1_024;

/// The author's last records may come after its farewell, which is on a faster stream; and the other end signs off
/// when it has heard of the end.
const LAST_RECORDS: Duration = Duration::from_secs(1);

/// The last receipt comes before the farewell, unless the disk takes longer than this.
const LAST_RECEIPT: Duration = Duration::from_secs(2);

/// Everything is closed within this when the relay stops; systemd's own patience is 90 s.
const STOP: Duration = Duration::from_secs(5);
/// Waiting for the peers to have heard that the relay stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Everything that can happen.
pub enum Event {
    Entered(ConnId, Entered),
    Refused(PublicKey, IpAddr, CloseCode, String),
    Message(ConnId, ToRelay),
    Arrived(ConnId, Arrived),
    Left(ConnId, LinkError),
    Recorded(SessionId, Recorded),
    Trouble(SessionId, Trouble),
    /// The session's recording is closed, or that took too long: say farewell.
    Ended(SessionId),
    Operator(Operator),
}

/// What the operator can ask of a running relay.
#[derive(Debug)]
pub enum Operator {
    Health,
    /// Read again from its file.
    Organisation(Box<OrgBundle>),
    Stop,
}

/// What a relay is made of.
pub struct Relay {
    pub listener: RelayListener,
    pub store: Arc<dyn Store>,
    pub bundle: OrgBundle,
    pub books: Arc<Books>,
    pub receipt_key: Arc<SigningKey>,
    pub limits: Limits,
    pub console: Console,
    pub health_every: Duration,
}

/// Serves until `operator` says stop, or its sender is gone.
pub async fn serve(relay: Relay, mut operator: mpsc::Receiver<Operator>) {
    let (to_loop, mut events) = mpsc::channel(EVENTS);
    let gate = Arc::new(Gate {
        bundle: RwLock::new(Arc::new(relay.bundle)),
        untrusted: AtomicUsize::new(0),
        events: to_loop,
    });
    let listener = Arc::new(relay.listener);
    let accepting = tokio::spawn(accept(listener.clone(), gate.clone()));
    let mut state = State {
        gate,
        broker: Broker::new(relay.limits),
        conns: HashMap::new(),
        sessions: HashMap::new(),
        store: relay.store,
        books: relay.books,
        receipt_key: relay.receipt_key,
        console: relay.console,
        counters: Arc::default(),
        random: SystemRandom::new(),
        began: Instant::now(),
        due: None,
    };
    let mut health = tokio::time::interval(relay.health_every);
    health.reset(); // not at once
    loop {
        tokio::select! {
            Some(event) = events.recv() => state.handle(event),
            asked = operator.recv() => match asked.unwrap_or(Operator::Stop) {
                Operator::Stop => break,
                asked => state.handle(Event::Operator(asked)),
            },
            () = state.until_due() => state.expire(),
            _ = health.tick() => state.health(),
        }
    }
    accepting.abort();
    state.stop(&mut events).await;
    listener.close(CloseCode::RelayStopping, FAREWELL).await;
    state.console.say(&Line::Stopped);
}

async fn accept(listener: Arc<RelayListener>, gate: Arc<Gate>) {
    let mut next = 0;
    let untrusted = || gate.untrusted.load(Ordering::Relaxed);
    while let Some(incoming) = listener.accept(untrusted).await {
        next += 1;
        tokio::spawn(connection::run(ConnId(next), incoming, gate.clone()));
    }
}

/// A session on its way from manifest to farewell.
struct Live {
    session: Arc<Session>,
    begun: bool,
    /// Set once by the recorder's end.
    closed: watch::Receiver<bool>,
    recorded_bytes: u64,
    /// Why it ends and who is still to be told.
    ending: Option<(CloseCode, Vec<ConnId>)>,
}

struct State {
    gate: Arc<Gate>,
    broker: Broker,
    conns: HashMap<ConnId, Entered>,
    sessions: HashMap<SessionId, Live>,
    store: Arc<dyn Store>,
    books: Arc<Books>,
    receipt_key: Arc<SigningKey>,
    console: Console,
    counters: Arc<Counters>,
    random: SystemRandom,
    began: Instant,
    /// When something ends by itself, since `began`. May be earlier than it is, never later.
    due: Option<Duration>,
}

impl State {
    /// Sleeps until something ends by itself; for ever while there is nothing.
    fn until_due(&self) -> impl Future<Output = ()> + use<> {
        let due = self.due.map(|due| (self.began + due).into());
        async move {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }

    fn expire(&mut self) {
        let now = self.began.elapsed();
        let effects = self.broker.expire(now);
        self.due = self.broker.due(now);
        self.apply(effects);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Entered(conn, entered) => {
                self.broker
                    .enter(conn, entered.key, entered.address, entered.role);
                self.conns.insert(conn, entered);
            }
            Event::Refused(key, address, code, why) => {
                let line = Line::refused(key.fingerprint(), address.to_string(), code, &why);
                self.console.say(&line);
            }
            Event::Message(conn, message) => self.message(conn, message),
            Event::Arrived(conn, arrived) => self.arrived(conn, arrived),
            Event::Left(conn, why) => {
                tracing::debug!(conn = conn.0, %why, "left");
                if let LinkError::Violation(what) = &why {
                    self.refused(conn, CloseCode::ProtocolViolation, what);
                }
                self.conns.remove(&conn);
                for live in self.sessions.values() {
                    live.session.gone(conn);
                }
                let effects = self.broker.leave(conn);
                self.apply(effects);
            }
            Event::Recorded(session, recorded) => self.recorded(session, recorded),
            Event::Trouble(session, trouble) => self.trouble(session, trouble),
            Event::Ended(session) => self.farewell(session),
            Event::Operator(Operator::Health) => self.health(),
            Event::Operator(Operator::Organisation(bundle)) => self.reload(*bundle),
            Event::Operator(Operator::Stop) => {}
        }
    }

    fn message(&mut self, conn: ConnId, message: ToRelay) {
        let now = self.began.elapsed();
        let effects = match message {
            ToRelay::Allocate(()) => {
                let random = &self.random;
                let room = self.store.room().is_ok();
                let effects = self.broker.allocate(conn, room, now, &mut || draw(random));
                self.due = self.broker.due(now);
                effects
            }
            ToRelay::Release(nameplate) => {
                self.broker.release(conn, nameplate);
                Vec::new()
            }
            ToRelay::Claim(nameplate) => {
                let mut id = [0; 16];
                fill(&self.random, &mut id);
                let room = self.store.room().is_ok();
                let id = SessionId(id);
                let effects = self.broker.claim(conn, nameplate, id, room, now, unix_ms());
                self.due = self.broker.due(now);
                effects
            }
            ToRelay::Begin(begin) => return self.begin(conn, begin),
            ToRelay::Over(over) => self.broker.over(conn, &over),
            ToRelay::Checkpoint(signed) => return self.checkpoint(conn, &signed),
            ToRelay::Hello(_) => vec![Effect::Close(conn, CloseCode::ProtocolViolation)],
        };
        self.apply(effects);
    }

    /// A member's checkpoint: recorded, and passed on to the other end. One that comes after the end is late.
    fn checkpoint(&mut self, conn: ConnId, signed: &Signed<Checkpoint>) {
        let Some(entered) = self.conns.get(&conn) else {
            return;
        };
        let verdict = match signed.verify(&entered.key) {
            Err(_) => Err("a checkpoint that is not genuine"),
            Ok(checkpoint) => match self.sessions.get(&checkpoint.session) {
                None => return,
                Some(live) => live.session.checkpoint(conn, signed, &checkpoint),
            },
        };
        match verdict {
            Ok(others) => {
                for other in others.iter().filter_map(|other| self.conns.get(other)) {
                    other.outbox.send(FromRelay::Checkpoint(signed.clone()));
                }
            }
            Err(why) => {
                tracing::warn!(conn = conn.0, why, "violation");
                self.apply(vec![Effect::Close(conn, CloseCode::ProtocolViolation)]);
            }
        }
    }

    fn arrived(&mut self, conn: ConnId, arrived: Arrived) {
        let verdict = match arrived {
            Arrived::Control(..) => Stream::Violation,
            Arrived::Handshake(session, to, from) => {
                let verdict = self.broker.splice(conn, session);
                if let Stream::Allowed(agent) = verdict
                    && let Some(agent) = self.conns.get(&agent)
                {
                    // Its failure shows in what the ends do next.
                    tokio::spawn(forward::splice(session, agent.link.clone(), to, from));
                }
                verdict
            }
            Arrived::Lane(opening, receiver) => {
                let verdict = self.broker.lane(conn, opening.session);
                if let (Stream::Allowed(_), Some(live)) =
                    (verdict, self.sessions.get(&opening.session))
                {
                    live.session.carry(conn, opening, receiver);
                }
                verdict
            }
        };
        if verdict == Stream::Violation {
            self.apply(vec![Effect::Close(conn, CloseCode::ProtocolViolation)]);
        }
    }

    /// The agent's manifest: check it, and have it stored.
    fn begin(&mut self, conn: ConnId, begin: Begin) {
        let id = begin.session;
        let parties = match self.broker.begin(conn, id) {
            Ok(parties) => parties,
            Err(Stream::Late) => return,
            Err(_) => return self.apply(vec![Effect::Close(conn, CloseCode::ProtocolViolation)]),
        };
        let started = admit::manifest(&begin, &parties, &self.gate.bundle())
            .and_then(|plan| self.start(id, begin, plan));
        if let Err(Refusal { code, why }) = started {
            self.refused(conn, code, &why);
            let effects = self.broker.end(id, code, None).into_iter().collect();
            self.apply(effects);
        }
    }

    fn start(&mut self, id: SessionId, begin: Begin, plan: admit::Plan) -> Result<(), Refusal> {
        let gone = || Refusal::new(CloseCode::PeerLost, "a member left");
        let (agent, technician) = self.broker.members(id).ok_or_else(gone)?;
        let member = |conn, author| -> Result<Member, Refusal> {
            let entered = self.conns.get(&conn).ok_or_else(gone)?;
            Ok(Member::new(conn, author, entered.link.clone()))
        };
        let members = vec![
            member(agent, Author::AGENT)?,
            member(technician, plan.technician)?,
        ];
        let (closing, closed) = watch::channel(false);
        let events = self.gate.events.clone();
        let recording = Recording {
            about: plan.about,
            manifest: begin.manifest,
            receipt_key: self.receipt_key.clone(),
            books: self.books.clone(),
        };
        let report = move |recorded: Recorded| {
            let last = matches!(recorded, Recorded::Closed { .. });
            // Fails only when the loop has ended.
            let _ = events.blocking_send(Event::Recorded(id, recorded));
            if last {
                closing.send_replace(true);
            }
        };
        let recorder = Recorder::start(self.store.clone(), recording, report)
            .map_err(|error| Refusal::new(CloseCode::StorageFailed, error.to_string()))?;
        let events = self.gate.events.clone();
        let report = Box::new(move |trouble| {
            // Full means that the loop is busy; the next record reports again.
            let _ = events.try_send(Event::Trouble(id, trouble));
        });
        let session = Session::new(id, recorder, members, self.counters.clone(), report);
        let live = Live {
            session: Arc::new(session),
            begun: false,
            closed,
            recorded_bytes: 0,
            ending: None,
        };
        self.sessions.insert(id, live);
        Ok(())
    }

    fn recorded(&mut self, id: SessionId, recorded: Recorded) {
        let Some(live) = self.sessions.get_mut(&id) else {
            return;
        };
        match recorded {
            Recorded::Receipt(receipt) => {
                if !live.begun {
                    live.begun = true;
                    self.broker.stored(id);
                    live.session.members.iter().for_each(|m| m.link.trust());
                    let session = id.to_string();
                    self.console.say(&Line::Begun { session });
                }
                for member in &live.session.members {
                    if let Some(conn) = self.conns.get(&member.conn) {
                        conn.outbox.send(FromRelay::Receipt(receipt.clone()));
                    }
                }
            }
            Recorded::Failed(code, why) => {
                tracing::error!(session = %id, %why, "the recording cannot go on");
                let effects = self.broker.end(id, code, None).into_iter().collect();
                self.apply(effects);
            }
            Recorded::Closed { bytes } => live.recorded_bytes = bytes,
        }
    }

    fn trouble(&mut self, id: SessionId, trouble: Trouble) {
        let effects = match trouble {
            Trouble::TooSlow(conn) => {
                let ended = self.broker.end(id, CloseCode::TooSlow, None);
                let close = ended
                    .is_some()
                    .then_some(Effect::Close(conn, CloseCode::TooSlow));
                ended.into_iter().chain(close).collect()
            }
            Trouble::Violation(conn, why) => {
                tracing::warn!(session = %id, conn = conn.0, %why, "violation");
                vec![Effect::Close(conn, CloseCode::ProtocolViolation)]
            }
        };
        self.apply(effects);
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(conn, message) => self.send(conn, message),
                Effect::Close(conn, code) => {
                    self.refused(conn, code, "");
                    if let Some(conn) = self.conns.get(&conn) {
                        conn.outbox.close(code);
                    }
                }
                Effect::Refused(conn, code) => self.refused(conn, code, ""),
                Effect::End {
                    session,
                    code,
                    tell,
                } => self.end(session, code, tell),
            }
        }
    }

    fn send(&self, conn: ConnId, message: FromRelay) {
        let Some(entered) = self.conns.get(&conn) else {
            return;
        };
        match &message {
            FromRelay::Allocated(allocated) => self.console.say(&Line::Allocated {
                agent: entered.key.fingerprint(),
                nameplate: allocated.nameplate.number(),
            }),
            FromRelay::Joining(joining) => self.console.say(&Line::Claimed {
                session: joining.session.to_string(),
                nameplate: joining.nameplate.number(),
                technician: joining.technician.fingerprint(),
            }),
            _ => {}
        }
        entered.outbox.send(message);
    }

    fn refused(&self, conn: ConnId, code: CloseCode, why: &str) {
        if let Some(entered) = self.conns.get(&conn) {
            let (peer, address) = (entered.key.fingerprint(), entered.address.to_string());
            self.console.say(&Line::refused(peer, address, code, why));
        }
    }

    /// Starts a session's end; the farewell follows when its recording is closed.
    fn end(&mut self, id: SessionId, code: CloseCode, tell: Vec<ConnId>) {
        let Some(live) = self.sessions.get_mut(&id) else {
            self.say_over(id, code, &tell, 0);
            return;
        };
        let by = live.session.members.iter().map(|m| m.conn);
        let by = by.into_iter().find(|conn| !tell.contains(conn));
        live.ending = Some((code, tell));
        let (session, mut closed) = (live.session.clone(), live.closed.clone());
        let events = self.gate.events.clone();
        tokio::spawn(async move {
            session.end(by, code, LAST_RECORDS).await;
            let _ = tokio::time::timeout(LAST_RECEIPT, closed.wait_for(|closed| *closed)).await;
            let _ = events.send(Event::Ended(id)).await;
        });
    }

    fn farewell(&mut self, id: SessionId) {
        if let Some(live) = self.sessions.remove(&id)
            && let Some((code, tell)) = live.ending
        {
            self.say_over(id, code, &tell, live.recorded_bytes);
        }
    }

    fn say_over(&self, id: SessionId, code: CloseCode, tell: &[ConnId], recorded_bytes: u64) {
        let over = Over {
            session: id,
            code: code.number(),
        };
        for conn in tell.iter().filter_map(|conn| self.conns.get(conn)) {
            conn.outbox.send(FromRelay::Over(over.clone()));
        }
        self.console.say(&Line::Over {
            session: id.to_string(),
            code: code.number(),
            words: code.sentence(),
            recorded_bytes,
        });
    }

    /// Ends every session in order.
    async fn stop(&mut self, events: &mut mpsc::Receiver<Event>) {
        let sessions = self.broker.session_count();
        self.console.say(&Line::Stopping { sessions });
        let effects = self.broker.end_all(CloseCode::RelayStopping);
        self.apply(effects);
        let until = tokio::time::Instant::now() + STOP;
        while !self.sessions.is_empty() {
            match tokio::time::timeout_at(until, events.recv()).await {
                Ok(Some(event)) => self.handle(event),
                _ => break,
            }
        }
        for conn in self.conns.values() {
            conn.outbox.close(CloseCode::RelayStopping);
        }
        // Each closes itself when its last words are there.
        let closed = async {
            for conn in self.conns.values() {
                conn.link.closed().await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, closed).await;
        self.health();
    }

    fn health(&self) {
        let counters = &self.counters;
        self.console.say(&Line::Health {
            connections: self.broker.connection_count(),
            sessions: self.broker.session_count(),
            recorded_records: counters.recorded_records.load(Ordering::Relaxed),
            recorded_bytes: counters.recorded_bytes.load(Ordering::Relaxed),
            forwarded_bytes: counters.forwarded_bytes.load(Ordering::Relaxed),
            free_bytes: self.store.free_bytes().ok(),
        });
    }

    fn reload(&self, bundle: OrgBundle) {
        if let Err(error) = admit::newer(&self.gate.bundle(), &bundle) {
            tracing::error!("the old bundle stays: {error}");
            return;
        }
        let line = Line::Reloaded {
            organisation: bundle.organisation.clone(),
            serial: bundle.serial,
        };
        if let Ok(mut held) = self.gate.bundle.write() {
            *held = Arc::new(bundle);
        }
        self.console.say(&line);
    }
}

fn fill(random: &SystemRandom, bytes: &mut [u8]) {
    random
        .fill(bytes)
        .expect("the system always has randomness after its start");
}

fn draw(random: &SystemRandom) -> u32 {
    let mut bytes = [0; 4];
    fill(random, &mut bytes);
    u32::from_le_bytes(bytes)
}
