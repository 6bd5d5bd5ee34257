//! Two ends that sign and hold each other's word against what passed.

use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest};
use sightline_protocol::record::Class;
use sightline_protocol::statement::{Signed, SigningKey};

use super::{Dispute, INTERVAL_US, Proof};
use crate::content::Input;
use crate::now::Now;
use crate::seal::{Opener, Sealer, TECHNICIAN_INPUT};
use crate::session::{AgentEffect, AgentSession, TechnicianSession};
use crate::testing::{START, all, plan};

const KEY: Input = Input::Key {
    keysym: 0x61,
    down: true,
};

fn both() -> (AgentSession, TechnicianSession) {
    let (agent, technician) = plan().meet().establish(all());
    (
        AgentSession::new(&agent, START),
        TechnicianSession::new(&technician, START),
    )
}

/// A technician's lane with both ends' proofs around it.
struct Wire {
    sealer: Sealer,
    opener: Opener,
    agent: Proof,
    technician: Proof,
    /// The technician's key, for what a liar would sign.
    key: std::sync::Arc<SigningKey>,
}

fn wire() -> Wire {
    let (agent, technician) = plan().meet().establish(all());
    let sealer = Sealer::new(&technician.keys, TECHNICIAN_INPUT, START.mono_us).unwrap();
    let opener = Opener::new(&agent.keys, TECHNICIAN_INPUT).unwrap();
    let mut of_agent = Proof::new(&agent, Author::AGENT, START);
    of_agent.listen(TECHNICIAN_INPUT, &opener);
    let mut of_technician = Proof::new(&technician, Author::FIRST_TECHNICIAN, START);
    of_technician.add(TECHNICIAN_INPUT, sealer.watch());
    Wire {
        sealer,
        opener,
        agent: of_agent,
        technician: of_technician,
        key: technician.key,
    }
}

impl Wire {
    fn send(&mut self) -> Vec<u8> {
        self.sealer.seal(b"x", 0, START.mono_us)
    }

    fn receive(&mut self, record: &[u8], now: Now) -> Result<(), Dispute> {
        let (header, _) = self.opener.open(record).unwrap();
        self.agent.arrived(TECHNICIAN_INPUT, header.time_us, now)
    }

    fn signed(&mut self, at: Now) -> Signed<Checkpoint> {
        self.technician.poll(all(), at).expect("it is due")
    }

    /// The technician's checkpoint, changed and signed again by its own key.
    fn lie(&mut self, at: Now, change: impl Fn(&mut Checkpoint)) -> Signed<Checkpoint> {
        let honest = self.signed(at);
        let mut checkpoint = honest.verify(&self.key.public()).unwrap();
        change(&mut checkpoint);
        Signed::sign(&checkpoint, &self.key)
    }
}

fn second(n: u64) -> Now {
    START.after_ms(n * INTERVAL_US / 1000)
}

#[test]
fn signatures_over_what_arrived_are_believed_before_and_after_the_records() {
    let mut wire = wire();
    let (one, two) = (wire.send(), wire.send());
    let first = wire.signed(second(1));
    wire.receive(&one, START).unwrap();
    wire.agent.handle(&first, |_| None).unwrap(); // overtook the second record
    wire.receive(&two, START).unwrap();
    let three = wire.send();
    wire.receive(&three, START).unwrap();
    let second_one = wire.signed(second(2));
    let checkpoint = wire.agent.handle(&second_one, |_| None).unwrap();
    assert_eq!((checkpoint.number, checkpoint.heads[0].records), (1, 3));
    // And the agent's word about the same lane is what the technician sealed.
    let from_agent = wire.agent.poll(all(), second(3)).unwrap();
    wire.technician.handle(&from_agent, |_| None).unwrap();
}

#[test]
fn who_signs_something_else_than_it_sent_is_found_out() {
    for overtakes in [false, true] {
        let mut wire = wire();
        let record = wire.send();
        let lie = wire.lie(second(1), |c| c.heads[0].chain = Digest([9; 32]));
        let found = if overtakes {
            wire.agent.handle(&lie, |_| None).unwrap();
            wire.receive(&record, START)
        } else {
            wire.receive(&record, START).unwrap();
            wire.agent.handle(&lie, |_| None).map(|_| ())
        };
        assert_eq!(found, Err(Dispute::Differs(TECHNICIAN_INPUT, 1)));
    }
}

#[test]
fn an_agent_that_claims_what_was_never_sent_is_found_out() {
    let mut wire = wire();
    let record = wire.send();
    wire.receive(&record, START).unwrap();
    let honest = wire.agent.poll(all(), second(1)).unwrap();
    let key = plan().agent.key;
    let mut checkpoint = honest.verify(&key.public()).unwrap();
    checkpoint.heads[0].records = 2;
    let lie = Signed::sign(&checkpoint, &key);
    let found = wire.technician.handle(&lie, |_| None);
    assert_eq!(found, Err(Dispute::Differs(TECHNICIAN_INPUT, 2)));
}

#[test]
fn checkpoints_are_a_chain_of_their_own() {
    let mut wire = wire();
    let record = wire.send();
    wire.receive(&record, START).unwrap();
    let skipped = wire.lie(second(1), |c| c.number = 1);
    let out_of_turn = Dispute::OutOfTurn {
        expected: 0,
        found: 1,
    };
    assert_eq!(wire.agent.handle(&skipped, |_| None), Err(out_of_turn));
    wire.send();
    let elsewhere = wire.lie(second(2), |c| c.manifest = Digest([1; 32]));
    assert_eq!(
        wire.agent.handle(&elsewhere, |_| None),
        Err(Dispute::Misplaced)
    );
    wire.send();
    let foreign = Signed::sign(
        &wire.signed(second(3)).verify(&wire.key.public()).unwrap(),
        &SigningKey::from_seed(&[7; 32]),
    );
    assert!(matches!(
        wire.agent.handle(&foreign, |_| None),
        Err(Dispute::NotGenuine(_))
    ));
}

#[test]
fn who_never_signs_is_not_obeyed_for_long() {
    let mut wire = wire();
    let mut found = Ok(());
    for s in 0..25 {
        let record = wire.sealer.seal(b"x", 0, second(s).mono_us);
        found = found.and(wire.receive(&record, second(s)));
    }
    assert_eq!(found, Err(Dispute::Unsigned));
}

#[test]
fn who_was_stopped_for_a_while_may_sign_a_little_later() {
    let mut wire = wire();
    let record = wire.send();
    wire.receive(&record, START).unwrap();
    let record = wire.sealer.seal(b"x", 0, second(3_000).mono_us);
    let signed = wire.signed(second(3_000));
    wire.receive(&record, second(3_000)).unwrap();
    wire.agent.handle(&signed, |_| None).unwrap();
}

#[test]
fn nothing_moves_nothing_is_signed_and_a_change_of_grants_is_signed_at_once() {
    let (mut agent, mut technician) = both();
    assert_eq!(agent.poll_checkpoint_us(), None);
    assert!(agent.checkpoint(second(5)).is_none());
    let record = technician.input(&KEY, START).unwrap();
    agent.handle_record(Class::Input, &record, START);
    assert_eq!(
        agent.poll_checkpoint_us(),
        Some(START.mono_us + INTERVAL_US)
    );
    assert!(agent.checkpoint(START).is_none());
    let view = Capabilities::of(&[Capability::View]);
    agent.narrow(view, "enough", START);
    let key = plan().agent.key.public();
    let narrowed = agent.checkpoint(START).unwrap().verify(&key).unwrap();
    assert_eq!(narrowed.granted, view);
    // What is refused after it is said to be refused.
    let refused = technician.hostile_input(&KEY, START);
    agent.handle_record(Class::Input, &refused, START);
    let last = agent
        .last_checkpoint(CloseCode::StoppedByUser, START)
        .unwrap()
        .verify(&key)
        .unwrap();
    assert_eq!((last.refused[0].first, last.refused[0].count), (1, 1));
    assert_eq!(last.close, Some(CloseCode::StoppedByUser.number()));
    assert!(agent.last_checkpoint(CloseCode::Finished, START).is_none());
}

#[test]
fn a_disputed_checkpoint_ends_the_session() {
    let (mut agent, mut technician) = both();
    let record = technician.input(&KEY, START).unwrap();
    agent.handle_record(Class::Input, &record, START);
    let honest = technician.checkpoint(second(1)).unwrap();
    let key = plan().technician.key;
    let mut lie = honest.verify(&key.public()).unwrap();
    lie.heads[0].chain = Digest([5; 32]);
    agent.handle_checkpoint(&Signed::sign(&lie, &key), second(1));
    let over = std::iter::from_fn(|| agent.poll_effect())
        .any(|e| matches!(e, AgentEffect::Over(CloseCode::Disputed)));
    assert!(over);
}
