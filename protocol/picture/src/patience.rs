//! When a search for what moved is worth its time: video must not pay on every frame for what is never found.

/// Searches in vain after which only some frames are searched.
const PATIENT: u32 = 8;

/// Of so many frames one is searched then: scrolling that begins beside a video is noticed in an eighth of a second.
const ONE_OF: u32 = 4;

/// Counts what the searches find.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    /// Searches in vain since something was found.
    misses: u32,
    /// Frames since the last search.
    waited: u32,
}

impl Patience {
    /// Whether to search a frame.
    pub(crate) fn allows(&mut self) -> bool {
        self.waited += 1;
        let allowed = self.misses < PATIENT || self.waited >= ONE_OF;
        if allowed {
            self.waited = 0;
        }
        allowed
    }

    /// A search has ended.
    pub(crate) fn learn(&mut self, found: bool) {
        self.misses = if found {
            0
        } else {
            PATIENT.min(self.misses + 1)
        };
    }

    /// Little changed: the screen is not all video, or it has ended.
    pub(crate) fn rest(&mut self) {
        self.misses = self.misses.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(patience: &mut Patience, frames: u32, found: bool) -> usize {
        let searched = (0..frames).filter(|_| {
            let allowed = patience.allows();
            if allowed {
                patience.learn(found);
            }
            allowed
        });
        searched.count()
    }

    #[test]
    fn searches_in_vain_become_rare_until_one_succeeds() {
        let mut patience = Patience::default();
        assert_eq!(searched(&mut patience, 8 + 80, false), 8 + 20);
        assert_eq!(searched(&mut patience, 3, false), 0);
        assert_eq!(searched(&mut patience, 20, true), 20);
        assert_eq!(searched(&mut patience, 8, false), 8);
        patience.rest();
        assert_eq!(searched(&mut patience, 2, false), 1);
    }
}
