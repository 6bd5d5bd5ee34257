//! How much of a terminal's output may be under way: the rest waits in the kernel, where Ctrl-C still discards it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes on their way to the technician's eyes. At 150 ms of round trip 850 kB/s, more than anybody reads; on a line of
/// 2 Mbit/s Ctrl-C has half a second of output before it.
pub const WINDOW: u64 = 128 * 1024;

/// A terminal whose program ended and that said nothing for so long has said all: 300 ms.
pub const SETTLED: Duration = Duration::from_millis(300);

#[derive(Default)]
struct State {
    sent: u64,
    seen: u64,
    waiting: bool,
    closed: bool,
    last_sent: Option<Instant>,
}

/// Shared by the thread that reads and the loop that hears of acknowledgements.
#[derive(Default)]
pub struct Credit {
    state: Mutex<State>,
    changed: Condvar,
}

impl Credit {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and says how much there is; `None` when the terminal is closed.
    pub fn wait(&self) -> Option<usize> {
        let mut state = self.lock();
        while !state.closed && state.sent - state.seen >= WINDOW {
            state.waiting = true;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting = false;
        (!state.closed).then(|| (WINDOW - (state.sent - state.seen)) as usize)
    }

    pub fn sent(&self, bytes: usize) {
        let mut state = self.lock();
        state.sent += bytes as u64;
        state.last_sent = Some(Instant::now());
    }

    /// The technician has taken so many bytes in all. A claim beyond what was sent counts for what was sent.
    pub fn seen(&self, bytes: u64) {
        let mut state = self.lock();
        state.seen = bytes.clamp(state.seen, state.sent);
        self.changed.notify_all();
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
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
        let credit = Credit::default();
        assert_eq!(credit.wait(), Some(WINDOW as usize));
        credit.sent(1_000);
        credit.seen(u64::MAX);
        assert_eq!(credit.wait(), Some(WINDOW as usize));
        credit.seen(0);
        assert_eq!(
            credit.wait(),
            Some(WINDOW as usize),
            "nothing is taken back"
        );
        credit.close();
        assert_eq!(credit.wait(), None);
    }
}
