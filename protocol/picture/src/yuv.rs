//! Red, green and blue to brightness and colour and back: I420, BT.601, full range, as in JPEG (JFIF 1.02).
//!
//! Colour has half the size each way, so this is for moving photos only; letters would blur.

use crate::{Canvas, Rect};

/// Fixed point of the factors: 14 bits fit an `i32` with a byte and a sum of three.
const SHIFT: i32 = 14;
const HALF: i32 = 1 << (SHIFT - 1);

/// A factor in fixed point.
const fn fixed(factor: f64) -> i32 {
    (factor * (1 << SHIFT) as f64 + if factor < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// What JFIF says of each channel's share.
const RED: i32 = fixed(0.299);
const GREEN: i32 = fixed(0.587);
const BLUE: i32 = (1 << SHIFT) - RED - GREEN;
const BLUE_DIFFERENCE: i32 = fixed(0.5 / 0.886);
const RED_DIFFERENCE: i32 = fixed(0.5 / 0.701);
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
            let at = 2 * pair * width;
            luma(&rows[0], &mut self.y[at..at + width]);
            luma(&rows[1], &mut self.y[at + width..at + 2 * width]);
            let half = pair * width / 2..(pair + 1) * width / 2;
            let (u, v) = (&mut self.u[half.clone()], &mut self.v[half]);
            chroma(&rows[0], &rows[1], u, v);
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

fn channels(pixel: u32) -> (i32, i32, i32) {
    (
        (pixel >> 16 & 0xFF) as i32,
        (pixel >> 8 & 0xFF) as i32,
        (pixel & 0xFF) as i32,
    )
}

fn luma(row: &[u32], out: &mut [u8]) {
    for (y, &pixel) in out.iter_mut().zip(row) {
        let (red, green, blue) = channels(pixel);
        *y = ((RED * red + GREEN * green + BLUE * blue + HALF) >> SHIFT) as u8;
    }
}

/// The mean of each four pixels, as differences.
fn chroma(upper: &[u32], lower: &[u32], u: &mut [u8], v: &mut [u8]) {
    let pairs = upper
        .as_chunks::<2>()
        .0
        .iter()
        .zip(lower.as_chunks::<2>().0);
    for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(pairs) {
        // Two channels at a time: four bytes sum up to ten bits.
        let wide = |mask: u32, shift: u32| -> i32 {
            let sum = upper.iter().chain(lower);
            sum.map(|pixel| pixel >> shift & mask).sum::<u32>() as i32
        };
        let (red, green, blue) = (wide(0xFF, 16), wide(0xFF, 8), wide(0xFF, 0));
        // Both sides four times as large.
        let y = (RED * red + GREEN * green + BLUE * blue + HALF) >> SHIFT;
        let difference = |channel: i32, factor: i32| {
            let scaled = ((channel - y) * factor + 2 * (1 << SHIFT)) >> (SHIFT + 2);
            (scaled + 128).clamp(0, 255) as u8
        };
        *u = difference(blue, BLUE_DIFFERENCE);
        *v = difference(red, RED_DIFFERENCE);
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
