//! Freezing in virtual time: a relay that signs late, never, falsely; a network that goes away; hostile ends.

use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Digest;
use sightline_protocol::record::Class;
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::Receipt;

use super::{GIVE_UP_US, LIMIT_US};
use crate::content::Input;
use crate::now::Now;
use crate::session::agent::FROZEN;
use crate::session::{AgentEffect, AgentSession, TechnicianEffect, TechnicianSession, seal_update};
use crate::testing::{Organisation, START, all, organisation, plan};

const MOVE: Input = Input::Pointer { x: 1, y: 2 };

struct Scene {
    org: Organisation,
    manifest: Digest,
    agent: AgentSession,
    technician: TechnicianSession,
    seen: Vec<AgentEffect>,
}

fn scene() -> Scene {
    let mut pair = plan().meet();
    let (agent, technician) = pair.establish(all());
    Scene {
        manifest: agent.manifest,
        agent: AgentSession::new(&agent, START),
        technician: TechnicianSession::new(&technician, START),
        org: pair.org,
        seen: Vec::new(),
    }
}

impl Scene {
    /// The technician moves the pointer; true if it moved.
    fn moves(&mut self, now: Now) -> bool {
        let record = self.technician.hostile_input(&MOVE, now);
        self.agent.handle_record(Class::Input, &record, now);
        let acted = self.effects();
        if let Some(signed) = self.technician.checkpoint(now) {
            self.agent.handle_checkpoint(&signed, now);
        }
        acted
            .iter()
            .any(|effect| matches!(effect, AgentEffect::Act(..)))
    }

    fn receipt(&mut self, records: u64, now: Now) {
        let receipt = self.org.receipt_for(self.manifest, records);
        self.agent.handle_receipt(&receipt, now);
        let seen = self.effects();
        self.seen.extend(seen);
    }

    fn effects(&mut self) -> Vec<AgentEffect> {
        std::iter::from_fn(|| self.agent.poll_effect()).collect()
    }

    /// Lets the agent's clock run until then, as its event loop does.
    fn run_until(&mut self, now: Now) -> Vec<AgentEffect> {
        while let Some(at) = self.agent.poll_receipt_us().filter(|at| *at <= now.mono_us) {
            let at = START.after_ms((at - START.mono_us) / 1_000);
            self.agent.keep_up(at);
        }
        self.effects()
    }

    fn ends_with(&mut self) -> Option<CloseCode> {
        self.effects().into_iter().find_map(|effect| match effect {
            AgentEffect::Over(code) => Some(code),
            _ => None,
        })
    }
}

fn froze(effects: &[AgentEffect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, AgentEffect::Frozen(true)))
}

#[test]
fn without_a_receipt_input_freezes_after_three_seconds_and_thaws_with_it() {
    let mut scene = scene();
    assert_eq!(scene.agent.poll_receipt_us(), None, "an idle agent sleeps");
    assert!(scene.moves(START));
    let limit = START.mono_us + LIMIT_US;
    assert_eq!(scene.agent.poll_receipt_us(), Some(limit));
    assert!(scene.moves(START.after_ms(900)));
    let frozen = scene.run_until(START.after_ms(3_000));
    assert!(matches!(frozen[0], AgentEffect::ReleaseAll));
    assert!(froze(&frozen));
    for effect in &frozen {
        if let AgentEffect::Control(record) = effect {
            scene
                .technician
                .handle_record(Class::Control, record, START);
        }
    }
    let told = scene.technician.poll_effect();
    assert_eq!(told, Some(TechnicianEffect::Refused(FROZEN.to_owned())));

    assert!(!scene.moves(START.after_ms(3_100)), "nothing acts");
    scene.receipt(3, START.after_ms(3_200));
    let thawed = |e: &AgentEffect| matches!(e, AgentEffect::Frozen(false));
    assert!(scene.seen.iter().any(thawed));
    assert!(scene.moves(START.after_ms(3_300)));
}

#[test]
fn what_was_refused_is_signed_for() {
    let mut scene = scene();
    scene.moves(START);
    scene.run_until(START.after_ms(3_000));
    assert!(!scene.moves(START.after_ms(3_100)));
    let signed = scene.agent.checkpoint(START.after_ms(5_000)).unwrap();
    let checkpoint = signed.verify(&signed.key).unwrap();
    assert_eq!(
        (checkpoint.refused[0].first, checkpoint.refused[0].count),
        (1, 1)
    );
}

#[test]
fn a_late_timer_lets_nothing_through() {
    let mut scene = scene();
    assert!(scene.moves(START));
    assert!(scene.moves(START.after_ms(950)));
    assert!(scene.moves(START.after_ms(1_900)));
    assert!(scene.moves(START.after_ms(2_850)));
    assert!(!scene.moves(START.after_ms(3_001)), "no timer has fired");
}

#[test]
fn thirty_seconds_frozen_end_the_session() {
    let mut scene = scene();
    scene.moves(START);
    scene.run_until(START.after_ms(3_000));
    for second in [10, 20, 30] {
        assert!(!scene.moves(START.after_ms(second * 1_000)), "frozen");
    }
    let end = START.mono_us + LIMIT_US + GIVE_UP_US;
    assert_eq!(scene.agent.poll_receipt_us(), Some(end));
    scene.run_until(START.after_ms(32_999));
    assert!(scene.ends_with().is_none());
    scene.agent.keep_up(START.after_ms(33_000));
    assert_eq!(scene.ends_with(), Some(CloseCode::NoReceipt));
    assert_eq!(scene.agent.poll_receipt_us(), None);
}

#[test]
fn the_lines_silence_is_not_the_disks() {
    for recovers in [true, false] {
        let mut scene = scene();
        scene.moves(START);
        assert!(froze(&scene.run_until(START.after_ms(3_000))));
        assert!(scene.run_until(START.after_ms(100_000)).is_empty());
        assert_eq!(scene.agent.poll_receipt_us(), None, "nobody is heard");
        if recovers {
            scene.receipt(1, START.after_ms(100_000));
            assert!(scene.moves(START.after_ms(100_050)));
            continue;
        }
        for second in [100, 110, 120] {
            assert!(!scene.moves(START.after_ms(second * 1_000)), "frozen");
        }
        let given_up = scene.run_until(START.after_ms(121_000));
        let given_up = given_up.last();
        assert!(
            matches!(given_up, Some(AgentEffect::Over(CloseCode::NoReceipt))),
            "{given_up:?}"
        );
    }
}

#[test]
fn a_relay_that_keeps_up_never_freezes_however_much_is_under_way() {
    let mut scene = scene();
    let mut receipts = std::collections::VecDeque::new();
    let mut recorded = 0;
    // A minute, an input each 20 ms; the relay signs four times a second, and its receipts take 2 s to come.
    for ms in (0..60_000).step_by(20) {
        let now = START.after_ms(ms);
        assert!(scene.moves(now), "a false freeze at {ms} ms");
        recorded += 1;
        if ms % 250 == 0 {
            receipts.push_back((ms + 2_000, recorded));
        }
        while receipts.front().is_some_and(|(at, _)| *at <= ms) {
            let (_, records) = receipts.pop_front().unwrap();
            scene.receipt(records, now);
        }
        assert!(!froze(&scene.run_until(now)));
    }
    assert!(!froze(&scene.seen));
}

#[test]
fn what_waits_on_a_slow_line_upwards_is_not_the_relays_fault() {
    let mut scene = scene();
    let (_, sealer) = scene.agent.start_view(START).unwrap();
    // A first picture of 2 MB, of which nothing has left this computer yet.
    let records = seal_update(&mut sealer.unwrap(), 0, &vec![7; 2_000_000], START.mono_us);
    assert!(!froze(&scene.run_until(START.after_ms(20_000))));
    assert_eq!(scene.agent.poll_receipt_us(), None);
    // Once the technician has it, the relay had it: now it owes a receipt.
    let arrived = START.after_ms(20_000);
    for record in &records {
        scene
            .technician
            .handle_record(Class::Picture, record, arrived);
    }
    let signed = scene.technician.checkpoint(arrived).unwrap();
    scene.agent.handle_checkpoint(&signed, arrived);
    assert_eq!(
        scene.agent.poll_receipt_us(),
        Some(arrived.mono_us + LIMIT_US)
    );
    scene.receipt(records.len() as u64, START.after_ms(20_300));
    assert_eq!(scene.agent.poll_receipt_us(), None);
}

#[test]
fn after_a_silence_of_the_network_records_wait_for_the_receipts_that_come_with_them() {
    let mut scene = scene();
    assert!(scene.moves(START));
    assert_eq!(scene.agent.patience_us(START.after_ms(2_900)), None);
    assert!(froze(&scene.run_until(START.after_ms(10_000))));
    let came = START.after_ms(10_000);
    let until = scene.agent.patience_us(came);
    assert_eq!(until, Some(START.after_ms(11_000).mono_us));
    scene.receipt(1, START.after_ms(10_100));
    assert!(!scene.agent.frozen());
    assert!(scene.moves(START.after_ms(10_100)));
}

#[test]
fn waiting_for_receipts_lets_nothing_through() {
    let mut scene = scene();
    assert!(scene.moves(START));
    for n in 3..20 {
        let now = START.after_ms(n * 1_100);
        assert!(scene.agent.patience_us(now).is_some());
        assert!(
            !scene.moves(now),
            "a technician who says little is refused, too"
        );
        assert_eq!(
            scene.agent.patience_us(now),
            None,
            "who is heard does not wait"
        );
    }
}

#[test]
fn receipts_for_less_thaw_nothing() {
    let mut scene = scene();
    for n in 0..10 {
        scene.moves(START.after_ms(n * 200));
    }
    scene.run_until(START.after_ms(3_000));
    scene.receipt(3, START.after_ms(3_050));
    assert!(!scene.moves(START.after_ms(3_060)));
    scene.receipt(11, START.after_ms(3_070));
    assert!(scene.moves(START.after_ms(3_080)));
}

fn ends_it(make: impl Fn(&Scene) -> Signed<Receipt>) {
    let mut scene = scene();
    scene.moves(START);
    scene.receipt(1, START.after_ms(100));
    let receipt = make(&scene);
    scene.agent.handle_receipt(&receipt, START.after_ms(200));
    assert_eq!(scene.ends_with(), Some(CloseCode::NoReceipt));
}

#[test]
fn false_receipts_end_the_session() {
    ends_it(|scene| organisation(50).receipt_for(scene.manifest, 2));
    ends_it(|scene| scene.org.receipt_for(Digest([9; 32]), 2));
    ends_it(|scene| scene.org.receipt_for(scene.manifest, 0));
}

#[test]
fn the_last_receipt_comes_after_the_end() {
    let mut scene = scene();
    scene.moves(START);
    scene.agent.end(CloseCode::StoppedByUser, START);
    scene.receipt(7, START.after_ms(300));
    let held = scene.agent.receipt().verify(&scene.agent.receipt().key);
    assert_eq!(held.unwrap().records, 7);
    let again = |e: &AgentEffect| matches!(e, AgentEffect::Control(_));
    assert_eq!(
        scene.seen.iter().filter(|e| again(e)).count(),
        1,
        "the farewell only"
    );
}
