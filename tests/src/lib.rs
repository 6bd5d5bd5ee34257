//! The stage for end-to-end tests, the demo and the benches: real programs, real X servers, real terminals.
//!
//! Everything that is started here is ended when its value is dropped.

pub mod display;
pub mod program;
pub mod terminal;
pub mod world;
