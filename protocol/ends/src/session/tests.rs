//! The guard in virtual time: what acts, what is dropped, what is released.

use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Lane;
use sightline_protocol::record::Class;

use super::{
    AgentEffect, AgentSays, AgentSession, TechnicianEffect, TechnicianSays, TechnicianSession,
    seal_update,
};
use crate::content::{
    Chat, ClipboardMessage, ClipboardPart, Form, Input, Scene, ShellInput, ShellOutput, Whose,
};
use crate::handshake::EarlyWords;
use crate::now::Now;
use crate::seal::{AGENT_CONTROL, FIRST_TERMINAL, TERMINALS};
use crate::testing::{START, all, plan};

const KEY: Input = Input::Key {
    keysym: 0x61,
    down: true,
};

fn both(granted: Capabilities) -> (AgentSession, TechnicianSession) {
    let (agent, technician) = plan().of_tier(3).meet().establish(granted);
    (
        AgentSession::new(&agent, START),
        TechnicianSession::new(&technician, START),
    )
}

fn effects(agent: &mut AgentSession) -> Vec<AgentEffect> {
    std::iter::from_fn(|| agent.poll_effect()).collect()
}

fn acts(effects: &[AgentEffect]) -> usize {
    effects
        .iter()
        .filter(|e| matches!(e, AgentEffect::Act(..)))
        .count()
}

fn drops(effects: &[AgentEffect]) -> usize {
    effects
        .iter()
        .filter(|e| matches!(e, AgentEffect::Dropped { .. }))
        .count()
}

#[test]
fn with_a_grant_it_acts_and_the_grant_dies_with_the_session() {
    let (mut agent, mut technician) = both(all());
    let record = technician.input(&KEY, START).unwrap();
    agent.handle_record(Class::Input, &record, START);
    let Some(AgentEffect::Act(grant, input)) = agent.poll_effect() else {
        panic!("the key must be pressed")
    };
    assert_eq!(input, KEY);
    assert!(grant.check(START.unix_ms).is_ok());
    agent.end(CloseCode::StoppedByUser, START);
    assert!(grant.check(START.unix_ms).is_err());
    let order = effects(&mut agent);
    assert!(matches!(order[0], AgentEffect::ReleaseAll));
    assert!(matches!(
        order.last(),
        Some(AgentEffect::Over(CloseCode::StoppedByUser))
    ));
}

fn hostile(granted: Capabilities, prepare: impl Fn(&mut AgentSession) -> Now) {
    let (mut agent, mut technician) = both(granted);
    let now = prepare(&mut agent);
    effects(&mut agent);
    for _ in 0..10 {
        let record = technician.hostile_input(&KEY, now);
        agent.handle_record(Class::Input, &record, now);
    }
    let seen = effects(&mut agent);
    assert_eq!(acts(&seen), 0, "nothing may act");
    let over = seen.iter().any(|e| matches!(e, AgentEffect::Over(_)));
    assert!(drops(&seen) == 10 || over || agent.allowed().is_empty());
}

#[test]
fn without_a_live_grant_nothing_acts() {
    let view = Capabilities::of(&[Capability::View]);
    hostile(view, |_| START);
    hostile(all(), |agent| {
        agent.narrow(Capabilities::of(&[Capability::View]), "taken back", START);
        START
    });
    hostile(all(), |agent| {
        agent.set_prompt_open(true);
        START
    });
    hostile(all(), |_| START.after_ms(3_600_000));
    hostile(all(), |agent| {
        agent.end(CloseCode::StoppedByUser, START);
        START
    });
}

/// What each says on its control lane reaches the other at this moment, and so do checkpoints; the effects left over.
fn exchange(
    agent: &mut AgentSession,
    technician: &mut TechnicianSession,
    now: Now,
) -> (Vec<AgentEffect>, Vec<TechnicianEffect>) {
    let (mut of_agent, mut of_technician) = (Vec::new(), Vec::new());
    loop {
        let (down, up) = (agent.poll_effect(), technician.poll_effect());
        if down.is_none() && up.is_none() {
            break;
        }
        match down {
            Some(AgentEffect::Control(record)) => {
                technician.handle_record(Class::Control, &record, now);
            }
            other => of_agent.extend(other),
        }
        match up {
            Some(TechnicianEffect::Control(record)) => {
                agent.handle_record(Class::Control, &record, now);
            }
            other => of_technician.extend(other),
        }
    }
    if let Some(signed) = agent.checkpoint(now) {
        technician.handle_checkpoint(&signed, now);
    }
    if let Some(signed) = technician.checkpoint(now) {
        agent.handle_checkpoint(&signed, now);
    }
    (of_agent, of_technician)
}

#[test]
fn what_was_done_into_a_long_silence_is_not_done_later() {
    let mut pair = plan().of_tier(3).meet();
    let (agent, technician) = pair.establish(all());
    let receipt = pair.org.receipt_for(agent.manifest, 100);
    let mut agent = AgentSession::new(&agent, START);
    let mut technician = TechnicianSession::new(&technician, START);
    agent.handle_receipt(&receipt, START);
    let press = |technician: &mut TechnicianSession, ms| technician.input(&KEY, START.after_ms(ms));
    let first = press(&mut technician, 0).unwrap();
    agent.handle_record(Class::Input, &first, START);
    let (seen, _) = exchange(&mut agent, &mut technician, START.after_ms(1_000));
    assert_eq!(acts(&seen), 1);
    assert_eq!(
        technician.listen(START.after_ms(1_000)),
        None,
        "all is answered"
    );
    // The line breaks.
    let held_back = press(&mut technician, 2_000).unwrap();
    let until = technician.listen(START.after_ms(2_000));
    assert_eq!(until, Some(START.after_ms(5_000).mono_us));
    technician.listen(START.after_ms(5_000));
    assert_eq!(technician.poll_effect(), Some(TechnicianEffect::Silent));
    assert!(press(&mut technician, 5_100).is_none());
    let let_go = technician.input(&Input::ReleaseAll, START.after_ms(5_200));
    agent.listen(START.after_ms(16_000));
    assert!(matches!(effects(&mut agent)[..], [AgentEffect::Silent]));
    // It is back.
    let back = START.after_ms(40_000);
    agent.handle_record(Class::Input, &held_back, back);
    agent.handle_record(Class::Input, &let_go.unwrap(), back);
    let (seen, told) = exchange(&mut agent, &mut technician, back);
    assert_eq!(acts(&seen), 1, "only the letting go: {seen:?}");
    assert_eq!(drops(&seen), 1);
    let silent_us = 39_000_000;
    let back_again = |effect: &AgentEffect| matches!(effect, AgentEffect::Back { silent_us: us } if *us == silent_us);
    assert!(seen.iter().any(back_again), "{seen:?}");
    let refused = TechnicianEffect::Refused(super::agent::TOO_LATE.to_owned());
    assert!(told.contains(&refused), "{told:?}");
    assert!(told.contains(&TechnicianEffect::Back { silent_us }));
    let fresh = press(&mut technician, 40_100).unwrap();
    agent.handle_record(Class::Input, &fresh, START.after_ms(40_120));
    assert_eq!(acts(&effects(&mut agent)), 1);
}

const TERMINAL: Lane = Lane(FIRST_TERMINAL);

fn open() -> TechnicianSays {
    let input = ShellInput::Open {
        columns: 80,
        rows: 24,
        term: "xterm".into(),
        command: String::new(),
    };
    TechnicianSays::Shell(TERMINAL, input)
}

#[test]
fn a_terminal_opens_with_a_grant_and_not_without() {
    let (mut agent, mut technician) = both(all());
    let opening = technician.tell(&open(), START).unwrap();
    agent.handle_record(Class::Shell, &opening.record, START);
    assert!(matches!(
        agent.poll_effect(),
        Some(AgentEffect::Shell(_, TERMINAL, ShellInput::Open { .. }))
    ));
    let view = Capabilities::of(&[Capability::View]);
    agent.narrow(view, "taken back", START);
    effects(&mut agent);
    let typed = TechnicianSays::Shell(TERMINAL, ShellInput::Data(b"id".into()));
    let typed = technician.tell(&typed, START).unwrap();
    agent.handle_record(Class::Shell, &typed.record, START);
    let seen = effects(&mut agent);
    assert_eq!(drops(&seen), 1);
    assert!(!seen.iter().any(|e| matches!(e, AgentEffect::Shell(..))));
    let output = AgentSays::Shell(TERMINAL, ShellOutput::Data(b"uid=0".into()));
    assert_eq!(agent.tell(&output, START), None, "nothing is sealed either");
    let facts = AgentSays::Facts(Box::default());
    assert!(agent.tell(&facts, START).is_some(), "view is still granted");
}

#[test]
fn each_direction_of_the_clipboard_has_a_right_of_its_own() {
    use Capability::{ReadClipboard, SetClipboard};
    let ask = ClipboardMessage::Ask {
        ask: 0,
        offer: 0,
        form: Form::Text,
    };
    let offer = ClipboardMessage::Offer {
        offer: 0,
        forms: vec![Form::Text],
    };
    let part = ClipboardPart {
        ask: 0,
        bytes: b"secret".to_vec(),
    };
    let to_agent = [
        (
            ReadClipboard,
            TechnicianSays::Clipboard(Whose::Users, ask.clone()),
        ),
        (
            SetClipboard,
            TechnicianSays::Clipboard(Whose::Technicians, offer.clone()),
        ),
        (SetClipboard, TechnicianSays::ClipboardPart(part.clone())),
    ];
    let to_technician = [
        (ReadClipboard, AgentSays::Clipboard(Whose::Users, offer)),
        (ReadClipboard, AgentSays::ClipboardPart(part)),
        (SetClipboard, AgentSays::Clipboard(Whose::Technicians, ask)),
    ];
    for granted in [ReadClipboard, SetClipboard] {
        let (mut agent, mut technician) = both(all());
        // The technician does not hear of it, and seals it all.
        agent.narrow(Capabilities::of(&[granted]), "narrowed", START);
        effects(&mut agent);
        for (right, says) in &to_agent {
            let outgoing = technician.tell(says, START).unwrap();
            agent.handle_record(outgoing.lane.class, &outgoing.record, START);
            let acts = effects(&mut agent);
            let acted = acts.iter().any(|effect| {
                matches!(
                    effect,
                    AgentEffect::ReadClipboard(..)
                        | AgentEffect::SetClipboard(..)
                        | AgentEffect::ClipboardPart(..)
                )
            });
            assert_eq!(acted, *right == granted, "{says:?} with {granted}");
        }
        for (right, says) in &to_technician {
            let sealed = agent.tell(says, START).is_some();
            assert_eq!(sealed, *right == granted, "{says:?} with {granted}");
        }
        agent.narrow(Capabilities::NONE, "taken back", START);
        for (_, says) in &to_technician {
            assert_eq!(agent.tell(says, START), None);
        }
    }
}

#[test]
fn a_checkpoint_may_overtake_the_first_record_of_a_lane() {
    let (mut agent, mut technician) = both(all());
    let opening = technician.tell(&open(), START).unwrap();
    let later = START.after_ms(1_000);
    let checkpoint = technician.checkpoint(later).unwrap();
    agent.handle_checkpoint(&checkpoint, later);
    agent.handle_record(Class::Shell, &opening.record, later);
    let seen = effects(&mut agent);
    assert!(!seen.iter().any(|e| matches!(e, AgentEffect::Over(_))));
    assert_eq!(drops(&seen), 0);
}

#[test]
fn a_lane_that_does_not_exist_ends_the_session() {
    let (mut agent, mut technician) = both(all());
    let TechnicianSays::Shell(_, input) = open() else {
        panic!("it is a terminal")
    };
    let beyond = TechnicianSays::Shell(Lane(FIRST_TERMINAL + TERMINALS), input);
    let record = technician.tell(&beyond, START).unwrap().record;
    agent.handle_record(Class::Shell, &record, START);
    let over = AgentEffect::Over(CloseCode::ProtocolViolation);
    assert!(
        effects(&mut agent)
            .iter()
            .any(|e| format!("{e:?}") == format!("{over:?}"))
    );
}

#[test]
fn facts_come_with_the_pictures_key_and_are_no_picture() {
    let (mut agent, mut technician) = both(all());
    technician.ask_facts(START);
    let Some(TechnicianEffect::Control(asked)) = technician.poll_effect() else {
        panic!("it must ask")
    };
    agent.handle_record(Class::Control, &asked, START);
    assert!(matches!(
        agent.poll_effect(),
        Some(AgentEffect::TellFacts(_))
    ));
    let facts = AgentSays::Facts(Box::default());
    let told = agent.tell(&facts, START).unwrap();
    technician.handle_record(Class::Picture, &told.record, START);
    assert_eq!(
        technician.poll_effect(),
        Some(TechnicianEffect::Said(facts))
    );
}

#[test]
fn dropped_input_is_logged_each_time_and_told_once_a_second() {
    let (mut agent, mut technician) = both(Capabilities::of(&[Capability::View]));
    for n in 0..20 {
        let now = START.after_ms(n * 100);
        let record = technician.hostile_input(&KEY, now);
        agent.handle_record(Class::Input, &record, now);
    }
    let seen = effects(&mut agent);
    assert_eq!(drops(&seen), 20);
    let told = seen
        .iter()
        .filter(|e| matches!(e, AgentEffect::Control(_)))
        .count();
    assert_eq!(told, 2);
}

#[test]
fn a_view_only_technician_sends_no_input() {
    let (_, mut technician) = both(Capabilities::of(&[Capability::View]));
    assert!(technician.input(&KEY, START).is_none());
}

#[test]
fn replayed_forged_and_misplaced_records_end_the_session() {
    let (mut agent, mut technician) = both(all());
    let record = technician.input(&KEY, START).unwrap();
    agent.handle_record(Class::Input, &record, START);
    agent.handle_record(Class::Input, &record, START);
    let seen = effects(&mut agent);
    assert_eq!(acts(&seen), 1, "the replay must not act");
    assert!(
        seen.iter()
            .any(|e| matches!(e, AgentEffect::Over(CloseCode::ProtocolViolation)))
    );

    let (mut agent, mut technician) = both(all());
    let record = technician.input(&KEY, START).unwrap();
    agent.handle_record(Class::Control, &record, START);
    assert_eq!(acts(&effects(&mut agent)), 0);
}

#[test]
fn what_a_silent_technician_holds_is_let_go_of() {
    let (mut agent, mut technician) = both(all());
    assert_eq!(agent.poll_silence_us(), None);
    let record = technician.input(&KEY, START).unwrap();
    agent.handle_record(Class::Input, &record, START);
    assert!(technician.holds());
    // Heard once more, by a ping.
    let later = START.after_ms(2_000);
    technician.ping(later);
    let Some(TechnicianEffect::Control(ping)) = technician.poll_effect() else {
        panic!("a ping goes out")
    };
    agent.handle_record(Class::Control, &ping, later);
    effects(&mut agent);
    let silent = START.after_ms(5_000);
    assert_eq!(agent.poll_silence_us(), Some(silent.mono_us));
    agent.handle_silence(START.after_ms(4_999));
    assert!(effects(&mut agent).is_empty());
    agent.handle_silence(silent);
    assert!(matches!(effects(&mut agent)[..], [AgentEffect::ReleaseAll]));
    assert_eq!(agent.poll_silence_us(), None);

    let up = Input::Key {
        keysym: 0x61,
        down: false,
    };
    technician.input(&up, silent).unwrap();
    assert!(!technician.holds());
}

#[test]
fn the_grants_end_ends_the_session() {
    let (mut agent, mut technician) = both(all());
    let until = agent.poll_timeout_unix_ms().unwrap();
    assert_eq!(until, START.unix_ms + 3_600_000);
    agent.handle_timeout(START.after_ms(3_599_999));
    assert!(effects(&mut agent).is_empty());
    let end = START.after_ms(3_600_000);
    agent.handle_timeout(end);
    let seen = effects(&mut agent);
    for effect in &seen {
        if let AgentEffect::Control(record) = effect {
            technician.handle_record(Class::Control, record, end);
        }
    }
    assert_eq!(
        technician.poll_effect(),
        Some(TechnicianEffect::Over(CloseCode::GrantExpired))
    );
}

#[test]
fn pictures_arrive_whole_and_in_order_and_pings_come_back() {
    let (mut agent, mut technician) = both(all());
    let (grant, sealer) = agent.start_view(START).unwrap();
    assert!(grant.check(START.unix_ms).is_ok());
    let mut sealer = sealer.unwrap();
    assert!(agent.start_view(START).unwrap().1.is_none(), "only once");
    let update: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let mut got = Vec::new();
    for record in seal_update(&mut sealer, 4, &update, START.mono_us) {
        technician.handle_record(Class::Picture, &record, START);
        match technician.poll_effect() {
            Some(TechnicianEffect::Scene(Scene::Update {
                frame: 4,
                bytes,
                last,
            })) => {
                got.extend(bytes);
                assert_eq!(last, got.len() == update.len());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(got, update);

    technician.ping(START);
    let Some(TechnicianEffect::Control(ping)) = technician.poll_effect() else {
        panic!("a ping goes out")
    };
    agent.handle_record(Class::Control, &ping, START);
    let Some(AgentEffect::Control(pong)) = agent.poll_effect() else {
        panic!("a pong comes back")
    };
    technician.handle_record(Class::Control, &pong, START.after_ms(7));
    assert_eq!(
        technician.poll_effect(),
        Some(TechnicianEffect::RoundTrip(7_000))
    );
    assert_eq!(AGENT_CONTROL.lane.0, 0);
}

/// Two ends that talked before the consent; `change` is done to what each remembers of it.
fn talked(change: impl Fn(&mut EarlyWords, &mut EarlyWords)) -> (AgentSession, TechnicianSession) {
    let mut pair = plan().of_tier(3).meet();
    pair.settle();
    for (n, words) in ["hello?", "It's Tess", "the cable first"]
        .into_iter()
        .enumerate()
    {
        pair.now = START.after_ms(n as u64 * 1_000);
        match n {
            0 => pair.agent.say(words, pair.now).unwrap(),
            _ => pair.technician.say(words, pair.now).unwrap(),
        };
        pair.settle();
    }
    // Of all rights the one to exchange messages is not granted: what was said is recorded all the same.
    let view = Capabilities::of(&[Capability::View]);
    let (mut agent, mut technician) = pair.establish(view);
    change(&mut agent.early, &mut technician.early);
    let now = START.after_ms(5_000);
    (
        AgentSession::new(&agent, now),
        TechnicianSession::new(&technician, now),
    )
}

fn say(text: &str) -> Chat {
    Chat::Say { text: text.into() }
}

/// Carries what each repeats to the other; then the code with which each ended, if it did.
fn repeat(agent: &mut AgentSession, technician: &mut TechnicianSession) -> [Option<CloseCode>; 2] {
    let now = START.after_ms(5_000);
    let mut ended = [None; 2];
    loop {
        let (up, down) = (technician.poll_effect(), agent.poll_effect());
        match &up {
            Some(TechnicianEffect::Repeat(outgoing)) => {
                agent.handle_record(outgoing.lane.class, &outgoing.record, now);
            }
            Some(TechnicianEffect::Over(code)) => ended[1] = Some(*code),
            Some(TechnicianEffect::Said(_)) => panic!("a repetition is no news"),
            _ => {}
        }
        match &down {
            Some(AgentEffect::Repeat(outgoing)) => {
                technician.handle_record(outgoing.lane.class, &outgoing.record, now);
            }
            Some(AgentEffect::Over(code)) => ended[0] = Some(*code),
            Some(AgentEffect::Chat(_)) => panic!("a repetition is no news"),
            _ => {}
        }
        if up.is_none() && down.is_none() {
            return ended;
        }
    }
}

#[test]
fn each_repeats_its_words_from_before_the_consent() {
    let (mut agent, mut technician) = talked(|_, _| {});
    assert_eq!(repeat(&mut agent, &mut technician), [None, None]);
    let now = START.after_ms(6_000);
    let later = technician.tell(&TechnicianSays::Chat(say("now")), now);
    agent.handle_record(Class::Chat, &later.unwrap().record, now);
    assert!(
        effects(&mut agent)
            .iter()
            .any(|e| matches!(e, AgentEffect::Chat(Chat::Say { .. })))
    );
    let checkpoint = technician.checkpoint(START.after_ms(7_000)).unwrap();
    agent.handle_checkpoint(&checkpoint, START.after_ms(7_000));
    let checkpoint = agent.checkpoint(START.after_ms(7_000)).unwrap();
    technician.handle_checkpoint(&checkpoint, START.after_ms(7_000));
    assert_eq!(repeat(&mut agent, &mut technician), [None, None]);
}

#[test]
fn who_repeats_other_words_ends_the_session() {
    let broken = Some(CloseCode::ProtocolViolation);
    let (mut agent, mut technician) = talked(|_, technician| {
        technician.own[1].text = "the cable last".into();
    });
    assert_eq!(repeat(&mut agent, &mut technician)[0], broken);
    let (mut agent, mut technician) = talked(|_, technician| technician.own.swap(0, 1));
    assert_eq!(repeat(&mut agent, &mut technician)[0], broken);
    let (mut agent, mut technician) = talked(|_, technician| {
        let again = technician.own[0].clone();
        technician.own.push(again);
    });
    assert_eq!(repeat(&mut agent, &mut technician)[0], broken);
    let (mut agent, mut technician) = talked(|agent, _| agent.own[0].text.push('!'));
    assert_eq!(repeat(&mut agent, &mut technician)[1], broken);
}

#[test]
fn who_leaves_out_what_it_said_ends_the_session() {
    let broken = Some(CloseCode::ProtocolViolation);
    let now = START.after_ms(6_100);
    // It goes on in chat as if nothing had been said.
    let (mut agent, mut technician) = talked(|_, technician| drop(technician.own.pop()));
    assert_eq!(repeat(&mut agent, &mut technician), [None, None]);
    let later = technician.tell(&TechnicianSays::Chat(say("now")), now);
    agent.handle_record(Class::Chat, &later.unwrap().record, now);
    assert_eq!(repeat(&mut agent, &mut technician)[0], broken);
    // It says nothing in chat at all: its first checkpoint tells.
    let (mut agent, mut technician) = talked(|_, technician| technician.own.clear());
    technician.ping(now);
    let Some(TechnicianEffect::Control(ping)) = technician.poll_effect() else {
        panic!("a ping goes out")
    };
    agent.handle_record(Class::Control, &ping, now);
    let checkpoint = technician.checkpoint(now).unwrap();
    agent.handle_checkpoint(&checkpoint, now);
    assert_eq!(repeat(&mut agent, &mut technician)[0], broken);
    // The agent, the same.
    let (mut agent, mut technician) = talked(|agent, _| agent.own.clear());
    agent.narrow(Capabilities::of(&[Capability::View]), "nothing new", now);
    let checkpoint = agent.checkpoint(now).unwrap();
    technician.handle_checkpoint(&checkpoint, now);
    assert_eq!(repeat(&mut agent, &mut technician)[1], broken);
}

#[test]
fn nobody_repeats_what_was_not_said() {
    let (mut agent, mut technician) = both(all());
    let earlier = Chat::Earlier {
        text: "you promised".into(),
        ago_ms: 5,
    };
    let record = technician.tell(&TechnicianSays::Chat(earlier), START);
    agent.handle_record(Class::Chat, &record.unwrap().record, START);
    assert_eq!(
        repeat(&mut agent, &mut technician)[0],
        Some(CloseCode::ProtocolViolation)
    );
}
