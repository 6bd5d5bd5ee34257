//! Copies the remote picture to the window's pixels, at any size.
//!
//! 1:1 is a copy and whole factors repeat pixels: text stays exact. Else every pixel here is a weighted mean of remote ones:
//! of the area that it covers when the picture shrinks (thin lines stay visible), of the nearest four when it grows. Each
//! pixel depends on its own sources alone, so that a part drawn later equals the same part of a full drawing.

use super::area::{Rect, Surface};

/// Weights of one pixel sum up to this.
const UNIT: u32 = 256;

/// Pixels to copy from: `pixels` in rows of `width`, of which the rectangle `shown` is meant.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub pixels: &'a [u32],
    pub width: u32,
    pub shown: Rect,
}

impl<'a> Source<'a> {
    /// Columns `from..from + length` of row `y` of the shown part; empty where the pixels do not reach.
    fn span(&self, y: u32, from: u32, length: u32) -> &'a [u32] {
        let row = (self.shown.y + y) as usize * self.width as usize;
        let start = row + (self.shown.x + from) as usize;
        self.pixels
            .get(start..start + length as usize)
            .unwrap_or_default()
    }
}

/// Draws pictures of one size at another.
pub struct Scaler {
    from: (u32, u32),
    to: (u32, u32),
    way: Way,
}

enum Way {
    Copy,
    Repeat { across: u32, down: u32 },
    Filter { columns: Taps, rows: Taps },
}

impl Scaler {
    pub fn new(from: (u32, u32), to: (u32, u32)) -> Scaler {
        let whole =
            from.0 > 0 && from.1 > 0 && to.0.is_multiple_of(from.0) && to.1.is_multiple_of(from.1);
        let way = if from == to {
            Way::Copy
        } else if whole {
            Way::Repeat {
                across: to.0 / from.0,
                down: to.1 / from.1,
            }
        } else {
            Way::Filter {
                columns: Taps::new(from.0, to.0),
                rows: Taps::new(from.1, to.1),
            }
        };
        Scaler { from, to, way }
    }

    pub fn is_for(&self, from: (u32, u32), to: (u32, u32)) -> bool {
        self.from == from && self.to == to
    }

    /// Draws the pixels of `part`, which lies inside `placed`, the place of the whole picture on the surface.
    pub fn draw(&self, source: &Source, surface: &mut Surface, placed: Rect, part: Rect) {
        if source.shown.width != self.from.0 || source.shown.height != self.from.1 {
            return;
        }
        let (left, top) = (part.x - placed.x, part.y - placed.y);
        match &self.way {
            Way::Copy => {
                for y in 0..part.height {
                    let target = surface.span(part.x, part.y + y, part.width);
                    let row = source.span(top + y, left, part.width);
                    if target.len() == row.len() {
                        target.copy_from_slice(row);
                    }
                }
            }
            Way::Repeat { across, down } => {
                for y in 0..part.height {
                    let row = source.span((top + y) / down, 0, self.from.0);
                    let target = surface.span(part.x, part.y + y, part.width);
                    for (x, pixel) in target.iter_mut().enumerate() {
                        let column = (left + x as u32) / across;
                        *pixel = row.get(column as usize).copied().unwrap_or_default();
                    }
                }
            }
            Way::Filter { columns, rows } => {
                filter(source, surface, part, (left, top), columns, rows);
            }
        }
    }
}

/// First mixes the rows that a row depends on, then the columns.
fn filter(
    source: &Source,
    surface: &mut Surface,
    part: Rect,
    (left, top): (u32, u32),
    columns: &Taps,
    rows: &Taps,
) {
    let Some((from, length)) = columns.reach(left, part.width) else {
        return;
    };
    let mut sums = vec![0u16; length as usize * 4];
    let mut mixed = vec![0u32; length as usize];
    for y in 0..part.height {
        let (first, weights) = rows.of(top + y);
        let row = match weights {
            [_] => source.span(first, from, length),
            _ => {
                sums.fill(UNIT as u16 / 2); // rounds to the nearest
                for (row, weight) in (first..).zip(weights) {
                    add_row(&mut sums, source.span(row, from, length), *weight);
                }
                finish_row(&sums, &mut mixed);
                &mixed
            }
        };
        let target = surface.span(part.x, part.y + y, part.width);
        for (column, pixel) in (left..).zip(target) {
            let (first, weights) = columns.of(column);
            let start = (first - from) as usize;
            *pixel = mix(
                row.get(start..start + weights.len()).unwrap_or_default(),
                weights,
            );
        }
    }
}

/// Channel by channel; sixteen bits hold 255 · 256 and the rounding.
fn add_row(sums: &mut [u16], row: &[u32], weight: u16) {
    let channels: &[u8] = bytemuck::cast_slice(row);
    for (sum, channel) in sums.iter_mut().zip(channels) {
        *sum = sum.wrapping_add(u16::from(*channel).wrapping_mul(weight));
    }
}

fn finish_row(sums: &[u16], mixed: &mut [u32]) {
    let channels: &mut [u8] = bytemuck::cast_slice_mut(mixed);
    for (channel, sum) in channels.iter_mut().zip(sums) {
        *channel = (sum >> 8) as u8;
    }
}

/// The weighted mean of some pixels, two channels at a time in halves of a word.
fn mix(pixels: &[u32], weights: &[u16]) -> u32 {
    const EVEN: u32 = 0x00ff_00ff;
    let (mut even, mut odd) = (0x0080_0080_u32, 0x0080_0080_u32);
    for (pixel, weight) in pixels.iter().zip(weights) {
        let weight = u32::from(*weight);
        even = even.wrapping_add((pixel & EVEN).wrapping_mul(weight));
        odd = odd.wrapping_add(((pixel >> 8) & EVEN).wrapping_mul(weight));
    }
    ((even >> 8) & EVEN) | (odd & !EVEN)
}

/// For each target pixel along one side: the first source pixel and the weights from there on.
struct Taps {
    spans: Vec<(u32, u32, u32)>,
    weights: Vec<u16>,
}

impl Taps {
    fn new(from: u32, to: u32) -> Taps {
        let mut taps = Taps {
            spans: Vec::with_capacity(to as usize),
            weights: Vec::new(),
        };
        let to_fill = if from > 0 { to } else { 0 };
        for target in 0..to_fill {
            if to < from {
                taps.shrink(target, u64::from(from), u64::from(to));
            } else {
                taps.grow(target, u64::from(from), u64::from(to));
            }
        }
        taps
    }

    /// The mean of the source pixels that the target pixel covers.
    fn shrink(&mut self, target: u32, from: u64, to: u64) {
        let (low, high) = (u64::from(target) * from, (u64::from(target) + 1) * from);
        let first = low / to;
        let last = (high - 1) / to;
        let start = self.weights.len();
        let mut given = 0;
        for pixel in first..=last {
            // Each weight is what the rounded total grows by, so that they always sum up to one unit.
            let covered = ((pixel + 1) * to).min(high) - low;
            let total = (covered * u64::from(UNIT) + from / 2) / from;
            self.weights.push((total - given) as u16);
            given = total;
        }
        self.finish(first, start);
    }

    /// Between the two source pixels whose centres are nearest.
    fn grow(&mut self, target: u32, from: u64, to: u64) {
        let start = self.weights.len();
        // Twice the target's centre, in parts of 1/`to` source pixel, less half a source pixel.
        let centre = ((2 * u64::from(target) + 1) * from).saturating_sub(to);
        let first = (centre / (2 * to)).min(from - 1);
        let share = ((centre % (2 * to)) * u64::from(UNIT) / (2 * to)) as u16;
        if share == 0 || first + 1 == from {
            self.weights.push(UNIT as u16);
        } else {
            self.weights.extend([UNIT as u16 - share, share]);
        }
        self.finish(first, start);
    }

    fn finish(&mut self, first: u64, start: usize) {
        self.spans
            .push((first as u32, start as u32, self.weights.len() as u32));
    }

    fn of(&self, target: u32) -> (u32, &[u16]) {
        match self.spans.get(target as usize) {
            Some((first, start, end)) => (*first, &self.weights[*start as usize..*end as usize]),
            None => (0, &[]),
        }
    }

    /// The source pixels on which `length` target pixels from `start` depend.
    fn reach(&self, start: u32, length: u32) -> Option<(u32, u32)> {
        let (low, _) = self.of(start);
        let (last, weights) = self.of((start + length).checked_sub(1)?);
        (last + weights.len() as u32)
            .checked_sub(low)
            .filter(|reach| *reach > 0)
            .map(|reach| (low, reach))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pure::area::{intersect, rect};
    use crate::pure::fit::{Choice, Scale, View};

    fn noise(count: usize, mut seed: u32) -> Vec<u32> {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 8
        };
        (0..count).map(|_| next()).collect()
    }

    fn drawn(canvas: &[u32], width: u32, view: &View, port: Rect, surface: &mut [u32], part: Rect) {
        let height = canvas.len() as u32 / width;
        let placement = view.place((width, height), &[], port);
        let (shown, placed) = (placement.shown, placement.placed);
        let scaler = Scaler::new((shown.width, shown.height), (placed.width, placed.height));
        let source = Source {
            pixels: canvas,
            width,
            shown,
        };
        let mut surface = Surface {
            pixels: surface,
            width: port.width,
            height: port.height,
        };
        if let Some(part) = intersect(part, placed) {
            scaler.draw(&source, &mut surface, placed, part);
        }
    }

    proptest! {
        #[test]
        fn a_part_equals_that_part_of_the_whole(
            size in (1u32..90, 1u32..70), port in (1u32..200, 1u32..150), one_to_one: bool, seed: u32,
            changed in (0u32..90, 0u32..70, 1u32..40, 1u32..40),
        ) {
            let view = View {
                scale: if one_to_one { Scale::OneToOne } else { Scale::Fit },
                choice: Choice::All,
                pan: (7.0, 3.0),
            };
            let port = rect(0, 0, port.0, port.1);
            let before = noise((size.0 * size.1) as usize, seed);
            let mut after = before.clone();
            let changed = rect(changed.0, changed.1, changed.2, changed.3);
            if let Some(inside) = intersect(changed, rect(0, 0, size.0, size.1)) {
                for y in inside.y..inside.y + inside.height {
                    for x in inside.x..inside.x + inside.width {
                        after[(y * size.0 + x) as usize] ^= 0x00f0_f0f0;
                    }
                }
            }
            let mut partly = vec![0; (port.width * port.height) as usize];
            let mut wholly = partly.clone();
            drawn(&before, size.0, &view, port, &mut partly, port);
            drawn(&after, size.0, &view, port, &mut wholly, port);
            if let Some(part) = view.place(size, &[], port).damaged(changed) {
                drawn(&after, size.0, &view, port, &mut partly, part);
            }
            prop_assert!(partly == wholly);
        }

        #[test]
        fn weights_sum_up_to_one_unit(from in 1u32..500, to in 1u32..500) {
            let taps = Taps::new(from, to);
            for target in 0..to {
                let (first, weights) = taps.of(target);
                prop_assert_eq!(weights.iter().map(|weight| u32::from(*weight)).sum::<u32>(), UNIT);
                prop_assert!(first + weights.len() as u32 <= from);
            }
        }
    }

    #[test]
    fn an_even_picture_stays_even() {
        let canvas = vec![0x00ff_80fe; 37 * 23];
        for port in [rect(0, 0, 11, 11), rect(0, 0, 60, 50), rect(0, 0, 200, 200)] {
            let mut surface = vec![0; (port.width * port.height) as usize];
            drawn(&canvas, 37, &View::default(), port, &mut surface, port);
            assert!(surface.iter().all(|pixel| [0, 0x00ff_80fe].contains(pixel)));
            assert!(surface.contains(&0x00ff_80fe));
        }
    }
}
