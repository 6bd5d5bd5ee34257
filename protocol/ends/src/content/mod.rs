//! What records carry, once opened (PROTOCOL.md §8): one file for each class.
//!
//! Absent: how it is sealed (`seal`), how pictures are coded (`sightline-picture`), what may be done with it (`consent`).

mod chat;
mod control;
mod file;
mod input;
mod picture;
mod shell;

pub use chat::Chat;
pub use control::Control;
pub use file::{Direction, FileNote};
pub use input::{Button, Input};
pub use picture::{Area, CursorShape, Layout, Monitor, Scene, TITLE_CAP};
pub use shell::{ShellInput, ShellOutput};
