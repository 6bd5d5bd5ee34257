//! Whether a link's other side is still heard, and when to knock.
//!
//! QUIC repeats what is not acknowledged after twice as long each time. So after a break of a minute the next try could come
//! a minute late; while nothing is heard that is due, something new goes out each second instead (an empty datagram, which
//! nobody reads), and the acknowledgement of the first that gets through brings everything else back.
//!
//! Absent: the connection and its clock. What it counts and when comes as arguments.

use std::time::{Duration, Instant};

/// While things move, or answers are due, the counts are looked at this often, and a silent line is knocked at.
const SOON: Duration = Duration::from_secs(1);
/// The same while nothing moves: a break that nobody can feel yet may be noticed later.
const AT_REST: Duration = Duration::from_secs(3);
/// An acknowledgement is due at once. So long without a new one is too long: a lost packet and its repetition take less.
const OVERDUE: Duration = Duration::from_secs(1);
/// What is acknowledged first after a break may be what went before it. That helps nothing, and its round trip of a minute makes
/// QUIC wait for longer still: a knock more is to be acknowledged, too.
const AFTER_A_BREAK: u32 = 2;
/// So long without anything is a silence, if something is overdue.
const SILENCE: Duration = Duration::from_secs(2);
/// What is silent for so long outside a session is given up: a code that waits behind a dead line only disappoints.
pub(crate) const WAITS: Duration = Duration::from_secs(30);

/// What a connection has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Frames that came and were genuine.
    pub heard: u64,
    /// Frames that went and are to be acknowledged.
    pub said: u64,
    /// Packets of ours that were acknowledged. An acknowledgement that only repeats itself counts as heard and not as this:
    /// a line may carry what the other side says and not what we do.
    pub acked: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Rest,
    Knock,
    GiveUp,
}

/// Watches one connection.
pub(crate) struct Pulse {
    before: Counts,
    heard: Instant,
    /// Since when an acknowledgement is due.
    due: Option<Instant>,
    /// Looks that must find a new one before all is well.
    owed: u32,
    moved: bool,
}

impl Pulse {
    pub fn new(now: Instant) -> Pulse {
        Pulse {
            before: Counts::default(),
            heard: now,
            due: None,
            owed: 0,
            moved: true,
        }
    }

    /// `waits`: a silence is borne for as long as QUIC does, for a session depends on the link.
    pub fn look(&mut self, counts: Counts, waits: bool, now: Instant) -> Beat {
        let before = std::mem::replace(&mut self.before, counts);
        self.moved = before != counts;
        if counts.heard != before.heard {
            self.heard = now;
        }
        if counts.acked == before.acked {
            if counts.said != before.said {
                self.due.get_or_insert(now);
            }
            if self.is_overdue(now) {
                self.owed = AFTER_A_BREAK;
            }
        } else if self.owed > 1 {
            self.owed -= 1;
        } else {
            (self.owed, self.due) = (0, None);
        }
        match self.silence(now) {
            Some(silence) if !waits && silence >= WAITS => Beat::GiveUp,
            _ if self.is_overdue(now) => Beat::Knock,
            _ => Beat::Rest,
        }
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now >= due + OVERDUE)
    }

    /// For how long nothing was heard, if something should have been.
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let silence = now - self.heard;
        (self.is_overdue(now) && silence >= SILENCE).then_some(silence)
    }

    /// After so long it wants to look again.
    pub fn again(&self) -> Duration {
        match self.moved || self.due.is_some() {
            true => SOON,
            false => AT_REST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection in virtual time.
    struct Line {
        pulse: Pulse,
        counts: Counts,
        began: Instant,
        now: Instant,
        waits: bool,
    }

    impl Line {
        fn new() -> Line {
            let began = Instant::now();
            Line {
                pulse: Pulse::new(began),
                counts: Counts::default(),
                began,
                now: began,
                waits: true,
            }
        }

        /// Until so many seconds have passed: at each look, what `counts` counts; the seconds at which it knocked.
        fn until(&mut self, second: u64, count: impl Fn(u64, &mut Counts)) -> Vec<u64> {
            let mut knocks = Vec::new();
            while self.now < self.began + Duration::from_secs(second) {
                self.now += self.pulse.again();
                count(self.seconds(), &mut self.counts);
                match self.pulse.look(self.counts, self.waits, self.now) {
                    Beat::Rest => {}
                    Beat::Knock => {
                        self.counts.said += 1;
                        knocks.push(self.seconds());
                    }
                    Beat::GiveUp => panic!("given up after {} s", self.seconds()),
                }
            }
            knocks
        }

        fn seconds(&self) -> u64 {
            (self.now - self.began).as_secs()
        }
    }

    #[test]
    fn a_line_that_answers_is_left_alone_and_one_at_rest_is_looked_at_seldom() {
        let mut line = Line::new();
        let talks = |_, counts: &mut Counts| {
            counts.heard += 1;
            counts.acked += 1;
            counts.said += 3;
        };
        assert_eq!(line.until(60, talks), []);
        assert_eq!(line.until(120, |_, _| {}), []);
        assert_eq!(line.pulse.again(), AT_REST);
        let listens = |_, counts: &mut Counts| counts.heard += 1;
        assert_eq!(line.until(180, listens), []);
    }

    #[test]
    fn a_silent_line_is_knocked_at_each_second_until_it_answers() {
        let mut line = Line::new();
        line.until(10, |_, counts| counts.heard += 1);
        let knocks = line.until(100, |_, counts| counts.said += 1);
        let expected: Vec<u64> = (12..=100).collect();
        assert_eq!(knocks, expected);
        assert_eq!(line.pulse.silence(line.now), Some(Duration::from_secs(90)));
        // The other side knocks, too, and is heard; it acknowledges what came before the break, and nothing more.
        line.counts.acked += 1;
        let knocks = line.until(106, |_, counts| counts.heard += 1);
        assert_eq!(knocks, [101, 102, 103, 104, 105, 106]);
        assert_eq!(line.pulse.silence(line.now), None);
        let answers = |_, counts: &mut Counts| {
            counts.heard += 1;
            counts.acked += 1;
        };
        assert_eq!(line.until(115, answers), [107]);
    }

    #[test]
    fn outside_a_session_a_dead_line_is_given_up() {
        let mut line = Line::new();
        line.waits = false;
        line.until(29, |_, counts| counts.said += 1);
        line.now += SOON;
        let beat = line.pulse.look(line.counts, false, line.now);
        assert_eq!(beat, Beat::GiveUp);
        assert_eq!(line.pulse.look(line.counts, true, line.now), Beat::Knock);
    }
}
