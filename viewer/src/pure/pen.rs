//! Pointing at the user's screen while only looking at it: what the mouse draws there, in strokes.

use std::time::{Duration, Instant};

/// A stroke is told in pieces at most that often: it grows before the user's eyes, at a few small records.
const EVERY: Duration = Duration::from_millis(40);

/// Points of a piece; the protocol allows four times as many.
const MOST: usize = 256;

/// The technician's pen.
#[derive(Debug, Default)]
pub struct Pen {
    /// Of the piece that is not told yet, in remote pixels; the first ends the piece before. Empty while the pen is up.
    points: Vec<(i32, i32)>,
    /// When a piece was last told; none of this stroke yet: `None`.
    told: Option<Instant>,
}

impl Pen {
    pub fn is_down(&self) -> bool {
        !self.points.is_empty()
    }

    pub fn down(&mut self, at: (i32, i32)) {
        self.points = vec![at];
        self.told = None;
    }

    /// A piece that is to be told now.
    pub fn moved(&mut self, to: (i32, i32), now: Instant) -> Option<Vec<(i32, i32)>> {
        if self.points.last().is_none_or(|last| *last == to) {
            return None;
        }
        self.points.push(to);
        let due = self.told.is_none_or(|told| now - told >= EVERY);
        if !due && self.points.len() < MOST {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::replace(&mut self.points, vec![to]))
    }

    /// The rest of the stroke, or the point if that was all.
    pub fn up(&mut self) -> Option<Vec<(i32, i32)>> {
        let rest = std::mem::take(&mut self.points);
        let told = self.told.take().is_some();
        (!told || rest.len() > 1)
            .then_some(rest)
            .filter(|rest| !rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_a_point() {
        let mut pen = Pen::default();
        assert_eq!(pen.up(), None);
        pen.down((3, 4));
        assert!(pen.is_down());
        assert_eq!(pen.moved((3, 4), Instant::now()), None);
        assert_eq!(pen.up(), Some(vec![(3, 4)]));
        assert!(!pen.is_down());
        assert_eq!(pen.moved((5, 5), Instant::now()), None, "the pen is up");
    }

    #[test]
    fn a_stroke_is_told_in_pieces_that_join() {
        let (mut pen, start) = (Pen::default(), Instant::now());
        pen.down((0, 0));
        let mut all = vec![(0, 0)];
        let mut pieces = 0;
        for step in 1..100 {
            let now = start + Duration::from_millis(8 * step);
            if let Some(piece) = pen.moved((step as i32, 0), now) {
                assert_eq!(piece.first(), all.last());
                all.extend(&piece[1..]);
                pieces += 1;
            }
        }
        all.extend(&pen.up().expect("a rest")[1..]);
        assert_eq!(all, (0..100).map(|x| (x, 0)).collect::<Vec<_>>());
        assert!((15..=21).contains(&pieces), "{pieces}");
    }

    #[test]
    fn a_fast_mouse_makes_no_long_pieces() {
        let (mut pen, now) = (Pen::default(), Instant::now());
        pen.down((0, 0));
        let pieces = (1..2_000).filter_map(|x| pen.moved((x, 0), now));
        assert!(pieces.map(|piece| piece.len()).max() == Some(MOST));
    }
}
