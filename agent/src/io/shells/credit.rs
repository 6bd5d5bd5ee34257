//! How much of a terminal's output may be under way: the rest waits in the kernel, where Ctrl-C still discards it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What may be on its way to the technician's eyes is what they took in so long: Ctrl-C has no more output before it.
const AHEAD: Duration = Duration::from_millis(250);
/// How often that is measured: long enough for several acknowledgements.
const MEASURED: Duration = Duration::from_millis(50);
/// The window at first, at least and at most, in bytes. The least keeps a slow start from staying slow; the most is half
/// of what the link holds unsent, so that other lanes find room.
const FIRST: u64 = 128 * 1024;
const LEAST: u64 = 64 * 1024;
const MOST: u64 = 2 << 20;

/// A terminal whose program ended and that said nothing for so long has said all: 300 ms.
pub const SETTLED: Duration = Duration::from_millis(300);

struct State {
    window: u64,
    /// When, and at how many bytes seen, the present measurement began.
    measured: Option<(Instant, u64)>,
    sent: u64,
    seen: u64,
    waiting: bool,
    closed: bool,
    last_sent: Option<Instant>,
}

/// Shared by the task that reads and the loop that hears of acknowledgements.
pub struct Credit {
    state: Mutex<State>,
    changed: Notify,
}

impl Default for Credit {
    fn default() -> Credit {
        let state = State {
            window: FIRST,
            measured: None,
            sent: 0,
            seen: 0,
            waiting: false,
            closed: false,
            last_sent: None,
        };
        Credit {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }
}

impl State {
    fn room(&self) -> u64 {
        self.window.saturating_sub(self.sent - self.seen)
    }

    /// The window follows the rate at which output is taken.
    fn measure(&mut self, now: Instant) {
        let (since, seen) = *self.measured.get_or_insert((now, self.seen));
        let took = now.saturating_duration_since(since);
        if took < MEASURED {
            return;
        }
        let rate = (self.seen - seen) as f64 / took.as_secs_f64();
        let window = (rate * AHEAD.as_secs_f64()) as u64;
        // Only a full window says what the line carries; a quiet program says nothing about it.
        if self.waiting || window > self.window {
            self.window = window.clamp(LEAST, MOST);
        }
        self.measured = Some((now, self.seen));
    }
}

impl Credit {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and says how much there is; `None` when the terminal is closed.
    pub async fn wait(&self) -> Option<usize> {
        loop {
            match self.room()? {
                0 => self.changed.notified().await,
                room => return Some(room),
            }
        }
    }

    fn room(&self) -> Option<usize> {
        let mut state = self.lock();
        let room = state.room() as usize;
        state.waiting = room == 0;
        (!state.closed).then_some(room)
    }

    pub fn sent(&self, bytes: usize) {
        let mut state = self.lock();
        state.sent += bytes as u64;
        state.last_sent = Some(Instant::now());
    }

    /// The technician has taken so many bytes in all. A claim beyond what was sent counts for what was sent.
    pub fn seen(&self, bytes: u64, now: Instant) {
        let mut state = self.lock();
        state.seen = bytes.clamp(state.seen, state.sent);
        state.measure(now);
        self.changed.notify_one();
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Nothing is held up, and nothing was said for [`SETTLED`].
    pub fn settled(&self) -> bool {
        let state = self.lock();
        let silent = state.last_sent.is_none_or(|at| at.elapsed() >= SETTLED);
        state.closed || (!state.waiting && silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_claim_makes_more_room_than_was_used() {
        let (credit, now) = (Credit::default(), Instant::now());
        assert_eq!(credit.room(), Some(FIRST as usize));
        credit.sent(1_000);
        credit.seen(u64::MAX, now);
        assert_eq!(credit.room(), Some(FIRST as usize));
        credit.seen(0, now);
        assert_eq!(credit.room(), Some(FIRST as usize), "nothing is taken back");
        credit.close();
        assert_eq!(credit.room(), None);
    }

    /// `rate` bytes a second are taken for two seconds while the program would write more.
    fn window_after(rate: u64) -> u64 {
        let (credit, start) = (Credit::default(), Instant::now());
        let mut taken = 0;
        for tick in 1..=100 {
            let room = credit.lock().room();
            credit.sent(room as usize);
            credit.lock().waiting = true;
            taken = (taken + rate / 50).min(credit.lock().sent);
            credit.seen(taken, start + Duration::from_millis(20) * tick);
        }
        credit.lock().window
    }

    #[test]
    fn the_window_is_a_quarter_second_of_what_is_taken() {
        let near = |window: u64, rate: u64| window.abs_diff(rate / 4) < rate / 20;
        assert!(near(window_after(1_000_000), 1_000_000));
        assert!(near(window_after(4_000_000), 4_000_000));
        assert_eq!(window_after(10_000), LEAST);
        assert_eq!(window_after(100_000_000), MOST);
    }
}
