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
use std::time::Instant;

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
        })
    }
}

/// The model behind quinn's interface.
#[derive(Clone)]
struct Controlled {
    /// Of the model's clock.
    began: Instant,
    initial_window: u64,
    model: Model,
}

impl Controlled {
    fn us(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_micros() as u64
    }
}

impl Controller for Controlled {
    fn on_sent(&mut self, now: Instant, bytes: u64, _last_packet_number: u64) {
        self.model.sent(self.us(now), bytes);
    }

    fn on_ack(&mut self, _: Instant, sent: Instant, bytes: u64, _: bool, _: &RttEstimator) {
        self.model.acked(self.us(sent), bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, _: bool, _: Option<u64>) {
        self.model.acks_end(self.us(now), in_flight);
    }

    fn on_congestion_event(&mut self, _: Instant, _: Instant, persistent: bool, lost_bytes: u64) {
        self.model.lost(lost_bytes, persistent);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.model.set_mtu(new_mtu.into());
    }

    fn window(&self) -> u64 {
        self.model.window()
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
