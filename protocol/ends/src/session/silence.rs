//! Whether the other end is still heard, through the relay and both lines.
//!
//! While people work, nothing is said for this alone: each end's checkpoint answers within about a second whatever the
//! other one sealed. While nobody does anything the technician pings now and then ([`super::PING_AT_REST_US`]).

use crate::now::Now;

/// Watches for silence.
pub struct Silence {
    /// What was sealed may stay unanswered for so long, in µs.
    limit_us: u64,
    /// The other end is never quiet for longer, in µs.
    rest_us: Option<u64>,
    heard_us: u64,
    /// Since when an answer is due.
    due_us: Option<u64>,
    silent: bool,
}

impl Silence {
    pub fn new(limit_us: u64, rest_us: Option<u64>, now: Now) -> Silence {
        Silence {
            limit_us,
            rest_us,
            heard_us: now.mono_us,
            due_us: None,
            silent: false,
        }
    }

    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// `mono_us` at which the other end was last heard.
    pub fn heard_us(&self) -> u64 {
        self.heard_us
    }

    /// The other end was heard; `answered`: it has signed for all that was sealed here. Gives how long it was silent, in
    /// µs, if it was.
    pub fn heard(&mut self, answered: bool, now: Now) -> Option<u64> {
        let silent_us = now.mono_us.saturating_sub(self.heard_us);
        self.heard_us = now.mono_us;
        self.due_us = (!answered).then_some(now.mono_us);
        std::mem::take(&mut self.silent).then_some(silent_us)
    }

    /// True once: the other end is silent from now on.
    pub fn poll(&mut self, answered: bool, now: Now) -> bool {
        self.due_us = match answered {
            true => None,
            false => self.due_us.or(Some(now.mono_us)),
        };
        let silent = self.timeout_us().is_some_and(|at| at <= now.mono_us);
        self.silent |= silent;
        silent
    }

    /// `mono_us` at which [`Silence::poll`] wants to be called.
    pub fn timeout_us(&self) -> Option<u64> {
        let answer = self.due_us.map(|since| since + self.limit_us);
        let rest = self.rest_us.map(|rest| self.heard_us + rest);
        let at = [answer, rest].into_iter().flatten().min();
        at.filter(|_| !self.silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::START;

    fn at(ms: u64) -> Now {
        START.after_ms(ms)
    }

    #[test]
    fn who_owes_an_answer_and_does_not_give_it_is_silent_until_it_is_heard() {
        let mut silence = Silence::new(3_000_000, None, START);
        assert!(!silence.poll(true, at(60_000)), "nothing is due");
        assert_eq!(silence.timeout_us(), None);
        assert!(!silence.poll(false, at(60_500)));
        assert_eq!(silence.timeout_us(), Some(at(63_500).mono_us));
        assert!(!silence.poll(false, at(63_499)));
        assert!(silence.poll(false, at(63_500)));
        assert!(!silence.poll(false, at(70_000)), "said once");
        assert!(silence.is_silent());
        assert_eq!(silence.heard(false, at(80_000)), Some(80_000_000));
        assert!(!silence.is_silent());
        assert_eq!(silence.timeout_us(), Some(at(83_000).mono_us));
        assert_eq!(silence.heard(true, at(80_100)), None);
        assert_eq!(silence.timeout_us(), None);
    }

    #[test]
    fn whoever_talks_is_not_silent_whatever_it_still_owes() {
        let mut silence = Silence::new(3_000_000, None, START);
        for second in 0..20 {
            assert!(!silence.poll(false, at(second * 2_000)));
            assert_eq!(silence.heard(false, at(second * 2_000)), None);
        }
    }

    #[test]
    fn who_never_rests_for_long_is_missed_although_nothing_is_due() {
        let mut silence = Silence::new(5_000_000, Some(15_000_000), START);
        assert!(!silence.poll(true, at(14_999)));
        assert!(silence.poll(true, at(15_000)));
    }
}
