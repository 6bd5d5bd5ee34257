//! Pixels: made smaller, laid over each other, and as brightness and colour (BT.709, limited range).

use sightline_picture::Canvas;

/// The mean of `scale` × `scale` screen pixels, as far as they are on the screen.
pub fn mean(canvas: &Canvas, x: u32, y: u32, scale: u32) -> u32 {
    let (mut sum, mut count) = ([0_u32; 3], 0);
    for y in y * scale..((y + 1) * scale).min(canvas.height()) {
        let start = (x * scale) as usize;
        let end = ((x + 1) * scale).min(canvas.width()) as usize;
        for pixel in &canvas.row(y)[start.min(end)..end] {
            let channels = rgb(*pixel);
            sum.iter_mut()
                .zip(channels)
                .for_each(|(sum, c)| *sum += c as u32);
            count += 1;
        }
    }
    let [r, g, b] = sum.map(|sum| sum / count.max(1));
    r << 16 | g << 8 | b
}

/// Premultiplied 0xAARRGGBB over 0x00RRGGBB.
pub fn blend(over: u32, under: u32) -> u32 {
    let rest = 255 - (over >> 24);
    let channel = |shift: u32| {
        let (over, under) = (over >> shift & 0xff, under >> shift & 0xff);
        (over + (under * rest + 127) / 255).min(255) << shift
    };
    channel(16) | channel(8) | channel(0)
}

fn rgb(pixel: u32) -> [i32; 3] {
    [
        (pixel >> 16 & 0xff) as i32,
        (pixel >> 8 & 0xff) as i32,
        (pixel & 0xff) as i32,
    ]
}

/// BT.709 in 16.16 fixed point: 219 steps of brightness from 16 on.
pub fn luma(pixel: u32) -> u8 {
    let [r, g, b] = rgb(pixel);
    ((11_966 * r + 40_254 * g + 4_064 * b + (16 << 16) + (1 << 15)) >> 16) as u8
}

/// 224 steps around 128, of the mean of four pixels.
pub fn chroma(four: [u32; 4]) -> (u8, u8) {
    let (mut r, mut g, mut b) = (0, 0, 0);
    for pixel in four {
        let [pr, pg, pb] = rgb(pixel);
        (r, g, b) = (r + pr, g + pg, b + pb);
    }
    let middle = (128 << 18) + (1 << 17);
    let u = (-6_596 * r - 22_188 * g + 28_784 * b + middle) >> 18;
    let v = (28_784 * r - 26_145 * g - 2_639 * b + middle) >> 18;
    (u as u8, v as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_bt_709() {
        let of = |pixel| (luma(pixel), chroma([pixel; 4]));
        assert_eq!(of(0x0000_0000), (16, (128, 128)));
        assert_eq!(of(0x00ff_ffff), (235, (128, 128)));
        assert_eq!(of(0x00ff_0000), (63, (102, 240)));
        assert_eq!(of(0x0000_00ff), (32, (240, 118)));
    }
}
