//! The two sides of a clipboard (PROTOCOL.md §8.7): [`Giver`] is where it is, [`Taker`] is where it can be pasted. Both
//! programs have one of each, for the two directions are two clipboards with a right of their own.
//!
//! Nothing but the forms of what was copied goes over before somebody pastes it. What then comes is believed when it has
//! the size and the hash that were said before it, and is of its form.
//!
//! Absent: the operating system's clipboard, clocks and threads. Whoever drives these tells them what happened.

mod giver;
mod taker;
#[cfg(test)]
mod tests;

pub use giver::{Give, Giver};
pub use taker::{Take, Taker};

/// The largest content that goes over, in bytes: a picture of four 4K screens. What is larger goes as a file.
pub const LARGEST: u64 = 64 << 20;
/// Bytes of it that may be under way and not confirmed by `Got`: 1 MiB fills 55 Mbit/s at 150 ms, and is a quarter of what the
/// other side lets wait while the recording is behind.
pub const WINDOW: u64 = 1 << 20;
/// Bytes in one record: as a piece of a picture, so that none waits long behind one of them.
pub const PART: usize = 64 << 10;
/// The taker says what it has after so many bytes: four times for each window.
const GOT_EVERY: u64 = 256 << 10;
/// Asks that wait for the one that is answered: one for each form, and once more.
const ASKS: usize = 6;
/// Longest reason that is kept, in characters.
const WHY: usize = 200;

/// The other side says what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the other side announces contents of its clipboard that nobody asked for")]
    NotAsked,
    #[error("the other side sends more of its clipboard than it announced")]
    TooMuch,
    #[error("the other side confirms what was not sent")]
    Got,
    #[error("the other side says of a clipboard what only its owner says, or the other way round")]
    Role,
}
