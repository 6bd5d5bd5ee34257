//! What a recording tells, as text: events, typed words, terminals' lines, searches; and as film frames.

pub mod cast;
mod clipboards;
mod colour;
pub mod event;
pub mod events;
mod files;
pub mod film;
pub mod frames;
pub mod lines;
pub mod rows;
mod shells;
pub mod typed;
pub mod words;
