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
        let mut rows = [vec![0u32; width], vec![0u32; width]];
        for pair in 0..height / 2 {
            for (i, row) in rows.iter_mut().enumerate() {
                let y = (2 * pair + i).min(rect.height as usize - 1) as u32;
                let span = canvas.span(rect.x, rect.y + y, rect.width);
                row[..span.len()].copy_from_slice(span);
                row[span.len()..].fill(span[span.len() - 1]);
            }
            let (upper, lower) = self.y[2 * pair * width..][..2 * width].split_at_mut(width);
            let half = pair * width / 2..(pair + 1) * width / 2;
            let (u, v) = (&mut self.u[half.clone()], &mut self.v[half]);
            let mut steps = Steps { upper, lower, u, v };
            for (above, below) in rows[0].chunks(STEP).zip(rows[1].chunks(STEP)) {
                steps.take(above, below);
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
    /// Takes up to [`STEP`] pixels of both rows, an even number.
    fn take(&mut self, above: &[u32], below: &[u32]) {
        let (above, below) = (Channels::of(above), Channels::of(below));
        above.luma(next(&mut self.upper, above.count));
        below.luma(next(&mut self.lower, above.count));
        let half = above.count / 2;
        above
            .mean(&below)
            .differences(next(&mut self.u, half), next(&mut self.v, half));
    }
}

/// Cuts off the next `count`.
fn next<'a>(rest: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let (first, tail) = std::mem::take(rest).split_at_mut(count);
    *rest = tail;
    first
}

/// Some pixels, channel by channel.
struct Channels {
    red: [u16; STEP],
    green: [u16; STEP],
    blue: [u16; STEP],
    count: usize,
}

impl Channels {
    fn of(pixels: &[u32]) -> Channels {
        let plane = |shift: u32| {
            let mut plane = [0; STEP];
            for (value, pixel) in plane.iter_mut().zip(pixels) {
                *value = (pixel >> shift & 0xFF) as u16;
            }
            plane
        };
        Channels {
            red: plane(16),
            green: plane(8),
            blue: plane(0),
            count: pixels.len(),
        }
    }

    fn luma(&self, out: &mut [u8]) {
        let channels = self.red.iter().zip(&self.green).zip(&self.blue);
        for (y, ((red, green), blue)) in out.iter_mut().zip(channels) {
            *y = ((RED * red + GREEN * green + BLUE * blue + HALF) >> 8) as u8;
        }
    }

    /// The mean of each four pixels.
    fn mean(&self, below: &Channels) -> Channels {
        let mean = |above: &[u16; STEP], below: &[u16; STEP]| {
            let mut sums = [0; STEP];
            for ((sum, above), below) in sums.iter_mut().zip(above).zip(below) {
                *sum = above + below;
            }
            let mut means = [0; STEP];
            for (mean, pair) in means.iter_mut().zip(sums.as_chunks::<2>().0) {
                *mean = (pair[0] + pair[1] + 2) >> 2;
            }
            means
        };
        Channels {
            red: mean(&self.red, &below.red),
            green: mean(&self.green, &below.green),
            blue: mean(&self.blue, &below.blue),
            count: self.count / 2,
        }
    }

    /// From 1 to 255, 128 is none. The sums lie between 0 and 2^16.
    fn differences(&self, u: &mut [u8], v: &mut [u8]) {
        const NONE: u16 = (HALF << 8) + HALF - 1;
        let channels = self.red.iter().zip(&self.green).zip(&self.blue);
        for ((u, v), ((red, green), blue)) in u.iter_mut().zip(v).zip(channels) {
            *u = ((NONE + HALF * blue - BLUE_LESS.0 * red - BLUE_LESS.1 * green) >> 8) as u8;
            *v = ((NONE + HALF * red - RED_LESS.0 * green - RED_LESS.1 * blue) >> 8) as u8;
        }
    }
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
}
