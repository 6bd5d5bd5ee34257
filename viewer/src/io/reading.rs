//! Reads a recording from end to end beside the playback: for the list of what happened, and for the computer's facts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sightline_ends::replay::Content;

use super::evidence::source::{Auditor, Source};
use super::window::{Heard, WindowHandle};
use crate::pure::evidence::event::{self, Event};
use crate::pure::evidence::events::Events;
use crate::pure::panels::Replayed;
use crate::pure::panels::log::{Entry, Read};

/// What was read is told this often: a person sees the list grow.
const TELL: Duration = Duration::from_millis(200);
/// A session that is still running is looked at for more this often.
const LOOK: Duration = Duration::from_secs(1);
/// Facts that are told: each is some tens of kilobytes.
const FACTS: usize = 50;

/// Reads on a thread of its own, and tells the window's panels.
pub fn start(path: &Path, auditor: Arc<Auditor>, window: WindowHandle) {
    let reading = Reading {
        path: path.to_owned(),
        auditor,
        window,
        events: Events::default(),
        found: Vec::new(),
        told: Instant::now(),
        facts: 0,
    };
    thread::spawn(move || reading.run());
}

struct Reading {
    path: PathBuf,
    auditor: Arc<Auditor>,
    window: WindowHandle,
    events: Events,
    found: Vec<Entry>,
    told: Instant,
    facts: usize,
}

impl Reading {
    fn run(mut self) {
        let stopped = match self.read() {
            Ok(()) => Read::All,
            Err(error) => Read::Stopped(format!("{error:#}")),
        };
        let left = self.events.finish();
        self.take(&left);
        self.tell(stopped);
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let mut source = Source::open(&self.path, &self.auditor)?;
        let began = source.began();
        self.take(&[began]);
        loop {
            while let Some((header, content)) = source.next_content()? {
                let events = self.events.take(&header, &content);
                self.take(&events);
                if let Content::Facts(facts) = content
                    && self.facts < FACTS
                {
                    self.facts += 1;
                    let facts = Replayed::Facts(event::at(&header), facts);
                    self.window.heard(Heard::Replayed(facts));
                }
                if self.told.elapsed() >= TELL {
                    self.tell(Read::Part((source.fraction() * 100.0) as u8));
                }
            }
            if !source.may_grow() {
                let ended = source.ended();
                self.take(&[ended]);
                return Ok(());
            }
            self.tell(Read::All);
            thread::sleep(LOOK);
            source.look_again()?;
        }
    }

    fn take(&mut self, events: &[Event]) {
        self.found.extend(events.iter().filter_map(Entry::of));
    }

    fn tell(&mut self, read: Read) {
        self.told = Instant::now();
        let found = std::mem::take(&mut self.found);
        self.window
            .heard(Heard::Replayed(Replayed::Happened(found, read)));
    }
}
