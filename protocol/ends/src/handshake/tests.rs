//! The handshake in virtual time, and everything that tries to get past it.

use std::sync::Arc;

use proptest::prelude::*;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Nameplate;
use sightline_protocol::statement::{Signed, SigningKey};

use super::messages::{FromAgent, FromTechnician};
use super::{AgentEvent, EARLY_MESSAGES, Early, SayError, TechnicianEvent};
use crate::code::SessionCode;
use crate::content::CHAT_CAP;
use crate::replay::VerifiedManifest;
use crate::testing::{Counting, START, all, organisation, plan};
use crate::tunnel::Tunnel;

fn view() -> Capabilities {
    Capabilities::of(&[Capability::View])
}

#[test]
fn both_ends_agree_on_everything() {
    let mut pair = plan().meet();
    pair.settle();
    assert!(pair.asked() && pair.spent() == 1);
    let (agent, technician) = pair.establish(all());
    assert_eq!(agent.consent, technician.consent);
    // tier 2 of the test organisation has view and control; more was asked for
    assert_eq!(
        agent.consent.granted,
        Capabilities::of(&[Capability::View, Capability::Control])
    );
    assert_eq!(agent.consent.reason, "printer");
    assert!(agent.consent.text.contains("recorded"));
    let auditors = &pair.org.bundle.auditors;
    assert_eq!(
        agent.keys.publish(auditors).unwrap(),
        technician.keys.publish(auditors).unwrap()
    );
}

#[test]
fn the_manifest_stands_on_its_own() {
    let mut pair = plan().meet();
    pair.settle();
    pair.agent.handle_answer(Ok(view()), pair.now);
    pair.settle();
    let sealed = pair.manifest().unwrap();
    let verified = VerifiedManifest::verify(sealed, &pair.org.bundle).unwrap();
    assert_eq!(verified.consent.granted, view());
    assert!(VerifiedManifest::verify(sealed, &organisation(50).bundle).is_err());
    let mut bent = sealed.clone();
    bent.manifest.body[20] ^= 1;
    assert!(VerifiedManifest::verify(&bent, &pair.org.bundle).is_err());
}

#[test]
fn a_wrong_code_is_spent_and_asks_nobody() {
    let mut plan = plan();
    let nameplate = Nameplate::new(48_213).unwrap();
    plan.technician.code = SessionCode::draw(nameplate, &mut Counting::new(10));
    let mut pair = plan.meet();
    pair.settle();
    assert_eq!(pair.agent_failure(), Some(CloseCode::WrongCode));
    assert_eq!(pair.technician_failure(), Some(CloseCode::WrongCode));
    assert_eq!(pair.spent(), 1);
    assert!(!pair.asked());
}

#[test]
fn the_code_is_spent_before_it_is_answered() {
    let mut pair = plan().meet();
    // carry bytes until the agent reports the spending; its answer must still be unsent at that moment
    loop {
        if let Some(bytes) = pair.technician.poll_transmit() {
            pair.agent.handle_bytes(&bytes, pair.now, &mut pair.rng);
        }
        match pair.agent.poll_event() {
            Some(AgentEvent::CodeSpent) => break,
            Some(_) => panic!("something came before the code was spent"),
            None => {}
        }
        let bytes = pair.agent.poll_transmit().expect("the TLS goes on");
        pair.technician
            .handle_bytes(&bytes, pair.now, &mut pair.rng);
        assert!(
            pair.technician.poll_event().is_none(),
            "the agent answered before it spent the code"
        );
    }
}

#[test]
fn foreign_expired_and_borrowed_credentials_are_refused_before_any_prompt() {
    let foreign = organisation(50);
    type Change = Box<dyn Fn(&mut crate::testing::Plan)>;
    let cases: Vec<(Change, CloseCode)> = vec![
        (
            Box::new(move |p| {
                let credential = foreign.credential(&p.technician.key, 2);
                p.technician.credential = Signed::sign(&credential, &foreign.issuer);
            }),
            CloseCode::ForeignOrganisation,
        ),
        (
            Box::new(|p| {
                let mut credential = p.org.credential(&p.technician.key, 2);
                credential.issued_ms -= 20_000_000;
                credential.expires_ms = START.unix_ms - 1;
                p.technician.credential = Signed::sign(&credential, &p.org.issuer);
            }),
            CloseCode::CredentialExpired,
        ),
        (
            Box::new(|p| {
                let other = SigningKey::from_seed(&[66; 32]);
                let credential = p.org.credential(&other, 2);
                p.technician.credential = Signed::sign(&credential, &p.org.issuer);
            }),
            CloseCode::CredentialRefused,
        ),
        (
            Box::new(|p| p.technician.asked = Capabilities::of(&[Capability::Shell])),
            CloseCode::NothingAllowed,
        ),
    ];
    for (change, code) in cases {
        let mut plan = plan();
        change(&mut plan);
        let mut pair = plan.meet();
        pair.settle();
        assert_eq!(pair.agent_failure(), Some(code));
        assert_eq!(pair.technician_failure(), Some(code));
        assert!(!pair.asked(), "{code:?} must not reach the user");
    }
}

#[test]
fn denied_timed_out_narrowed() {
    let mut denied = plan().meet();
    denied.settle();
    denied
        .agent
        .handle_answer(Err(CloseCode::Denied), denied.now);
    denied.settle();
    assert_eq!(denied.technician_failure(), Some(CloseCode::Denied));

    let mut silent = plan().meet();
    silent.settle();
    let deadline = silent.agent.poll_timeout().unwrap();
    assert_eq!(deadline, START.mono_us + 60_000_000);
    silent.now = START.after_ms(59_999);
    silent.agent.handle_timeout(silent.now);
    silent.settle();
    assert_eq!(silent.technician_failure(), None);
    silent.now = START.after_ms(60_000);
    silent.agent.handle_timeout(silent.now);
    silent.settle();
    assert_eq!(
        silent.technician_failure(),
        Some(CloseCode::ConsentTimedOut)
    );

    let mut narrowed = plan().meet();
    let (agent, technician) = narrowed.establish(view());
    assert_eq!(agent.consent.granted, view());
    assert_eq!(technician.consent.granted, view());
}

#[test]
fn the_answer_cannot_widen_what_was_asked() {
    let mut plan = plan();
    plan.technician.asked = view();
    let mut pair = plan.meet();
    let (agent, _) = pair.establish(all());
    assert_eq!(agent.consent.granted, view());
}

#[test]
fn no_receipt_or_a_foreign_one_ends_it() {
    let mut pair = plan().meet();
    pair.settle();
    pair.agent.handle_answer(Ok(view()), pair.now);
    pair.settle();
    let manifest = pair.manifest().unwrap().clone();
    pair.agent
        .handle_receipt(organisation(50).receipt(&manifest), pair.now);
    pair.settle();
    assert_eq!(pair.agent_failure(), Some(CloseCode::NoReceipt));

    let mut pair = plan().meet();
    pair.settle();
    pair.agent.handle_answer(Ok(view()), pair.now);
    pair.settle();
    pair.now = pair.now.after_ms(20_000);
    pair.agent.handle_timeout(pair.now);
    pair.settle();
    assert_eq!(pair.agent_failure(), Some(CloseCode::NoReceipt));
    assert_eq!(pair.technician_failure(), Some(CloseCode::NoReceipt));
}

/// A relay in the middle with its own agent key and a stolen technician key and credential, which passes on
/// every message inside.
#[test]
fn a_relay_that_terminates_both_legs_learns_nothing_and_gets_nowhere() {
    let plan = plan();
    let stolen = Arc::clone(&plan.technician.key);
    let mut to_technician = Tunnel::server(&SigningKey::from_seed(&[200; 32]));
    let mut to_agent = Tunnel::client(&stolen);
    let mut pair = plan.meet();
    for _ in 0..40 {
        if let Some(bytes) = pair.technician.poll_transmit() {
            let _ = to_technician.handle(&bytes);
        }
        if let Some(bytes) = pair.agent.poll_transmit() {
            let _ = to_agent.handle(&bytes);
        }
        while let Ok(Some(message)) = to_technician.next::<FromTechnician>() {
            to_agent.send(&message);
        }
        while let Ok(Some(message)) = to_agent.next::<FromAgent>() {
            to_technician.send(&message);
        }
        if let Some(bytes) = to_technician.transmit() {
            pair.technician
                .handle_bytes(&bytes, pair.now, &mut pair.rng);
        }
        if let Some(bytes) = to_agent.transmit() {
            pair.agent.handle_bytes(&bytes, pair.now, &mut pair.rng);
        }
        while let Some(event) = pair.agent.poll_event() {
            pair.agent_events.push(event);
        }
        while let Some(event) = pair.technician.poll_event() {
            pair.technician_events.push(event);
        }
    }
    assert_eq!(pair.agent_failure(), Some(CloseCode::WrongCode));
    assert!(pair.technician_failure().is_some());
    assert!(!pair.asked(), "the user must not even be asked");
    assert_eq!(pair.spent(), 1, "the attempt burns the code");
}

#[test]
fn an_agent_that_escrows_another_key_is_refused_by_the_technician() {
    // An agent with another bundle (an auditor of its own) under the same root.
    let mut plan = plan();
    let mut bundle = plan.org.bundle.clone();
    bundle.auditors.clear();
    let root = SigningKey::from_seed(&[1; 32]);
    plan.agent.bundle = Signed::sign(&bundle, &root);
    let mut pair = plan.meet();
    pair.settle();
    pair.agent.handle_answer(Ok(view()), pair.now);
    pair.settle();
    assert_eq!(pair.technician_failure(), Some(CloseCode::WrongEscrow));
    assert!(pair.manifest().is_none());
}

#[test]
fn two_hundred_auditors_are_not_too_many() {
    let mut plan = plan();
    let auditor = plan.org.bundle.auditors[0].clone();
    plan.org.bundle.auditors = vec![auditor; 200];
    let root = SigningKey::from_seed(&[1; 32]);
    plan.agent.bundle = Signed::sign(&plan.org.bundle, &root);
    plan.technician.bundle = plan.agent.bundle.clone();
    plan.meet().establish(view());
}

#[test]
fn a_reason_of_any_length_is_cut_and_not_refused() {
    let mut plan = plan();
    plan.technician.reason = "why?".repeat(5_000);
    plan.technician.ticket = "T".repeat(5_000);
    let (agent, _) = plan.meet().establish(view());
    assert_eq!(agent.consent.reason.chars().count(), super::REASON_CAP);
}

#[test]
fn the_newer_bundle_of_the_two_is_used_whoever_has_it() {
    for agents_is_newer in [true, false] {
        let mut plan = plan();
        let mut newer = plan.org.bundle.clone();
        newer.serial += 1;
        newer.auditors.push(newer.auditors[0].clone());
        let signed = Signed::sign(&newer, &SigningKey::from_seed(&[1; 32]));
        match agents_is_newer {
            true => plan.agent.bundle = signed,
            false => plan.technician.bundle = signed,
        }
        let mut pair = plan.meet();
        pair.settle();
        let kept = pair
            .agent_events
            .iter()
            .any(|e| matches!(e, AgentEvent::NewerBundle(_)));
        assert_eq!(kept, !agents_is_newer);
        let (agent, technician) = pair.establish(view());
        assert_eq!((agent.bundle, technician.bundle), (newer.clone(), newer));
    }
}

#[test]
fn a_newer_bundle_of_another_root_is_not_taken() {
    let mut plan = plan();
    let mut foreign = organisation(50).bundle;
    foreign.serial = 9;
    plan.technician.bundle = Signed::sign(&foreign, &SigningKey::from_seed(&[50; 32]));
    let mut pair = plan.meet();
    pair.settle();
    pair.agent.handle_answer(Ok(view()), pair.now);
    pair.settle();
    assert_eq!(pair.technician_failure(), Some(CloseCode::WrongEscrow));
}

#[test]
fn hands_without_eyes_are_not_asked_for() {
    let mut plan = plan();
    plan.technician.asked = Capabilities::of(&[Capability::Control]);
    let mut pair = plan.meet();
    pair.settle();
    assert_eq!(pair.technician_failure(), Some(CloseCode::NothingAllowed));
}

#[test]
fn silence_ends_it_at_every_step() {
    // cut the line after n deliveries: both ends must time out, never hang
    for n in 0..12 {
        let mut pair = plan().meet();
        let mut left = n;
        pair.settle_through(|_, bytes| {
            if left == 0 {
                return Vec::new();
            }
            left -= 1;
            bytes
        });
        pair.now = pair.now.after_ms(120_000);
        pair.agent.handle_timeout(pair.now);
        pair.technician.handle_timeout(pair.now);
        pair.settle_through(|_, _| Vec::new());
        assert!(pair.agent_failure().is_some(), "agent hangs after {n}");
        assert!(
            pair.technician_failure().is_some(),
            "technician hangs after {n}"
        );
    }
}

fn established(events: &[AgentEvent], theirs: &[TechnicianEvent]) -> bool {
    events
        .iter()
        .any(|e| matches!(e, AgentEvent::Established(_)))
        || theirs
            .iter()
            .any(|e| matches!(e, TechnicianEvent::Established(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One bit flipped, or one delivery cut short, anywhere: never a panic, never a session, never a prompt
    /// beyond what was honestly reached.
    #[test]
    fn bent_and_cut_bytes_never_lead_to_a_session(
        delivery in 0_usize..8, position in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<bool>(),
    ) {
        let mut pair = plan().meet();
        let mut count = 0;
        let mut hit = false;
        pair.settle_through(|_, mut bytes| {
            if count == delivery {
                hit = true;
                let at = position.index(bytes.len());
                if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
            }
            count += 1;
            bytes
        });
        pair.agent.handle_answer(Ok(view()), pair.now);
        pair.settle();
        if let Some(manifest) = pair.manifest().cloned() {
            pair.agent.handle_receipt(pair.org.receipt(&manifest), pair.now);
            pair.settle();
        }
        // A cut that removes nothing, or a TLS record header's legacy version byte, changes nothing.
        if hit && pair.agent_failure().is_some() {
            prop_assert!(!established(&pair.agent_events, &pair.technician_events));
        }
    }

    /// Garbage from a stranger: bounded, no panic, and no code spent.
    #[test]
    fn garbage_spends_no_code(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let mut pair = plan().meet();
        pair.agent.handle_bytes(&bytes, pair.now, &mut pair.rng);
        pair.settle_through(|_, _| Vec::new());
        prop_assert_eq!(pair.spent(), 0);
        prop_assert!(!pair.asked());
    }
}

/// What was told at each end, in order.
fn heard(pair: &crate::testing::Pair) -> (Vec<&str>, Vec<&str>) {
    let agent = pair.agent_events.iter().filter_map(|event| match event {
        AgentEvent::Said(text) => Some(text.as_str()),
        _ => None,
    });
    let technician = pair
        .technician_events
        .iter()
        .filter_map(|event| match event {
            TechnicianEvent::Said(text) => Some(text.as_str()),
            _ => None,
        });
    (agent.collect(), technician.collect())
}

#[test]
fn both_can_talk_while_the_user_is_asked_and_at_no_other_time() {
    let mut pair = plan().meet();
    assert_eq!(pair.agent.say("hello", pair.now), Err(SayError::NotNow));
    assert_eq!(
        pair.technician.say("hello", pair.now),
        Err(SayError::NotNow)
    );
    pair.settle();
    let said = pair
        .technician
        .say(" It\u{202e}'s Tess,\nGrüße 中 👋 ", pair.now);
    assert_eq!(said, Ok("It's Tess, Grüße 中 👋".to_owned()));
    pair.now = START.after_ms(700);
    pair.settle();
    pair.agent.say("which printer?", pair.now).unwrap();
    pair.settle();
    assert_eq!(
        heard(&pair),
        (vec!["It's Tess, Grüße 中 👋"], vec!["which printer?"])
    );
    // Under way while the user answers: it still counts.
    pair.now = START.after_ms(900);
    pair.technician.say("the one upstairs", pair.now).unwrap();
    pair.agent.handle_answer(Ok(view()), pair.now);
    assert_eq!(pair.agent.say("late", pair.now), Err(SayError::NotNow));
    let (agent, technician) = pair.establish(view());
    assert_eq!(pair.technician.say("late", pair.now), Err(SayError::NotNow));
    let texts = |said: &[Early]| said.iter().map(|e| e.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&agent.early.own), ["which printer?"]);
    assert_eq!(
        texts(&agent.early.theirs),
        ["It's Tess, Grüße 中 👋", "the one upstairs"]
    );
    assert_eq!(texts(&technician.early.own), texts(&agent.early.theirs));
    assert_eq!(texts(&technician.early.theirs), texts(&agent.early.own));
    let told = technician.early.told();
    let own: Vec<bool> = told.iter().map(|(own, ..)| *own).collect();
    assert_eq!(own, [true, false, true], "in the order of time");
}

#[test]
fn what_is_said_before_the_consent_is_bounded() {
    let mut pair = plan().meet();
    pair.settle();
    let now = pair.now;
    assert_eq!(pair.agent.say(" \n\u{200b} ", now), Err(SayError::Empty));
    let longest = "\u{1f44b}".repeat(CHAT_CAP);
    let longer = format!("{longest}!");
    assert_eq!(pair.agent.say(&longer, now), Err(SayError::TooLong));
    for _ in 0..EARLY_MESSAGES {
        pair.agent.say(&longest, now).unwrap();
        pair.technician.say(&longest, now).unwrap();
    }
    assert_eq!(pair.agent.say("more", now), Err(SayError::TooMany));
    assert_eq!(pair.technician.say("more", now), Err(SayError::TooMany));
    let (agent, technician) = pair.establish(view());
    assert_eq!(agent.early.theirs.len(), EARLY_MESSAGES);
    assert_eq!(technician.early.theirs.len(), EARLY_MESSAGES);
}

#[test]
fn words_do_not_lengthen_the_question() {
    let mut pair = plan().meet();
    pair.settle();
    pair.now = START.after_ms(59_999);
    pair.technician.say("one moment", pair.now).unwrap();
    pair.settle();
    assert_eq!(heard(&pair).0, ["one moment"]);
    pair.now = START.after_ms(60_000);
    pair.agent.handle_timeout(pair.now);
    pair.settle();
    assert_eq!(pair.agent_failure(), Some(CloseCode::ConsentTimedOut));
}

/// Ends the pair up to the question, then lets one end say this to the other without asking its machine.
fn hostile(say: impl Fn(&mut crate::testing::Pair)) -> (Option<CloseCode>, Option<CloseCode>) {
    let mut pair = plan().meet();
    pair.settle();
    say(&mut pair);
    pair.settle();
    (pair.agent_failure(), pair.technician_failure())
}

#[test]
fn who_says_too_much_or_nothing_or_out_of_turn_ends_it() {
    let violation = (
        Some(CloseCode::ProtocolViolation),
        Some(CloseCode::ProtocolViolation),
    );
    for words in [
        String::new(),
        " \u{202e} ".to_owned(),
        "a".repeat(CHAT_CAP + 1),
        "a".repeat(20_000),
    ] {
        let told = hostile(|pair| pair.technician.say_unchecked(&words));
        assert_eq!(told, violation, "{} characters", words.len());
        let told = hostile(|pair| pair.agent.say_unchecked(&words));
        assert_eq!(told, violation, "{} characters", words.len());
    }
    let told = hostile(|pair| {
        (0..=EARLY_MESSAGES).for_each(|_| pair.technician.say_unchecked("again"));
    });
    assert_eq!(told, violation);
    let told = hostile(|pair| {
        (0..=EARLY_MESSAGES).for_each(|_| pair.agent.say_unchecked("again"));
    });
    assert_eq!(told, violation);
    // The agent after its answer: on the same stream, so never honest.
    let told = hostile(|pair| {
        pair.agent.handle_answer(Ok(view()), pair.now);
        pair.agent.say_unchecked("one more thing");
    });
    assert_eq!(told, violation);
    // The technician after it has seen the answer.
    let told = hostile(|pair| {
        pair.agent.handle_answer(Ok(view()), pair.now);
        pair.settle();
        pair.technician.say_unchecked("one more thing");
    });
    assert_eq!(told, violation);
    // Before the user is asked.
    let mut pair = plan().meet();
    pair.technician.say_unchecked("first!");
    pair.settle();
    assert_eq!(pair.agent_failure(), Some(CloseCode::ProtocolViolation));
    assert!(!pair.asked() && heard(&pair).0.is_empty());
}
