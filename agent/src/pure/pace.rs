//! When the next picture may be captured, and how large it may be (DESIGN ch. 6, *Pace*): the newest screen wins, so
//! what would wait in a queue is not captured at all.
//!
//! A model of the way to the viewer, fed by its acknowledgements: the shortest round trip, and how many bytes a second
//! arrive at best. Pictures under way may hold about as many bytes as the way carries in one round trip,
//! and one of them what it carries in an eighth of a second.

use std::collections::VecDeque;

/// Bytes under way that are allowed beyond a round trip's, so that a typing echo never waits for an acknowledgement.
const FLOOR_BYTES: u64 = 16 * 1024;
/// The same on a slow way: what it carries in a tenth of a second, in microseconds.
const FLOOR_US: u64 = 100_000;
/// Above what the way carries, so that a faster way is found: a quarter more.
const GAIN: f64 = 1.25;
/// Updates under way at once, whatever their size: 24 at 60 a second cover a round trip of 400 ms.
const FRAMES: usize = 24;
/// The longest round trip that is kept full, in microseconds: on longer ways some rate is given up so that nothing
/// shown is ever a second old.
const LONGEST_US: u64 = 300_000;
/// A shortest round trip is believed for 10 s, as in BBR.
const ROUND_TRIP_LIFE_US: u64 = 10_000_000;
/// The first picture's bytes, before anything is known: 0.25 s at 2 Mbit/s.
const FIRST_BYTES: u64 = 64 * 1024;
/// One update may keep the way busy for so long, in microseconds.
const UPDATE_US: u64 = 125_000;
/// Fewest bytes that an update may always have: a line of text.
const LEAST_BYTES: u64 = 4 * 1024;
/// A way that carries more than this in an update's time sets no limit: 17 Mbit/s.
const MANY_BYTES: u64 = 256 * 1024;
/// What took so much longer than the shortest round trip, in microseconds, and half as long again, met a busy way.
const BUSY_US: u64 = 20_000;
/// A way that sets no limit is taken for a slow one only when so many deliveries in a row met it busy. On loopback a viewer that gets no
/// processor for a moment, or decodes a video's key, looks like a line of 4 Mbit/s: once in a second or two, and then not again.
const DOUBTS: u32 = 4;
/// What took so long, in microseconds, was held up by a line that was away: it says nothing of its rate, and what was known before may be
/// of another line.
const AWAY_US: u64 = 3_000_000;
/// Smaller updates tell the round trip, but no rate: most of their time is the way itself.
const TELLING_BYTES: u64 = 3 * 1024;
/// Deliveries among which the fastest tells the rate, and how long one is believed, in microseconds.
const SAMPLES: usize = 10;
const RATE_LIFE_US: u64 = 3_000_000;

struct UnderWay {
    frame: u64,
    bytes: u64,
    sent_us: u64,
    /// Bytes under way with it, its own among them.
    with_it: u64,
    /// When it was sent: bytes shown so far, when the last of them were, and when the first was sent that came after.
    shown: u64,
    shown_us: u64,
    since_us: u64,
}

/// All times in microseconds of one monotonic clock.
#[derive(Default)]
pub struct Pace {
    under_way: VecDeque<UnderWay>,
    bytes_under_way: u64,
    /// Bytes in all, when the last of them were shown, and when those were sent.
    shown: u64,
    shown_us: u64,
    since_us: u64,
    /// Of the last deliveries: when, and bytes a microsecond.
    rates: VecDeque<(u64, f64)>,
    /// Deliveries in a row that met a busy way although it sets no limit.
    doubts: u32,
    /// Shortest round trip and when it was seen.
    round_trip: Option<(u64, u64)>,
}

impl Pace {
    /// Update `frame` of so many sealed bytes was handed to the link.
    pub fn sent(&mut self, frame: u64, bytes: u64, now_us: u64) {
        if self.under_way.is_empty() {
            (self.shown_us, self.since_us) = (now_us, now_us);
        }
        self.bytes_under_way += bytes;
        self.under_way.push_back(UnderWay {
            frame,
            bytes,
            sent_us: now_us,
            with_it: self.bytes_under_way,
            shown: self.shown,
            shown_us: self.shown_us,
            since_us: self.since_us,
        });
    }

    /// The viewer has everything up to update `frame`.
    pub fn shown(&mut self, frame: u64, now_us: u64) {
        let mut newest = None;
        while let Some(first) = self.under_way.pop_front_if(|first| first.frame <= frame) {
            self.bytes_under_way -= first.bytes;
            self.shown += first.bytes;
            newest = Some(first);
        }
        let Some(newest) = newest else {
            return;
        };
        let took_us = now_us.saturating_sub(newest.sent_us);
        // Where nothing is known, it is all there is to learn from: a first picture may take that long.
        if took_us >= AWAY_US && !self.rates.is_empty() {
            self.rates.clear();
            (self.doubts, self.round_trip) = (0, None);
            (self.shown_us, self.since_us) = (now_us, now_us);
            return;
        }
        self.learn_rate(&newest, now_us);
        self.learn_round_trip(&newest, now_us);
        (self.shown_us, self.since_us) = (now_us, newest.sent_us);
    }

    /// A delivery rate as in BBR: what was shown between this update's sending and its showing, over the time that this
    /// took, or that its sending took. It is never too high, and too low only while little is sent: then it says
    /// nothing against a higher one.
    fn learn_rate(&mut self, newest: &UnderWay, now_us: u64) {
        let busy = self.met_a_busy_way(newest, now_us);
        if !busy {
            self.doubts = 0;
        }
        let bytes = self.shown - newest.shown;
        if bytes < TELLING_BYTES {
            return;
        }
        let showing_us = now_us.saturating_sub(newest.shown_us);
        let sending_us = newest.sent_us.saturating_sub(newest.since_us);
        let rate = bytes as f64 / showing_us.max(sending_us).max(1) as f64;
        if rate < self.rate() {
            if !busy {
                return;
            }
            self.doubts += u32::from(self.allowance().is_none());
            if (1..DOUBTS).contains(&self.doubts) {
                return;
            }
            self.doubts = 0;
        }
        if self.rates.len() == SAMPLES {
            self.rates.pop_front();
        }
        self.rates.push_back((now_us, rate));
        while self
            .rates
            .front()
            .is_some_and(|(at, _)| at + RATE_LIFE_US < now_us)
        {
            self.rates.pop_front();
        }
    }

    fn met_a_busy_way(&self, newest: &UnderWay, now_us: u64) -> bool {
        let shortest_us = self.round_trip.map_or(0, |(us, _)| us);
        let took_us = now_us.saturating_sub(newest.sent_us);
        took_us > shortest_us + (shortest_us / 2).max(BUSY_US)
    }

    /// When a new one is due, it is less what all took that was under way with it, so that our own queue is not taken
    /// for the way's length.
    fn learn_round_trip(&mut self, newest: &UnderWay, now_us: u64) {
        let took_us = now_us.saturating_sub(newest.sent_us).max(1);
        self.round_trip = match self.round_trip {
            Some((shortest, seen)) if took_us > shortest => {
                if now_us.saturating_sub(seen) <= ROUND_TRIP_LIFE_US {
                    return;
                }
                let alone_us = took_us.saturating_sub(self.takes_us(newest.with_it));
                Some((alone_us.max(shortest), now_us))
            }
            _ => Some((took_us, now_us)),
        };
    }

    /// Bytes a microsecond.
    fn rate(&self) -> f64 {
        self.rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max)
    }

    /// Microseconds in which so many bytes arrive.
    fn takes_us(&self, bytes: u64) -> u64 {
        match self.rate() {
            0.0 => 0,
            rate => (bytes as f64 / rate) as u64,
        }
    }

    /// Bytes that arrive in so many microseconds.
    fn carries(&self, us: u64) -> u64 {
        (self.rate() * us as f64) as u64
    }

    /// Bytes that may be under way.
    fn budget(&self) -> u64 {
        if self.doubts > 0 {
            return FLOOR_BYTES;
        }
        let round_trip_us = self.round_trip.map_or(0, |(us, _)| us.min(LONGEST_US));
        let floor = match self.carries(FLOOR_US) {
            0 => FLOOR_BYTES,
            bytes => bytes.clamp(LEAST_BYTES, FLOOR_BYTES),
        };
        floor + (GAIN * self.carries(round_trip_us) as f64) as u64
    }

    /// Bytes that the next update may have; `None` when the line needs no limit.
    pub fn allowance(&self) -> Option<u64> {
        if self.rates.is_empty() {
            return Some(FIRST_BYTES);
        }
        let bytes = self.carries(UPDATE_US);
        (bytes < MANY_BYTES).then(|| bytes.max(LEAST_BYTES))
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

    /// A way in virtual time.
    struct Way {
        /// Bytes a second.
        rate: u64,
        /// Each direction.
        delay_us: u64,
        /// Round trips take up to this much longer, in turn.
        varies_us: u64,
        pace: Pace,
        now_us: u64,
        free_us: u64,
        frame: u64,
        /// Acknowledgements on their way: when, of which frame, sent when.
        acks: VecDeque<(u64, u64, u64)>,
        shown: u64,
        /// The longest time from capture to the viewer.
        oldest_us: u64,
    }

    impl Way {
        fn new(rate: u64, delay_us: u64, varies_us: u64) -> Way {
            Way {
                rate,
                delay_us,
                varies_us,
                pace: Pace::default(),
                now_us: 0,
                free_us: 0,
                frame: 0,
                acks: VecDeque::new(),
                shown: 0,
                oldest_us: 0,
            }
        }

        /// Captures pictures of `size` bytes, or what is allowed, each `every_us` when the pace permits.
        fn run(&mut self, size: u64, every_us: u64, for_us: u64) {
            for _ in (0..for_us).step_by(1_000) {
                self.now_us += 1_000;
                let now_us = self.now_us;
                while self.acks.front().is_some_and(|(at, ..)| *at <= now_us) {
                    let (_, frame, sent_us) = self.acks.pop_front().unwrap();
                    self.pace.shown(frame, now_us);
                    self.shown += 1;
                    self.oldest_us = self.oldest_us.max(now_us - sent_us - self.delay_us);
                }
                if now_us.is_multiple_of(every_us) && self.pace.permits() {
                    self.send(size);
                }
            }
        }

        fn send(&mut self, size: u64) -> u64 {
            let size = size.min(self.pace.allowance().unwrap_or(size));
            self.pace.sent(self.frame, size, self.now_us);
            self.free_us = self.free_us.max(self.now_us) + size * 1_000_000 / self.rate;
            let varied_us = self.frame * 7 % 10 * self.varies_us / 10;
            let at_us = self.free_us + 2 * self.delay_us + varied_us;
            let last_us = self.acks.back().map_or(0, |(at, ..)| *at);
            self.acks
                .push_back((at_us.max(last_us), self.frame, self.now_us));
            self.frame += 1;
            size
        }

        /// How long the next small update would take to the viewer.
        fn echo_us(&self) -> u64 {
            self.free_us.saturating_sub(self.now_us) + self.delay_us
        }
    }

    #[test]
    fn a_fast_line_is_filled() {
        // 20 Mbit/s, 25 ms each way, 20 KB pictures at 60 a second: 9.6 Mbit/s fit
        let mut way = Way::new(2_500_000, 25_000, 5_000);
        way.run(20_000, 16_000, 10_000_000);
        assert!(way.shown > 560, "{} of 625", way.shown);
    }

    #[test]
    fn a_slow_line_is_never_stale() {
        // 2 Mbit/s, 75 ms each way, 60 KB pictures at 30 a second: 8× too much
        let mut way = Way::new(250_000, 75_000, 20_000);
        way.run(60_000, 33_000, 20_000_000);
        assert!(way.oldest_us < 600_000, "{} µs", way.oldest_us);
        assert!(way.shown >= 130, "{}", way.shown);
        // 300 kbit/s: after the first picture
        let mut way = Way::new(37_500, 25_000, 0);
        way.run(60_000, 33_000, 10_000_000);
        way.oldest_us = 0;
        way.run(60_000, 33_000, 20_000_000);
        assert!(way.oldest_us < 500_000, "{} µs", way.oldest_us);
        assert!(way.echo_us() < 400_000, "{} µs", way.echo_us());
    }

    #[test]
    fn a_busy_line_is_used() {
        for (rate, delay_us) in [(37_500, 25_000), (250_000, 75_000), (1_000_000, 25_000)] {
            let mut way = Way::new(rate, delay_us, 10_000);
            way.run(1 << 20, 16_000, 5_000_000);
            let began_us = way.free_us.max(way.now_us);
            let mut sent = 0;
            for _ in 0..5_000 {
                way.run(0, u64::MAX, 1_000);
                if way.pace.permits() {
                    sent += way.send(1 << 20);
                }
            }
            let used = sent as f64 / rate as f64 / (way.now_us - began_us) as f64 * 1e6;
            assert!(used > 0.85, "{used} of {rate}");
        }
    }

    #[test]
    fn a_line_that_was_away_is_as_fast_as_before() {
        let mut way = Way::new(1_000_000, 25_000, 5_000);
        way.run(1 << 20, 16_000, 10_000_000);
        let before = way.pace.allowance().unwrap();
        // Nothing moves for 40 s, and what was under way arrives at its end.
        let away_us = 40_000_000;
        way.acks.iter_mut().for_each(|ack| ack.0 += away_us);
        way.free_us += away_us;
        way.run(0, u64::MAX, away_us);
        let shown = way.shown;
        way.run(1 << 20, 16_000, 1_000_000);
        assert!(way.shown - shown > 5, "{}", way.shown - shown);
        let after = way.pace.allowance().unwrap();
        assert!(after > before * 8 / 10, "{after}, before {before}");
        // A line on which even the first picture takes longer than that is learned all the same.
        let mut slow = Way::new(15_000, 50_000, 0);
        slow.run(1 << 20, 16_000, 30_000_000);
        assert!(slow.pace.allowance().unwrap() <= LEAST_BYTES);
    }

    #[test]
    fn an_update_takes_an_eighth_of_a_second() {
        for rate in [37_500, 250_000, 1_000_000] {
            let mut way = Way::new(rate, 25_000, 10_000);
            way.run(1 << 20, 16_000, 10_000_000);
            let allowed = way.pace.allowance().unwrap();
            let fair = rate / 8;
            assert!(
                (fair * 6 / 10..fair * 13 / 10).contains(&allowed),
                "{allowed} at {rate}"
            );
        }
    }

    #[test]
    fn a_network_of_an_office_sets_no_limit() {
        let mut way = Way::new(12_500_000, 500, 500);
        way.run(1 << 20, 16_000, 1_000_000);
        assert_eq!(way.pace.allowance(), None);
    }

    #[test]
    fn a_receiver_that_is_late_now_and_then_is_no_slow_line() {
        let mut pace = Pace::default();
        let mut allowed = Vec::new();
        for frame in 0..400 {
            // A first picture, then a film's: 30 a second, every 60th a key, and a hiccup of the receiver with it.
            let now_us = frame * 33_000;
            let key = frame % 60 < 3;
            let (bytes, took_us) = match (frame, key) {
                (0..4, _) => (400_000, 9_000),
                (_, true) => (40_000, 70_000),
                _ => (9_000, 9_000),
            };
            pace.sent(frame, bytes, now_us);
            pace.shown(frame, now_us + took_us);
            allowed.push(pace.allowance());
        }
        assert_eq!(allowed[4..].iter().flatten().count(), 0, "{allowed:?}");
    }

    #[test]
    fn a_line_that_becomes_slow_is_noticed() {
        let mut way = Way::new(2_500_000, 25_000, 0);
        way.run(60_000, 33_000, 5_000_000);
        way.rate = 37_500;
        way.run(60_000, 33_000, 12_000_000);
        way.oldest_us = 0;
        way.run(60_000, 33_000, 5_000_000);
        assert!(way.oldest_us < 500_000, "{} µs", way.oldest_us);
        way.rate = 2_500_000;
        way.shown = 0;
        way.run(20_000, 33_000, 5_000_000);
        assert!(way.shown > 120, "{} of 150", way.shown);
    }

    #[test]
    fn typing_tells_no_rate_and_never_waits() {
        let mut pace = Pace::default();
        for frame in 0..20 {
            assert!(pace.permits());
            pace.sent(frame, 700, frame * 5_000);
        }
        pace.shown(19, 300_000);
        assert!(pace.permits());
    }

    #[test]
    fn the_first_picture_goes_whatever_its_size_and_the_next_waits() {
        let mut pace = Pace::default();
        assert!(pace.permits());
        assert_eq!(pace.allowance(), Some(FIRST_BYTES));
        pace.sent(0, 2_000_000, 0);
        assert!(!pace.permits());
        pace.shown(0, 900_000);
        assert!(pace.permits());
    }
}
