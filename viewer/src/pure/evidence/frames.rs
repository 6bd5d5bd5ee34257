//! When a film gets a frame: at each change, at most so often; and now and then where nothing changes, so that players can
//! jump there.

use std::time::Duration;

/// No two frames are closer than this: 30 a second.
const CLOSEST: Duration = Duration::from_micros(33_333);
/// No two frames are further apart than this: 2 s.
const FURTHEST: Duration = Duration::from_secs(2);
/// A frame that stands by itself at least this often, at the next change or repetition: where players can jump to.
const KEY_EVERY: Duration = Duration::from_secs(10);

/// One frame that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Since the film's beginning.
    pub at: Duration,
    /// It must stand by itself.
    pub key: bool,
    /// Something changed since the frame before.
    pub changed: bool,
}

/// The film's timetable.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Duration>,
    last_key: Option<Duration>,
    /// When the picture first changed since the last frame.
    changed: Option<Duration>,
}

impl Frames {
    /// The picture changed at that time.
    pub fn changed(&mut self, at: Duration) {
        self.changed.get_or_insert(at);
    }

    /// The next frame that is due before `now`; call again until there is none. It shows what was there until now.
    pub fn before(&mut self, now: Duration) -> Option<Due> {
        let at = match (self.last, self.changed) {
            (None, None) => return None, // nothing was ever seen
            (None, Some(changed)) => changed,
            (Some(last), Some(changed)) => changed.max(last + CLOSEST).min(last + FURTHEST),
            (Some(last), None) => last + FURTHEST,
        };
        if at >= now {
            return None;
        }
        let key = self.last_key.is_none_or(|key| at - key >= KEY_EVERY);
        let changed = self.changed.is_some_and(|changed| changed <= at);
        self.last = Some(at);
        if key {
            self.last_key = Some(at);
        }
        if changed {
            self.changed = None;
        }
        Some(Due { at, key, changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn times(frames: &mut Frames, now: u64) -> Vec<(u64, bool, bool)> {
        std::iter::from_fn(|| frames.before(ms(now)))
            .map(|due| (due.at.as_millis() as u64, due.key, due.changed))
            .collect()
    }

    #[test]
    fn changes_are_shown_when_they_happen_but_not_too_often() {
        let mut frames = Frames::default();
        assert_eq!(times(&mut frames, 50_000), []);
        frames.changed(ms(100));
        assert_eq!(times(&mut frames, 110), [(100, true, true)]);
        frames.changed(ms(110));
        assert_eq!(times(&mut frames, 120), []);
        frames.changed(ms(120));
        assert_eq!(times(&mut frames, 500), [(133, false, true)]);
        frames.changed(ms(500));
        assert_eq!(times(&mut frames, 501), [(500, false, true)]);
    }

    #[test]
    fn nothing_happens_for_long_and_players_can_still_jump() {
        let mut frames = Frames::default();
        frames.changed(ms(0));
        let idle = times(&mut frames, 13_000);
        let expected: Vec<_> = (0..7).map(|n| (n * 2_000, n % 5 == 0, n == 0)).collect();
        assert_eq!(idle, expected);
    }
}
