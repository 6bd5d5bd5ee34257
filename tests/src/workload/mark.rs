//! The number of a step as a colour: a block in the screen's corner that tells who sees only pixels which step it is.

/// Width and height of the block, which stands in the upper left corner, in pixels.
pub const SIDE: u16 = 16;

/// Numbers that colours tell apart; then they begin anew. At 30 steps a second that is 17 s.
pub const NUMBERS: u32 = 512;

/// Between two levels of a colour channel: half of it may be lost on the way (JPEG, H.264) and the number is still
/// read.
const STEP: u32 = 36;

/// So that the first number is no colour of a desktop.
const FIRST: u32 = 0b010_111_101;

/// The colour of a step: three bits a channel, the lowest bit of the number where it is seen best.
pub fn colour(number: u32) -> u32 {
    let code = (number % NUMBERS) ^ FIRST;
    let bit = |n: u32| code >> n & 1;
    let level = |first: u32| bit(first) << 2 | bit(first + 3) << 1 | bit(first + 6);
    [0, 1, 2]
        .into_iter()
        .fold(0, |colour, first| (colour << 8) | (level(first) * STEP))
}

/// The number modulo [`NUMBERS`] that a pixel shows. Whatever colour it is, some number comes out.
pub fn number(pixel: u32) -> u32 {
    let level = |shift: u32| (((pixel >> shift & 0xff) + STEP / 2) / STEP).min(7);
    let spread = |level: u32, first: u32| {
        (level >> 2 & 1) << first | (level >> 1 & 1) << (first + 3) | (level & 1) << (first + 6)
    };
    let code = spread(level(16), 0) | spread(level(8), 1) | spread(level(0), 2);
    code ^ FIRST
}

/// The newest step that shows as `seen`, which was read when `newest` was the last one drawn. None if there is none:
/// then it was misread.
pub fn step(seen: u32, newest: u32) -> Option<u32> {
    let behind = (newest % NUMBERS + NUMBERS - seen % NUMBERS) % NUMBERS;
    newest.checked_sub(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_again_also_when_its_colour_is_a_little_off() {
        for n in 0..NUMBERS {
            assert_eq!(number(colour(n)), n);
            let off = |pixel: u32, by: i32| {
                [16, 8, 0].into_iter().fold(0, |all, shift| {
                    let channel = (pixel >> shift & 0xff) as i32 + by;
                    all | (channel.clamp(0, 255) as u32) << shift
                })
            };
            assert_eq!(number(off(colour(n), 15)), n);
            assert_eq!(number(off(colour(n), -15)), n);
        }
    }

    #[test]
    fn numbers_go_on_beyond_what_colours_tell() {
        assert_eq!(step(5, 5), Some(5));
        assert_eq!(step(3, 5), Some(3));
        assert_eq!(step(6, 5), None);
        assert_eq!(step(511, 513), Some(511));
        assert_eq!(step(1, 513), Some(513));
        assert_eq!(step(2, 513), Some(2));
    }
}
