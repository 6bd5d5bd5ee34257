//! How far a transfer is, how fast, and how long it still takes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::content::Amount;
use crate::now::Now;

/// The rate is that of the last 5 s: long enough to stand still, short enough to follow the line.
const LOOK_BACK_US: u64 = 5_000_000;
/// Between two marks: 0.25 s.
const MARK_US: u64 = 250_000;

/// What a person sees of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: Amount,
    pub of: Amount,
    /// Bytes a second; 0: not known.
    pub rate: u64,
    /// Seconds; `None`: not known.
    pub left_s: Option<u64>,
}

/// Measures a transfer.
#[derive(Debug)]
pub struct Meter {
    of: Amount,
    done: Amount,
    /// Time (µs) and bytes.
    marks: VecDeque<(u64, u64)>,
}

impl Meter {
    pub fn new(of: Amount, now: Now) -> Meter {
        Meter {
            of,
            done: Amount::default(),
            marks: VecDeque::from([(now.mono_us, 0)]),
        }
    }

    /// So much is done now. What was there before the transfer counts as done, but not for the rate.
    pub fn note(&mut self, done: Amount, now: Now) {
        self.done = done;
        self.of.bytes = self.of.bytes.max(done.bytes); // it may have grown
        let last = self.marks.back().map_or(0, |(at, _)| *at);
        if now.mono_us >= last + MARK_US {
            self.marks.push_back((now.mono_us, done.bytes));
        }
        while self.marks.len() > 2 && self.marks[1].0 + LOOK_BACK_US <= now.mono_us {
            self.marks.pop_front();
        }
    }

    /// So many bytes need not go over.
    pub fn there_already(&mut self, bytes: u64) {
        for (_, done) in &mut self.marks {
            *done += bytes;
        }
    }

    pub fn progress(&self, now: Now) -> Progress {
        let (at, bytes) = self.marks.front().copied().unwrap_or_default();
        let time = now.mono_us.saturating_sub(at);
        let came = u128::from(self.done.bytes.saturating_sub(bytes));
        let rate = (came * 1_000_000)
            .checked_div(u128::from(time))
            .unwrap_or(0) as u64;
        let left = self.of.bytes.saturating_sub(self.done.bytes);
        Progress {
            done: self.done,
            of: self.of,
            rate,
            left_s: (rate > 0).then(|| left.div_ceil(rate)),
        }
    }
}
