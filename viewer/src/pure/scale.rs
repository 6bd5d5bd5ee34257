//! Copies the remote picture to the window's pixels, at any size.
//!
//! 1:1 is a copy and whole factors repeat pixels: text stays exact. Else every pixel here is a weighted mean of remote ones:
//! of the area that it covers when the picture shrinks (thin lines stay visible), of the nearest four when it grows. Each
//! pixel depends on its own sources alone, so that a part drawn later equals the same part of a full drawing.

use super::area::{Rect, Surface};

/// Weights of one pixel sum up to this.
const UNIT: u32 = 256;

/// Filtering fewer pixels than this takes no longer than starting a thread.
const PIXELS_PER_THREAD: u32 = 100_000;

/// More threads would wait for memory.
const MAX_THREADS: usize = 4;

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
    Repeat {
        across: u32,
        down: u32,
    },
    Filter {
        columns: Taps,
        rows: Taps,
        threads: usize,
    },
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
                threads: std::thread::available_parallelism().map_or(1, usize::from),
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
                repeat(source, surface, part, (left, top), (*across, *down));
            }
            Way::Filter {
                columns,
                rows,
                threads,
            } => {
                let filter = Filter {
                    source,
                    columns,
                    rows,
                    left,
                };
                filter.draw(surface, part, top, (*threads).min(MAX_THREADS));
            }
        }
    }
}

/// Draws each pixel `across` times in a row, and each row `down` times.
fn repeat(
    source: &Source,
    surface: &mut Surface,
    part: Rect,
    (left, top): (u32, u32),
    (across, down): (u32, u32),
) {
    let first = left / across;
    let length = (left + part.width).div_ceil(across) - first;
    // Columns of the first source pixel that lie before the part.
    let before = (left % across) as usize;
    for y in 0..part.height {
        if y > 0 && !(top + y).is_multiple_of(down) {
            surface.copy_down(part.x, part.y + y - 1, part.width);
            continue;
        }
        let row = source.span((top + y) / down, first, length);
        let target = surface.span(part.x, part.y + y, part.width);
        let head = (across as usize - before).min(target.len());
        let (head, tail) = target.split_at_mut(head);
        if let [pixel, row @ ..] = row {
            head.fill(*pixel);
            for (pixels, pixel) in tail.chunks_mut(across as usize).zip(row) {
                pixels.fill(*pixel);
            }
        }
    }
}

/// First mixes the rows that a row depends on, then the columns.
struct Filter<'a> {
    source: &'a Source<'a>,
    columns: &'a Taps,
    rows: &'a Taps,
    /// The picture's column with which the part begins.
    left: u32,
}

impl Filter<'_> {
    /// Draws a large part in bands, one for each thread. `top` is the picture's row with which the part begins.
    fn draw(&self, surface: &mut Surface, part: Rect, top: u32, threads: usize) {
        let wanted = (part.width * part.height / PIXELS_PER_THREAD).max(1) as usize;
        let rows = part.height.div_ceil(wanted.min(threads) as u32).max(1);
        let width = surface.width;
        let start = part.y as usize * width as usize;
        let end = start + part.height as usize * width as usize;
        let Some(pixels) = surface.pixels.get_mut(start..end) else {
            return;
        };
        let mut bands = pixels.chunks_mut(rows as usize * width as usize);
        let band = |pixels, index: usize| {
            let mut surface = Surface {
                height: rows,
                pixels,
                width,
            };
            self.band(&mut surface, part, top + index as u32 * rows);
        };
        let first = bands.next();
        std::thread::scope(|scope| {
            for (index, pixels) in bands.enumerate() {
                scope.spawn(move || band(pixels, index + 1));
            }
            if let Some(pixels) = first {
                band(pixels, 0);
            }
        });
    }

    /// Draws the rows of a surface that begins with the picture's row `top`.
    fn band(&self, surface: &mut Surface, part: Rect, top: u32) {
        let Some((from, length)) = self.columns.reach(self.left, part.width) else {
            return;
        };
        let columns = self.columns.range(self.left, part.width);
        // A pixel of the mixed row has sixteen bits for each of its four channels.
        let mut mixed = vec![0u64; length as usize];
        for y in 0..(surface.pixels.len() / surface.width as usize) as u32 {
            let sums: &mut [u16] = bytemuck::cast_slice_mut(&mut mixed);
            self.mix_rows(top + y, (from, length), sums);
            let target = surface.span(part.x, y, part.width);
            match columns.count {
                1 => mix_columns::<1>(&mixed, from, &columns, target),
                2 => mix_columns::<2>(&mixed, from, &columns, target),
                3 => mix_columns::<3>(&mixed, from, &columns, target),
                4 => mix_columns::<4>(&mixed, from, &columns, target),
                _ => mix_many(&mixed, from, &columns, target),
            }
        }
    }

    fn mix_rows(&self, y: u32, (from, length): (u32, u32), sums: &mut [u16]) {
        sums.fill(UNIT as u16 / 2); // rounds to the nearest
        let (first, weights) = self.rows.of(y);
        for (row, weight) in (first..).zip(weights).filter(|(_, weight)| **weight > 0) {
            add_row(sums, self.source.span(row, from, length), *weight);
        }
        for sum in sums {
            *sum >>= 8;
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

/// Each target pixel from `COUNT` pixels of the mixed row, which begins at source pixel `from`.
fn mix_columns<const COUNT: usize>(row: &[u64], from: u32, columns: &Range, target: &mut [u32]) {
    let (weights, _) = columns.weights.as_chunks::<COUNT>();
    for ((pixel, first), weights) in target.iter_mut().zip(columns.firsts).zip(weights) {
        let pixels = row.get((first - from) as usize..);
        if let Some(pixels) = pixels.and_then(<[u64]>::first_chunk::<COUNT>) {
            *pixel = mix(pixels, weights);
        }
    }
}

/// The same for any number of pixels.
fn mix_many(row: &[u64], from: u32, columns: &Range, target: &mut [u32]) {
    let weights = columns.weights.chunks_exact(columns.count);
    for ((pixel, first), weights) in target.iter_mut().zip(columns.firsts).zip(weights) {
        let start = (first - from) as usize;
        let pixels = row.get(start..start + columns.count);
        *pixel = mix(pixels.unwrap_or_default(), weights);
    }
}

/// The weighted mean of some pixels, all four channels in one multiplication.
#[inline(always)]
fn mix(pixels: &[u64], weights: &[u16]) -> u32 {
    let mut sum = 0x0080_0080_0080_0080_u64;
    for (pixel, weight) in pixels.iter().zip(weights) {
        sum = sum.wrapping_add(pixel.wrapping_mul(u64::from(*weight)));
    }
    let channels = (sum >> 8) & 0x00ff_00ff_00ff_00ff;
    let pairs = (channels | channels >> 8) & 0x0000_ffff_0000_ffff;
    (pairs | pairs >> 16) as u32
}

/// For each target pixel along one side: the first source pixel that it depends on, and as many weights for all.
struct Taps {
    count: usize,
    firsts: Vec<u32>,
    weights: Vec<u16>,
}

/// The taps of some neighbouring target pixels.
struct Range<'a> {
    count: usize,
    firsts: &'a [u32],
    weights: &'a [u16],
}

impl Taps {
    fn new(from: u32, to: u32) -> Taps {
        let shrinks = to < from;
        let count = match shrinks {
            // A target pixel that begins inside a source pixel reaches one more.
            true => from.div_ceil(to.max(1)) + 1,
            false => 2,
        };
        let mut taps = Taps {
            count: count.min(from) as usize,
            firsts: Vec::new(),
            weights: Vec::new(),
        };
        if from == 0 {
            return taps;
        }
        let mut weights = Vec::new();
        for target in 0..to {
            weights.clear();
            let (from, to) = (u64::from(from), u64::from(to));
            let first = if shrinks {
                shrink(u64::from(target), from, to, &mut weights)
            } else {
                grow(u64::from(target), from, to, &mut weights)
            };
            taps.push(first as u32, &weights, from as u32);
        }
        taps
    }

    /// Fills up with weights of nothing, before where there are no more source pixels behind.
    fn push(&mut self, first: u32, weights: &[u16], from: u32) {
        let start = first.min(from - self.count as u32);
        let before = (first - start) as usize;
        self.firsts.push(start);
        self.weights.extend(std::iter::repeat_n(0, before));
        self.weights.extend_from_slice(weights);
        self.weights.resize(self.firsts.len() * self.count, 0);
    }

    fn of(&self, target: u32) -> (u32, &[u16]) {
        let taps = self.range(target, 1);
        (taps.firsts.first().copied().unwrap_or(0), taps.weights)
    }

    fn range(&self, start: u32, length: u32) -> Range<'_> {
        let (start, end) = (start as usize, (start + length) as usize);
        let weights = start * self.count..end * self.count;
        Range {
            count: self.count,
            firsts: self.firsts.get(start..end).unwrap_or_default(),
            weights: self.weights.get(weights).unwrap_or_default(),
        }
    }

    /// The source pixels on which `length` target pixels from `start` depend.
    fn reach(&self, start: u32, length: u32) -> Option<(u32, u32)> {
        let firsts = self.range(start, length).firsts;
        let (low, high) = (*firsts.first()?, *firsts.last()?);
        Some((low, high - low + self.count as u32))
    }
}

/// The mean of the source pixels that the target pixel covers. Returns the first of them.
fn shrink(target: u64, from: u64, to: u64, weights: &mut Vec<u16>) -> u64 {
    let (low, high) = (target * from, (target + 1) * from);
    let mut given = 0;
    for pixel in low / to..=(high - 1) / to {
        // Each weight is what the rounded total grows by, so that they always sum up to one unit.
        let covered = ((pixel + 1) * to).min(high) - low;
        let total = (covered * u64::from(UNIT) + from / 2) / from;
        weights.push((total - given) as u16);
        given = total;
    }
    low / to
}

/// Between the two source pixels whose centres are nearest. Returns the first of them.
fn grow(target: u64, from: u64, to: u64, weights: &mut Vec<u16>) -> u64 {
    // Twice the target's centre, in parts of 1/`to` source pixel, less half a source pixel.
    let centre = ((2 * target + 1) * from).saturating_sub(to);
    let first = (centre / (2 * to)).min(from - 1);
    let share = ((centre % (2 * to)) * u64::from(UNIT) / (2 * to)) as u16;
    if share == 0 || first + 1 == from {
        weights.push(UNIT as u16);
    } else {
        weights.extend([UNIT as u16 - share, share]);
    }
    first
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
                prop_assert!(first as usize + weights.len() <= from as usize);
                prop_assert!(weights.iter().any(|weight| *weight > 0));
            }
        }
    }

    #[test]
    fn several_threads_draw_what_one_draws() {
        let canvas = noise(1500 * 900, 7);
        let port = rect(0, 0, 1100, 700);
        let mut wholly = vec![0; 1100 * 700];
        let mut in_strips = wholly.clone();
        drawn(&canvas, 1500, &View::default(), port, &mut wholly, port);
        for y in (0..700).step_by(35) {
            let strip = rect(0, y, 1100, 35);
            drawn(&canvas, 1500, &View::default(), port, &mut in_strips, strip);
        }
        assert!(wholly == in_strips);
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
