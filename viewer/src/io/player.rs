//! Plays a recording into the window: the same scenes as live, when they are due.

use std::time::{Duration, Instant};

use sightline_ends::content::Scene;
use sightline_ends::keys::AuditorKey;
use sightline_ends::replay::{Content, RecordingOpener};
use sightline_protocol::record::Header;
use std::sync::mpsc;

use super::recording::{Recording, Records, Start};
use super::window::{Did, Mark, ReplayAct, WindowHandle};
use crate::pure::playback::Clock;

/// The time shown moves this often while playing.
const TICK: Duration = Duration::from_millis(250);

pub struct Player {
    recording: Recording,
    opener: RecordingOpener,
    records: Records,
    /// Read but not yet due.
    ahead: Option<(Header, Vec<u8>)>,
    clock: Clock,
    began: Instant,
    window: WindowHandle,
    marks: Vec<Mark>,
    /// Where playback stands in the file, in time.
    played: Duration,
}

impl Player {
    pub fn new(
        recording: Recording,
        key: &AuditorKey,
        speed: f64,
        window: WindowHandle,
    ) -> anyhow::Result<Player> {
        let opener = RecordingOpener::new(&recording.verified, key)?;
        let records = recording.records()?;
        let marks = recording.input_bursts.iter().map(|at| Mark {
            at: *at,
            label: "input".into(),
        });
        let mut clock = Clock::new(recording.length);
        clock.act(Duration::ZERO, ReplayAct::Speed(speed));
        clock.act(Duration::ZERO, ReplayAct::Play);
        Ok(Player {
            marks: marks.collect(),
            recording,
            opener,
            records,
            ahead: None,
            clock,
            began: Instant::now(),
            window,
            played: Duration::ZERO,
        })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Plays until the window is closed.
    pub fn run(mut self, did: &mpsc::Receiver<Did>) -> anyhow::Result<()> {
        loop {
            self.play_due()?;
            self.show_playback();
            let event = match self.wait() {
                Some(wait) => match did.recv_timeout(wait) {
                    Ok(event) => event,
                    Err(mpsc::RecvTimeoutError::Timeout) => continue,
                    Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
                },
                None => match did.recv() {
                    Ok(event) => event,
                    Err(_) => return Ok(()),
                },
            };
            match event {
                Did::Replay(act) => self.act(act)?,
                Did::End => self.window.close(),
                Did::Closed => return Ok(()),
                Did::Input(_) | Did::Presented { .. } => {}
            }
        }
    }

    fn act(&mut self, act: ReplayAct) -> anyhow::Result<()> {
        let now = self.now();
        self.clock.act(now, act);
        if let ReplayAct::Seek(_) = act {
            let target = self.clock.position(now);
            let start = self.recording.start_before(target);
            // Forward within reach of the same start, playing on is shorter than starting anew.
            if target < self.played || start.at > self.played {
                self.restart(start)?;
            }
        }
        Ok(())
    }

    fn restart(&mut self, start: Start) -> anyhow::Result<()> {
        self.records = self.recording.records_from(start)?;
        self.opener.seek();
        self.ahead = None;
        self.played = start.at;
        Ok(())
    }

    /// Shows everything that is due.
    fn play_due(&mut self) -> anyhow::Result<()> {
        let position = self.clock.position(self.now());
        loop {
            let next = match self.ahead.take() {
                Some(next) => Some(next),
                None => self.records.next_record()?,
            };
            let Some((header, record)) = next else {
                return Ok(());
            };
            let at = Duration::from_micros(header.time_us);
            if at > position {
                self.ahead = Some((header, record));
                return Ok(());
            }
            self.played = self.played.max(at);
            let (_, content) = self.opener.open(&record)?;
            if let Content::Scene(scene) = content {
                self.show(&scene)?;
            }
        }
    }

    fn show(&self, scene: &Scene) -> anyhow::Result<()> {
        self.window.scene(scene)?;
        Ok(())
    }

    fn show_playback(&self) {
        let playback = self.clock.playback(self.now(), self.marks.clone());
        self.window.playback(playback);
    }

    /// Until something is due; `None`: until the person does something.
    fn wait(&self) -> Option<Duration> {
        let now = self.now();
        if !self.clock.is_playing(now) {
            return None;
        }
        let due = self.ahead.as_ref().and_then(|(header, _)| {
            let at = Duration::from_micros(header.time_us);
            self.clock.until(now, at)
        });
        Some(due.unwrap_or(TICK).min(TICK))
    }
}
