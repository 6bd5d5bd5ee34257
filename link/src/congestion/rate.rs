//! At which rate bytes arrive: samples over about a round trip (draft-ietf-ccwg-bbr, *Delivery Rate Samples*), and
//! the largest of the last rounds.

use std::collections::VecDeque;

/// Departures remembered at most: four seconds of bursts of 1 ms.
const DEPARTURES: usize = 4_096;
/// Rounds of full sending for which the largest rate is believed.
const ROUNDS: u64 = 10;

/// What had been delivered when something was sent.
#[derive(Clone, Copy)]
struct Departure {
    at_us: u64,
    delivered: u64,
    delivered_us: u64,
    /// When the first byte was sent of those that the sample compares.
    first_sent_us: u64,
    /// The window was used up: what arrives tells the path's rate, not the program's.
    full: bool,
}

/// One batch of acknowledgements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Bytes a microsecond.
    pub rate: f64,
    pub round_trip_us: u64,
    /// The path, and not the program, had the say.
    pub full: bool,
    /// Bytes delivered in all when the newest acknowledged packet was sent.
    pub delivered_then: u64,
}

/// What was sent and what arrived.
#[derive(Clone, Default)]
pub(super) struct Deliveries {
    departures: VecDeque<Departure>,
    /// Bytes in all, and when the last of them were acknowledged.
    pub delivered: u64,
    delivered_us: u64,
    first_sent_us: u64,
    /// Of the running batch: when the newest acknowledged packet was sent.
    newest_us: Option<u64>,
}

impl Deliveries {
    /// `idle`: nothing else was under way.
    pub fn sent(&mut self, now_us: u64, idle: bool, full: bool) {
        if idle {
            (self.first_sent_us, self.delivered_us) = (now_us, now_us);
        }
        if let Some(last) = self.departures.back_mut()
            && last.at_us == now_us
        {
            last.full |= full;
            return;
        }
        if self.departures.len() == DEPARTURES {
            self.departures.pop_front();
        }
        self.departures.push_back(Departure {
            at_us: now_us,
            delivered: self.delivered,
            delivered_us: self.delivered_us,
            first_sent_us: self.first_sent_us,
            full,
        });
    }

    pub fn acked(&mut self, sent_us: u64, bytes: u64) {
        self.delivered += bytes;
        self.newest_us = self.newest_us.max(Some(sent_us));
    }

    /// The batch's sample; none if it acknowledges nothing newer than the ones before.
    pub fn batch_end(&mut self, now_us: u64) -> Option<Sample> {
        let newest_us = self.newest_us.take()?;
        while self.departures.front().is_some_and(|d| d.at_us < newest_us) {
            self.departures.pop_front();
        }
        let departure = *self.departures.front().filter(|d| d.at_us == newest_us)?;
        let arriving_us = now_us.saturating_sub(departure.delivered_us);
        let sending_us = newest_us.saturating_sub(departure.first_sent_us);
        let took_us = arriving_us.max(sending_us).max(1);
        (self.first_sent_us, self.delivered_us) = (newest_us, now_us);
        Some(Sample {
            rate: (self.delivered - departure.delivered) as f64 / took_us as f64,
            round_trip_us: now_us.saturating_sub(newest_us),
            full: departure.full,
            delivered_then: departure.delivered,
        })
    }
}

/// The largest rate of the last rounds.
#[derive(Clone, Default)]
pub(super) struct Largest {
    /// Round and rate; the rates fall.
    rates: VecDeque<(u64, f64)>,
}

impl Largest {
    pub fn get(&self) -> f64 {
        self.rates.front().map_or(0.0, |(_, rate)| *rate)
    }

    pub fn add(&mut self, round: u64, rate: f64) {
        while self
            .rates
            .back()
            .is_some_and(|(_, smaller)| *smaller <= rate)
        {
            self.rates.pop_back();
        }
        self.rates.push_back((round, rate));
        while self
            .rates
            .front()
            .is_some_and(|(old, _)| old + ROUNDS < round)
        {
            self.rates.pop_front();
        }
    }

    /// Forgets all but this.
    pub fn reset(&mut self, round: u64, rate: f64) {
        self.rates.clear();
        self.rates.push_back((round, rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_path_tells_its_rate() {
        let mut deliveries = Deliveries::default();
        // 1,000 bytes each millisecond, acknowledged 20 ms later
        let mut last = None;
        for ms in 0..100_u64 {
            let now_us = ms * 1_000;
            if ms >= 20 {
                deliveries.acked(now_us - 20_000, 1_000);
                last = deliveries.batch_end(now_us);
            }
            deliveries.sent(now_us, ms == 0, true);
        }
        let last = last.unwrap();
        assert!((0.95..1.05).contains(&last.rate), "{last:?}");
        assert_eq!(last.round_trip_us, 20_000);
        assert!(last.full);
    }

    #[test]
    fn acknowledgements_that_come_at_once_do_not_look_fast() {
        let mut deliveries = Deliveries::default();
        for ms in 0..50_u64 {
            deliveries.sent(ms * 1_000, ms == 0, true);
        }
        for ms in 0..50_u64 {
            deliveries.acked(ms * 1_000, 1_000);
        }
        let sample = deliveries.batch_end(60_000).unwrap();
        assert!(sample.rate < 1.03, "{sample:?}");
    }

    #[test]
    fn the_largest_is_forgotten_after_its_rounds() {
        let mut largest = Largest::default();
        largest.add(0, 5.0);
        largest.add(3, 2.0);
        largest.add(10, 1.0);
        assert_eq!(largest.get(), 5.0);
        largest.add(11, 1.0);
        assert_eq!(largest.get(), 2.0);
        largest.add(12, 7.0);
        assert_eq!(largest.get(), 7.0);
    }
}
