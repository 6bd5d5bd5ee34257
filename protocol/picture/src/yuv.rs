//! Red, green and blue to brightness and colour and back: I420, BT.601, full range, as in JPEG (JFIF 1.02).
//!
//! Colour has half the size each way, so this is for moving photos only; letters would blur.

use crate::{Canvas, Rect};

/// What JFIF says of each channel's share, in 256ths, so that sums of three fit 16 bits and eight of them a vector.
const RED: u16 = 77; // 0.299
const GREEN: u16 = 150; // 0.587
const BLUE: u16 = 29; // 0.114
/// Of the other two channels in the difference of blue, and of red; of the channel itself a half.
const BLUE_LESS: (u16, u16) = (43, 85); // red 0.169, green 0.331
const RED_LESS: (u16, u16) = (107, 21); // green 0.419, blue 0.081
const HALF: u16 = 128;
// And back, in 64ths.
const RED_OF_RED: i16 = 90; // 1.402
const BLUE_OF_BLUE: i16 = 113; // 1.772
const GREEN_OF_BLUE: i16 = 22; // 0.344
const GREEN_OF_RED: i16 = 46; // 0.714

/// Pixels made at a time; even.
const STEP: usize = 64;

/// Smallest side that openh264 takes, in pixels.
const SMALLEST: usize = 16;

/// Brightness, and the differences of blue and red at half the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Yuv {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: Vec<u8>,
    pub(crate) u: Vec<u8>,
    pub(crate) v: Vec<u8>,
}

/// The even size that a rectangle takes as planes.
pub(crate) fn padded(width: u32, height: u32) -> (usize, usize) {
    let even = |side: u32| (side as usize).next_multiple_of(2).max(SMALLEST);
    (even(width), even(height))
}

impl Yuv {
    /// Black.
    pub(crate) fn new(width: usize, height: usize) -> Yuv {
        Yuv {
            width,
            height,
            y: vec![0; width * height],
            u: vec![128; width * height / 4],
            v: vec![128; width * height / 4],
        }
    }

    /// Takes over `rect` of the canvas; what padding adds repeats the last column and row.
    pub(crate) fn take(&mut self, canvas: &Canvas, rect: &Rect) {
        let (width, height) = padded(rect.width, rect.height);
        if (width, height) != (self.width, self.height) {
            *self = Yuv::new(width, height);
        }
        for pair in 0..height / 2 {
            let row = |y: usize| {
                let y = y.min(rect.height as usize - 1) as u32;
                let row = canvas.span(rect.x, rect.y + y, rect.width);
                row.as_chunks::<STEP>()
            };
            let (above, below) = (row(2 * pair), row(2 * pair + 1));
            let (upper, lower) = self.y[2 * pair * width..][..2 * width].split_at_mut(width);
            let half = pair * width / 2..(pair + 1) * width / 2;
            let (u, v) = (&mut self.u[half.clone()], &mut self.v[half]);
            let mut steps = Steps { upper, lower, u, v };
            for (above, below) in above.0.iter().zip(below.0) {
                steps.take(above, below, STEP);
            }
            let left = width - above.0.len() * STEP;
            if left > 0 {
                steps.take(&filled(above.1), &filled(below.1), left);
            }
        }
    }

    /// Row `y` from column `x` on, as pixels.
    pub(crate) fn pixels(&self, x: usize, y: usize, out: &mut [u32]) {
        let luma = &self.y[y * self.width..][..self.width];
        let half = y / 2 * (self.width / 2);
        let (u, v) = (&self.u[half..], &self.v[half..]);
        let mut done = 0;
        // The first pixel may be the second of its pair; from then on pairs are whole.
        while done < out.len() {
            let at = x + done;
            let length = (STEP - at % 2).min(out.len() - done);
            let pairs = at / 2..(at + length).div_ceil(2);
            let differences = (&u[pairs.clone()], &v[pairs]);
            join(
                &luma[at..at + length],
                differences,
                at % 2,
                &mut out[done..done + length],
            );
            done += length;
        }
    }
}

#[cfg(test)]
fn channels(pixel: u32) -> (i32, i32, i32) {
    (
        (pixel >> 16 & 0xFF) as i32,
        (pixel >> 8 & 0xFF) as i32,
        (pixel & 0xFF) as i32,
    )
}

/// What is left to fill of two rows of brightness, and of the differences between them.
struct Steps<'a> {
    upper: &'a mut [u8],
    lower: &'a mut [u8],
    u: &'a mut [u8],
    v: &'a mut [u8],
}

impl Steps<'_> {
    /// Takes the first `count` pixels of both rows, an even number.
    fn take(&mut self, above: &[u32; STEP], below: &[u32; STEP], count: usize) {
        next(&mut self.upper, count).copy_from_slice(&luma(above)[..count]);
        next(&mut self.lower, count).copy_from_slice(&luma(below)[..count]);
        let (u, v) = differences(above, below);
        next(&mut self.u, count / 2).copy_from_slice(&u[..count / 2]);
        next(&mut self.v, count / 2).copy_from_slice(&v[..count / 2]);
    }
}

/// Cuts off the next `count`.
fn next<'a>(rest: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let (first, tail) = std::mem::take(rest).split_at_mut(count);
    *rest = tail;
    first
}

/// The end of a row, with its last pixel repeated.
fn filled(end: &[u32]) -> [u32; STEP] {
    let last = end.last().copied().unwrap_or_default();
    let mut pixels = [last; STEP];
    pixels[..end.len()].copy_from_slice(end);
    pixels
}

/// Red and blue of a pixel, each in a half of its own, so that one multiplication weighs both; and green.
const RED_AND_BLUE: u32 = 0xFF_00FF;

// Whole steps of a known length, in small loops: vector code, in a third of the time of one loop that does it all.

fn luma(pixels: &[u32; STEP]) -> [u8; STEP] {
    // In the upper half of the product; the lower one, blue weighed as red, does not reach it.
    const WEIGHTS: u32 = (BLUE as u32) << 16 | RED as u32;
    let sums = pixels.map(|pixel| {
        let others = (pixel & RED_AND_BLUE).wrapping_mul(WEIGHTS) >> 16;
        let green = (pixel >> 8 & 0xFF) * u32::from(GREEN);
        ((others + green + u32::from(HALF)) >> 8) as u16
    });
    sums.map(|sum| sum as u8)
}

/// Of the mean of each four pixels. From 1 to 255, 128 is none; the sums lie between 0 and 2^16.
fn differences(above: &[u32; STEP], below: &[u32; STEP]) -> ([u8; STEP / 2], [u8; STEP / 2]) {
    const NONE: u16 = (HALF << 8) + HALF - 1;
    let (mut others, mut greens) = ([0; STEP], [0; STEP]);
    for i in 0..STEP {
        others[i] = (above[i] & RED_AND_BLUE) + (below[i] & RED_AND_BLUE);
        greens[i] = (above[i] >> 8 & 0xFF) + (below[i] >> 8 & 0xFF);
    }
    let (mut red, mut green, mut blue) = ([0; STEP / 2], [0; STEP / 2], [0; STEP / 2]);
    for i in 0..STEP / 2 {
        let both = others[2 * i] + others[2 * i + 1] + 0x2_0002;
        red[i] = (both >> 18) as u16;
        blue[i] = ((both & 0xFFFF) >> 2) as u16;
        green[i] = ((greens[2 * i] + greens[2 * i + 1] + 2) >> 2) as u16;
    }
    let (mut u, mut v) = ([0; STEP / 2], [0; STEP / 2]);
    for i in 0..STEP / 2 {
        let (red, green, blue) = (red[i], green[i], blue[i]);
        u[i] = ((NONE + HALF * blue - BLUE_LESS.0 * red - BLUE_LESS.1 * green) >> 8) as u8;
        v[i] = ((NONE + HALF * red - RED_LESS.0 * green - RED_LESS.1 * blue) >> 8) as u8;
    }
    (u, v)
}

/// Makes pixels of up to [`STEP`] brightnesses, of which the first is the `odd` one of its pair. In 16 bits throughout, so that
/// eight of them fit a vector.
fn join(luma: &[u8], (u, v): (&[u8], &[u8]), odd: usize, out: &mut [u32]) {
    let (blues, reds) = (double(u), double(v));
    let (blues, reds) = (&blues[odd..], &reds[odd..]);
    let byte = |value: i16| (value >> 6).clamp(0, 255) as u32;
    for (((pixel, &y), &u), &v) in out.iter_mut().zip(luma).zip(blues).zip(reds) {
        let y = (i16::from(y) << 6) + 32;
        let red = byte(y + RED_OF_RED * v);
        let green = byte(y - GREEN_OF_BLUE * u - GREEN_OF_RED * v);
        let blue = byte(y + BLUE_OF_BLUE * u);
        *pixel = red << 16 | green << 8 | blue;
    }
}

/// Each difference twice, around zero.
fn double(differences: &[u8]) -> [i16; STEP] {
    let mut doubled = [0; STEP];
    for (pair, &difference) in doubled.as_chunks_mut::<2>().0.iter_mut().zip(differences) {
        *pair = [i16::from(difference) - 128; 2];
    }
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_colours_come_back_within_rounding() {
        let colours = [
            0, 0xFF_FFFF, 0xFF_0000, 0x00_FF00, 0x00_00FF, 0x12_34_56, 0xC0_80_40,
        ];
        for colour in colours {
            let mut canvas = Canvas::new(33, 17).expect("a size");
            (0..17).for_each(|y| canvas.span_mut(0, y, 33).fill(colour));
            let rect = Rect {
                x: 0,
                y: 0,
                width: 33,
                height: 17,
            };
            let mut yuv = Yuv::default();
            yuv.take(&canvas, &rect);
            assert_eq!((yuv.width, yuv.height), (34, 18));
            let mut row = [0; 33];
            yuv.pixels(0, 16, &mut row);
            for pixel in row {
                let (a, b) = (channels(pixel), channels(colour));
                let off = (a.0 - b.0)
                    .abs()
                    .max((a.1 - b.1).abs())
                    .max((a.2 - b.2).abs());
                assert!(off <= 2, "{pixel:06x} for {colour:06x}");
            }
        }
    }

    #[test]
    fn planes_are_as_jfif_says_at_any_size() {
        for (width, height) in [(16, 16), (5, 3), (64, 18), (65, 17), (127, 33), (130, 20)] {
            let mut canvas = Canvas::new(width, height).expect("a size");
            for y in 0..height {
                let row = canvas.span_mut(0, y, width).iter_mut().zip(y * width..);
                row.for_each(|(pixel, at)| *pixel = at.wrapping_mul(0x9E37_79B1) >> 8);
            }
            let mut yuv = Yuv::default();
            yuv.take(&canvas, &canvas.rect());
            let pixel = |x: usize, y: usize| {
                let (x, y) = ((x as u32).min(width - 1), (y as u32).min(height - 1));
                channels(canvas.span(x, y, 1)[0])
            };
            let near = |plane: u8, (red, green, blue): (f64, f64, f64), what: f64| {
                let exact = red + green + blue + what;
                let off = (f64::from(plane) - exact).abs();
                assert!(off < 1.6, "{plane} for {exact} of {width}×{height}");
            };
            for (at, &light) in yuv.y.iter().enumerate() {
                let (red, green, blue) = pixel(at % yuv.width, at / yuv.width);
                let shares = (0.299 * f64::from(red), 0.587 * f64::from(green));
                near(light, (shares.0, shares.1, 0.114 * f64::from(blue)), 0.0);
            }
            for at in 0..yuv.u.len() {
                let (x, y) = (2 * (at % (yuv.width / 2)), 2 * (at / (yuv.width / 2)));
                let four =
                    [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| pixel(x, y));
                let mean = |of: fn(&(i32, i32, i32)) -> i32| {
                    f64::from(four.iter().map(of).sum::<i32>()) / 4.0
                };
                let (red, green, blue) = (mean(|p| p.0), mean(|p| p.1), mean(|p| p.2));
                near(
                    yuv.u[at],
                    (-0.1687 * red, -0.3313 * green, 0.5 * blue),
                    128.0,
                );
                near(
                    yuv.v[at],
                    (0.5 * red, -0.4187 * green, -0.0813 * blue),
                    128.0,
                );
            }
        }
    }
}
