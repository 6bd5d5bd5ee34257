//! One picture of the window out of its layers: background, remote picture, remote pointer, strips.

use sightline_picture::Canvas;

use super::area::{Rect, Surface, intersect};
use super::fit::Placement;
use super::pointer::Drawn;
use super::rings::{Circle, mixed};
use super::scale::{Scaler, Source};

/// Behind and beside the picture.
pub const BACKGROUND: u32 = 0x0010_1215;

/// Pixels of its own that lie over the picture.
pub struct Overlay<'a> {
    pub place: Rect,
    pub pixels: &'a [u32],
    /// 255 = covers what is under it.
    pub opacity: u8,
    /// Black pixels are not there: the panel has a shape of its own.
    pub shaped: bool,
}

/// Everything there is to see.
pub struct Layers<'a> {
    pub canvas: &'a Canvas,
    pub placement: Placement,
    pub scaler: &'a Scaler,
    /// The remote pointer and the remote pixel at which it points.
    pub pointer: Option<(&'a Drawn, (i32, i32))>,
    /// Clicks, over the picture and under the overlays.
    pub circles: &'a [Circle],
    pub overlays: &'a [Overlay<'a>],
}

impl Layers<'_> {
    /// Draws the pixels of `part`.
    pub fn draw(&self, surface: &mut Surface, part: Rect) {
        let picture = intersect(part, self.placement.placed).filter(|_| !self.placement.is_empty());
        if picture != Some(part) {
            surface.fill(part, BACKGROUND);
        }
        if let Some(seen) = picture {
            let source = Source {
                pixels: self.canvas.pixels(),
                width: self.canvas.width(),
                shown: self.placement.shown,
            };
            self.scaler
                .draw(&source, surface, self.placement.placed, seen);
            if let Some((drawn, at)) = self.pointer {
                drawn.draw(surface, &self.placement, at, seen);
            }
            for circle in self.circles {
                circle.draw(surface, seen);
            }
        }
        for overlay in self.overlays {
            overlay.draw(surface, part);
        }
    }
}

impl Overlay<'_> {
    fn draw(&self, surface: &mut Surface, part: Rect) {
        let Some(part) = intersect(part, self.place) else {
            return;
        };
        for y in part.y..part.y + part.height {
            let start = (y - self.place.y) as usize * self.place.width as usize;
            let start = start + (part.x - self.place.x) as usize;
            let row = self.pixels.get(start..start + part.width as usize);
            let target = surface.span(part.x, y, part.width);
            let Some(row) = row.filter(|row| row.len() == target.len()) else {
                continue;
            };
            if self.opacity == 255 && !self.shaped {
                target.copy_from_slice(row);
                continue;
            }
            let share = f64::from(self.opacity) / 255.0;
            for (under, over) in target.iter_mut().zip(row) {
                if *over != 0 || !self.shaped {
                    *under = mixed(*under, *over, share);
                }
            }
        }
    }
}

/// A copy of pixels with three quarters of their light gone: what has ended stays readable behind the sentence that says so.
pub fn dim(pixels: &mut [u32]) {
    for pixel in pixels {
        *pixel = (*pixel >> 2) & 0x003f_3f3f;
    }
}
