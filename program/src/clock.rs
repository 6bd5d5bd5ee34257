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

/// The local time of this computer at so many milliseconds since 1970: "2026-11-22 01:14:21 +01:00".
pub fn local_time(unix_ms: u64) -> String {
    in_zone(
        unix_ms,
        jiff::tz::TimeZone::system(),
        "%Y-%m-%d %H:%M:%S %:z",
    )
}

/// The same in UTC: "2026-11-22T00:14:21Z".
pub fn utc_time(unix_ms: u64) -> String {
    in_zone(unix_ms, jiff::tz::TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ")
}

/// The local day: "2026-11-22".
pub fn local_day(unix_ms: u64) -> String {
    in_zone(unix_ms, jiff::tz::TimeZone::system(), "%Y-%m-%d")
}

fn in_zone(unix_ms: u64, zone: jiff::tz::TimeZone, format: &str) -> String {
    let at = i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let at = at.unwrap_or(jiff::Timestamp::MAX).to_zoned(zone);
    at.strftime(format).to_string()
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
