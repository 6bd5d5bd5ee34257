//! Which tiles of the screen changed, and the fewest rectangles that cover them.

use sightline_ends::content::Area;

/// Edge of a tile in pixels: the encoder's own tile, so that no tile is half fresh.
const TILE: u32 = 64;

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

    /// Hands over disjoint rectangles that cover exactly the marked tiles, and forgets the marks.
    pub fn take(&mut self) -> Vec<Area> {
        let mut done = Vec::new();
        if !self.any {
            return done;
        }
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
        done.sort_unstable_by_key(|a| (a.y, a.x));
        self.bits.fill(0);
        self.any = false;
        done
    }

    /// Runs of marked tiles in a row, as left edge and width in pixels.
    fn runs(&self, row: u32) -> Vec<(u32, u32)> {
        let words = &self.bits[row as usize * self.stride..][..self.stride];
        let mut runs = Vec::new();
        if words.iter().all(|w| *w == 0) {
            return runs;
        }
        let marked = |column: u32| words[column as usize / 64] & (1 << (column % 64)) != 0;
        let mut start = None;
        for column in 0..=self.columns {
            let on = column < self.columns && marked(column);
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
        assert_eq!(again.bits, before);
        let merged: u32 = again.take().iter().map(|a| a.width * a.height).sum();
        assert_eq!(merged, pixels, "no overlap");
    }
}
