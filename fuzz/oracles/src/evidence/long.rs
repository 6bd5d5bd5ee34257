//! A recording of any length, for measuring: pictures all the time, a few keys, both ends' checkpoints, receipts.

use std::io::Write;

use sightline_ends::content::{Input, Layout};
use sightline_ends::session::{
    AgentEffect, AgentSession, TechnicianEffect, TechnicianSession, seal_start, seal_update,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::record::Class;
use sightline_protocol::recording::Kind;

use super::story::{Relay, told};
use crate::people::START;

/// Writes a session in which `per_s` picture updates of `size` bytes are shown each second, for `seconds`. Gives the
/// file's length.
pub fn long(out: impl Write, seconds: u64, per_s: u64, size: usize) -> u64 {
    let both = Capabilities::of(&[Capability::View, Capability::Control]);
    let session = SessionId([9; 16]);
    let (sealed, [agent, technician]) = told(session, 1, both);
    let mut relay = Relay::begin_in(out, &sealed, session, 1, 20);
    let mut agent = AgentSession::new(&agent, START);
    let mut technician = TechnicianSession::new(&technician, START);
    let (_, sealer) = agent.start_view(START).expect("view is granted");
    let mut pictures = sealer.expect("it is the first time");
    let start = seal_start(&mut pictures, &Layout::default(), START.mono_us);
    relay.write(Kind::Record, &start);
    technician.handle_record(Class::Picture, &start, START);
    let update = vec![7; size];
    for tick in 0..seconds * per_s {
        let now = START.after_ms(tick * 1_000 / per_s);
        for record in seal_update(&mut pictures, tick, &update, now.mono_us) {
            relay.write(Kind::Record, &record);
            technician.handle_record(Class::Picture, &record, now);
        }
        technician.shown(tick, now);
        if tick % per_s == 0 {
            let key = Input::Key {
                keysym: 0x61,
                down: tick % 2 == 0,
            };
            let record = technician.input(&key, now).expect("control is granted");
            relay.write(Kind::Record, &record);
            agent.handle_record(Class::Input, &record, now);
        }
        while let Some(effect) = technician.poll_effect() {
            let (class, record) = match effect {
                TechnicianEffect::Control(record) => (Class::Control, record),
                TechnicianEffect::Repeat(outgoing) => (outgoing.lane.class, outgoing.record),
                _ => continue,
            };
            relay.write(Kind::Record, &record);
            agent.handle_record(class, &record, now);
        }
        while let Some(effect) = agent.poll_effect() {
            let (class, record) = match effect {
                AgentEffect::Control(record) => (Class::Control, record),
                AgentEffect::Repeat(outgoing) => (outgoing.lane.class, outgoing.record),
                _ => continue,
            };
            relay.write(Kind::Record, &record);
            technician.handle_record(class, &record, now);
        }
        if let Some(signed) = agent.checkpoint(now) {
            relay.checkpoint(&signed);
            technician.handle_checkpoint(&signed, now);
        }
        if let Some(signed) = technician.checkpoint(now) {
            relay.checkpoint(&signed);
            agent.handle_checkpoint(&signed, now);
        }
        if now.mono_us >= relay.receipted_at.mono_us + 250_000 {
            let signed = relay.receipt(now);
            agent.handle_receipt(&signed, now);
        }
    }
    let end = START.after_ms(seconds * 1_000);
    let code = CloseCode::StoppedByUser;
    for signed in [
        agent.last_checkpoint(code, end),
        technician.last_checkpoint(code, end),
    ]
    .into_iter()
    .flatten()
    {
        relay.checkpoint(&signed);
    }
    relay.close(code, end);
    relay.file.flush().expect("there is room");
    relay.length
}
