//! A session after the handshake: hostile records, hostile contents under good seals.

use std::collections::VecDeque;

use sightline_ends::content::{
    Area, Button, Chat, Control, CursorShape, Input, Layout, Monitor, Scene,
};
use sightline_ends::handshake::Established;
use sightline_ends::now::Now;
use sightline_ends::seal::{
    AGENT_CONTROL, AGENT_PICTURE, CHAT, LaneId, Sealer, TECHNICIAN_CONTROL, TECHNICIAN_INPUT,
};
use sightline_ends::session::{
    AgentEffect, AgentSays, AgentSession, TechnicianEffect, TechnicianSession,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Lane};
use sightline_protocol::record::{Class, OVERHEAD};
use sightline_protocol::wire;

use crate::bytes::{Bytes, pieces};
use crate::people::{self, GRANT_MS, START};

fn established(granted: Capabilities, agent: bool) -> Established {
    Established {
        session: people::SESSION,
        key: people::agent_key(),
        peer: people::technician_key().public(),
        manifest: people::sealed_manifest().manifest.digest(),
        receipt: people::receipt(people::sealed_manifest().manifest.digest()),
        keys: people::keys(),
        consent: people::consent(granted),
        technician_name: "Tess Technician".into(),
        bundle: people::bundle(),
        computer: "pc".into(),
        early: people::early(agent),
    }
}

/// Capabilities of seven bits.
fn capabilities(bits: u8) -> Capabilities {
    let has = |c: &Capability| bits & 1 << *c as u8 != 0;
    Capability::ALL.into_iter().filter(has).collect()
}

fn sealer(id: LaneId) -> Sealer {
    Sealer::new(&people::keys(), id, START.mono_us).expect("all keys are there")
}

fn sealed(sealer: &mut Sealer, body: &[u8], now: Now) -> Vec<u8> {
    let room = sealer.id().class.cap() - OVERHEAD;
    sealer.seal(&body[..body.len().min(room)], 0, now.mono_us)
}

fn chat_lane(author: Author) -> LaneId {
    LaneId {
        author,
        lane: Lane(CHAT),
        class: Class::Chat,
    }
}

/// What the other end must repeat before anything it says in chat counts.
struct Talk {
    due: VecDeque<String>,
    broken: bool,
}

impl Talk {
    fn new(agent: bool) -> Talk {
        let theirs = people::early(agent).theirs.into_iter();
        Talk {
            due: theirs.map(|early| early.text).collect(),
            broken: false,
        }
    }

    fn said(&mut self, body: &[u8]) {
        match (wire::decode(body), self.due.front()) {
            (Ok(Chat::Earlier { text, .. }), Some(due)) if text == *due => {
                self.due.pop_front();
            }
            (Ok(Chat::Say { .. }) | Err(_), None) => {}
            (Err(_), Some(_)) => {} // no words, and no repetition
            _ => self.broken = true,
        }
    }

    fn heard(&self, chat: &Chat) {
        assert!(matches!(chat, Chat::Say { .. }), "a repetition is no news");
        assert!(!self.broken, "it goes on with who repeats other words");
        assert!(self.due.is_empty(), "something was left out");
    }
}

/// What the guard must allow, kept beside it.
struct Model {
    control: bool,
    prompt: bool,
    over: bool,
    ended: bool,
    talk: Talk,
}

impl Model {
    fn permits(&self, now: Now) -> bool {
        self.control && !self.prompt && !self.ended && now.unix_ms < START.unix_ms + GRANT_MS
    }

    fn effects(&mut self, guard: &mut AgentSession, now: Now) {
        while let Some(effect) = guard.poll_effect() {
            let ends = matches!(effect, AgentEffect::ReleaseAll);
            assert!(!self.over || ends, "it went on after the end");
            match effect {
                AgentEffect::Act(grant, _) => {
                    assert!(self.permits(now), "it acted without a live grant");
                    assert!(grant.check(now.unix_ms).is_ok());
                }
                AgentEffect::Over(_) => self.over = true,
                AgentEffect::Chat(chat) => self.talk.heard(&chat),
                _ => {}
            }
        }
    }
}

/// First the grants, then what happens.
pub fn agent(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let granted = capabilities(bytes.byte());
    let mut guard = AgentSession::new(&established(granted, true), START);
    let mut model = Model {
        control: granted.contains(Capability::Control),
        prompt: false,
        over: false,
        ended: false,
        talk: Talk::new(true),
    };
    let (mut input, mut control) = (sealer(TECHNICIAN_INPUT), sealer(TECHNICIAN_CONTROL));
    let mut chat = sealer(chat_lane(Author::FIRST_TECHNICIAN));
    let mut now = START;
    while !bytes.is_empty() {
        match bytes.byte() % 10 {
            0 | 1 => {
                let record = sealed(&mut input, bytes.piece(), now);
                guard.handle_record(Class::Input, &record, now);
            }
            2 => {
                let record = sealed(&mut control, bytes.piece(), now);
                guard.handle_record(Class::Control, &record, now);
            }
            3 => {
                let class = Class::from_byte(bytes.byte() % 8).expect("there are eight");
                guard.handle_record(class, bytes.piece(), now);
            }
            4 => {
                model.prompt = bytes.byte() % 2 == 1;
                guard.set_prompt_open(model.prompt);
            }
            5 => {
                let keep = capabilities(bytes.byte());
                model.control &= keep.contains(Capability::Control);
                guard.narrow(keep, "taken back", now);
            }
            6 => now = now.after_ms(u64::from(bytes.u16())),
            7 => guard.handle_timeout(now),
            9 => {
                let body = bytes.piece();
                model.talk.said(body);
                guard.handle_record(Class::Chat, &sealed(&mut chat, body, now), now);
            }
            _ => {
                model.ended = true;
                guard.end(CloseCode::StoppedByUser, now);
            }
        }
        model.effects(&mut guard, now);
        if model.over {
            model.ended = true;
            assert!(guard.allowed().is_empty(), "rights outlive the session");
        }
    }
}

/// Scenes and control messages under good seals, and records as they come.
pub fn technician(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let granted = capabilities(bytes.byte());
    let mut machine = TechnicianSession::new(&established(granted, false), START);
    let (mut picture, mut control) = (sealer(AGENT_PICTURE), sealer(AGENT_CONTROL));
    let mut chat = sealer(chat_lane(Author::AGENT));
    let mut talk = Talk::new(false);
    let mut now = START;
    let mut over = false;
    while !bytes.is_empty() {
        match bytes.byte() % 7 {
            0 | 1 => {
                let record = sealed(&mut picture, bytes.piece(), now);
                machine.handle_record(Class::Picture, &record, now);
            }
            2 => {
                let record = sealed(&mut control, bytes.piece(), now);
                machine.handle_record(Class::Control, &record, now);
            }
            3 => {
                let class = Class::from_byte(bytes.byte() % 8).expect("there are eight");
                machine.handle_record(class, bytes.piece(), now);
            }
            4 => {
                now = now.after_ms(u64::from(bytes.byte()));
                machine.ping(now);
            }
            6 => {
                let body = bytes.piece();
                talk.said(body);
                machine.handle_record(Class::Chat, &sealed(&mut chat, body, now), now);
            }
            _ => {
                let allowed = machine.allowed().contains(Capability::Control);
                let sent = machine.input(&Input::ReleaseAll, now).is_some();
                assert_eq!(sent, allowed && !over);
            }
        }
        while let Some(effect) = machine.poll_effect() {
            assert!(!over, "something came after the end");
            over |= matches!(effect, TechnicianEffect::Over(_));
            if let TechnicianEffect::Said(AgentSays::Chat(chat)) = effect {
                talk.heard(&chat);
            }
        }
    }
}

fn act(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut data = vec![kind];
    data.extend(pieces([body]));
    data
}

pub fn agent_seeds() -> Vec<Vec<u8>> {
    let inputs = [
        Input::Pointer { x: 10, y: 20 },
        Input::Button {
            button: Button::Left,
            down: true,
        },
        Input::Wheel { dx: 0, dy: -120 },
        Input::Key {
            keysym: 0x61,
            down: true,
        },
        Input::Text("Grüße".into()),
        Input::ReleaseAll,
    ];
    let controls = [
        Control::Shown { frame: 3 },
        Control::Ping { number: 1 },
        Control::Bye { code: 3 },
    ];
    let typed: Vec<u8> = inputs
        .iter()
        .flat_map(|input| act(0, &wire::encode(input)))
        .collect();
    let said: Vec<u8> = controls
        .iter()
        .flat_map(|said| act(2, &wire::encode(said)))
        .collect();
    let chats = [
        Chat::Earlier {
            text: "Tess".into(),
            ago_ms: 2_000,
        },
        Chat::Earlier {
            text: "Grüße 中".into(),
            ago_ms: 1,
        },
        Chat::Say { text: "now".into() },
    ];
    let talk: Vec<u8> = chats
        .iter()
        .flat_map(|said| act(9, &wire::encode(said)))
        .collect();
    let all = [0b111_1111];
    vec![
        [&all[..], &typed, &said].concat(),
        [&[0b1][..], &typed].concat(),
        [&all[..], &[4, 1], &typed, &[4, 0], &typed].concat(),
        [&all[..], &[5, 1], &typed].concat(),
        [&all[..], &[6, 0xff, 0xff], &typed, &[7]].concat(),
        [&all[..], &[8], &typed].concat(),
        [&all[..], &talk, &typed].concat(),
    ]
}

pub fn technician_seeds() -> Vec<Vec<u8>> {
    let area = Area {
        x: 0,
        y: 0,
        width: 64,
        height: 48,
    };
    let scenes = [
        Scene::Layout(Layout {
            width: 64,
            height: 48,
            monitors: vec![Monitor {
                name: "one".into(),
                area,
                primary: true,
            }],
        }),
        Scene::Cursor(CursorShape {
            width: 2,
            height: 2,
            hot_x: 0,
            hot_y: 1,
            pixels: vec![0, 1, 2, 3],
        }),
        Scene::Update {
            frame: 0,
            last: true,
            bytes: vec![1, 1, 0, 1, 1, 0, 0],
        },
        Scene::Pointer { x: -1, y: 7 },
        Scene::Window {
            title: "Inbox".into(),
        },
    ];
    let controls = [
        Control::Pong { number: 1 },
        Control::Grants {
            capabilities: capabilities(1),
            why: "taken back".into(),
        },
        Control::Refused { why: "no".into() },
        Control::Bye { code: 2 },
    ];
    let shown: Vec<u8> = scenes
        .iter()
        .flat_map(|scene| act(0, &wire::encode(scene)))
        .collect();
    let said: Vec<u8> = controls
        .iter()
        .flat_map(|said| act(2, &wire::encode(said)))
        .collect();
    let chats = [
        Chat::Earlier {
            text: "who is it?".into(),
            ago_ms: 2_000,
        },
        Chat::Say { text: "now".into() },
    ];
    let talk: Vec<u8> = chats
        .iter()
        .flat_map(|said| act(6, &wire::encode(said)))
        .collect();
    vec![[&[0b11][..], &shown, &[4, 9, 5], &talk, &said, &[5]].concat()]
}
