//! Time as an argument.

/// One moment on two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock: milliseconds since 1970 (may jump). For statements and what people read.
    pub unix_ms: u64,
    /// Monotonic clock: microseconds since some fixed start of this program. For deadlines and records.
    pub mono_us: u64,
}

impl Now {
    /// Both clocks, later by this much.
    pub fn after_ms(self, ms: u64) -> Now {
        Now {
            unix_ms: self.unix_ms + ms,
            mono_us: self.mono_us + ms * 1000,
        }
    }
}
