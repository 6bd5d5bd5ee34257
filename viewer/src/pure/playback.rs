//! The clock of a replay. Time is an argument: `now` counts from any fixed moment.

use std::sync::Arc;
use std::time::Duration;

use super::keymap::symbol;
use super::marks::beside;
pub use super::marks::{Mark, MarkKind};

/// The speeds that can be chosen.
pub const SPEEDS: [f64; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

/// How far an arrow key goes.
const STEP: Duration = Duration::from_secs(5);

/// What the person wants of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplayAct {
    Play,
    Pause,
    Speed(f64),
    Seek(Duration),
    /// Jump over stretches in which nothing changes.
    SkipIdle(bool),
    /// Show what the technician's hands did.
    ShowHands(bool),
}

/// A replay as it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playback {
    pub position: Duration,
    pub length: Duration,
    pub speed: f64,
    pub playing: bool,
    pub marks: Arc<[Mark]>,
    pub skip_idle: bool,
    pub show_hands: bool,
    /// The session is still running and its newest moment is shown.
    pub live: bool,
    /// The session is still running.
    pub running: bool,
    /// Something that just happened, such as a jump.
    pub notice: Option<String>,
}

impl Playback {
    /// What a key means, by its keysym.
    pub fn key(&self, keysym: u32) -> Option<ReplayAct> {
        Some(match keysym {
            symbol::SPACE => self.toggle(),
            symbol::LEFT => ReplayAct::Seek(self.position.saturating_sub(STEP)),
            symbol::RIGHT => ReplayAct::Seek((self.position + STEP).min(self.length)),
            symbol::HOME => ReplayAct::Seek(Duration::ZERO),
            symbol::END => ReplayAct::Seek(self.length),
            symbol::UP => ReplayAct::Speed(self.next_speed(true)),
            symbol::DOWN => ReplayAct::Speed(self.next_speed(false)),
            key if key == u32::from('n') => {
                ReplayAct::Seek(beside(&self.marks, self.position, true)?)
            }
            key if key == u32::from('p') => {
                ReplayAct::Seek(beside(&self.marks, self.position, false)?)
            }
            key if key == u32::from('s') => ReplayAct::SkipIdle(!self.skip_idle),
            key if key == u32::from('i') => ReplayAct::ShowHands(!self.show_hands),
            _ => return None,
        })
    }

    /// Play or pause, whichever it is not.
    pub fn toggle(&self) -> ReplayAct {
        if self.playing {
            ReplayAct::Pause
        } else {
            ReplayAct::Play
        }
    }

    fn next_speed(&self, faster: bool) -> f64 {
        let mut speeds = SPEEDS.into_iter();
        let next = if faster {
            speeds.find(|speed| *speed > self.speed)
        } else {
            speeds.rfind(|speed| *speed < self.speed)
        };
        next.unwrap_or(self.speed)
    }
}

/// Where a replay is. Stands still at its end.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    length: Duration,
    /// The position at `since`.
    base: Duration,
    since: Duration,
    speed: f64,
    playing: bool,
}

impl Clock {
    /// At the beginning, paused.
    pub fn new(length: Duration) -> Clock {
        Clock {
            length,
            base: Duration::ZERO,
            since: Duration::ZERO,
            speed: 1.0,
            playing: false,
        }
    }

    pub fn position(&self, now: Duration) -> Duration {
        if !self.playing {
            return self.base;
        }
        let gone = now.saturating_sub(self.since).mul_f64(self.speed);
        self.base.saturating_add(gone).min(self.length)
    }

    pub fn is_playing(&self, now: Duration) -> bool {
        self.playing && self.position(now) < self.length
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    pub fn length(&self) -> Duration {
        self.length
    }

    /// Playback is wanted, even if there is nothing more to play.
    pub fn wants_to_play(&self) -> bool {
        self.playing
    }

    /// The recording grew, or it ends sooner than it seemed.
    pub fn set_length(&mut self, now: Duration, length: Duration) {
        self.base = self.position(now).min(length);
        self.since = now;
        self.length = length;
    }

    /// Does what the person wants.
    pub fn act(&mut self, now: Duration, act: ReplayAct) {
        let position = self.position(now);
        self.base = position;
        self.since = now;
        match act {
            ReplayAct::Play if position >= self.length => self.base = Duration::ZERO,
            ReplayAct::Pause => self.playing = false,
            ReplayAct::Seek(to) => self.base = to.min(self.length),
            ReplayAct::Speed(speed) if speed.is_finite() && speed > 0.0 => {
                self.speed = speed.clamp(SPEEDS[0], SPEEDS[SPEEDS.len() - 1]);
            }
            ReplayAct::Play
            | ReplayAct::Speed(_)
            | ReplayAct::SkipIdle(_)
            | ReplayAct::ShowHands(_) => {}
        }
        if act == ReplayAct::Play {
            self.playing = true;
        }
    }

    /// How long from `now` until the position is `at`; `None` = not while things stay as they are.
    pub fn until(&self, now: Duration, at: Duration) -> Option<Duration> {
        let missing = at.saturating_sub(self.position(now));
        if missing.is_zero() {
            return Some(Duration::ZERO);
        }
        (self.playing && at <= self.length).then(|| missing.div_f64(self.speed))
    }

    /// This clock as it is shown.
    pub fn playback(&self, now: Duration, marks: Arc<[Mark]>) -> Playback {
        Playback {
            position: self.position(now),
            length: self.length,
            speed: self.speed,
            playing: self.is_playing(now),
            marks,
            ..Playback::default()
        }
    }
}

/// `4:05`, `1:00:09`.
pub fn time_text(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// What [`time_text`] writes; minutes and hours may be left out.
pub fn parse_time(text: &str) -> Option<Duration> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    let mut seconds: u64 = 0;
    for part in parts {
        let digits =
            !part.is_empty() && part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = part.parse().ok().filter(|_| digits)?;
        seconds = seconds * 60 + number;
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_plays_pauses_and_seeks() {
        let mut clock = Clock::new(s(100));
        assert_eq!(clock.position(s(50)), s(0));
        clock.act(s(50), ReplayAct::Play);
        assert_eq!(clock.position(s(60)), s(10));
        clock.act(s(60), ReplayAct::Speed(4.0));
        assert_eq!(clock.position(s(61)), s(14));
        assert_eq!(clock.until(s(61), s(22)), Some(s(2)));
        clock.act(s(61), ReplayAct::Pause);
        assert_eq!(clock.position(s(99)), s(14));
        assert_eq!(clock.until(s(99), s(22)), None);
        clock.act(s(99), ReplayAct::Seek(s(90)));
        clock.act(s(99), ReplayAct::Play);
        assert_eq!(clock.position(s(200)), s(100));
        assert!(!clock.is_playing(s(200)));
        clock.act(s(200), ReplayAct::Play);
        assert_eq!(clock.position(s(201)), s(4), "from the end it starts again");
    }

    #[test]
    fn keys_mean_what_they_do_in_players() {
        let playback = Playback {
            position: s(3),
            length: s(60),
            speed: 1.0,
            playing: true,
            marks: [s(20), s(40)]
                .map(|at| Mark::new(at, MarkKind::Input, ""))
                .into(),
            ..Playback::default()
        };
        assert_eq!(playback.key(symbol::SPACE), Some(ReplayAct::Pause));
        assert_eq!(playback.key(symbol::LEFT), Some(ReplayAct::Seek(s(0))));
        assert_eq!(playback.key(symbol::RIGHT), Some(ReplayAct::Seek(s(8))));
        assert_eq!(playback.key(symbol::UP), Some(ReplayAct::Speed(2.0)));
        assert_eq!(playback.key(symbol::DOWN), Some(ReplayAct::Speed(0.5)));
        let key = |letter| playback.key(u32::from(letter));
        assert_eq!(key('n'), Some(ReplayAct::Seek(s(20))));
        assert_eq!(key('p'), Some(ReplayAct::Seek(s(20))));
        assert_eq!(key('s'), Some(ReplayAct::SkipIdle(true)));
        assert_eq!(key('i'), Some(ReplayAct::ShowHands(true)));
        assert_eq!(key('a'), None);
    }

    fn any_act() -> impl Strategy<Value = ReplayAct> {
        prop_oneof![
            Just(ReplayAct::Play),
            Just(ReplayAct::Pause),
            any::<f64>().prop_map(ReplayAct::Speed),
            (0u64..300).prop_map(|at| ReplayAct::Seek(s(at))),
        ]
    }

    proptest! {
        #[test]
        fn it_never_leaves_the_recording_nor_jumps_but_by_seeking(
            acts in prop::collection::vec((0u64..20_000, any_act()), 0..40)
        ) {
            let mut clock = Clock::new(s(120));
            let mut now = Duration::ZERO;
            for (gap, act) in acts {
                now += Duration::from_millis(gap);
                let before = clock.position(now);
                clock.act(now, act);
                let after = clock.position(now);
                prop_assert!(after <= s(120));
                let restarts = act == ReplayAct::Play && before == s(120);
                prop_assert!(matches!(act, ReplayAct::Seek(_)) || restarts || before == after);
                prop_assert!(clock.position(now + s(1)) >= after);
            }
        }
    }

    #[test]
    fn a_recording_that_grows_is_played_on() {
        let mut clock = Clock::new(s(10));
        clock.act(s(0), ReplayAct::Play);
        assert_eq!(clock.position(s(15)), s(10));
        clock.set_length(s(15), s(12));
        assert_eq!(clock.position(s(16)), s(11));
        clock.set_length(s(16), s(5));
        assert_eq!(clock.position(s(16)), s(5), "it ends sooner");
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds) in [("9", 9), ("4:05", 245), ("1:23:45", 5025), ("0:90", 90)] {
            assert_eq!(parse_time(text), Some(s(seconds)), "{text}");
        }
        for text in ["", ":", "1:", "a", "1:2:3:4", "-1", "1.5"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn times_read_well() {
        assert_eq!(time_text(s(9)), "0:09");
        assert_eq!(time_text(s(245)), "4:05");
        assert_eq!(time_text(s(3609)), "1:00:09");
    }
}
