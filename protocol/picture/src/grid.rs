//! The tiles of a screen, and what changed in each.

use crate::{Rect, TILE};

/// How a screen falls into tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    width: u32,
    height: u32,
}

impl Grid {
    pub(crate) fn new(width: u32, height: u32) -> Grid {
        Grid { width, height }
    }

    pub(crate) fn columns(&self) -> u32 {
        self.width.div_ceil(TILE)
    }

    pub(crate) fn count(&self) -> u32 {
        self.columns() * self.height.div_ceil(TILE)
    }

    /// The tiles that a rectangle on the screen touches, row by row.
    pub(crate) fn touched(&self, rect: &Rect) -> impl Iterator<Item = u32> + use<> {
        let (columns, rows) = (tiles_of(rect.x, rect.width), tiles_of(rect.y, rect.height));
        let wide = self.columns();
        (rows.0..rows.1)
            .flat_map(move |row| (columns.0..columns.1).map(move |column| row * wide + column))
    }

    /// The tiles at the sides of tile `index`.
    pub(crate) fn neighbours(&self, index: u32) -> impl Iterator<Item = u32> + use<> {
        let (wide, count) = (self.columns(), self.count());
        let column = index % wide;
        let beside = [
            (column > 0).then(|| index - 1),
            (column + 1 < wide).then(|| index + 1),
            index.checked_sub(wide),
            Some(index + wide).filter(|&below| below < count),
        ];
        beside.into_iter().flatten()
    }

    /// The pixels of tile `index`, which must exist.
    pub(crate) fn tile(&self, index: u32) -> Rect {
        let x = index % self.columns() * TILE;
        let y = index / self.columns() * TILE;
        Rect {
            x,
            y,
            width: TILE.min(self.width - x),
            height: TILE.min(self.height - y),
        }
    }
}

/// The rows or columns of tiles, first and behind the last, that a stretch of pixels touches.
pub(crate) fn tiles_of(start: u32, length: u32) -> (u32, u32) {
    (start / TILE, (start + length).div_ceil(TILE))
}

/// A part of each tile: what changed, or what is only roughly known.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    tiles: Vec<Dirt>,
    /// How many tiles have a part.
    count: usize,
}

impl Parts {
    pub(crate) fn new(grid: &Grid) -> Parts {
        Parts {
            tiles: vec![Dirt::default(); grid.count() as usize],
            count: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn of(&self, tile: u32) -> Dirt {
        self.tiles[tile as usize]
    }

    pub(crate) fn clear(&mut self) {
        if self.count > 0 {
            self.tiles.fill(Dirt::default());
            self.count = 0;
        }
    }

    /// Lets `change` add to a tile's part.
    pub(crate) fn change(&mut self, tile: u32, change: impl FnOnce(&mut Dirt)) {
        let part = &mut self.tiles[tile as usize];
        let before = part.is_empty();
        change(part);
        self.count += usize::from(before && !part.is_empty());
    }

    /// Adds a rectangle of the screen inside the tile at `corner`.
    pub(crate) fn add(&mut self, tile: u32, corner: &Rect, rect: &Rect) {
        self.change(tile, |part| part.add_rect(corner, rect));
    }

    pub(crate) fn join(&mut self, tile: u32, other: &Dirt) {
        self.change(tile, |part| part.join(other));
    }

    pub(crate) fn take(&mut self, tile: u32) -> Dirt {
        let part = std::mem::take(&mut self.tiles[tile as usize]);
        self.count -= usize::from(!part.is_empty());
        part
    }

    /// Forgets a tile's part when `rect` of the screen covers it.
    pub(crate) fn remove(&mut self, tile: u32, corner: &Rect, rect: &Rect) {
        let part = self.of(tile);
        if part.is_empty() || rect.contains(&part.on(corner)) {
            self.take(tile);
        }
    }

    /// Moves the parts along with the pixels of `from`, which now are at `to` of the same size as well.
    pub(crate) fn copy(&mut self, grid: &Grid, from: &Rect, to: &Rect) {
        if self.is_empty() {
            return;
        }
        let brought: Vec<Rect> = grid
            .touched(from)
            .filter_map(|tile| {
                let part = self.of(tile);
                let part = (!part.is_empty()).then(|| part.on(&grid.tile(tile)));
                part?.meet(from)
            })
            .collect();
        for tile in grid.touched(to) {
            if to.contains(&grid.tile(tile)) {
                self.take(tile);
            }
        }
        for part in brought {
            let moved = Rect {
                x: part.x - from.x + to.x,
                y: part.y - from.y + to.y,
                ..part
            };
            for tile in grid.touched(&moved) {
                let corner = grid.tile(tile);
                if let Some(rect) = moved.meet(&corner) {
                    self.add(tile, &corner, &rect);
                }
            }
        }
    }
}

/// The smallest rectangle around the changed pixels of one tile, in pixels from the tile's corner; the ends are exclusive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dirt {
    left: u8,
    top: u8,
    right: u8,
    bottom: u8,
}

impl Dirt {
    pub(crate) fn is_empty(&self) -> bool {
        self.right == 0
    }

    /// Adds the pixels `left..right` of row `y`. All fit: a tile has 64.
    pub(crate) fn add(&mut self, y: u32, left: usize, right: usize) {
        let (left, right, y) = (left as u8, right as u8, y as u8);
        if self.is_empty() {
            *self = Dirt {
                left,
                top: y,
                right,
                bottom: y + 1,
            };
            return;
        }
        self.left = self.left.min(left);
        self.right = self.right.max(right);
        self.top = self.top.min(y);
        self.bottom = self.bottom.max(y + 1);
    }

    /// Left and right, if there is any.
    pub(crate) fn sides(&self) -> Option<(usize, usize)> {
        (!self.is_empty()).then_some((self.left.into(), self.right.into()))
    }

    /// Adds a rectangle of the screen that lies in the tile whose corner is at `tile`.
    pub(crate) fn add_rect(&mut self, tile: &Rect, rect: &Rect) {
        let (left, top) = (rect.x - tile.x, rect.y - tile.y);
        let right = (left + rect.width) as usize;
        self.add(top, left as usize, right);
        self.add(top + rect.height - 1, left as usize, right);
    }

    /// Adds all of `other`.
    pub(crate) fn join(&mut self, other: &Dirt) {
        if other.is_empty() {
            return;
        }
        let (left, right) = (usize::from(other.left), usize::from(other.right));
        self.add(other.top.into(), left, right);
        self.add(u32::from(other.bottom) - 1, left, right);
    }

    /// In pixels.
    pub(crate) fn area(&self) -> u32 {
        u32::from(self.right - self.left) * u32::from(self.bottom - self.top)
    }

    /// On the screen, for a tile whose corner is at `tile`.
    pub(crate) fn on(&self, tile: &Rect) -> Rect {
        Rect {
            x: tile.x + u32::from(self.left),
            y: tile.y + u32::from(self.top),
            width: u32::from(self.right - self.left),
            height: u32::from(self.bottom - self.top),
        }
    }
}
