//! What must hold for any bytes from a stranger: one check for each decoder and each machine.
//!
//! A check takes bytes and panics when a promise is broken; bytes that are merely refused are fine. The same checks serve
//! twice: a fuzzer calls them from `fuzz/fuzz_targets/`, an ordinary test from `tests/mutations.rs`.
//!
//! Absent: files, sockets, threads, and any fuzzing engine.

mod broker;
mod bytes;
mod clipboard;
mod code;
pub mod evidence;
mod handshake;
mod outsider;
mod people;
mod picture;
mod record;
mod recording;
mod session;
mod statement;
mod transfer;
mod wire;

/// One check, and honest inputs to begin with.
pub struct Oracle {
    /// The name of the fuzz target and of its corpus.
    pub name: &'static str,
    pub check: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! oracles {
    ($($(#[$doc:meta])* $name:ident = $module:ident :: $check:ident, $seeds:ident;)*) => {
        $($(#[$doc])* pub fn $name(data: &[u8]) { $module::$check(data); })*

        /// All of them.
        pub const ALL: &[Oracle] = &[$(Oracle { name: stringify!($name), check: $name, seeds: $module::$seeds },)*];
    };
}

oracles! {
    /// Messages between a program and the relay: what is read says itself the same, however the stream was cut.
    wire = wire::check, seeds;
    /// A record's header: what parses encodes back.
    record = record::check, seeds;
    /// A recording: what was read up to an error is the file's own prefix.
    recording = recording::check, seeds;
    /// Statements, signed and bare: canonical, and believed only within their rules.
    statement = statement::check, seeds;
    /// A typed session code.
    code = code::check, seeds;
    /// Picture updates as they come.
    picture = picture::updates, update_seeds;
    /// Picture updates whose compression is sound and whose ops are anything.
    picture_ops = picture::ops, op_seeds;
    /// Pictures that our own encoder makes of any screen: the decoder has the same screen.
    picture_round_trip = picture::round_trip, round_trip_seeds;
    /// Bytes to an agent whose code somebody claimed.
    agent_handshake = handshake::agent, agent_seeds;
    /// Bytes to a technician's program.
    technician_handshake = handshake::technician, technician_seeds;
    /// What a thief of the technician's key, without the code, says inside the inner TLS.
    agent_inside = handshake::agent_inside, agent_inside_seeds;
    /// What a false agent says inside the inner TLS.
    technician_inside = handshake::technician_inside, technician_inside_seeds;
    /// Two honest ends and a network that changes what it likes.
    meeting = handshake::meeting, meeting_seeds;
    /// A session's guard: nothing acts without a live grant.
    agent_session = session::agent, agent_seeds;
    /// A technician's session: any records, any scenes.
    technician_session = session::technician, technician_seeds;
    /// Files from a hostile sender: nothing outside the folder, nothing beyond what was announced.
    transfer_receiver = transfer::receiver, receiver_seeds;
    /// Files to a hostile receiver: never more under way than the window.
    transfer_sender = transfer::sender, sender_seeds;
    /// A clipboard from a hostile owner: believed only as announced, and no more held than was.
    clipboard_taker = clipboard::taker, taker_seeds;
    /// A clipboard to a hostile reader: never more under way than the window.
    clipboard_giver = clipboard::giver, giver_seeds;
    /// A recording that somebody tampered with: never whole.
    evidence = evidence::check, fuzz_seeds;
    /// The relay's broker against a small model of it.
    broker = broker::check, seeds;
}
