//! Rectangles, surfaces, and the bookkeeping of what must be drawn again.

pub use sightline_picture::Rect;

/// More separate parts than this are drawn as one: each costs a request to the X server.
const MAX_PARTS: usize = 48;

/// Pixels to draw on: rows of `width` 0x00RRGGBB.
pub struct Surface<'a> {
    pub pixels: &'a mut [u32],
    pub width: u32,
    pub height: u32,
}

impl Surface<'_> {
    pub fn all(&self) -> Rect {
        rect(0, 0, self.width, self.height)
    }

    /// `width` pixels of row `y` from `x`; empty where that does not lie on the surface.
    pub fn span(&mut self, x: u32, y: u32, width: u32) -> &mut [u32] {
        if y >= self.height || x.saturating_add(width) > self.width {
            return &mut [];
        }
        let start = y as usize * self.width as usize + x as usize;
        self.pixels
            .get_mut(start..start + width as usize)
            .unwrap_or_default()
    }

    /// Copies a span to the row below it.
    pub fn copy_down(&mut self, x: u32, y: u32, width: u32) {
        if self.span(x, y + 1, width).is_empty() {
            return;
        }
        let start = y as usize * self.width as usize + x as usize;
        let below = start + self.width as usize;
        self.pixels
            .copy_within(start..start + width as usize, below);
    }

    pub fn fill(&mut self, part: Rect, colour: u32) {
        for y in part.y..part.y.saturating_add(part.height) {
            self.span(part.x, y, part.width).fill(colour);
        }
    }
}

pub fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect {
        x,
        y,
        width,
        height,
    }
}

pub fn is_empty(a: Rect) -> bool {
    a.width == 0 || a.height == 0
}

fn right(a: Rect) -> u32 {
    a.x.saturating_add(a.width)
}

fn bottom(a: Rect) -> u32 {
    a.y.saturating_add(a.height)
}

/// What both have in common.
pub fn intersect(a: Rect, b: Rect) -> Option<Rect> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let width = right(a).min(right(b)).checked_sub(x)?;
    let height = bottom(a).min(bottom(b)).checked_sub(y)?;
    let common = rect(x, y, width, height);
    (!is_empty(common)).then_some(common)
}

/// The smallest rectangle around both.
pub fn around(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    rect(
        x,
        y,
        right(a).max(right(b)) - x,
        bottom(a).max(bottom(b)) - y,
    )
}

pub fn contains(a: Rect, x: f64, y: f64) -> bool {
    x >= f64::from(a.x)
        && y >= f64::from(a.y)
        && x < f64::from(right(a))
        && y < f64::from(bottom(a))
}

fn size(a: Rect) -> u64 {
    u64::from(a.width) * u64::from(a.height)
}

/// The smallest rectangle outside of which both have the same pixels, in rows of `width`; all of `after` if they are not of
/// one size.
pub fn differing(before: &[u32], after: &[u32], width: u32) -> Option<Rect> {
    let row = width as usize;
    let rows = after.len().checked_div(row)?;
    if before.len() != after.len() {
        return Some(rect(0, 0, width, rows as u32)).filter(|all| !is_empty(*all));
    }
    let differs = |y: &usize| before[y * row..][..row] != after[y * row..][..row];
    let top = (0..rows).find(differs)?;
    let bottom = (top..rows).rfind(differs)?;
    let (mut left, mut right) = (row, 0);
    for y in top..=bottom {
        let (a, b) = (&before[y * row..][..row], &after[y * row..][..row]);
        let first = (0..left).find(|x| a[*x] != b[*x]);
        left = first.unwrap_or(left);
        let last = (right..row).rfind(|x| a[*x] != b[*x]);
        right = last.map_or(right, |x| x + 1);
    }
    let size = ((right - left) as u32, (bottom - top + 1) as u32);
    Some(rect(left as u32, top as u32, size.0, size.1))
}

/// What must be drawn again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    parts: Vec<Rect>,
    all: bool,
}

impl Damage {
    /// Everything.
    pub fn whole() -> Damage {
        Damage {
            parts: Vec::new(),
            all: true,
        }
    }

    pub fn is_none(&self) -> bool {
        !self.all && self.parts.is_empty()
    }

    pub fn is_whole(&self) -> bool {
        self.all
    }

    pub fn add_all(&mut self) {
        *self = Damage::whole();
    }

    /// Adds a part; joins it to others where that covers little more.
    pub fn add(&mut self, mut part: Rect) {
        if self.all || is_empty(part) {
            return;
        }
        let mut index = 0;
        while let Some(other) = self.parts.get(index).copied() {
            let both = around(other, part);
            if size(both) * 4 <= (size(other) + size(part)) * 5 || self.parts.len() >= MAX_PARTS {
                self.parts.swap_remove(index);
                part = both;
                index = 0;
            } else {
                index += 1;
            }
        }
        self.parts.push(part);
    }

    /// The parts, inside `bounds`.
    pub fn within(&self, bounds: Rect) -> Vec<Rect> {
        if self.all {
            return vec![bounds];
        }
        let inside = self
            .parts
            .iter()
            .filter_map(|part| intersect(*part, bounds));
        inside.collect()
    }

    pub fn parts(&self) -> &[Rect] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_rect() -> impl Strategy<Value = Rect> {
        (0u32..300, 0u32..300, 0u32..80, 0u32..80).prop_map(|(x, y, w, h)| rect(x, y, w, h))
    }

    proptest! {
        #[test]
        fn damage_covers_all_that_was_added(list in prop::collection::vec(any_rect(), 0..120)) {
            let mut damage = Damage::default();
            for part in &list {
                damage.add(*part);
            }
            let parts = damage.within(rect(0, 0, 1000, 1000));
            prop_assert!(parts.len() <= MAX_PARTS);
            for part in list.into_iter().filter(|part| !is_empty(*part)) {
                prop_assert!(parts.iter().any(|cover| intersect(*cover, part) == Some(part)));
            }
        }

        #[test]
        fn what_differs_is_found(changes in prop::collection::vec((0u32..20, 0u32..10), 0..6)) {
            let before = vec![7; 200];
            let mut after = before.clone();
            for (x, y) in &changes {
                after[(y * 20 + x) as usize] = 8;
            }
            let expected = changes.iter().map(|(x, y)| rect(*x, *y, 1, 1)).reduce(around);
            prop_assert_eq!(differing(&before, &after, 20), expected);
            prop_assert_eq!(differing(&before[20..], &after, 20), Some(rect(0, 0, 20, 10)));
        }

        #[test]
        fn what_two_have_in_common_lies_in_both(a in any_rect(), b in any_rect()) {
            let common = intersect(a, b);
            prop_assert_eq!(common, intersect(b, a));
            if let Some(common) = common {
                prop_assert_eq!(around(common, a), a);
                prop_assert_eq!(around(common, b), b);
            }
        }
    }
}
