//! Screens made in code, the same every time: text, photos, noise.
#![allow(dead_code)] // each user of this module needs another part of it

/// A screen to draw on; what a grab of it would give.
#[derive(Clone)]
pub struct Scene {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u32>,
}

/// A small generator: the content needs variety, not quality.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        self.roll() % limit
    }
}

/// Width and height of a letter in pixels, as in a terminal.
pub const LETTER: (u32, u32) = (8, 16);

const INKS: [u32; 6] = [
    0x00D4_D4D4,
    0x0056_9CD6,
    0x006A_9955,
    0x00CE_9178,
    0x00C5_86C0,
    0x004E_C9B0,
];
const PAPER: u32 = 0x001E_1E1E;

impl Scene {
    pub fn new(width: u32, height: u32, colour: u32) -> Scene {
        Scene {
            width,
            height,
            pixels: vec![colour; (width * height) as usize],
        }
    }

    pub fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, colour: u32) {
        self.draw(x, y, width, height, |_, _| colour);
    }

    /// Sets each pixel of an area, clipped, to what `pixel` says for its place in the area.
    pub fn draw(
        &mut self,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        mut pixel: impl FnMut(u32, u32) -> u32,
    ) {
        for dy in 0..height.min(self.height.saturating_sub(y)) {
            for dx in 0..width.min(self.width.saturating_sub(x)) {
                let at = (y + dy) * self.width + x + dx;
                self.pixels[at as usize] = pixel(dx, dy);
            }
        }
    }

    /// One letter with grey edges, as font rendering makes them.
    pub fn letter(&mut self, x: u32, y: u32, code: u32, ink: u32) {
        let mut dice = Dice(u64::from(code) + 1);
        let shape: [u32; 10] = std::array::from_fn(|_| dice.roll());
        self.draw(x, y, LETTER.0, LETTER.1, |dx, dy| {
            if dx == 0 || !(3..13).contains(&dy) {
                return PAPER;
            }
            let bits = shape[(dy - 3) as usize] >> (dx * 3) & 7;
            mix(PAPER, ink, [0, 0, 0, 80, 160, 255, 255, 255][bits as usize])
        });
    }

    /// One line of coloured words and blanks: line `number` of a text is the same wherever it stands.
    pub fn line(&mut self, x: u32, y: u32, width: u32, number: u32) {
        self.fill(x, y, width, LETTER.1, PAPER);
        let mut dice = Dice(u64::from(number) * 7919 + 5);
        let indent = dice.below(8);
        let length = dice.below(width / LETTER.0).max(indent);
        let mut ink = INKS[0];
        for column in indent..length {
            let roll = dice.below(7);
            if roll == 0 {
                ink = INKS[dice.below(6) as usize];
                continue;
            }
            let code = dice.below(64);
            self.letter(x + column * LETTER.0, y, code, ink);
        }
    }

    /// A line whose letters have edges of any shade, as scaled outlines have: some hundred colours for each ink.
    pub fn shaded_line(&mut self, x: u32, y: u32, width: u32, number: u32) {
        self.line(x, y, width, number);
        self.draw_over(x, y, width, LETTER.1, |dx, dy, pixel| {
            let mut dice = Dice(u64::from(
                dx % LETTER.0 * 97 + dy * 1009 + (pixel >> 3 & 0xFF),
            ));
            match pixel {
                PAPER => PAPER,
                pixel => mix(PAPER, pixel, 255 - dice.below(3) * dice.below(80)),
            }
        });
    }

    pub fn shaded_page(&mut self, x: u32, y: u32, width: u32, height: u32, first: u32) {
        for row in 0..height / LETTER.1 {
            self.shaded_line(x, y + row * LETTER.1, width, first + row);
        }
    }

    /// As [`Scene::draw`], with the pixel that is there.
    fn draw_over(
        &mut self,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        mut pixel: impl FnMut(u32, u32, u32) -> u32,
    ) {
        let before = self.clone();
        self.draw(x, y, width, height, |dx, dy| {
            pixel(
                dx,
                dy,
                before.pixels[((y + dy) * before.width + x + dx) as usize],
            )
        });
    }

    /// A page of text whose first line is `first`.
    pub fn page(&mut self, x: u32, y: u32, width: u32, height: u32, first: u32) {
        for row in 0..height / LETTER.1 {
            self.line(x, y + row * LETTER.1, width, first + row);
        }
    }

    /// One line of a program: indented, of words that repeat, each kind in its colour. Line `number` is the same wherever it stands.
    pub fn code_line(&mut self, x: u32, y: u32, width: u32, number: u32) {
        self.fill(x, y, width, LETTER.1, PAPER);
        let mut dice = Dice(u64::from(number) * 6151 + 3);
        if dice.below(6) == 0 {
            return;
        }
        let columns = (width / LETTER.0).min(100);
        let mut column = number / 5 % 4 * 4;
        for _ in 0..2 + dice.below(8) {
            // A few words stand everywhere, most of the others rarely.
            let word = dice.below(160).min(dice.below(160)).min(dice.below(160));
            let mut letters = Dice(u64::from(word) * 977 + 11);
            let ink = INKS[letters.below(6) as usize];
            for _ in 0..1 + letters.below(10) {
                let code = letters.below(40).min(letters.below(40));
                if column < columns {
                    self.letter(x + column * LETTER.0, y, code, ink);
                }
                column += 1;
            }
            column += 1;
        }
    }

    /// A page of a program whose first line is `first`.
    pub fn code(&mut self, x: u32, y: u32, width: u32, height: u32, first: u32) {
        for row in 0..height / LETTER.1 {
            self.code_line(x, y + row * LETTER.1, width, first + row);
        }
    }

    /// Draws `content` of the same size shifted: its row `top` and column `left` come to the corner of the area.
    pub fn view(&mut self, area: (u32, u32, u32, u32), content: &Scene, left: u32, top: u32) {
        let (x, y, width, height) = area;
        self.draw(x, y, width, height, |dx, dy| {
            content.pixels[((top + dy) * content.width + left + dx) as usize]
        });
    }

    /// Smooth shades with some noise, as a camera makes them.
    pub fn photo(&mut self, x: u32, y: u32, width: u32, height: u32, seed: u64) {
        let mut dice = Dice(seed);
        self.draw(x, y, width, height, |dx, dy| {
            let (dx, dy) = (i64::from(dx), i64::from(dy));
            let grain = i64::from(dice.below(5));
            let [red, green, blue] = [(3, 1, 2200), (1, 2, 1570), (2, 3, 2830)]
                .map(|(a, b, period)| (120 + wave(dx * a + dy * b, period) + grain) as u32);
            red << 16 | green << 8 | blue
        });
    }

    pub fn noise(&mut self, x: u32, y: u32, width: u32, height: u32, seed: u64) {
        let mut dice = Dice(seed);
        self.draw(x, y, width, height, |_, _| dice.roll() & 0x00FF_FFFF);
    }

    /// A desktop: a photo behind, an editor, a light window with a few controls.
    pub fn desktop(width: u32, height: u32) -> Scene {
        let mut scene = Scene::new(width, height, 0);
        scene.photo(0, 0, width, height, 1);
        scene.fill(0, 0, width, 28, 0x0020_2020);
        scene.page(80, 60, width * 5 / 8, height * 3 / 4, 1);
        scene.fill(
            width / 2,
            height / 3,
            width * 2 / 5,
            height / 2,
            0x00F5_F5F5,
        );
        for row in 0..12 {
            scene.fill(
                width / 2 + 20,
                height / 3 + 20 + row * 36,
                300,
                24,
                0x00E0_E4EA,
            );
            scene.line(
                width / 2 + 340,
                height / 3 + 24 + row * 36,
                width / 5,
                900 + row,
            );
        }
        scene
    }

    /// What a grab of an area gives.
    pub fn grab(&self, x: u32, y: u32, width: u32, height: u32) -> Vec<u32> {
        let rows = (y..y + height)
            .map(|y| &self.pixels[(y * self.width + x) as usize..][..width as usize]);
        rows.flatten().copied().collect()
    }
}

/// Much like 90·sin, in whole numbers so that it is the same on every machine.
fn wave(at: i64, period: i64) -> i64 {
    let half = period / 2;
    let place = at % half;
    let arch = 360 * place * (half - place) / (half * half);
    if at / half % 2 == 0 { arch } else { -arch }
}

fn mix(paper: u32, ink: u32, part: u32) -> u32 {
    [16, 8, 0].into_iter().fold(0, |colour, shift| {
        let (from, to) = (paper >> shift & 0xFF, ink >> shift & 0xFF);
        colour | ((from * (255 - part) + to * part) / 255) << shift
    })
}
