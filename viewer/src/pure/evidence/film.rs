//! Film frames out of the screen: fixed size, letterboxed, the pointer drawn in, as planes of brightness and colour (I420,
//! BT.709, limited range). Only what changed is computed.

use sightline_ends::content::CursorShape;
use sightline_picture::Canvas;

use super::colour::{blend, chroma, luma, mean};
use crate::pure::area::{Rect, around, intersect, is_empty, rect};
use crate::pure::stage::{Changes, Stage};

/// Largest film that the coder takes, in pixels: long side, short side.
const LARGEST: (u32, u32) = (3840, 2160);

/// The film's size for screens of up to this size, and how many screen pixels a side become one of the film.
pub fn size(width: u32, height: u32) -> (u32, u32, u32) {
    let mut scale = 1;
    loop {
        let even = |side: u32| side.div_ceil(scale).next_multiple_of(2).max(16);
        let (w, h) = (even(width), even(height));
        if w.max(h) <= LARGEST.0 && w.min(h) <= LARGEST.1 {
            return (w, h, scale);
        }
        scale += 1;
    }
}

/// The frame as it is now.
pub struct Film {
    width: u32,
    height: u32,
    scale: u32,
    /// 0x00RRGGBB, the pointer included.
    pixels: Vec<u32>,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    /// Where the pointer is drawn, in film pixels.
    pointer: Option<Rect>,
    /// Where the screen lies in the film, in film pixels.
    screen: Rect,
}

impl Film {
    /// For screens of at most this size in pixels. Black.
    pub fn new(width: u32, height: u32) -> Film {
        let (width, height, scale) = size(width, height);
        let area = width as usize * height as usize;
        Film {
            width,
            height,
            scale,
            pixels: vec![0; area],
            y: vec![16; area],
            u: vec![128; area / 4],
            v: vec![128; area / 4],
            pointer: None,
            screen: rect(0, 0, 0, 0),
        }
    }

    /// Both are even.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Brightness, blue and red difference; the latter two of half the size each way.
    pub fn planes(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.y, &self.u, &self.v)
    }

    /// Takes over what changed on the stage. `pointer`: where it is, in screen pixels.
    pub fn update(&mut self, stage: &Stage, changes: &Changes, pointer: Option<(i32, i32)>) {
        let canvas = stage.canvas();
        let (width, height) = (
            canvas.width().div_ceil(self.scale),
            canvas.height().div_ceil(self.scale),
        );
        let (width, height) = (width.min(self.width), height.min(self.height));
        let screen = rect(
            (self.width - width) / 2,
            (self.height - height) / 2,
            width,
            height,
        );
        let mut areas = Vec::new();
        if screen != self.screen || changes.damage.is_whole() {
            self.screen = screen;
            areas.push(rect(0, 0, self.width, self.height));
        } else {
            areas.extend(
                changes
                    .damage
                    .parts()
                    .iter()
                    .map(|part| self.on_film(*part)),
            );
        }
        let shape = stage.shape().zip(pointer);
        let drawn = shape.and_then(|(shape, at)| self.place(shape, at));
        if drawn != self.pointer || changes.shape {
            areas.extend([drawn, self.pointer].into_iter().flatten());
        }
        self.pointer = drawn;
        for area in areas {
            self.refresh(area, canvas, shape);
        }
    }

    fn on_film(&self, part: Rect) -> Rect {
        let (left, top) = (part.x / self.scale, part.y / self.scale);
        let right = (part.x + part.width).div_ceil(self.scale);
        let bottom = (part.y + part.height).div_ceil(self.scale);
        rect(
            self.screen.x + left,
            self.screen.y + top,
            right - left,
            bottom - top,
        )
    }

    /// The film pixels that the pointer covers.
    fn place(&self, shape: &CursorShape, at: (i32, i32)) -> Option<Rect> {
        let scale = i64::from(self.scale);
        let left = i64::from(at.0) - i64::from(shape.hot_x);
        let top = i64::from(at.1) - i64::from(shape.hot_y);
        let span = |start: i64, length: u16, limit: u32| {
            let end = (start + i64::from(length)).div_euclid(scale) + 1;
            let (start, end) = (start.div_euclid(scale), end);
            (
                start.clamp(0, limit.into()) as u32,
                end.clamp(0, limit.into()) as u32,
            )
        };
        let (x, right) = span(left, shape.width, self.screen.width);
        let (y, bottom) = span(top, shape.height, self.screen.height);
        let place = rect(self.screen.x + x, self.screen.y + y, right - x, bottom - y);
        (!is_empty(place)).then_some(place)
    }

    /// Draws an area anew and converts it.
    fn refresh(&mut self, area: Rect, canvas: &Canvas, shape: Option<(&CursorShape, (i32, i32))>) {
        let whole = rect(0, 0, self.width, self.height);
        let Some(area) = intersect(outward(area), whole) else {
            return;
        };
        for y in area.y..area.y + area.height {
            self.draw_row(area, y, canvas);
        }
        if let (Some((shape, at)), Some(place)) = (shape, self.pointer)
            && let Some(part) = intersect(area, place)
        {
            self.draw_pointer(part, shape, at);
        }
        self.convert(area);
    }

    fn draw_row(&mut self, area: Rect, y: u32, canvas: &Canvas) {
        let start = (y * self.width + area.x) as usize;
        let row = &mut self.pixels[start..start + area.width as usize];
        row.fill(0);
        let line = rect(area.x, y, area.width, 1);
        let Some(seen) = intersect(line, self.screen) else {
            return;
        };
        let row = &mut row[(seen.x - area.x) as usize..][..seen.width as usize];
        let (x, y) = (seen.x - self.screen.x, y - self.screen.y);
        if self.scale == 1 {
            row.copy_from_slice(&canvas.row(y)[x as usize..][..row.len()]);
            return;
        }
        for (n, pixel) in row.iter_mut().enumerate() {
            *pixel = mean(canvas, x + n as u32, y, self.scale);
        }
    }

    fn draw_pointer(&mut self, part: Rect, shape: &CursorShape, at: (i32, i32)) {
        let (left, top) = (at.0 - i32::from(shape.hot_x), at.1 - i32::from(shape.hot_y));
        let scale = self.scale as i32;
        for y in part.y..part.y + part.height {
            let row = (y - self.screen.y) as i32 * scale - top;
            if !(0..i32::from(shape.height)).contains(&row) {
                continue;
            }
            for x in part.x..part.x + part.width {
                let column = (x - self.screen.x) as i32 * scale - left;
                if !(0..i32::from(shape.width)).contains(&column) {
                    continue;
                }
                let over = shape.pixels[row as usize * usize::from(shape.width) + column as usize];
                let pixel = &mut self.pixels[(y * self.width + x) as usize];
                *pixel = blend(over, *pixel);
            }
        }
    }

    /// Two rows and two columns at a time: they share a colour.
    fn convert(&mut self, area: Rect) {
        let width = self.width as usize;
        let (from, to) = (area.x as usize, (area.x + area.width) as usize);
        for y in (area.y as usize..(area.y + area.height) as usize).step_by(2) {
            let (upper, lower) = self.pixels[y * width..(y + 2) * width].split_at(width);
            let (upper_y, lower_y) = self.y[y * width..(y + 2) * width].split_at_mut(width);
            let half = y / 2 * (width / 2);
            for x in (from..to).step_by(2) {
                let four = [upper[x], upper[x + 1], lower[x], lower[x + 1]];
                upper_y[x] = luma(four[0]);
                upper_y[x + 1] = luma(four[1]);
                lower_y[x] = luma(four[2]);
                lower_y[x + 1] = luma(four[3]);
                let (u, v) = chroma(four);
                self.u[half + x / 2] = u;
                self.v[half + x / 2] = v;
            }
        }
    }
}

/// The smallest area with even borders around this one.
fn outward(a: Rect) -> Rect {
    let corner = rect(a.x & !1, a.y & !1, 2, 2);
    let (right, bottom) = (
        (a.x + a.width).next_multiple_of(2),
        (a.y + a.height).next_multiple_of(2),
    );
    around(
        corner,
        rect(corner.x, corner.y, right - corner.x, bottom - corner.y),
    )
}

#[cfg(test)]
mod tests {
    use sightline_ends::content::Scene;
    use sightline_picture::{Encoder, Kind};

    use super::*;

    fn stage(width: u32, height: u32, colour: u32) -> Stage {
        let mut encoder = Encoder::new(width, height).unwrap();
        encoder.patch(
            rect(0, 0, width, height),
            &vec![colour; (width * height) as usize],
        );
        let mut bytes = Vec::new();
        encoder.encode(Kind::Whole, &mut bytes);
        let mut stage = Stage::new();
        stage
            .take(&Scene::Update {
                frame: 0,
                last: true,
                bytes,
            })
            .unwrap();
        stage
    }

    #[test]
    fn sizes_are_even_and_within_what_the_coder_takes() {
        assert_eq!(size(1920, 1080), (1920, 1080, 1));
        assert_eq!(size(801, 3), (802, 16, 1));
        assert_eq!(size(11_520, 2160), (3840, 720, 3));
        assert_eq!(size(2160, 3840), (2160, 3840, 1));
    }

    #[test]
    fn smaller_screens_are_letterboxed_and_the_pointer_moves_without_a_trace() {
        let mut film = Film::new(101, 60);
        let mut stage = stage(61, 41, 0x00ff_ffff);
        let pixels = vec![0xff00_0000; 9];
        let shape = CursorShape {
            width: 3,
            height: 3,
            hot_x: 1,
            hot_y: 1,
            pixels,
        };
        stage.take(&Scene::Cursor(shape)).unwrap();
        let changes = stage.changes();
        film.update(&stage, &changes, Some((10, 10)));
        assert_eq!(film.size(), (102, 60));
        let at = |film: &Film, x: u32, y: u32| film.y[(y * 102 + x) as usize];
        assert_eq!(film.screen, rect(20, 9, 61, 41));
        assert_eq!((at(&film, 19, 9), at(&film, 20, 9)), (16, 235));
        assert_eq!((at(&film, 30, 19), at(&film, 33, 19)), (16, 235));
        film.update(&stage, &Changes::default(), Some((-5, 200)));
        let dark = film.y.iter().filter(|y| **y == 16).count();
        assert_eq!(dark, 102 * 60 - 61 * 41, "no pointer is left");
    }

    #[test]
    fn a_huge_screen_is_made_smaller() {
        let mut film = Film::new(7680, 2160);
        let mut stage = stage(7680, 2160, 0x0080_8080);
        let changes = stage.changes();
        film.update(&stage, &changes, None);
        assert_eq!(film.size(), (3840, 1080));
        assert!(film.y.iter().all(|y| *y == luma(0x0080_8080)));
    }
}
