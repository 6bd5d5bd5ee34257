//! How much one peer may ask for: bounds, and a back-off that grows with failures and is forgiven with time.
//!
//! Absent: clocks. Time is what has passed since the relay began.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Bounds of the broker.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions at a time, joining ones included.
    pub sessions: usize,
    /// Sessions of one connection at a time.
    pub sessions_per_connection: usize,
    /// How long a nameplate is held.
    pub nameplate_life: Duration,
    /// From a claim to a stored manifest: handshake, the user's answer, and thought.
    pub joining: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: 500,
            sessions_per_connection: 16,
            nameplate_life: Duration::from_secs(600),
            joining: Duration::from_secs(600),
        }
    }
}

/// Longest wait after a failure.
const LONGEST: Duration = Duration::from_secs(300);
/// One failure is forgiven for each minute without another.
const FORGIVEN: Duration = Duration::from_secs(60);
/// Peers remembered: 65,536 of them are about 5 MB.
const REMEMBERED: usize = 65_536;

/// Failures of many peers. A peer has `free` of them; each further one doubles its wait, from one second on.
#[derive(Debug)]
pub struct Backoff<K> {
    free: u32,
    peers: HashMap<K, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Duration,
}

impl Failures {
    /// What is not forgiven yet.
    fn left(&self, now: Duration) -> u32 {
        let forgiven = now.saturating_sub(self.last).as_secs() / FORGIVEN.as_secs();
        self.count
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

impl<K: Eq + Hash + Copy> Backoff<K> {
    pub fn new(free: u32) -> Backoff<K> {
        Backoff {
            free,
            peers: HashMap::new(),
        }
    }

    /// How much longer this peer has to wait; zero if it may go on.
    pub fn wait(&self, peer: K, now: Duration) -> Duration {
        let Some(failures) = self.peers.get(&peer) else {
            return Duration::ZERO;
        };
        let over = failures.count.saturating_sub(self.free);
        if over == 0 {
            return Duration::ZERO;
        }
        let whole = LONGEST.min(Duration::from_secs(1 << (over - 1).min(16)));
        (failures.last + whole).saturating_sub(now)
    }

    pub fn failed(&mut self, peer: K, now: Duration) {
        if self.peers.len() >= REMEMBERED {
            self.forget(now);
        }
        let failures = self.peers.entry(peer).or_insert(Failures {
            count: 0,
            last: now,
        });
        failures.count = failures.left(now) + 1;
        failures.last = now;
    }

    /// Drops peers whose failures are all forgiven, and if that does not help, everyone: memory stays bounded.
    pub fn forget(&mut self, now: Duration) {
        self.peers.retain(|_, failures| failures.left(now) > 0);
        if self.peers.len() >= REMEMBERED {
            self.peers.clear();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

/// Requests at a steady pace with a burst, for one peer.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    burst: u32,
    every: Duration,
    /// When the bucket will be full again.
    full_at: Duration,
}

impl Pace {
    pub fn new(burst: u32, every: Duration) -> Pace {
        Pace {
            burst,
            every,
            full_at: Duration::ZERO,
        }
    }

    /// Takes one; or says how long to wait for it.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.every;
        let horizon = now + self.every * self.burst;
        if full_at > horizon {
            return Err(full_at - horizon);
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// The pace of many peers, remembered when their connections are gone.
#[derive(Debug)]
pub struct Paces<K> {
    fresh: Pace,
    peers: HashMap<K, Pace>,
}

impl<K: Eq + Hash + Copy> Paces<K> {
    pub fn new(burst: u32, every: Duration) -> Paces<K> {
        Paces {
            fresh: Pace::new(burst, every),
            peers: HashMap::new(),
        }
    }

    /// As [`Pace::take`], for this peer.
    pub fn take(&mut self, peer: K, now: Duration) -> Result<(), Duration> {
        if self.peers.len() >= REMEMBERED {
            self.forget(now);
        }
        self.peers.entry(peer).or_insert(self.fresh).take(now)
    }

    /// Drops peers whose bucket is full again, and if that does not help, everyone: memory stays bounded.
    pub fn forget(&mut self, now: Duration) {
        self.peers.retain(|_, pace| pace.full_at > now);
        if self.peers.len() >= REMEMBERED {
            self.peers.clear();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_pace_outlives_its_connections_and_is_forgotten_when_it_is_over() {
        let mut paces = Paces::new(2, s(10));
        assert_eq!(paces.take(1, s(0)), Ok(()));
        assert_eq!(paces.take(1, s(0)), Ok(()));
        assert_eq!(paces.take(1, s(0)), Err(s(10)));
        assert_eq!(paces.take(2, s(0)), Ok(()), "others do not wait with it");
        assert_eq!(paces.take(1, s(10)), Ok(()));
        paces.forget(s(100));
        assert!(paces.is_empty());
    }

    #[test]
    fn waits_double_and_are_forgiven() {
        let mut backoff = Backoff::new(3);
        for _ in 0..3 {
            backoff.failed(1, s(0));
            assert_eq!(backoff.wait(1, s(0)), s(0));
        }
        for expected in [1, 2, 4, 8] {
            backoff.failed(1, s(0));
            assert_eq!(backoff.wait(1, s(0)), s(expected));
        }
        assert_eq!(backoff.wait(2, s(0)), s(0));
        assert_eq!(backoff.wait(1, s(5)), s(3));
        for _ in 0..40 {
            backoff.failed(1, s(0));
        }
        assert_eq!(backoff.wait(1, s(0)), LONGEST);
        backoff.forget(s(0) + FORGIVEN * 48);
        assert!(backoff.is_empty());
    }

    #[test]
    fn a_pace_lets_a_burst_through_and_then_one_at_a_time() {
        let mut pace = Pace::new(3, s(10));
        for _ in 0..3 {
            assert_eq!(pace.take(s(0)), Ok(()));
        }
        assert_eq!(pace.take(s(0)), Err(s(10)));
        assert_eq!(pace.take(s(9)), Err(s(1)));
        assert_eq!(pace.take(s(10)), Ok(()));
        assert_eq!(pace.take(s(10)), Err(s(10)));
        for _ in 0..3 {
            assert_eq!(pace.take(s(1000)), Ok(()));
        }
        assert!(pace.take(s(1000)).is_err());
    }
}
