//! The path's own round trip: the shortest mean of a round in the last ten seconds.
//!
//! The mean and not the minimum, because on a path that varies by a fifth (radio) what is under way must fill the usual
//! round trip; the shortest of them, because a queue only makes it longer.

/// So long the shortest is believed, as in BBR; then the path is drained to measure it anew.
const LIFE_US: u64 = 10_000_000;

/// One round's measurements.
#[derive(Clone, Copy, Default)]
pub(super) struct Mean {
    sum_us: u64,
    count: u64,
}

impl Mean {
    pub fn add(&mut self, us: u64) {
        self.sum_us += us;
        self.count += 1;
    }

    pub fn get(&self) -> Option<u64> {
        self.sum_us.checked_div(self.count)
    }
}

/// The shortest round.
#[derive(Clone, Default)]
pub(super) struct Base {
    /// Its mean, and when it was seen.
    shortest: Option<(u64, u64)>,
}

impl Base {
    pub fn get(&self) -> Option<u64> {
        self.shortest.map(|(us, _)| us)
    }

    /// A round's mean. `drained`: nothing of ours stood in a queue, so that it counts whatever was seen before.
    pub fn round(&mut self, mean_us: u64, drained: bool, now_us: u64) {
        let shorter = self.shortest.is_none_or(|(us, _)| mean_us <= us);
        if shorter || (drained && self.is_old(now_us)) {
            self.shortest = Some((mean_us, now_us));
        }
    }

    /// It should be measured anew.
    pub fn is_old(&self, now_us: u64) -> bool {
        self.shortest
            .is_some_and(|(_, seen_us)| now_us.saturating_sub(seen_us) > LIFE_US)
    }
}
