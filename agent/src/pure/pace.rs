//! When the next picture may be captured (DESIGN ch. 6, *Pace*): the newest screen wins, so what would wait in a
//! queue is not captured at all.
//!
//! A model of the way to the viewer, fed by its acknowledgements: how many bytes a second arrive, and the shortest
//! round trip. Pictures under way may hold about as many bytes as the way carries in one round trip.

use std::collections::VecDeque;

/// Bytes under way that are always allowed: a typing echo must never wait for an acknowledgement. At 300 kbit/s
/// they take 0.4 s.
const FLOOR_BYTES: u64 = 16 * 1024;
/// Above what the way carries, so that a faster way is found: a quarter more.
const GAIN: f64 = 1.25;
/// Updates under way at once, whatever their size: 24 at 60 a second cover a round trip of 400 ms.
const FRAMES: usize = 24;
/// Deliveries over which the rate is taken: about the last half second of a busy session.
const SAMPLES: usize = 16;
/// The longest round trip that is kept full, in microseconds: on longer ways some rate is given up so that nothing
/// shown is ever a second old.
const LONGEST_US: u64 = 300_000;
/// A shortest round trip is believed for 10 s, as in BBR.
const ROUND_TRIP_LIFE_US: u64 = 10_000_000;

struct UnderWay {
    frame: u64,
    bytes: u64,
    sent_us: u64,
}

/// All times in microseconds of one monotonic clock.
#[derive(Default)]
pub struct Pace {
    under_way: VecDeque<UnderWay>,
    bytes_under_way: u64,
    /// Of the last deliveries: bytes, and the microseconds that they alone took.
    deliveries: VecDeque<(u64, u64)>,
    last_shown_us: u64,
    /// Shortest round trip and when it was seen.
    round_trip: Option<(u64, u64)>,
}

impl Pace {
    /// Update `frame` of so many sealed bytes was handed to the link.
    pub fn sent(&mut self, frame: u64, bytes: u64, now_us: u64) {
        self.under_way.push_back(UnderWay {
            frame,
            bytes,
            sent_us: now_us,
        });
        self.bytes_under_way += bytes;
    }

    /// The viewer has everything up to update `frame`.
    pub fn shown(&mut self, frame: u64, now_us: u64) {
        while let Some(first) = self.under_way.front() {
            if first.frame > frame {
                break;
            }
            let Some(first) = self.under_way.pop_front() else {
                break;
            };
            self.bytes_under_way -= first.bytes;
            let took_us = now_us.saturating_sub(first.sent_us).max(1);
            self.learn_round_trip(took_us, now_us);
            self.learn_rate(&first, now_us);
        }
    }

    /// What was sent before the last delivery came in stood in the queue until then, and took only the time since.
    fn learn_rate(&mut self, shown: &UnderWay, now_us: u64) {
        let alone_since = shown.sent_us.max(self.last_shown_us);
        if self.deliveries.len() == SAMPLES {
            self.deliveries.pop_front();
        }
        self.deliveries
            .push_back((shown.bytes, now_us.saturating_sub(alone_since)));
        self.last_shown_us = now_us;
    }

    fn learn_round_trip(&mut self, took_us: u64, now_us: u64) {
        let stale = |seen: u64| now_us.saturating_sub(seen) > ROUND_TRIP_LIFE_US;
        match self.round_trip {
            Some((shortest, seen)) if took_us > shortest && !stale(seen) => {}
            _ => self.round_trip = Some((took_us, now_us)),
        }
    }

    /// Bytes a microsecond.
    fn rate(&self) -> f64 {
        let (bytes, us) = self
            .deliveries
            .iter()
            .fold((0, 0), |(bytes, us), one| (bytes + one.0, us + one.1));
        bytes as f64 / u64::max(us, 1) as f64
    }

    /// Bytes that may be under way.
    fn budget(&self) -> u64 {
        let round_trip_us = self.round_trip.map_or(0, |(us, _)| us.min(LONGEST_US));
        FLOOR_BYTES + (GAIN * self.rate() * round_trip_us as f64) as u64
    }

    /// Bytes that the next update may have; `None` when the line needs no limit.
    pub fn allowance(&self) -> Option<u64> {
        None
    }

    /// May a picture be captured now?
    pub fn permits(&self) -> bool {
        self.under_way.is_empty()
            || (self.under_way.len() < FRAMES && self.bytes_under_way < self.budget())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way of `rate` bytes a second and `delay_us` each direction, in virtual time; pictures of `size` bytes are
    /// captured every `every_us` when the pace permits. Gives frames shown and the longest time one was under way.
    fn run(rate: u64, delay_us: u64, size: u64, every_us: u64, for_us: u64) -> (u64, u64) {
        let mut pace = Pace::default();
        let (mut frame, mut shown, mut longest, mut free_at) = (0, 0, 0, 0);
        let mut acks: VecDeque<(u64, u64, u64)> = VecDeque::new();
        for now in (0..for_us).step_by(1_000) {
            while acks.front().is_some_and(|(at, ..)| *at <= now) {
                let (_, number, sent) = acks.pop_front().unwrap();
                pace.shown(number, now);
                shown += 1;
                longest = longest.max(now - sent - delay_us);
            }
            if now % every_us == 0 && pace.permits() {
                pace.sent(frame, size, now);
                free_at = u64::max(free_at, now) + size * 1_000_000 / rate;
                acks.push_back((free_at + 2 * delay_us, frame, now));
                frame += 1;
            }
        }
        (shown, longest)
    }

    #[test]
    fn a_fast_line_is_filled() {
        // 20 Mbit/s, 25 ms each way, 20 KB pictures at 60 a second: 9.6 Mbit/s fit
        let (shown, _) = run(2_500_000, 25_000, 20_000, 16_000, 10_000_000);
        assert!(shown > 560, "{shown} of 625");
    }

    #[test]
    fn a_slow_line_is_never_stale() {
        // 2 Mbit/s, 75 ms each way, 60 KB pictures at 30 a second: 8× too much
        let (shown, longest) = run(250_000, 75_000, 60_000, 33_000, 20_000_000);
        assert!(longest < 1_000_000, "{longest} µs under way");
        assert!(shown >= 60, "{shown} of at most 83");
    }

    #[test]
    fn typing_never_waits() {
        let mut pace = Pace::default();
        for frame in 0..20 {
            assert!(pace.permits());
            pace.sent(frame, 700, frame * 5_000);
        }
    }

    #[test]
    fn the_first_picture_goes_whatever_its_size_and_the_next_waits() {
        let mut pace = Pace::default();
        assert!(pace.permits());
        pace.sent(0, 2_000_000, 0);
        assert!(!pace.permits());
        pace.shown(0, 900_000);
        assert!(pace.permits());
    }
}
