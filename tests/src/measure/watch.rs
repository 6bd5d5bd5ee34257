//! The technician's other eye: how old is what a moving picture shows?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};

use super::Samples;
use super::drawings::Drawings;
use crate::workload::Step;
use crate::workload::stamps::{self, Place};

/// How soon it sees that it shall end.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Ages are taken this often.
const TICK: Duration = Duration::from_millis(5);

/// A watch from its own thread and connection.
pub struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<(Instant, u32)>>>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// Of what is shown, at every moment.
    pub age: Samples,
    /// Different pictures shown, per second.
    pub rate: f64,
}

impl Watch {
    /// Looks at these places, moved by (x, y), of the display.
    pub fn start(display: &str, places: &[Place], moved: (i16, i16)) -> anyhow::Result<Watch> {
        let drawings = Drawings::watch(display)?;
        let place = |p: &Place| Place {
            x: p.x + moved.0,
            y: p.y + moved.1,
            older: p.older,
        };
        let places: Vec<Place> = places.iter().map(place).collect();
        let over = Arc::<AtomicBool>::default();
        let ends = Arc::clone(&over);
        let thread = thread::spawn(move || run(&drawings, &places, &ends));
        Ok(Watch { over, thread })
    }

    /// The moments from which on each step was the oldest to be seen.
    fn end(self) -> anyhow::Result<Vec<(Instant, u32)>> {
        self.over.store(true, Ordering::Relaxed);
        let seen = self.thread.join();
        seen.map_err(|_| anyhow::anyhow!("the watch failed"))?
    }

    /// Ends it; these steps were drawn, and only what is after `from` counts.
    pub fn judge(self, drawn: &[Step], from: Instant) -> anyhow::Result<Freshness> {
        let seen = self.end()?;
        let mut freshness = Freshness::default();
        let (Some(last), Some(first)) = (drawn.last(), seen.first()) else {
            anyhow::bail!("no stamp was seen");
        };
        let to = last.at;
        let counted = seen
            .iter()
            .filter(|(at, _)| *at > from && *at <= to)
            .count();
        freshness.rate = counted as f64 / (to - from).as_secs_f64();
        let (mut at, mut shown) = (from.max(first.0), 0);
        while at < to {
            while seen.get(shown + 1).is_some_and(|next| next.0 <= at) {
                shown += 1;
            }
            // The first step is number 1.
            let index = seen[shown].1.checked_sub(1);
            if let Some(drawn) = index.and_then(|index| drawn.get(index as usize)) {
                freshness.age.add(at.saturating_duration_since(drawn.at));
            }
            at += TICK;
        }
        Ok(freshness)
    }
}

fn run(
    drawings: &Drawings,
    places: &[Place],
    over: &AtomicBool,
) -> anyhow::Result<Vec<(Instant, u32)>> {
    let mut seen: Vec<(Instant, u32)> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if drawings.x.poll_for_event()?.is_none() {
            drawings.sleep(LOOK_UP)?;
            continue;
        }
        drawings.forget()?;
        if let Some(frame) = oldest(drawings, places)?
            && seen.last().is_none_or(|(_, last)| *last != frame)
        {
            seen.push((Instant::now(), frame));
        }
    }
    Ok(seen)
}

/// The step of the oldest place; none while a place shows none.
fn oldest(drawings: &Drawings, places: &[Place]) -> anyhow::Result<Option<u32>> {
    let Drawings { x, root } = drawings;
    let (format, width, height) = (ImageFormat::Z_PIXMAP, stamps::WIDTH, stamps::HEIGHT);
    let asked: Result<Vec<_>, _> = places
        .iter()
        .map(|p| x.get_image(format, *root, p.x, p.y, width, height, !0))
        .collect();
    let mut oldest: Option<u32> = None;
    for (asked, place) in asked?.into_iter().zip(places) {
        let pixels: Vec<u32> = asked
            .reply()?
            .data
            .chunks_exact(4)
            .map(|p| u32::from_le_bytes([p[0], p[1], p[2], 0]))
            .collect();
        let Some(number) = stamps::read(&pixels) else {
            return Ok(None);
        };
        let frame = number + place.older;
        oldest = Some(oldest.map_or(frame, |oldest| oldest.min(frame)));
    }
    Ok(oldest)
}
