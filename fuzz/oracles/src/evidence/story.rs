//! An honest session in virtual time: two ends, a relay that records before it forwards, and a network with queues of
//! any length, which may be cut at any moment.

use std::collections::VecDeque;
use std::io::Write;

use sightline_ends::content::{Button, Chat, Input, Layout};
use sightline_ends::handshake::Established;
use sightline_ends::keys::ClassKeys;
use sightline_ends::now::Now;
use sightline_ends::seal::Sealer;
use sightline_ends::session::{
    AgentEffect, AgentSays, AgentSession, TechnicianEffect, TechnicianSays, TechnicianSession,
    seal_start, seal_update,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, SessionId};
use sightline_protocol::ledger::checkpoint::sign;
use sightline_protocol::ledger::tree::Tree;
use sightline_protocol::ledger::{LedgerEntry, LedgerProof, SessionEntry};
use sightline_protocol::record::Class;
use sightline_protocol::recording::{
    ENTRY_HEAD, HEAD, Kind, Order, SealedManifest, entry_head, head, write_entry,
};
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::{
    Consent, ConsentSeen, Manifest, ManifestSeen, Participant, Receipt,
};
use sightline_protocol::wire;

use crate::people::{self, START};

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// One end leaves and says so; everything arrives.
    InOrder,
    /// A connection is lost; the relay closes the recording.
    Cut,
    /// The relay is killed: the file ends anywhere behind its last receipt.
    Killed,
}

/// A recorded session.
pub struct Story {
    pub file: Vec<u8>,
    pub ending: Ending,
    pub manifest: Digest,
}

/// xorshift64*: chance that repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % sides.max(1)
    }
}

/// What is under way: a record on its lane, or a checkpoint.
enum Parcel {
    Record(Class, Vec<u8>),
    Checkpoint(Signed<Checkpoint>),
}

/// Control, pictures or input, the control stream, and chat: each in order, none waits for another.
type Streams = [VecDeque<Parcel>; 4];

struct World {
    now: Now,
    dice: Dice,
    agent: AgentSession,
    pictures: Option<Sealer>,
    technician: TechnicianSession,
    /// From the agent to the relay, on to the technician, and the other way.
    from_agent: Streams,
    to_technician: Streams,
    from_technician: Streams,
    to_agent: Streams,
    relay: Relay,
    frame: u64,
    over: [bool; 2],
    /// When nothing was on its way.
    drained: Now,
    why: String,
}

/// How long something can be on its way: 8 s.
const SLOWEST_US: u64 = 8_000_000;

/// What the relay does with a recording.
pub(super) struct Relay<W = Vec<u8>> {
    session: SessionId,
    manifest: Digest,
    pub(super) file: W,
    pub(super) length: u64,
    records: u64,
    order: Order,
    last: [Option<Digest>; 2],
    /// Bytes that the last receipt covers.
    receipted: u64,
    pub(super) receipted_at: Now,
    pub(super) ledger: Tree,
    number: u64,
    started_ms: u64,
}

impl Relay {
    /// A new recording in memory.
    pub(super) fn begin(
        sealed: &SealedManifest,
        session: SessionId,
        number: u64,
        others: u64,
    ) -> Relay {
        Relay::begin_in(Vec::new(), sealed, session, number, others)
    }
}

impl<W: Write> Relay<W> {
    /// A new recording; `others` sessions are in the ledger before.
    pub(super) fn begin_in(
        mut file: W,
        sealed: &SealedManifest,
        session: SessionId,
        number: u64,
        others: u64,
    ) -> Relay<W> {
        file.write_all(&head(session)).expect("there is room");
        let mut relay = Relay {
            session,
            manifest: sealed.manifest.digest(),
            file,
            length: HEAD as u64,
            records: 0,
            order: Order::default(),
            last: [None; 2],
            receipted: 0,
            receipted_at: START,
            ledger: Tree::default(),
            number,
            started_ms: START.unix_ms,
        };
        if let Ok(manifest) = sealed.manifest.verify(&sealed.manifest.key) {
            relay.started_ms = manifest.started_ms;
        }
        for n in 0..others {
            relay.ledger.push(&n.to_le_bytes());
        }
        relay.write(Kind::Manifest, &wire::encode(sealed));
        relay.receipt(START);
        relay
    }

    pub(super) fn write(&mut self, kind: Kind, body: &[u8]) {
        write_entry(&mut self.file, kind, body).expect("there is room");
        self.length += (ENTRY_HEAD + body.len()) as u64;
        self.records += u64::from(kind == Kind::Record);
        self.order.extend(&entry_head(kind, &[body]), body);
    }

    pub(super) fn checkpoint(&mut self, signed: &Signed<Checkpoint>) {
        self.write(Kind::Checkpoint, &wire::encode(signed));
        let by_agent = signed.key == people::agent_key().public();
        self.last[usize::from(!by_agent)] = Some(signed.digest());
    }

    /// Into a ledger in which other sessions are, and its proof behind the recording.
    pub(super) fn prove(&mut self, code: u16, now: Now) {
        let entry = LedgerEntry::Session(SessionEntry {
            session: self.session,
            agent: people::agent_key().public(),
            number: self.number,
            technician: people::technician_key().public(),
            manifest: self.manifest,
            agent_checkpoint: self.last[0],
            technician_checkpoint: self.last[1],
            records: self.records,
            bytes: self.length,
            order: self.order.0,
            started_ms: self.started_ms,
            closed_ms: now.unix_ms,
            close: code,
        });
        let index = self.ledger.size();
        self.ledger.push(&entry.encode());
        self.ledger.push(b"another session");
        let size = self.ledger.size();
        let proof = LedgerProof {
            entry: entry.encode(),
            index,
            proof: self
                .ledger
                .prove_inclusion(index, size)
                .expect("it is in it"),
            checkpoint: sign(&self.ledger.head(), &people::receipt_key()),
        };
        self.write(Kind::Ledger, &wire::encode(&proof));
    }

    pub(super) fn close(&mut self, code: CloseCode, now: Now) {
        self.write(Kind::Close, &wire::encode(&code.number()));
        self.receipt(now);
        self.prove(code.number(), now);
    }

    pub(super) fn receipt(&mut self, now: Now) -> Signed<Receipt> {
        let receipt = Receipt {
            session: self.session,
            manifest: self.manifest,
            records: self.records,
            bytes: self.length,
            order: self.order.0,
            at_ms: now.unix_ms,
            ledger: self.ledger.head(),
        };
        self.receipted = self.length;
        self.receipted_at = now;
        let signed = Signed::sign(&receipt, &people::receipt_key());
        self.write(Kind::Receipt, &wire::encode(&signed));
        signed
    }
}

/// A session's statements and what both ends know, for any session of the two people.
pub fn told(
    session: SessionId,
    number: u64,
    granted: Capabilities,
) -> (SealedManifest, [Established; 2]) {
    let (agent, technician) = (people::agent_key(), people::technician_key());
    let keys = ClassKeys::derive(session, 0, &[9; 32].into(), &session_seed(session));
    let two = Capabilities::of(&[Capability::View, Capability::Control]);
    let consent = Consent {
        session,
        asked: two,
        until_ms: START.unix_ms + 100 * 3_600_000,
        ..people::consent(granted)
    };
    let signed = Signed::sign(&consent, &agent);
    let consent_seen = ConsentSeen {
        consent: signed.digest(),
    };
    let manifest = Manifest {
        session,
        number,
        previous: None,
        bundle: people::signed_bundle(),
        agent: agent.public(),
        technicians: vec![Participant {
            author: Author::FIRST_TECHNICIAN,
            key: technician.public(),
            credential: people::signed_credential(),
        }],
        consent_seen: Signed::sign(&consent_seen, &technician),
        consent: signed,
        started_ms: START.unix_ms,
        keys: keys
            .publish(&people::bundle().auditors)
            .expect("a valid auditor key"),
    };
    let manifest = Signed::sign(&manifest, &agent);
    let digest = manifest.digest();
    let seen = Signed::sign(&ManifestSeen { manifest: digest }, &technician);
    let established = |key: &std::sync::Arc<_>, peer, agent| Established {
        session,
        key: std::sync::Arc::clone(key),
        peer,
        manifest: digest,
        receipt: people::receipt(digest),
        keys: keys.clone(),
        consent: consent.clone(),
        technician_name: "Tess Technician".into(),
        bundle: people::bundle(),
        computer: "pc".into(),
        early: people::early(agent),
    };
    let ends = [
        established(&agent, technician.public(), true),
        established(&technician, agent.public(), false),
    ];
    (SealedManifest { manifest, seen }, ends)
}

pub(super) fn session_seed(session: SessionId) -> [u8; 32] {
    Digest::of(&[&session.0]).0
}

/// Plays the session of that seed: about `steps` things happen.
pub fn story(seed: u64, steps: u64) -> Story {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let session = SessionId(
        Digest::of(&[b"story", &seed.to_le_bytes()]).0[..16]
            .try_into()
            .expect("16 of 32 bytes"),
    );
    let granted = match dice.roll(8) {
        0 => Capabilities::of(&[Capability::View]),
        _ => Capabilities::of(&[Capability::View, Capability::Control]),
    };
    let (sealed, [agent, technician]) = told(session, seed + 1, granted);
    let manifest = sealed.manifest.digest();
    let relay = Relay::begin(&sealed, session, seed + 1, seed % 40);
    let mut machine = AgentSession::new(&agent, START);
    let mut pictures = machine
        .start_view(START)
        .ok()
        .and_then(|(_, sealer)| sealer);
    let mut from_agent = Streams::default();
    if let Some(sealer) = &mut pictures {
        let start = seal_start(sealer, &Layout::default(), START.mono_us);
        from_agent[1].push_back(Parcel::Record(Class::Picture, start));
    }
    let mut world = World {
        now: START,
        agent: machine,
        pictures,
        technician: TechnicianSession::new(&technician, START),
        from_agent,
        to_technician: Streams::default(),
        from_technician: Streams::default(),
        to_agent: Streams::default(),
        relay,
        frame: 0,
        over: [false; 2],
        drained: START,
        why: String::new(),
        dice,
    };
    let ending = world.play(steps);
    Story {
        file: world.relay.file,
        ending,
        manifest,
    }
}

impl World {
    fn play(&mut self, steps: u64) -> Ending {
        self.settle();
        for _ in 0..steps {
            if self.over.contains(&true) {
                break;
            }
            self.step();
        }
        match self.dice.roll(4) {
            0 if !self.over.contains(&true) => self.cut(),
            1 if !self.over.contains(&true) => self.killed(),
            _ => self.in_order(),
        }
    }

    fn step(&mut self) {
        match self.dice.roll(16) {
            0..=2 => self.pass(400),
            // Asleep: nobody sends, and nothing is on its way.
            3 if self.dice.roll(20) == 0 => {
                self.drain();
                self.pass(3_000_000);
            }
            3..=5 => self.hands(),
            6 | 7 => self.picture(),
            8 => self.technician.ping(self.now),
            15 => self.talk(),
            9 if self.dice.roll(10) == 0 => {
                let view = Capabilities::of(&[Capability::View]);
                self.agent.narrow(view, "enough", self.now);
            }
            9 => {
                let open = self.dice.roll(2) == 0;
                self.agent.set_prompt_open(open);
            }
            _ => self.deliver(),
        }
        self.settle();
    }

    /// Time passes, but nothing stays on its way for long: the line is slow, not endless.
    fn pass(&mut self, at_most_ms: u64) {
        self.now = self.now.after_ms(self.dice.roll(at_most_ms));
        if self.now.mono_us > self.drained.mono_us + SLOWEST_US {
            self.drain();
        }
    }

    /// Everything arrives, in any order among the streams.
    fn drain(&mut self) {
        while !self.at_rest() {
            self.deliver();
        }
        self.drained = self.now;
    }

    fn hands(&mut self) {
        let n = self.dice.roll(1_000) as i32;
        let input = match n % 4 {
            0 => Input::Pointer { x: n, y: n },
            1 => Input::Button {
                button: Button::Left,
                down: n % 2 == 0,
            },
            2 => Input::Text("ä".repeat(n as usize)),
            _ => Input::Key {
                keysym: 0x61,
                down: n % 3 == 0,
            },
        };
        // What is no longer granted may cross with the word of it: the agent refuses it.
        let record = self.technician.hostile_input(&input, self.now);
        self.from_technician[1].push_back(Parcel::Record(Class::Input, record));
    }

    /// Somebody writes, before or after what was said before the consent has arrived.
    fn talk(&mut self) {
        let text = "ü".repeat(self.dice.roll(40) as usize + 1);
        let chat = Chat::Say { text };
        let (says, to) = match self.dice.roll(2) {
            0 => (
                self.agent.tell(&AgentSays::Chat(chat), self.now),
                &mut self.from_agent,
            ),
            _ => (
                self.technician.tell(&TechnicianSays::Chat(chat), self.now),
                &mut self.from_technician,
            ),
        };
        if let Some(outgoing) = says {
            to[3].push_back(Parcel::Record(outgoing.lane.class, outgoing.record));
        }
    }

    fn picture(&mut self) {
        let Some(sealer) = &mut self.pictures else {
            return;
        };
        let bytes = vec![self.frame as u8; self.dice.roll(3_000) as usize + 1];
        for record in seal_update(sealer, self.frame, &bytes, self.now.mono_us) {
            self.from_agent[1].push_back(Parcel::Record(Class::Picture, record));
        }
        self.frame += 1;
    }

    /// Lets both ends do what they have to do now.
    fn settle(&mut self) {
        self.agent.handle_timeout(self.now);
        while let Some(effect) = self.agent.poll_effect() {
            match effect {
                AgentEffect::Control(record) => {
                    self.from_agent[0].push_back(Parcel::Record(Class::Control, record))
                }
                AgentEffect::Repeat(outgoing) => self.from_agent[3]
                    .push_back(Parcel::Record(outgoing.lane.class, outgoing.record)),
                AgentEffect::Over(code) => self.agent_over(code),
                AgentEffect::Dropped { why, .. } => self.why = why,
                _ => {}
            }
        }
        while let Some(effect) = self.technician.poll_effect() {
            match effect {
                TechnicianEffect::Control(record) => {
                    self.from_technician[0].push_back(Parcel::Record(Class::Control, record));
                }
                TechnicianEffect::Repeat(outgoing) => self.from_technician[3]
                    .push_back(Parcel::Record(outgoing.lane.class, outgoing.record)),
                TechnicianEffect::Over(code) => self.technician_over(code),
                TechnicianEffect::Disputed(why) => self.why = why,
                _ => {}
            }
        }
        if !self.over[0]
            && let Some(signed) = self.agent.checkpoint(self.now)
        {
            self.from_agent[2].push_back(Parcel::Checkpoint(signed));
        }
        if !self.over[1]
            && let Some(signed) = self.technician.checkpoint(self.now)
        {
            self.from_technician[2].push_back(Parcel::Checkpoint(signed));
        }
    }

    fn agent_over(&mut self, code: CloseCode) {
        assert_ne!(code, CloseCode::Disputed, "{}", self.why);
        assert_ne!(
            code,
            CloseCode::ProtocolViolation,
            "honest ends keep the protocol"
        );
        self.over[0] = true;
        self.picture(); // one was under way
        self.pictures = None;
        if let Some(signed) = self.agent.last_checkpoint(code, self.now) {
            self.from_agent[2].push_back(Parcel::Checkpoint(signed));
        }
    }

    fn technician_over(&mut self, code: CloseCode) {
        assert_ne!(code, CloseCode::Disputed, "{}", self.why);
        assert_ne!(
            code,
            CloseCode::ProtocolViolation,
            "honest ends keep the protocol"
        );
        self.over[1] = true;
        if let Some(signed) = self.technician.last_checkpoint(code, self.now) {
            self.from_technician[2].push_back(Parcel::Checkpoint(signed));
        }
    }

    /// One parcel goes one hop, on any stream.
    fn deliver(&mut self) {
        let stream = self.dice.roll(4) as usize;
        match self.dice.roll(4) {
            0 => self.record_and_pass(stream, true),
            1 => self.record_and_pass(stream, false),
            2 => {
                if let Some(parcel) = self.to_technician[stream].pop_front() {
                    self.reach_technician(parcel);
                }
            }
            _ => {
                if let Some(parcel) = self.to_agent[stream].pop_front() {
                    self.reach_agent(parcel);
                }
            }
        }
    }

    fn reach_technician(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Record(class, record) => {
                self.technician.handle_record(class, &record, self.now);
                if class == Class::Picture && self.frame > 0 {
                    self.technician.shown(self.frame - 1, self.now);
                }
            }
            Parcel::Checkpoint(signed) => self.technician.handle_checkpoint(&signed, self.now),
        }
        self.settle();
    }

    fn reach_agent(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Record(class, record) => self.agent.handle_record(class, &record, self.now),
            Parcel::Checkpoint(signed) => self.agent.handle_checkpoint(&signed, self.now),
        }
        self.settle();
    }

    fn record_and_pass(&mut self, stream: usize, agent: bool) {
        let (from, to) = match agent {
            true => (&mut self.from_agent, &mut self.to_technician),
            false => (&mut self.from_technician, &mut self.to_agent),
        };
        let Some(parcel) = from[stream].pop_front() else {
            return;
        };
        match &parcel {
            Parcel::Record(_, record) => self.relay.write(Kind::Record, record),
            Parcel::Checkpoint(signed) => self.relay.checkpoint(signed),
        }
        to[stream].push_back(parcel);
        if self.now.mono_us > self.relay.receipted_at.mono_us + 250_000 {
            self.relay.receipt(self.now);
        }
    }

    fn close(&mut self, code: CloseCode) {
        self.relay.close(code, self.now);
    }

    /// The user or the technician ends it, and the network brings everything.
    fn in_order(&mut self) -> Ending {
        if !self.over.contains(&true) {
            match self.dice.roll(2) {
                0 => self.agent.end(CloseCode::StoppedByUser, self.now),
                _ => self.technician.leave(CloseCode::TechnicianLeft, self.now),
            }
        }
        self.settle();
        let mut quiet = 0;
        while quiet < 200 {
            let before = self.relay.records;
            self.deliver();
            quiet = if self.relay.records == before && self.at_rest() {
                quiet + 1
            } else {
                0
            };
        }
        self.close(CloseCode::StoppedByUser);
        Ending::InOrder
    }

    fn at_rest(&self) -> bool {
        let all = [
            &self.from_agent,
            &self.to_technician,
            &self.from_technician,
            &self.to_agent,
        ];
        all.into_iter().flatten().all(VecDeque::is_empty)
    }

    fn cut(&mut self) -> Ending {
        self.close(CloseCode::PeerLost);
        Ending::Cut
    }

    fn killed(&mut self) -> Ending {
        let unsynced = self.relay.file.len() - self.relay.receipted as usize;
        let kept = self.relay.receipted as usize + self.dice.roll(unsynced as u64 + 1) as usize;
        self.relay.file.truncate(kept);
        Ending::Killed
    }
}
