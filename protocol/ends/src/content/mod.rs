//! What records carry, once opened (PROTOCOL.md §8): one file for each class.
//!
//! Absent: how it is sealed (`seal`), how pictures are coded (`sightline-picture`), what may be done with it (`consent`).

mod chat;
mod clipboard;
mod control;
mod facts;
mod file;
mod input;
mod picture;
mod shell;

pub use chat::{CHAT_CAP, Chat};
pub use clipboard::{ClipboardMessage, ClipboardPart, Form, Whose};
pub use control::{Control, MARK_POINTS};
pub use facts::{
    Cpu, Disk, Facts, JournalEntry, Memory, Network, Process, Service, System, Update,
};
pub use file::{
    Amount, Collision, Direction, Entry, EntryKind, FileMessage, FileNote, Listed, MOST_NAMES,
    PathBytes,
};
pub use input::{Button, Input};
pub use picture::{Area, CursorShape, Layout, Monitor, Scene, TITLE_CAP};
pub use shell::{ShellInput, ShellOutput};
