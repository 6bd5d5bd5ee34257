//! Congestion control for pictures and keys on bad lines, for both ends of a leg.
//!
//! CUBIC takes every loss for a full queue, and at 2–5 % of loss by chance its rate falls to a tenth of the line's;
//! where nothing is lost it fills the line's queue, and keys wait behind seconds of pictures. This one models the path
//! (`model`): it sends at the rate at which bytes arrive, with little more under way than the path itself holds, backs
//! off when round trips grow or a tenth is lost, and keeps its share beside those that fill queues.
//!
//! Absent: clocks and chance. The model is pure, and `simulation` runs it in virtual time.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quinn::Connection;
use quinn::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;

use model::Model;

mod model;
mod rate;
mod round_trip;
#[cfg(test)]
mod simulation;

/// Makes a controller for each connection.
pub struct Congestion {
    /// First congestion window in bytes.
    pub initial_window: u64,
}

impl ControllerFactory for Congestion {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Controlled {
            began: now,
            initial_window: self.initial_window,
            model: Model::new(self.initial_window, current_mtu.into()),
            stale: Stale::default(),
            path: Path::default(),
        })
    }
}

/// What a link shares with the controller of its path.
#[derive(Clone, Default)]
pub struct Path(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Packets of ours that were acknowledged.
    acked: AtomicU64,
    /// Bytes that may go out beyond the window.
    beyond: AtomicU64,
}

impl Path {
    /// The path that the connection uses now; it has another one after its peer's address changed.
    pub fn of(connection: &Connection) -> Path {
        controlled(connection).map_or_else(Path::default, |controlled| controlled.path)
    }

    pub fn acked(&self) -> u64 {
        self.0.acked.load(Ordering::Relaxed)
    }
}

/// Lets one more packet go out, however much is under way: what went into a line that was cut fills the window for ever,
/// for nothing of it is ever acknowledged.
pub fn let_one_through(connection: &Connection) {
    if let Some(controlled) = controlled(connection) {
        let beyond = controlled.model.lacks_for_one();
        controlled.path.0.beyond.store(beyond, Ordering::Relaxed);
    }
}

fn controlled(connection: &Connection) -> Option<Box<Controlled>> {
    connection.congestion_state().into_any().downcast().ok()
}

/// The model behind quinn's interface.
#[derive(Clone)]
struct Controlled {
    /// Of the model's clock.
    began: Instant,
    initial_window: u64,
    model: Model,
    stale: Stale,
    /// Of all copies of this controller.
    path: Path,
}

impl Controlled {
    fn us(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_micros() as u64
    }
}

/// quinn paces by its smoothed round trip. When what is acknowledged first after a break was sent before it, that is seconds for a
/// while, and pacing would let out a packet a second until it has faded. The window is told larger by as much, meanwhile.
#[derive(Clone, Default)]
struct Stale {
    smoothed_us: f64,
    /// Of the acknowledgement that is being told: the round trip of the newest packet.
    newest_us: Option<u64>,
    /// A break was spanned, and has not faded.
    is: bool,
}

/// The part of the usual pace at which is sent while the smoothed round trip is stale: cautiously, for less is known.
const STALE_PACE: f64 = 0.25;
/// It has faded when it is only so many times the usual.
const FADED: f64 = 8.0;
/// Of a round trip, how much counts in the smoothed one (RFC 9002 §5.3).
const SMOOTHING: f64 = 0.125;

impl Stale {
    fn acked(&mut self, smoothed: Duration, round_trip_us: u64) {
        self.smoothed_us = smoothed.as_micros() as f64;
        let newest = self.newest_us.unwrap_or(u64::MAX);
        self.newest_us = Some(newest.min(round_trip_us));
    }

    fn acks_end(&mut self, model: &Model) {
        let Some(newest_us) = self.newest_us.take() else {
            return;
        };
        self.is |= model.was_away(newest_us);
        // quinn takes it in after it has told us.
        self.smoothed_us += SMOOTHING * (newest_us as f64 - self.smoothed_us);
        self.is &= self.smoothed_us > FADED * usual_us(model);
    }

    fn stretched(&self, model: &Model) -> u64 {
        let window = model.window();
        match self.is {
            true => (window as f64 * STALE_PACE * self.smoothed_us / usual_us(model)) as u64,
            false => window,
        }
    }
}

fn usual_us(model: &Model) -> f64 {
    model.round_trip_us().unwrap_or(u64::MAX).max(1) as f64
}

impl Controller for Controlled {
    fn on_sent(&mut self, now: Instant, bytes: u64, _last_packet_number: u64) {
        self.model.sent(self.us(now), bytes);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _: bool, rtt: &RttEstimator) {
        let round_trip = now.saturating_duration_since(sent);
        self.stale.acked(rtt.get(), round_trip.as_micros() as u64);
        self.path.0.acked.fetch_add(1, Ordering::Relaxed);
        self.path.0.beyond.store(0, Ordering::Relaxed);
        self.model.acked(self.us(sent), bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, _: bool, _: Option<u64>) {
        self.stale.acks_end(&self.model);
        self.model.acks_end(self.us(now), in_flight);
    }

    fn on_congestion_event(&mut self, _: Instant, _: Instant, persistent: bool, lost_bytes: u64) {
        self.model.lost(lost_bytes, persistent);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.model.set_mtu(new_mtu.into());
    }

    fn window(&self) -> u64 {
        self.stale.stretched(&self.model) + self.path.0.beyond.load(Ordering::Relaxed)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL_US: u64 = 20_000;

    /// A path whose round trip is known.
    fn path() -> Model {
        let mut model = Model::new(38_400, 1_200);
        for round in 0..50 {
            let sent_us = round * USUAL_US;
            model.sent(sent_us, 1_200);
            model.acked(sent_us, 1_200);
            model.acks_end(sent_us + USUAL_US, 0);
        }
        model
    }

    #[test]
    fn what_was_sent_before_a_break_does_not_slow_what_follows() {
        let model = path();
        let mut stale = Stale::default();
        let usual = Duration::from_micros(USUAL_US);
        stale.acked(usual, USUAL_US);
        stale.acks_end(&model);
        assert_eq!(stale.stretched(&model), model.window());
        // quinn takes in 45 s, and paces by a window for each of its smoothed round trips.
        stale.acked(usual, 45_000_000);
        stale.acks_end(&model);
        let pace = stale.stretched(&model) as f64 / stale.smoothed_us;
        let fair = model.window() as f64 / USUAL_US as f64;
        assert!((pace / fair - STALE_PACE).abs() < 0.01, "{pace} of {fair}");
        // It fades with each acknowledgement.
        for _ in 0..40 {
            let smoothed = Duration::from_micros(stale.smoothed_us as u64);
            stale.acked(smoothed, USUAL_US);
            stale.acks_end(&model);
        }
        assert_eq!(stale.stretched(&model), model.window());
    }

    #[test]
    fn a_long_queue_is_no_break() {
        let model = path();
        let mut stale = Stale::default();
        stale.acked(Duration::from_millis(300), 900_000);
        stale.acks_end(&model);
        assert_eq!(stale.stretched(&model), model.window());
        // Nor is a path of which nothing is known.
        let unknown = Model::new(38_400, 1_200);
        stale.acked(Duration::from_millis(150), 5_000_000);
        stale.acks_end(&unknown);
        assert_eq!(stale.stretched(&unknown), unknown.window());
    }
}
