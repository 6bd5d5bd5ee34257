//! Where time and chance come from.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use sightline_ends::now::Now;
use sightline_ends::rng::Randomness;

/// Both clocks of this computer; the monotonic one counts from the program's start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Clock {
            start: Instant::now(),
        }
    }
}

impl Clock {
    pub fn now(&self) -> Now {
        Now {
            unix_ms: unix_ms(),
            mono_us: self.start.elapsed().as_micros() as u64,
        }
    }

    /// The moment at which the monotonic clock shows `mono_us`.
    pub fn at(&self, mono_us: u64) -> Instant {
        self.start + Duration::from_micros(mono_us)
    }
}

/// The wall clock, milliseconds since 1970; 0 if it stands before that.
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// The operating system's randomness.
pub struct Chance(SystemRandom);

impl Default for Chance {
    fn default() -> Self {
        Chance(SystemRandom::new())
    }
}

impl Randomness for Chance {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0
            .fill(bytes)
            .expect("the operating system gives randomness");
    }
}
