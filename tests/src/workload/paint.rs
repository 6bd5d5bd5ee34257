//! Pixels made in memory.

use crate::display::Image;

impl Image {
    pub fn plain(width: u32, height: u32, colour: u32) -> Image {
        Image {
            width,
            height,
            pixels: vec![colour; (width * height) as usize],
        }
    }

    /// Fills a rectangle, as far as it lies in the picture.
    pub fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, colour: u32) {
        let (left, right) = (x.min(self.width), (x + width).min(self.width));
        for row in y..(y + height).min(self.height) {
            let start = row * self.width;
            self.pixels[(start + left) as usize..(start + right) as usize].fill(colour);
        }
    }

    /// A rectangle's border of one pixel, inside it.
    pub fn frame(&mut self, x: u32, y: u32, width: u32, height: u32, colour: u32) {
        self.fill(x, y, width, 1, colour);
        self.fill(x, y + height - 1, width, 1, colour);
        self.fill(x, y, 1, height, colour);
        self.fill(x + width - 1, y, 1, height, colour);
    }

    /// Lays another picture upon this one, as far as it lies in it.
    pub fn lay(&mut self, x: u32, y: u32, other: &Image) {
        let width = other.width.min(self.width.saturating_sub(x));
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let from = (row * other.width) as usize;
            let to = ((y + row) * self.width + x) as usize;
            let width = width as usize;
            self.pixels[to..to + width].copy_from_slice(&other.pixels[from..from + width]);
        }
    }
}

/// `part` of 255 of `over`, the rest of `under`.
pub fn mix(under: u32, over: u32, part: u32) -> u32 {
    [16, 8, 0].into_iter().fold(0, |colour, shift| {
        let (from, to) = (under >> shift & 0xff, over >> shift & 0xff);
        colour | ((from * (255 - part) + to * part + 127) / 255) << shift
    })
}
