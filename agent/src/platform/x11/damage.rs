//! Which tiles of the screen changed, and the fewest rectangles that cover them.

use sightline_ends::content::Area;

/// Edge of a tile in pixels: the encoder's own tile, so that no tile is half fresh.
const TILE: u32 = 64;

/// Rectangles become one when so much of what is around them is marked: reading an eighth more costs little, while what
/// moves from one rectangle to the other can only be seen in both at once (a page that scrolls beneath a small window).
const MOSTLY: (usize, usize) = (7, 8);

/// Of more rectangles than that none are joined: they are scattered.
const JOINED: usize = 16;

/// One bit per tile.
#[derive(Debug)]
pub struct Tiles {
    width: u32,
    height: u32,
    columns: u32,
    /// Words per row of tiles.
    stride: usize,
    bits: Vec<u64>,
    any: bool,
}

impl Tiles {
    /// A screen of that many pixels, nothing marked.
    pub fn new(width: u32, height: u32) -> Tiles {
        let columns = width.div_ceil(TILE);
        let stride = columns.div_ceil(64) as usize;
        let rows = height.div_ceil(TILE) as usize;
        Tiles {
            width,
            height,
            columns,
            stride,
            bits: vec![0; stride * rows],
            any: false,
        }
    }

    /// Marks every tile that the rectangle touches; what lies outside the screen is cut off.
    pub fn mark(&mut self, x: i32, y: i32, width: u32, height: u32) {
        let (left, right) = span(x, width, self.width);
        let (top, bottom) = span(y, height, self.height);
        if left >= right || top >= bottom {
            return;
        }
        let (first, last) = (left / TILE, (right - 1) / TILE);
        for row in top / TILE..=(bottom - 1) / TILE {
            let row = row as usize * self.stride;
            for column in first..=last {
                self.bits[row + column as usize / 64] |= 1 << (column % 64);
            }
        }
        self.any = true;
    }

    pub fn mark_all(&mut self) {
        self.mark(0, 0, self.width, self.height);
    }

    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// Hands over disjoint rectangles that cover the marked tiles and few others, and forgets the marks.
    pub fn take(&mut self) -> Vec<Area> {
        if !self.any {
            return Vec::new();
        }
        let mut areas = self.areas();
        if areas.len() <= JOINED {
            while self.join(&mut areas) {}
        }
        areas.sort_unstable_by_key(|a| (a.y, a.x));
        self.bits.fill(0);
        self.any = false;
        areas
    }

    /// Makes one of some of the areas, if there are such.
    fn join(&self, areas: &mut Vec<Area>) -> bool {
        for (i, a) in areas.iter().enumerate() {
            for b in &areas[i + 1..] {
                let mut joined = around(a, b);
                // What it touches comes along, or it would be read twice.
                while let Some(c) = areas.iter().find(|c| meets(c, &joined, true)) {
                    joined = around(&joined, c);
                }
                if self.is_mostly_marked(&joined) {
                    areas.retain(|c| !meets(c, &joined, false));
                    areas.push(joined);
                    return true;
                }
            }
        }
        false
    }

    fn is_mostly_marked(&self, area: &Area) -> bool {
        let columns = area.x / TILE..(area.x + area.width).div_ceil(TILE);
        let rows = area.y / TILE..(area.y + area.height).div_ceil(TILE);
        let all = columns.len() * rows.len();
        let marked: usize = rows
            .map(|row| columns.clone().filter(|&c| self.is_marked(c, row)).count())
            .sum();
        marked * MOSTLY.1 >= all * MOSTLY.0
    }

    fn is_marked(&self, column: u32, row: u32) -> bool {
        let word = self.bits[row as usize * self.stride + column as usize / 64];
        word & (1 << (column % 64)) != 0
    }

    /// Disjoint rectangles that cover exactly the marked tiles.
    fn areas(&self) -> Vec<Area> {
        let mut done = Vec::new();
        // Rectangles that reach down to the row above; equal runs below each other are one rectangle.
        let mut open: Vec<Area> = Vec::new();
        for row in 0..self.height.div_ceil(TILE) {
            let y = row * TILE;
            let height = TILE.min(self.height - y);
            let mut still_open = Vec::new();
            for (x, width) in self.runs(row) {
                let above = open.iter().position(|a| a.x == x && a.width == width);
                let mut area = match above {
                    Some(index) => open.swap_remove(index),
                    None => Area {
                        x,
                        y,
                        width,
                        height: 0,
                    },
                };
                area.height += height;
                still_open.push(area);
            }
            done.append(&mut open);
            open = still_open;
        }
        done.append(&mut open);
        done
    }

    /// Runs of marked tiles in a row, as left edge and width in pixels.
    fn runs(&self, row: u32) -> Vec<(u32, u32)> {
        let words = &self.bits[row as usize * self.stride..][..self.stride];
        let mut runs = Vec::new();
        if words.iter().all(|w| *w == 0) {
            return runs;
        }
        let mut start = None;
        for column in 0..=self.columns {
            let on = column < self.columns && self.is_marked(column, row);
            match (on, start) {
                (true, None) => start = Some(column),
                (false, Some(first)) => {
                    let x = first * TILE;
                    runs.push((x, (column * TILE).min(self.width) - x));
                    start = None;
                }
                _ => {}
            }
        }
        runs
    }
}

/// The smallest rectangle around both.
fn around(a: &Area, b: &Area) -> Area {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Area {
        x,
        y,
        width: (a.x + a.width).max(b.x + b.width) - x,
        height: (a.y + a.height).max(b.y + b.height) - y,
    }
}

/// Whether they share pixels; if `partly`, only when `a` also lies outside `b`.
fn meets(a: &Area, b: &Area, partly: bool) -> bool {
    let beside = a.x >= b.x + b.width
        || b.x >= a.x + a.width
        || a.y >= b.y + b.height
        || b.y >= a.y + a.height;
    !(beside || partly && around(a, b) == *b)
}

/// `start..start + length` cut to `0..limit`.
fn span(start: i32, length: u32, limit: u32) -> (u32, u32) {
    let end = i64::from(start) + i64::from(length);
    let cut = |v: i64| v.clamp(0, i64::from(limit)) as u32;
    (cut(start.into()), cut(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x: u32, y: u32, width: u32, height: u32) -> Area {
        Area {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn marks_become_whole_tiles_cut_at_the_edge() {
        let mut tiles = Tiles::new(200, 100);
        tiles.mark(70, 10, 1, 1);
        tiles.mark(199, 99, 50, 50);
        tiles.mark(-20, -20, 20, 20); // touches nothing
        assert_eq!(tiles.take(), [area(64, 0, 64, 64), area(192, 64, 8, 36)]);
        assert!(tiles.is_empty() && tiles.take().is_empty());
    }

    #[test]
    fn equal_runs_below_each_other_merge() {
        let mut tiles = Tiles::new(5000, 640);
        tiles.mark(100, 0, 4500, 300);
        assert_eq!(tiles.take(), [area(64, 0, 4544, 320)]);
        tiles.mark_all();
        assert_eq!(tiles.take(), [area(0, 0, 5000, 640)]);
    }

    #[test]
    fn every_marked_tile_is_covered_once() {
        let mut tiles = Tiles::new(1000, 700);
        let mut seed = 7u32;
        for _ in 0..40 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            tiles.mark((seed >> 8 & 1023) as i32, (seed >> 18 & 1023) as i32, 70, 5);
        }
        let before = tiles.bits.clone();
        let areas = tiles.take();
        let mut again = Tiles::new(1000, 700);
        let mut pixels = 0;
        for a in &areas {
            again.mark(a.x as i32, a.y as i32, a.width, a.height);
            pixels += a.width * a.height;
        }
        assert!(before.iter().zip(&again.bits).all(|(b, a)| b & !a == 0));
        let merged: u32 = again.areas().iter().map(|a| a.width * a.height).sum();
        assert_eq!(merged, pixels, "no overlap");
    }

    #[test]
    fn a_page_beneath_a_small_window_is_one_rectangle() {
        let mut tiles = Tiles::new(1920, 1080);
        tiles.mark(0, 30, 704, 40);
        tiles.mark(1216, 30, 704, 40);
        tiles.mark(0, 70, 1920, 1010);
        assert_eq!(tiles.take(), [area(0, 0, 1920, 1080)]);
        // Two that lie far apart are two.
        tiles.mark(0, 0, 640, 640);
        tiles.mark(1000, 700, 300, 300);
        assert_eq!(tiles.take().len(), 2);
    }

    #[test]
    fn few_pixels_are_read_that_are_not_marked() {
        let mut seed = 3u32;
        for round in 0..200 {
            let mut tiles = Tiles::new(1920, 1080);
            for _ in 0..2 + round % 7 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (x, y) = (seed >> 8 & 1023, seed >> 18 & 1023);
                tiles.mark(x as i32, y as i32, 40 + (seed >> 4) % 900, 300);
            }
            let marked: u32 = tiles.bits.iter().map(|word| word.count_ones()).sum();
            let areas = tiles.take();
            let read: u32 = areas
                .iter()
                .map(|a| a.width.div_ceil(TILE) * a.height.div_ceil(TILE))
                .sum();
            assert!(7 * read <= 8 * marked, "{read} for {marked}");
            for (i, a) in areas.iter().enumerate() {
                assert!(!areas[i + 1..].iter().any(|b| meets(a, b, false)));
            }
        }
    }
}
