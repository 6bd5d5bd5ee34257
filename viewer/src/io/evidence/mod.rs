//! Recordings as files for others (`export`) and as something to look through (`search`).

mod cast;
pub mod export;
mod film;
mod log;
mod mp4;
mod output;
pub mod search;
pub(super) mod source;
