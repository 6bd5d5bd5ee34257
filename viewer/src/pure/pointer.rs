//! The mouse: buttons that are held, wheel turns added up, and the remote pointer's picture.

use sightline_ends::content::{Button, CursorShape, Input};

use super::area::{Rect, Surface, intersect, rect};
use super::fit::Placement;
use super::scale::{Scaler, Source};

/// Wheel units of one notch.
const NOTCH: f64 = 120.0;

/// Pixels of a touchpad that turn as far as one notch.
const PIXELS_PER_NOTCH: f64 = 40.0;

/// How far the wheel turned, as the window system says it: right and *up* are positive there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    Lines(f64, f64),
    Pixels(f64, f64),
}

/// The technician's mouse over the remote picture.
#[derive(Debug, Default)]
pub struct Mouse {
    at: Option<(i32, i32)>,
    held: Vec<Button>,
    /// Wheel units that were not enough for a whole one yet.
    rest: (f64, f64),
}

impl Mouse {
    /// The pointer is over this remote pixel; the same one twice is said once.
    pub fn moved(&mut self, to: (i32, i32)) -> Option<Input> {
        (self.at.replace(to) != Some(to)).then_some(Input::Pointer { x: to.0, y: to.1 })
    }

    /// A button went down or up. An up without its down (which was not meant for the picture) is not said.
    pub fn button(&mut self, button: Button, down: bool) -> Option<Input> {
        let place = self.held.iter().position(|held| *held == button);
        match (down, place) {
            (true, None) => self.held.push(button),
            (false, Some(index)) => {
                self.held.swap_remove(index);
            }
            _ => return None,
        }
        Some(Input::Button { button, down })
    }

    /// A drag goes on, wherever the pointer is.
    pub fn is_dragging(&self) -> bool {
        !self.held.is_empty()
    }

    pub fn wheel(&mut self, turn: Turn) -> Option<Input> {
        let (across, up) = match turn {
            Turn::Lines(across, up) => (across * NOTCH, up * NOTCH),
            Turn::Pixels(across, up) => {
                let scale = NOTCH / PIXELS_PER_NOTCH;
                (across * scale, up * scale)
            }
        };
        // The content moves right when the view moves left.
        self.rest.0 -= across;
        self.rest.1 -= up;
        let (dx, dy) = (self.rest.0.trunc(), self.rest.1.trunc());
        self.rest = (self.rest.0 - dx, self.rest.1 - dy);
        (dx != 0.0 || dy != 0.0).then_some(Input::Wheel {
            dx: dx as i32,
            dy: dy as i32,
        })
    }

    /// The remote pointer is no longer where the technician put it.
    pub fn was_moved_away(&mut self) {
        self.at = None;
    }

    pub fn forget(&mut self) {
        *self = Mouse::default();
    }
}

/// The remote pointer's picture at the size of the picture in the window.
pub struct Drawn {
    shape: Vec<u32>,
    size: (u32, u32),
    hot: (f64, f64),
}

impl Drawn {
    pub fn new(shape: &CursorShape, factor: (f64, f64)) -> Drawn {
        let from = (u32::from(shape.width), u32::from(shape.height));
        let scaled =
            |length: u32, factor: f64| ((f64::from(length) * factor).round() as u32).max(1);
        let size = (scaled(from.0, factor.0), scaled(from.1, factor.1));
        let mut pixels = vec![0; size.0 as usize * size.1 as usize];
        let whole = rect(0, 0, size.0, size.1);
        let source = Source {
            pixels: &shape.pixels,
            width: from.0,
            shown: rect(0, 0, from.0, from.1),
        };
        let mut surface = Surface {
            pixels: &mut pixels,
            width: size.0,
            height: size.1,
        };
        Scaler::new(from, size).draw(&source, &mut surface, whole, whole);
        let hot = (f64::from(shape.hot_x) + 0.5, f64::from(shape.hot_y) + 0.5);
        Drawn {
            shape: pixels,
            size,
            hot: (hot.0 * factor.0, hot.1 * factor.1),
        }
    }

    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Premultiplied 0xAARRGGBB, row by row.
    pub fn pixels(&self) -> &[u32] {
        &self.shape
    }

    /// The top left corner in the window when it points at this remote pixel.
    fn corner(&self, placement: &Placement, at: (i32, i32)) -> (i64, i64) {
        let (x, y) = placement.to_window(at.0, at.1);
        (
            (x - self.hot.0).round() as i64,
            (y - self.hot.1).round() as i64,
        )
    }

    /// The window pixels that it covers, inside the picture.
    pub fn place(&self, placement: &Placement, at: (i32, i32)) -> Option<Rect> {
        let (x, y) = self.corner(placement, at);
        let (right, bottom) = (x + i64::from(self.size.0), y + i64::from(self.size.1));
        if right <= 0 || bottom <= 0 {
            return None;
        }
        let (left, top) = (x.max(0), y.max(0));
        let seen = rect(
            u32::try_from(left).ok()?,
            u32::try_from(top).ok()?,
            (right - left) as u32,
            (bottom - top) as u32,
        );
        intersect(seen, placement.placed)
    }

    /// Lays its pixels in `part` over the surface.
    pub fn draw(&self, surface: &mut Surface, placement: &Placement, at: (i32, i32), part: Rect) {
        let Some(part) = self
            .place(placement, at)
            .and_then(|seen| intersect(seen, part))
        else {
            return;
        };
        let (x, y) = self.corner(placement, at);
        let column = (i64::from(part.x) - x) as usize;
        for row in part.y..part.y + part.height {
            let start = (i64::from(row) - y) as usize * self.size.0 as usize + column;
            let shape = self.shape.get(start..start + part.width as usize);
            let pixels = surface.span(part.x, row, part.width);
            for (pixel, over) in pixels.iter_mut().zip(shape.unwrap_or_default()) {
                *pixel = laid_over(*pixel, *over);
            }
        }
    }
}

/// A premultiplied 0xAARRGGBB over a pixel.
fn laid_over(under: u32, over: u32) -> u32 {
    const EVEN: u32 = 0x00ff_00ff;
    let through = 255 - (over >> 24);
    let divided = |value: u32| ((value + ((value >> 8) & EVEN)) >> 8) & EVEN;
    let even = divided((under & EVEN) * through + 0x0080_0080);
    let odd = divided(((under >> 8) & 0xff) * through + 0x80);
    let [_, red, green, blue] = over.to_be_bytes();
    let add = |below: u32, above: u8| (below as u8).saturating_add(above);
    u32::from_be_bytes([0, add(even >> 16, red), add(odd, green), add(even, blue)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::fit::View;

    #[test]
    fn a_wheel_counts_in_notches_down_and_right() {
        let mut mouse = Mouse::default();
        assert_eq!(
            mouse.wheel(Turn::Lines(0.0, 1.0)),
            Some(Input::Wheel { dx: 0, dy: -120 })
        );
        assert_eq!(
            mouse.wheel(Turn::Lines(-2.0, 0.0)),
            Some(Input::Wheel { dx: 240, dy: 0 })
        );
        let turned: i32 = (0..400)
            .filter_map(|_| match mouse.wheel(Turn::Pixels(0.0, -0.1)) {
                Some(Input::Wheel { dy, .. }) => Some(dy),
                _ => None,
            })
            .sum();
        assert!((119..=120).contains(&turned), "{turned}");
    }

    #[test]
    fn only_what_went_down_goes_up() {
        let mut mouse = Mouse::default();
        assert_eq!(mouse.button(Button::Left, false), None);
        assert!(mouse.button(Button::Left, true).is_some());
        assert!(mouse.is_dragging());
        assert_eq!(mouse.button(Button::Left, true), None);
        assert!(mouse.button(Button::Left, false).is_some());
        assert!(!mouse.is_dragging());
        assert!(mouse.moved((1, 2)).is_some());
        assert!(mouse.moved((1, 2)).is_none());
    }

    #[test]
    fn the_pointer_points_at_its_pixel() {
        let shape = CursorShape {
            width: 3,
            height: 3,
            hot_x: 1,
            hot_y: 1,
            pixels: vec![0xff00_ff00; 9],
        };
        let placement = View::default().place((40, 30), &[], rect(0, 0, 80, 60));
        let drawn = Drawn::new(&shape, placement.factor());
        assert_eq!(drawn.place(&placement, (10, 10)), Some(rect(18, 18, 6, 6)));
        assert_eq!(drawn.place(&placement, (0, 0)), Some(rect(0, 0, 4, 4)));
        assert_eq!(drawn.place(&placement, (-50, 0)), None);
        let mut pixels = vec![0x0012_3456; 80 * 60];
        let mut surface = Surface {
            pixels: &mut pixels,
            width: 80,
            height: 60,
        };
        drawn.draw(&mut surface, &placement, (10, 10), rect(0, 0, 20, 60));
        assert_eq!(pixels[18 * 80 + 18], 0x0000_ff00);
        assert_eq!(pixels[18 * 80 + 20], 0x0012_3456, "outside the part");
    }

    #[test]
    fn transparency_is_exact_at_its_ends() {
        for under in [0, 0x00ff_ffff, 0x0012_80fe] {
            assert_eq!(laid_over(under, 0), under);
            assert_eq!(laid_over(under, 0xff01_0203), 0x0001_0203);
        }
        assert_eq!(laid_over(0x00ff_ffff, 0x8000_0000), 0x007f_7f7f);
    }
}
