//! Input that a broken line held back: a click that lands half a minute late hits something else.
//!
//! A record bears its author's time, and what came before a silence tells what that is here. Whatever a technician did
//! long before the line came back is not done any more; nor is anything after it, until the technician has answered a ping,
//! so that of one sentence not only the end is typed.

use crate::now::Now;

/// Not a word for so long is a silence, in µs: 3 s.
const GAP_US: u64 = 3_000_000;
/// What was done longer than this before the line came back is too late, in µs: 5 s. A break of some seconds is bridged, as
/// people expect it of a terminal.
const LATE_US: u64 = 5_000_000;

/// A ping of ours that stands between what is too late and what is not.
struct Barrier {
    number: u64,
    sent_us: u64,
}

/// Judges one technician's input. Times are µs; the author's are of its own clock.
#[derive(Default)]
pub struct Late {
    heard_us: Option<u64>,
    /// When the last silence ended.
    back_us: Option<u64>,
    /// What the author's clock lacks to ours, the shortest way of a record counted in.
    offset_us: Option<i64>,
    barrier: Option<Barrier>,
    /// By the author's clock: what is older was under way while the barrier stood.
    fresh_us: u64,
    pings: u64,
}

/// What is to become of an input.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    InTime,
    Late,
    /// Late, and the technician is to answer this ping.
    LateAndAsk(u64),
}

impl Late {
    /// The technician was heard, by whatever.
    pub fn heard(&mut self, now: Now) {
        let before = self.heard_us.replace(now.mono_us);
        if before.is_some_and(|before| now.mono_us >= before + GAP_US) {
            self.back_us = Some(now.mono_us);
        }
    }

    /// A record sealed at `time_us` of its author came.
    pub fn arrived(&mut self, time_us: u64, now: Now) {
        let offset = signed(now.mono_us).saturating_sub(signed(time_us));
        self.offset_us = Some(self.offset_us.map_or(offset, |known| known.min(offset)));
    }

    /// An input came, that was sealed at `time_us`.
    pub fn judge(&mut self, time_us: u64, now: Now) -> Verdict {
        if self.barrier.is_some() || time_us < self.fresh_us {
            return Verdict::Late;
        }
        let sealed_us = signed(time_us).saturating_add(self.offset_us.unwrap_or(i64::MAX));
        let in_time_us = sealed_us.saturating_add(signed(LATE_US));
        let late = self.back_us.is_some_and(|back| in_time_us < signed(back));
        if !late {
            return Verdict::InTime;
        }
        self.pings += 1;
        self.barrier = Some(Barrier {
            number: self.pings,
            sent_us: now.mono_us,
        });
        Verdict::LateAndAsk(self.pings)
    }

    /// The technician answered a ping at `time_us` of its own.
    pub fn answered(&mut self, number: u64, time_us: u64) {
        let Some(barrier) = self.barrier.take_if(|barrier| barrier.number == number) else {
            return;
        };
        self.fresh_us = time_us;
        // It cannot have answered before it was asked: its clock stood still, or is slower than ours.
        let least = signed(barrier.sent_us).saturating_sub(signed(time_us));
        self.offset_us = self.offset_us.map(|known| known.max(least));
    }
}

/// An author may say any time.
fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::START;

    /// The author's clock is 7 s behind ours, and a way takes 20 ms.
    const BEHIND_MS: u64 = 7_000;
    const WAY_MS: u64 = 20;

    fn at(ms: u64) -> Now {
        START.after_ms(100_000 + ms)
    }

    /// The author's time when ours is `ms`.
    fn theirs(ms: u64) -> u64 {
        at(ms).mono_us - BEHIND_MS * 1_000
    }

    fn input(late: &mut Late, sealed_ms: u64, came_ms: u64) -> Verdict {
        late.heard(at(came_ms));
        late.arrived(theirs(sealed_ms), at(came_ms));
        late.judge(theirs(sealed_ms), at(came_ms))
    }

    #[test]
    fn any_time_can_be_judged() {
        for times in [[0, u64::MAX], [u64::MAX, 0], [1 << 63, 1]] {
            let mut late = after_a_key();
            for (n, time_us) in (1..).zip(times) {
                let now = at(n * 10_000);
                late.heard(now);
                late.arrived(time_us, now);
                if let Verdict::LateAndAsk(number) = late.judge(time_us, now) {
                    late.answered(number, time_us);
                }
            }
        }
    }

    fn after_a_key() -> Late {
        let mut late = Late::default();
        assert_eq!(input(&mut late, 0, WAY_MS), Verdict::InTime);
        late
    }

    #[test]
    fn a_short_break_is_bridged() {
        let mut late = after_a_key();
        for sealed in [100, 1_000, 2_900] {
            assert_eq!(input(&mut late, sealed, 4_900), Verdict::InTime);
        }
    }

    #[test]
    fn after_a_long_break_nothing_is_done_until_the_technician_answers() {
        let mut late = after_a_key();
        assert_eq!(input(&mut late, 100, 40_000), Verdict::LateAndAsk(1));
        // Done just before the line came back; but what it belongs to was not done.
        assert_eq!(input(&mut late, 39_900, 40_001), Verdict::Late);
        late.answered(2, theirs(40_030));
        assert_eq!(input(&mut late, 39_950, 40_040), Verdict::Late);
        late.answered(1, theirs(40_030));
        assert_eq!(input(&mut late, 40_020, 40_041), Verdict::Late);
        assert_eq!(input(&mut late, 40_031, 40_060), Verdict::InTime);
    }

    #[test]
    fn the_first_word_after_the_break_need_not_be_the_input() {
        let mut late = after_a_key();
        late.heard(at(40_000));
        assert_eq!(input(&mut late, 100, 40_200), Verdict::LateAndAsk(1));
    }

    #[test]
    fn rest_is_no_lateness_and_neither_is_what_waits_here() {
        let mut late = after_a_key();
        assert_eq!(input(&mut late, 30_000, 30_000 + WAY_MS), Verdict::InTime);
        // The user's computer is busy: the record waited for its turn.
        (31..39).for_each(|second| late.heard(at(second * 1_000)));
        assert_eq!(input(&mut late, 30_600, 39_000), Verdict::InTime);
    }

    #[test]
    fn a_clock_that_stood_still_costs_one_answer() {
        let mut late = after_a_key();
        // The technician's computer slept for 20 s: its clock is 27 s behind now.
        let asleep = 20_000;
        assert_eq!(
            input(&mut late, 30_000 - asleep, 30_020),
            Verdict::LateAndAsk(1)
        );
        late.answered(1, theirs(30_060 - asleep));
        assert_eq!(input(&mut late, 31_000 - asleep, 31_020), Verdict::InTime);
        assert_eq!(input(&mut late, 60_000 - asleep, 60_020), Verdict::InTime);
    }
}
