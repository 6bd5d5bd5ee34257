//! The inner handshake: strangers, thieves, false agents, and a network that changes bytes.

use sightline_ends::content::CHAT_CAP;
use sightline_ends::handshake::{
    AgentEvent, AgentHandshake, EARLY_MESSAGES, Early, Established, TechnicianEvent,
    TechnicianHandshake,
};
use sightline_ends::text::harmless;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::recording::SealedManifest;

use crate::bytes::{Bytes, pieces};
use crate::outsider::Outsider;
use crate::people::{self, Counting, START};

/// What came of a machine so far.
#[derive(Default)]
struct Seen {
    spent: usize,
    right: bool,
    asked: bool,
    said: usize,
    manifest: Option<Box<SealedManifest>>,
    established: Option<Box<Established>>,
    failed: usize,
}

impl Seen {
    fn agent(&mut self, machine: &mut AgentHandshake) {
        while let Some(event) = machine.poll_event() {
            match event {
                AgentEvent::CodeSpent => self.spent += 1,
                AgentEvent::CodeRight => self.right = true,
                AgentEvent::NewerBundle(_) => {}
                AgentEvent::Ask(_) => self.asked = true,
                AgentEvent::Said(text) => self.heard(&text),
                AgentEvent::Store(manifest) => self.manifest = Some(manifest),
                AgentEvent::Established(established) => self.established = Some(established),
                AgentEvent::Failed(_) => self.failed += 1,
            }
        }
        assert!(self.spent <= 1, "one code, two guesses");
        assert!(!self.right || self.spent == 1, "right before it was spent");
        assert!(!self.asked || self.right, "asked without the code");
        self.ends_once();
    }

    fn technician(&mut self, machine: &mut TechnicianHandshake) {
        while let Some(event) = machine.poll_event() {
            match event {
                TechnicianEvent::CodeRight => self.right = true,
                TechnicianEvent::Asking { .. } => self.asked = true,
                TechnicianEvent::Said(text) => self.heard(&text),
                TechnicianEvent::Granted(_) => assert!(self.asked, "granted unasked"),
                TechnicianEvent::Established(established) => self.established = Some(established),
                TechnicianEvent::Failed(_) => self.failed += 1,
            }
        }
        assert!(!self.asked || self.right, "asked without the code");
        self.ends_once();
    }

    /// Words of the other side, before any consent.
    fn heard(&mut self, text: &str) {
        assert!(self.asked, "words before the question");
        assert!(self.established.is_none(), "words after the consent");
        self.said += 1;
        assert!(self.said <= EARLY_MESSAGES, "it talks without end");
        assert_eq!(harmless(text, CHAT_CAP), text, "words that deceive");
    }

    fn ends_once(&self) {
        assert!(self.failed <= 1, "failed twice");
        assert!(
            self.failed == 0 || self.established.is_none(),
            "established and failed"
        );
    }
}

/// Deliveries to an agent, as they come.
pub fn agent(data: &[u8]) {
    let (mut machine, mut rng) = (people::agent(), Counting::new(1));
    let mut seen = Seen::default();
    let mut bytes = Bytes::new(data);
    while !bytes.is_empty() && seen.failed == 0 {
        machine.handle_bytes(bytes.piece(), START, &mut rng);
        seen.agent(&mut machine);
        while machine.poll_transmit().is_some() {}
    }
    assert_eq!(seen.spent, 0, "a stranger without the key spent the code");
    machine.handle_timeout(START.after_ms(120_000));
    seen.agent(&mut machine);
    assert_eq!(seen.failed, 1, "it waits for ever");
}

/// Deliveries to a technician's program, as they come.
pub fn technician(data: &[u8]) {
    let (mut machine, mut rng) = (people::technician(), Counting::new(2));
    let mut seen = Seen::default();
    let mut bytes = Bytes::new(data);
    while !bytes.is_empty() && seen.failed == 0 {
        while machine.poll_transmit().is_some() {}
        machine.handle_bytes(bytes.piece(), START, &mut rng);
        seen.technician(&mut machine);
    }
    assert!(!seen.right);
    machine.handle_timeout(START.after_ms(120_000));
    seen.technician(&mut machine);
    assert_eq!(seen.failed, 1, "it waits for ever");
}

/// A thief with the technician's key, who does not know the code.
pub fn agent_inside(data: &[u8]) {
    let (mut machine, mut rng) = (people::agent(), Counting::new(3));
    let mut outsider = Outsider::client(&people::technician_key());
    let mut seen = Seen::default();
    let mut bytes = Bytes::new(data);
    loop {
        if outsider.is_through() {
            if bytes.is_empty() {
                break;
            }
            outsider.say(bytes.piece());
        }
        let up = outsider.transmit();
        machine.handle_bytes(&up, START, &mut rng);
        seen.agent(&mut machine);
        if seen.failed > 0 {
            break;
        }
        while let Some(down) = machine.poll_transmit() {
            outsider.hear(&down);
        }
    }
    assert!(!seen.right, "the code was guessed");
}

/// A false agent, who does not know the code.
pub fn technician_inside(data: &[u8]) {
    let (mut machine, mut rng) = (people::technician(), Counting::new(4));
    let mut outsider = Outsider::server(&people::agent_key());
    let mut seen = Seen::default();
    let mut bytes = Bytes::new(data);
    loop {
        while let Some(up) = machine.poll_transmit() {
            outsider.hear(&up);
        }
        if outsider.is_through() {
            if bytes.is_empty() {
                break;
            }
            outsider.say(bytes.piece());
        }
        machine.handle_bytes(&outsider.transmit(), START, &mut rng);
        seen.technician(&mut machine);
        if seen.failed > 0 {
            break;
        }
    }
    assert!(!seen.right, "the code was guessed");
}

/// Changes to one delivery: which, how, where.
struct Network<'a> {
    plan: Bytes<'a>,
    delivery: u8,
    next: u8,
    touched: bool,
}

impl Network<'_> {
    fn carry(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.delivery == self.next && !self.plan.is_empty() && !bytes.is_empty() {
            self.touched = true;
            let at = usize::from(self.plan.u16()) % bytes.len();
            match self.plan.byte() % 4 {
                0 => bytes[at] ^= 1 << (self.plan.byte() % 8),
                1 => bytes.truncate(at),
                2 => bytes.insert(at, self.plan.byte()),
                _ => bytes.extend_from_within(at..),
            }
            self.next = self.delivery + 1 + self.plan.byte() % 4;
        }
        self.delivery = self.delivery.wrapping_add(1);
        bytes
    }
}

/// Honest ends: with an honest network there is a session, and never one that the two see differently.
pub fn meeting(data: &[u8]) {
    let mut plan = Bytes::new(data);
    let next = plan.byte() % 12;
    let mut network = Network {
        plan,
        delivery: 0,
        next,
        touched: false,
    };
    let (mut agent, mut technician) = (people::agent(), people::technician());
    let mut rng = Counting::new(5);
    let (mut here, mut there) = (Seen::default(), Seen::default());
    let (mut answered, mut stored, mut said) = (false, false, false);
    loop {
        here.agent(&mut agent);
        there.technician(&mut technician);
        if here.asked && !std::mem::replace(&mut answered, true) {
            let view = Capabilities::of(&[Capability::View]);
            let _ = agent.say("who is it?", START);
            agent.handle_answer(Ok(view), START);
        }
        if there.asked && !std::mem::replace(&mut said, true) {
            // The network may have ended it already.
            let _ = technician.say("it's \u{202e}Tess", START);
        }
        if let Some(sealed) = &here.manifest
            && !std::mem::replace(&mut stored, true)
        {
            agent.handle_receipt(people::receipt(sealed.manifest.digest()), START);
        }
        let (up, down) = (technician.poll_transmit(), agent.poll_transmit());
        if up.is_none() && down.is_none() {
            break;
        }
        if let Some(up) = up {
            agent.handle_bytes(&network.carry(up), START, &mut rng);
        }
        if let Some(down) = down {
            technician.handle_bytes(&network.carry(down), START, &mut rng);
        }
    }
    here.agent(&mut agent);
    there.technician(&mut technician);
    if let Some(theirs) = &there.established {
        let ours = here.established.as_ref().expect("the agent came first");
        assert_eq!(ours.consent, theirs.consent);
        let texts = |said: &[Early]| said.iter().map(|e| e.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&ours.early.own), texts(&theirs.early.theirs));
        assert_eq!(texts(&ours.early.theirs), texts(&theirs.early.own));
        let auditors = &people::bundle().auditors;
        assert_eq!(ours.keys.publish(auditors), theirs.keys.publish(auditors));
    }
    assert!(
        network.touched || there.established.is_some(),
        "honest ends did not meet"
    );
}

/// The first flights of honest ends.
fn flights() -> (Vec<u8>, Vec<u8>) {
    let (mut agent, mut technician) = (people::agent(), people::technician());
    let hello = technician.poll_transmit().unwrap_or_default();
    agent.handle_bytes(&hello, START, &mut Counting::new(6));
    (hello, agent.poll_transmit().unwrap_or_default())
}

pub fn agent_seeds() -> Vec<Vec<u8>> {
    let (hello, _) = flights();
    let (first, second) = hello.split_at(40);
    vec![pieces([&hello[..]]), pieces([first, second])]
}

pub fn technician_seeds() -> Vec<Vec<u8>> {
    let (_, answer) = flights();
    vec![pieces([&answer[..]])]
}

/// `u16` type, `u32` length, body: the start of every conversation, with a made-up half of the key exchange.
fn said(kinds: [u16; 3], side: u8) -> Vec<u8> {
    let frame = |kind: u16, body: &[u8]| {
        let length = body.len() as u32;
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), body].concat()
    };
    // suite 1, 33 bytes: the side and the base point of Ed25519
    let mut pake = vec![1, 33, 0, 0, 0, 0, 0, 0, 0, side, 0x58];
    pake.extend([0x66; 31]);
    let [first, second, close] = kinds;
    pieces([
        &frame(first, &pake)[..],
        &frame(second, &[7; 32]),
        &frame(close, &[12, 0]),
    ])
}

pub fn agent_inside_seeds() -> Vec<Vec<u8>> {
    vec![said([1, 2, 6], b'A'), said([7, 2, 6], b'A')]
}

pub fn technician_inside_seeds() -> Vec<Vec<u8>> {
    vec![said([33, 34, 39], b'B'), said([40, 34, 39], b'B')]
}

pub fn meeting_seeds() -> Vec<Vec<u8>> {
    let one = |delivery: u8, at: u8, how: u8| vec![delivery, at, 0, how, 3, 1, 9, 0, how, 1];
    vec![
        vec![],
        one(0, 5, 0),
        one(2, 40, 1),
        one(4, 90, 2),
        one(6, 7, 3),
    ]
}
