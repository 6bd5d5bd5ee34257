//! What a recording says of files: who asked for what, what the user said, and each file with its hash. Their bytes are
//! passed over.

use sightline_ends::content::{Direction, FileMessage, FileNote, PathBytes};
use sightline_ends::transfer::shown;
use sightline_program::transfer::amount_text;
use sightline_protocol::record::Header;

use super::event::Event;

fn list(paths: &[PathBytes]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    paths.join(", ")
}

/// The event that a message is, if it is one.
pub fn event(header: &Header, message: &FileMessage) -> Option<Event> {
    let event = |kind, text: String| Event::new(header, kind, text);
    let event = match message {
        FileMessage::Send {
            names,
            tops,
            to,
            amount,
            ..
        } => {
            let to = match to.is_empty() {
                true => "the folder for downloads".into(),
                false => shown(to),
            };
            let more = match (*tops as usize).saturating_sub(names.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let text = format!(
                "to the user's computer: {}{more} ({}), into {to}",
                list(names),
                amount_text(*amount)
            );
            event("file-asked", text)
                .with("sightline.files", amount.files)
                .with("sightline.bytes", amount.bytes)
        }
        FileMessage::Fetch { paths, .. } => {
            event("file-asked", format!("to the technician: {}", list(paths)))
        }
        FileMessage::Allowed { amount, .. } => event("file-allowed", amount_text(*amount))
            .with("sightline.files", amount.files)
            .with("sightline.bytes", amount.bytes),
        FileMessage::Refused { why, .. } => event("file-refused", why.clone()),
        FileMessage::Placed { note, .. } => placed(header, note),
        FileMessage::NotPlaced { why, .. } | FileMessage::Unreadable { why, .. } => {
            event("file-failed", why.clone())
        }
        FileMessage::Done { files, .. } => {
            event("file-done", format!("{files} files")).with("sightline.files", *files)
        }
        FileMessage::Ended { why, .. } => event("file-ended", why.clone()),
        FileMessage::List { path, .. } => {
            let home = path.is_empty();
            let folder = if home {
                "the user's home".into()
            } else {
                shown(path)
            };
            event("files-listed", folder)
        }
        FileMessage::Listing { .. }
        | FileMessage::NotListed { .. }
        | FileMessage::Exists { .. }
        | FileMessage::Choose { .. }
        | FileMessage::Entry { .. }
        | FileMessage::From { .. }
        | FileMessage::Skip { .. }
        | FileMessage::Data { .. }
        | FileMessage::End { .. }
        | FileMessage::Last { .. }
        | FileMessage::Got { .. } => return None,
    };
    Some(match message.transfer() {
        Some(transfer) => event.with("sightline.transfer", transfer),
        None => event,
    })
}

fn placed(header: &Header, note: &FileNote) -> Event {
    let direction = match note.direction {
        Direction::ToUser => "to the user's computer",
        Direction::ToTechnician => "to the technician",
    };
    let text = format!("{} ({} bytes) {direction}", note.name, note.bytes);
    Event::new(header, "file", text)
        .with("file.name", note.name.as_str())
        .with("file.size", note.bytes)
        .with("file.hash.sha256", note.sha256.to_string())
        .with("sightline.direction", direction)
}
