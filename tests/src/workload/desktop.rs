//! The parts of a desktop: a panel, a photo behind, windows with code, prose, and a form.

use super::code;
use super::font::Font;
use super::photo::photo;
use crate::display::Image;
use crate::measure::Chance;

/// The height of the panel at the top, in pixels. The mark is in it, and nothing else is drawn there.
pub const PANEL: u32 = 24;

/// The height of a window's title bar, in pixels.
const TITLE: u32 = 26;

const INK: u32 = 0x20_20_20;
const WORDS: [&str; 24] = [
    "The", "printer", "on", "the", "second", "floor", "answers", "again", "since", "its",
    "address", "was", "given", "by", "hand;", "please", "restart", "your", "computer", "once,",
    "and", "tell", "us", "whether",
];
const LABELS: [&str; 8] = [
    "Name",
    "Printer",
    "Paper size",
    "Resolution",
    "Colour",
    "Copies",
    "Tray",
    "Driver",
];

/// The faces a desktop is written in.
pub struct Fonts {
    pub mono: Font,
    pub sans: Font,
}

impl Fonts {
    pub fn open() -> anyhow::Result<Fonts> {
        Ok(Fonts {
            mono: Font::mono()?,
            sans: Font::sans()?,
        })
    }
}

/// Draws the panel over the top of a picture of the whole screen.
pub fn panel(image: &mut Image, fonts: &mut Fonts) {
    image.fill(0, 0, image.width, PANEL, 0x2b_30_3b);
    let text = "Activities     Files     Terminal     Mail     Monday 14:07";
    fonts.sans.text(image, 40, 4, text, 0xe0_e4_ea);
}

/// A photo with the panel.
pub fn wallpaper(width: u32, height: u32, seed: u64, fonts: &mut Fonts) -> Image {
    let mut image = photo(width, height, seed);
    panel(&mut image, fonts);
    image
}

/// A window around `content`.
fn framed(content: &Image, title: &str, fonts: &mut Fonts) -> Image {
    let (width, height) = (content.width + 2, content.height + TITLE + 1);
    let mut window = Image::plain(width, height, 0x50_5a_6a);
    window.fill(1, 1, width - 2, TITLE - 1, 0x3a_42_50);
    fonts.sans.text(&mut window, 10, 6, title, 0xff_ff_ff);
    for (n, colour) in [0xe0_5a_50, 0xe0_b0_40, 0x60_b0_50].into_iter().enumerate() {
        let x = width.saturating_sub(24 * (n as u32 + 1));
        window.fill(x, 8, 12, 12, colour);
    }
    window.lay(1, TITLE, content);
    window
}

/// An editor's window of about that size.
pub fn editor(width: u32, height: u32, seed: u64, fonts: &mut Fonts) -> Image {
    let mut page = Image::plain(width, height, 0);
    code::page(&mut page, &mut fonts.mono, seed, 1);
    framed(&page, "encoder.rs - Editor", fonts)
}

/// A window with prose, black on white.
pub fn letter(width: u32, height: u32, seed: u64, fonts: &mut Fonts) -> Image {
    let mut page = Image::plain(width, height, 0xff_ff_ff);
    prose(&mut page, 24, 20, width - 48, seed, fonts);
    framed(&page, "Letter.odt - Writer", fonts)
}

/// Fills a column of a page with prose, from (x, y) down.
pub fn prose(page: &mut Image, x: u32, y: u32, width: u32, seed: u64, fonts: &mut Fonts) {
    let mut chance = Chance::new(seed | 1);
    let font = &mut fonts.sans;
    let lines = page.height.saturating_sub(y) / (font.line + 4);
    for row in 0..lines {
        let top = y + row * (font.line + 4);
        // Words of at most about 80 pixels; now and then a paragraph ends.
        let room = match chance.below(7) {
            0 => width / 3,
            _ => width,
        };
        let mut pen = 0;
        while pen + 80 < room {
            let word = WORDS[chance.below(WORDS.len() as u64) as usize];
            pen += font.text(page, x + pen, top, word, INK) + 5;
        }
    }
}

/// A dialog: labels, fields, buttons.
pub fn form(width: u32, height: u32, seed: u64, fonts: &mut Fonts) -> Image {
    let mut page = Image::plain(width, height, 0xf2_f2_f4);
    let mut chance = Chance::new(seed | 1);
    let middle = width / 3;
    for (label, y) in LABELS
        .iter()
        .zip((16..height.saturating_sub(60)).step_by(34))
    {
        fonts.sans.text(&mut page, 16, y + 5, label, INK);
        page.fill(middle, y, width - middle - 16, 26, 0xff_ff_ff);
        page.frame(middle, y, width - middle - 16, 26, 0xb0_b4_bc);
        let value = format!("{} {}", label, chance.below(10_000));
        fonts.sans.text(&mut page, middle + 8, y + 5, &value, INK);
    }
    let y = height.saturating_sub(42);
    for (n, label) in ["OK", "Cancel", "Help"].into_iter().enumerate() {
        let x = width.saturating_sub(100 * (n as u32 + 1));
        page.fill(x, y, 88, 28, 0x3d_7e_d8);
        page.frame(x, y, 88, 28, 0x2a_5a_a0);
        fonts.sans.text(&mut page, x + 24, y + 6, label, 0xff_ff_ff);
    }
    framed(&page, "Printer settings", fonts)
}

/// A whole desktop: windows over a photo.
pub fn desktop(width: u32, height: u32, seed: u64, fonts: &mut Fonts) -> Image {
    let mut image = wallpaper(width, height, seed, fonts);
    let editor = editor(width * 5 / 12, height * 3 / 5, seed, fonts);
    let letter = letter(width / 3, height / 2, seed, fonts);
    let form = form(width / 4, height / 3, seed, fonts);
    image.lay(width / 20, height / 10, &editor);
    image.lay(width / 2, height * 2 / 5, &letter);
    image.lay(width * 2 / 5, height / 7, &form);
    image
}
