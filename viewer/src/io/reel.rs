//! A recording as it runs through: from any place to any later one, decoded onto a screen.
//!
//! Absent: windows and clocks. Where to be is said from outside.

use std::time::Duration;

use sightline_ends::content::{Control, Scene};
use sightline_ends::keys::AuditorKey;
use sightline_ends::replay::{Content, RecordingOpener};
use sightline_picture::PictureError;
use sightline_protocol::record::{Class, Header};
use sightline_protocol::recording::HEAD;

use super::check::Break;
use super::recording::{Next, Recording, Records};
use crate::pure::index::Start;
use crate::pure::stage::Stage;

/// Behind by more than this, in recorded time, updates are read at once and painted at the end: 1 s, of which every
/// machine can decode more than a second's updates.
const BEHIND: Duration = Duration::from_secs(1);

/// Where the scenes go.
pub trait Screen {
    fn show(&mut self, scene: &Scene) -> Result<(), PictureError>;
    /// As `show`, but it need not be seen before [`Screen::settle`].
    fn show_later(&mut self, scene: &Scene) -> Result<(), PictureError>;
    fn settle(&mut self) -> Result<(), PictureError>;
}

impl Screen for Stage {
    fn show(&mut self, scene: &Scene) -> Result<(), PictureError> {
        self.take(scene).map(|_| ())
    }

    fn show_later(&mut self, scene: &Scene) -> Result<(), PictureError> {
        self.take_later(scene).map(|_| ())
    }

    fn settle(&mut self) -> Result<(), PictureError> {
        Stage::settle(self)
    }
}

/// Plays one recording.
pub struct Reel {
    pub recording: Recording,
    opener: RecordingOpener,
    records: Records,
    /// Read but not yet due.
    ahead: Option<(Header, Vec<u8>)>,
    /// Where playback stands in the file, in time.
    played: Duration,
    /// Nothing after this is shown.
    pub broken: Option<Break>,
    /// Picture updates decoded so far.
    pub updates: u64,
    /// The file's end was reached; it may have grown since.
    ended: bool,
    /// It cannot go on from here.
    stopped: bool,
}

impl Reel {
    /// At the beginning.
    pub fn new(recording: Recording, key: &AuditorKey) -> anyhow::Result<Reel> {
        let opener = RecordingOpener::new(&recording.verified, key)?;
        let records = recording.records_at(HEAD as u64)?;
        Ok(Reel {
            recording,
            opener,
            records,
            ahead: None,
            played: Duration::ZERO,
            broken: None,
            updates: 0,
            ended: false,
            stopped: false,
        })
    }

    /// Whether this auditor has the key of a class.
    pub fn holds(&self, class: Class) -> bool {
        self.opener.holds(class)
    }

    /// Opens the agent's control records, from `after` of them on, for the marks.
    pub fn control(
        &self,
        after: usize,
        key: &AuditorKey,
    ) -> anyhow::Result<Vec<(Duration, Control)>> {
        let mut found = Vec::new();
        if !self.holds(Class::Control) {
            return Ok(found);
        }
        let mut opener = RecordingOpener::new(&self.recording.verified, key)?;
        for offset in self.recording.index.control.iter().skip(after) {
            let Some(record) = self.recording.record(*offset).ok().flatten() else {
                continue; // broken, which playback will find and say
            };
            opener.seek();
            if let Ok((header, Content::Control(said))) = opener.open(&record)
                && matches!(said, Control::Grants { .. } | Control::Refused { .. })
            {
                found.push((Duration::from_micros(header.time_us), said));
            }
        }
        Ok(found)
    }

    /// The file has grown.
    pub fn grown(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.ended) {
            self.records = self.recording.records_at(self.records.offset())?;
        }
        Ok(())
    }

    /// Prepares for playing on from `target`, wherever playback stands; says whether it starts anew.
    pub fn seek(&mut self, target: Duration) -> anyhow::Result<bool> {
        // Without any picture it starts at the beginning.
        let start = self.recording.index.start_before(target);
        let start = start.unwrap_or(Start {
            at_us: 0,
            offset: HEAD as u64,
        });
        // Forward within reach of the same start, playing on is shorter than starting anew.
        let at = Duration::from_micros(start.at_us);
        if target >= self.played && at <= self.played {
            return Ok(false);
        }
        self.records = self.recording.records_from(start)?;
        self.opener.seek();
        self.ahead = None;
        self.ended = false;
        self.stopped = false;
        self.played = at;
        Ok(true)
    }

    /// Plays everything up to `position`; `told` gets what is no picture, and whether it is passed over on the way.
    pub fn play_to(
        &mut self,
        position: Duration,
        screen: &mut impl Screen,
        told: &mut impl FnMut(&Header, Content, bool),
    ) {
        if self.stopped {
            return;
        }
        let last = self.broken.as_ref().map(|broken| broken.at);
        let position = last.map_or(position, |last| position.min(last));
        if let Err(why) = self.try_play_to(position, screen, told) {
            self.break_off(why);
        }
        if let Err(error) = screen.settle() {
            self.break_off(format!("a picture cannot be decoded: {error}"));
        }
    }

    fn break_off(&mut self, why: String) {
        self.stopped = true;
        let offset = self.records.offset();
        let at = self.played;
        self.break_at(Break { at, offset, why });
    }

    /// Nothing of the file from there on is to be believed. Of several breaks the first counts.
    pub fn break_at(&mut self, found: Break) {
        if self.broken.as_ref().is_none_or(|known| found.at < known.at) {
            self.broken = Some(found);
        }
    }

    fn try_play_to(
        &mut self,
        position: Duration,
        screen: &mut impl Screen,
        told: &mut impl FnMut(&Header, Content, bool),
    ) -> Result<(), String> {
        let settled_from = position.saturating_sub(BEHIND);
        let mut later = false;
        while let Some((header, record)) = self.next()? {
            let at = Duration::from_micros(header.time_us);
            if at > position {
                self.ahead = Some((header, record));
                break;
            }
            let (header, content) = self.opener.open(&record).map_err(|e| e.to_string())?;
            self.played = self.played.max(at);
            // Once on the way, all of the way: the last second is soon read, too.
            later |= at < settled_from;
            let Content::Scene(scene) = content else {
                told(&header, content, later);
                continue;
            };
            self.updates += u64::from(matches!(scene, Scene::Update { last: true, .. }));
            let shown = match later {
                true => screen.show_later(&scene),
                false => screen.show(&scene),
            };
            shown.map_err(|error| format!("a picture cannot be decoded: {error}"))?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Header, Vec<u8>)>, String> {
        if let Some(next) = self.ahead.take() {
            return Ok(Some(next));
        }
        if self.ended {
            return Ok(None);
        }
        match self.records.next_record() {
            Next::Record(header, record) => Ok(Some((header, record))),
            Next::End => {
                self.ended = true;
                Ok(None)
            }
            Next::Broken(why) => Err(why),
        }
    }

    /// When the next record is due that was read already.
    pub fn next_at(&self) -> Option<Duration> {
        let (header, _) = self.ahead.as_ref()?;
        Some(Duration::from_micros(header.time_us))
    }
}
