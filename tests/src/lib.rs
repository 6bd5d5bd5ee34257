//! The stage for end-to-end tests, the demo and the benches: real programs, real X servers, real terminals.
//!
//! Everything that is started here is ended when its value is dropped.

pub mod cable;
pub mod disk;
pub mod display;
pub mod drop;
pub mod false_relay;
pub mod glass;
pub mod hostile;
pub mod letters;
pub mod measure;
pub mod memory;
pub mod mosh;
pub mod netem;
pub mod openssh;
/// A person's own mouse and keyboard, as the agent's tests have them.
#[path = "../../agent/tests/platform/rfb.rs"]
pub mod person;
pub mod program;
pub mod proxy;
pub mod selection;
pub mod stage;
pub mod terminal;
pub mod vnc;
pub mod workload;
pub mod world;
