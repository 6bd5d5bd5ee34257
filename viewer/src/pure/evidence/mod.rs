//! What a recording tells, as text: events, typed words, terminals' lines, searches; and as film frames.

pub mod cast;
pub mod events;
pub mod film;
pub mod frames;
pub mod lines;
pub mod rows;
pub mod typed;
pub mod words;
