//! Reading what our windows show: words are drawn as `ui` draws them, and looked for on the screen, bit for bit.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use egui::{Align2, CentralPanel, Color32, FontId, Frame, pos2};
use sightline_ui::{Painter, surface_input, theme};

use crate::display::{Display, Image};

/// How words look.
#[derive(Clone, Debug)]
pub struct Hand {
    pub font: FontId,
    pub ink: u32,
    pub ground: u32,
}

/// In a terminal of the viewer's window, unless a program chose other colours.
pub fn terminal() -> Hand {
    Hand {
        // Letters of eight pixels' width.
        font: FontId::monospace(8.0 / monospace_share()),
        ink: 0x00d7_dbe2,
        ground: 0x0013_1519,
    }
}

/// How wide a letter is, as a share of the font's size.
fn monospace_share() -> f32 {
    let ctx = egui::Context::default();
    let mut share = 0.6;
    let (size, mut pixels) = ((8, 8), vec![0; 64]);
    Painter::new().paint(&ctx, surface_input(size, 1.0), size, &mut pixels, |ctx| {
        share = ctx.fonts_mut(|fonts| fonts.glyph_width(&FontId::monospace(256.0), 'M')) / 256.0;
    });
    share
}

/// A proportional text on one of the panels' grounds.
pub fn hand(size: f32, ink: u32, ground: u32) -> Hand {
    Hand {
        font: FontId::proportional(size),
        ink,
        ground,
    }
}

fn colour(rgb: u32) -> Color32 {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

/// The words as they are drawn, without empty rows and columns around them.
pub fn words(text: &str, hand: &Hand) -> Image {
    const SIZE: (u32, u32) = (1200, 60);
    let ctx = egui::Context::default();
    theme(&ctx);
    let mut pixels = vec![0; (SIZE.0 * SIZE.1) as usize];
    let frame = Frame::new().fill(colour(hand.ground));
    Painter::new().paint(&ctx, surface_input(SIZE, 1.0), SIZE, &mut pixels, |ctx| {
        ctx.root_ui(|ui| {
            CentralPanel::default().frame(frame).show(ui, |ui| {
                let (font, ink) = (hand.font.clone(), colour(hand.ink));
                ui.painter()
                    .text(pos2(10.0, 10.0), Align2::LEFT_TOP, text, font, ink);
            });
        });
    });
    let image = Image {
        width: SIZE.0,
        height: SIZE.1,
        pixels,
    };
    let inked = |x: u32, y: u32| image.pixel(x, y) != hand.ground;
    let columns: Vec<u32> = (0..SIZE.0)
        .filter(|x| (0..SIZE.1).any(|y| inked(*x, y)))
        .collect();
    let rows: Vec<u32> = (0..SIZE.1)
        .filter(|y| (0..SIZE.0).any(|x| inked(x, *y)))
        .collect();
    let (Some(left), Some(right)) = (columns.first(), columns.last()) else {
        return image;
    };
    let (top, bottom) = (rows[0], rows[rows.len() - 1]);
    image.crop(*left, top, right - left + 1, bottom - top + 1)
}

/// Keeps what is on the screen in the folder that `SIGHTLINE_TEST_PICTURES` names, if a person wants to look at it.
pub fn keep(display: &Display, name: &str) -> anyhow::Result<()> {
    match std::env::var_os("SIGHTLINE_TEST_PICTURES") {
        Some(folder) => {
            let path = PathBuf::from(folder).join(format!("{name}.png"));
            display.screenshot()?.save(&path)
        }
        None => Ok(()),
    }
}

/// Waits until the words are somewhere on the screen.
pub fn wait(display: &Display, text: &str, hand: &Hand, within: Duration) -> anyhow::Result<()> {
    let words = words(text, hand);
    let waited = display.until(within, &format!("'{text}' on the screen"), |display| {
        Ok(display.screenshot()?.find(&words).is_some())
    });
    if waited.is_err() {
        keep(display, "missing")?;
    }
    waited
}

/// Where the words are on the screen: a place in the middle of them.
pub fn find(display: &Display, text: &str, hand: &Hand) -> anyhow::Result<(i32, i32)> {
    let words = words(text, hand);
    let found = display.screenshot()?.find(&words);
    let (x, y) = found.with_context(|| format!("'{text}' is not on the screen"))?;
    Ok(((x + words.width / 2) as i32, (y + words.height / 2) as i32))
}

/// Whether the words are somewhere on the screen.
pub fn shows(display: &Display, text: &str, hand: &Hand) -> anyhow::Result<bool> {
    Ok(display.screenshot()?.find(&words(text, hand)).is_some())
}
