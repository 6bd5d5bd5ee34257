//! When a search for what moved is worth its time: video must not pay on every frame for what is never found.

/// Searches in vain after which only some frames are searched.
const PATIENT: u32 = 4;

/// Of so many frames one is searched then: scrolling that begins beside a video is noticed within a quarter of a second.
const ONE_OF: u32 = 8;

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
            self.misses.saturating_add(1)
        };
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
        assert_eq!(searched(&mut patience, 4 + 80, false), 4 + 10);
        assert_eq!(searched(&mut patience, 8 + 20, true), 1 + 20);
        assert_eq!(searched(&mut patience, 4, false), 4);
    }
}
