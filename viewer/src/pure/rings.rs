//! Circles over the picture: clicks, seen on any ground.

use super::area::{Rect, Surface, intersect, rect};

/// Width of the line in pixels, half of it to either side.
const LINE: f64 = 3.0;
/// How much of the colour fills the inside.
const FILL: f64 = 0.18;

/// One circle in window pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    pub x: f64,
    pub y: f64,
    pub radius: f64,
    /// 0x00RRGGBB.
    pub colour: u32,
    /// 0 = not there, 1 = opaque.
    pub strength: f64,
}

impl Circle {
    /// The window pixels that it may touch.
    pub fn place(&self) -> Option<Rect> {
        let reach = self.radius + LINE;
        let (left, top) = (
            (self.x - reach).floor().max(0.0),
            (self.y - reach).floor().max(0.0),
        );
        let (right, bottom) = ((self.x + reach).ceil(), (self.y + reach).ceil());
        if right <= left || bottom <= top || right > 65_536.0 || bottom > 65_536.0 {
            return None;
        }
        Some(rect(
            left as u32,
            top as u32,
            (right - left) as u32,
            (bottom - top) as u32,
        ))
    }

    /// Draws what of it lies in `part`.
    pub fn draw(&self, surface: &mut Surface, part: Rect) {
        let Some(part) = self.place().and_then(|place| intersect(place, part)) else {
            return;
        };
        for y in part.y..part.y + part.height {
            let row = surface.span(part.x, y, part.width);
            for (x, pixel) in (part.x..).zip(row) {
                let (dx, dy) = (f64::from(x) + 0.5 - self.x, f64::from(y) + 0.5 - self.y);
                let from_line = dx.hypot(dy) - self.radius;
                let line = (LINE / 2.0 + 0.5 - from_line.abs()).clamp(0.0, 1.0);
                let inside = (0.5 - from_line).clamp(0.0, 1.0) * FILL;
                *pixel = mixed(*pixel, self.colour, line.max(inside) * self.strength);
            }
        }
    }
}

/// `share` of `over` on `under`.
pub fn mixed(under: u32, over: u32, share: f64) -> u32 {
    let share = (share.clamp(0.0, 1.0) * 256.0) as u32;
    let channel = |shift: u32| {
        let (low, high) = ((under >> shift) & 0xff, (over >> shift) & 0xff);
        ((low * (256 - share) + high * share) >> 8) << shift
    };
    channel(16) | channel(8) | channel(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_round_and_stays_in_its_place() {
        let circle = Circle {
            x: 20.0,
            y: 20.0,
            radius: 10.0,
            colour: 0x00ff_0000,
            strength: 1.0,
        };
        let mut pixels = vec![0; 40 * 40];
        let mut surface = Surface {
            pixels: &mut pixels,
            width: 40,
            height: 40,
        };
        let all = surface.all();
        circle.draw(&mut surface, all);
        let at = |x: usize, y: usize| pixels[y * 40 + x] >> 16;
        assert!(at(30, 20) > 200 && at(20, 10) > 200 && at(27, 27) > 150);
        assert!(at(20, 20) > 20 && at(20, 20) < 80, "its inside is tinted");
        let place = circle.place().expect("on the window");
        for (index, pixel) in pixels.iter().enumerate() {
            let inside = intersect(place, rect(index as u32 % 40, index as u32 / 40, 1, 1));
            assert!(inside.is_some() || *pixel == 0);
        }
    }

    #[test]
    fn mixing_is_exact_at_its_ends() {
        assert_eq!(mixed(0x0012_3456, 0x00ff_ffff, 0.0), 0x0012_3456);
        assert_eq!(mixed(0x0012_3456, 0x00fe_dcba, 1.0), 0x00fe_dcba);
    }
}
