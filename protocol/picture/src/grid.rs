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
