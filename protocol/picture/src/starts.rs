//! When the next whole picture is worth its bytes, so that a recording can be entered quickly anywhere.

use crate::Kind;

/// Updates behind a whole picture after which the next one may come: 10 s of 30 a second. Reading so many takes some
/// 50 ms, which nobody notices who seeks.
const UPDATES: u32 = 300;
/// But only when they have cost so many times what the whole picture cost: it adds a third to a busy stream at most, and
/// nothing to typing.
const TIMES: u64 = 3;

/// Counts what was sent since the last whole picture.
#[derive(Clone, Copy, Debug, Default)]
pub struct Starts {
    updates: u32,
    bytes: u64,
    whole: u64,
}

impl Starts {
    /// An update of `bytes` was sent.
    pub fn sent(&mut self, kind: Kind, bytes: usize) {
        match kind {
            Kind::Whole => {
                *self = Starts {
                    whole: bytes as u64,
                    ..Starts::default()
                };
            }
            Kind::Delta => {
                self.updates = self.updates.saturating_add(1);
                self.bytes = self.bytes.saturating_add(bytes as u64);
            }
        }
    }

    /// The next update should be whole.
    pub fn due(&self) -> bool {
        self.updates >= UPDATES && self.bytes >= TIMES.saturating_mul(self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(updates: u32, bytes: usize) -> bool {
        let mut starts = Starts::default();
        starts.sent(Kind::Whole, 100_000);
        (0..updates).for_each(|_| starts.sent(Kind::Delta, bytes));
        starts.due()
    }

    #[test]
    fn scrolling_gets_starts_typing_and_single_large_changes_do_not() {
        assert!(after(300, 8_500));
        assert!(!after(299, 8_500));
        assert!(!after(5_000, 50));
        assert!(!after(10, 500_000));
    }
}
