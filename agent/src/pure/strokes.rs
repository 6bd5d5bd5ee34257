//! The technician's strokes on the user's screen: how long they stay, and how they fade.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Line widths in pixels, one after the other: a stroke gets thinner before it goes, so that nobody takes it for a part of a program.
const WIDTHS: [u16; 4] = [7, 5, 3, 2];

/// How long it has each but the first, which it has for longer: time to look up.
const STEP: Duration = Duration::from_millis(400);
const FIRST: Duration = Duration::from_millis(2_800);

/// Most points of all strokes: older strokes go at once, so that a technician's program cannot make the user's work. A scribble of four
/// seconds has some 500.
const MOST: usize = 4_096;

struct Stroke {
    points: Vec<(i32, i32)>,
    drawn: Instant,
}

/// What is to be seen now.
#[derive(Default)]
pub struct Strokes {
    /// Oldest first.
    strokes: VecDeque<Stroke>,
    /// Of all of them.
    points: usize,
}

impl Strokes {
    /// A line through these points, or one point to look at.
    pub fn add(&mut self, points: Vec<(i32, i32)>, now: Instant) {
        if points.is_empty() {
            return;
        }
        self.points += points.len();
        let drawn = now;
        self.strokes.push_back(Stroke { points, drawn });
        while self.points > MOST && self.strokes.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.strokes.pop_front() {
            self.points -= oldest.points.len();
        }
    }

    /// Each stroke with its width in pixels. Those whose time is over are forgotten.
    pub fn shown(&mut self, now: Instant) -> impl Iterator<Item = (u16, &[(i32, i32)])> {
        let over = |stroke: &Stroke| width(now.saturating_duration_since(stroke.drawn)).is_none();
        while self.strokes.front().is_some_and(over) {
            self.forget_oldest();
        }
        self.strokes.iter().filter_map(move |stroke| {
            let width = width(now.saturating_duration_since(stroke.drawn))?;
            Some((width, &stroke.points[..]))
        })
    }

    /// When it looks otherwise, if nothing is added.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let changes = self.strokes.iter().flat_map(|stroke| {
            let steps = 0..WIDTHS.len() as u32;
            steps.map(move |step| stroke.drawn + FIRST + STEP * step)
        });
        changes.filter(|at| *at > now).min()
    }
}

fn width(age: Duration) -> Option<u16> {
    let Some(over) = age.checked_sub(FIRST) else {
        return Some(WIDTHS[0]);
    };
    let step = 1 + (over.as_millis() / STEP.as_millis()) as usize;
    WIDTHS.get(step).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(strokes: &mut Strokes, now: Instant) -> Vec<u16> {
        strokes.shown(now).map(|(width, _)| width).collect()
    }

    #[test]
    fn a_stroke_gets_thinner_and_goes() {
        let (mut strokes, start) = (Strokes::default(), Instant::now());
        strokes.add(vec![(1, 2), (3, 4)], start);
        strokes.add(Vec::new(), start);
        let mut now = start;
        let mut seen = vec![widths(&mut strokes, now)];
        while let Some(next) = strokes.next(now) {
            now = next;
            seen.push(widths(&mut strokes, now));
        }
        assert_eq!(seen, [vec![7], vec![5], vec![3], vec![2], vec![]]);
        assert_eq!(now - start, Duration::from_secs(4));
    }

    #[test]
    fn each_has_its_own_time_and_there_are_not_too_many() {
        let (mut strokes, start) = (Strokes::default(), Instant::now());
        strokes.add(vec![(1, 2)], start);
        let later = start + Duration::from_secs(3);
        strokes.add(vec![(5, 6)], later);
        assert_eq!(widths(&mut strokes, later), [5, 7]);
        for _ in 0..MOST {
            strokes.add(vec![(0, 0); 8], later);
        }
        assert_eq!(widths(&mut strokes, later), vec![7; MOST / 8]);
        let gone = later + Duration::from_secs(5);
        assert_eq!((widths(&mut strokes, gone), strokes.points), (vec![], 0));
    }
}
