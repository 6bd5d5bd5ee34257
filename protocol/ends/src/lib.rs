//! What only the two ends and the auditor may do: the session code, the inner handshake, keys, sealing and opening,
//! grants, the session machines, replay.
//!
//! Absent on purpose: sockets, files, threads, clocks (time is an argument) and ambient randomness (chance is an
//! argument), but for what rustls draws inside the inner TLS. The relay does not link this crate.

pub mod clipboard;
pub mod code;
pub mod consent;
pub mod content;
pub mod handshake;
pub mod keys;
pub mod now;
pub mod proof;
pub mod replay;

pub mod rng;
pub mod seal;
pub mod session;

pub mod text;
pub mod transfer;
mod tunnel;

#[cfg(test)]
mod testing;
