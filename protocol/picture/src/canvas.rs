//! The screen as pixels, and rectangles on it.

use crate::{MAX_AREA, MAX_SIDE, PictureError};

/// A rectangle in pixels, from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Rect {
    pub(crate) fn right(&self) -> u64 {
        u64::from(self.x) + u64::from(self.width)
    }

    pub(crate) fn bottom(&self) -> u64 {
        u64::from(self.y) + u64::from(self.height)
    }

    pub(crate) fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The part that lies in both.
    pub(crate) fn meet(&self, other: &Rect) -> Option<Rect> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let right = self.right().min(other.right());
        let bottom = self.bottom().min(other.bottom());
        let width = right.checked_sub(x.into()).filter(|width| *width > 0)?;
        let height = bottom.checked_sub(y.into()).filter(|height| *height > 0)?;
        Some(Rect {
            x,
            y,
            width: width as u32,
            height: height as u32,
        })
    }

    pub(crate) fn contains(&self, other: &Rect) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.right() >= other.right()
            && self.bottom() >= other.bottom()
    }

    /// The smallest rectangle around both.
    pub(crate) fn around(&self, other: &Rect) -> Rect {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Rect {
            x,
            y,
            width: self.right().max(other.right()) as u32 - x,
            height: self.bottom().max(other.bottom()) as u32 - y,
        }
    }

    pub(crate) fn intersects(&self, other: &Rect) -> bool {
        u64::from(self.x) < other.right()
            && u64::from(other.x) < self.right()
            && u64::from(self.y) < other.bottom()
            && u64::from(other.y) < self.bottom()
    }
}

/// A screen: `width` × `height` pixels of 0x00RRGGBB, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u32>,
}

impl Canvas {
    /// A black screen.
    pub(crate) fn new(width: u32, height: u32) -> Result<Canvas, PictureError> {
        check_size(width, height)?;
        let pixels = vec![0; width as usize * height as usize];
        Ok(Canvas {
            width,
            height,
            pixels,
        })
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// One row; empty below the last one.
    pub fn row(&self, y: u32) -> &[u32] {
        if y >= self.height {
            return &[];
        }
        let width = self.width as usize;
        &self.pixels[y as usize * width..][..width]
    }

    /// All of it.
    pub(crate) fn rect(&self) -> Rect {
        Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// The one colour of a rectangle inside the screen, if it has but one.
    pub(crate) fn solid(&self, rect: &Rect) -> Option<u32> {
        let first = self.span(rect.x, rect.y, 1)[0];
        let even = |y: u32| {
            let row = self.span(rect.x, y, rect.width);
            row.iter().fold(0, |bits, pixel| bits | (pixel ^ first)) == 0
        };
        (rect.y..rect.y + rect.height).all(even).then_some(first)
    }

    /// `width` pixels of row `y` from `x`. The caller keeps inside the screen.
    pub(crate) fn span(&self, x: u32, y: u32, width: u32) -> &[u32] {
        &self.pixels[self.at(x, y)..][..width as usize]
    }

    /// As [`Canvas::span`], to write.
    pub(crate) fn span_mut(&mut self, x: u32, y: u32, width: u32) -> &mut [u32] {
        let at = self.at(x, y);
        &mut self.pixels[at..][..width as usize]
    }

    /// `width` pixels at each of two places in different rows: one to read, one to write.
    pub(crate) fn two_spans(
        &mut self,
        read: (u32, u32),
        write: (u32, u32),
        width: u32,
    ) -> (&[u32], &mut [u32]) {
        let width = width as usize;
        let (read, write) = (self.at(read.0, read.1), self.at(write.0, write.1));
        if read < write {
            let (above, below) = self.pixels.split_at_mut(write);
            (&above[read..][..width], &mut below[..width])
        } else {
            let (above, below) = self.pixels.split_at_mut(read);
            (&below[..width], &mut above[write..][..width])
        }
    }

    fn at(&self, x: u32, y: u32) -> usize {
        y as usize * self.width as usize + x as usize
    }

    pub(crate) fn holds(&self, rect: &Rect) -> bool {
        rect.right() <= u64::from(self.width) && rect.bottom() <= u64::from(self.height)
    }

    /// Moves the pixels of `from` to the place of the same size at `x`, `y`, as if through a second buffer. Both lie inside.
    pub(crate) fn copy(&mut self, from: Rect, x: u32, y: u32) {
        let upwards = y <= from.y;
        for i in 0..from.height {
            let row = if upwards { i } else { from.height - 1 - i };
            let source = self.at(from.x, from.y + row);
            let target = self.at(x, y + row);
            self.pixels
                .copy_within(source..source + from.width as usize, target);
        }
    }
}

fn check_size(width: u32, height: u32) -> Result<(), PictureError> {
    let side = 1..=MAX_SIDE;
    if side.contains(&width) && side.contains(&height) && width * height <= MAX_AREA {
        return Ok(());
    }
    Err(PictureError::Size { width, height })
}
