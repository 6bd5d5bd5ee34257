//! How long to wait before the relay is tried again.

use std::time::Duration;

/// Before the first try.
const FIRST: Duration = Duration::from_secs(1);
/// The longest: who waits for help sees within that time that the relay is back.
const LONGEST: Duration = Duration::from_secs(20);

/// Before try `tries` (from 0): twice as long each time, and by `chance` (any number) up to half less, so that all who lost the
/// same relay do not come back at the same moment.
pub fn wait(tries: u32, chance: u8) -> Duration {
    let whole = FIRST.saturating_mul(1 << tries.min(16)).min(LONGEST);
    whole - (whole / 2).mul_f64(f64::from(chance) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_its_end_and_varies_by_half() {
        assert_eq!(wait(0, 0), FIRST);
        assert_eq!(wait(0, 255), FIRST / 2);
        assert_eq!(wait(2, 0), 4 * FIRST);
        assert_eq!(wait(u32::MAX, 0), LONGEST);
        assert_eq!(wait(u32::MAX, 255), LONGEST / 2);
    }
}
