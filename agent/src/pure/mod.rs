//! What the agent decides: touches nothing, no clock, no sockets.

pub mod backoff;
pub mod facts;
pub mod keymap;
pub mod pace;
pub mod silence;
pub mod strokes;
pub mod talk;
pub mod term;
pub mod typing;
