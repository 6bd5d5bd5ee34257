//! What happened in a recorded session, as a list to read and to jump by.

use std::ops::Range;
use std::time::Duration;

use sightline_ends::content::CHAT_CAP;
use sightline_ends::text::harmless;
use sightline_protocol::id::Author;

use crate::pure::evidence::event::Event;

/// Entries that are kept: more than an auditor reads in a window, and some megabytes.
const MOST: usize = 20_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where in the recording it stands.
    pub at: Duration,
    /// Microseconds since the session began; negative: before it.
    pub offset_us: i64,
    /// None: the recording itself says it.
    pub by_technician: Option<bool>,
    pub what: &'static str,
    pub text: String,
    /// It should be looked at: something was refused, or failed.
    pub stands_out: bool,
}

/// How far the recording was read for the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Read {
    #[default]
    NotBegun,
    /// Percent.
    Part(u8),
    All,
    /// Why it could not be read further.
    Stopped(String),
}

impl Entry {
    /// `None`: it is for other places than a list (movements, counts of pictures, what terminals show).
    pub fn of(event: &Event) -> Option<Entry> {
        let what = word(event.kind)?;
        let text = event.edited.as_deref().unwrap_or(&event.text);
        if text.is_empty() {
            return None; // no window, or one without a title
        }
        Some(Entry {
            at: event.at,
            offset_us: event.offset_us(),
            by_technician: event.author.map(|author| author != Author::AGENT),
            what,
            text: harmless(text, CHAT_CAP),
            stands_out: what == "Refused" || what == "Failed" || event.kind == "sealed",
        })
    }
}

/// What a person calls it.
fn word(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "began" => "Began",
        "ended" => "Ended",
        "grants" => "Allowed",
        "refused" | "file-refused" => "Refused",
        "note" => "Note",
        "chat" => "Chat",
        "typed" => "Typed",
        "window" => "Window",
        "screen" => "Screen",
        "facts-asked" => "Facts asked",
        "facts" => "Facts",
        "shell-opened" | "shell-input" | "shell-exit" => "Terminal",
        "shell-failed" | "file-failed" | "clipboard-failed" => "Failed",
        "file" | "file-asked" | "file-allowed" | "file-ended" | "files-listed" => "Files",
        "clipboard" | "clipboard-content" => "Clipboard",
        "sealed" => "Sealed",
        _ => return None,
    })
}

/// The list, and where in it playback is.
#[derive(Default)]
pub struct Log {
    entries: Vec<Entry>,
    read: Read,
    more: bool,
    position: Duration,
}

impl Log {
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn read(&self) -> &Read {
        &self.read
    }

    /// There is more than is listed.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Takes in what was read next. A text that was typed is known when it ends, and stands where it began.
    pub fn add(&mut self, entries: Vec<Entry>, read: Read) {
        self.read = read;
        for entry in entries {
            if self.entries.len() == MOST {
                self.more = true;
                return;
            }
            let before = |other: &Entry| other.offset_us <= entry.offset_us;
            let place = match self.entries.last() {
                Some(last) if !before(last) => self.entries.partition_point(before),
                _ => self.entries.len(),
            };
            self.entries.insert(place, entry);
        }
    }

    /// Playback is there now; whether another entry is the newest one.
    pub fn move_to(&mut self, position: Duration) -> bool {
        let before = self.happened();
        self.position = position;
        self.happened() != before
    }

    /// The entries that playback has passed.
    pub fn happened(&self) -> Range<usize> {
        let position = i64::try_from(self.position.as_micros()).unwrap_or(i64::MAX);
        0..self
            .entries
            .partition_point(|entry| entry.offset_us <= position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ms: u64, text: &str) -> Entry {
        let at = Duration::from_millis(ms);
        Entry::of(&Event::of_recording(at, "note", text.into())).expect("for the list")
    }

    fn texts(log: &Log) -> Vec<&str> {
        log.entries().iter().map(|entry| &*entry.text).collect()
    }

    #[test]
    fn entries_stand_by_their_time_and_playback_passes_them() {
        let mut log = Log::default();
        log.add(vec![entry(10, "b"), entry(30, "d")], Read::Part(50));
        log.add(
            vec![entry(20, "c"), entry(5, "a"), entry(30, "e")],
            Read::All,
        );
        assert_eq!(texts(&log), ["a", "b", "c", "d", "e"]);
        assert!(!log.move_to(Duration::from_millis(4)));
        assert_eq!(log.happened(), 0..0);
        assert!(log.move_to(Duration::from_millis(10)));
        assert_eq!(log.happened(), 0..2);
        assert!(!log.move_to(Duration::from_millis(11)));
        assert!(log.move_to(Duration::ZERO));
    }

    #[test]
    fn counts_are_for_other_places_and_words_do_no_harm() {
        let at = Duration::ZERO;
        for kind in ["pictures", "pointing", "click", "shell-output", "bye"] {
            assert_eq!(Entry::of(&Event::of_recording(at, kind, "1".into())), None);
        }
        let evil = Event::of_recording(at, "chat", "a\u{202e}b\u{1b}[2J".into());
        let shown = Entry::of(&evil).expect("for the list").text;
        assert!(!shown.contains(['\u{202e}', '\u{1b}']), "{shown:?}");
    }

    #[test]
    fn an_endless_recording_makes_no_endless_list() {
        let mut log = Log::default();
        let many = (0..MOST as u64 + 5).map(|ms| entry(ms, "x")).collect();
        log.add(many, Read::All);
        assert_eq!((log.entries().len(), log.has_more()), (MOST, true));
    }
}
