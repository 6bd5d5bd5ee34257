//! What a recording's terminals and chat hold, as playback comes to it.
//!
//! Pictures can be entered at many places, a terminal only at its beginning: whoever jumps back is told everything again, up to there.
//!
//! Absent: how it looks, when it is due.

use std::time::Duration;

use sightline_ends::content::{CHAT_CAP, Chat};
use sightline_ends::keys::AuditorKey;
use sightline_ends::replay::{Content, RecordingOpener};
use sightline_ends::seal::FIRST_TERMINAL;
use sightline_ends::text::harmless;
use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, Header};

use super::recording::Recording;
use crate::pure::panels::Replayed;
use crate::pure::panels::chat::Line;

/// Bytes of terminals' output that are told before the panels have taken them: what they draw in a moment.
const AHEAD: u64 = 1 << 20;

/// Tells one recording's.
pub struct Transcript {
    opener: RecordingOpener,
    /// How many of the index' words were told, and when the last of them was.
    told: usize,
    last: Duration,
    /// Bytes of output that the panels have not taken.
    untaken: u64,
}

impl Transcript {
    pub const CLASSES: [Class; 2] = [Class::Shell, Class::Chat];

    pub fn new(recording: &Recording, key: &AuditorKey) -> anyhow::Result<Transcript> {
        Ok(Transcript {
            opener: RecordingOpener::new(&recording.verified, key)?,
            told: 0,
            last: Duration::ZERO,
            untaken: 0,
        })
    }

    /// The panels have taken so many bytes of output.
    pub fn took(&mut self, bytes: u64) {
        self.untaken = self.untaken.saturating_sub(bytes);
    }

    /// Tells what happened up to `position`, as far as the panels have taken what was told before.
    ///
    /// # Errors
    ///
    /// The file cannot be read. What is wrong in it, playback finds and says.
    pub fn tell_to(
        &mut self,
        position: Duration,
        recording: &Recording,
        key: &AuditorKey,
        tell: &mut impl FnMut(Replayed),
    ) -> anyhow::Result<()> {
        if position < self.last {
            *self = Transcript::new(recording, key)?;
            tell(Replayed::Anew);
        }
        while let Some(word) = recording.index.words.get(self.told) {
            let at = Duration::from_micros(word.at_us);
            if at > position || self.untaken > AHEAD {
                break;
            }
            self.told += 1;
            self.last = self.last.max(at);
            let Some(record) = recording.record(word.offset)? else {
                continue;
            };
            if let Ok((header, content)) = self.opener.open(&record)
                && let Some(replayed) = replayed(recording, &header, content)
            {
                self.untaken += output(&replayed);
                tell(replayed);
            }
        }
        Ok(())
    }

    /// When there is more to tell.
    pub fn next_at(&self, recording: &Recording) -> Option<Duration> {
        let word = recording.index.words.get(self.told)?;
        Some(Duration::from_micros(word.at_us))
    }
}

/// Bytes that a terminal has to show for it.
fn output(replayed: &Replayed) -> u64 {
    use sightline_ends::content::ShellOutput;
    match replayed {
        Replayed::ShellOutput(_, ShellOutput::Data(bytes)) => bytes.len() as u64,
        _ => 0,
    }
}

fn replayed(recording: &Recording, header: &Header, content: Content) -> Option<Replayed> {
    // Counted as they were in the session.
    let seat = (header.lane.0 + 1).saturating_sub(FIRST_TERMINAL);
    Some(match content {
        Content::ShellInput(input) => Replayed::ShellInput(seat, input),
        Content::ShellOutput(output) => Replayed::ShellOutput(seat, output),
        Content::Chat(chat) => Replayed::Said(line(recording, header, chat)),
        _ => return None,
    })
}

/// Of what was said before the session it says when.
fn line(recording: &Recording, header: &Header, chat: Chat) -> Line {
    let (text, ago_ms) = match chat {
        Chat::Say { text } => (text, 0),
        Chat::Earlier { text, ago_ms } => (text, ago_ms),
    };
    let at_ms = recording.verified.manifest.started_ms + header.time_us / 1_000;
    Line {
        own: header.author != Author::AGENT,
        at_ms: Some(at_ms.saturating_sub(ago_ms)),
        text: harmless(&text, CHAT_CAP),
    }
}
