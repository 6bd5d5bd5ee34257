//! What a bad line does to datagrams: delay, jitter, loss, rate and a queue with an end. Time and chance are arguments.
//!
//! Absent: sockets, threads and clocks. `proxy.rs` has sockets for it, `cable.rs` has network devices.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the network does to each datagram, the same in both directions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    pub delay: Duration,
    /// Added to the delay, evenly from nothing up to this; order is kept.
    pub jitter: Duration,
    /// How many of a thousand datagrams are lost.
    pub loss_per_mille: u16,
    /// Bytes a second in each direction; no limit if not said.
    pub rate: Option<u64>,
    /// Bytes that wait for their turn; what comes beyond is lost. Only with a rate.
    pub queue: u64,
    /// All clients use one line, as in a household.
    pub shared: bool,
    /// Nothing passes.
    pub cut: bool,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// By chance.
    Lost,
    /// The queue is full.
    Overflowed,
    Arrives {
        at: Instant,
        /// For its turn.
        waited: Duration,
    },
}

/// Repeatable chance (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    /// Below `end`.
    fn draw(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// One direction of a line.
#[derive(Clone, Debug)]
pub struct OneWay {
    /// When what was sent until now has left.
    free_at: Instant,
    /// When the last of it arrives.
    last_due: Instant,
}

impl OneWay {
    pub fn new(now: Instant) -> OneWay {
        OneWay {
            free_at: now,
            last_due: now,
        }
    }

    /// A datagram of so many bytes is sent now.
    pub fn send(
        &mut self,
        conditions: &Conditions,
        dice: &mut Dice,
        bytes: u64,
        now: Instant,
    ) -> Fate {
        if conditions.cut || dice.draw(1_000) < u64::from(conditions.loss_per_mille) {
            return Fate::Lost;
        }
        let jitter = Duration::from_micros(match conditions.jitter.as_micros() as u64 {
            0 => 0,
            most_us => dice.draw(most_us),
        });
        let (mut leaves, mut waited) = (now, Duration::ZERO);
        if let Some(rate) = conditions.rate {
            waited = self.free_at.saturating_duration_since(now);
            if waited.as_secs_f64() * rate as f64 > conditions.queue as f64 {
                return Fate::Overflowed;
            }
            leaves = self.free_at.max(now) + Duration::from_secs_f64(bytes as f64 / rate as f64);
            self.free_at = leaves;
        }
        self.last_due = self.last_due.max(leaves + conditions.delay + jitter);
        Fate::Arrives {
            at: self.last_due,
            waited,
        }
    }
}

/// What is under way, by the time of arrival and the order of sending.
#[derive(Debug)]
pub struct UnderWay<T> {
    all: BTreeMap<(Instant, u64), T>,
    sent: u64,
}

impl<T> Default for UnderWay<T> {
    fn default() -> UnderWay<T> {
        UnderWay {
            all: BTreeMap::new(),
            sent: 0,
        }
    }
}

impl<T> UnderWay<T> {
    pub fn add(&mut self, at: Instant, what: T) {
        self.sent += 1;
        self.all.insert((at, self.sent), what);
    }

    /// When the next of it arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.all.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next one that has arrived by now.
    pub fn arrived(&mut self, now: Instant) -> Option<T> {
        self.next_due().filter(|at| *at <= now)?;
        self.all.pop_first().map(|(_, what)| what)
    }

    /// None of it arrives.
    pub fn clear(&mut self) {
        self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What becomes of so many datagrams of 1,000 bytes, one each millisecond.
    fn fates(conditions: &Conditions, count: u32) -> (Instant, Vec<Fate>) {
        let (began, mut dice) = (Instant::now(), Dice::new(7));
        let mut way = OneWay::new(began);
        let send = |n| way.send(conditions, &mut dice, 1_000, began + n * MS);
        (began, (0..count).map(send).collect())
    }

    #[test]
    fn delay_and_jitter_have_their_bounds_and_order_is_kept() {
        let conditions = Conditions {
            delay: 75 * MS,
            jitter: 10 * MS,
            ..Conditions::default()
        };
        let (began, fates) = fates(&conditions, 1_000);
        let mut last = began;
        let mut longest = Duration::ZERO;
        for (n, fate) in fates.into_iter().enumerate() {
            let Fate::Arrives { at, .. } = fate else {
                panic!("{fate:?}");
            };
            let took = at - (began + n as u32 * MS);
            assert!((75 * MS..85 * MS).contains(&took), "{took:?}");
            assert!(at >= last, "the order changed");
            (last, longest) = (at, longest.max(took));
        }
        assert!(longest > 84 * MS, "{longest:?}");
    }

    #[test]
    fn so_many_are_lost_by_chance_and_the_same_in_every_run() {
        let conditions = Conditions {
            loss_per_mille: 50,
            ..Conditions::default()
        };
        let lost = |fates: &[Fate]| fates.iter().map(|f| *f == Fate::Lost).collect::<Vec<_>>();
        let first = lost(&fates(&conditions, 10_000).1);
        let count = first.iter().filter(|lost| **lost).count();
        assert!((400..600).contains(&count), "{count} of 10,000");
        assert_eq!(first, lost(&fates(&conditions, 10_000).1));
    }

    #[test]
    fn the_rate_is_kept_and_the_queue_ends() {
        // Half of what is sent, and a queue of 20 datagrams.
        let conditions = Conditions {
            rate: Some(500_000),
            queue: 20_000,
            ..Conditions::default()
        };
        let (began, fates) = fates(&conditions, 1_000);
        let arrivals = fates.iter().filter_map(|fate| match fate {
            Fate::Arrives { at, waited } => Some((*at, *waited)),
            _ => None,
        });
        let (arrivals, waits): (Vec<_>, Vec<_>) = arrivals.unzip();
        assert!((500..530).contains(&arrivals.len()), "{}", arrivals.len());
        let took = *arrivals.last().unwrap() - began;
        assert_eq!(took, arrivals.len() as u32 * 2 * MS);
        assert!(waits.iter().all(|wait| *wait <= 40 * MS));
        assert!(fates.contains(&Fate::Overflowed));
    }

    #[test]
    fn what_is_under_way_arrives_in_its_turn_and_not_before() {
        let now = Instant::now();
        let mut under_way = UnderWay::default();
        under_way.add(now + 2 * MS, "b");
        under_way.add(now + MS, "a");
        under_way.add(now + 2 * MS, "c");
        assert_eq!(under_way.arrived(now), None);
        assert_eq!(under_way.next_due(), Some(now + MS));
        let mut arrived = || under_way.arrived(now + 2 * MS);
        assert_eq!(
            [arrived(), arrived(), arrived(), arrived()],
            [Some("a"), Some("b"), Some("c"), None]
        );
    }
}
