//! A picture that says in several places which step it is: numbers as rows of black and white cells, which survive lossy coding.
//! The mark tells who looks at one pixel; a picture that comes in parts is as old as the oldest of its places.

use x11rb::protocol::xproto::Rectangle;

/// Pixels of a cell, each way: a lossy codec's block.
pub const CELL: u16 = 8;
/// A black and a white cell, the number, and its check.
const CELLS: u16 = 2 + BITS + CHECK_BITS;
const BITS: u16 = 16;
const CHECK_BITS: u16 = 4;

/// Pixels of a stamp.
pub const WIDTH: u16 = CELLS * CELL;
pub const HEIGHT: u16 = CELL;

/// A stamp's place on the screen, and how many steps older than the newest its number is there.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub x: i16,
    pub y: i16,
    pub older: u32,
}

impl Place {
    /// Where the newest step is stamped; on whole cells, as a codec cuts its blocks.
    pub fn newest(x: u32, y: u32) -> Place {
        let cell = u32::from(CELL);
        Place {
            x: (x / cell * cell) as i16,
            y: (y / cell * cell) as i16,
            older: 0,
        }
    }
}

/// Cells from left to right; true is white. Numbers above 65,535 begin again.
fn cells(number: u32) -> impl Iterator<Item = bool> {
    let number = number & 0xffff;
    let all = 0b01 | number << 2 | check(number) << (2 + BITS);
    (0..CELLS).map(move |n| all >> n & 1 == 1)
}

fn check(number: u32) -> u32 {
    let folded = number ^ number >> 4 ^ number >> 8 ^ number >> 12;
    (folded ^ 0b1010) & 0b1111
}

/// The white cells and the black ones of a stamp at (x, y).
pub fn draw(number: u32, x: i16, y: i16) -> (Vec<Rectangle>, Vec<Rectangle>) {
    let cell = |n: usize| Rectangle {
        x: x + n as i16 * CELL as i16,
        y,
        width: CELL,
        height: CELL,
    };
    let (white, black): (Vec<_>, Vec<_>) = cells(number).enumerate().partition(|(_, white)| *white);
    let place = |cells: Vec<(usize, bool)>| cells.into_iter().map(|(n, _)| cell(n)).collect();
    (place(white), place(black))
}

/// The number in the pixels (0x00RRGGBB, row by row) of a stamp's place; none if there is none.
pub fn read(pixels: &[u32]) -> Option<u32> {
    let row = usize::from(WIDTH) * usize::from(CELL / 2);
    let middles = (0..usize::from(CELLS)).map(|n| row + n * usize::from(CELL) + 4);
    let mut all = 0_u32;
    for (n, at) in middles.enumerate() {
        let green = pixels.get(at)? >> 8 & 0xff;
        match green {
            0..=0x50 => {}
            0xb0.. => all |= 1 << n,
            _ => return None,
        }
    }
    let number = all >> 2 & 0xffff;
    let right = all & 0b11 == 0b01 && all >> (2 + BITS) == check(number);
    right.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_read() {
        for number in [0, 1, 77, 4_096, 65_535, 65_536 + 5] {
            let mut pixels = vec![0x80_80_80; usize::from(WIDTH) * usize::from(HEIGHT)];
            let (white, black) = draw(number, 0, 0);
            for (cells, colour) in [(white, 0xf0_f0_f0), (black, 0x10_10_10)] {
                for cell in cells {
                    for y in 0..CELL {
                        let at = usize::from(y * WIDTH) + cell.x as usize;
                        pixels[at..at + usize::from(CELL)].fill(colour);
                    }
                }
            }
            assert_eq!(read(&pixels), Some(number & 0xffff));
            let bent = usize::from(4 * WIDTH + 5 * CELL + 4);
            pixels[bent] ^= 0xff_ff_ff;
            assert_eq!(read(&pixels), None);
        }
    }
}
