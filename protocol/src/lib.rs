//! What is said and proved, as far as the relay may know it: identities, wire format, broker messages, signed
//! statements, checkpoints, record headers, the recording's container, the ledger, close codes.
//!
//! Absent on purpose: sockets, files, clocks, randomness, and everything that opens, seals or decodes
//! (`sightline-ends` has that, and the relay does not link it).

pub mod broker;
pub mod capability;
pub mod checkpoint;
pub mod close;
pub mod id;
pub mod ledger;
pub mod octets;
pub mod record;
pub mod recording;
pub mod skim;
pub mod statement;
pub mod statements;
pub mod verify;
pub mod wire;
