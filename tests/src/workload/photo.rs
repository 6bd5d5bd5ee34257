//! A picture that compresses as a photo does: a sky, ridges with hard edges before it, structure at every scale, grain.

use crate::display::Image;
use crate::measure::Chance;

/// Ridges of hills, from far to near: place of the line and its height (parts of the picture), colour, how strong its
/// structure is.
const RIDGES: [(f32, f32, [f32; 3], f32); 4] = [
    (0.45, 0.16, [116.0, 132.0, 158.0], 10.0),
    (0.56, 0.18, [84.0, 104.0, 112.0], 22.0),
    (0.70, 0.16, [66.0, 92.0, 58.0], 40.0),
    (0.86, 0.12, [104.0, 86.0, 52.0], 60.0),
];

/// The brightest value of a channel; room for a video's grain above.
const BRIGHTEST: f32 = 244.0;

/// A photo of that size.
pub fn photo(width: u32, height: u32, seed: u64) -> Image {
    let fine = Noise::new(seed);
    let soft = Noise::new(seed ^ 0x5157);
    let mut grain = Chance::new(seed | 1);
    let scale = 1.0 / height as f32;
    let edges: Vec<[f32; 4]> = (0..width).map(|x| edges(&fine, x as f32 * scale)).collect();
    let mut image = Image::plain(width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let place = (x as f32 * scale, y as f32 * scale);
            let ridge = edges[x as usize].iter().rposition(|edge| place.1 > *edge);
            let base = match ridge {
                Some(n) => ground(&fine, &soft, n, place),
                None => sky(&soft, place),
            };
            let speck = (grain.below(5) + grain.below(5)) as f32 - 4.0;
            image.pixels[(y * width + x) as usize] = base.into_iter().fold(0, |pixel, channel| {
                let speck = speck + grain.below(3) as f32 - 1.0;
                (pixel << 8) | (channel + speck).clamp(4.0, BRIGHTEST) as u32
            });
        }
    }
    image
}

/// Where each ridge begins in a column.
fn edges(noise: &Noise, x: f32) -> [f32; 4] {
    std::array::from_fn(|n| {
        let (line, height, _, _) = RIDGES[n];
        line + height * (noise.octaves(x * 2.0 + 7.0 * n as f32, 3.3 * n as f32, 6) - 0.5)
    })
}

fn ground(fine: &Noise, soft: &Noise, ridge: usize, (x, y): (f32, f32)) -> [f32; 3] {
    let (_, _, colour, strength) = RIDGES[ridge];
    let structure = fine.octaves(x * 14.0, y * 22.0, 7) - 0.5;
    let tint = soft.at(x * 3.0, y * 3.0) - 0.5;
    let [red, green, blue] = colour.map(|channel| channel + 2.0 * strength * structure);
    [red + 40.0 * tint, green + 14.0 * tint, blue - 18.0 * tint]
}

fn sky(soft: &Noise, (x, y): (f32, f32)) -> [f32; 3] {
    let cloud = (soft.octaves(x * 2.2, y * 5.0, 5) * 2.6 - 1.0).clamp(0.0, 1.0);
    let blue = [70.0 + 130.0 * y, 120.0 + 110.0 * y, 190.0 + 60.0 * y];
    blue.map(|channel| channel + (236.0 - channel) * cloud * 0.8)
}

/// Smooth noise from a table of chance.
struct Noise(Vec<f32>);

/// Values in the table; a power of two.
const TABLE: usize = 4096;

impl Noise {
    fn new(seed: u64) -> Noise {
        let mut chance = Chance::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Noise(
            (0..TABLE)
                .map(|_| chance.below(1 << 16) as f32 / 65_536.0)
                .collect(),
        )
    }

    fn lattice(&self, x: i32, y: i32) -> f32 {
        let hash = (x as u32).wrapping_mul(0x85eb_ca6b) ^ (y as u32).wrapping_mul(0xc2b2_ae35);
        self.0[(hash ^ hash >> 15) as usize % TABLE]
    }

    /// From 0 to 1, smooth between whole numbers.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (across, down) = (ease(x - left), ease(y - top));
        let (left, top) = (left as i32, top as i32);
        let row = |y| {
            let (a, b) = (self.lattice(left, y), self.lattice(left + 1, y));
            a + (b - a) * across
        };
        let (above, below) = (row(top), row(top + 1));
        above + (below - above) * down
    }

    /// The sum of that many scales, each twice as fine and 0.6 times as strong; from 0 to 1.
    fn octaves(&self, x: f32, y: f32, count: u32) -> f32 {
        let (mut sum, mut most) = (0.0, 0.0);
        let (mut fine, mut strong) = (1.0, 1.0);
        for _ in 0..count {
            sum += self.at(x * fine, y * fine) * strong;
            most += strong;
            fine *= 2.0;
            strong *= 0.6;
        }
        sum / most
    }
}
