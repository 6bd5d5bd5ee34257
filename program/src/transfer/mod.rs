//! Files on disk, for a transfer at either end: finding and reading them, putting them into their places, and the two
//! loops that join that with the machines of `sightline_ends::transfer`.
//!
//! Names from the other side are used relative to an open folder only, and no link is followed below it.
//!
//! Absent: sockets, and who allows what.

pub mod folders;
mod line;
mod list;
mod place;
mod receive;
mod send;
#[cfg(test)]
mod tests;
mod walk;

pub use line::{Heard, Inbox, Line, Mailer, News, Sharing, Stopped, inbox};
pub use list::{list, listed_in_pieces};
pub use place::Target;
pub use receive::{Incoming, receive};
pub use send::{Outgoing, count, send};
pub use walk::{Root, roots};

use std::io;

use rustix::io::Errno;
use sightline_ends::content::Amount;

/// An error of the file system as a person reads it.
fn words(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => "the disk is full".into(),
        Some(Errno::ACCESS | Errno::PERM) => "permission denied".into(),
        Some(Errno::NOENT) => "there is no such file".into(),
        Some(Errno::ROFS) => "the disk is read-only".into(),
        Some(Errno::LOOP) => "it is a link".into(),
        Some(Errno::NOTDIR) => "a file is where a folder should be".into(),
        Some(Errno::ISDIR) => "a folder is where the file should be".into(),
        Some(Errno::NAMETOOLONG) => "its name is too long here".into(),
        Some(Errno::FBIG) => "it is too large for that disk".into(),
        _ => error.to_string(),
    }
}

/// Bytes as people say them: `12.3 MB`.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} {}", UNITS[unit]),
        _ => format!("{size:.1} {}", UNITS[unit]),
    }
}

/// `3 files, 12.3 MB`.
pub fn amount_text(amount: Amount) -> String {
    let files = match amount.files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    format!("{files}, {}", bytes_text(amount.bytes))
}
