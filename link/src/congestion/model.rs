//! What is known of the path, and how much may be under way on it. Time comes as microseconds of any clock.

use super::rate::{Deliveries, Largest, Sample};
use super::round_trip::{Base, Mean};

/// What may stand in the path's queue, as a part of its round trip, within bounds in microseconds: room to find a
/// faster rate, for acknowledgements that come in batches, and for paths whose round trip varies.
const HEADROOM: f64 = 0.25;
const HEADROOM_US: (f64, f64) = (10_000.0, 25_000.0);
/// Where shorter queues overflow, the smallest part of the headroom, and how much it grows each round without.
const LEAST_SCALE: f64 = 0.1;
const RESCALE: f64 = 1.02;
/// quinn sends while one packet more fits below the window.
const LEAST_PACKETS: u64 = 2;
/// Fewest packets in a window, except to measure: a slow path need not wait for each one's acknowledgement.
const FEW_PACKETS: u64 = 4;
/// A queue this many times longer than intended is too long, and packets that it may have beyond that.
const TOO_LONG: f64 = 1.4;
const TOO_LONG_PACKETS: u64 = 2;
/// A drained queue is this part of the intended one at most, and so many packets.
const EMPTY: f64 = 0.5;
const EMPTY_PACKETS: u64 = 2;
/// Rounds of draining after which the queue is someone else's.
const STRANGERS_AFTER: u32 = 6;
/// The same when it was someone else's before.
const STILL_STRANGERS_AFTER: u32 = 3;
/// Above this share of losses the path is overloaded, however short its queue. Radio loses less by chance.
const LOSS: f64 = 0.1;
/// Of the losses and deliveries of earlier rounds, how much counts in the next: four rounds' memory.
const MEMORY: f64 = 0.75;
/// Packets acknowledged or lost before a share of losses says anything.
const LOSS_PACKETS: f64 = 30.0;
/// Rounds of full sending without a quarter more rate that end the start (as in BBR).
const START_ROUNDS: u32 = 3;
/// Growth of a round's shortest round trip that ends the start, as a part and within bounds in microseconds (as in
/// HyStart++, RFC 9406, with more room for radio).
const START_GROWTH: f64 = 0.125;
const START_GROWTH_US: (u64, u64) = (8_000, 25_000);
/// Rounds of little sending, so that the path's own round trip shows: one drains, one is measured.
const DRAINED_ROUNDS: u32 = 2;
/// Beside those that fill queues: what is kept when the queue overflowed (as Reno's and CUBIC's).
const KEPT: f64 = 0.7;
/// Beside others, a window so many times larger must give so many times the rate.
const GROWN: f64 = 1.25;
const RESPONDED: f64 = 1.08;
/// A loss tells of an overflow when the queue is nearly as long as it ever was.
const NEARLY: f64 = 0.75;

/// A round trip longer than this in microseconds, and so many times longer than usual, spans a break of the line.
const AWAY_US: u64 = 2_500_000;
const AWAY_TIMES: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Twice as much each round, until rate or round trip say that the path is full.
    Start,
    /// As much as the path holds, and the headroom.
    Steady,
    /// The queue is too long: no more than the path holds, for so many rounds at most.
    Drain { rounds: u32 },
    /// Nothing of ours in the queue, to see how long the path is.
    Measure { rounds: u32 },
    /// Someone else keeps the queue full: one packet more each round, less when it overflows.
    Beside,
}

/// From the sending of a packet to its acknowledgement.
#[derive(Clone, Copy, Default)]
struct Round {
    /// It ends with the acknowledgement of what is sent after so many bytes were delivered.
    until_delivered: u64,
    mean: Mean,
    shortest_us: Option<u64>,
    /// The largest rate of full sending.
    rate: f64,
    full: bool,
    lost: u64,
}

#[derive(Clone)]
pub(super) struct Model {
    mtu: u64,
    phase: Phase,
    window: u64,
    in_flight: u64,
    /// Bytes of the acknowledgement that is being told.
    batch: u64,
    deliveries: Deliveries,
    largest: Largest,
    base: Base,
    round: Round,
    rounds: u64,
    /// Bytes, fading.
    recently_lost: f64,
    recently_delivered: f64,
    delivered_before_round: u64,
    /// At the start: the shortest round trip so far, the rate to be beaten, and rounds in which it was not.
    start_shortest_us: Option<u64>,
    start_rate: f64,
    start_rounds: u32,
    /// Beside others, the window to go on with if draining was in vain.
    share: u64,
    /// Of the headroom, less where queues overflow that are shorter.
    scale: f64,
    /// Window and rate with which a part of the stay there began.
    beside_since: (u64, f64),
    /// The longest queue while beside others, in microseconds, fading.
    longest_queue_us: f64,
}

impl Model {
    pub fn new(initial_window: u64, mtu: u64) -> Model {
        Model {
            mtu,
            phase: Phase::Start,
            window: initial_window,
            in_flight: 0,
            batch: 0,
            deliveries: Deliveries::default(),
            largest: Largest::default(),
            base: Base::default(),
            round: Round::default(),
            rounds: 0,
            recently_lost: 0.0,
            recently_delivered: 0.0,
            delivered_before_round: 0,
            start_shortest_us: None,
            start_rate: 0.0,
            start_rounds: 0,
            share: 0,
            scale: 1.0,
            beside_since: (0, 0.0),
            longest_queue_us: 0.0,
        }
    }

    /// Bytes that may be under way.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// The path's own round trip in microseconds, as far as it is known.
    pub fn round_trip_us(&self) -> Option<u64> {
        self.base.get()
    }

    /// Whether so long a round trip tells of a line that was away, and not of a queue.
    pub fn was_away(&self, round_trip_us: u64) -> bool {
        let usual_us = self.base.get().unwrap_or(u64::MAX);
        round_trip_us > AWAY_US && round_trip_us / AWAY_TIMES > usual_us
    }

    /// Bytes that the window lacks for one more packet.
    pub fn lacks_for_one(&self) -> u64 {
        let needed = self.in_flight + LEAST_PACKETS * self.mtu;
        needed.saturating_sub(self.window)
    }

    pub fn set_mtu(&mut self, mtu: u64) {
        self.mtu = mtu;
        self.window = self.window.max(LEAST_PACKETS * mtu);
    }

    pub fn sent(&mut self, now_us: u64, bytes: u64) {
        let idle = self.in_flight == 0;
        self.in_flight += bytes;
        let full = self.in_flight + 2 * self.mtu > self.window;
        self.deliveries.sent(now_us, idle, full);
    }

    pub fn acked(&mut self, sent_us: u64, bytes: u64) {
        self.deliveries.acked(sent_us, bytes);
        self.batch += bytes;
    }

    /// All of one acknowledgement was told; so much is still under way.
    pub fn acks_end(&mut self, now_us: u64, in_flight: u64) {
        self.in_flight = in_flight;
        let batch = std::mem::take(&mut self.batch);
        let Some(sample) = self.deliveries.batch_end(now_us) else {
            return;
        };
        if self.was_away(sample.round_trip_us) {
            return;
        }
        if self.phase == Phase::Start && sample.full {
            self.window += batch;
        }
        self.learn(&sample);
        if sample.delivered_then >= self.round.until_delivered {
            self.end_round(now_us);
        }
    }

    /// Packets were lost; `persistent`: all of them, for long.
    pub fn lost(&mut self, bytes: u64, persistent: bool) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.round.lost += bytes;
        if persistent {
            // The path may be another one now.
            self.enter_start();
            self.window = 2 * LEAST_PACKETS * self.mtu;
        }
    }

    fn enter_start(&mut self) {
        self.phase = Phase::Start;
        (self.start_rate, self.start_rounds) = (0.0, 0);
        self.start_shortest_us = None;
        self.largest = Largest::default();
    }

    fn learn(&mut self, sample: &Sample) {
        let round = &mut self.round;
        round.mean.add(sample.round_trip_us);
        let shortest = round.shortest_us.unwrap_or(u64::MAX);
        round.shortest_us = Some(shortest.min(sample.round_trip_us));
        round.full |= sample.full;
        if sample.full {
            round.rate = round.rate.max(sample.rate);
        }
        // A program that sends little says nothing against a higher rate.
        if sample.full || sample.rate > self.largest.get() {
            self.largest.add(self.rounds, sample.rate);
            if self.phase == Phase::Steady {
                self.window = self.window.max(self.room(self.headroom_us()));
            }
        }
    }

    fn headroom_us(&self) -> f64 {
        let base_us = self.base.get().unwrap_or(0) as f64;
        (base_us * HEADROOM).clamp(HEADROOM_US.0, HEADROOM_US.1) * self.scale
    }

    /// The window with which so much, beyond what the path holds, stands in its queue.
    fn room(&self, beyond_us: f64) -> u64 {
        let long_us = self.base.get().unwrap_or(0) as f64 + beyond_us;
        // What is lost takes up room until that is noticed.
        let held = self.largest.get() * long_us / (1.0 - self.loss().min(LOSS));
        (held as u64 + self.mtu).max(FEW_PACKETS * self.mtu)
    }

    /// The share of the last rounds' bytes that were lost.
    fn loss(&self) -> f64 {
        let all = self.recently_lost + self.recently_delivered;
        if all < LOSS_PACKETS * self.mtu as f64 {
            return 0.0;
        }
        self.recently_lost / all
    }

    fn end_round(&mut self, now_us: u64) {
        let next = Round {
            until_delivered: self.deliveries.delivered,
            ..Round::default()
        };
        let round = std::mem::replace(&mut self.round, next);
        self.rounds += 1;
        let delivered = self.deliveries.delivered - self.delivered_before_round;
        self.delivered_before_round = self.deliveries.delivered;
        self.recently_lost = self.recently_lost * MEMORY + round.lost as f64;
        self.recently_delivered = self.recently_delivered * MEMORY + delivered as f64;
        let Some(mean_us) = round.mean.get() else {
            return;
        };
        let drained = !round.full || matches!(self.phase, Phase::Measure { rounds: 1 });
        self.base.round(mean_us, drained, now_us);
        let queue_us = mean_us.saturating_sub(self.base.get().unwrap_or(mean_us)) as f64;
        if round.full || self.phase != Phase::Start {
            self.turn(&round, queue_us, now_us);
        }
        self.window = self.window.max(LEAST_PACKETS * self.mtu);
    }

    /// What the round means for the next.
    fn turn(&mut self, round: &Round, queue_us: f64, now_us: u64) {
        let crowded = round.full && (self.is_too_long(queue_us) || self.loss() > LOSS);
        let empty = self.is_empty(queue_us);
        if !crowded {
            self.scale = (self.scale * RESCALE).min(1.0);
        }
        match self.phase {
            Phase::Start => {
                if self.is_start_over(round) || crowded {
                    self.drain(round, STRANGERS_AFTER);
                }
            }
            Phase::Steady if crowded => {
                if !self.is_too_long(queue_us) {
                    // The queue is shorter than the headroom.
                    self.scale = (self.scale / 2.0).max(LEAST_SCALE);
                }
                self.drain(round, STRANGERS_AFTER);
            }
            Phase::Steady if round.full && self.base.is_old(now_us) => {
                self.phase = Phase::Measure {
                    rounds: DRAINED_ROUNDS,
                };
                let held = self.largest.get() * self.base.get().unwrap_or(0) as f64;
                self.window = (held / 2.0) as u64 + self.mtu;
            }
            Phase::Drain { rounds } if round.full && !empty => match rounds {
                // Losses without a queue are no strangers' doing.
                0 | 1 if self.loss() > LOSS => self.steady(),
                0 | 1 => self.begin_beside(round, queue_us),
                // What the first rounds measured was partly of the time before.
                _ if rounds > STRANGERS_AFTER - 2 => self.drain(round, rounds - 1),
                _ => self.phase = Phase::Drain { rounds: rounds - 1 },
            },
            Phase::Measure { rounds } if rounds > 1 => {
                self.phase = Phase::Measure { rounds: rounds - 1 };
            }
            Phase::Beside if !empty => self.beside(round, queue_us),
            Phase::Steady | Phase::Drain { .. } | Phase::Measure { .. } | Phase::Beside => {
                self.share = 0;
                self.steady();
            }
        }
    }

    fn steady(&mut self) {
        self.phase = Phase::Steady;
        self.window = self.room(self.headroom_us());
    }

    /// As it is when nothing but ours was in it, and we drained it.
    fn is_empty(&self, queue_us: f64) -> bool {
        let packets_us = (EMPTY_PACKETS * self.mtu) as f64 / self.largest.get().max(1e-6);
        queue_us < EMPTY * self.headroom_us() + packets_us
    }

    fn begin_beside(&mut self, round: &Round, queue_us: f64) {
        self.phase = Phase::Beside;
        self.longest_queue_us = queue_us;
        let long_us = self.base.get().unwrap_or(0) as f64 + queue_us;
        let share = (round.rate * long_us) as u64 + self.mtu;
        self.window = share.max(std::mem::take(&mut self.share));
        self.beside_since = (self.window, 0.0);
    }

    /// Longer than what we put there, and what varies.
    fn is_too_long(&self, queue_us: f64) -> bool {
        let spare_us = (TOO_LONG_PACKETS * self.mtu) as f64 / self.largest.get().max(1e-6);
        queue_us > TOO_LONG * self.headroom_us() + spare_us
    }

    fn drain(&mut self, round: &Round, rounds: u32) {
        self.phase = Phase::Drain { rounds };
        if round.rate > 0.0 {
            // What a full queue lets through is the path's rate now.
            self.largest.reset(self.rounds, round.rate);
        }
        let held = self.largest.get() * self.base.get().unwrap_or(0) as f64;
        self.window = held as u64 + 2 * self.mtu;
    }

    fn is_start_over(&mut self, round: &Round) -> bool {
        let shortest_us = round.shortest_us.unwrap_or(0);
        let before_us = self.start_shortest_us.unwrap_or(shortest_us);
        self.start_shortest_us = Some(before_us.min(shortest_us));
        let growth = (before_us as f64 * START_GROWTH) as u64;
        let growth = growth.clamp(START_GROWTH_US.0, START_GROWTH_US.1);
        if self.largest.get() > self.start_rate * 1.25 {
            (self.start_rate, self.start_rounds) = (self.largest.get(), 0);
        } else {
            self.start_rounds += 1;
        }
        shortest_us > before_us + growth || self.start_rounds >= START_ROUNDS
    }

    /// As much as the others take, who fill the queue until it overflows.
    fn beside(&mut self, round: &Round, queue_us: f64) {
        self.longest_queue_us = queue_us.max(self.longest_queue_us * 0.98);
        let overflowed = round.lost > 0 && queue_us > NEARLY * self.longest_queue_us;
        if overflowed {
            // They back off, too: perhaps to nothing, if they are like us.
            self.share = (self.window as f64 * KEPT) as u64;
            return self.drain(round, STILL_STRANGERS_AFTER);
        }
        let (window, rate) = self.beside_since;
        if rate == 0.0 {
            self.beside_since = (self.window, round.rate);
        } else if self.window as f64 > GROWN * window as f64 {
            if round.rate < RESPONDED * rate {
                // More of ours makes the queue longer and nothing faster: it is ours.
                self.share = window;
                return self.drain(round, STILL_STRANGERS_AFTER);
            }
            self.beside_since = (self.window, round.rate);
        }
        if round.full {
            self.window += self.mtu;
        }
    }
}
