//! Watches a display and notes when which step of a workload shows there, by its mark.
//!
//! Nothing polls: the X server reports each drawing (XDamage), and a pixel is read only when the mark was drawn upon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::Rectangle;

use super::drawings::Drawings;
use crate::display::{Display, Image};
use crate::workload::mark;

/// How soon a wish to stop is seen.
const LOOK_UP: Duration = Duration::from_millis(50);

/// A mark that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// As read: below [`mark::NUMBERS`].
    pub number: u32,
    pub at: Instant,
}

/// Waits until a display shows the mark of that step: where its upper left corner is.
pub fn find(display: &Display, number: u32, within: Duration) -> anyhow::Result<(u32, u32)> {
    let side = mark::SIDE.into();
    let block = Image::plain(side, side, mark::colour(number));
    let mut found = None;
    display.until(within, "the mark", |display| {
        found = display.screenshot()?.find(&block);
        Ok(found.is_some())
    })?;
    found.context("just found")
}

/// A display under watch, from a thread of its own.
pub struct Marks {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Seen>>>,
}

impl Marks {
    /// From now on, the mark whose corner is at a place of the display.
    pub fn watch(display: &str, corner: (u32, u32)) -> anyhow::Result<Marks> {
        let watcher = Watcher::open(display, corner)?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || watcher.run(&told));
        Ok(Marks { stop, thread })
    }

    /// What was seen until now.
    pub fn end(self) -> anyhow::Result<Vec<Seen>> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.thread.join();
        seen.unwrap_or_else(|_| bail!("the watching thread panicked"))
    }
}

struct Watcher {
    drawings: Drawings,
    /// The middle of the mark.
    at: (i16, i16),
}

impl Watcher {
    fn open(display: &str, corner: (u32, u32)) -> anyhow::Result<Watcher> {
        let middle = |corner: u32| corner as i16 + mark::SIDE as i16 / 2;
        Ok(Watcher {
            drawings: Drawings::watch(display)?,
            at: (middle(corner.0), middle(corner.1)),
        })
    }

    fn run(&self, stop: &AtomicBool) -> anyhow::Result<Vec<Seen>> {
        let mut seen: Vec<Seen> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            if !self.drawn()? {
                self.drawings.sleep(LOOK_UP)?;
                continue;
            }
            let pixel = self.drawings.pixel(self.at)?;
            let number = mark::number(pixel);
            if seen.last().is_none_or(|last| last.number != number) {
                let at = Instant::now();
                seen.push(Seen { number, at });
            }
        }
        Ok(seen)
    }

    /// Whether the mark was drawn upon, as far as is known.
    fn drawn(&self) -> anyhow::Result<bool> {
        let mut drawn = false;
        while let Some(event) = self.drawings.x.poll_for_event()? {
            if let Event::DamageNotify(event) = event {
                drawn |= contains(event.area, self.at);
            }
        }
        Ok(drawn)
    }
}

fn contains(area: Rectangle, (x, y): (i16, i16)) -> bool {
    let (right, bottom) = (
        i32::from(area.x) + i32::from(area.width),
        i32::from(area.y) + i32::from(area.height),
    );
    (i32::from(area.x)..right).contains(&x.into())
        && (i32::from(area.y)..bottom).contains(&y.into())
}
